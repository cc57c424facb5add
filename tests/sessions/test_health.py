"""Damage is found wherever it is, named with what to do, and repaired as far as the retained text reaches."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.pdfmaker import build_pdf, garbled_page, text_page
from tests.sessions.samples import (
    LONG,
    Prepared,
    file_hashes,
    memory_of,
    open_session,
    read_into,
    retained,
    start,
    with_a_long_one,
    write_document,
    write_documents,
)
from titans_cli.errors import DamagedError, Interrupted, LockedError
from titans_cli.model.engine import Engine
from titans_cli.sessions import health, lifecycle
from titans_cli.sessions.health import check_session, repair_session
from titans_cli.sessions.history import forget
from titans_cli.steps import in_shell
from titans_cli.store import Home, SessionStore, StoredCell, findings_of

Damage = Callable[[Path], None]


@pytest.fixture
def store(home: Home, prepared: Prepared, tiny_folder: Path) -> SessionStore:
    """Two short documents and a long one between them."""
    prepared("long between", with_a_long_one(tiny_folder, 1))
    return open_session(home, "papers")


def sql(*statements: str) -> Damage:
    def damage(folder: Path) -> None:
        db = sqlite3.connect(folder / "episodes.sqlite")
        for statement in statements:
            db.execute(statement)
        db.commit()
        db.close()

    return damage


def cell_file(folder: Path) -> Path:
    return sorted((folder / "snapshots").iterdir())[1]


def flip_cell(folder: Path) -> None:
    path = cell_file(folder)
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)


def cut_cell(folder: Path) -> None:
    path = cell_file(folder)
    path.write_bytes(path.read_bytes()[:-9])


def remove_cell(folder: Path) -> None:
    cell_file(folder).unlink()


CELLS: dict[str, Damage] = {
    "flipped": flip_cell,
    "cut": cut_cell,
    "missing": remove_cell,
    "no row": sql("DELETE FROM snapshots WHERE source_id = 2 AND cell = 1"),
    "wrong digest": sql("UPDATE snapshots SET sha256 = 'x' WHERE source_id = 2 AND cell = 0"),
}
TEXTS: dict[str, Damage] = {
    "page": sql("UPDATE pages SET text = replace(text, 'a', 'b') WHERE source_id = 2"),
    "no page": sql("DELETE FROM pages WHERE source_id = 2"),
    "title": sql("UPDATE sources SET title = 'Another' WHERE id = 2"),
}
# What is damaged follows from the pages, which are sound.
FOLLOWING: dict[str, Damage] = {
    "block": sql("UPDATE blocks SET text = 'something else' WHERE source_id = 2 AND ordinal = 3"),
    "no number": sql("UPDATE blocks SET start_char = 'x' WHERE source_id = 2 AND ordinal = 3"),
    "no block": sql("DELETE FROM blocks WHERE source_id = 2 AND ordinal = 3"),
    "vector": sql("UPDATE landmarks SET vector = zeroblob(64) WHERE block_id = (SELECT max(id) - 9 FROM blocks)"),
    "shorter vector": sql("UPDATE landmarks SET vector = x'00' WHERE block_id = (SELECT max(id) - 9 FROM blocks)"),
    "landmark": sql("DELETE FROM landmarks WHERE block_id IN (SELECT id FROM blocks WHERE source_id = 2 LIMIT 1)"),
    "surprise": sql("UPDATE blocks SET surprise = 7.5 WHERE source_id = 2 AND ordinal = 3"),
    "block and cell": sql(
        "UPDATE blocks SET text = 'something else' WHERE source_id = 2 AND ordinal = 3",
        "UPDATE snapshots SET sha256 = 'x' WHERE source_id = 2 AND cell = 0",
    ),
}


def test_a_sound_session_is_sound(home: Home, store: SessionStore) -> None:
    forget(home, "papers", "1")
    for options in ({}, {"read_data": True}, {"replay": True}):
        report = check_session(home, "papers", **options)
        assert (report.findings, report.documents) == ((), 2)
        assert report.cells > 2


@pytest.mark.parametrize("wrong", ["blocks_done = 'x'", "size = x'00'", "uri = x'ff'"])
def test_a_row_that_tells_nothing_is_damage_and_not_a_crash(home: Home, store: SessionStore, wrong: str) -> None:
    sql(f"UPDATE sources SET {wrong} WHERE id = 2")(store.folder)
    (finding,) = check_session(home, "papers", replay=True).findings
    assert "of a SourceRecord is" in finding.what
    with pytest.raises(DamagedError, match="titans session repair"):
        repair_session(home, "papers")


def test_segments_of_a_document_that_is_not_there_are_damage(home: Home, store: SessionStore) -> None:
    from titans_cli.sessions.ask import ask

    sql("DELETE FROM sources WHERE id = 2")(store.folder)
    with pytest.raises(DamagedError, match="not there"):
        ask(home, "papers", "What does the kernel hold?")
    assert repair_session(home, "papers")
    ask(home, "papers", "What does the kernel hold?")


def test_checking_changes_nothing(home: Home, store: SessionStore) -> None:
    def files() -> dict[str, str]:
        """SQLite's own come and go with readers."""
        return {k: v for k, v in file_hashes(store.folder).items() if not k.endswith(("-wal", "-shm"))}

    before = files(), retained(store)
    check_session(home, "papers", replay=True)
    assert (files(), retained(store)) == before


