"""What an ingest would read, and what it would take, without reading anything into a session.

Every file is parsed and cut into segments as an ingest would do it, so pages, tokens and room are what they will be;
the time is an estimate, by this machine's last run (`pace`) or else by a few seconds of trying. How many tokens of a
text the memory keeps only learning tells, so a few cells of these files are learned for it. Nothing is written.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

from titans_cli.errors import Interrupted, ReadError
from titans_cli.model.interface import SessionModel
from titans_cli.progress import FileFailed
from titans_cli.readers import read, read_ahead
from titans_cli.records import ITEM, Page, Segment
from titans_cli.sessions import pace
from titans_cli.sessions.engines import engine_of, insist, new_engine
from titans_cli.sessions.ingest import IngestOptions, IngestRequest, discovered, failed
from titans_cli.sessions.machine import default_threads
from titans_cli.sessions.room import JOURNAL, RoomBudget
from titans_cli.store import Home, SessionStore

_TEXT = "The lattice was grown for {n} tides at a salinity of {n}.5 g/kg, and its cover was measured every tide. "
_ROUNDS = 3  # of trying; the first one warms up
_CELLS = 8  # that are learned to see what a closed one takes: some thousand tokens, two seconds
_SURE = 3  # standard errors above their mean: less than once in 700 it is more
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
    home: Home,
    session: str | None,
    request: IngestRequest,
    how: IngestOptions | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Preview:
    """`tell` gets the name of each file before it is looked at. Raises as `ingest`, and Interrupted."""
    how = how or IngestOptions()
    discovery = discovered(request, how)
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
    room = RoomBudget(where, engine, how.max_room)
    known, uris = set[str](), set[str]()
    if store is not None:
        with store.episodes() as episodes:
            sources = [s for s in episodes.sources() if not s.uri.startswith(ITEM)]
            known, uris = {s.sha256 for s in sources}, {s.uri for s in sources}
    failures = [failed(display, error) for display, error in discovery.failures]
    changed = unchanged = pages = tokens = 0
    closed, documents = Closed(engine), list[tuple[int, int]]()  # of each: bytes kept but for its tokens, and meanwhile
    with closing(read_ahead(discovery.sources, how.reading, known, how.ahead, how.stop)) as ready_ones:
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
            meanwhile = room.needed(document.pages, segments) - room.after(document.pages, segments)
            documents.append((room.after(document.pages, segments, 0.0), meanwhile))
            closed.sample(segments)
            changed += ready.source.uri in uris
            pages += len(document.pages)
            tokens += sum(len(s.tokens) for s in segments)
    if how.stop():
        raise Interrupted("stopped; nothing was read")
    threads = store.info.threads if store is not None else default_threads()
    speed = pace.load(home).tokens_per_s.get(pace.key(engine.fingerprint, engine.precision, threads))
    by = "a trial now" if speed is None else "last time"
    speed = trial(engine) / BESIDE if speed is None else speed
    return Preview(
        store.info.name if store is not None else None,
        len(discovery.sources),
        len(documents),
        changed,
        unchanged,
        tuple(failures),
        discovery.left_out,
        pages,
        tokens,
        tokens / speed,
        by,
        speed,
        taken(documents, int(closed.per_token() * tokens)),
        room.free(),
    )


def taken(documents: Sequence[tuple[int, int]], tokens: int) -> int:
    """Bytes of disk, at most: all that is kept of every document, and what the one that needs most takes meanwhile.

    `documents`: bytes kept of each but for its tokens in closed cells, and bytes of it that are there only while it is
    read. `tokens`: bytes of all tokens in closed cells."""
    meanwhile = [own for _, own in documents]
    journal = min(JOURNAL, sum(meanwhile))  # as large as it was once, it stays until the end
    return sum(kept for kept, _ in documents) + tokens + max(meanwhile, default=0) + journal


class Closed:
    """What a token takes in a closed cell, by a few cells of what would be read, each as likely as any other."""

    def __init__(self, engine: SessionModel) -> None:
        self._engine, self._seen = engine, 0
        self._cells = list[Sequence[Segment]]()
        self._random = random.Random(0)  # the same files give the same figure

    def sample(self, segments: Sequence[Segment]) -> None:
        """Of a document; its cells may be taken in the place of others (reservoir sampling, Vitter 1985)."""
        size = self._engine.cell_segments
        for start in range(0, len(segments), size):
            self._seen += 1
            if len(self._cells) < _CELLS:
                self._cells.append(segments[start : start + size])
            elif (place := self._random.randrange(self._seen)) < _CELLS:
                self._cells[place] = segments[start : start + size]

    def per_token(self) -> float:
        """Bytes, at most but for chance; 0 where cells stay open. Learns the cells."""
        bound = self._engine.closed_token
        if bound is None or not self._cells:
            return 0.0
        sizes = [self._bytes(cell) for cell in self._cells]
        tokens = [sum(len(s.tokens) for s in cell) for cell in self._cells]
        if self._seen <= _CELLS:  # all there are
            return sum(sizes) / max(1, sum(tokens))
        rates = [size / max(1, count) for size, count in zip(sizes, tokens, strict=True)]
        spread = statistics.stdev(rates) / len(rates) ** 0.5
        return float(min(bound, statistics.fmean(rates) + _SURE * spread))

    def _bytes(self, segments: Sequence[Segment]) -> int:
        state = self._engine.read(self._engine.initial_state(), segments).state
        return sum(t.numel() * t.element_size() for t in self._engine.closed(state, segments).values())


def trial(engine: SessionModel) -> float:
    """Tokens a second that this machine learns just now, of a text of a few thousand tokens."""
    segments = engine.segments([Page(1, "".join(_TEXT.format(n=n) for n in range(100)))])
    best = float("inf")
    for _ in range(_ROUNDS):
        begun = time.perf_counter()
        engine.read(engine.initial_state(), segments)
        best = min(best, time.perf_counter() - begun)
    return sum(len(s.tokens) for s in segments) / best
