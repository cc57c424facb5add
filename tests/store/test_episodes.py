"""The database of a session."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.samples import SENTENCE, blocks, event, page, row, source, vector
from titans_cli.errors import DamagedError, IncompatibleError, LockedError, NotFoundError, StorageError
from titans_cli.store import Episodes
from titans_cli.store import database as database_module


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "episodes.sqlite"


@pytest.fixture
def episodes(path: Path) -> Iterator[Episodes]:
    with Episodes.create(path) as opened:
        opened.commit(snapshot=row(0))
        yield opened


def read(episodes: Episodes, number: int) -> None:
    position = 20 * (number - 1)
    episodes.commit(
        snapshot=row(number, position + 20),
        source=source(number),
        pages=[page(number)],
        blocks=blocks(number, position),
        landmarks=[vector(number), vector(-number)],
        events=[event(f"read the paper{number}")],
    )


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
        assert [b.id for b in reader.blocks_from(10)] == [2, 3, 4]
        assert reader.first_position(2) == 20
        assert reader.landmarks() == ([1, 2, 3, 4], 4, vector(1) + vector(-1) + vector(2) + vector(-2))
        assert [s.number for s in reader.snapshots()] == [0, 1, 2]
        assert (reader.latest_snapshot().source_id, reader.latest_snapshot().blocks_done) == (2, 2)
        assert reader.snapshot_before(39).number == 1
        assert [p.number for p in reader.pages(1)] == [1]
        assert [(e.id, e.kind, e.data) for e in reader.events()] == [(1, "read", {"n": 1}), (2, "read", {"n": 1})]
        with pytest.raises(NotFoundError):
            reader.page(1, 2)
        with pytest.raises(NotFoundError):
            reader.snapshot(9)


def test_a_source_is_carried_on_in_a_later_commit(episodes: Episodes) -> None:
    both = blocks(1, 0)
    first = source(1, done=1)
    done = episodes.commit(snapshot=row(1, 10), source=first, pages=[page(1)], blocks=both[:1])
    assert (done.source_id, done.blocks_done) == (1, 1)
    assert not episodes.sources()[0].complete
    episodes.commit(snapshot=row(2, 20), source=source(1, id_=1), pages=[page(1)], blocks=both[1:])
    assert episodes.sources() == [source(1, id_=1)]
    assert len(episodes.blocks_of(1)) == 2


def test_a_commit_that_fails_leaves_nothing(episodes: Episodes) -> None:
    read(episodes, 1)
    bad = blocks(2, 20)
    with pytest.raises(sqlite3.IntegrityError):
        episodes.commit(snapshot=row(1), source=source(2), pages=[page(2)], blocks=bad, events=[event("x")])
    with pytest.raises(ValueError, match="no source 7"):
        episodes.commit(snapshot=row(2), source=source(2, id_=7))
    with pytest.raises(ValueError, match="equally long"):
        episodes.commit(snapshot=row(2), source=source(2), blocks=bad, landmarks=[b"1234", b"5678"])
    with pytest.raises(ValueError, match="1 landmarks for 2 blocks"):
        episodes.commit(snapshot=row(2), source=source(2), blocks=bad, landmarks=[b"1234"])
    with pytest.raises(ValueError, match="need their source"):
        episodes.commit(snapshot=row(2), blocks=bad)
    with pytest.raises(ValueError, match="never thinned"):
        episodes.commit(snapshot=row(2), thin=[2])
    assert len(episodes.sources()) == len(episodes.events()) == 1
    assert episodes.latest_snapshot().number == 1


def test_words_are_found_by_their_stem_and_the_best_come_first(episodes: Episodes) -> None:
    read(episodes, 1)
    read(episodes, 2)
    found = episodes.search_blocks("fermenting topic2", 10)
    assert found[0][0] == 4
    assert {i for i, _ in found} == {1, 3, 4}
    assert all(score > 0 for _, score in found[:1])
    assert [score for _, score in found] == sorted((s for _, s in found), reverse=True)
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


def test_rewinding_forgets_for_good_and_keeps_the_rest(episodes: Episodes, path: Path) -> None:
    for number in (1, 2, 3):
        read(episodes, number)
    episodes.rewind(1, forget=[2], forget_events=[2])
    assert [(s.id, s.blocks_done) for s in episodes.sources()] == [(1, 2), (3, 0)]
    assert episodes.page(3, 1) == page(3).text
    assert episodes.latest_snapshot().number == 1
    assert [b.id for b in episodes.blocks_from()] == [1, 2]
    assert episodes.landmarks()[0] == [1, 2]
    assert episodes.search_blocks("topic2 topic3 number2", 9) == []
    assert [e.id for e in episodes.events()] == [1, 3]
    assert episodes.search_events("paper2", 9) == []
    episodes.check()
    raw = b"".join(p.read_bytes() for p in path.parent.iterdir())
    assert b"number1" in raw
    assert b"number2" not in raw
    assert b"topic2" not in raw
    assert vector(2) not in raw


def test_rewinding_refuses_a_snapshot_that_had_read_the_forgotten(episodes: Episodes) -> None:
    read(episodes, 1)
    read(episodes, 2)
    with pytest.raises(ValueError, match="had already read"):
        episodes.rewind(1, forget=[1])
    with pytest.raises(NotFoundError):
        episodes.rewind(7)
    assert len(episodes.sources()) == 2


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
        with episodes._transaction():
            episodes._put_events([event("uncommitted")])
            assert len(reader.events()) == 2
        assert len(reader.events()) == 3


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


def test_a_truncated_or_overwritten_database_is_damage(path: Path) -> None:
    with Episodes.create(path) as made:
        made.commit(snapshot=row(0))
        for number in range(1, 30):
            read(made, number)
    good = path.read_bytes()
    half = len(good) // 2 // 4096 * 4096
    for raw in (good[:half], good[:5000], good[:half] + b"\x5a" * (len(good) - half)):
        path.write_bytes(raw)
        with pytest.raises(DamagedError):
            Episodes.open(path, readonly=False, check=True)


def test_a_newer_database_is_left_alone(path: Path, episodes: Episodes) -> None:
    episodes._db.execute("PRAGMA user_version = 99")
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
            assert opened._rows("SELECT extra FROM sources") == [("x",)]
            assert opened.sources() == [source(1, id_=1)]
    bad = (("CREATE TABLE half (x)", "this is no SQL"),)
    monkeypatch.setattr(database_module, "MIGRATIONS", database_module.MIGRATIONS + bad)
    with pytest.raises(DamagedError):
        Episodes.open(path, readonly=False)
    assert episodes._rows("SELECT name FROM sqlite_master WHERE name = 'half'") == []


def test_a_full_disk_is_said_and_the_last_commit_stands(episodes: Episodes) -> None:
    read(episodes, 1)
    pages = episodes._rows("PRAGMA page_count")[0][0]
    episodes._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageError, match="Free some space, then run the same command again"):
        episodes.add_events([event("word " * 100_000)])
    episodes._db.execute("PRAGMA max_page_count = 1000000")
    assert len(episodes.events()) == 1
    read(episodes, 2)
    episodes.check()


def test_a_writer_that_never_finishes_is_reported(
    path: Path, episodes: Episodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.01)
    with episodes._transaction(), Episodes.open(path, readonly=False) as other, pytest.raises(LockedError):
        other.add_events([event("x")])


def test_values_that_cannot_be_are_damage(episodes: Episodes) -> None:
    read(episodes, 1)
    episodes._db.execute("UPDATE events SET data = '{torn'")
    with pytest.raises(DamagedError):
        episodes.events()
    episodes._db.execute("UPDATE landmarks SET vector = x'00' WHERE block_id = 2")
    with pytest.raises(DamagedError):
        episodes.landmarks()
    episodes._db.execute("UPDATE pages SET text = CAST(x'ff' AS TEXT)")
    with pytest.raises(DamagedError):
        episodes.page(1, 1)
    episodes._db.execute("UPDATE snapshots SET thinned = 1")
    with pytest.raises(DamagedError, match="no snapshot"):
        episodes.latest_snapshot()


def test_events_are_chosen_by_kind_and_time(episodes: Episodes) -> None:
    episodes.add_events([event("a", "asked"), event("b", "answered"), event("c", "asked")])
    assert [e.text for e in episodes.events(kind="asked")] == ["a", "c"]
    assert [e.text for e in episodes.events(limit=2)] == ["b", "c"]
    assert episodes.events(since="2027") == []
    assert SENTENCE not in {e.text for e in episodes.events(until="2027")}
