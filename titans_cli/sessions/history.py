"""What a session went through, and how parts of it are undone: log, recall, forget, rewind.

Every document has cells of its own, so forgetting one is exact: what stays is, bit for bit, what a session holds that
never read it. Nothing here needs the model, and so torch, unless the memory is at its bound and has room again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from titans_cli.errors import IncompatibleError, ModelError, NotFoundError, StorageError, UsageError
from titans_cli.records import EVENTS, SUPERSEDED, Episode, SourceRecord
from titans_cli.sessions.consolidate import settle
from titans_cli.sessions.selection import find, moment
from titans_cli.sessions.traces import events_about
from titans_cli.steps import Hint, NextStep
from titans_cli.store import Episodes, Home, SessionStore

if TYPE_CHECKING:
    from titans_cli.model.interface import SessionModel

Choose = Callable[[Episodes], Sequence[SourceRecord]]


@dataclass(frozen=True, slots=True)
class Log:
    session: str
    events: tuple[Episode, ...]  # oldest first


@dataclass(frozen=True, slots=True)
class RecallResult:
    session: str
    events: tuple[Episode, ...]  # best first
    scores: tuple[float, ...]  # BM25 of each: more is better


@dataclass(frozen=True, slots=True)
class ForgetResult:
    session: str
    sources: tuple[SourceRecord, ...]
    events: int  # that named or quoted them
    left: int  # documents
    memory_sha256: str  # of what is left; in a dry run, of what is there
    done: bool  # False for a dry run
    clean: bool  # no byte of them is left in the session's files; False while a reader is in the middle of a query
    finished: bool = False  # a kill had interrupted an earlier forgetting; what that had left is gone now


def session_log(home: Home, selector: str | None, limit: int | None = None) -> Log:
    """What the session read, was asked, answered and so on, without what speaks of what a fast update superseded; with
    `limit` the newest so many."""
    store = SessionStore.open(home, selector)
    with store.episodes() as episodes, episodes.frozen():
        hidden = left_behind(episodes)
        events = [e for e in episodes.events(limit=None if hidden else limit) if e.id not in hidden]
        return Log(store.info.name, tuple(events if limit is None else events[-limit:]))


def recall(
    home: Home,
    selector: str | None,
    words: str,
    *,
    since: str | None = None,
    kind: str | None = None,
    limit: int = 20,
) -> RecallResult:
    """The events that share a word with `words`, best first; `since` as of `moment`. Events that speak of what a fast
    update superseded are left out.

    Raises UsageError for no words or no time, NotFoundError, DamagedError, StorageError.
    """
    if not words.strip():
        raise UsageError(
            "no words to look for", hint=Hint("Give some: ", NextStep("recall", words="tidal barrier", since="2h"))
        )
    if kind is not None and kind not in EVENTS:
        raise UsageError(f"no such kind of event: {kind[:40]!r}", hint=f"Choose {', '.join(EVENTS)}")
    if limit < 1:
        raise UsageError(f"cannot show {limit} events", hint="Ask for one at least")
    store = SessionStore.open(home, selector)
    with store.episodes() as episodes, episodes.frozen():
        hidden = left_behind(episodes)
        scored = episodes.search_events(words, kind=kind, since=moment(since) if since is not None else "")
    shown = [(event, score) for event, score in scored if event.id not in hidden][:limit]
    return RecallResult(store.info.name, tuple(e for e, _ in shown), tuple(round(s, 4) for _, s in shown))


def forget(
    home: Home, selector: str | None, document: str, *, dry_run: bool = False, retry_lock: float = 0
) -> ForgetResult:
    """Forget a document or an item, named by key, id, path, display name, hash prefix or number.

    Raises NotFoundError, UsageError (it means several), LockedError, StorageError.
    """

    def choose(episodes: Episodes) -> list[SourceRecord]:
        return [find(episodes, document)]

    return _forget(home, selector, choose, dry_run, retry_lock)


def rewind(
    home: Home, selector: str | None, document: str, *, dry_run: bool = False, retry_lock: float = 0
) -> ForgetResult:
    """Forget all that was read after a document. Raises as `forget`."""

    def choose(episodes: Episodes) -> list[SourceRecord]:
        last = find(episodes, document)
        return [s for s in _live(episodes) if s.id > last.id]

    return _forget(home, selector, choose, dry_run, retry_lock)


def _forget(home: Home, selector: str | None, choose: Choose, dry_run: bool, retry_lock: float) -> ForgetResult:
    store = SessionStore.open(home, selector)
    store.require_open()
    if dry_run:
        with store.episodes() as episodes, episodes.frozen():
            preview = _chosen(store, episodes, choose)
            events = len(events_about(episodes, preview.sources))
            return replace(preview, events=events, memory_sha256=episodes.memory_sha256())
    with store.writer(timeout=retry_lock, command="forget") as episodes:
        preview = _chosen(store, episodes, choose)
        superseded = episodes.withheld(SUPERSEDED)
        counted = 0

        def spoken() -> set[int]:
            nonlocal counted
            events = events_about(episodes, preview.sources)
            counted = len(events)
            return {*events, *left_behind(episodes)}

        store.forget({s.id for s in preview.sources}.union(superseded), spoken)
        _make_use_of_the_room(store, episodes)
    with store.episodes() as episodes:
        digest, clean = episodes.memory_sha256(), episodes.is_clean()
        return replace(preview, events=counted, memory_sha256=digest, done=True, clean=clean)


def _make_use_of_the_room(store: SessionStore, episodes: Episodes) -> None:
    """Learn anew what had given way to what is forgotten, as if that had never been read.

    What was to be forgotten is: if the model is not there now, the next writer does it."""

    def load() -> SessionModel:
        from titans_cli.sessions.engines import engine_of

        return engine_of(store.info)

    with suppress(ModelError, IncompatibleError, StorageError):
        settle(store, episodes, load)


def _chosen(store: SessionStore, episodes: Episodes, choose: Choose) -> ForgetResult:
    """What would be forgotten now, without its events and the digest of the memory.

    Nothing, if what is named is not there and a kill had interrupted a forgetting."""
    gone: Sequence[SourceRecord] = ()
    try:
        gone = choose(episodes)
    except NotFoundError:
        if not store.finished:
            raise
    return ForgetResult(
        store.info.name,
        tuple(gone),
        0,
        episodes.count() - len(episodes.withheld(SUPERSEDED)) - len(gone),
        "",
        False,
        episodes.is_clean(),
        store.finished,
    )


def _live(episodes: Episodes) -> list[SourceRecord]:
    superseded = episodes.withheld(SUPERSEDED)
    return [s for s in episodes.sources() if s.id not in superseded]


def left_behind(episodes: Episodes) -> set[int]:
    """The events that speak of what fast updates superseded and left on disk.

    An event that came later names what took their place, and only a quotation can be theirs."""
    superseded = episodes.withheld(SUPERSEDED)
    sources = list(filter(None, map(episodes.source, superseded)))
    return {event for s in sources for event in events_about(episodes, [s], named_until=superseded[s.id])}


@dataclass(frozen=True, slots=True)
class EraseResult:
    session: str
    versions: int  # that fast updates had left behind
    done: bool  # False for a dry run
    finished: bool = False  # as of `Forgotten`


def erase(home: Home, selector: str | None, *, dry_run: bool = False, retry_lock: float = 0) -> EraseResult:
    """Forget for good what fast updates left behind. Raises LockedError, NotFoundError, StorageError."""
    store = SessionStore.open(home, selector)
    store.require_open()
    if dry_run:
        with store.episodes() as episodes:
            return EraseResult(store.info.name, len(episodes.withheld(SUPERSEDED)), False, store.finished)
    return EraseResult(store.info.name, erase_superseded(store, timeout=retry_lock), True, store.finished)


def erase_superseded(store: SessionStore, *, timeout: float = 0) -> int:
    """As `erase`; how many versions."""
    with store.episodes() as episodes:
        if not episodes.withheld(SUPERSEDED):
            return 0
    with store.writer(timeout=timeout, command="erase") as episodes:
        superseded = list(episodes.withheld(SUPERSEDED))
        store.forget(superseded, lambda: left_behind(episodes))
        _make_use_of_the_room(store, episodes)
        return len(superseded)
