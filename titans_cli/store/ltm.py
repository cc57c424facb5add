"""Long-term memory: immutable entries, each the cells of a session with the text they came from.

An entry is built under a temporary name, made durable, and renamed into place; only then is the session marked
promoted and emptied. A kill in between leaves both, and promoting the same session under the same name finishes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from titans_cli.errors import DamagedError, LockedError, NotFoundError, TitansError, UsageError, damaged_file
from titans_cli.records import INHERITED, EntryInfo, Episode, SessionInfo, SnapshotInfo, Vetting
from titans_cli.steps import AGAIN, Hint, NextStep, Option
from titans_cli.store.copies import Admit, anything, copied_size, file_size, with_log
from titans_cli.store.episodes import Episodes
from titans_cli.store.files import (
    FILE_MODE,
    UNFINISHED,
    atomic_write,
    copy_durably,
    delete_folder,
    private_mkdir,
    remove_tree,
    rename_new,
    sha256_of,
    storage_errors,
    sync_folder,
    unique_id,
)
from titans_cli.store.home import Home, validate_name
from titans_cli.store.locks import utc_now
from titans_cli.store.manifest import FORMAT, read_entry, write_entry
from titans_cli.store.session import DATABASE, SNAPSHOTS, SessionStore
from titans_cli.store.snapshots import join_snapshots, snapshot_path, split_snapshots

MEMORY = "memory.safetensors"
READ_ONLY = 0o400
_AS = Option("as", "NAME")
_OTHER_BYTES = "its bytes are not those that were promoted"


@dataclass(frozen=True, slots=True)
class EntryList:
    """What lies in long-term memory: the entries that can be read, and why the others cannot."""

    entries: tuple[EntryInfo, ...]
    unreadable: tuple[TitansError, ...]


class LongTermMemory:
    """The entries of one home."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def list(self) -> EntryList:
        """Every entry, oldest first. One that is damaged does not hide the others."""
        self.home.tidy()
        entries: list[EntryInfo] = []
        unreadable: list[TitansError] = []
        for name in self.home.entry_names():
            try:
                entries.append(read_entry(self.home.entry_folder(name)))
            except TitansError as error:
                unreadable.append(error)
        return EntryList(tuple(sorted(entries, key=lambda e: (e.created, e.id))), tuple(unreadable))

    def show(self, selector: str) -> EntryInfo:
        """By name, ULID or unique prefix. Raises NotFoundError, UsageError, DamagedError, IncompatibleError."""
        return read_entry(self.home.entry_folder(self.home.find_entry(selector)))

    def episodes(self, selector: str) -> Episodes:
        """The entry's retained text, read-only."""
        return Episodes.open(self.home.entry_folder(self.home.find_entry(selector)) / DATABASE)

    def verify(self, selector: str) -> EntryInfo:
        """Read the whole entry; raise DamagedError unless every byte is as it was promoted."""
        entry = self.show(selector)
        check_folder(self.home.entry_folder(entry.name), entry)
        return entry

    def remove(self, selector: str) -> EntryInfo | None:
        """Remove an entry for good, even a damaged one (then None). Raises NotFoundError, UsageError, StorageError."""
        name = self.home.find_entry(selector)
        folder = self.home.entry_folder(name)
        entry: EntryInfo | None = None
        with suppress(TitansError):
            entry = read_entry(folder)
        with self.home.lock():
            if not folder.is_dir():
                raise NotFoundError(
                    "no LTM entry has this name", subject=name, hint=Hint("See: ", NextStep("ltm list"))
                )
            remove_tree(folder)
            self.home.clear()
        return entry

    # ------------------------------------------------------------ from a session, and to one

    def promote(
        self,
        store: SessionStore,
        name: str,
        *,
        note: str | None = None,
        timeout: float = 0,
        vetted: Vetting | None = None,
        admit: Admit = anything,
    ) -> EntryInfo:
        """Make the session's last committed state an entry, then empty the session.

        `vetted`: what the gate found, kept in the entry; nothing that was read since is promoted on it.
        Repeating it after a kill finishes it. Raises UsageError when the name is taken or the session was promoted
        to another, LockedError, DamagedError, StorageError, and as `admit`.
        """
        name = validate_name(name, "LTM entry")
        with store.locked(timeout=timeout, command="promote"):
            if store.info.state == "promoted" and store.info.promoted_to == name:
                entry = self.show(name)
            else:
                with store.writer() as episodes, self.home.lock():
                    self.home.clear()
                    if vetted is not None and vetted.memory_sha256 != episodes.memory_sha256():
                        problem, hint = "something was read into it since it was probed", AGAIN
                        raise LockedError(problem, subject=store.info.name, hint=hint)
                    existing = self._existing(store.info, name, episodes)
                    if existing is None:
                        admit(copied_size(episodes) + sum(map(len, map(str, episodes.sources()))))
                    entry = existing or self._build(store, episodes, name, note, vetted)
            store.mark_promoted(name)
        return entry

    def _existing(self, session: SessionInfo, name: str, episodes: Episodes) -> EntryInfo | None:
        """The entry that an interrupted promotion of this very state left; None when the name is free."""
        folder = self.home.entry_folder(name)
        if not folder.exists():
            return None
        entry = read_entry(folder)
        if entry.session_id == session.id:
            with Episodes.open(folder / DATABASE) as kept:
                if kept.memory_sha256() == episodes.memory_sha256():
                    return entry
        raise UsageError(
            "an LTM entry of this name exists, and entries never change",
            subject=name,
            hint=Hint("Choose another name (", _AS, "), or remove that one: ", NextStep("ltm rm", entry=name)),
        )

    def _build(
        self, store: SessionStore, episodes: Episodes, name: str, note: str | None, vetted: Vetting | None
    ) -> EntryInfo:
        folder = self.home.ltm_dir / f"{UNFINISHED}{unique_id()}"
        try:
            private_mkdir(folder)
            parts = [(snapshot_path(store.folder / SNAPSHOTS, s.number), s.sha256) for s in episodes.snapshots()]
            memory_sha256 = join_snapshots(folder / MEMORY, parts, fingerprint=store.info.fingerprint, mode=READ_ONLY)
            episodes.copy(folder / DATABASE)
            with storage_errors(folder):
                (folder / DATABASE).chmod(READ_ONLY)
            session = store.info
            entry = EntryInfo(
                name=name,
                id=unique_id(),
                created=utc_now(),
                format=FORMAT,
                fingerprint=session.fingerprint,
                model=session.model,
                memory=session.memory,
                threads=session.threads,
                session=session.name,
                session_id=session.id,
                parent=session.origin,
                note=note,
                sources=tuple(
                    {"uri": s.uri, "sha256": s.sha256, "tokens": s.tokens, "title": s.title} for s in episodes.sources()
                ),
                position=episodes.position(),
                memory_sha256=memory_sha256,
                episodes_sha256=sha256_of(folder / DATABASE),
                memory_bytes=(folder / MEMORY).stat().st_size,
                episodes_bytes=(folder / DATABASE).stat().st_size,
            )
            if vetted is not None:
                entry = replace(
                    entry,
                    promoted_by=vetted.promoted_by,
                    forced=vetted.forced,
                    probes=vetted.probes,
                    suspicions=vetted.suspicions,
                )
            write_entry(folder, entry)
            self.home.refuse_prefix(name, entry=True)
            if not rename_new(folder, self.home.entry_folder(name)):
                raise UsageError(
                    "an LTM entry of this name exists", subject=name, hint=Hint("Choose another name: ", _AS)
                )
        except BaseException:
            with suppress(OSError):
                delete_folder(folder)
            raise
        return entry

    def start_session(
        self, selector: str, name: str | None = None, *, events: Iterable[Episode] = (), admit: Admit = anything
    ) -> SessionStore:
        """A new session with the entry's cells, byte for byte, and its text to cite.

        Sources say `ltm:<entry>` as their origin, positions carry on, and a "started" event is added.
        Raises NotFoundError, UsageError, DamagedError, IncompatibleError, StorageError, and as `admit`.
        """
        entry = self.show(selector)
        kept = self.home.entry_folder(entry.name)
        admit(file_size(kept / MEMORY) + with_log(file_size(kept / DATABASE)))
        draft = SessionInfo(
            name="",
            id="",
            created="",
            state="open",
            format=FORMAT,
            fingerprint=entry.fingerprint,
            model=entry.model,
            memory=entry.memory,
            threads=entry.threads,
            origin=entry.name,
        )

        def fill(folder: Path) -> None:
            _intact(kept / MEMORY, entry.memory_bytes, entry.memory_sha256)
            _sized(kept / DATABASE, entry.episodes_bytes)
            if copy_durably(kept / DATABASE, folder / DATABASE, mode=FILE_MODE) != entry.episodes_sha256:
                raise _damaged_entry(kept / DATABASE, _OTHER_BYTES)
            text = f"started from the LTM entry {entry.name}"
            started = Episode(0, utc_now(), "started", text, {"entry": entry.name, "entry_id": entry.id})
            with Episodes.open(folder / DATABASE, readonly=False, check=True) as episodes:
                episodes.check_schema()
                episodes.check()  # rows that refer to nothing would fail only later, as if they were our own mistake
                episodes.begin([started, *events], origin=f"{INHERITED}{entry.name}", numbered=True)
                for snapshot, parts in _cells(kept, episodes):
                    atomic_write(snapshot_path(folder / SNAPSHOTS, snapshot.number), parts)
            with storage_errors(folder):
                sync_folder(folder)

        return SessionStore.build(self.home, name, draft, fill)


