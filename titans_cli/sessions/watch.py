"""Follow folders: read what is in them, then what comes, until somebody says stop.

Folders are looked at again and again (`os.stat`), which works on every file system, network shares too, and needs no
library; a look at ten thousand files takes a tenth of a second. A file is read once it has rested: neither its size nor
its time has changed for `Rhythm.rest` seconds, so one that is still being written is left for later. Every round of
reading is an ordinary ingest, with its commits, its locks and its rules for files that changed; between rounds the
session is nobody's, and others may write to it. What is gone from a folder stays in the session.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from titans_cli.errors import Interrupted, LockedError, NoTextError, ReadError, UsageError
from titans_cli.model.interface import SessionModel
from titans_cli.progress import FileFailed, IngestEvent, Waiting
from titans_cli.readers import Discovery
from titans_cli.readers.address import is_address
from titans_cli.records import Source
from titans_cli.sessions.ingest import (
    STDIN,
    IngestOptions,
    IngestRequest,
    discovered,
    failed,
    ingest_discovered,
    session_to_read_into,
)
from titans_cli.store import Home

_HEARD = 0.1  # seconds between looks at whether somebody said stop
Signature = tuple[int, int]  # size in bytes, time of the last change in nanoseconds


@dataclass(frozen=True, slots=True)
class Rhythm:
    """`every`: seconds between looks at the folders. `rest`: a file is read when it has been the same for so long."""

    every: float = 2.0
    rest: float = 2.0
    clock: Callable[[], float] = time.monotonic


def watch(
    home: Home,
    session: str | None,
    request: IngestRequest,
    how: IngestOptions | None = None,
    rhythm: Rhythm | None = None,
    engine: SessionModel | None = None,
) -> Iterator[IngestEvent | Waiting]:
    """Yield what an ingest yields for what is there, and again whenever files came or changed. Ends by Interrupted,
    when `how.stop` says so, and never by itself.

    A file that cannot be read is told once, and tried again when it changes. While another command writes to the
    session, the round is put off. `engine`: the session's, if the caller has it.
    Raises as `ingest`; UsageError for what cannot be followed, such as standard input.
    """
    how, rhythm = how or IngestOptions(), rhythm or Rhythm()
    for path in request.paths:
        if path == STDIN or is_address(path):
            raise UsageError("only files and folders can be followed", subject=path, hint="Read it once instead")
        if not os.path.exists(path):  # noqa: PTH110 - a path may hold a NUL
            raise UsageError("there is nothing to follow here", subject=path, hint="Check the name, or make the folder")
    if request.files_from is not None:
        raise UsageError("a list of files cannot be followed", hint="Name folders instead")
    store, load = session_to_read_into(home, session, how, engine)
    name, problems, files = store.info.name, _FolderProblems(), _Rested(rhythm)
    waiting: str | None = None  # what it waits for, as it was told last; "" for files
    while True:
        discovery = discovered(request, how)
        yield from problems.new(discovery)
        if due := files.due(discovery.sources):
            try:
                # by its id: another session of the name, made meanwhile, is not meant
                yield from ingest_discovered(
                    home, store.info.id, Discovery(tuple(due), ()), replace(how, model=None), load
                )
                files.dealt_with(due)
                waiting = None
            except LockedError as error:
                if waiting != error.what:
                    waiting = error.what
                    yield Waiting(name, len(discovery.sources), len(due), error.what)
        elif waiting != "" and not files.unread(discovery.sources):
            waiting = ""
            yield Waiting(name, len(discovery.sources), 0, None)
        _pause(rhythm, how, name)


class _Rested:
    """Which files are to be read: new or changed, and the same for a while."""

    def __init__(self, rhythm: Rhythm) -> None:
        self._rhythm = rhythm
        self._seen: dict[str, tuple[Signature, float]] = {}  # and since when
        self._read: dict[str, Signature] = {}
        self._first = True

    def due(self, sources: Sequence[Source]) -> list[Source]:
        now, ready = self._rhythm.clock(), list[Source]()
        for source in sources:
            signature = _signature(source)
            if signature is None or self._read.get(source.uri) == signature:
                continue
            if (before := self._seen.get(source.uri)) is None or before[0] != signature:
                since = now - max(0.0, time.time() - signature[1] / 1e9) if self._first else now
                before = self._seen[source.uri] = (signature, since)
            if now - before[1] >= self._rhythm.rest:
                ready.append(source)
        self._first = False  # what lay there at the start has rested since it was written
        return ready

    def dealt_with(self, sources: Sequence[Source]) -> None:
        """As they were when they were found to be due: what changed since differs, and is due again."""
        self._read |= {source.uri: self._seen.pop(source.uri)[0] for source in sources}

    def unread(self, sources: Sequence[Source]) -> list[Source]:
        return [s for s in sources if s.uri in self._seen]


class _FolderProblems:
    """What could not be found in the folders is told when it is new, and not at every look."""

    def __init__(self) -> None:
        self._known = set[tuple[str, str]]()

    def new(self, discovery: Discovery) -> Iterator[FileFailed]:
        now = {(display, error.what): (display, error) for display, error in discovery.failures if _matters(error)}
        for key in now.keys() - self._known:
            yield failed(*now[key])
        self._known = set(now)


def _matters(error: ReadError) -> bool:
    """A folder may well be empty now."""
    return not isinstance(error, NoTextError)


def _signature(source: Source) -> Signature | None:
    """None for what is not there any more. Of what lies in an archive, the archive's."""
    path = source.uri
    while True:
        try:
            status = os.stat(path)  # noqa: PTH116
            return status.st_size, status.st_mtime_ns
        except NotADirectoryError:
            path = os.path.dirname(path)  # noqa: PTH120
        except (OSError, ValueError):
            return None


def _pause(rhythm: Rhythm, how: IngestOptions, session: str) -> None:
    begun = time.monotonic()
    while not how.stop():
        left = rhythm.every - (time.monotonic() - begun)
        if left <= 0:
            return
        time.sleep(min(left, _HEARD))
    hint = "Run the same command again: it goes on from here"
    raise Interrupted("stopped following; everything read so far is committed", subject=session, hint=hint)
