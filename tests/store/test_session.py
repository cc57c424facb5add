"""One session directory."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.statements import meeting
from tests.store.samples import (
    SENTENCE,
    blocks,
    cell_of,
    check_whole,
    event,
    memory,
    new_session,
    newest,
    page,
    position_of,
    read_paper,
    source,
)
from titans_cli.errors import (
    DamagedError,
    IncompatibleError,
    LockedError,
    NotFoundError,
    StorageError,
    TitansError,
    UsageError,
)
from titans_cli.store import Addition, Home, SessionStore, StoredCell, discard


def test_a_new_session_has_learned_nothing(tmp_path: Path) -> None:
    store = new_session(tmp_path)
    again = SessionStore.open(Home(tmp_path), "papers")
    assert again.info == store.info
    assert list(again.cells()) == []
    assert list((again.folder / "snapshots").iterdir()) == []
    assert (newest(again), position_of(again)) == (0, 0)


def test_commits_add_up(tmp_path: Path) -> None:
    store = new_session(tmp_path)
    with store.writer(command="titans ingest") as episodes:
        assert read_paper(store, 1).source_id == 1
        info = read_paper(store, 2)
        assert episodes.newest_snapshot() == info.number
    assert check_whole(store) == 2
    assert (info.number, info.source_id, info.cell, info.blocks_done, position_of(store)) == (2, 2, 0, 2, 40)
    assert [tensors["steps"].item() for _, tensors in store.cells()] == [1, 2]


def test_two_sessions_that_read_the_same_have_the_same_snapshot_bytes_and_digest(tmp_path: Path) -> None:
    hashes, digests = [], []
    for name in ("one", "two"):
        store = new_session(tmp_path, name)
        with store.writer():
            hashes.append([read_paper(store, number).sha256 for number in (1, 2)])
        digests.append(store.memory_sha256())
    assert hashes[0] == hashes[1]
    assert digests[0] == digests[1]


def test_a_newer_state_of_a_cell_takes_the_older_ones_place(tmp_path: Path) -> None:
    store = new_session(tmp_path)
    with store.writer():
        read_paper(store, 1)
        first = read_paper(store, 2)
        more = [replace(b, index=b.index + 2, position=b.position + 20) for b in blocks(2)]
        cells = [StoredCell(0, 3, memory(22)), StoredCell(1, 4, memory(23))]
        store.commit(source(2, id_=2, done=4, total=4), Addition(blocks=more), cells=cells)
        read_paper(store, 3)
    assert [(i.number, i.source_id, i.cell) for i, _ in store.cells()] == [(1, 1, 0), (3, 2, 0), (4, 2, 1), (5, 3, 0)]
    assert [t["steps"].item() for _, t in store.cells()] == [1, 22, 23, 3]
    assert {int(p.stem) for p in (store.folder / "snapshots").iterdir()} == {1, 3, 4, 5}
    with pytest.raises(NotFoundError, match="superseded"):
        store.load(first)
    check_whole(store)


def test_a_reader_of_the_cells_copes_with_a_writer_that_goes_on(tmp_path: Path) -> None:
    """Carried on, forgotten and added meanwhile: it gets the newest, none, and not yet."""
    store = new_session(tmp_path)
    with store.writer():
        for number in (1, 2, 3):
            read_paper(store, number)
    reading = SessionStore.open(Home(tmp_path), "papers").cells()
    assert next(reading)[1]["steps"].item() == 1
    with store.writer():
        store.commit(source(3, id_=3), cells=[StoredCell(0, 2, memory(33))])
        store.forget([2])
        read_paper(store, 4)
    assert [tensors["steps"].item() for _, tensors in reading] == [33]


def test_only_the_writer_commits(tmp_path: Path) -> None:
    store = new_session(tmp_path)
    with pytest.raises(RuntimeError):
        read_paper(store, 1)
    other = SessionStore.open(Home(tmp_path), "papers")
    with store.writer():
        with pytest.raises(LockedError, match=f"pid {os.getpid()}"), other.writer():
            pass
        with store.writer() as nested:
            assert nested.sources() == []
        assert list(other.cells()) == []
        assert other.log([event("asked", "asked")])[0].id == 1
    with other.writer():
        read_paper(other, 1)


@pytest.mark.parametrize("gone", [1, 2, 3], ids=["first", "middle", "last"])
def test_a_session_that_forgot_a_document_equals_one_that_never_read_it(tmp_path: Path, gone: int) -> None:
    never, store = new_session(tmp_path, "never"), new_session(tmp_path)
    with never.writer():
        for number in (1, 2, 3):
            if number != gone:
                read_paper(never, number)
    with store.writer():
        for number in (1, 2, 3):
            stale = read_paper(store, number)
        stale = cell_of(store, gone)
        store.forget([gone], [gone])
    assert store.memory_sha256() == never.memory_sha256()
    with store.episodes() as left, never.episodes() as other:
        for sources in (left.sources(), other.sources()):
            assert [replace(s, id=0) for s in sources] == [source(n) for n in (1, 2, 3) if n != gone]
        mine, theirs = ([replace(b, id=0, source_id=0) for b in e.every_block()] for e in (left, other))
        assert mine == theirs
        assert left.landmarks()[1:] == other.landmarks()[1:]
    check_whole(store)
    with pytest.raises(NotFoundError):
        store.load(stale)
    raw = b"".join(p.read_bytes() for p in store.folder.rglob("*") if p.is_file())
    assert f"topic{gone}".encode() not in raw
    assert memory(gone)["layers.0.weight"].numpy().tobytes() not in raw
    assert b"Second sentence" in raw


def full_at_the_log(sql: str) -> None:
    """A disk that has no room when the log is moved into the file."""
    if sql.startswith("PRAGMA wal_checkpoint"):
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error


def test_a_disk_too_full_to_clean_up_still_forgets_and_the_next_writer_cleans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = new_session(tmp_path)
    with store.writer():
        read_paper(store, 1)
        read_paper(store, 2)
    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", meeting(full_at_the_log))
        with pytest.raises(StorageError, match="full"), store.writer():
            store.forget([1], [1])
    assert [tensors["steps"].item() for _, tensors in store.cells()] == [2]
    with store.episodes() as episodes:
        assert not episodes.is_clean()
    with store.writer():
        pass
    assert b"topic1" not in b"".join(p.read_bytes() for p in store.folder.rglob("*") if p.is_file())
    with store.episodes() as episodes:
        assert episodes.is_clean()
    check_whole(store)


def test_forgetting_and_beginning_anew_are_one_commit(tmp_path: Path) -> None:
    store = new_session(tmp_path)
    with store.writer() as episodes:
        for number in (1, 2):
            read_paper(store, number)
        addition = Addition(blocks=blocks(3), pages=[page(3)], forget=[1])
        store.commit(source(3), addition, cells=[StoredCell(0, 2, memory(3))])
        assert [s.id for s in episodes.sources()] == [2, 3]
        assert [(b.source_id, b.position) for b in episodes.every_block()] == [(2, 0), (2, 10), (3, 0), (3, 10)]
    assert {int(p.stem) for p in (store.folder / "snapshots").iterdir()} == {2, 3}
    assert b"topic1" not in b"".join(p.read_bytes() for p in store.folder.rglob("*") if p.is_file())
    check_whole(store)


def test_an_orphan_of_a_kill_is_replaced_and_later_ones_are_cleared(tmp_path: Path) -> None:
    store = new_session(tmp_path)
    for name in ("00000001.safetensors", "00000007.safetensors", ".tmp-x"):
        (store.folder / "snapshots" / name).write_bytes(b"torn")
    (store.folder / "snapshots" / "notes.txt").write_text("mine")
    assert list(store.cells()) == []
    with store.writer():
        read_paper(store, 1)
    names = sorted(p.name for p in (store.folder / "snapshots").iterdir())
    assert names == ["00000001.safetensors", "notes.txt"]
    check_whole(store)


def test_everything_is_private(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        store = new_session(tmp_path / "home")
        with store.writer():
            read_paper(store, 1)
            modes = {p: p.stat().st_mode & 0o777 for p in [tmp_path / "home", *(tmp_path / "home").rglob("*")]}
    finally:
        os.umask(old)
    assert {mode for p, mode in modes.items() if p.is_dir()} == {0o700}
    assert {mode for p, mode in modes.items() if p.is_file()} == {0o600}


def test_a_name_belongs_to_whoever_is_first(tmp_path: Path) -> None:
    new_session(tmp_path)
    with pytest.raises(UsageError, match="titans session discard papers"):
        new_session(tmp_path)
    with pytest.raises(UsageError):
        new_session(tmp_path, "../papers")

    def attempt(_: int) -> str:
        try:
            return new_session(tmp_path, "race").info.id
        except UsageError:
            return ""

    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(attempt, range(4)))
    assert len([i for i in ids if i]) == 1
    assert SessionStore.open(Home(tmp_path), "race").info.id in ids


def test_discarding_leaves_no_byte_of_what_was_learned(tmp_path: Path) -> None:
    store = new_session(tmp_path)
    Home(tmp_path).set_current("papers")
    with store.writer():
        read_paper(store, 7)
    needles = (SENTENCE.encode(), memory(7)["layers.0.weight"].numpy().tobytes(), b"zymurgist", b"papers")
    raw = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert all(needle in raw for needle in needles)
    reader = store.episodes()
    reader.sources()
    store.discard()
    reader.close()
    assert {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")} == {"sessions", "ltm", ".lock"}
    assert (tmp_path / ".lock").read_bytes() == b""
    for use in (store.discard, store.memory_sha256, lambda: store.writer().__enter__()):
        with pytest.raises(TitansError):
            use()
    assert not (tmp_path / "sessions" / "papers").exists()


def test_a_session_in_use_is_not_discarded(tmp_path: Path) -> None:
    store = new_session(tmp_path)
    with store.writer(), pytest.raises(LockedError):
        SessionStore.open(Home(tmp_path), "papers").discard()
    check_whole(store)


def test_a_name_that_was_taken_anew_is_another_session(tmp_path: Path) -> None:
    store = new_session(tmp_path)
    SessionStore.open(Home(tmp_path), "papers").discard()
    new_session(tmp_path)
    with pytest.raises(NotFoundError, match="discarded"), store.writer():
        pass
    with pytest.raises(NotFoundError):
        store.discard()


def test_a_shell_that_a_waiting_process_left_does_not_take_the_name(tmp_path: Path) -> None:
    Home(tmp_path).ensure()
    (tmp_path / "sessions" / "papers").mkdir()
    (tmp_path / "sessions" / "papers" / "lock").touch()
    assert SessionStore.list(Home(tmp_path)).unreadable == ()
    check_whole(new_session(tmp_path))


@pytest.mark.parametrize(
    "raw",
    [b"", b"\0\0\0", b"{", b"[]", b"null", b"[" * 100_000, b'{"schema": "titans.entry"}', b"\xff\xfe{}", b"9" * 10_000],
)
def test_an_unreadable_session_file_is_damage_and_can_still_be_discarded(tmp_path: Path, raw: bytes) -> None:
    store = new_session(tmp_path)
    new_session(tmp_path, "fine")
    (store.folder / "session.json").write_bytes(raw)
    with pytest.raises(DamagedError, match="titans session discard papers") as caught:
        SessionStore.open(Home(tmp_path), "papers")
    assert caught.value.exit_code == 13
    listed = SessionStore.list(Home(tmp_path))
    assert [s.name for s in listed.sessions] == ["fine"]
    assert len(listed.unreadable) == 1
    discard(Home(tmp_path), "papers")
    assert SessionStore.list(Home(tmp_path)).unreadable == ()


@pytest.mark.parametrize("field", ["id", "state", "memory", "threads", "origin", "format", "created"])
def test_a_field_of_the_wrong_type_is_damage(tmp_path: Path, field: str) -> None:
    import json

    path = new_session(tmp_path).folder / "session.json"
    data = json.loads(path.read_text())
    del data["checksum"]  # or that alone would be found
    for wrong in (True, -1, [1], "x" if field not in ("created", "origin") else 1):
        path.write_text(json.dumps({**data, field: wrong}))
        with pytest.raises(DamagedError):
            SessionStore.open(Home(tmp_path), "papers")
    path.write_text(json.dumps({**data, "later_addition": 1}))
    SessionStore.open(Home(tmp_path), "papers")


def test_a_flipped_bit_that_leaves_valid_json_is_damage(tmp_path: Path) -> None:
    path = new_session(tmp_path).folder / "session.json"
    whole = path.read_text()
    path.write_text(whole.replace('"threads": 1', '"threads": 3'))
    assert path.read_text() != whole
    with pytest.raises(DamagedError, match="checksum"):
        SessionStore.open(Home(tmp_path), "papers")


def test_a_number_of_threads_that_no_machine_has_is_damage(tmp_path: Path) -> None:
    path = new_session(tmp_path).folder / "session.json"
    data = json.loads(path.read_text())
    del data["checksum"]
    for threads in (0, 1 << 70):
        path.write_text(json.dumps({**data, "threads": threads}))
        with pytest.raises(DamagedError, match="threads"):
            SessionStore.open(Home(tmp_path), "papers")


def test_half_a_character_is_damage(tmp_path: Path) -> None:
    path = new_session(tmp_path).folder / "session.json"
    data = json.loads(path.read_text())
    del data["checksum"]
    path.write_text(json.dumps({**data, "later_addition": "\ud800"}))
    with pytest.raises(DamagedError, match="not valid JSON"):
        SessionStore.open(Home(tmp_path), "papers")


def test_a_newer_format_is_not_touched(tmp_path: Path) -> None:
    path = new_session(tmp_path).folder / "session.json"
    path.write_text(path.read_text().replace('"format": 3', '"format": 4'))
    with pytest.raises(IncompatibleError, match=r"version 4.*Upgrade") as caught:
        SessionStore.open(Home(tmp_path), "papers")
    assert caught.value.exit_code == 12


def test_the_format_before_the_cells_is_refused_and_can_be_discarded(tmp_path: Path) -> None:
    path = new_session(tmp_path).folder / "session.json"
    path.write_text(path.read_text().replace('"format": 3', '"format": 1'))
    with pytest.raises(IncompatibleError, match=r"version 1.*into a new session") as caught:
        SessionStore.open(Home(tmp_path), "papers")
    assert caught.value.exit_code == 12
    discard(Home(tmp_path), "papers")


def test_a_missing_file_or_a_flipped_byte_is_damage(tmp_path: Path) -> None:
    store = new_session(tmp_path)
    with store.writer():
        info = read_paper(store, 1)
    path = store.folder / "snapshots" / "00000001.safetensors"
    good = path.read_bytes()
    path.write_bytes(good[:-3] + bytes([good[-3] ^ 1]) + good[-2:])
    with pytest.raises(DamagedError, match="checksum"):
        store.load(info)
    path.unlink()
    with pytest.raises(DamagedError, match="missing"):
        list(store.cells())
    for raw in (b"", b"noise" * 999):
        (store.folder / "episodes.sqlite").write_bytes(raw)
        with pytest.raises(DamagedError):
            store.memory_sha256()
        with pytest.raises(DamagedError), store.writer():
            pass
    shutil.rmtree(store.folder / "snapshots")
    (store.folder / "episodes.sqlite").unlink()
    with pytest.raises(DamagedError):
        store.episodes()
    store.discard()


def failing(monkeypatch: pytest.MonkeyPatch, step: int) -> list[int]:
    """Make the `step`-th write or fsync, and all after it, fail as on a full disk; return a counter of the calls."""
    calls = [0]

    def limited(whole: Callable[..., Any]) -> Callable[..., Any]:
        def stand_in(*args: Any) -> Any:
            calls[0] += 1
            if calls[0] >= step:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return whole(*args)

        return stand_in

    for name in ("write", "fsync"):
        monkeypatch.setattr(os, name, limited(getattr(os, name)))
    return calls


def test_a_full_disk_at_any_step_of_a_commit_keeps_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = new_session(tmp_path)
    messages: list[str] = []
    for step in range(1, 30):
        with store.writer():
            before = newest(store)
            try:
                with monkeypatch.context() as patch:
                    failing(patch, step)
                    read_paper(store, before + 1)
                break
            except StorageError as error:
                messages.append(str(error))
            assert newest(store) == before
        check_whole(SessionStore.open(Home(tmp_path), "papers"))
    assert len(messages) >= 4
    assert all("Free some space, then make the same call again" in message for message in messages)
    assert check_whole(store) == 1


def test_a_full_disk_at_any_step_of_creation_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Home(tmp_path).ensure()
    for step in range(1, 60):
        try:
            with monkeypatch.context() as patch:
                failing(patch, step)
                new_session(tmp_path)
            break
        except StorageError:
            there = [p.name for p in (tmp_path / "sessions").iterdir()]
            assert there in ([], ["papers"])
            if there:  # only the very last fsync, of the folder above, had failed
                break
    assert step > 5
    check_whole(SessionStore.open(Home(tmp_path), "papers"))


def test_a_full_disk_does_not_keep_anyone_from_discarding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = new_session(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
        store.discard()
    assert list((tmp_path / "sessions").iterdir()) == []


def test_listing_needs_no_torch(tmp_path: Path) -> None:
    new_session(tmp_path)
    code = (
        "import sys, titans_cli.store as s; from pathlib import Path; "
        "home = s.Home(Path(sys.argv[1])); print([i.name for i in s.SessionStore.list(home).sessions]); "
        "store = s.SessionStore.open(home, 'papers'); print(store.memory_sha256()[:0], store.info.name); "
        "print(s.LongTermMemory(home).list().entries); "
        "print('torch' in sys.modules, 'safetensors' in sys.modules, 'filelock' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=True,
    )
    assert run.stdout.splitlines() == ["['papers']", " papers", "()", "False False False"]


def test_pages_are_kept_whole(tmp_path: Path) -> None:
    store = new_session(tmp_path)
    with store.writer():
        read_paper(store, 1)
    with store.episodes() as episodes:
        assert episodes.page(1, 1) == page(1).text
