"""Fixtures of the server's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.clients import Place
from titans_cli import Workspace
from titans_cli.server.keeper import Keeper
from titans_cli.store import Home


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TITANS_THREADS", "1")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def keeper(home: Home, tiny_folder: Path) -> Keeper:
    return Keeper(Workspace(home, model=str(tiny_folder)))


@pytest.fixture
def place(tmp_path: Path, tiny_folder: Path) -> Place:
    return Place(tmp_path / "home", tiny_folder, tmp_path / "errors.txt")
