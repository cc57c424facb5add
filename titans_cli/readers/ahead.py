"""Reading ahead: while one document is learned, worker processes parse the next ones. The order stays.

Each thread here only waits for the worker process of its file (small texts are read in the thread itself). Threads are
daemons: whoever stops early does not wait for a file that nobody will ask for, and a worker ends with its parent.
"""

from __future__ import annotations

import hashlib
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from titans_cli.errors import ReadError
from titans_cli.readers.limits import Limits
from titans_cli.readers.read import STDIN, read
from titans_cli.records import Document, Source

_Answer = queue.SimpleQueue["SourceReady | BaseException"]  # a Future's import takes longer than a short run
_HEARD = 0.2  # seconds between looks at whether somebody said stop
_MOST = 4  # documents read ahead; parsing is seldom slower than learning, and each is held in memory


@dataclass(frozen=True, slots=True)
class SourceReady:
    """A source that was looked at. Neither `document` nor `error`: its content was known and nobody read it."""

    source: Source
    sha256: str  # of its bytes, or "" for what is no file
    document: Document | None = None
    error: ReadError | None = None


def default_ahead() -> int:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(_MOST, usable)


def read_ahead(
    sources: Sequence[Source],
    limits: Limits,
    known: Collection[str],
    ahead: int,
    stop: Callable[[], bool] = lambda: False,
) -> Generator[SourceReady, None, None]:
    """The sources in their order, up to `ahead` of them read before they are asked for; with 0, each when it is.

    What has one of the `known` sha256 is not read. Nothing is raised for a source that cannot be read. `stop` is asked
    while a source is waited for (a slow server, say); it ends the sources early.
    """
    if ahead < 1:
        yield from (_look(source, limits, known) for source in sources)
        return
    tasks: queue.SimpleQueue[tuple[Source, _Answer] | None] = queue.SimpleQueue()
    stopped = threading.Event()

    def work() -> None:
        while (task := tasks.get()) is not None and not stopped.is_set():
            source, answer = task
            try:
                answer.put(_look(source, limits, known))
            except BaseException as error:  # noqa: BLE001 - raised again by whoever asks for it
                answer.put(error)

    for _ in range(min(ahead, len(sources))):
        threading.Thread(target=work, name="read-ahead", daemon=True).start()
    waiting: deque[Callable[[], SourceReady | None]] = deque()
    try:
        for source in sources:
            if source.uri == STDIN:  # by who asks: a thread that waits for input cannot be left at the end of a process
                waiting.append(partial(_look, source, limits, known))
            else:
                answer: _Answer = queue.SimpleQueue()
                waiting.append(partial(_awaited, answer, stop))
                tasks.put((source, answer))
            if len(waiting) > ahead:
                if (ready := waiting.popleft()()) is None:
                    return
                yield ready
        while waiting:
            if (ready := waiting.popleft()()) is None:
                return
            yield ready
    finally:
        stopped.set()
        for _ in range(ahead):
            tasks.put(None)


def _awaited(answer: _Answer, stop: Callable[[], bool]) -> SourceReady | None:
    """What comes of it, or None when somebody said stop before."""
    while True:
        with suppress(queue.Empty):
            outcome = answer.get(timeout=_HEARD)
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome
        if stop():
            return None


def _look(source: Source, limits: Limits, known: Collection[str]) -> SourceReady:
    digest = digest_of(source)
    if digest in known:
        return SourceReady(source, digest)
    try:
        return SourceReady(source, digest, document=read(source, limits))
    except ReadError as error:
        return SourceReady(source, digest, error=error)


def digest_of(source: Source) -> str:
    """The sha256 of a file, or "" for what is none or cannot be read."""
    if source.uri == STDIN:
        return ""
    try:
        with open(source.uri, "rb") as file:  # noqa: PTH123 - an address, or a member of an archive, is no path
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return ""  # the reader says what is wrong with it