@pytest.mark.parametrize("damage", CELLS.values(), ids=CELLS)
def test_a_damaged_cell_is_found_and_learned_anew_from_the_text(
    home: Home, store: SessionStore, damage: Damage
) -> None:
    before = memory_of(store), retained(store)
    damage(store.folder)
    findings = check_session(home, "papers", read_data=True).findings
    assert findings
    assert {f.kind for f in findings} == {"cell"}
    assert all("titans session repair papers" in in_shell(f.hint) for f in findings)
    preview = repair_session(home, "papers", dry_run=True)
    assert check_session(home, "papers", read_data=True).findings == findings
    done = repair_session(home, "papers")
    assert [Path(s.uri).name for s in done.relearned] == ["long.txt"]
    assert (preview.relearned, preview.lost, done.lost) == (done.relearned, (), ())
    assert (memory_of(store), retained(store)) == before
    assert check_session(home, "papers", replay=True).findings == ()


@pytest.mark.parametrize("damage", TEXTS.values(), ids=TEXTS)
def test_a_document_whose_text_is_damaged_is_found_and_forgotten_and_said_to_be_lost(
    home: Home, store: SessionStore, damage: Damage
) -> None:
    with store.episodes() as episodes:
        read = sorted(Path(s.uri) for s in episodes.sources())
    damage(store.folder)
    findings = check_session(home, "papers").findings
    assert "text" in {f.kind for f in findings}
    assert {f.source_id for f in findings if f.kind == "text"} >= {2}
    done = repair_session(home, "papers")
    assert "long.txt" in {Path(s.uri).name for s in done.lost}
    assert check_session(home, "papers", replay=True).findings == ()
    read_into(home, "papers", read)
    assert check_session(home, "papers", replay=True).findings == ()
    with store.episodes() as episodes:
        assert len(episodes.sources()) == 3


@pytest.mark.parametrize("damage", FOLLOWING.values(), ids=FOLLOWING)
def test_what_follows_from_a_documents_pages_is_made_anew_and_the_document_stays(
    home: Home, store: SessionStore, damage: Damage
) -> None:
    before = memory_of(store), retained(store)
    damage(store.folder)
    findings = check_session(home, "papers").findings
    assert "text" in {f.kind for f in findings}
    preview = repair_session(home, "papers", dry_run=True)
    assert check_session(home, "papers").findings == findings
    done = repair_session(home, "papers")
    assert (preview.relearned, preview.lost, done.lost) == (done.relearned, (), ())
    assert len(done.relearned) == 1
    assert (memory_of(store), retained(store)) == before
    assert check_session(home, "papers", replay=True).findings == ()


def test_a_document_that_is_not_fully_read_has_a_checksum_too(home: Home, store: SessionStore, tmp_path: Path) -> None:
    path = write_document(tmp_path / "unfinished.txt", sentences=LONG, seed=9)
    with pytest.raises(Interrupted):
        read_into(home, "papers", [path], stop=lambda: True)
    assert check_session(home, "papers", read_data=True).findings == ()
    sql("UPDATE sources SET title = 'Another' WHERE id = 4")(store.folder)
    (finding,) = check_session(home, "papers").findings
    assert (finding.kind, finding.subject) == ("text", str(path))


@pytest.mark.parametrize(
    "change", ["UPDATE meta SET value = '{}' WHERE key = 'session'", "DELETE FROM meta WHERE key = 'session'"]
)
def test_the_databases_copy_of_session_json_is_looked_at_and_made_anew(
    home: Home, store: SessionStore, change: str
) -> None:
    sql(change)(store.folder)
    (finding,) = check_session(home, "papers").findings
    assert (finding.kind, "titans session repair papers" in in_shell(finding.hint)) == ("session", True)
    assert repair_session(home, "papers").session_file
    assert check_session(home, "papers").findings == ()
    (store.folder / "session.json").unlink()
    assert repair_session(home, "papers").session_file
    assert open_session(home, "papers").info == store.info


