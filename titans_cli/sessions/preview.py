"""What an ingest would read, and what it would take, without reading anything into a session.

Every file is parsed and cut into segments as an ingest would do it, so pages, tokens and room are what they will be;
the time is an estimate, by this machine's last run (`pace`) or else by a few seconds of trying. Nothing is written.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from titans_cli.errors import Interrupted, ReadError
from titans_cli.model.interface import SessionModel
from titans_cli.progress import FileFailed
from titans_cli.readers import read, read_ahead
from titans_cli.records import ITEM, Page
from titans_cli.sessions import pace
from titans_cli.sessions.engines import engine_of, insist, new_engine
from titans_cli.sessions.ingest import How, What, discovered, failed
from titans_cli.sessions.machine import default_threads
from titans_cli.sessions.room import Room
from titans_cli.store import Home, SessionStore

_TEXT = "The lattice was grown for {n} tides at a salinity of {n}.5 g/kg, and its cover was measured every tide. "
_ROUNDS = 3  # of trying; the first one warms up
BESIDE = 1.07  # of the time of learning, with parsing, cutting and storing (README of 0.1: 7% of a long text's time)


@dataclass(frozen=True, slots=True)
class Preview:
    """`seconds`: an estimate, told by `by`: "last time" or "a trial now". `room`: bytes of disk, at most."""

    session: str | None  # None: one would be created
    files: int
    read: int  # that would be read; `changed` of them take the place of an earlier version
    changed: int
    unchanged: int  # skipped
    failed: tuple[FileFailed, ...]
    left_out: tuple[str, ...]  # that no reader knows by name
    pages: int
    tokens: int
    seconds: float
    by: str
    tokens_per_s: float
    room: int
    free: int


def preview(
    home: Home, session: str | None, what: What, how: How | None = None, tell: Callable[[str], None] = lambda _: None
) -> Preview:
    """`tell` gets the name of each file before it is looked at. Raises as `ingest`, and Interrupted."""
    how = how or How()
    found = discovered(what, how)
    name = session if session is not None else home.current()
    store = None if name is None else SessionStore.open(home, name)
    if store is None:
        engine = new_engine(how.model, loading=how.loading)
    else:
        store.require_open()
        engine = engine_of(store.info)
        if how.model is not None:
            insist(how.model, how.loading, store.info)
    where = next(p for p in (home.root, *home.root.parents) if p.is_dir()) if store is None else store.folder
    room = Room(where, engine, how.max_room)
    known, uris = set[str](), set[str]()
    if store is not None:
        with store.episodes() as episodes:
            sources = [s for s in episodes.sources() if not s.uri.startswith(ITEM)]
            known, uris = {s.sha256 for s in sources}, {s.uri for s in sources}
    failures = [failed(display, error) for display, error in found.failures]
    changed = unchanged = pages = tokens = needed = count = 0
    with closing(read_ahead(found.sources, how.reading, known, how.ahead, how.stop)) as ready_ones:
        for ready in ready_ones:
            if how.stop():
                raise Interrupted("stopped; nothing was read")
            tell(ready.source.display)
            if ready.error is not None:
                failures.append(failed(ready.source.display, ready.error))
                continue
            if ready.document is None and ready.sha256 in known:
                unchanged += 1
                continue
            try:
                document = ready.document or read(ready.source, how.reading)
                if document.sha256 in known:  # of standard input, or twice among these files
                    unchanged += 1
                    continue
                segments = engine.segments(document.pages)
                room.admit(ready.source.display, document.pages, segments, None)
            except ReadError as error:
                failures.append(failed(ready.source.display, error))
                continue
            known.add(document.sha256)
            count += 1
            changed += ready.source.uri in uris
            pages += len(document.pages)
            tokens += sum(len(s.tokens) for s in segments)
            needed += room.needed(document.pages, segments)
    if how.stop():
        raise Interrupted("stopped; nothing was read")
    threads = store.info.threads if store is not None else default_threads()
    speed = pace.load(home).tokens_per_s.get(pace.key(engine.fingerprint, engine.precision, threads))
    by = "a trial now" if speed is None else "last time"
    speed = trial(engine) / BESIDE if speed is None else speed
    return Preview(
        store.info.name if store is not None else None,
        len(found.sources),
        count,
        changed,
        unchanged,
        tuple(failures),
        found.left_out,
        pages,
        tokens,
        tokens / speed,
        by,
        speed,
        needed,
        room.free(),
    )


def trial(engine: SessionModel) -> float:
    """Tokens a second that this machine learns just now, of a text of a few thousand tokens."""
    segments = engine.segments([Page(1, "".join(_TEXT.format(n=n) for n in range(100)))])
    best = float("inf")
    for _ in range(_ROUNDS):
        begun = time.perf_counter()
        engine.read(engine.initial_state(), segments)
        best = min(best, time.perf_counter() - begun)
    return sum(len(s.tokens) for s in segments) / best
