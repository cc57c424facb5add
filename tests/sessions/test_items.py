"""What a session is told can be added, put in another's place, forgotten and left out, and each time wholly."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.sessions.samples import LONG, memory_of, open_session, read_into, retained, start, write_document
from tests.statements import statements_meet
from titans_cli.errors import Interrupted, NotFoundError, UsageError
from titans_cli.progress import BlocksRead
from titans_cli.records import EXCLUDED
from titans_cli.sessions.ask import AskRequest, ask
from titans_cli.sessions.health import check_session, repair_session
from titans_cli.sessions.history import erase_superseded, forget, recall, session_log
from titans_cli.sessions.items import LONGEST_TEXT, ItemRequest, add, filter_items, update
from titans_cli.sessions.lifecycle import PromoteOptions, export, fork, import_, new_session, promote_session
from titans_cli.sessions.retrieve import SummaryRequest, retrieve, summary
from titans_cli.sessions.selection import Filter, moment
from titans_cli.sessions.shelf import Shelf
from titans_cli.store import Episodes, Home, SessionStore
from titans_cli.store import database as database_module

OLD = "The melting point of brunsite is 417 kelvin, as the first survey found."
NEW = "The boiling temperature of brunsite lies near 902 degrees after the recount."
OTHER = "Harbour walls at Castrel were mended with lime mortar in spring."


@pytest.fixture
def store(home: Home, tiny_folder: Path) -> SessionStore:
    return start(home, "papers", tiny_folder)


def raw_bytes(store: SessionStore) -> bytes:
    return b"".join(p.read_bytes() for p in sorted(store.folder.rglob("*")) if p.is_file())


def held_text(store: SessionStore) -> list[str]:
    with store.episodes() as episodes:
        return [page.text for source in episodes.sources() for page in episodes.pages(source.id)]


def sound(home: Home, name: str = "papers") -> bool:
    return check_session(home, name, read_data=True, replay=True).findings == ()


def test_an_item_is_learned_as_a_document_of_the_same_text(home: Home, store: SessionStore, tmp_path: Path) -> None:
    path = write_document(tmp_path / "long.txt", sentences=LONG)
    told = add(home, "papers", ItemRequest(path.read_text(), label="a long note", tags=["b", "a", "b"]))
    start(home, "read", Path(store.info.model))
    read_into(home, "read", [path])
    assert memory_of(store) == memory_of(open_session(home, "read"))
    mine, theirs = retained(store), retained(open_session(home, "read"))
    for part in ("pages", "blocks", "landmarks", "position"):
        assert mine[part] == theirs[part]
    assert (told.status, told.item.label, told.item.tags, told.item.kind) == (
        "added",
        "a long note",
        ("a", "b"),
        "item",
    )
    assert told.item.tokens == theirs["position"]
    assert sound(home)


def test_telling_is_an_episode_and_durable_when_it_returns(home: Home, store: SessionStore) -> None:
    told = add(home, "papers", ItemRequest(OLD, key="brunsite"))
    event = session_log(home, "papers").events[-1]
    assert event.kind == "told"
    assert OLD in event.text
    assert (event.data["key"], event.data["item"]) == ("brunsite", told.item.id)
    with open_session(home, "papers").episodes() as episodes:
        assert [i.key for i in episodes.items()] == ["brunsite"]
        assert episodes.newest_snapshot() == told.snapshot == 1


def test_the_same_told_again_is_learned_once(home: Home, store: SessionStore) -> None:
    first = add(home, "papers", ItemRequest(OLD, key="brunsite", tags=["metal"]))
    before, digest = len(session_log(home, "papers").events), memory_of(store)
    for again in (
        add(home, "papers", ItemRequest(OLD, key="brunsite", tags=["metal"])),
        add(home, "papers", ItemRequest(OLD, key="brunsite")),
    ):
        assert (again.status, again.item) == ("unchanged", first.item)
    note = add(home, "papers", OTHER)
    assert add(home, "papers", OTHER).item == note.item
    assert add(home, "papers", ItemRequest(OTHER, label="another witness")).status == "added"
    assert len(session_log(home, "papers").events) == before + 2
    assert memory_of(store) != digest


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ({"text": NEW}, "another text"),
        ({"text": OLD, "tags": ["other"]}, "another tags"),
        ({"text": NEW, "label": "x"}, "another text and other label"),
    ],
)
def test_a_key_that_says_something_else_is_refused_and_update_is_named(
    home: Home, store: SessionStore, what: dict[str, Any], says: str
) -> None:
    add(home, "papers", ItemRequest(OLD, key="brunsite"))
    digest = memory_of(store)
    with pytest.raises(UsageError, match=rf'{says}.*session\.update\(item="brunsite"'):
        add(home, "papers", ItemRequest(key="brunsite", **what))
    assert memory_of(store) == digest


@pytest.mark.parametrize(
    "what",
    [
        {"text": ""},
        {"text": " \n\u200b\x00"},
        {"text": "a " * LONGEST_TEXT},
        {"text": OLD, "key": ""},
        {"text": OLD, "key": "a\nb"},
        {"text": OLD, "tags": ["x" * 300]},
        {"text": OLD, "label": "\ud800"},
    ],
)
def test_what_cannot_be_told_is_refused(home: Home, store: SessionStore, what: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        add(home, "papers", ItemRequest(**what))
    assert held_text(store) == []


def test_an_exact_update_equals_never_having_been_told_the_old(home: Home, store: SessionStore) -> None:
    first = add(home, "papers", ItemRequest(OLD, key="brunsite", tags=["metal"]))
    add(home, "papers", ItemRequest(OTHER, key="walls"))
    ask(home, "papers", "What is the melting point of brunsite?")
    done = update(home, "papers", "brunsite", NEW)
    assert (done.status, done.item.id, done.item.tags) == ("updated", first.item.id, ("metal",))
    assert (done.superseded, done.clean) == (0, True)
    assert done.forgotten_events >= 2
    start(home, "never", Path(store.info.model))
    add(home, "never", ItemRequest(OTHER, key="walls"))
    add(home, "never", ItemRequest(NEW, key="brunsite"))
    assert memory_of(store) == memory_of(open_session(home, "never"))
    assert held_text(store) == [OTHER, NEW]
    raw = raw_bytes(store)
    assert b"417 kelvin" not in raw
    assert b"as the first survey" not in raw
    assert sound(home)


def test_a_fast_update_withholds_the_old_until_something_is_forgotten_exactly(home: Home, store: SessionStore) -> None:
    add(home, "papers", ItemRequest(OLD, key="brunsite"))
    add(home, "papers", ItemRequest(OTHER, key="walls"))
    before = ask(home, "papers", "What is the melting point of brunsite?")
    assert "417" in before.text
    done = update(home, "papers", "brunsite", NEW, fast=True)
    assert (done.status, done.superseded, done.item.key) == ("updated", 1, "brunsite")
    assert b"417 kelvin" in raw_bytes(store)
    assert all("417" not in p.text for p in retrieve(home, "papers", "melting point of brunsite").passages)
    assert "417" not in ask(home, "papers", AskRequest("What is the melting point of brunsite?", log=False)).text
    assert not any("417" in e.text for e in recall(home, "papers", "melting brunsite kelvin").events)
    assert [i.key for i in filter_items(home, "papers", Filter()).items] == ["walls", "brunsite"]
    assert sound(home)
    forget(home, "papers", "walls")
    assert b"417 kelvin" not in raw_bytes(store)
    assert held_text(store) == [NEW]
    told = [e.data["key"] for e in session_log(home, "papers").events if e.kind == "told"]
    assert told == ["brunsite"]
    assert sound(home)


def test_a_fast_update_loads_no_cell_of_the_old(home: Home, store: SessionStore, tiny_engine: Any) -> None:
    """What the memory recalls is read from the cells it is given; the old one's is not among them."""
    add(home, "papers", ItemRequest(OLD, key="brunsite"))
    update(home, "papers", "brunsite", NEW, fast=True)
    given = list[Any]()
    engine = _Watching(tiny_engine, given)
    retrieve(home, "papers", "brunsite", engine=engine)
    fresh = start(home, "fresh", Path(store.info.model))
    add(home, "fresh", NEW)
    (only,) = given
    assert [c.opened().weights.numpy().tobytes() for c in only] == [
        c.opened().weights.numpy().tobytes() for c in Shelf().cells(fresh, tiny_engine)
    ]


