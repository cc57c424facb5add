"""No document takes more of the disk than it may, and nothing is learned of one that would."""

from __future__ import annotations

import gzip
import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.disk import Peak
from tests.sessions.samples import file_hashes, open_session, read_into, start, write_document
from titans_cli import settings
from titans_cli.errors import LimitError, StorageError
from titans_cli.model.engine import Engine
from titans_cli.progress import FileFailed, FileFinished
from titans_cli.sessions import lifecycle
from titans_cli.sessions.items import ItemRequest, add, update
from titans_cli.sessions.room import size_in_words
from titans_cli.steps import Hint, as_hint, in_shell
from titans_cli.store import Home


def room_named(hint: Hint | str | None) -> str:
    """What a refusal says that would be enough."""
    return in_shell(as_hint(hint) or Hint()).split("--max-room ")[1].split()[0]


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
    size = settings.size(room_named(failed.hint))
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
    assert size <= settings.size(size_in_words(size).replace(" ", "")) <= 2 * size + 1000


# ---------------------------------------------------------------- what is told, and what is copied


def test_an_item_that_would_take_too_much_is_refused_and_the_figure_is_enough(
    session: Home, tiny_engine: Engine
) -> None:
    text = SENTENCE * 500
    with Peak(session.root) as peak, pytest.raises(LimitError, match="an item may take 1 kB here") as refused:
        add(session, "papers", ItemRequest(text, key="k"), engine=tiny_engine, max_room=1000)
    assert peak.taken < 100_000  # the lock and the log of the database
    assert refused.value.exit_code == 1
    size = settings.size(room_named(refused.value.hint))
    with Peak(session.root) as peak:
        add(session, "papers", ItemRequest(text, key="k"), engine=tiny_engine, max_room=size)
    assert peak.taken <= size
    with pytest.raises(LimitError, match="an item may take"):
        update(session, "papers", "k", text + "!", engine=tiny_engine, max_room=1000)
    with open_session(session, "papers").episodes() as episodes:
        (kept,) = episodes.sources()
        assert episodes.page(kept.id, 1).endswith("spring.")  # the old one stays


def test_the_setting_decides_of_items_too(session: Home, tiny_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TITANS_MAX_ROOM", "1kB")
    with pytest.raises(LimitError, match="may take 1 kB"):
        add(session, "papers", SENTENCE, engine=tiny_engine)


Copy = Callable[[Home, Path, int], object]
COPIES: dict[str, Copy] = {
    "fork": lambda home, _, most: lifecycle.fork(home, "papers", "copy", max_room=most),
    "export": lambda home, folder, most: lifecycle.export(home, "papers", folder / "copy.tar", max_room=most),
    "import": lambda home, folder, most: lifecycle.import_(home, folder / "whole.tar", "copy", max_room=most),
    "promote": lambda home, _, most: lifecycle.promote_session(
        home, "papers", "copy", lifecycle.PromoteOptions(force=True), max_room=most
    ),
    "start": lambda home, _, most: lifecycle.new_session(
        home, "copy", entry="kept", how=lifecycle.SessionOptions(max_room=most)
    ),
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_that_would_take_too_much_is_refused_and_the_figure_is_enough(
    session: Home, tmp_path: Path, how: str
) -> None:
    read_into(session, "papers", [write_document(tmp_path / f"{n}.txt", seed=n) for n in range(3)])
    (folder := tmp_path / "out").mkdir()
    lifecycle.export(session, "papers", folder / "whole.tar")
    lifecycle.fork(session, "papers", "twin")
    lifecycle.promote_session(session, "twin", "kept", lifecycle.PromoteOptions(force=True))
    before = file_hashes(session.root, "*.s*")
    with pytest.raises(LimitError, match="a copy may take 1 kB here") as refused:
        COPIES[how](session, folder, 1000)
    assert file_hashes(session.root, "*.s*") == before
    assert not list(folder.glob("copy*"))
    assert refused.value.exit_code == 1
    size = settings.size(room_named(refused.value.hint))
    with Peak(session.root, folder) as peak:
        COPIES[how](session, folder, size)
    assert peak.taken <= size


def test_a_copy_may_take_half_of_what_is_free_and_no_more_than_there_is(
    session: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_into(session, "papers", [write_document(tmp_path / "a.txt")])
    with pytest.raises(LimitError) as refused:
        lifecycle.fork(session, "papers", "copy", max_room=1)
    size = settings.size(room_named(refused.value.hint))
    for free, says in ((3 * size // 2, "a copy may take .*max_room"), (size // 2, "Free some space first")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: Usage(10**12, 0, free))
        with pytest.raises(LimitError, match=says):
            lifecycle.fork(session, "papers", "copy")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, 3 * size))
    lifecycle.fork(session, "papers", "copy")


def test_an_exported_file_with_a_hole_in_it_is_refused_by_what_it_would_become(session: Home, tmp_path: Path) -> None:
    """A few bytes on the disk that are a terabyte to whoever reads them."""
    read_into(session, "papers", [write_document(tmp_path / "a.txt")])
    lifecycle.export(session, "papers", file := tmp_path / "a.tar")
    raw = bytearray(file.read_bytes())
    head = raw.index(b'"size": ', raw.index(b"snapshots/"))
    end = raw.index(b"}", head)
    huge = b'"size": 999999999999'.ljust(end - head)
    raw[head:end] = huge[: end - head] if len(huge) > end - head else huge
    file.write_bytes(bytes(raw))
    with pytest.raises(LimitError, match="copying it would take"):
        lifecycle.import_(session, file, "copy", max_room=10**7)
    assert session.session_names() == ["papers"]
