"""Fixtures shared by the whole suite. No test downloads anything or needs the shipped weights.

torch is imported inside the fixtures only, so that the tests of readers and store run without it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from titans_cli.model.engine import Engine
    from titans_cli.model.tokenizer import TitansTokenizer


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