class _Watching:
    """An engine that remembers which cells it was asked to recall from."""

    def __init__(self, engine: Any, given: list[Any]) -> None:
        self.engine, self.given = engine, given

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def recall(self, cells: Any, question: str) -> Any:
        self.given.append(list(cells))
        return self.engine.recall(cells, question)


def test_back_and_forth_by_fast_updates_then_erased(home: Home, store: SessionStore) -> None:
    add(home, "papers", ItemRequest(OLD, key="brunsite"))
    for text in (NEW, OLD, NEW, OLD):
        assert update(home, "papers", "brunsite", text, fast=True).status == "updated"
    assert erase_superseded(store) == 4
    assert erase_superseded(store) == 0
    assert held_text(store) == [OLD]
    assert b"902 degrees" not in raw_bytes(store)
    start(home, "never", Path(store.info.model))
    add(home, "never", OLD)
    assert memory_of(store) == memory_of(open_session(home, "never"))
    assert sound(home)


def test_an_update_that_changes_nothing_or_only_tags_learns_nothing(home: Home, store: SessionStore) -> None:
    first = add(home, "papers", ItemRequest(OLD, key="brunsite", tags=["metal"]))
    assert update(home, "papers", first.item.id[:12], OLD).status == "unchanged"
    tagged = update(home, "papers", "brunsite", ItemRequest(OLD, tags=["metal", "checked"]))
    assert (tagged.status, tagged.item.tags, tagged.snapshot) == ("retagged", ("checked", "metal"), first.snapshot)
    assert sound(home)


