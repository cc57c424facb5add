"""The database of a session."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.samples import SENTENCE, blocks, event, page, row, source, vector
from titans_cli.errors import DamagedError, IncompatibleError, LockedError, NotFoundError, StorageError
from titans_cli.records import Episode, SourceRecord
from titans_cli.store import Addition, Episodes
from titans_cli.store import database as database_module
from titans_cli.store.rows import records


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "episodes.sqlite"


@pytest.fixture
def episodes(path: Path) -> Iterator[Episodes]:
    with Episodes.create(path) as opened:
        yield opened


def read(episodes: Episodes, number: int) -> None:
    episodes.commit(
        source(number),
        Addition(
            pages=[page(number)],
            blocks=blocks(number),
            landmarks=[vector(number), vector(-number)],
            events=[event(f"read the paper{number}")],
        ),
        snapshots=[row(number)],
    )


def answers_of(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """What the file says, without this package."""
    with closing(sqlite3.connect(path)) as db:
        return db.execute(sql).fetchall()


def change(path: Path, sql: str) -> None:
    """As somebody does who opens the file with another program."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(sql)


def test_a_commit_is_read_back_whole(episodes: Episodes, path: Path) -> None:
    read(episodes, 1)
    read(episodes, 2)
    with Episodes.open(path) as reader:
        assert [s.uri for s in reader.sources()] == ["/papers/1.txt", "/papers/2.txt"]
        assert reader.source_by_uri("/papers/2.txt") == reader.source_by_sha("sha-2") == reader.source(2)
        assert reader.source_by_uri("x") is None
        first = reader.blocks_of(1)
        assert [(b.id, b.source_id, b.index, b.position) for b in first] == [(1, 1, 0, 0), (2, 1, 1, 10)]
        assert all(reader.page(1, b.page)[b.start : b.end] == b.text for b in first)
        assert [b.id for b in reader.blocks([4, 99, 1])] == [4, 1]
        assert [b.id for b in reader.every_block()] == [1, 2, 3, 4]
        assert reader.position() == 40
        assert reader.landmarks() == ([1, 2, 3, 4], 4, vector(1) + vector(-1) + vector(2) + vector(-2))
        assert [(s.number, s.source_id, s.cell, s.blocks_done) for s in reader.snapshots()] == [
            (1, 1, 0, 2),
            (2, 2, 0, 2),
        ]
        assert reader.newest_snapshot() == 2
        assert reader.cells_of(2) == reader.snapshots()[1:]
        assert [p.number for p in reader.pages(1)] == [1]
        assert [(e.id, e.kind, e.data) for e in reader.events()] == [(1, "read", {"n": 1}), (2, "read", {"n": 1})]
        with pytest.raises(NotFoundError):
            reader.page(1, 2)


def test_a_source_is_carried_on_in_a_later_commit(episodes: Episodes) -> None:
    both = blocks(1)
    done = episodes.commit(source(1, done=1), Addition(pages=[page(1)], blocks=both[:1]), snapshots=[row(1, done=1)])
    assert done == source(1, done=1, id_=1)
    assert not episodes.sources()[0].complete
    episodes.commit(source(1, id_=1), Addition(pages=[page(1)], blocks=both[1:]), snapshots=[row(2)])
    assert episodes.sources() == [source(1, id_=1)]
    assert len(episodes.blocks_of(1)) == 2
    assert [(s.number, s.cell) for s in episodes.snapshots()] == [(2, 0)]  # the newer state took the older one's place


def test_what_a_reader_left_out_is_kept_with_its_document(episodes: Episodes) -> None:
    first = episodes.commit(source(1), Addition(omissions=[("script", 1), ("comment", 3)]))
    episodes.commit(source(2))
    assert episodes.omissions() == {first.id: (("comment", 3), ("script", 1))}
    episodes.forget([first.id])
    assert episodes.omissions() == {}


def test_the_memorys_digest_is_that_of_its_cells_in_the_order_of_reading(episodes: Episodes, tmp_path: Path) -> None:
    blank = episodes.memory_sha256()
    episodes.commit(source(1, done=1), snapshots=[row(1, done=1)])
    episodes.commit(source(2), snapshots=[row(2)])
    forth = episodes.memory_sha256()
    with Episodes.create(tmp_path / "other.sqlite") as other:
        other.commit(source(2), snapshots=[row(2)])
        other.commit(source(1), snapshots=[row(1)])
        assert len({blank, forth, other.memory_sha256()}) == 3
    with Episodes.create(tmp_path / "same.sqlite") as same:
        same.commit(source(7), snapshots=[replace(row(5), sha256="sha1")])
        same.commit(source(8), snapshots=[replace(row(6), sha256="sha2")])
        assert same.memory_sha256() == forth


