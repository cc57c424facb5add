"""Reading ahead keeps the order, reads no more ahead than it may, and leaves what is known unread."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from titans_cli.errors import NoTextError
from titans_cli.readers import Limits, read, read_ahead
from titans_cli.records import Document, Source


def sources(folder: Path, count: int) -> list[Source]:
    made = []
    for i in range(count):
        path = folder / f"{i}.txt"
        path.write_text(f"Document {i} says something." if i != 2 else "")
        made.append(Source(str(path), path.name))
    return made


@pytest.mark.parametrize("most", [0, 1, 3, 99])
def test_the_order_stays_and_failures_keep_their_place(tmp_path: Path, most: int) -> None:
    wanted = sources(tmp_path, 7)
    found = list(read_ahead(wanted, Limits(), (), most))
    assert [ready.source for ready in found] == wanted
    assert [ready.document.pages[0].text if ready.document else None for ready in found] == [
        f"Document {i} says something." if i != 2 else None for i in range(7)
    ]
    assert isinstance(found[2].error, NoTextError)


def test_what_is_known_is_not_read(tmp_path: Path) -> None:
    wanted = sources(tmp_path, 3)
    known = {hashlib.sha256(Path(wanted[1].uri).read_bytes()).hexdigest()}
    found = list(read_ahead(wanted, Limits(), known, 2))
    assert [ready.document is not None for ready in found] == [True, False, False]
    assert found[1].sha256 in known
    assert found[1].error is None


def test_no_more_is_read_ahead_than_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    lock = threading.Lock()

    def watched(source: Source, limits: Limits) -> Document:
        with lock:
            begun.append(source.display)
        return read(source, limits)

    monkeypatch.setattr("titans_cli.readers.ahead.read", watched)
    wanted = [s for s in sources(tmp_path, 9) if s.display != "2.txt"]
    reading = read_ahead(wanted, Limits(), (), 2)
    for i, source in enumerate(wanted):
        assert next(reading).source == source
        with lock:
            assert len(begun) <= i + 3  # this one and two more
    reading.close()


def test_stopping_early_begins_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Semaphore(0)

    def watched(source: Source, limits: Limits) -> Document:
        begun.release()
        return read(source, limits)

    monkeypatch.setattr("titans_cli.readers.ahead.read", watched)
    reading = read_ahead(sources(tmp_path, 2) * 50, Limits(), (), 1)
    next(reading)
    reading.close()
    readers = [thread for thread in threading.enumerate() if thread.name == "read-ahead"]
    for thread in readers:
        thread.join(10)
    assert not [thread for thread in readers if thread.is_alive()]
    count = 0
    while begun.acquire(blocking=False):
        count += 1
    assert count <= 3


def test_a_bug_while_reading_ahead_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(source: Source, limits: Limits) -> Document:
        raise RuntimeError("a bug")

    monkeypatch.setattr("titans_cli.readers.ahead.read", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        list(read_ahead(sources(tmp_path, 1), Limits(), (), 1))