def test_only_items_are_updated(home: Home, store: SessionStore, tmp_path: Path) -> None:
    path = write_document(tmp_path / "paper.txt")
    read_into(home, "papers", [path])
    with pytest.raises(UsageError, match=r"session\.ingest\("):
        update(home, "papers", "paper.txt", NEW)
    with pytest.raises(NotFoundError):
        update(home, "papers", "nobody", NEW)


def test_a_deleted_item_is_gone_to_the_last_byte_and_its_key_is_free(home: Home, store: SessionStore) -> None:
    add(home, "papers", ItemRequest(OTHER, key="walls"))
    digest = memory_of(store)
    add(home, "papers", ItemRequest(OLD, key="brunsite"))
    preview = forget(home, "papers", "brunsite", dry_run=True)
    assert (preview.done, [s.tokens > 0 for s in preview.sources]) == (False, [True])
    forget(home, "papers", "brunsite")
    assert memory_of(store) == digest
    assert b"brunsite" not in raw_bytes(store)
    with pytest.raises(NotFoundError):
        forget(home, "papers", "brunsite")
    assert add(home, "papers", ItemRequest(NEW, key="brunsite")).status == "added"


def in_a_child_that_dies(where: str, work: Callable[[], object]) -> None:
    """Fork, and let the child be gone, as by SIGKILL, when it comes to a method of Episodes or a statement of SQL."""
    child = os.fork()
    if child == 0:
        try:
            if hasattr(Episodes, where):
                setattr(Episodes, where, lambda *_, **__: os._exit(9))
            else:
                statements_meet(lambda sql: os._exit(9) if sql.startswith(where) else None)
            work()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.parametrize("fast", [False, True], ids=["exact", "fast"])
@pytest.mark.parametrize("where", ["commit", "INSERT INTO blocks ", "INSERT INTO items ", "clean"])
def test_a_killed_update_leaves_the_old_or_the_new(home: Home, store: SessionStore, where: str, fast: bool) -> None:
    """Before the commit, inside its transaction, and after it."""
    add(home, "papers", ItemRequest(OLD, key="brunsite"))
    add(home, "papers", ItemRequest(OTHER, key="walls"))
    calls = 0
    clean = Episodes.clean

    def at_the_second(self: Episodes, *, wait: bool = True) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:  # the first is the writer's own, before it begins
            os._exit(9)
        clean(self, wait=wait)

    def work() -> None:
        if where == "clean":
            Episodes.clean = at_the_second  # type: ignore[method-assign]
        update(home, "papers", "brunsite", NEW, fast=fast)

    in_a_child_that_dies(where, work)
    (text,) = [i for i in retrieve(home, "papers", "brunsite").passages if i.key == "brunsite"]
    assert text.text == (NEW if where == "clean" else OLD)
    assert sound(home)
    again = update(home, "papers", "brunsite", NEW, fast=fast)
    assert again.status == ("unchanged" if where == "clean" else "updated")
    erase_superseded(store)
    assert sorted(held_text(store)) == sorted([NEW, OTHER])
    assert b"417 kelvin" not in raw_bytes(store)