def test_a_replay_finds_a_cell_that_is_whole_and_wrong(home: Home, store: SessionStore, tiny_engine: Engine) -> None:
    """Checksums all fit; only reading the text again tells."""
    with store.writer() as episodes:
        source = episodes.sources()[0]
        tensors = {n: t + 1 for n, t in tiny_engine.to_tensors(tiny_engine.initial_state()).items()}
        store.commit(source, cells=[StoredCell(0, source.blocks_done, tensors)])
    assert check_session(home, "papers", read_data=True).findings == ()
    (found,) = check_session(home, "papers", replay=True).findings
    assert (found.kind, found.source_id) == ("cell", 1)


def test_what_an_earlier_release_left_open_is_sound_and_is_made_small(
    home: Home, tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Into the very bytes of a session that was read today."""
    paths = write_documents(tmp_path / "docs", 2)
    with monkeypatch.context() as earlier:
        earlier.setattr(Engine, "closed", lambda self, state, _: self.to_tensors(state))
        earlier.setattr("titans_cli.store.session.FORMAT", 2)
        start(home, "old", tiny_folder)
        read_into(home, "old", paths)
    start(home, "new", tiny_folder)
    read_into(home, "new", paths)
    old, new = open_session(home, "old"), open_session(home, "new")
    assert (old.info.format, new.info.format) == (2, 3)
    assert old.memory_sha256() != new.memory_sha256()
    assert check_session(home, "old", replay=True).findings == ()
    assert repair_session(home, "old").relearned == ()
    assert len(repair_session(home, "old", compact=True, dry_run=True).relearned) == 2
    assert len(repair_session(home, "old", compact=True).relearned) == 2
    assert open_session(home, "old").info.format == 3
    assert open_session(home, "old").memory_sha256() == new.memory_sha256()
    assert check_session(home, "old", replay=True).findings == ()
    assert repair_session(home, "old", compact=True).relearned == ()


INDEXES: dict[str, Damage] = {
    "words": sql("DELETE FROM blocks_fts_docsize WHERE id < 5", "DELETE FROM events_fts_docsize"),
    "places": sql("UPDATE blocks SET position = position + 1 WHERE source_id = 2"),
    "dangling": sql("INSERT INTO landmarks VALUES (99999, zeroblob(64))", "INSERT INTO pages VALUES (77, 1, 'x')"),
}


@pytest.mark.parametrize("damage", INDEXES.values(), ids=INDEXES)
def test_what_follows_from_the_rest_is_made_anew_and_nothing_is_lost(
    home: Home, store: SessionStore, damage: Damage
) -> None:
    before = retained(store)
    damage(store.folder)
    findings = check_session(home, "papers").findings
    assert {f.kind for f in findings} == {"database"}
    assert all("repair" in in_shell(f.hint) for f in findings)
    done = repair_session(home, "papers")
    assert (done.indexes, done.relearned, done.lost) == (True, (), ())
    assert retained(store) == before
    assert check_session(home, "papers", replay=True).findings == ()


def test_positions_of_an_earlier_release_are_sound_until_and_after_they_are_counted_anew(
    home: Home, store: SessionStore
) -> None:
    before = retained(store)
    sql(
        "UPDATE blocks SET position = read.before FROM (SELECT id, sum(tokens) OVER (ORDER BY source_id, ordinal)"
        " - tokens AS before FROM blocks) AS read WHERE blocks.id = read.id",
        "CREATE INDEX blocks_position ON blocks (position)",
        "PRAGMA user_version = 3",
    )(store.folder)
    assert check_session(home, "papers").findings == ()
    sql("UPDATE blocks SET position = 0 WHERE source_id = 2")(store.folder)
    assert {f.what.rpartition(" ")[2] for f in check_session(home, "papers").findings} == {"read"}  # not where it was
    assert repair_session(home, "papers").lost == ()
    assert retained(store) == before
    assert check_session(home, "papers", replay=True).findings == ()


@pytest.mark.parametrize("change", ["text = 'I read nothing.'", "at = '1970'", "data = '{}'"])
def test_an_event_that_was_changed_is_found_and_dropped(home: Home, store: SessionStore, change: str) -> None:
    def events() -> list[int]:
        with store.episodes() as episodes:
            return [e.id for e in episodes.events()]

    before = events()
    sql(f"UPDATE events SET {change} WHERE id = {before[1]}")(store.folder)
    (found,) = check_session(home, "papers").findings
    assert (found.kind, f"event {before[1]}" in found.what) == ("database", True)
    assert repair_session(home, "papers").indexes
    assert check_session(home, "papers", replay=True).findings == ()
    assert events() == [before[0], *before[2:]]


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", None], ids=["empty", "torn", "list", "missing"])
def test_session_json_is_restored_from_the_database(home: Home, store: SessionStore, raw: bytes | None) -> None:
    path = store.folder / "session.json"
    before = json.loads(path.read_text())
    if raw is None:
        path.unlink()
    else:
        path.write_bytes(raw)
    assert "session" in {f.kind for f in check_session(home, "papers").findings}
    assert repair_session(home, "papers", dry_run=True).session_file
    assert (path.read_bytes() if path.exists() else None) == raw
    assert repair_session(home, "papers").session_file
    assert json.loads(path.read_text()) == before
    assert check_session(home, "papers", replay=True).findings == ()


@pytest.mark.parametrize("raw", [b"", b"noise" * 2000, None], ids=["empty", "noise", "missing"])
def test_a_database_that_cannot_be_read_is_found_and_not_repaired(
    home: Home, store: SessionStore, raw: bytes | None
) -> None:
    for path in store.folder.glob("episodes.sqlite*"):
        path.unlink()
    if raw is not None:
        (store.folder / "episodes.sqlite").write_bytes(raw)
    assert [f.kind for f in check_session(home, "papers").findings] == ["database"]
    with pytest.raises(DamagedError) as caught:
        repair_session(home, "papers")
    assert caught.value.exit_code == 13
    assert "titans session discard papers" in str(caught.value)


def test_tables_that_are_not_ours_are_found_and_not_repaired(home: Home, store: SessionStore) -> None:
    sql("DROP INDEX sources_sha256")(store.folder)
    assert [f.kind for f in check_session(home, "papers").findings] == ["database"]
    with pytest.raises(DamagedError, match="tables"):
        repair_session(home, "papers")


def test_a_writer_that_goes_on_while_we_check_is_no_damage(
    home: Home, store: SessionStore, tiny_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the reading of the rows and the look at the files, a cell is superseded and its file goes."""
    whole, seen = findings_of, list[list[Any]]()

    def late(name: str, snapshots: Path, episodes: Any, *, read_data: bool) -> Any:
        if not seen:
            rows = episodes.snapshots()  # what we see from here on
            with store.writer() as writing:
                source = writing.sources()[0]
                store.commit(source, cells=[StoredCell(0, source.blocks_done, store.load(rows[0]))])
        seen.append(list(whole(name, snapshots, episodes, read_data=read_data)))
        return iter(seen[-1])

    monkeypatch.setattr(health, "findings_of", late)
    assert check_session(home, "papers", read_data=True).findings == ()
    assert [len(found) for found in seen] == [1, 0]


def test_repairing_needs_the_lock_and_checking_does_not(home: Home, store: SessionStore) -> None:
    with store.writer():
        assert check_session(home, "papers").findings == ()
        with pytest.raises(LockedError):
            repair_session(home, "papers")


def test_a_session_that_needs_no_repair_is_left_alone(home: Home, store: SessionStore) -> None:
    before: Any = file_hashes(store.folder / "snapshots"), retained(store)
    done = repair_session(home, "papers")
    assert (done.session_file, done.indexes, done.relearned, done.lost) == (False, False, (), ())
    assert (file_hashes(store.folder / "snapshots"), retained(store)) == before


def test_a_fork_reads_on_like_the_session_it_came_from(home: Home, store: SessionStore, tmp_path: Path) -> None:
    from titans_cli.sessions import lifecycle

    lifecycle.fork(home, "papers", "fork")
    new = write_document(tmp_path / "new.txt", seed=40)
    before = memory_of(store)
    read_into(home, "fork", [new])
    assert memory_of(open_session(home, "papers")) == before != memory_of(open_session(home, "fork"))
    read_into(home, "papers", [new])
    pairs = zip(open_session(home, "papers").cells(), open_session(home, "fork").cells(), strict=True)
    assert all(torch.equal(a[name], b[name]) for (_, a), (_, b) in pairs for name in a)
    assert check_session(home, "fork", replay=True).findings == ()


def test_a_document_with_a_page_that_could_not_be_read_is_sound(
    home: Home, tmp_path: Path, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its other pages keep their numbers; repair must not forget it."""
    monkeypatch.setenv("TITANS_PDF", "pypdf")  # PDFium can read that page
    path = tmp_path / "gap.pdf"
    path.write_bytes(build_pdf([garbled_page(), text_page("What the second page says.")]))
    read_into(home, "papers", [path])
    with open_session(home, "papers").episodes() as episodes:
        assert [(s.display, s.pages) for s in episodes.sources()][-1] == (str(path), 1)
        assert [page.number for page in episodes.pages(4)] == [2]
    assert check_session(home, "papers", read_data=True, replay=True).findings == ()
    assert repair_session(home, "papers").lost == ()


# ---------------------------------------------------------------- what was read of a document beside its text

LISTED = "@article{a, title = {Weirs}, author = {Mara Quill}, year = {1987}, journal = {Letters}}\n"
PAGE = '<html><title>Weirs</title><meta name="author" content="Mara Quill"><body><p>They hold.</p><img></body></html>'


@pytest.fixture
def described(home: Home, store: SessionStore, tmp_path: Path) -> SessionStore:
    """With two documents more that have cards: one of its author, one of the works that it lists."""
    (page := tmp_path / "page.html").write_text(PAGE)
    (works := tmp_path / "works.bib").write_text(LISTED)
    read_into(home, "papers", [page, works])
    return store


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE cards SET value = 'Mara Quell' WHERE value = 'Mara Quill'",
        "UPDATE cards SET origin = 'somewhere' WHERE field = 'author'",
        "DELETE FROM cards WHERE field = 'author'",
        "INSERT INTO cards SELECT id, 'venue', 0, 'Letters', 'x' FROM sources WHERE kind = 'txt' LIMIT 1",
        "UPDATE cards SET value = '{\"title\": ' WHERE field = 'entry'",
        "INSERT INTO omissions SELECT max(id), 'pictures', 3 FROM sources",
        "INSERT INTO meta SELECT 'year:' || min(id), '1066' FROM sources",
    ],
)
def test_a_card_that_was_changed_is_found_and_dropped(home: Home, described: SessionStore, change: str) -> None:
    assert check_session(home, "papers").findings == ()
    before = retained(described)
    sql(change)(described.folder)
    (found,) = check_session(home, "papers").findings
    assert found.kind == "database"
    assert "card" in found.what
    repaired = repair_session(home, "papers")
    assert repaired.indexes
    assert not repaired.lost
    assert check_session(home, "papers").findings == ()
    assert retained(described) | {"sources": ()} == before | {"sources": ()}


@pytest.mark.parametrize(
    ("field", "value"), [("date", "then"), ("entry", '{"title": '), ("entry", '{"date": ["then"]}'), ("other", "x")]
)
def test_a_card_that_tells_nothing_is_damage_and_not_a_crash(
    home: Home, described: SessionStore, field: str, value: str
) -> None:
    """Also where no checksum says so: in a session of an earlier release, or one that somebody made by hand."""
    sql(
        "DELETE FROM meta WHERE key GLOB 'digest:card:*'",
        f"INSERT INTO cards SELECT min(id), '{field}', 7, '{value}', 'x' FROM sources",
    )(described.folder)
    with described.episodes() as episodes, pytest.raises(DamagedError, match="the card of source"):
        episodes.cards()
    (found,) = check_session(home, "papers").findings
    assert "card" in found.what
    repair_session(home, "papers")
    with described.episodes() as episodes:
        assert len(episodes.cards()) == 5
    assert check_session(home, "papers").findings == ()


def test_a_session_of_before_cards_had_checksums_is_sound(home: Home, described: SessionStore) -> None:
    sql("DELETE FROM meta WHERE key GLOB 'digest:card:*'")(described.folder)
    assert check_session(home, "papers", read_data=True).findings == ()
    with described.episodes() as episodes:
        assert any(card.authors for card in episodes.cards().values())


def test_checksums_of_cards_go_with_copies_and_with_what_is_forgotten(
    home: Home, described: SessionStore, tmp_path: Path
) -> None:
    lifecycle.fork(home, "papers", "fork", use=False)
    forget(home, "papers", str(tmp_path / "page.html"))
    for name, count in (("papers", 4), ("fork", 5)):
        db = sqlite3.connect(home.sessions_dir / name / "episodes.sqlite")
        assert db.execute("SELECT count(*) FROM meta WHERE key GLOB 'digest:card:*'").fetchone() == (count,)
        db.close()
    sql("UPDATE cards SET value = 'Mara Quell' WHERE value = 'Mara Quill'")(home.sessions_dir / "fork")
    assert len(check_session(home, "fork").findings) == 1
