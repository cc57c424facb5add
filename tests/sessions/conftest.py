"""Fixtures of the use-cases' tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from titans_cli.store import Home


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TITANS_THREADS", "1")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")