def test_what_is_excluded_takes_no_part_until_it_is_included(home: Home, store: SessionStore, tmp_path: Path) -> None:
    add(home, "papers", ItemRequest(OLD, key="brunsite", tags=["metal", "survey"]))
    add(home, "papers", ItemRequest(OTHER, key="walls", tags=["survey"]))
    path = write_document(tmp_path / "paper.txt")
    read_into(home, "papers", [path])
    digest = memory_of(store)
    done = filter_items(home, "papers", Filter(tags=["metal"]), exclude=True)
    assert memory_of(store) == digest
    assert (done.changed, [i.key for i in done.items], done.items[0].withheld) == (1, ["brunsite"], EXCLUDED)
    assert filter_items(home, "papers", Filter(tags=["metal"]), exclude=True).changed == 0
    assert ask(home, "papers", "What is the melting point of brunsite?").support == "none"
    assert {p.key for p in retrieve(home, "papers", "brunsite walls").passages} == {"walls", None}
    assert [i.key for i in filter_items(home, "papers", Filter(), excluded=True).items] == ["brunsite"]
    updated = update(home, "papers", "brunsite", NEW)
    assert updated.item.withheld == EXCLUDED
    update(home, "papers", "brunsite", OLD)
    assert filter_items(home, "papers", Filter(), include=True).changed == 1
    assert "417" in ask(home, "papers", "What is the melting point of brunsite?").text
    assert [e.kind for e in session_log(home, "papers").events if "clude" in e.kind]
    filter_items(home, "papers", Filter(sources=["paper.txt"]), exclude=True)
    assert {p.key for p in retrieve(home, "papers", "gradient surprise").passages} == {"walls", "brunsite"}
    assert sound(home)


def test_all_excluded_answers_nothing(home: Home, store: SessionStore) -> None:
    add(home, "papers", OLD)
    filter_items(home, "papers", Filter(sources=["*"]), exclude=True)
    assert retrieve(home, "papers", "brunsite").passages == ()
    for question in ("What is the melting point of brunsite?", "Summarize trends."):
        assert ask(home, "papers", question).support == "none"


def test_filters_select_by_tag_time_source_and_surprise(home: Home, store: SessionStore, tmp_path: Path) -> None:
    add(home, "papers", ItemRequest(OLD, key="brunsite", tags=["metal", "survey"], label="survey of 2019"))
    add(home, "papers", ItemRequest(OTHER, key="walls", tags=["survey"]))

    def keys(**what: Any) -> list[str | None]:
        return [i.key for i in filter_items(home, "papers", Filter(**what)).items]

    assert keys() == ["brunsite", "walls"]
    assert keys(tags=["survey", "metal"]) == ["brunsite"]
    assert keys(sources=["survey of*"]) == ["brunsite"]
    assert keys(sources=["wal*", "nobody"]) == ["walls"]
    assert keys(since="1h") == ["brunsite", "walls"]
    assert keys(until="1h") == []
    assert keys(until="2999-01-01", since="2020-01-01T00:00:00+02:00") == ["brunsite", "walls"]
    found = {i.key: i.surprise for i in filter_items(home, "papers", Filter()).items}
    high = max(found, key=lambda k: found[k])
    assert keys(least_surprise=found[high]) == [k for k in found if found[k] >= found[high]]
    assert keys(most_surprise=-1.0) == []
    with pytest.raises(UsageError, match="not a time"):
        keys(since="yesterday")
    for wrong in ({"exclude": True}, {"exclude": True, "include": True}):
        with pytest.raises(UsageError):
            filter_items(home, "papers", Filter(), **wrong)
    with pytest.raises(UsageError, match="matches the tag nothing"):
        retrieve(home, "papers", "brunsite", within=Filter(tags=["nothing"]))
    assert [p.key for p in retrieve(home, "papers", "brunsite", within=Filter(tags=["metal"])).passages] == ["brunsite"]


def test_times_are_ago_or_iso() -> None:
    from datetime import UTC, datetime

    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert moment("2h", now) == "2026-11-23T10:00:00Z"
    assert moment("1.5d", now) == "2026-11-22T00:00:00Z"
    assert moment("2026-11-22T12:00:00+02:00") == "2026-11-22T10:00:00Z"
    for wrong in ("", "999999999w", "2h ago"):
        with pytest.raises(UsageError):
            moment(wrong, now)


def test_a_summary_is_of_what_the_filter_lets_through(home: Home, store: SessionStore) -> None:
    add(home, "papers", ItemRequest(f"{OLD} Samples of brunsite were kept in oil for a year.", tags=["metal"]))
    add(home, "papers", ItemRequest(f"{OTHER} The mason at Castrel used sand from the beach.", tags=["wall"]))
    made = summary(home, "papers", SummaryRequest(within=Filter(tags=["wall"])))
    assert made.support == "evidence"
    assert "mason" in made.text
    assert "brunsite" not in made.text
    with pytest.raises(UsageError, match="no such kind"):
        summary(home, "papers", SummaryRequest(kind="poem"))