def test_a_commit_that_fails_leaves_nothing(episodes: Episodes) -> None:
    read(episodes, 1)
    bad = blocks(2)
    with pytest.raises(sqlite3.IntegrityError):
        episodes.commit(source(2), Addition(pages=[page(2)], blocks=bad, events=[event("x")]), snapshots=[row(1)])
    with pytest.raises(ValueError, match="no source 7"):
        episodes.commit(source(2, id_=7))
    with pytest.raises(ValueError, match="no source 7"):
        episodes.commit(source(2), Addition(forget=[1, 7]))
    with pytest.raises(ValueError, match="equally long"):
        episodes.commit(source(2), Addition(blocks=bad, landmarks=[b"1234", b"5678"]))
    with pytest.raises(ValueError, match="1 landmarks for 2 blocks"):
        episodes.commit(source(2), Addition(blocks=bad, landmarks=[b"1234"]))
    assert len(episodes.sources()) == len(episodes.events()) == 1
    assert (episodes.newest_snapshot(), episodes.position()) == (1, 20)


def test_words_are_found_by_their_stem_and_the_best_come_first(episodes: Episodes) -> None:
    read(episodes, 1)
    read(episodes, 2)
    hits = episodes.search_blocks("fermenting topic2", 10)
    assert hits[0][0] == 4
    assert {i for i, _ in hits} == {1, 3, 4}
    assert all(score > 0 for _, score in hits[:1])
    assert [score for _, score in hits] == sorted((s for _, s in hits), reverse=True)
    assert len(episodes.search_blocks("fermenting", 1)) == 1
    assert episodes.search_events("paper2 nothing", 5)[0][0].id == 2


@pytest.mark.parametrize("nothing", ["", "  ", '"', "* - ( ) : ^", "\0"])
def test_no_words_find_nothing(episodes: Episodes, nothing: str) -> None:
    read(episodes, 1)
    assert episodes.search_blocks(nothing, 5) == []


@given(words=st.text(max_size=60))
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_is_ever_taken_for_a_query_language(episodes: Episodes, words: str) -> None:
    episodes.search_blocks(words, 5)
    episodes.search_blocks(f'{words}" OR NEAR(a b) AND text:* NOT "{words}', 5)


def test_a_very_long_question_is_still_searched(episodes: Episodes) -> None:
    read(episodes, 1)
    assert episodes.search_blocks("zymurgist " + " ".join(f"w{i}" for i in range(5000)), 5)


@pytest.mark.parametrize("gone", [1, 2, 3])
def test_forgetting_is_for_good_and_keeps_the_rest(episodes: Episodes, path: Path, gone: int) -> None:
    for number in (1, 2, 3):
        read(episodes, number)
    episodes.forget([gone], [gone])
    kept = [number for number in (1, 2, 3) if number != gone]
    assert episodes.sources() == [source(number, id_=number) for number in kept]
    assert [s.source_id for s in episodes.snapshots()] == kept
    assert [b.position for b in episodes.every_block()] == [0, 10, 0, 10]
    assert [b.source_id for b in episodes.every_block()] == [kept[0]] * 2 + [kept[1]] * 2
    assert len(episodes.landmarks()[0]) == 4
    assert episodes.search_blocks(f"topic{gone} number{gone}", 9) == []
    assert [e.id for e in episodes.events()] == kept
    episodes.clean()
    episodes.check()
    assert all(episodes.page(number, 1) == page(number).text for number in kept)
    assert [i for i, _ in episodes.search_blocks(f"topic{kept[0]}", 9)] == [2 * kept[0]]
    raw = b"".join(p.read_bytes() for p in path.parent.iterdir())
    assert f"number{kept[0]}".encode() in raw
    for needle in (f"number{gone}", f"topic{gone}", f"paper{gone}"):
        assert needle.encode() not in raw
    assert vector(-gone) not in raw


def test_a_reader_in_the_middle_of_a_query_only_delays_the_cleaning(
    episodes: Episodes, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.0)
    for number in (1, 2):
        read(episodes, number)
    with Episodes.open(path) as reader, reader.frozen():
        assert len(reader.sources()) == 2
        episodes.forget([2], [2])
        episodes.clean()
        assert len(reader.sources()) == 2
        assert not episodes.is_clean()
    episodes.clean()
    assert b"number2" not in b"".join(p.read_bytes() for p in path.parent.iterdir())
    assert episodes.is_clean()


