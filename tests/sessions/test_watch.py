"""Folders that are followed: what comes is read once it has rested, and a stop leaves a sound session."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sessions.samples import memory_of, open_session, read_into, start, stop_after, write_document
from titans_cli.errors import Interrupted, UsageError
from titans_cli.progress import FileChanged, FileFailed, FileFinished, Waiting
from titans_cli.sessions.health import check_session
from titans_cli.sessions.ingest import IngestOptions, IngestRequest
from titans_cli.sessions.watch import Rhythm, watch
from titans_cli.store import Home

Deed = Callable[[], object]


@pytest.fixture
def home(tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("TITANS_THREADS", "1")
    found = Home(tmp_path / "home")
    start(found, "inbox", tiny_folder)
    return found


class Clock:
    """Time that passes when a look is done: `deeds` are what happens after each look, and then a stop."""

    def __init__(self, *deeds: Deed) -> None:
        self.now, self.deeds, self.looks = 0.0, list(deeds), 0

    def __call__(self) -> float:
        self.now += 1.0
        if self.looks:
            if self.looks > len(self.deeds):
                self.ended = True
            else:
                self.deeds[self.looks - 1]()
        self.looks += 1
        return self.now

    ended = False


def follow(home: Home, folder: Path, *deeds: Deed, rest: float = 1.5) -> list[object]:
    """The events of a follower that looks once more than there are deeds. A deed happens before the next look."""
    clock, found = Clock(*deeds), list[object]()
    rhythm = Rhythm(every=0.0, rest=rest, clock=clock)
    events = watch(home, "inbox", IngestRequest([str(folder)]), IngestOptions(stop=lambda: clock.ended), rhythm)
    with pytest.raises(Interrupted, match="stopped"):
        found.extend(events)
    return found


def nothing() -> None:
    pass


def names(events: list[object], kind: type[FileFinished | FileChanged | FileFailed] = FileFinished) -> list[str]:
    return [e.source.rsplit("/", 1)[-1] for e in events if isinstance(e, kind)]


def test_what_lies_there_and_what_comes_is_read_as_an_ingest_would(
    home: Home, tmp_path: Path, tiny_folder: Path
) -> None:
    folder = tmp_path / "in"
    old = write_document(folder / "00.txt", seed=0)
    os.utime(old, (1_000_000_000, 1_000_000_000))
    events = follow(home, folder, nothing, lambda: write_document(folder / "01.txt", seed=1), *[nothing] * 4)
    assert names(events) == ["00.txt", "01.txt"]
    assert [e.files for e in events if isinstance(e, Waiting)] == [1, 2]
    start(home, "plain", tiny_folder)
    read_into(home, "plain", [folder / "00.txt", folder / "01.txt"])
    assert memory_of(open_session(home, "inbox")) == memory_of(open_session(home, "plain"))


def test_a_file_that_is_still_being_written_is_left_for_later(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "in" / "slow.txt"
    file.parent.mkdir()

    def more() -> None:
        with file.open("a", encoding="utf-8") as opened:
            opened.write("The weir failed in 2019. ")

    events = follow(home, file.parent, more, more, more, more, nothing, nothing, nothing)
    assert names(events) == ["slow.txt"]
    with open_session(home, "inbox").episodes() as episodes:
        assert episodes.page(episodes.sources()[0].id, 1).count("failed") == 4


def test_a_file_that_changes_takes_the_place_of_what_was_read_of_it(home: Home, tmp_path: Path) -> None:
    file = write_document(tmp_path / "in" / "00.txt")
    change = lambda: file.write_text("The weir failed in 2020.", encoding="utf-8")  # noqa: E731
    events = follow(home, file.parent, *[nothing] * 3, change, *[nothing] * 4)
    assert names(events) == ["00.txt", "00.txt"]
    assert names(events, FileChanged) == ["00.txt"]
    with open_session(home, "inbox").episodes() as episodes:
        assert [s.display for s in episodes.sources()] == [str(file)]


def test_a_file_that_cannot_be_read_is_told_once_and_tried_again_when_it_changes(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "in" / "bad.pdf"
    file.parent.mkdir()
    file.write_bytes(b"%PDF-1.7 cut off")
    mend = lambda: file.write_bytes(b"%PDF-1.7 cut off too")  # noqa: E731
    events = follow(home, file.parent, *[nothing] * 5, mend, *[nothing] * 5)
    assert names(events, FileFailed) == ["bad.pdf", "bad.pdf"]


def test_while_another_writes_the_round_is_put_off_and_that_is_said_once(home: Home, tmp_path: Path) -> None:
    write_document(tmp_path / "in" / "00.txt")
    held = open_session(home, "inbox")
    with held.writer():
        events = follow(home, tmp_path / "in", *[nothing] * 5)
    (told,) = [e for e in events if isinstance(e, Waiting)]
    assert told.because
    assert not names(events)
    assert names(follow(home, tmp_path / "in", *[nothing] * 3)) == ["00.txt"]


def test_a_stop_in_the_middle_leaves_a_session_that_is_sound_and_goes_on(
    home: Home, tmp_path: Path, tiny_folder: Path
) -> None:
    folder = tmp_path / "in"
    for n in range(2):
        write_document(folder / f"{n:02d}.txt", sentences=300, seed=n)
    with pytest.raises(Interrupted):
        list(
            watch(
                home,
                "inbox",
                IngestRequest([str(folder)]),
                IngestOptions(stop=stop_after(3), ahead=0),
                Rhythm(every=0.0, rest=0.0),
            )
        )
    assert not check_session(home, "inbox", read_data=True).findings
    follow(home, folder, *[nothing] * 4)
    start(home, "plain", tiny_folder)
    read_into(home, "plain", [folder / "00.txt", folder / "01.txt"])
    assert memory_of(open_session(home, "inbox")) == memory_of(open_session(home, "plain"))


def test_an_empty_folder_is_followed_and_nothing_else_can_be(home: Home, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (waiting,) = follow(home, tmp_path / "in", nothing, nothing)
    assert isinstance(waiting, Waiting)
    for path in ("-", "https://example.org/a.pdf", str(tmp_path / "nowhere")):
        with pytest.raises(UsageError):
            next(watch(home, "inbox", IngestRequest([path])))
    with pytest.raises(UsageError):
        next(watch(home, "inbox", IngestRequest([str(tmp_path / "in")], files_from="list.txt")))
