"""Fixtures shared by the whole suite. No test downloads anything or needs the shipped weights.

torch is imported inside the fixtures only, so that the tests of readers and store run without it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# Left out by `make check`: programs and recipes run whole, processes that are killed, Ray, training, trained weights.
SLOW = {
    "cli/test_engines.py",
    "cli/test_signals.py",
    "memory/test_gradient_rule.py",
    "model/test_attach.py",
    "model/test_variants.py",
    "server/test_transports.py",
    "sessions/test_cluster.py",
    "sessions/test_items.py",
    "sessions/test_resume.py",
    "store/test_crash.py",
    "test_ablation.py",
    "test_benchmarks.py",
    "test_chaos.py",
    "test_chaos_terminals.py",
    "test_fuzz.py",
    "test_packaging.py",
    "test_recipes.py",
    "test_weights.py",
    "train/test_adapt.py",
}
HERE = Path(__file__).parent
LONGEST_ID = 60  # characters of one value

if TYPE_CHECKING:
    from titans_cli.model.engine import Engine
    from titans_cli.model.tokenizer import TitansTokenizer


def pytest_configure() -> None:
    """A shell in the background starts what it runs with these ignored, and tests send them to children."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(HERE).as_posix() in SLOW:
            item.add_marker(pytest.mark.slow)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A file's content is no name: it may hold the time it was made, and then two workers collect different tests."""
    return argname if isinstance(val, bytes | str) and len(val) > LONGEST_ID else None


@pytest.fixture(autouse=True)
def _same_environment() -> Iterator[None]:
    """Commands and programs that run in this process set variables for all of it: --offline does."""
    before = dict(os.environ)
    yield
    if dict(os.environ) != before:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(autouse=True, scope="session")
def no_settings() -> Iterator[None]:
    """Whoever runs the suite may have settings of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TITANS_CONFIG", os.devnull)
        yield


@pytest.fixture(scope="session")
def tiny_tokenizer() -> TitansTokenizer:
    """A byte-level BPE tokenizer of 512 tokens, trained on a few hundred generated sentences."""
    from tests.tiny import SPEC, make_sentences
    from titans_cli.model.tokenizer import TitansTokenizer

    return TitansTokenizer.train(make_sentences(400), SPEC.vocab_size)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: TitansTokenizer) -> Path:
    """A model folder with random weights. Shared by all tests: copy it before changing anything in it."""
    from tests.tiny import write_folder

    return write_folder(tmp_path_factory.mktemp("tiny-model"), tiny_tokenizer)


@pytest.fixture(scope="session")
def tiny_engine(tiny_folder: Path) -> Engine:
    """The engine over `tiny_folder`. It owns no state of any session, so all tests may share it."""
    from titans_cli.model.engine import Engine

    return Engine.load(tiny_folder)