def test_cleaning_is_no_work_when_nothing_was_forgotten(episodes: Episodes, path: Path) -> None:
    read(episodes, 1)
    before = path.with_name(f"{path.name}-wal").stat().st_size
    episodes.clean()
    assert path.with_name(f"{path.name}-wal").stat().st_size == before


def test_the_word_index_follows_every_deletion_and_change(episodes: Episodes) -> None:
    read(episodes, 1)
    read(episodes, 2)
    raw = sqlite3.connect(episodes.path)
    raw.execute("PRAGMA foreign_keys = ON")
    raw.execute("DELETE FROM sources WHERE id = 1")
    raw.execute("UPDATE blocks SET text = 'entirely different' WHERE id = 3")
    raw.commit()
    raw.close()
    episodes.check()
    assert episodes.search_blocks("topic1 zymurgist", 9) == []
    assert [i for i, _ in episodes.search_blocks("different", 9)] == [3]
    assert episodes.landmarks()[0] == [3, 4]


def test_an_index_out_of_step_is_damage(episodes: Episodes) -> None:
    read(episodes, 1)
    raw = sqlite3.connect(episodes.path)
    raw.execute("DROP TRIGGER blocks_deleted")
    raw.execute("DELETE FROM blocks WHERE id = 2")
    raw.commit()
    raw.close()
    with pytest.raises(DamagedError):
        episodes.check()
    with Episodes.open(episodes.path) as reader, pytest.raises(DamagedError):
        reader.check()


def test_readers_see_the_last_commit_while_a_writer_writes(episodes: Episodes, path: Path) -> None:
    read(episodes, 1)
    with Episodes.open(path) as reader:
        with reader.frozen():
            assert len(reader.sources()) == 1
            read(episodes, 2)
            assert len(reader.sources()) == 1
        seen = list[int]()

        def while_it_writes() -> Iterator[Episode]:
            yield event("uncommitted")
            seen.append(len(reader.events()))  # that event is in the database, and its transaction goes on
            yield event("the last")

        episodes.add_events(while_it_writes())
        assert seen == [2]
        assert len(reader.events()) == 4


def test_a_reader_cannot_write(path: Path, episodes: Episodes) -> None:
    with Episodes.open(path) as reader, pytest.raises(StorageError):
        reader.add_events([event("x")])


def test_the_files_are_private(episodes: Episodes, path: Path) -> None:
    read(episodes, 1)
    names = {p.name: p.stat().st_mode & 0o777 for p in path.parent.iterdir()}
    assert names == dict.fromkeys(("episodes.sqlite", "episodes.sqlite-wal", "episodes.sqlite-shm"), 0o600)


def test_a_database_that_is_none_is_damage(path: Path) -> None:
    for raw in (b"", b"garbage" * 1000, b"SQLite format 3\0" + b"\xff" * 8000):
        path.write_bytes(raw)
        for readonly in (True, False):
            with pytest.raises(DamagedError) as caught:
                Episodes.open(path, readonly=readonly, check=True)
            assert "titans session discard" in str(caught.value)
    path.unlink()
    with pytest.raises(DamagedError, match="missing"):
        Episodes.open(path)
    sqlite3.connect(path).close()
    raw_db = sqlite3.connect(path)
    raw_db.execute("CREATE TABLE other (x)")
    raw_db.close()
    with pytest.raises(DamagedError, match="none of the tables"):
        Episodes.open(path)


def test_a_damaged_name_is_damage_though_it_is_no_text(path: Path) -> None:
    with Episodes.create(path):
        pass
    raw = path.read_bytes()
    messages = []
    for match in re.finditer(rb"sources_uri", raw):
        path.write_bytes(raw[: match.start() + 2] + b"\xa8" + raw[match.start() + 3 :])
        with pytest.raises(DamagedError) as caught:
            Episodes.open(path, check=True)
        messages.append(str(caught.value))
    assert any("a name in it is not text" in message for message in messages)  # SQLite's own message quotes it


def test_a_truncated_or_overwritten_database_is_damage(path: Path) -> None:
    with Episodes.create(path) as made:
        for number in range(1, 30):
            read(made, number)
    good = path.read_bytes()
    half = len(good) // 2 // 4096 * 4096
    for raw in (good[:half], good[:5000], good[:half] + b"\x5a" * (len(good) - half)):
        path.write_bytes(raw)
        with pytest.raises(DamagedError):
            Episodes.open(path, readonly=False, check=True)


