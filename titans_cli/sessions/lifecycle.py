"""A session's life, and long-term memory.

Nothing here but `new_session` and `promote_session` needs the model, and so torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from titans_cli.cards import is_document
from titans_cli.errors import (
    DamagedError,
    IncompatibleError,
    LockedError,
    NotFoundError,
    StorageError,
    TitansError,
    UsageError,
)
from titans_cli.records import (
    EXCLUDED,
    SUPERSEDED,
    EntryInfo,
    Episode,
    Loading,
    Omission,
    Remembered,
    SessionInfo,
    SourceRecord,
    Vetting,
)
from titans_cli.sessions.citing import CatalogueEntry
from titans_cli.sessions.consolidate import remembered, set_bound
from titans_cli.sessions.history import erase_superseded
from titans_cli.sessions.room import RoomBudget
from titans_cli.steps import Hint, Option
from titans_cli.store import (
    EntryList,
    Export,
    Home,
    LongTermMemory,
    SessionList,
    SessionStore,
    discard,
    export_session,
    fork_session,
    import_session,
    utc_now,
    validate_name,
)
from titans_cli.store import export_entry as store_entry
from titans_cli.store import import_entry as entry_from

if TYPE_CHECKING:
    from titans_cli.model.interface import SessionModel
    from titans_cli.sessions.engines import Engines
    from titans_cli.sessions.gate import Gate

STRETCHES = 60  # of a session's surprise in its details
CENTURY = 100 * 365 * 86400.0  # seconds; nothing here is older


@dataclass(frozen=True, slots=True)
class SessionDetails:
    info: SessionInfo
    current: bool
    sources: tuple[SourceRecord, ...]  # items too; without those that a fast update superseded
    position: int  # tokens read
    cells: int
    memory_sha256: str | None  # of all cells: equal digests, equal memories; None once promoted
    bytes_on_disk: int
    surprise: tuple[float, ...] = ()  # while reading, from first to last: means of at most `STRETCHES` equal runs
    excluded: int = 0  # sources that take no part in answers
    superseded: int = 0  # old versions that are still on disk
    omissions: Mapping[int, tuple[Omission, ...]] = field(default_factory=dict)  # by source: what its reader left out
    cards: tuple[CatalogueEntry, ...] = ()  # of the documents among the sources
    remembered: Remembered | None = None  # None once promoted


@dataclass(frozen=True, slots=True)
class DiscardResult:
    name: str
    sources: int
    tokens: int
    bytes_on_disk: int
    done: bool  # False for a dry run
    finished: bool = False  # a kill had interrupted an earlier discarding; what that had left is gone now


@dataclass(frozen=True, slots=True)
class EntryDiff:
    """Two LTM entries side by side; documents are told apart by their bytes and named by their addresses."""

    a: EntryInfo
    b: EntryInfo
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    both: tuple[str, ...]  # as named in a


@dataclass(frozen=True, slots=True)
class DamagedEntry:
    """An LTM entry that cannot be read, and why: all that can still be done with it is to remove it."""

    name: str
    damaged: str
    finished: bool = False  # a kill had interrupted its removal; what that had left is gone now


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How a session is made. `model`, `precision`: None is the setting's, or the entry's.

    `max_room`: bytes of disk that what an entry brings may take, as of `RoomBudget`. `memory`: bytes that its memory
    may take; None: the setting, or the entry's.
    """

    model: str | None = None
    precision: str | None = None
    loading: Loading | None = None
    max_room: int | None = None
    memory: int | None = None


