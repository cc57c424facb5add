"""Whether a session is sound, and making it so again.

A cell is nothing but what its document's text makes of the initial memory. So a damaged cell costs nothing but the time
to read that document again from the retained text, and a check can compare every cell with what it should be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from titans_cli.errors import DamagedError
from titans_cli.records import CLOSED, INHERITED, Block, Segment, SessionInfo, SnapshotInfo, SourceRecord
from titans_cli.sentences import VERSIONS
from titans_cli.sessions.consolidate import in_form, settle
from titans_cli.sessions.traces import events_about
from titans_cli.steps import Hint, NextStep
from titans_cli.store import (
    Episodes,
    Finding,
    Home,
    SessionStore,
    StoredCell,
    copy_is_sound,
    findings_of,
    keep_copy,
    restore_session_file,
)
from titans_cli.store.manifest import FORMAT, write_session
from titans_cli.store.snapshots import encoded_sha256

if TYPE_CHECKING:
    from titans_cli.model.interface import SessionModel

DATABASE, SNAPSHOTS = "episodes.sqlite", "snapshots"


@dataclass(frozen=True, slots=True)
class Report:
    session: str
    documents: int
    cells: int
    read_data: bool
    replayed: bool
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class RepairResult:
    session: str
    session_file: bool  # session.json was restored from its copy in the database, or the copy from it
    indexes: bool  # word indexes and positions were made anew; rows that referred to nothing, damaged events dropped
    relearned: tuple[SourceRecord, ...]  # documents whose cells were learned anew: nothing is lost
    lost: tuple[SourceRecord, ...]  # documents whose text was damaged: forgotten
    done: bool  # False for a dry run


def check_session(home: Home, selector: str | None, *, read_data: bool = False, replay: bool = False) -> Report:
    """Everything that is wrong with a session. `replay`: read all retained text again and compare every cell.

    Raises NotFoundError, IncompatibleError, StorageError; what is damaged is found, not raised.
    """
    name = home.find_session(selector)
    folder = home.session_folder(name)
    findings: list[Finding] = []
    info: SessionInfo | None = None
    try:
        info = SessionStore.open(home, name).info
    except DamagedError as error:
        findings.append(Finding("session", str(error.subject), error.what, Hint("Restore it: ", _repair(name))))
    if info is not None and info.state == "promoted":
        return Report(name, 0, 0, read_data, replay, ())
    documents = cells = 0
    try:
        findings += _look(home, name, read_data=read_data or replay)
        with Episodes.open(folder / DATABASE) as episodes, episodes.frozen():
            if info is not None and not copy_is_sound(info, episodes):
                problem = "its copy in the database is not what session.json says"
                findings.append(Finding("session", name, problem, Hint("Copy it anew: ", _repair(name))))
            documents, cells = len(episodes.sources()), len(episodes.snapshots())
            if replay and info is not None:
                findings += _replay(info, episodes, {f.source_id for f in findings})
    except DamagedError as error:
        findings.append(Finding("database", str(error.subject), error.what, error.hint or Hint()))
    return Report(name, documents, cells, read_data or replay, replay, tuple(findings))


def _look(home: Home, name: str, *, read_data: bool, again: bool = True) -> list[Finding]:
    """What is wrong without a model. A writer may remove a file whose row we have just read; so we look twice."""
    folder = home.session_folder(name)
    findings: list[Finding] = []
    with Episodes.open(folder / DATABASE, check=True) as episodes, episodes.frozen():
        try:
            episodes.check_schema()
            episodes.check()
        except DamagedError as error:
            hint = Hint("Make the indexes anew: ", _repair(name))
            findings.append(Finding("database", str(error.subject), error.what, hint))
        findings += findings_of(name, folder / SNAPSHOTS, episodes, read_data=read_data)
    if again and findings:
        second = _look(home, name, read_data=read_data, again=False)
        findings = [finding for finding in findings if finding in second]
    return findings


def _repair(name: str) -> NextStep:
    return NextStep("session repair", session=name)


def _replay(info: SessionInfo, episodes: Episodes, known: set[int | None]) -> Iterator[Finding]:
    """The cells that are not what their text makes of the initial memory."""
    from titans_cli.sessions.engines import engine_of

    engine = engine_of(info)
    for source in episodes.sources():
        if source.id in known:
            continue
        cells = episodes.cells_of(source.id)
        made = _learn(engine, source, episodes)
        if made is None or [c.blocks_done for c in made] != [c.blocks_done for c in cells]:
            again = NextStep("ingest", paths=source.display, session=info.name)
            hint = Hint("Forget the document: ", _repair(info.name), "; then read it again: ", again)
            yield Finding(
                "text", source.display, "its text is not cut into the segments it was read in", hint, source.id
            )
            continue
        wrong = _other_bytes(cells, made, info.fingerprint)
        if wrong:  # an earlier release left cells open
            wrong = _other_bytes(wrong, _learn(engine, source, episodes, close=False) or [], info.fingerprint)
        for row in wrong:
            problem = f"cell {row.cell} is not what its text makes of the initial memory"
            hint = Hint("Equal bytes are promised on one machine and torch only; learn it anew: forget and ingest it")
            yield Finding("cell", source.display, problem, hint, source.id)


def _other_bytes(rows: Sequence[SnapshotInfo], made: Iterable[StoredCell], fingerprint: str) -> list[SnapshotInfo]:
    """The rows whose files are not those of the cells that were `made`."""
    sums = {cell.index: encoded_sha256(cell.tensors, fingerprint=fingerprint) for cell in made}
    return [row for row in rows if sums.get(row.cell) != row.sha256]


def _learn(
    engine: SessionModel, source: SourceRecord, episodes: Episodes, *, close: bool = True
) -> list[StoredCell] | None:
    """The document's cells, learned from its retained pages; None if these are not the segments that were read."""
    from titans_cli.sessions.learning import learn, segments_as_read

    blocks = episodes.blocks_of(source.id)
    segments = segments_as_read(engine, episodes.pages(source.id), source, blocks)
    if len(segments) != source.blocks_total or [s.text for s in segments[: len(blocks)]] != [b.text for b in blocks]:
        return None
    read = learn(engine, segments[: source.blocks_done], ends=source.complete, close=close)
    forms = {cell: form for (of, cell), (form, _) in episodes.consolidated().items() if of == source.id and close}
    made = {part.cell.index: part.cell for part in read}
    return [replace(c, tensors=in_form(engine, c.tensors, forms[i])) if i in forms else c for i, c in made.items()]