def test_a_newer_database_is_left_alone(path: Path, episodes: Episodes) -> None:
    change(path, "PRAGMA user_version = 99")
    with pytest.raises(IncompatibleError, match="version 99"):
        Episodes.open(path)


def test_migrations_are_applied_once_each_and_in_order(
    path: Path, episodes: Episodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(episodes, 1)
    more = (("ALTER TABLE sources ADD COLUMN extra TEXT", "UPDATE sources SET extra = 'x'"),)
    monkeypatch.setattr(database_module, "MIGRATIONS", database_module.MIGRATIONS + more)
    for _ in range(2):
        with Episodes.open(path, readonly=False) as opened:
            assert answers_of(path, "SELECT extra FROM sources") == [("x",)]
            assert opened.sources() == [source(1, id_=1)]
    bad = (("CREATE TABLE half (x)", "this is no SQL"),)
    monkeypatch.setattr(database_module, "MIGRATIONS", database_module.MIGRATIONS + bad)
    with pytest.raises(DamagedError):
        Episodes.open(path, readonly=False)
    assert answers_of(path, "SELECT name FROM sqlite_master WHERE name = 'half'") == []


def test_positions_of_before_are_read_as_they_are_and_counted_by_document_by_whoever_writes(
    path: Path, episodes: Episodes
) -> None:
    for number in (1, 2):
        read(episodes, number)
    episodes.close()
    change(path, "UPDATE blocks SET position = position + 20 * (source_id - 1)")
    change(path, "CREATE INDEX blocks_position ON blocks (position)")
    change(path, "PRAGMA user_version = 3")
    with Episodes.open(path) as reader:
        assert not reader.counts_by_document()
        assert [(b.source_id, b.position) for b in reader.every_block()] == [(1, 0), (1, 10), (2, 20), (2, 30)]
        reader.check_schema()
    with Episodes.open(path, readonly=False) as writer:
        assert writer.counts_by_document()
        assert [(b.source_id, b.position) for b in writer.every_block()] == [(1, 0), (1, 10), (2, 0), (2, 10)]
        writer.check()
        writer.check_schema()


def test_a_full_disk_is_said_and_the_last_commit_stands(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = list[sqlite3.Connection]()

    class Limited(sqlite3.Connection):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            opened.append(self)

    with Episodes.create(path) as made:
        read(made, 1)
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Limited))
    with Episodes.open(path, readonly=False) as episodes:
        (db,) = opened
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StorageError, match="Free some space, then make the same call again"):
            episodes.add_events([event("word " * 100_000)])
        db.execute("PRAGMA max_page_count = 1000000")
        assert len(episodes.events()) == 1
        read(episodes, 2)
        episodes.check()


def test_a_writer_that_never_finishes_is_reported(
    path: Path, episodes: Episodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.01)
    with episodes.unchanging(), Episodes.open(path, readonly=False) as other, pytest.raises(LockedError):
        other.add_events([event("x")])


def test_values_that_cannot_be_are_damage(path: Path, episodes: Episodes) -> None:
    read(episodes, 1)
    change(path, "UPDATE events SET data = '{torn'")
    with pytest.raises(DamagedError):
        episodes.events()
    change(path, "UPDATE landmarks SET vector = x'00' WHERE block_id = 2")
    with pytest.raises(DamagedError):
        episodes.landmarks()
    change(path, "UPDATE pages SET text = CAST(x'ff' AS TEXT)")
    with pytest.raises(DamagedError):
        episodes.page(1, 1)


def test_events_are_chosen_by_kind_and_time(episodes: Episodes) -> None:
    episodes.add_events([event("a", "asked"), event("b", "answered"), event("c", "asked")])
    assert [e.text for e in episodes.events(kind="asked")] == ["a", "c"]
    assert [e.text for e in episodes.events(limit=2)] == ["b", "c"]
    assert episodes.events(since="2027") == []
    assert SENTENCE not in {e.text for e in episodes.events(until="2027")}


def test_of_one_commit_sources_are_made_once_and_of_the_next_anew(
    episodes: Episodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(episodes, 1)
    made = list[type]()

    def noted(kind: type, rows: Any, path: Path) -> Any:
        made.append(kind)
        return records(kind, rows, path)

    monkeypatch.setattr("titans_cli.store.source_queries.records", noted)
    with episodes.frozen():
        episodes.sources().clear()  # what a caller does with it is its own
        episodes.cards().clear()
        assert len(episodes.sources()) == len(episodes.cards()) == 1
        assert made == [SourceRecord]
    episodes.sources()
    assert made == 2 * [SourceRecord]