def test_a_passage_stands_where_it_says(home: Home, store: SessionStore, tmp_path: Path) -> None:
    read_into(home, "papers", [write_document(tmp_path / "paper.txt", sentences=60)])
    add(home, "papers", ItemRequest(OLD, key="brunsite"))
    before = memory_of(store), len(session_log(home, "papers").events)
    found = retrieve(home, "papers", "What is the melting point of brunsite?", top_k=3)
    assert (len(found.passages), found.passages[0].key) == (3, "brunsite")
    assert [p.number for p in found.passages] == [1, 2, 3]
    assert sorted((p.score for p in found.passages), reverse=True) == [p.score for p in found.passages]
    with store.episodes() as episodes:
        pages = {(s.display, p.number): p.text for s in episodes.sources() for p in episodes.pages(s.id)}
    for p in found.passages:
        assert pages[p.label, p.page][p.start : p.end] == p.text
    assert (memory_of(store), len(session_log(home, "papers").events)) == before
    with pytest.raises(UsageError):
        retrieve(home, "papers", " ")


def test_a_shelf_fetches_topics_once(home: Home, store: SessionStore, tiny_engine: Any, monkeypatch: Any) -> None:
    add(home, "papers", OLD)
    loaded = list[int]()
    load = SessionStore.load

    def noted(self: SessionStore, info: Any) -> Any:
        loaded.append(info.number)
        return load(self, info)

    monkeypatch.setattr(SessionStore, "load", noted)
    shelf, direction = Shelf(), torch.zeros(tiny_engine.spec.d_topic)

    def looked_at() -> int:
        return sum(len(c.topics) > 0 for c in shelf.cells(store, tiny_engine).likely(direction))

    for _ in range(2):
        assert looked_at() == 1
    add(home, "papers", ItemRequest(OTHER, key="walls"))
    assert looked_at() == 2
    forget(home, "papers", "walls")
    assert looked_at() == 1
    assert loaded == [1, 2]
    assert len(shelf.cells(store, tiny_engine, frozenset())) == 0


def test_events_are_recalled_by_words_time_and_kind(home: Home, store: SessionStore) -> None:
    add(home, "papers", OLD)
    ask(home, "papers", "What is brunsite?")
    found = recall(home, "papers", "brunsite")
    assert {e.kind for e in found.events} == {"told", "asked", "answered"}
    assert list(found.scores) == sorted(found.scores, reverse=True)
    assert [e.kind for e in recall(home, "papers", "brunsites", kind="asked").events] == ["asked"]
    assert recall(home, "papers", "brunsite", since="2999-01-01").events == ()
    assert len(recall(home, "papers", "brunsite", since="1h", limit=2).events) == 2
    with pytest.raises(UsageError):
        recall(home, "papers", " ")


def test_an_item_told_beside_a_half_read_document(home: Home, store: SessionStore, tmp_path: Path) -> None:
    path = write_document(tmp_path / "long.txt", sentences=LONG)
    read = 0

    def stop() -> bool:
        nonlocal read
        read += 1
        return read == 2

    with pytest.raises(Interrupted):
        read_into(home, "papers", [path], stop=stop)
    add(home, "papers", OLD)
    events = read_into(home, "papers", [path])
    assert any(isinstance(e, BlocksRead) for e in events)
    assert sound(home)
    start(home, "whole", Path(store.info.model))
    read_into(home, "whole", [path])
    add(home, "whole", OLD)
    assert memory_of(store) == memory_of(open_session(home, "whole"))


def test_an_item_makes_no_file_known(home: Home, store: SessionStore, tmp_path: Path) -> None:
    path = write_document(tmp_path / "paper.txt")
    add(home, "papers", ItemRequest(path.read_text(), key="copy"))
    read_into(home, "papers", [path])
    forget(home, "papers", "copy")
    assert len(held_text(store)) == 1


