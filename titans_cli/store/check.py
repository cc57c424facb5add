"""What is wrong with a session's data: rows against files, text against pages, counts against rows.

Needs no model. What only the model can tell (whether a cell is what its text makes of it) is `sessions.health`'s part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from titans_cli.errors import DamagedError, IncompatibleError, StorageError
from titans_cli.records import Block, SessionInfo, SourceRecord
from titans_cli.steps import Hint, NextStep
from titans_cli.store.episodes import Episodes
from titans_cli.store.files import sha256_of, storage_errors
from titans_cli.store.home import Home
from titans_cli.store.locks import WriterLock
from titans_cli.store.manifest import read_session, session_text, write_session
from titans_cli.store.queries import DIGEST
from titans_cli.store.session import DATABASE, SESSION_META
from titans_cli.store.snapshots import snapshot_path

CELL, TEXT, ROWS = "cell", "text", "database"


@dataclass(frozen=True, slots=True)
class Finding:
    """`kind`: "session", "database", "cell" (all can be put right), or "text" (lost if its pages are)."""

    kind: str
    subject: str
    what: str
    hint: Hint
    source_id: int | None = None


def restore_session_file(home: Home, name: str, *, dry_run: bool = False, timeout: float = 0) -> bool:
    """Write `session.json` anew from the copy in the database, if it is damaged; whether it was.

    Raises DamagedError when there is no copy or the database cannot be read; IncompatibleError, StorageError.
    """
    folder = home.session_folder(name)
    try:
        read_session(folder)
    except DamagedError as damage:
        with Episodes.open(folder / DATABASE, check=True) as episodes:
            kept = episodes.meta(SESSION_META)
        if kept is None:
            raise damage
        info = read_session(folder, kept)
        if not dry_run:
            with WriterLock(folder).acquire(timeout, "repair"):
                write_session(folder, info)
        return True
    return False


def copy_is_sound(info: SessionInfo, episodes: Episodes) -> bool:
    """Whether the database's copy of `session.json` says what the file says: it may be needed one day."""
    kept = episodes.meta(SESSION_META)
    try:
        return kept is not None and read_session(episodes.path.parent, kept) == info
    except (DamagedError, IncompatibleError):
        return False


def keep_copy(info: SessionInfo, episodes: Episodes) -> None:
    """Copy what `session.json` says into the database."""
    episodes.set_meta(SESSION_META, session_text(info))


def findings_of(session: str, snapshots: Path, episodes: Episodes, *, read_data: bool) -> Iterator[Finding]:
    """All that does not fit, document by document. `read_data`: read the cells' files, not only look at their sizes."""
    repair = NextStep("session repair", session=session)
    for event in episodes.damaged_events():
        hint = Hint("Drop it: ", repair)
        yield Finding(ROWS, session, f"event {event} does not have the checksum that was recorded for it", hint)
    for source_id in episodes.damaged_items():
        problem = f"key, tags or exclusion of source {source_id} do not have the checksum that was recorded for them"
        hint = Hint("Drop key and tags, and keep the text: ", repair)
        yield Finding(ROWS, session, problem, hint, source_id)
    for source_id in episodes.damaged_cards():
        problem = f"the catalogue card of source {source_id}, or what its reader left out, is not what was written"
        hint = Hint("Drop it, and keep the text: ", repair)
        yield Finding(ROWS, session, problem, hint, source_id)
    position, by_document = 0, episodes.counts_by_document()
    anew = Hint(
        "Make anew what its pages tell: ",
        repair,
        "; if they are damaged, that forgets the document: then read it again: ",
        NextStep("ingest", paths=None, session=session),
    )
    for source in episodes.sources():
        try:
            blocks = episodes.blocks_of(source.id)
            problems = _text_problems(source, blocks, episodes)
        except DamagedError as error:  # rows that cannot be told: neither can those after them
            yield Finding(TEXT, source.display, error.what, anew, source.id)
            return
        for problem in problems:
            yield Finding(TEXT, source.display, problem, anew, source.id)
        position = 0 if by_document else position
        for block in blocks:
            if block.position != position:
                problem = f"segment {block.index} is not where it was read"
                yield Finding(ROWS, source.display, problem, Hint("Count anew: ", repair), source.id)
            position += block.tokens
        for subject, problem in _cell_problems(source, episodes, snapshots, read_data):
            hint = Hint("Learn it anew from the retained text: ", repair)
            yield Finding(CELL, subject, problem, hint, source.id)


def _text_problems(source: SourceRecord, blocks: Sequence[Block], episodes: Episodes) -> list[str]:
    """What does not fit together; and if all does, whether it is still what was written."""
    problems = list(_text_misfits(source, blocks, episodes))
    written = episodes.meta(f"{DIGEST}{source.id}")
    if not problems and written is not None and written != episodes.digest_of(source.id):
        problems.append("what is retained of it does not have the checksum that was recorded for it")
    return problems


def _text_misfits(source: SourceRecord, blocks: Sequence[Block], episodes: Episodes) -> Iterator[str]:
    pages = {page.number: page.text for page in episodes.pages(source.id)}
    if len(pages) != source.pages:  # numbers may be missing: pages that could not be read were left out
        yield f"{len(pages)} of its {source.pages} pages are there"
    if [b.index for b in blocks] != list(range(source.blocks_done)) or source.blocks_done > source.blocks_total:
        yield f"{len(blocks)} segments are there, and {source.blocks_done} should be"
    if sum(b.tokens for b in blocks) != source.tokens:
        yield "its segments have another number of tokens than the document"
    for block in blocks:
        if pages.get(block.page, "")[block.start : block.end] != block.text:
            yield f"segment {block.index} is not what stands on page {block.page}"
    if episodes.landmarks_of(source.id) not in (0, len(blocks)):
        yield "some of its segments have no landmark"


def _cell_problems(
    source: SourceRecord, episodes: Episodes, snapshots: Path, read_data: bool
) -> Iterator[tuple[str, str]]:
    cells = episodes.cells_of(source.id)
    done = [0, *(c.blocks_done for c in cells)]
    ordered = [c.cell for c in cells] == list(range(len(cells))) and sorted(set(done)) == done
    if not ordered or done[-1] != source.blocks_done:
        yield source.display, f"its cells have learned {done[-1]} segments, and {source.blocks_done} were read"
    for cell in cells:
        path = snapshot_path(snapshots, cell.number)
        try:
            with storage_errors(path):
                size = path.stat().st_size if path.exists() else None
            if size is None:
                yield str(path), "the file is missing"
            elif size != cell.size:
                yield str(path), f"it is {size} bytes long, and {cell.size} were written"
            elif read_data and sha256_of(path) != cell.sha256:
                yield str(path), "its bytes do not have the checksum that was recorded for them"
        except StorageError as error:
            yield str(path), error.what