def new_session(
    home: Home,
    name: str | None,
    *,
    entry: str | None = None,
    how: SessionOptions | None = None,
    use: bool = True,
    engines: Engines | None = None,
) -> SessionInfo:
    """Start a session from the initial memory, or from an LTM entry when one is named, and make it current.

    `engines`: the models that are loaded already. Raises UsageError (name taken, another model named, a memory that
    cannot be bounded), NotFoundError (no such entry), LimitError, IncompatibleError (the entry's model has changed).
    """
    how = how or SessionOptions()
    if name is not None:
        home.require_free(name)  # before seconds of loading
    if entry is not None and how.precision is not None:
        raise UsageError(
            "an LTM entry brings its own precision", subject=entry, hint=Hint("Leave ", Option("precision"), " out")
        )
    if entry is not None:
        from titans_cli.sessions.engines import engine_of, insist

        memory = LongTermMemory(home)
        kept = memory.show(entry)
        if how.model is not None:
            insist(how.model, how.loading, kept)
        engines.of(kept) if engines else engine_of(kept)  # refuses before anything is made
        started = Episode(0, utc_now(), "started", f"I started from what was promoted as {entry}.", {"entry": entry})
        admit = RoomBudget(home.root, None, how.max_room).copies(kept.name)
        store = memory.start_session(entry, name, events=[started], admit=admit)
        if how.memory is not None:
            with store.writer(command="session new") as episodes:
                set_bound(store, episodes, how.memory)
        info = store.info
    else:
        from titans_cli.sessions.engines import new_engine
        from titans_cli.sessions.ingest import create_session

        made = (engines.new if engines else new_engine)(how.model, how.precision, how.loading)
        info = create_session(home, name, engine=made, bound=how.memory).info
    if use:
        home.set_current(info.name)
    return info


def list_sessions(home: Home) -> tuple[SessionList, str | None]:
    """All sessions, and the current one's name."""
    return SessionStore.list(home), home.current()


def use_session(home: Home, selector: str) -> SessionInfo:
    store = SessionStore.open(home, selector)
    store.require_open()
    home.set_current(store.info.name)
    return store.info


def _bytes_in(store: SessionStore) -> int:
    size, folders = 0, [str(store.folder)]  # not Path.rglob: ten thousand documents have thirty thousand files
    try:
        while folders:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif entry.is_file():
                        size += entry.stat().st_size
        return size
    except OSError as error:
        raise StorageError(f"cannot look into the session ({error.strerror})", subject=store.info.name) from error


def show_session(home: Home, selector: str | None) -> SessionDetails:
    store = SessionStore.open(home, selector)
    current = home.current() == store.info.name
    if store.info.state == "promoted":
        return SessionDetails(store.info, current, (), 0, 0, None, _bytes_in(store))
    with store.episodes() as episodes, episodes.frozen():
        superseded, cards = episodes.withheld(SUPERSEDED), episodes.cards()
        return SessionDetails(
            store.info,
            current,
            tuple(s for s in episodes.sources() if s.id not in superseded),
            episodes.position(),
            len(episodes.snapshots()),
            episodes.memory_sha256(),
            _bytes_in(store),
            _stretches([surprise for *_, surprise in episodes.surprises()]),
            len(episodes.withheld(EXCLUDED)),
            len(superseded),
            {i: omitted for i, omitted in episodes.omissions().items() if i not in superseded},
            tuple(
                CatalogueEntry.of(s, cards[s.id])
                for s in episodes.sources()
                if s.id not in superseded and is_document(s.kind, cards[s.id])
            ),
            remembered(store.info, episodes),
        )