def repair_session(
    home: Home,
    selector: str | None,
    *,
    dry_run: bool = False,
    compact: bool = False,
    retry_lock: float = 0,
    engine: SessionModel | None = None,
) -> RepairResult:
    """Put right what can be: session.json, word indexes, cells. A document whose text is damaged is forgotten.

    `compact`: documents whose cells an earlier release left open are read anew from their text, and take a tenth. Those
    that came from an entry stay as they are there: the gate holds an heir to that.

    Raises DamagedError when the database cannot be read or has other tables, or when nothing says what session.json
    said; LockedError, IncompatibleError, StorageError.
    """
    name = home.find_session(selector)
    session_file = restore_session_file(home, name, dry_run=dry_run, timeout=retry_lock)
    if session_file and dry_run:
        return RepairResult(name, True, False, (), (), False)
    store = SessionStore.open(home, name)
    if store.info.state == "promoted":
        return RepairResult(name, session_file, False, (), (), not dry_run)
    with store.writer(timeout=retry_lock, command="repair") as episodes:
        episodes.check_schema()  # tables that are not ours cannot be mended
        if not copy_is_sound(store.info, episodes):
            session_file = True
            if not dry_run:
                keep_copy(store.info, episodes)
        findings = list(findings_of(name, store.folder / SNAPSHOTS, episodes, read_data=True))
        indexes = _index_is_damaged(episodes) or any(f.kind == "database" for f in findings)
        if indexes and not dry_run:
            episodes.mend()
            episodes.check()
        text_ids = {f.source_id for f in findings if f.kind == "text"}
        cell_ids = {f.source_id for f in findings if f.kind == "cell"}
        left_open = set[int]()
        if compact and store.info.memory.get("attached") is None:  # an attached memory has no closed form
            left_open = {s.id for s in episodes.sources() if _left_open(store, episodes, s)} - cell_ids
        unsound = [s for s in episodes.sources() if s.id in text_ids | cell_ids | left_open]

        def load() -> SessionModel:
            nonlocal engine
            if engine is None:
                from titans_cli.sessions.engines import engine_of

                engine = engine_of(store.info)
            return engine

        if not unsound:
            if not dry_run:
                settle(store, episodes, load)
            return RepairResult(name, session_file, indexes, (), (), not dry_run)
        engine = load()
        lost = [s for s in unsound if s.id in text_ids and not _restore(engine, s, episodes, dry_run)]
        relearned = [s for s in unsound if s not in lost and s.id in cell_ids | left_open]
        if not dry_run:
            for source in relearned:
                closing = source.id in left_open
                made = (_learn if closing else _as_they_were)(engine, source, episodes)
                if made is None:
                    lost.append(source)
                    continue
                store.relearn(source, made)
            if lost:
                store.forget([s.id for s in lost], lambda: events_about(episodes, lost))
            if compact and store.info.format != FORMAT:
                store.info = replace(store.info, format=FORMAT)
                keep_copy(store.info, episodes)
                write_session(store.folder, store.info)
            settle(store, episodes, load)
        kept = tuple(s for s in unsound if s not in lost)
        return RepairResult(name, session_file, indexes, kept, tuple(lost), not dry_run)