def check_folder(folder: Path, entry: EntryInfo) -> None:
    """Raise DamagedError unless every byte in `folder` is as `entry` says it was promoted, and all of it fits."""
    _intact(folder / MEMORY, entry.memory_bytes, entry.memory_sha256)
    _intact(folder / DATABASE, entry.episodes_bytes, entry.episodes_sha256)
    with Episodes.open(folder / DATABASE) as episodes:
        episodes.check_schema()
        episodes.check()
        for _ in _cells(folder, episodes):
            pass


def _cells(folder: Path, episodes: Episodes) -> Iterator[tuple[SnapshotInfo, list[bytes]]]:
    """The cells of the entry in `folder`, with their rows in `episodes`: as many, and the same bytes."""
    rows = episodes.snapshots()
    count = 0
    for count, (row, parts) in enumerate(zip(rows, split_snapshots(folder / MEMORY), strict=False), start=1):
        if hashlib.sha256(b"".join(parts)).hexdigest() != row.sha256:
            raise _damaged_entry(folder / MEMORY, f"cell {count} is not what its row says")
        yield row, parts
    if count != len(rows):
        raise _damaged_entry(folder / MEMORY, f"it has {count} cells and {len(rows)} rows")


def _intact(path: Path, size: int | None, sha256: str) -> None:
    """Raise DamagedError unless the file is as it was promoted."""
    _sized(path, size)
    if sha256_of(path) != sha256:
        raise _damaged_entry(path, _OTHER_BYTES)


def _sized(path: Path, size: int | None) -> None:
    """Raise DamagedError for a file of another size, which need not be read to know."""
    if not path.exists():
        raise _damaged_entry(path, "the file is missing")
    with storage_errors(path):
        here = path.stat().st_size
    if size is not None and here != size:
        raise _damaged_entry(path, f"it has {here:,} bytes, and {size:,} were promoted")


def _damaged_entry(path: Path, problem: str) -> DamagedError:
    return damaged_file(path, problem, "Restore it from a backup, or remove it and ingest again")
