"""The command line, run in this process: fast, and with its exit code, stdout and stderr in hand."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.sessions.samples import write_documents
from titans_cli.cli.main import run
from titans_cli.store import Home


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Every line of stdout, each of which must be JSON."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def document(self) -> dict[str, Any]:
        (only,) = self.lines
        return only


Titans = Callable[..., Done]


@pytest.fixture
def home(tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home of its own for every test, with the tiny model as the default one."""
    monkeypatch.setenv("TITANS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TITANS_MODEL", str(tiny_folder))
    monkeypatch.setenv("TITANS_THREADS", "1")
    for name in ("TITANS_SESSION", "TITANS_COLOR", "TITANS_PLAIN", "NO_COLOR", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    return Home(tmp_path / "home")


@pytest.fixture
def titans(home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Titans:
    """titans("ask", "why?", stdin=b"...")"""

    def command(*argv: object, stdin: bytes = b"") -> Done:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        capsys.readouterr()
        code = run([str(arg) for arg in argv])
        return Done(code, *capsys.readouterr())

    return command


@pytest.fixture
def documents(shelf: Path) -> list[Path]:
    """Three documents, the same in every test."""
    shutil.rmtree(shelf / "docs", ignore_errors=True)
    return write_documents(shelf / "docs", 3)


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where documents lie that more than one test reads: sessions remember the path of what they read."""
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture(scope="session")
def read_once() -> dict[str, Done]:
    """What reading the documents printed, once a first test has read them."""
    return {}


@pytest.fixture
def papers(titans: Titans, home: Home, documents: list[Path], shelf: Path, read_once: dict[str, Done]) -> Done:
    """Session `papers`, current, has read the documents. Read once; every test gets a copy of that home."""
    if "papers" in read_once:
        shutil.copytree(shelf / "home", home.root, symlinks=True)
        return read_once["papers"]
    assert titans("session", "new", "papers").code == 0
    done = titans("ingest", *documents, "--json")
    assert done.code == 0, done.err
    shutil.copytree(home.root, shelf / "home", symlinks=True)
    read_once["papers"] = done
    return done


@pytest.fixture
def memory(titans: Titans) -> Callable[..., str]:
    """memory(), or memory("name"): the digest that `session show` tells."""

    def digest(*name: str) -> str:
        return str(titans("session", "show", *name, "--json").document["memory_sha256"])

    return digest
