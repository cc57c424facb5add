"""What a session went through, and how parts of it are undone: log, forget, rewind.

Every document has cells of its own, so forgetting one is exact: what stays is, bit for bit, what a session holds that
never read it. Nothing here needs the model, and so torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from titans_cli.errors import NotFoundError, UsageError
from titans_cli.records import Episode, SourceRecord
from titans_cli.sessions.traces import events_about
from titans_cli.store import Episodes, Home, SessionStore

SHORTEST_PREFIX = 4  # of a document's hash
Choose = Callable[[Sequence[SourceRecord]], list[SourceRecord]]


@dataclass(frozen=True, slots=True)
class Log:
    session: str
    events: tuple[Episode, ...]  # oldest first


@dataclass(frozen=True, slots=True)
class Forgotten:
    session: str
    sources: tuple[SourceRecord, ...]
    events: int  # that named or quoted them
    left: int  # documents
    memory_sha256: str  # of what is left; in a dry run, of what is there
    done: bool  # False for a dry run
    clean: bool  # no byte of them is left in the session's files; False while a reader is in the middle of a query


def session_log(home: Home, selector: str | None, limit: int | None = None) -> Log:
    """What the session read, was asked, answered and so on; with `limit` the newest so many."""
    store = SessionStore.open(home, selector)
    with store.episodes() as episodes:
        return Log(store.info.name, tuple(episodes.events(limit=limit)))


def forget(
    home: Home, selector: str | None, document: str, *, dry_run: bool = False, retry_lock: float = 0
) -> Forgotten:
    """Forget a document, named by path, display name, hash prefix or id.

    Raises NotFoundError, UsageError (it means several), LockedError, StorageError.
    """

    def choose(sources: Sequence[SourceRecord]) -> list[SourceRecord]:
        return [find_source(sources, document)]

    return _forget(home, selector, choose, dry_run, retry_lock)


def rewind(
    home: Home, selector: str | None, document: str, *, dry_run: bool = False, retry_lock: float = 0
) -> Forgotten:
    """Forget all that was read after a document. Raises as `forget`."""

    def choose(sources: Sequence[SourceRecord]) -> list[SourceRecord]:
        last = find_source(sources, document)
        return [s for s in sources if s.id > last.id]

    return _forget(home, selector, choose, dry_run, retry_lock)


def _forget(home: Home, selector: str | None, choose: Choose, dry_run: bool, retry_lock: float) -> Forgotten:
    store = SessionStore.open(home, selector)
    store.require_open()
    if dry_run:
        with store.episodes() as episodes, episodes.frozen():
            return _chosen(store, episodes, choose)[0]
    with store.writer(timeout=retry_lock, command="forget") as episodes:
        preview, events = _chosen(store, episodes, choose)
        if preview.sources:
            store.forget([s.id for s in preview.sources], events)
    with store.episodes() as episodes:
        return replace(preview, memory_sha256=episodes.memory_sha256(), done=True, clean=episodes.is_clean())


def _chosen(store: SessionStore, episodes: Episodes, choose: Choose) -> tuple[Forgotten, list[int]]:
    sources = episodes.sources()
    gone = choose(sources)
    events = events_about(episodes, gone)
    left = len(sources) - len(gone)
    digest, clean = episodes.memory_sha256(), episodes.is_clean()
    return Forgotten(store.info.name, tuple(gone), len(events), left, digest, False, clean), events


def find_source(sources: Sequence[SourceRecord], named: str) -> SourceRecord:
    """The one document that `named` means. Raises NotFoundError, UsageError when it means several."""
    path = str(Path(named).expanduser().resolve()) if named else ""
    ways: list[Callable[[SourceRecord], bool]] = [
        lambda s: named in (s.uri, s.display) or path == s.uri,
        lambda s: named == str(s.id),
        lambda s: named in (Path(s.uri).name, s.title),
        lambda s: len(named) >= SHORTEST_PREFIX and s.sha256.startswith(named.lower()),
    ]
    for way in ways:
        found = [s for s in sources if way(s)]
        if len(found) == 1:
            return found[0]
        if found:
            which = ", ".join(f"{s.id} ({s.sha256[:12]}, read {s.read_at})" for s in found)
            raise UsageError(f"{named} means {len(found)} documents: {which}", hint="Name one by its number or hash")
    raise NotFoundError(
        "the session has read no such document", subject=named[:80], hint="See what it has read: titans session show"
    )
