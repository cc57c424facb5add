"""No document takes more of the disk than it may, and nothing is learned of one that would."""

from __future__ import annotations

import gzip
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from benchmarks.chaos_room import Peak
from tests.sessions.samples import open_session, read_into, start, write_document
from titans_cli import settings
from titans_cli.errors import StorageError
from titans_cli.progress import FileFailed, FileFinished
from titans_cli.sessions.room import told
from titans_cli.steps import in_shell
from titans_cli.store import Home

SENTENCE = "The weir failed in the spring. "


@pytest.fixture
def session(home: Home, tiny_folder: Path) -> Home:
    start(home, "papers", tiny_folder)
    return home


def bomb(path: Path, times: int) -> Path:
    path.write_bytes(gzip.compress((SENTENCE * times).encode()))
    return path


def test_what_would_take_too_much_is_refused_before_anything_is_learned(session: Home, tmp_path: Path) -> None:
    good, bad = write_document(tmp_path / "a.txt"), bomb(tmp_path / "b.txt.gz", 4_000)
    with Peak(session.root) as peak:
        events = read_into(session, "papers", [bad, good], max_room=1_000_000)
    (failed,) = (e for e in events if isinstance(e, FileFailed))
    assert failed.kind == "limit"
    assert "of disk, and a document may take 1 MB here" in failed.reason
    assert "--max-room" in in_shell(failed.hint or "")
    assert peak.taken < 1_000_000
    assert [Path(e.source).name for e in events if isinstance(e, FileFinished)] == ["a.txt"]  # the rest goes on
    with open_session(session, "papers").episodes() as episodes:
        assert len(episodes.sources()) == 1


def test_the_figure_it_names_is_enough(session: Home, tmp_path: Path) -> None:
    bad = bomb(tmp_path / "b.txt.gz", 500)
    (failed,) = (e for e in read_into(session, "papers", [bad], max_room=1000) if isinstance(e, FileFailed))
    size = settings.size(in_shell(failed.hint or "").split("--max-room ")[1].split()[0])
    with Peak(session.root) as peak:
        events = read_into(session, "papers", [bad], max_room=size)
    assert any(isinstance(e, FileFinished) for e in events)
    assert peak.taken <= size


def test_the_setting_decides_when_nobody_says(session: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TITANS_MAX_ROOM", "1kB")
    events = read_into(session, "papers", [write_document(tmp_path / "a.txt")])
    assert any(isinstance(e, FileFailed) and "may take 1 kB" in e.reason for e in events)


Usage = namedtuple("Usage", "total used free")


def test_by_default_it_is_a_tenth_of_what_is_free(
    session: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, 50_000))
    events = read_into(session, "papers", [write_document(tmp_path / "a.txt")])
    assert any(isinstance(e, FileFailed) and "may take 5 kB here" in e.reason for e in events)


def test_a_disk_that_fills_up_meanwhile_stops_at_a_commit(
    session: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = iter([10**9] * 5 + [100] * 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, next(free)))
    paths = [write_document(tmp_path / f"{n}.txt", seed=n) for n in range(3)]
    with pytest.raises(StorageError, match=r"nearly full: 1 kB are free.*continues from the last commit"):
        read_into(session, "papers", paths, max_room=10**8)
    monkeypatch.undo()
    events: list[Any] = read_into(session, "papers", paths)
    assert sum(isinstance(e, FileFinished) for e in events) in (1, 2)
    with open_session(session, "papers").episodes() as episodes:
        assert len(episodes.sources()) == 3


@pytest.mark.parametrize(
    ("text", "size"), [("800", 800), ("500MB", 500_000_000), ("4 GB", 4 * 10**9), ("1GiB", 1 << 30), ("1.5k", 1500)]
)
def test_sizes_are_said_as_people_do(text: str, size: int) -> None:
    assert settings.size(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1", "5 XB", "1e9"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        settings.size(text)


@pytest.mark.parametrize("size", [1, 999, 1000, 1001, 999_999, 10**6, 12_345_678, 10**9, 15 * 10**9])
def test_a_size_that_is_told_is_never_too_small(size: int) -> None:
    assert size <= settings.size(told(size).replace(" ", "")) <= 2 * size + 1000