def test_only_what_counts_is_promoted_forked_and_exported(home: Home, store: SessionStore, tmp_path: Path) -> None:
    for n in range(3):
        add(home, "papers", ItemRequest(f"{OLD} It was seen {n} times.", key=f"k{n}", tags=["metal"]))
    filter_items(home, "papers", Filter(sources=["k1"]), exclude=True)
    for name, make in (
        ("forked", lambda: fork(home, "papers", "forked")),
        ("imported", lambda: (export(home, "papers", tmp_path / "s"), import_(home, tmp_path / "s", "imported"))),
        (
            "again",
            lambda: (
                promote_session(home, "papers", "kept", PromoteOptions(force=True)),
                new_session(home, "again", entry="kept"),
            ),
        ),
    ):
        text = f"{NEW} {name}."
        update(home, "papers", "k2", text, fast=True)
        make()
        items = filter_items(home, name, Filter()).items
        assert [(i.key, i.tags, i.withheld) for i in items] == [
            ("k0", ("metal",), None),
            ("k1", ("metal",), EXCLUDED),
            ("k2", ("metal",), None),
        ]
        assert held_text(open_session(home, name))[-1] == text
        assert len(held_text(open_session(home, name))) == 3
        assert sound(home, name)


def test_a_report_keeps_nothing_that_was_taken_back(home: Home, store: SessionStore) -> None:
    from titans_cli.report.gather import gather

    add(home, "papers", ItemRequest(OTHER, key="walls"))
    add(home, "papers", ItemRequest(OLD, key="brunsite"))
    update(home, "papers", "brunsite", NEW, fast=True)
    facts = repr(gather(home, "papers"))
    assert "902 degrees" in facts
    assert "417 kelvin" not in facts


@pytest.fixture
def of_before(home: Home, store: SessionStore, tmp_path: Path) -> SessionStore:
    """A session as the release before items left it."""
    read_into(home, "papers", [write_document(tmp_path / "paper.txt")])
    with sqlite3.connect(store.folder / "episodes.sqlite") as db:
        db.execute("DELETE FROM derived")
    db.close()
    with store.episodes(readonly=False) as episodes:  # digests as they were before anything was derived
        for event in episodes.events():
            episodes.set_meta(f"digest:event:{event.id}", episodes.event_digest_of(event.id))
    with sqlite3.connect(store.folder / "episodes.sqlite") as db:
        db.executescript("DROP TABLE items; DROP TABLE withheld; DROP TABLE derived; DROP TABLE cards")
        db.executescript("CREATE INDEX blocks_position ON blocks (position)")
        db.executescript("DROP TABLE omissions; PRAGMA user_version = 1")
    db.close()
    return store


def version_of(store: SessionStore) -> int:
    with closing(sqlite3.connect(store.folder / "episodes.sqlite")) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def test_a_session_of_before_items_is_read_as_it_is_and_told_more(home: Home, of_before: SessionStore) -> None:
    digest = memory_of(of_before)
    assert [i.label.endswith("paper.txt") for i in filter_items(home, "papers", Filter()).items] == [True]
    assert retrieve(home, "papers", "gradient surprise").passages
    assert ask(home, "papers", AskRequest("What is a gradient?", log=False))
    assert sound(home)
    assert version_of(of_before) == 1
    assert memory_of(of_before) == digest
    add(home, "papers", ItemRequest(OLD, key="brunsite"))
    assert version_of(of_before) == len(database_module.MIGRATIONS)
    forget(home, "papers", "brunsite")
    assert memory_of(of_before) == digest
    assert sound(home)


def test_a_promoted_session_of_before_items_starts_new_ones(home: Home, of_before: SessionStore) -> None:
    promote_session(home, "papers", "kept", PromoteOptions(force=True))
    new_session(home, "again", entry="kept")
    add(home, "again", ItemRequest(OLD, key="brunsite"))
    assert sound(home, "again")


@pytest.mark.parametrize("sql", ["UPDATE items SET tags = '[\"liar\"]'", "UPDATE withheld SET why = 'nothing'"])
def test_a_changed_tag_or_exclusion_is_found_and_mended(home: Home, store: SessionStore, sql: str) -> None:
    add(home, "papers", ItemRequest(OLD, key="brunsite", tags=["metal"]))
    filter_items(home, "papers", Filter(tags=["metal"]), exclude=True)
    with sqlite3.connect(store.folder / "episodes.sqlite") as db:
        db.execute(sql)
    db.close()
    assert not sound(home)
    repair_session(home, "papers")
    assert sound(home)
    (item,) = filter_items(home, "papers", Filter()).items
    assert (item.key, item.tags) == (None, ())
    assert held_text(store) == [OLD]


def test_a_session_is_made_where_there_is_none(home: Home, tiny_folder: Path) -> None:
    home.ensure()
    told = add(home, None, OLD, model=str(tiny_folder))
    assert told.session == home.current()
    assert filter_items(home, None, Filter()).items == (told.item,)
