"""Fixtures of the use-cases' tests."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sessions.samples import Prepared
from titans_cli.store import Home


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TITANS_THREADS", "1")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Homes that `prepared` made once and copies from then on, and the documents that were read into them."""
    return tmp_path_factory.mktemp("homes")


@pytest.fixture
def prepared(home: Home, homes: Path) -> Prepared:
    """prepared(name, prepare): fills the home of this test as `prepare(home, folder for documents)` does, which runs
    for the first test that asks for the name and for no other."""

    def fill(name: str, prepare: Callable[[Home, Path], None]) -> None:
        if not (homes / name).exists():
            made = Home(homes / f"{name}.part")
            prepare(made, homes / f"{name}-documents")
            made.root.rename(homes / name)
        shutil.copytree(homes / name, home.root, symlinks=True)

    return fill