def _as_they_were(engine: SessionModel, source: SourceRecord, episodes: Episodes) -> list[StoredCell] | None:
    """As `_learn`, and a cell that an earlier release left open is open again: where that gives its row's bytes."""
    rows, made = episodes.cells_of(source.id), _learn(engine, source, episodes)
    other = _other_bytes(rows, made or [], engine.fingerprint)
    if made is None or not other:
        return made
    opened = {cell.index: cell for cell in _learn(engine, source, episodes, close=False) or []}
    strange = _other_bytes(other, opened.values(), engine.fingerprint)
    right = {row.cell for row in other} - {row.cell for row in strange}
    return [opened[cell.index] if cell.index in right else cell for cell in made]


def _left_open(store: SessionStore, episodes: Episodes, source: SourceRecord) -> bool:
    """Whether a cell that learns no more has not been closed, and is sound. Not what came from an entry."""
    if source.origin.startswith(INHERITED):
        return False
    rows = episodes.cells_of(source.id)
    for row in rows if source.complete else rows[:-1]:
        try:
            if not any(name.startswith(CLOSED) for name in store.load(row)):
                return True
        except DamagedError:
            return False  # it is learned anew for that
    return False


def _restore(engine: SessionModel, source: SourceRecord, episodes: Episodes, dry_run: bool) -> bool:
    """Make blocks, surprises and landmarks of a document anew from its pages; whether it then is what was written."""
    from titans_cli.sessions.learning import block_of, learn

    tried: list[list[Segment]] = []
    for version in VERSIONS:  # which one cut it is told by the blocks, and those may be what is damaged
        segments = engine.segments(episodes.pages(source.id), version=version)
        if segments in tried:
            continue
        tried.append(segments)
        blocks, landmarks = list[Block](), list[bytes]()
        for part in learn(engine, segments[: source.blocks_done], close=False):
            blocks += [block_of(segment, 0, s) for segment, s in zip(part.segments, part.surprise, strict=True)]
            landmarks += part.landmarks
        if episodes.restore_blocks(source.id, blocks, landmarks, dry_run=dry_run):
            return True
    return False


def _index_is_damaged(episodes: Episodes) -> bool:
    try:
        episodes.check()
    except DamagedError:
        return True
    return False
