"""Ingest on a Ray cluster: documents are read and learned anywhere, and one writer commits them in their order.

    driver ── source ──> task: parse, segment, trunk, memory   (any worker, retried, many at a time)
       └───── what came of it, in order ──> writer: commit     (one actor a session, beside the session's folder)

A document's cells depend on its text alone (docs/design.md), so a task does the whole of what takes time, and the bytes
are those of a local run. Only the writer touches the session: it holds the session's lock, and a document is one
commit. When it dies Ray starts it again, and the driver's call is made once more: what was committed already is found
by its content, and is said to be done and not learned twice. Nothing is kept in Ray that would be missed.

Workers must see the documents under the same paths as the driver, and have the same version of titans and of torch.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any

from titans_cli.errors import ClusterError, IncompatibleError, Interrupted, ReadError, TitansError, UsageError
from titans_cli.model.interface import SessionModel
from titans_cli.places import unit_of
from titans_cli.progress import (
    BlocksRead,
    FileFailed,
    FileFinished,
    FileSkipped,
    IngestEvent,
    IngestFinished,
    IngestStarted,
)
from titans_cli.readers import read
from titans_cli.records import (
    Loading,
    SessionInfo,
    Source,
)
from titans_cli.sessions.consolidate import set_bound, settle
from titans_cli.sessions.engines import load_engine
from titans_cli.sessions.ingest import (
    STDIN,
    Ingestion,
    IngestOptions,
    IngestRequest,
    discovered,
    failed,
    session_to_read_into,
    size_of,
)
from titans_cli.sessions.learning import PreparedDocument, learn
from titans_cli.sessions.room import RoomBudget
from titans_cli.steps import AGAIN, Hint, Option
from titans_cli.store import Home, SessionStore

RETRIES = 5  # of a task, and of the writer
LOOKED = 0.2  # seconds between two looks at whether to stop
NAMESPACE = "titans"


@dataclass(frozen=True, slots=True)
class Cluster:
    """`address`: of a running Ray cluster, or None: one that is made on this machine for the run."""

    address: str | None = None


def prepare(
    info: SessionInfo, source: Source, how: IngestOptions, free: int | None = None
) -> PreparedDocument | ReadError:
    """Read and learn one document for a session, without the session. What is wrong with the document is a value.

    `free`: bytes where the session lies; a document that takes more of them than it may is not learned. None: only the
    writer looks.
    """
    kept = info.memory.get("attached")
    loading = None if kept is None else Loading(**kept)
    engine = _engine(info.model, info.threads, str(info.memory.get("precision", "fp32")), info.fingerprint, loading)
    try:
        document = read(source, how.reading)
        if free is not None:
            room = RoomBudget(Path(), engine, how.max_room, free=free)
            room.admit_text(source.display, document.pages)
        segments = engine.segments(document.pages)
        if free is not None:
            room.admit(source.display, document.pages, segments)
    except ReadError as error:
        return error
    return PreparedDocument(document, segments, tuple(replace(part, seen=()) for part in learn(engine, segments)))


@lru_cache(maxsize=2)
def _engine(model: str, threads: int, precision: str, fingerprint: str, loading: Loading | None = None) -> SessionModel:
    """Loaded once a worker. Raises IncompatibleError if the worker has another version of the model."""
    engine = load_engine(model, threads, precision, loading)
    if engine.fingerprint != fingerprint:
        problem = f"a worker has another version of the model {model} ({engine.fingerprint[:12]})"
        raise IncompatibleError(problem, hint="Give every worker the same version of titans and the same model folder")
    return engine


class ClusterWriter:
    """The single writer of a session. `take` may be called again with what was taken already."""

    def __init__(self, home: Home, session: str, how: IngestOptions) -> None:
        self._open = ExitStack()
        store = SessionStore.open(home, session)
        # a writer that was killed lets go of the lock when its process is gone, which may be a moment from now
        episodes = self._open.enter_context(store.writer(timeout=max(how.retry_lock, 30.0), command="ingest"))
        self._run = Ingestion(store, episodes, None, how)
        self._next = 0

    def take(
        self, sequence: int, first: int, source: Source, prepared: PreparedDocument | ReadError
    ) -> list[IngestEvent]:
        """Commit document number `sequence` of the run; `first`: the id from which on sources are of this run."""
        if sequence < self._next:
            raise ValueError(f"document {sequence} after document {self._next - 1}")
        self._next = sequence + 1
        if isinstance(prepared, ReadError):
            return [failed(source.display, self._run.unreadable(source, prepared))]
        events: list[IngestEvent] = []
        try:
            for event in self._run.take(prepared):
                events.append(self._again(prepared, first) or event if isinstance(event, FileSkipped) else event)
        except ReadError as error:  # more than a document may take
            events.append(failed(source.display, self._run.unreadable(source, error)))
        return events

    def _again(self, prepared: PreparedDocument, first: int) -> FileFinished | None:
        """What the call that died after its commit would have said."""
        source, sha256 = prepared.document.source, prepared.document.sha256
        for record in self._run.episodes.sources():
            if record.id >= first and record.uri == source.uri and record.sha256 == sha256:
                surprises = [b.surprise for b in self._run.episodes.blocks_of(record.id)]
                mean = sum(surprises) / max(1, len(surprises))
                newest, warnings = self._run.episodes.newest_snapshot(), prepared.document.warnings
                blocks, tokens, unit = record.blocks_total, record.tokens, unit_of(record.kind)
                omissions = prepared.document.omissions
                return FileFinished(
                    record.display, record.pages, blocks, tokens, mean, newest, warnings, unit, omissions
                )
        return None

    def close(self) -> int:
        """Let go of the session; the number of its newest snapshot."""
        newest = self._run.episodes.newest_snapshot()
        self._open.close()
        return newest


def ingest_on_ray(
    home: Home,
    session: str | None,
    request: IngestRequest,
    how: IngestOptions,
    cluster: Cluster = Cluster(),
) -> Iterator[IngestEvent]:
    """As `ingest`, with the same bytes, on a Ray cluster. Raises besides: UsageError without Ray, ClusterError."""
    ray = connected(cluster)
    discovery = discovered(request, how)
    if session is None and home.current() is None and not discovery.sources:  # no session for nothing
        yield from (failed(display, error) for display, error in discovery.failures)
        yield IngestFinished("", 0, 0, len(discovery.failures), 0, 0.0, None)
        return
    store, load = session_to_read_into(home, session, how)
    yield from _Driver(ray, store, how, discovery.sources).run(load(), discovery.failures)


class _Driver:
    """One run: hands out documents, hands on what came of them in their order, counts."""

    def __init__(self, ray: Any, store: SessionStore, how: IngestOptions, sources: Sequence[Source]) -> None:
        self.ray, self.store, self.how, self.sources = ray, store, how, sources
        self.began = time.monotonic()
        self.tally: Counter[type[IngestEvent]] = Counter()
        self.tokens = 0

    def run(self, engine: SessionModel, failures: Sequence[tuple[str, ReadError]]) -> Iterator[IngestEvent]:
        yield IngestStarted(self.store.info.name, len(self.sources), sum(map(size_of, self.sources)), engine.caution)
        for event in chain((failed(*f) for f in failures), self._before(engine), self._distributed()):
            if not (isinstance(event, FileSkipped) and event.reason == "continued"):
                self.tally[type(event)] += 1
            self.tokens += event.tokens if isinstance(event, FileFinished) else 0
            yield event
        with self.store.writer(timeout=self.how.retry_lock, command="ingest") as episodes:
            settle(self.store, episodes, lambda: engine)
            newest = episodes.newest_snapshot()
        read, skipped, lost = (self.tally[kind] for kind in (FileFinished, FileSkipped, FileFailed))
        seconds = time.monotonic() - self.began
        yield IngestFinished(self.store.info.name, read, skipped, lost, self.tokens, seconds, newest)

    def _before(self, engine: SessionModel) -> Iterator[IngestEvent]:
        """What needs no cluster: a document that was begun, and those that were read already."""
        todo = []
        with self.store.writer(timeout=self.how.retry_lock, command="ingest") as episodes:
            if self.how.memory is not None:
                set_bound(self.store, episodes, self.how.memory)
            run = Ingestion(self.store, episodes, lambda: engine, self.how)
            yield from run.finish_begun()
            for source in self.sources:
                if known := run.already_read(source):
                    yield known
                else:
                    todo.append(source)
            self.first = max((s.id for s in episodes.sources()), default=0) + 1
        self.todo = todo

    def _distributed(self) -> Iterator[IngestEvent]:
        ray, info = self.ray, self.store.info
        room = RoomBudget(self.store.folder, None, self.how.max_room)  # setting and disk are this machine's
        # stopping is the driver's, and a document is one commit: what is half committed a restarted writer could not go
        # on with, having no model
        how = replace(self.how, stop=_never, commit_seconds=float("inf"), max_room=room.limit)
        task = ray.remote(prepare).options(num_cpus=info.threads, max_retries=RETRIES)
        window = 2 * max(1, int(ray.cluster_resources().get("CPU", 1) // info.threads))
        writer = self._writer(how)
        ahead: deque[tuple[Source, Any]] = deque()
        waiting = iter(self.todo)
        try:
            for sequence in range(len(self.todo)):
                self._stop_if_asked()
                for source in islice(waiting, window - len(ahead)):
                    asked = info, source, replace(how, max_room=room.most()), room.free()
                    piped = source.uri == STDIN  # exists on this machine alone
                    ref = ray.put(prepare(*asked)) if piped else task.remote(*asked)
                    ahead.append((source, ref))
                source, prepared = ahead.popleft()
                came_of_it = self._awaited(writer.take.remote(sequence, self.first, source, prepared))
                yield from (event for event in came_of_it if not isinstance(event, BlocksRead))
                yield self._progress(source, sequence + 1)
            self._awaited(writer.close.remote())
        finally:
            for _, ref in ahead:
                ray.cancel(ref)
            ray.kill(writer)

    def _writer(self, how: IngestOptions) -> Any:
        """Beside the session's folder: on the driver's node."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = self.ray.get_runtime_context().get_node_id()
        options = {
            "name": f"writer-{self.store.info.id}",
            "namespace": NAMESPACE,
            "num_cpus": 0,
            "max_restarts": RETRIES,
            "max_task_retries": RETRIES,
            "scheduling_strategy": NodeAffinitySchedulingStrategy(here, soft=False),
        }
        return self.ray.remote(ClusterWriter).options(**options).remote(self.store.home, self.store.info.name, how)

    def _awaited(self, ref: Any) -> Any:
        """What the writer returned. Raises what it raised, as it raised it; Interrupted when `how.stop` says so."""
        while not self.ray.wait([ref], timeout=LOOKED)[0]:
            self._stop_if_asked()
        try:
            return self.ray.get(ref)
        except self.ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, TitansError):
                raise error.cause from None
            raise
        except self.ray.exceptions.RayError as error:
            hint = Hint(AGAIN, ": it continues with what is not committed")
            raise ClusterError(
                f"the cluster gave up ({type(error).__name__})", subject=str(self.store.info.name), hint=hint
            ) from error

    def _stop_if_asked(self) -> None:
        if self.how.stop():
            hint = Hint(AGAIN, ": it continues from here")
            problem = "stopped; every document committed so far is kept"
            raise Interrupted(problem, subject=self.store.info.name, hint=hint)

    def _progress(self, source: Source, done: int) -> BlocksRead:
        elapsed = max(1e-9, time.monotonic() - self.began)
        eta = elapsed * (len(self.todo) - done) / done
        files = len(self.sources)
        return BlocksRead(
            source.display, 1, 1, self.tokens, self.tokens / elapsed, 0.0, eta, files - len(self.todo) + done, files
        )


def _never() -> bool:
    return False


def connected(cluster: Cluster) -> Any:
    """The ray module, connected to the cluster at `address`, or to one on this machine that ends with the process.

    Raises UsageError when Ray is not installed or no cluster answers.
    """
    try:
        import ray
    except ImportError as error:
        raise UsageError("the engine ray needs Ray", hint="Install it: pip install 'titans-cli[ray]'") from error
    if not ray.is_initialized():
        try:
            ray.init(
                address=cluster.address,
                namespace=NAMESPACE,
                log_to_driver=False,
                include_dashboard=False,
                logging_level=logging.ERROR,
            )
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            hint = Hint("Start one (ray start --head) and give its ", Option("address"), ", or leave that out")
            raise UsageError(f"no Ray cluster answers ({error})", subject=cluster.address, hint=hint) from error
    return ray