def _stretches(values: Sequence[float]) -> tuple[float, ...]:
    size = max(1, -(-len(values) // STRETCHES))
    return tuple(sum(run) / len(run) for i in range(0, len(values), size) if (run := values[i : i + size]))


@dataclass(frozen=True, slots=True)
class PromoteOptions:
    """`note`: what the entry says of itself. `force`: also below the bounds of the gate's probes."""

    note: str | None = None
    force: bool = False


def promote_session(
    home: Home,
    selector: str | None,
    name: str | None,
    how: PromoteOptions | None = None,
    *,
    approve: Callable[[Gate], None] | None = None,
    retry_lock: float = 0,
    engine: SessionModel | None = None,
    max_room: int | None = None,
) -> EntryInfo:
    """Make the session's memory an immutable LTM entry (named like the session unless told otherwise) and close it.

    The gate's probes come first. `approve` is shown what they found and may raise. The
    writer's lock is held from the first probe on, so that what was measured is what is kept.

    Raises PromotionRefused, UsageError (nothing read yet, name taken), LockedError, DamagedError, IncompatibleError,
    StorageError, LimitError (the entry takes more than `max_room`, as of `RoomBudget`).
    """
    how = how or PromoteOptions()
    note = None if how.note is None else how.note.encode("utf-8", "replace").decode("utf-8")  # a shell passes any bytes
    store = SessionStore.open(home, selector)
    if store.info.state == "promoted" and name not in (None, store.info.promoted_to):
        store.require_open()
    target = validate_name(name or store.info.promoted_to or store.info.name, "LTM entry")
    vetted: Vetting | None = None
    with store.locked(timeout=retry_lock, command="promote"):
        if store.info.state == "open":
            from titans_cli.sessions.gate import probe_session

            erase_superseded(store)
            gate = probe_session(home, store.info.name, engine=engine)
            if approve is not None:
                approve(gate)
            gate.admit(how.force)
            vetted = gate.vetting()
        admit = RoomBudget(home.root, None, max_room).copies(store.info.name)
        entry = LongTermMemory(home).promote(store, target, note=note, vetted=vetted, admit=admit)
    if home.current() == store.info.name:
        home.clear_current(only=store.info.name)
    return entry


def discard_session(home: Home, selector: str | None, *, dry_run: bool = False, retry_lock: float = 0) -> DiscardResult:
    """Remove a session and all it learned. A session too damaged to open can be discarded by its name."""
    left = home.tidy()
    try:
        name = home.find_session(selector)
    except NotFoundError:
        if any(path.parent == home.sessions_dir for path in left):
            return DiscardResult(selector or "", 0, 0, 0, not dry_run, finished=True)
        raise
    sources, tokens, size = 0, 0, 0
    session_id: str | None = None
    try:
        details = show_session(home, name)
        session_id = details.info.id
        sources, tokens = len(details.sources), sum(s.tokens for s in details.sources)
        size = details.bytes_on_disk
    except (DamagedError, IncompatibleError):
        pass  # it goes all the same; only the counts are unknown
    if not dry_run:
        discard(home, name, timeout=retry_lock, only=session_id)
    return DiscardResult(name, sources, tokens, size, not dry_run)


def discard_old(
    home: Home, older_than: float, *, now: datetime | None = None, dry_run: bool = False
) -> tuple[list[DiscardResult], list[TitansError]]:
    """Discard the sessions in which nothing happened for `older_than` seconds, and say which could not be.

    The current one stays, and so does one that is damaged or has a writer.
    """
    before = (now or datetime.now(UTC)) - timedelta(seconds=min(older_than, CENTURY))
    listed, current = list_sessions(home)
    gone, problems = list[DiscardResult](), list(listed.unreadable)
    for info in listed.sessions:
        try:
            if info.name != current and _last_used(home, info) < before:
                gone.append(discard_session(home, info.name, dry_run=dry_run))
        except (LockedError, DamagedError, IncompatibleError) as error:
            problems.append(error)
    return gone, problems


def _last_used(home: Home, info: SessionInfo) -> datetime:
    """When the session last read, was asked or anything else; a promoted one, when it was made."""
    at = info.created
    if info.state == "open":
        with SessionStore.open(home, info.name).episodes() as episodes:
            at = max([at, *(event.at for event in episodes.events(limit=1))])
    try:
        return datetime.fromisoformat(at)
    except ValueError as error:
        raise DamagedError(f"damaged: {at!r} is no time", subject=info.name) from error


def fork(
    home: Home,
    selector: str | None,
    name: str | None,
    *,
    use: bool = True,
    retry_lock: float = 0,
    max_room: int | None = None,
) -> SessionInfo:
    """A new session that holds all a session holds, and goes its own way from there; it becomes the current one.

    Raises LimitError when it takes more than `max_room`, as of `RoomBudget`; else as `fork_session`.
    """
    store = SessionStore.open(home, selector)
    store.require_open()
    with store.locked(timeout=retry_lock, command="fork"):
        erase_superseded(store)
        info = fork_session(store, name, admit=RoomBudget(home.root, None, max_room).copies(store.info.name)).info
    if use:
        home.set_current(info.name)
    return info


def export(
    home: Home,
    selector: str | None,
    file: Path,
    *,
    replace_file: bool = False,
    dry_run: bool = False,
    retry_lock: float = 0,
    max_room: int | None = None,
) -> Export:
    """Write a session to one file.

    Raises UsageError when it exists, DamagedError when the session is not whole, LimitError when that takes more than
    `max_room`, as of `RoomBudget`.
    """
    store = SessionStore.open(home, selector)
    store.require_open()
    with store.locked(timeout=retry_lock, command="export"):
        if not dry_run:
            erase_superseded(store)
        admit = RoomBudget(file.absolute().parent, None, max_room).copies(store.info.name)
        return export_session(store, file, replace_file=replace_file, dry_run=dry_run, admit=admit)


def import_(home: Home, file: Path, name: str | None, *, use: bool = True, max_room: int | None = None) -> SessionInfo:
    """The session in an exported file; it becomes the current one.

    Raises DamagedError unless every byte of it is as it was exported, LimitError when it takes more than `max_room`, as
    of `RoomBudget`.
    """
    info = import_session(home, file, name, admit=RoomBudget(home.root, None, max_room).copies(str(file))).info
    if use:
        home.set_current(info.name)
    return info


def list_entries(home: Home) -> EntryList:
    return LongTermMemory(home).list()


def show_entry(home: Home, selector: str) -> EntryInfo:
    return LongTermMemory(home).show(selector)


def diff_entries(home: Home, one: str, other: str) -> EntryDiff:
    """Which documents two entries have in common, by their bytes, and what the gate measured of each."""
    memory = LongTermMemory(home)
    a, b = memory.show(one), memory.show(other)
    in_a, in_b = ({str(s.get("sha256")) for s in entry.sources} for entry in (a, b))
    return EntryDiff(
        a,
        b,
        tuple(str(s.get("uri")) for s in a.sources if s.get("sha256") not in in_b),
        tuple(str(s.get("uri")) for s in b.sources if s.get("sha256") not in in_a),
        tuple(str(s.get("uri")) for s in a.sources if s.get("sha256") in in_b),
    )


def verify_entry(home: Home, selector: str) -> EntryInfo:
    """Read an entry whole. Raises DamagedError unless every byte is as it was promoted."""
    return LongTermMemory(home).verify(selector)


def export_entry(
    home: Home,
    selector: str,
    file: Path,
    *,
    replace_file: bool = False,
    dry_run: bool = False,
    max_room: int | None = None,
) -> Export:
    """Write an entry to one file.

    Raises UsageError when it exists, NotFoundError, DamagedError, LimitError when that takes more than `max_room`, as
    of `RoomBudget`.
    """
    admit = RoomBudget(file.absolute().parent, None, max_room).copies(selector)
    return store_entry(home, selector, file, replace_file=replace_file, dry_run=dry_run, admit=admit)


def import_entry(home: Home, file: Path, name: str | None, *, max_room: int | None = None) -> EntryInfo:
    """The entry in an exported file.

    Raises DamagedError unless every byte of it is as it was promoted, LimitError when it takes more than `max_room`, as
    of `RoomBudget`.
    """
    return entry_from(home, file, name, admit=RoomBudget(home.root, None, max_room).copies(str(file)))


def started_from(home: Home, entry: str) -> list[str]:
    """The names of the open sessions that started from an entry, oldest first."""
    return [info.name for info in SessionStore.list(home).sessions if info.origin == entry and info.state == "open"]


def remove_entry(home: Home, selector: str, *, dry_run: bool = False) -> EntryInfo | DamagedEntry:
    """Remove an entry, even one that is too damaged to be read. Raises NotFoundError, UsageError, StorageError."""
    left = home.tidy()
    try:
        name = home.find_entry(selector)
    except NotFoundError:
        if any(path.parent == home.ltm_dir for path in left):
            return DamagedEntry(selector, "its removal had been interrupted", finished=True)
        raise
    entry: EntryInfo | DamagedEntry
    try:
        entry = LongTermMemory(home).show(name)
    except (DamagedError, IncompatibleError) as error:
        entry = DamagedEntry(name, error.what)
    if not dry_run:
        LongTermMemory(home).remove(name)
    return entry
