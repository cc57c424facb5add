"""Read documents into a session: files -> pages -> segments -> memory, committed as it goes.

Every document is learned into cells of its own, each from the initial memory: so nothing a session reads later wears
off what it read before, and a document can be forgotten by dropping its cells.

Resuming needs no bookkeeping of its own. Cells and batches of segments are always cut at the same places, commits fall
between batches, and a document that was begun is finished first, from its retained pages; so the same command run again
after a kill ends with the same bytes as if it had never been interrupted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from titans_cli.cards import Card
from titans_cli.errors import Interrupted, ReadError, UsageError
from titans_cli.model.interface import SessionModel
from titans_cli.places import unit_of
from titans_cli.progress import (
    BlockRefused,
    BlocksRead,
    FileChanged,
    FileFailed,
    FileFinished,
    FileSkipped,
    FilesLeftOut,
    FileStarted,
    IngestEvent,
    IngestFinished,
    IngestStarted,
)
from titans_cli.readers import Discovery, Limits, SourceReady, default_ahead, digest_of, discover, read, read_ahead
from titans_cli.records import ITEM, Episode, Loading, Omission, Page, Segment, Source, SourceRecord
from titans_cli.sessions import pace
from titans_cli.sessions.consolidate import BOUND, set_bound, settle, wanted_bound
from titans_cli.sessions.engines import caution_of, engine_of, insist, new_engine, require_unchanged
from titans_cli.sessions.learning import (
    LearnedBatch,
    PendingCommit,
    PreparedDocument,
    ResumePoint,
    block_of,
    learn,
    segments_as_read,
)
from titans_cli.sessions.machine import default_threads
from titans_cli.sessions.newness import Newness, SessionMemory
from titans_cli.sessions.pace import Forecast, key
from titans_cli.sessions.room import RoomBudget
from titans_cli.sessions.traces import events_about
from titans_cli.steps import AGAIN, Hint
from titans_cli.store import Addition, Episodes, Home, SessionStore, utc_now

Loaded = SessionModel | Callable[[], SessionModel] | None  # an engine, or what loads it when it is asked for
STDIN = "-"
STDIN_URI = "stdin:"  # followed by the name it was given, or the beginning of its sha256
UNHEARD = 1.0  # seconds; a document is usually cut into segments in less, and then read at least one batch
MOST_UNCOMMITTED = 32  # cells; one that is not closed has a megabyte
MOST_UNCODED = 256  # documents; a millisecond a cell, and what is kept of their like is looked through once for so many
_REPLACING = "forgetting the old version, reading the new one at the end"


@dataclass(frozen=True, slots=True)
class IngestRequest:
    """What to ingest, as the command line says it. `within`: nothing outside these folders is looked at.

    `stdin_name`: what standard input is called in the session; its suffix says the format, and what is read under the
    same name later takes its place."""

    paths: Sequence[str]
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    files_from: str | None = None
    within: Sequence[str] | None = None
    stdin_name: str | None = None


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """`commit_seconds`: commit inside a long document after so long. `stop`: asked after every batch.

    `ahead`: so many documents are parsed before their turn, which changes no byte of the session; 0 for none.
    `append`: a file that has changed is read as one more source; otherwise the new version takes the old one's place.
    """

    model: str | None = None
    loading: Loading | None = None
    append: bool = False
    limits: Limits = field(default_factory=Limits)
    ahead: int = field(default_factory=default_ahead)
    network: bool = False  # whether addresses may be fetched
    private: bool = False  # ... also from this machine and private networks
    max_room: int | None = None  # bytes of disk that one document may take; None: the setting, or a share
    memory: int | None = None  # bytes that the session's memory may take from now on; None: as it is
    commit_seconds: float = 20.0
    retry_lock: float = 0.0
    stop: Callable[[], bool] = lambda: False

    @property
    def reading(self) -> Limits:
        return replace(self.limits, network=self.network, private=self.private)


def create_session(
    home: Home,
    name: str | None,
    *,
    model: str | None = None,
    precision: str | None = None,
    loading: Loading | None = None,
    engine: SessionModel | None = None,
    bound: int | None = None,
) -> SessionStore:
    """A new session whose memory has read nothing. Raises UsageError when the name is taken.

    `bound`: bytes that the memory may take; None: the setting. `engine`: as `new_engine` makes it, if the caller has it
    already. Its precision is kept with the memory's
    configuration: a session never changes its arithmetic.
    """
    if name is not None:
        home.require_free(name)  # before seconds of loading
    engine = engine or new_engine(model, precision, loading)
    most = wanted_bound(engine, bound)
    return SessionStore.create(
        home,
        name,
        fingerprint=engine.fingerprint,
        model=engine.name,
        memory=dict(engine.configuration()) | ({} if most is None else {BOUND: most}),
        threads=default_threads(),
        events=[Episode(0, utc_now(), "started", f"I started with {engine.name}, knowing nothing.")],
    )


def ingest(
    home: Home, session: str | None, request: IngestRequest, how: IngestOptions | None = None, engine: Loaded = None
) -> Iterator[IngestEvent]:
    """Read what is requested into the session (by name or id; None: the current one, or a new one, then current).

    A file that cannot be read is reported and the rest goes on. `engine`: the session's, if the caller has it.
    Raises LockedError, StorageError, DamagedError, IncompatibleError, NotFoundError, UsageError; Interrupted after a
    commit when `how.stop` says so.
    """
    how = how or IngestOptions()
    yield from ingest_discovered(home, session, discovered(request, how), how, engine)


def ingest_discovered(
    home: Home, session: str | None, discovery: Discovery, how: IngestOptions, engine: Loaded = None
) -> Iterator[IngestEvent]:
    """As `ingest`, of what was found already."""
    if session is None and home.current() is None and not discovery.sources:  # no session for nothing
        yield from (failed(display, error) for display, error in discovery.failures)
        if discovery.left_out:
            yield FilesLeftOut(discovery.left_out)
        yield IngestFinished("", 0, 0, len(discovery.failures), 0, 0.0, None, len(discovery.left_out))
        return
    store, load = session_to_read_into(home, session, how, engine)
    with store.writer(timeout=how.retry_lock, command="ingest") as episodes:
        if how.memory is not None:
            set_bound(store, episodes, how.memory)
        yield from Ingestion(store, episodes, load, how).run(discovery)


def discovered(request: IngestRequest, how: IngestOptions) -> Discovery:
    """Raises UsageError."""
    filters = {"include": request.include, "exclude": request.exclude}
    discovery = discover(
        request.paths, files_from=request.files_from, network=how.network, within=request.within, **filters
    )
    if request.stdin_name is None:
        return discovery
    if not any(s.uri == STDIN for s in discovery.sources) or not request.stdin_name.strip():
        hint = "Pipe a document in, and name it like a file: minutes.md"
        raise UsageError("a name is for standard input, and nothing is read from it", hint=hint)
    named = (Source(STDIN, request.stdin_name) if s.uri == STDIN else s for s in discovery.sources)
    return replace(discovery, sources=tuple(named))


def session_to_read_into(
    home: Home, session: str | None, how: IngestOptions, engine: Loaded = None
) -> tuple[SessionStore, Callable[[], SessionModel]]:
    """The session named, the current one or a new one that becomes current; and what loads its engine when there is
    something to learn: what was read already needs none. Raises as `ingest`."""
    if session is None and home.current() is None:
        made = new_engine(how.model, loading=how.loading)
        store = create_session(home, None, engine=made, bound=how.memory)
        home.set_current(store.info.name)
        return store, lambda: made
    store = SessionStore.open(home, session, make=True)
    store.require_open()
    if how.model is not None:
        insist(how.model, how.loading, store.info)
    if engine is None:
        require_unchanged(store.info)
        return store, cache(lambda: engine_of(store.info))
    return store, engine if callable(engine) else lambda: engine


def size_of(source: Source) -> int:
    return path.stat().st_size if (path := Path(source.uri)).is_file() else 0


def failed(display: str, error: ReadError) -> FileFailed:
    return FileFailed(display, error.kind, error.what, error.hint)


class Ingestion:
    """One run: what it reads, the counters, the commits.

    `load`: gives the engine, and is called once there is something to learn. Without it only what was read elsewhere
    can be committed.
    """

    def __init__(
        self, store: SessionStore, episodes: Episodes, load: Callable[[], SessionModel] | None, how: IngestOptions
    ) -> None:
        self.store, self.episodes, self.load, self.how = store, episodes, load, how
        self.room = RoomBudget(store.folder, None, how.max_room)
        self.memory: SessionMemory | None = None  # of the session, once something is read with it
        self.uncoded = set[int]()  # sources that were read since codes of topics were kept
        self.began = time.monotonic()
        self.tokens = self.read = self.skipped = self.failed = 0
        self.read_on = set[int]()  # sources that an earlier run began
        self.bytes_total = self.files = self.files_done = 0
        precision = str(store.info.memory.get("precision", "fp32"))
        machine = key(store.info.fingerprint, precision, store.info.threads) if load else None
        self.forecast = Forecast(pace.load(store.home), machine)

    def run(self, discovery: Discovery) -> Iterator[IngestEvent]:
        try:
            yield from self._run(discovery)
        finally:
            self.forecast.keep(self.store.home)

    def _run(self, discovery: Discovery) -> Iterator[IngestEvent]:
        sizes = {s.uri: size_of(s) for s in discovery.sources}
        self.bytes_total, self.files = sum(sizes.values()), len(discovery.sources)
        self.forecast.begin(discovery.sources, sizes)
        yield IngestStarted(self.store.info.name, self.files, self.bytes_total, caution_of(self.store.info))
        for display, error in discovery.failures:
            self.failed += 1
            yield failed(display, error)
        if discovery.left_out:
            yield FilesLeftOut(discovery.left_out)
        yield from self.finish_begun()
        known = {source.sha256 for source in self.episodes.sources()}
        ahead = read_ahead(discovery.sources, self.how.reading, known, self.how.ahead, self.how.stop)
        with closing(ahead) as ready_ones:
            for ready in ready_ones:
                try:
                    yield from self._source(ready)
                except ReadError as error:
                    self.failed += 1
                    yield failed(ready.source.display, error)
                self.files_done += 1
                self.forecast.done(ready.source.uri)
        if self.files_done < self.files:  # it was stopped while it waited for a source
            raise self._stopped()
        self._settle()
        self._keep_codes()
        yield IngestFinished(
            self.store.info.name,
            self.read,
            self.skipped,
            self.failed,
            self.tokens,
            time.monotonic() - self.began,
            self.episodes.newest_snapshot(),
            len(discovery.left_out),
        )

    def finish_begun(self) -> Iterator[IngestEvent]:
        """Read on what an earlier run began."""
        for record in self.episodes.sources():
            if not record.complete:
                self.read_on.add(record.id)
                yield from self._learn(record, self.episodes.pages(record.id), ())

    def _source(self, ready: SourceReady) -> Iterator[IngestEvent]:
        """Skip what is known, learn the rest; a changed file takes the place of what was read of it before."""
        source = ready.source
        if ready.sha256 and (known := self._known(source, ready.sha256)):
            yield known
            return
        if ready.error is not None:
            raise self.unreadable(source, ready.error) from ready.error
        try:
            document = ready.document or read(source, self.how.reading)
        except ReadError as error:
            raise self.unreadable(source, error) from error
        self._engine()
        self.room.admit_text(source.display, document.pages)
        yield from self.take(PreparedDocument(document, self._segments(document.pages)))

    def already_read(self, source: Source) -> FileSkipped | None:
        """Whether a file needs no reading, by its bytes alone."""
        digest = digest_of(source)
        return self._known(source, digest) if digest else None

    def unreadable(self, source: Source, error: ReadError) -> ReadError:
        """The error, which says so if an older version of the source was read."""
        if self.episodes.source_by_uri(source.uri) is None:
            return error
        kept = f"{error.what}; the session keeps the version it read before"
        return type(error)(kept, subject=error.subject, hint=error.hint)

    def take(self, prepared: PreparedDocument) -> Iterator[IngestEvent]:
        """Learn a document that was read, unless that was done elsewhere, and commit it."""
        document, segments = prepared.document, prepared.segments
        if document.source.uri == STDIN:
            display = document.source.display
            named = Source(f"{STDIN_URI}{document.sha256[:12] if display == STDIN else display}", display)
            document = replace(document, source=named)
        source = document.source
        if known := self._known(source, document.sha256):
            yield known
            return
        self.room.admit(source.display, document.pages, segments, prepared.learned)
        before = self.episodes.source_by_uri(source.uri)
        record = SourceRecord(
            id=0,
            uri=document.source.uri,
            display=document.source.display,
            sha256=document.sha256,
            size=document.size,
            kind=document.kind,
            title=document.card.title or document.title,
            pages=len(document.pages),
            blocks_total=len(segments),
            blocks_done=0,
            tokens=0,
            read_at=utc_now(),
            origin="read",
            year=document.card.year or document.year,
        )
        if before is not None:
            action = "keeping the old version, reading the new one too" if self.how.append else _REPLACING
            yield FileChanged(source.display, self.how.append, f"changed since this session read it: {action}")
        replaces = None if self.how.append else before
        yield from self._learn(
            record,
            document.pages,
            document.warnings,
            segments,
            replaces,
            prepared.learned,
            document.omissions,
            document.card,
        )

    def _known(self, source: Source, digest: str) -> FileSkipped | None:
        """Whether this very content needs no reading. A file that now says what another one says is a changed one."""
        same = [s for s in self.episodes.sources_by_sha(digest) if not s.uri.startswith(ITEM)]
        here = [s for s in same if s.uri == source.uri]
        changed = not here and self.episodes.source_by_uri(source.uri) is not None
        if not same or (changed and not self.how.append):
            return None
        if here and here[-1].id in self.read_on:
            return FileSkipped(source.display, "continued", "read on from where it was stopped")
        self.skipped += 1
        other = f"already read as {same[-1].display}, the content is the same"
        return FileSkipped(source.display, "unchanged", "already read, unchanged" if here else other)

    def _learn(
        self,
        record: SourceRecord,
        pages: Sequence[Page],
        warnings: tuple[str, ...],
        segments: Sequence[Segment] | None = None,
        replaces: SourceRecord | None = None,
        learned: Iterable[LearnedBatch] | None = None,
        omissions: Sequence[Omission] = (),
        card: Card | None = None,
    ) -> Iterator[IngestEvent]:
        """Read a document from its first block that is not committed, and commit it.

        The document it `replaces` is forgotten in the same transaction that begins it: a kill leaves one of them.
        `learned`: what reading it came to, if it was read elsewhere.
        """
        if segments is None or learned is None:
            segments = self._segments(pages, record) if segments is None else segments
            learned = learn(self._engine(), segments, self._begun(record))
        tokens = sum(len(s.tokens) for s in segments)
        left = sum(len(s.tokens) for s in segments[record.blocks_done :])
        self.forecast.started(STDIN if record.uri.startswith(STDIN_URI) else record.uri, tokens, left)
        yield FileStarted(record.display, record.pages, len(segments), tokens, record.blocks_done)
        batch, new = PendingCommit(replaces, omissions, card), Newness()
        if (memory := self._memory()) and replaces:
            memory.forget(replaces.id)
        surprises = [b.surprise for b in self.episodes.blocks_of(record.id)] if record.blocks_done else []
        committed_at = time.monotonic()
        read_tokens = record.tokens
        for part in learned:
            surprises += part.surprise
            if memory:
                memory.read(part.seen, new)
            for segment, surprise, vector in zip(part.segments, part.surprise, part.landmarks, strict=True):
                batch.blocks.append(block_of(segment, read_tokens, surprise))
                batch.landmarks.append(vector)
                read_tokens += len(segment.tokens)
                self.tokens += len(segment.tokens)
                self.forecast.read(len(segment.tokens))
            for offset, reason in part.refused.items():
                segment = part.segments[offset]
                unit = unit_of(record.kind)
                batch.refused.append(f"segment {segment.index} ({unit} {segment.page}): {reason}")
                yield BlockRefused(record.display, segment.index, segment.page, reason, unit)
            done = part.cell.blocks_done
            batch.cells[part.cell.index] = part.cell
            yield self._progress(record.display, done, len(segments), sum(part.surprise) / len(part.surprise))
            finished, stopping = done == len(segments), self.how.stop()
            due = time.monotonic() - committed_at >= self.how.commit_seconds or len(batch.cells) >= MOST_UNCOMMITTED
            if finished or stopping or due:
                advanced = replace(record, blocks_done=done, tokens=read_tokens)
                record = self._commit(advanced, pages, batch, surprises if finished else None, new.share)
                batch, committed_at = PendingCommit(), time.monotonic()
                if stopping:
                    raise self._stopped()
        self.read += 1
        self._settle(more_follows=True)
        self.uncoded.add(record.id)
        self._keep_codes(MOST_UNCODED)
        mean = sum(surprises) / max(1, len(surprises))
        newest = self.episodes.newest_snapshot()
        unit = unit_of(record.kind)
        lost = self.episodes.omissions().get(record.id, ())
        yield FileFinished(
            record.display, record.pages, len(segments), tokens, mean, newest, warnings, unit, lost, new.share
        )

    def _settle(self, *, more_follows: bool = False) -> None:
        """Keep the memory within its bound; what only commits has no model for that, and whoever reads next does it."""
        if self.load is not None:
            settle(self.store, self.episodes, self._engine, more_follows=more_follows)

    def _keep_codes(self, least: int = 1) -> None:
        """Keep the codes of the topics of what was read, once it is so many documents: a question would make them."""
        if self.load is not None and len(self.uncoded) >= least:
            from titans_cli.sessions.shelf import Shelf  # late: it imports torch

            if Shelf().keep(self.store, self._engine(), self.uncoded):
                self.uncoded.clear()

    def _memory(self) -> SessionMemory | None:
        """Of the whole session, if its model keeps one."""
        engine = self.room.engine  # None: what is learned was read elsewhere
        if self.memory is None and engine is not None and engine.session is not None:
            self.memory = SessionMemory(engine.session, self.store, self.episodes)
        return self.memory

    def _segments(self, pages: Sequence[Page], begun_as: SourceRecord | None = None) -> list[Segment]:
        """Of megabytes of text it takes a while, and whoever says stop must be heard: there is nothing to lose yet."""
        begun = time.monotonic()

        def pause() -> None:
            if time.monotonic() - begun >= UNHEARD and self.how.stop():
                raise self._stopped()

        engine = self._engine()
        if begun_as is None or not begun_as.blocks_done:
            return engine.segments(pages, pause)
        return segments_as_read(engine, pages, begun_as, self.episodes.blocks_of(begun_as.id), pause)

    def _engine(self) -> SessionModel:
        """Raises IncompatibleError if the session's model has changed."""
        if self.room.engine is None:
            assert self.load is not None
            self.room.engine = self.load()
        return self.room.engine

    def _stopped(self) -> Interrupted:
        hint = Hint(AGAIN, ": it continues from here")
        return Interrupted("stopped; everything read so far is committed", subject=self.store.info.name, hint=hint)

    def _begun(self, record: SourceRecord) -> ResumePoint | None:
        """Where a document that was begun is to be gone on with."""
        if not record.blocks_done:
            return None
        *before, last = self.episodes.cells_of(record.id)
        return ResumePoint(
            last.cell, before[-1].blocks_done if before else 0, record.blocks_done, self.store.load(last)
        )

    def _progress(self, display: str, done: int, total: int, surprise: float) -> BlocksRead:
        elapsed = max(1e-9, time.monotonic() - self.began)
        left = self.forecast.left()
        return BlocksRead(
            display, done, total, self.tokens, self.tokens / elapsed, surprise, left, self.files_done, self.files
        )

    def _commit(
        self,
        record: SourceRecord,
        pages: Sequence[Page],
        batch: PendingCommit,
        surprises: Sequence[float] | None,
        new: float | None,
    ) -> SourceRecord:
        text = f"I left a part of {record.display} unlearned, to keep the memory sound: "
        events = [Episode(0, utc_now(), "refused", text + why, {"sha256": record.sha256}) for why in batch.refused]
        if surprises is not None:
            mean = sum(surprises) / max(1, len(surprises))
            size = f"{record.pages} {unit_of(record.kind)}s, {record.tokens} tokens"
            newness = "" if new is None else f", new to the session {new:.2f}"
            text = f"I read {record.display}: {size}, surprise {mean:.2f}{newness}."
            data: dict[str, Any] = {"sha256": record.sha256, "surprise": round(mean, 4)}
            data |= {} if new is None else {"new": round(new, 4)}
            events.append(Episode(0, utc_now(), "read", text, data))
        gone = batch.replaces
        self.room.before_commit(batch.cells.values(), () if record.id else pages)
        addition = Addition(
            pages=pages,
            blocks=batch.blocks,
            landmarks=batch.landmarks,
            events=events,
            omissions=batch.omissions,
            forget=[gone.id] if gone else (),
            forget_events=lambda: events_about(self.episodes, [gone]) if gone else (),
            card=batch.card,
        )
        return self.store.commit(record, addition, cells=list(batch.cells.values()))
