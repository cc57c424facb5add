"""Long-term memory entries."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.store.samples import SENTENCE, check_whole, new_session, newest, position_of, read_paper
from titans_cli.errors import DamagedError, LockedError, NotFoundError, UsageError
from titans_cli.store import Home, LongTermMemory, SessionStore


def learned(root: Path, name: str = "papers") -> SessionStore:
    store = new_session(root, name)
    with store.writer():
        read_paper(store, 1)
        read_paper(store, 2)
    return store


def test_an_entry_carries_where_it_came_from(tmp_path: Path) -> None:
    store = learned(tmp_path)
    with store.episodes() as episodes:
        cells = episodes.snapshots()
    entry = LongTermMemory(Home(tmp_path)).promote(store, "chem", note="two papers")
    assert (entry.session, entry.session_id, entry.parent, entry.note) == ("papers", store.info.id, None, "two papers")
    assert entry.position == 40
    assert [s["uri"] for s in entry.sources] == ["/papers/1.txt", "/papers/2.txt"]
    memories = LongTermMemory(Home(tmp_path))
    assert memories.list().entries == (entry,)
    assert memories.show(entry.id[:8].lower()) == memories.verify("chem") == entry
    with memories.episodes("chem") as episodes:
        assert episodes.search_blocks("zymurgist", 5)
        assert [s.sha256 for s in episodes.snapshots()] == [s.sha256 for s in cells]


def test_an_entry_is_read_only_and_one_file_each(tmp_path: Path) -> None:
    LongTermMemory(Home(tmp_path)).promote(learned(tmp_path), "chem")
    with LongTermMemory(Home(tmp_path)).episodes("chem") as episodes:
        episodes.sources()
        folder = tmp_path / "ltm" / "chem"
        modes = {p.name: p.stat().st_mode & 0o777 for p in folder.iterdir()}
    assert modes == dict.fromkeys(("entry.json", "memory.safetensors", "episodes.sqlite"), 0o400)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_promoted_session_holds_nothing_any_more(tmp_path: Path) -> None:
    store = learned(tmp_path)
    LongTermMemory(Home(tmp_path)).promote(store, "chem")
    assert {p.name for p in store.folder.iterdir()} == {"session.json", "lock"}
    again = SessionStore.open(Home(tmp_path), "papers")
    assert (again.info.state, again.info.promoted_to) == ("promoted", "chem")
    with pytest.raises(UsageError, match=r"Session\.new\(entry=.chem.\)"):
        again.require_open()
    with pytest.raises(UsageError), again.writer():
        pass
    with pytest.raises(UsageError):
        again.memory_sha256()
    again.discard()
    LongTermMemory(Home(tmp_path)).verify("chem")


def test_what_a_kill_left_in_a_promoted_session_goes_when_it_is_opened(tmp_path: Path) -> None:
    store = learned(tmp_path)
    LongTermMemory(Home(tmp_path)).promote(store, "chem")
    (store.folder / "snapshots").mkdir()
    (store.folder / "snapshots" / "00000002.safetensors").write_bytes(b"x")
    (store.folder / "episodes.sqlite-wal").write_bytes(SENTENCE.encode())
    SessionStore.open(Home(tmp_path), "papers")
    assert {p.name for p in store.folder.iterdir()} == {"session.json", "lock"}


def test_entries_are_never_replaced(tmp_path: Path) -> None:
    memories = LongTermMemory(Home(tmp_path))
    first = memories.promote(learned(tmp_path), "chem")
    other = learned(tmp_path, "other")
    with pytest.raises(UsageError, match=r'workspace.remove_entry\(name="chem"\)'):
        memories.promote(other, "chem")
    assert newest(other) == 2
    assert memories.verify("chem") == first
    with pytest.raises(UsageError):
        memories.promote(other, "../chem")
    with pytest.raises(UsageError, match="was promoted to chem"):
        memories.promote(SessionStore.open(Home(tmp_path), "papers"), "second")
    assert memories.promote(SessionStore.open(Home(tmp_path), "papers"), "chem") == first


def test_a_session_that_went_on_after_a_killed_promotion_needs_a_new_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = learned(tmp_path)
    memories = LongTermMemory(Home(tmp_path))

    def killed(self: SessionStore, entry: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(SessionStore, "mark_promoted", killed)
        with pytest.raises(KeyboardInterrupt):
            memories.promote(store, "chem")
    with store.writer():
        read_paper(store, 3)
    with pytest.raises(UsageError):
        memories.promote(store, "chem")
    assert memories.promote(store, "chem-2").position == 60
    assert memories.verify("chem").position == 40


def test_a_session_with_a_writer_is_not_promoted(tmp_path: Path) -> None:
    store = learned(tmp_path)
    with store.writer(), pytest.raises(LockedError):
        LongTermMemory(Home(tmp_path)).promote(SessionStore.open(Home(tmp_path), "papers"), "chem")
    assert LongTermMemory(Home(tmp_path)).list().entries == ()


def test_a_session_starts_from_an_entry_byte_for_byte_and_can_cite(tmp_path: Path) -> None:
    memories = LongTermMemory(Home(tmp_path))
    first = learned(tmp_path)
    digest, files = first.memory_sha256(), sorted(p.read_bytes() for p in (first.folder / "snapshots").iterdir())
    entry = memories.promote(first, "chem")
    store = memories.start_session("chem", "next")
    assert (store.info.origin, store.info.fingerprint, store.info.memory) == ("chem", "model-1", {"chunk": 64})
    assert (position_of(store), store.memory_sha256(), check_whole(store)) == (40, digest, 2)
    assert sorted(p.read_bytes() for p in (store.folder / "snapshots").iterdir()) == files
    with store.writer() as episodes:
        assert {s.origin for s in episodes.sources()} == {"ltm:chem"}
        assert [e.kind for e in episodes.events()] == ["read", "read", "started"]
        assert episodes.search_blocks("topic1", 5)
        done = read_paper(store, 3)
        assert (done.number, episodes.position(), done.source_id) == (3, 60, 3)
        assert [b.position for b in episodes.every_block()] == [0, 10] * 3
        episodes.check()
    assert memories.verify("chem") == entry
    second = memories.promote(store, "chem-next")
    assert second.parent == "chem"
    with memories.start_session("chem-next").episodes() as episodes:
        assert {s.origin for s in episodes.sources()} == {"ltm:chem-next"}


def test_a_plain_session_knows_nothing_of_any_entry(tmp_path: Path) -> None:
    LongTermMemory(Home(tmp_path)).promote(learned(tmp_path), "chem")
    store = new_session(tmp_path, "fresh")
    with store.episodes() as episodes:
        assert episodes.sources() == []
        assert episodes.search_blocks("zymurgist", 5) == []
    assert list(store.cells()) == []


def test_after_a_promotion_the_next_step_is_told(tmp_path: Path) -> None:
    LongTermMemory(Home(tmp_path)).promote(learned(tmp_path), "chem")
    with pytest.raises(NotFoundError, match=r"Session\.new\(entry="):
        Home(tmp_path).find_session(None)


@pytest.mark.parametrize("file", ["memory.safetensors", "episodes.sqlite"])
def test_a_flipped_byte_in_an_entry_is_found_and_nothing_starts_from_it(tmp_path: Path, file: str) -> None:
    memories = LongTermMemory(Home(tmp_path))
    memories.promote(learned(tmp_path), "chem")
    path = tmp_path / "ltm" / "chem" / file
    raw = bytearray(path.read_bytes())
    raw[-5] ^= 1
    path.chmod(0o600)
    path.write_bytes(bytes(raw))
    with pytest.raises(DamagedError):
        memories.verify("chem")
    with pytest.raises(DamagedError):
        memories.start_session("chem", "next")
    path.unlink()
    with pytest.raises(DamagedError):
        memories.verify("chem")
    with pytest.raises(DamagedError):
        memories.start_session("chem", "next")
    assert Home(tmp_path).session_names() == ["papers"]


@pytest.mark.parametrize("file", ["memory.safetensors", "episodes.sqlite"])
def test_a_file_that_grew_is_damage_and_is_not_read_to_its_end(tmp_path: Path, file: str) -> None:
    memories = LongTermMemory(Home(tmp_path))
    memories.promote(learned(tmp_path), "chem")
    path = tmp_path / "ltm" / "chem" / file
    path.chmod(0o600)
    os.truncate(path, 1 << 40)  # a hole: it would take hours
    for work in (memories.verify, lambda name: memories.start_session(name, "next")):
        with pytest.raises(DamagedError, match="1,099,511,627,776 bytes"):
            work("chem")


def test_an_entry_is_removed_even_when_it_is_damaged(tmp_path: Path) -> None:
    memories = LongTermMemory(Home(tmp_path))
    memories.promote(learned(tmp_path), "chem")
    memories.promote(learned(tmp_path, "b"), "bio")
    path = tmp_path / "ltm" / "bio" / "entry.json"
    path.chmod(0o600)
    path.write_bytes(b"{")
    assert [e.name for e in memories.list().entries] == ["chem"]
    assert len(memories.list().unreadable) == 1
    removed = memories.remove("chem")
    assert removed is not None
    assert memories.remove("bio") is None
    assert list((tmp_path / "ltm").iterdir()) == []
    with pytest.raises(NotFoundError):
        memories.show("chem")


def test_an_entry_whose_rows_refer_to_nothing_starts_no_session(tmp_path: Path) -> None:
    """Even if somebody made its checksums fit."""
    LongTermMemory(Home(tmp_path)).promote(learned(tmp_path), "chem")
    kept = tmp_path / "ltm" / "chem"
    database = kept / "episodes.sqlite"
    database.chmod(0o600)
    with closing(sqlite3.connect(database)) as db:
        db.execute("DELETE FROM sources")
        db.commit()
    entry = json.loads((kept / "entry.json").read_text())
    entry["episodes_sha256"] = hashlib.sha256(database.read_bytes()).hexdigest()
    del entry["checksum"]
    (kept / "entry.json").chmod(0o600)
    (kept / "entry.json").write_text(json.dumps(entry))
    with pytest.raises(DamagedError, match="refers to one that is missing"):
        LongTermMemory(Home(tmp_path)).start_session("chem", "fresh")
    assert Home(tmp_path).session_names() == ["papers"]
