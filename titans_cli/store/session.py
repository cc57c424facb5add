"""One session directory: how it comes into being, grows by commits, and goes.

A session is a shelf of cells: each document is learned into cells of its own, each from the initial memory, and each
kept in a file. The write order is the whole point (docs/format.md): the cells' files durably first, then one
transaction with their rows and everything they learned, then the files of the rows they took the place of. So a kill
leaves at worst a file that no row mentions, never a row without its file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from titans_cli.errors import (
    DamagedError,
    IncompatibleError,
    LockedError,
    NotFoundError,
    StorageError,
    TitansError,
    UsageError,
    damaged_file,
)
from titans_cli.records import Episode, SessionInfo, SnapshotInfo, SourceRecord
from titans_cli.steps import AGAIN, Hint, NextStep
from titans_cli.store.episodes import Addition, Episodes, Events
from titans_cli.store.files import (
    TEMPORARY,
    UNFINISHED,
    delete_folder,
    private_mkdir,
    remove_file,
    remove_temporaries,
    remove_tree,
    rename_new,
    storage_errors,
    sync_folder,
    unique_id,
)
from titans_cli.store.home import Home, validate_name
from titans_cli.store.landmarks import sweep_landmarks
from titans_cli.store.locks import LOCK_FILE, LOCK_NOTE, WriterLock, utc_now
from titans_cli.store.manifest import FORMAT, SESSION_FILE, read_session, session_text, write_session
from titans_cli.store.snapshots import read_snapshot, snapshot_name, snapshot_number, snapshot_path, write_snapshot
from titans_cli.store.topics import sweep_topics

if TYPE_CHECKING:
    from torch import Tensor

DATABASE = "episodes.sqlite"
SNAPSHOTS = "snapshots"
SESSION_META = "session"  # in the database: a copy of session.json, should that be damaged


@dataclass(frozen=True, slots=True)
class StoredCell:
    """The memory after the first `blocks_done` blocks of a document: those since the cell before it."""

    index: int  # within its document
    blocks_done: int
    tensors: Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class SessionList:
    """What lies in a home: the sessions that can be read, and why the others cannot."""

    sessions: tuple[SessionInfo, ...]
    unreadable: tuple[TitansError, ...]


class SessionStore:
    """One session. Reading needs nothing; writing happens inside `with store.writer():`.

    `finished`: opening it found erasing that a kill had interrupted, and went on with it.
    """

    def __init__(self, home: Home, info: SessionInfo) -> None:
        self.home = home
        self.info = info
        self.finished = False
        self.folder = home.session_folder(info.name)
        self._lock = WriterLock(self.folder)
        self._locked = False
        self._writing: Episodes | None = None

    # ------------------------------------------------------------ finding and making

    @classmethod
    def open(cls, home: Home, selector: str | None = None, *, make: bool = False) -> SessionStore:
        """Open by name, ULID, unique ULID prefix, or None for the current session. Also opens a promoted one.

        `make`: as for `Home.find_session`.
        What a kill left of a promotion or of erasing is finished first, if that needs no waiting and is permitted.
        Raises NotFoundError, UsageError (ambiguous), DamagedError, IncompatibleError, StorageError.
        """
        home.tidy()
        name = home.find_session(selector, make=make)
        try:
            store = cls(home, read_session(home.session_folder(name)))
        except DamagedError:
            if not (home.session_folder(name)).exists():
                raise _gone(name) from None
            raise
        store._finish_promotion()
        store.finish_erasing()
        return store

    @staticmethod
    def list(home: Home) -> SessionList:
        """Every session, oldest first. One that is damaged does not hide the others."""
        home.tidy()
        sessions: list[SessionInfo] = []
        unreadable: list[TitansError] = []
        for name in home.session_names():
            try:
                sessions.append(read_session(home.session_folder(name)))
            except TitansError as error:
                if (home.session_folder(name)).is_dir():  # not discarded a moment ago
                    unreadable.append(error)
        return SessionList(tuple(sorted(sessions, key=lambda s: (s.created, s.id))), tuple(unreadable))

    @classmethod
    def create(
        cls,
        home: Home,
        name: str | None,
        *,
        fingerprint: str,
        model: str,
        memory: Mapping[str, object],
        threads: int,
        events: Iterable[Episode] = (),
    ) -> SessionStore:
        """A new session that has read nothing; without a name it gets one.

        Raises UsageError when the name is taken or cannot be one, StorageError, LockedError.
        """
        draft = SessionInfo("", "", "", "open", FORMAT, fingerprint, model, memory, threads, origin=None)

        def fill(folder: Path) -> None:
            with Episodes.create(folder / DATABASE) as episodes:
                episodes.add_events(events)

        return cls.build(home, name, draft, fill)

    @classmethod
    def build(cls, home: Home, name: str | None, draft: SessionInfo, fill: Callable[[Path], None]) -> SessionStore:
        """Build a session's folder under a temporary name, `fill` it, and only then give it its name.

        `draft` says all but name and id, and the time if it is to be now. `fill` makes the database and the cells'
        files. A kill leaves a `.new-*` folder, which the next call clears.
        """
        if name is not None:
            name = validate_name(name)
        with home.lock():
            home.clear()
            created = draft.created or utc_now()
            info = replace(draft, name=name or home.generate_name(), id=unique_id(), created=created)
            home.require_free(info.name)
            folder = home.sessions_dir / f"{UNFINISHED}{info.id}"
            try:
                private_mkdir(folder / SNAPSHOTS)
                fill(folder)
                with Episodes.open(folder / DATABASE, readonly=False) as episodes:
                    episodes.set_meta(SESSION_META, session_text(info))
                write_session(folder, info)
                if not rename_new(folder, home.session_folder(info.name)):
                    home.refuse_taken(info.name)
            except BaseException:
                with suppress(OSError):
                    delete_folder(folder)
                raise
        return cls(home, info)

    # ------------------------------------------------------------ reading

    def require_open(self) -> None:
        """Raise UsageError if the session was promoted: what it learned lives in the LTM entry now."""
        if self.info.state == "promoted":
            raise UsageError(
                f"this session was promoted to {self.info.promoted_to} and holds nothing any more",
                subject=self.info.name,
                hint=Hint("Start one from what it learned: ", NextStep("session new", entry=self.info.promoted_to)),
            )

    def episodes(self, *, readonly: bool = True) -> Episodes:
        """Open the database: read-only, or to log events. Commits need `writer`.

        Raises UsageError if promoted, NotFoundError if the session was discarded since it was opened, also if another
        one has its name now.
        """
        self.require_open()
        with self._overtaken():
            episodes = Episodes.open(self.folder / DATABASE, readonly=readonly)
        try:
            self._require_own(episodes)
        except BaseException:
            episodes.close()
            raise
        return episodes

    def _require_own(self, episodes: Episodes) -> None:
        """Raise NotFoundError for the database of a namesake. One that does not say whose it is may be anybody's."""
        kept = episodes.meta(SESSION_META)
        with suppress(DamagedError, IncompatibleError):
            if kept is not None and read_session(self.folder, kept).id != self.info.id:
                raise _gone(self.info.name)

    @contextmanager
    def _overtaken(self) -> Iterator[None]:
        """Of a file that is missing or damaged: say so if the session was discarded or promoted since it was opened."""
        try:
            yield
        except (DamagedError, StorageError):
            self._still_there()
            self.require_open()
            raise

    def memory_sha256(self) -> str:
        """The digest of the whole memory: equal for two sessions if and only if they learned the same, bit for bit."""
        with self.episodes() as episodes:
            return episodes.memory_sha256()

    def cells(self) -> Iterator[tuple[SnapshotInfo, dict[str, Tensor]]]:
        """The committed cells in the order of reading, each loaded when it is reached.

        Even while a writer goes on: a cell that was carried on meanwhile is given as it stands now, one that was
        forgotten is left out. Raises DamagedError, IncompatibleError, StorageError.
        """
        with self.episodes() as episodes:
            listed = episodes.snapshots()
        yield from filter(None, map(self.as_it_stands, listed))

    def as_it_stands(self, info: SnapshotInfo) -> tuple[SnapshotInfo, dict[str, Tensor]] | None:
        """A committed cell, or what a writer has made of it since; None if it was forgotten. Raises as `cells`."""
        try:
            return info, self.load(info)
        except NotFoundError:
            with self.episodes() as episodes:
                newer = next((s for s in episodes.cells_of(info.source_id) if s.cell == info.cell), None)
        return self.as_it_stands(newer) if newer else None

    def load(self, info: SnapshotInfo) -> dict[str, Tensor]:
        """The tensors of a committed cell.

        Raises DamagedError; NotFoundError when a writer has superseded or forgotten it since `info` was read.
        """
        path = snapshot_path(self.folder / SNAPSHOTS, info.number)
        try:
            return read_snapshot(path, info.sha256)
        except (FileNotFoundError, DamagedError) as error:
            with self.episodes() as episodes:
                if info not in episodes.cells_of(info.source_id):
                    problem = f"snapshot {info.number} was superseded meanwhile"
                    raise NotFoundError(problem, subject=self.info.name, hint=AGAIN) from error
            if isinstance(error, DamagedError):
                with self._overtaken():
                    raise
            repair = NextStep("session repair", session=self.info.name)
            hint = Hint("Learn it anew from the retained text: ", repair)
            raise damaged_file(path, "the file is missing", hint) from error

    # ------------------------------------------------------------ writing

    @contextmanager
    def locked(self, *, timeout: float = 0, command: str = "") -> Iterator[None]:
        """Be the session's only writer for the block; nested use is one use.

        Raises LockedError naming the holder, NotFoundError if the session is gone.
        """
        if self._locked:
            yield
            return
        self._still_there()
        with self._lock.acquire(timeout, command):
            self._still_there()
            self._locked = True
            try:
                yield
            finally:
                self._locked = False

    @contextmanager
    def writer(self, *, timeout: float = 0, command: str = "") -> Iterator[Episodes]:
        """`locked`, with the database open for writing and what a killed writer left cleared away.

        Raises besides: UsageError if the session was promoted, DamagedError, IncompatibleError.
        """
        if self._writing is not None:
            yield self._writing
            return
        with self.locked(timeout=timeout, command=command):
            self.require_open()
            with Episodes.open(self.folder / DATABASE, readonly=False, check=True) as episodes:
                remove_temporaries(self.folder)
                self._sweep(episodes, whole=True)
                episodes.clean()
                self._writing = episodes
                try:
                    yield episodes
                finally:
                    self._writing = None
                episodes.clean()  # once for all that was forgotten; if we are stopped before, the next writer does it

    def commit(
        self,
        source: SourceRecord,
        addition: Addition | None = None,
        *,
        cells: Iterable[StoredCell] = (),
    ) -> SourceRecord:
        """Commit cells of a source with all that they learned; return the source as committed. Only inside `writer`.

        The rest as `Episodes.commit`. When this returns it is durable; when it raises, the last commit stands.
        Raises StorageError, DamagedError; ValueError and RuntimeError for bugs.
        """
        episodes = self._writer()
        before = self._numbers(episodes, (source.id, *(addition.forget if addition else ())))
        first, now = episodes.newest_snapshot() + 1, utc_now()
        written: list[SnapshotInfo] = []
        for number, cell in enumerate(cells, start=first):
            sha256, size = write_snapshot(
                snapshot_path(self.folder / SNAPSHOTS, number),
                cell.tensors,
                fingerprint=self.info.fingerprint,
                replace_orphan=True,  # we hold the lock, and no row has a number as high as this
            )
            written.append(SnapshotInfo(number, 0, cell.index, cell.blocks_done, sha256, size, now))
        committed = episodes.commit(source, addition, snapshots=written)
        with suppress(StorageError):  # the commit stands; the next writer sweeps again
            self._remove(episodes, before - self._numbers(episodes, [committed.id]))
        return committed

    def relearn(self, source: SourceRecord, cells: Iterable[StoredCell]) -> None:
        """Commit a source's cells in the place of all that it had. Only inside `writer`. Raises as `commit`."""
        episodes = self._writer()
        episodes.drop_cells(source.id)
        self.commit(source, cells=cells)
        self._sweep(episodes)

    def forget(self, sources: Collection[int], events: Events = ()) -> None:
        """Forget documents and events for good: rows, then files, then the bytes they left in the database.

        Only inside `writer`. Raises as `Episodes.forget`, and RuntimeError outside `writer`.
        """
        episodes = self._writer()
        gone = self._numbers(episodes, sources)
        episodes.forget(sources, events)
        self._remove(episodes, gone)

    def log(
        self, events: Iterable[Episode], *, sources: Collection[int] = (), forgettings: int | None = None
    ) -> Sequence[Episode]:
        """Add events without a memory state and without the writer lock: asking is not writing.

        `sources`, `forgettings`: as `Episodes.add_events`. Raises LockedError as that does, and as `episodes`.
        """
        if self._writing is not None:
            return self._writing.add_events(events, sources=sources, forgettings=forgettings)
        with self.episodes(readonly=False) as episodes:
            return episodes.add_events(events, sources=sources, forgettings=forgettings)

    def _writer(self) -> Episodes:
        if self._writing is None:
            raise RuntimeError("commit and forget happen inside `with store.writer():`")
        return self._writing

    @staticmethod
    def _numbers(episodes: Episodes, sources: Iterable[int]) -> set[int]:
        """Of the committed cells of some sources."""
        return {cell.number for source_id in sources for cell in episodes.cells_of(source_id)}

    def _remove(self, episodes: Episodes, numbers: Collection[int]) -> None:
        """Remove the files of cells that have no row any more, and what followed from them. All files are not compared
        with all rows: there may be many of both, and whoever opened the session for writing has done so.
        Raises StorageError."""
        sweep_landmarks(self.folder, episodes)
        if numbers:
            sweep_topics(self.folder, episodes)
        with storage_errors(self.folder):
            for number in numbers:
                remove_file(snapshot_path(self.folder / SNAPSHOTS, number))

    def _sweep(self, episodes: Episodes, *, whole: bool = False) -> None:
        """Remove files that no row wants: orphans of a kill, superseded and stale ones. Raises StorageError.

        `whole`: what follows from the rest is looked at whole."""
        sweep_landmarks(self.folder, episodes)
        sweep_topics(self.folder, episodes, whole=whole)
        folder = self.folder / SNAPSHOTS
        kept = episodes.snapshot_numbers()
        with storage_errors(folder):
            # names alone, and only the others are read: ten thousand documents have more files than that
            for name in sorted({*os.listdir(folder)} - {*map(snapshot_name, kept)}):  # noqa: PTH208
                number = snapshot_number(name)
                if name.startswith(TEMPORARY) or (number is not None and number not in kept):
                    remove_file(folder / name)

    def _still_there(self) -> None:
        """Another process may have discarded or promoted the session since we opened it."""
        try:
            info = read_session(self.folder)
        except DamagedError:
            if not self.folder.exists():
                raise _gone(self.info.name) from None
            raise
        if info.id != self.info.id:
            raise _gone(self.info.name)
        self.info = info

    # ------------------------------------------------------------ going

    def discard(self, *, timeout: float = 0) -> None:
        """Remove the session and all it learned. Raises LockedError, NotFoundError, StorageError."""
        self._still_there()
        discard(self.home, self.info.name, timeout=timeout, only=self.info.id)

    def mark_promoted(self, entry: str) -> None:
        """Say that `entry` holds what was learned, then remove it here. Raises LockedError, StorageError."""
        with self.locked(command="promote"):
            if self._writing is not None:
                raise RuntimeError("the database is still open for writing")
            self.info = replace(self.info, state="promoted", promoted_to=entry)
            write_session(self.folder, self.info)
            self._remove_learned()

    def _learned(self) -> Sequence[Path]:
        stays = (SESSION_FILE, LOCK_FILE, LOCK_NOTE)
        with storage_errors(self.folder):
            return sorted(path for path in self.folder.iterdir() if path.name not in stays)

    def _remove_learned(self) -> None:
        with storage_errors(self.folder):
            for path in self._learned():
                if path.is_dir() and not path.is_symlink():
                    delete_folder(path)
                else:
                    remove_file(path)
            sync_folder(self.folder)

    def _finish_promotion(self) -> None:
        """Remove what a kill left after `session.json` said promoted; if that is not possible now, then later."""
        if self.info.state == "promoted":
            with suppress(LockedError, StorageError):
                if self._learned():
                    with self.locked(command="promote"):
                        self._remove_learned()

    def finish_erasing(self) -> None:
        """Be rid of what a kill left of something forgotten; what keeps us from it now is whoever opens it next's."""
        if self.info.state != "open":
            return
        with suppress(TitansError):
            with self.episodes() as episodes:
                if episodes.is_clean():
                    return
            with self.locked(command="erase"), Episodes.open(self.folder / DATABASE, readonly=False) as episodes:
                if not episodes.is_clean():
                    self.finished = True
                    remove_temporaries(self.folder)
                    self._sweep(episodes)
                    episodes.clean(wait=False)


def discard(home: Home, name: str, *, timeout: float = 0, only: str | None = None) -> None:
    """Remove the session in the folder `name`, even one that is too damaged to be opened. `only`: if it has this id.

    Raises LockedError while a writer works, NotFoundError, StorageError.
    """
    folder = home.session_folder(name)
    if name not in home.session_names():
        raise NotFoundError("no session has this name", subject=name, hint=Hint("See: ", NextStep("session list")))
    with WriterLock(folder).acquire(timeout, "discard"), home.lock():
        if only is not None and folder.is_dir() and _id_in(folder) not in (only, None):
            raise _gone(name)  # another one has its name
        if folder.is_dir():
            remove_tree(folder)
        home.clear()
        home.clear_current(only=name)


def _id_in(folder: Path) -> str | None:
    """None for what is too damaged to say."""
    with suppress(TitansError):
        return read_session(folder).id
    return None


def _gone(name: str) -> NotFoundError:
    return NotFoundError("the session was discarded", subject=name, hint=Hint("See: ", NextStep("session list")))
