"""Read documents into a session: files -> pages -> segments -> memory, committed as it goes.

Resuming needs no bookkeeping of its own. Batches of segments are always cut at the same places, commits fall between
batches, and a document that was begun is finished first, from its retained pages; so the same command run again after
a kill ends with the same bytes as if it had never been interrupted.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from titans_cli.errors import Interrupted, ReadError, UsageError
from titans_cli.model.engine import BATCH, Engine
from titans_cli.readers import Discovery, Limits, discover, read
from titans_cli.records import (
    Block,
    BlockRefused,
    BlocksRead,
    Episode,
    FileFailed,
    FileFinished,
    FileSkipped,
    FileStarted,
    IngestEvent,
    IngestFinished,
    IngestStarted,
    Page,
    Segment,
    Source,
    SourceRecord,
)
from titans_cli.sessions.engines import default_threads, engine_of, load_engine, new_engine
from titans_cli.store import Episodes, Home, SessionStore, utc_now

STDIN = "-"


@dataclass(frozen=True, slots=True)
class What:
    """What to ingest, as the command line says it."""

    paths: Sequence[str]
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    files_from: str | None = None


@dataclass(frozen=True, slots=True)
class How:
    """`commit_seconds`: commit inside a long document after so long. `stop`: asked after every batch."""

    model: str | None = None
    limits: Limits = field(default_factory=Limits)
    commit_seconds: float = 20.0
    retry_lock: float = 0.0
    stop: Callable[[], bool] = lambda: False


def create_session(
    home: Home,
    name: str | None,
    *,
    model: str | None = None,
    precision: str | None = None,
    engine: Engine | None = None,
) -> SessionStore:
    """A new session whose memory has read nothing. Raises UsageError when the name is taken.

    `engine`: as `new_engine` makes it, if the caller has it already. Its precision is kept with the memory's
    configuration: a session never changes its arithmetic.
    """
    engine = engine or new_engine(model, precision)
    return SessionStore.create(
        home,
        name,
        fingerprint=engine.fingerprint,
        model=engine.name,
        memory=engine.spec.to_dict() | {"precision": engine.precision},
        threads=default_threads(),
        tensors=engine.to_tensors(engine.initial_state()),
        events=[Episode(0, utc_now(), "started", f"I started with {engine.name}, knowing nothing.")],
    )


def ingest(
    home: Home, session: str | None, what: What, how: How | None = None, engine: Engine | None = None
) -> Iterator[IngestEvent]:
    """Read `what` into the session (by name or id; None: the current one, or a new one that becomes current).

    A file that cannot be read is reported and the rest goes on. `engine`: the session's, if the caller has it.
    Raises LockedError, StorageError, DamagedError, IncompatibleError, NotFoundError, UsageError; Interrupted after a
    commit when `how.stop` says so.
    """
    how = how or How()
    discovery = discover(what.paths, include=what.include, exclude=what.exclude, files_from=what.files_from)
    existing = session is not None or home.current() is not None
    if not existing and not discovery.sources:  # no session for nothing
        yield from (_failed(display, error) for display, error in discovery.failures)
        yield IngestFinished("", 0, 0, len(discovery.failures), 0, 0.0, None)
        return
    if existing:
        store = SessionStore.open(home, session)
        store.require_open()
        engine = engine or engine_of(store.info)
        if how.model is not None and load_engine(how.model, store.info.threads).fingerprint != engine.fingerprint:
            hint = f"Leave --model (or TITANS_MODEL) out, or start another: titans session new --model {how.model}"
            raise UsageError(f"the session was made with {store.info.model}", subject=store.info.name, hint=hint)
    else:
        engine = new_engine(how.model)
        store = create_session(home, None, engine=engine)
        home.set_current(store.info.name)
    with store.writer(timeout=how.retry_lock, command="ingest") as episodes:
        yield from _Ingest(store, episodes, engine, how).run(discovery)


def _failed(display: str, error: ReadError) -> FileFailed:
    return FileFailed(display, error.kind, error.what, error.hint)


class _Ingest:
    """One run: the memory in hand, the counters, the commits."""

    def __init__(self, store: SessionStore, episodes: Episodes, engine: Engine, how: How) -> None:
        self.store, self.episodes, self.engine, self.how = store, episodes, engine, how
        snapshot, tensors, _ = store.load_latest()
        self.snapshot = snapshot
        self.state = engine.from_tensors(tensors)
        self.position = snapshot.position
        self.began = time.monotonic()
        self.tokens = self.read = self.skipped = self.failed = 0
        self.bytes_done = self.bytes_total = self.files = self.files_done = 0

    def run(self, discovery: Discovery) -> Iterator[IngestEvent]:
        sizes = {s.uri: Path(s.uri).stat().st_size for s in discovery.sources if Path(s.uri).is_file()}
        self.bytes_total, self.files = sum(sizes.values()), len(discovery.sources)
        yield IngestStarted(self.store.info.name, self.files, self.bytes_total)
        for display, error in discovery.failures:
            self.failed += 1
            yield _failed(display, error)
        for record in self.episodes.sources():
            if not record.complete:
                yield from self._learn(record, self.episodes.pages(record.id), ())
        for source in discovery.sources:
            try:
                yield from self._source(source)
            except ReadError as error:
                self.failed += 1
                yield _failed(source.display, error)
            self.files_done += 1
            self.bytes_done += sizes.get(source.uri, 0)
        yield IngestFinished(
            self.store.info.name,
            self.read,
            self.skipped,
            self.failed,
            self.tokens,
            time.monotonic() - self.began,
            self.snapshot.number,
        )

    def _source(self, source: Source) -> Iterator[IngestEvent]:
        """Skip what is known, report what has changed, read the rest."""
        if source.uri != STDIN:
            try:
                with Path(source.uri).open("rb") as handle:
                    digest = hashlib.file_digest(handle, "sha256").hexdigest()
            except OSError:
                digest = ""  # the reader says what is wrong with it
            if digest and (known := self._known(source, digest)):
                yield known
                return
        document = read(source, self.how.limits)
        if source.uri == STDIN:
            named = Source(f"stdin:{document.sha256[:12]}", source.display)
            document = replace(document, source=named)
        if known := self._known(document.source, document.sha256):
            yield known
            return
        segments = self.engine.segments(document.pages)
        record = SourceRecord(
            id=0,
            uri=document.source.uri,
            display=document.source.display,
            sha256=document.sha256,
            size=document.size,
            kind=document.kind,
            title=document.title,
            pages=len(document.pages),
            blocks_total=len(segments),
            blocks_done=0,
            tokens=0,
            read_at=utc_now(),
            origin="read",
        )
        yield from self._learn(record, document.pages, document.warnings, segments)

    def _known(self, source: Source, digest: str) -> FileSkipped | FileFailed | None:
        before = self.episodes.source_by_uri(source.uri)
        if before is not None and before.sha256 != digest:
            self.failed += 1
            what = "changed since this session read it; the session keeps what it read"
            hint = "To learn the new version, ingest it into a new session: titans session new"
            return FileFailed(source.display, "changed", what, hint)
        same = before or self.episodes.source_by_sha(digest)
        if same is None:
            return None
        self.skipped += 1
        where = "already read, unchanged" if before else f"already read as {same.display}, the content is the same"
        return FileSkipped(source.display, "unchanged", where)

    def _learn(
        self,
        record: SourceRecord,
        pages: Sequence[Page],
        warnings: tuple[str, ...],
        segments: Sequence[Segment] | None = None,
    ) -> Iterator[IngestEvent]:
        """Read a document from its first block that is not committed, and commit it."""
        segments = self.engine.segments(pages) if segments is None else segments
        tokens = sum(len(s.tokens) for s in segments)
        yield FileStarted(record.display, record.pages, len(segments), tokens, record.blocks_done)
        pending: list[Block] = []
        landmarks: list[bytes] = []
        surprises = [b.surprise for b in self.episodes.blocks_of(record.id)] if record.blocks_done else []
        refused: list[str] = []
        committed_at = time.monotonic()
        done, read_tokens = record.blocks_done, record.tokens
        while done < len(segments):
            batch = segments[done : done + BATCH]
            result = self.engine.read(self.state, batch)
            self.state = result.state
            surprises += result.surprise
            for segment, surprise, vector in zip(batch, result.surprise, result.landmarks, strict=True):
                pending.append(_block(segment, self.position, surprise))
                landmarks.append(vector.contiguous().numpy().tobytes())
                self.position += len(segment.tokens)
                read_tokens += len(segment.tokens)
                self.tokens += len(segment.tokens)
            for offset, reason in result.refused.items():
                refused.append(f"segment {done + offset} (page {batch[offset].page}): {reason}")
                yield BlockRefused(record.display, done + offset, batch[offset].page, reason)
            done += len(batch)
            yield self._progress(record.display, done, len(segments), sum(result.surprise) / len(batch))
            finished, stopping = done == len(segments), self.how.stop()
            if finished or stopping or time.monotonic() - committed_at >= self.how.commit_seconds:
                advanced = replace(record, blocks_done=done, tokens=read_tokens)
                record = self._commit(advanced, pages, pending, landmarks, refused, surprises if finished else None)
                pending, landmarks, refused, committed_at = [], [], [], time.monotonic()
                if stopping:
                    hint = "Run the same command again: it continues from here"
                    raise Interrupted(
                        "stopped; everything read so far is committed", subject=self.store.info.name, hint=hint
                    )
        self.read += 1
        mean = sum(surprises) / max(1, len(surprises))
        yield FileFinished(record.display, record.pages, len(segments), tokens, mean, self.snapshot.number, warnings)

    def _progress(self, display: str, done: int, total: int, surprise: float) -> BlocksRead:
        elapsed = max(1e-9, time.monotonic() - self.began)
        eta = elapsed * (self.bytes_total - self.bytes_done) / self.bytes_done if self.bytes_done else None
        return BlocksRead(
            display, done, total, self.tokens, self.tokens / elapsed, surprise, eta, self.files_done, self.files
        )

    def _commit(
        self,
        record: SourceRecord,
        pages: Sequence[Page],
        blocks: Sequence[Block],
        landmarks: Sequence[bytes],
        refused: Sequence[str],
        surprises: Sequence[float] | None,
    ) -> SourceRecord:
        text = f"I left a part of {record.display} unlearned, to keep the memory sound: "
        events = [Episode(0, utc_now(), "refused", text + why, {"sha256": record.sha256}) for why in refused]
        if surprises is not None:
            mean = sum(surprises) / max(1, len(surprises))
            text = f"I read {record.display}: {record.pages} pages, {record.tokens} tokens, surprise {mean:.2f}."
            events.append(Episode(0, utc_now(), "read", text, {"sha256": record.sha256, "surprise": round(mean, 4)}))
        self.snapshot = self.store.commit(
            self.engine.to_tensors(self.state),
            {},
            position=self.position,
            source=record,
            pages=pages,
            blocks=blocks,
            landmarks=landmarks,
            events=events,
        )
        assert self.snapshot.source_id is not None
        stored = self.episodes.source(self.snapshot.source_id)
        assert stored is not None
        return stored


def _block(segment: Segment, position: int, surprise: float) -> Block:
    return Block(
        0,
        0,
        segment.index,
        segment.page,
        segment.start,
        segment.end,
        segment.text,
        len(segment.tokens),
        position,
        surprise,
    )
