"""What a session is told: items, each a small source of its own with a label, tags and perhaps a key.

An item is learned as a document is, into cells of its own; so dropping its cells unlearns it exactly. Whatever is done
to one is one commit: its cells, text, tags and event come, and what it takes the place of goes, together or not at all.
An item keeps its id when it is updated. `history.forget` deletes one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from titans_cli.errors import UsageError
from titans_cli.records import EXCLUDED, ITEM, SUPERSEDED, Block, Episode, Item, ItemRow, Page, SourceRecord
from titans_cli.sessions.consolidate import settle
from titans_cli.sessions.history import left_behind
from titans_cli.sessions.room import RoomBudget
from titans_cli.sessions.selection import Filter, find, held, select
from titans_cli.sessions.traces import events_about
from titans_cli.steps import Hint, NextStep, Option
from titans_cli.store import Addition, Episodes, Home, SessionStore, unique_id, utc_now

if TYPE_CHECKING:
    from titans_cli.model.interface import SessionModel
    from titans_cli.sessions.ingest import Loaded

LONGEST_TEXT = 1_000_000  # characters of an item: it is learned in one commit
LONGEST_NAME = 200  # characters of a label, a key or a tag
EXCERPT = 300  # characters of an item that its event quotes
_MOST_NAMED = 5  # items that the event of an exclusion names


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What telling did. `status`: "added", "updated", "retagged", or "unchanged" when nothing was to be learned."""

    session: str
    item: Item
    status: str
    snapshot: int  # the number of the newest
    refused: tuple[str, ...] = ()  # segments retained but not learned, since they would have poisoned the memory
    forgotten_events: int = 0  # that named or quoted what was there before
    superseded: int = 0  # old versions that are withheld and still on disk, by `fast`
    clean: bool = True  # no byte of what was forgotten is left; False while a reader is in the middle of a query
    finished: bool = False  # a kill had interrupted an earlier forgetting; what that had left is gone now


@dataclass(frozen=True, slots=True)
class FilterResult:
    session: str
    items: tuple[Item, ...]  # that the filter lets through, as they are now
    changed: int  # of them: excluded or included by this


@dataclass(frozen=True, slots=True)
class ItemRequest:
    """A text to be told, with what it is known by. None: nothing, or of an update, what it was."""

    text: str
    key: str | None = None  # that another text takes its place by; an update leaves it as it is
    label: str | None = None  # to cite it by
    tags: Sequence[str] | None = None


def add(
    home: Home,
    session: str | None,
    request: ItemRequest | str,
    *,
    model: str | None = None,
    retry_lock: float = 0,
    engine: Loaded = None,
    max_room: int | None = None,
) -> ItemResult:
    """Memorise a text; when this returns it is durable. The session as in `ingest`.

    Nothing is learned twice: the same text under the same key, or without a key under the same label, is "unchanged".
    `engine`: the session's, if the caller has it. Raises UsageError (no text, too much of it, a key that another text
    has), LimitError (it takes more than `max_room`, as of `RoomBudget`), LockedError, StorageError, DamagedError,
    IncompatibleError, NotFoundError.
    """
    from titans_cli.sessions.ingest import IngestOptions, session_to_read_into

    wanted = _ItemDraft.of(ItemRequest(request) if isinstance(request, str) else request)
    store, load = session_to_read_into(home, session, IngestOptions(model=model), engine)
    with store.writer(timeout=retry_lock, command="memory add") as episodes:
        known = _known(episodes, wanted)
        if known is not None:
            return _item_result(store, episodes, known.id, "unchanged")
        engine = load()
        room = RoomBudget(store.folder, engine, max_room)
        return _learn(store, episodes, room, wanted, unique_id(), ItemRow(wanted.key, wanted.tags))


def update(
    home: Home,
    session: str | None,
    named: str,
    request: ItemRequest | str,
    *,
    fast: bool = False,
    retry_lock: float = 0,
    engine: SessionModel | None = None,
    max_room: int | None = None,
) -> ItemResult:
    """Put a text in the place of an item's, named by its key or id; key, label and tags stay unless they are given.

    The old text is forgotten exactly in the commit that brings the new one: a kill leaves one of them. `fast`: the old
    one is withheld instead, neither recalled nor cited from then on, and stays on disk until something is forgotten
    exactly. That saves rewriting the session's database. What was excluded stays excluded.

    Raises NotFoundError, UsageError (a document read from a file; an empty text), otherwise as `add`.
    """
    request = ItemRequest(request) if isinstance(request, str) else request
    store = SessionStore.open(home, session)
    store.require_open()
    with store.writer(timeout=retry_lock, command="memory update") as episodes:
        old = find(episodes, named)
        was = next(item for item in episodes.items() if item.source_id == old.id)
        if not old.uri.startswith(ITEM):
            again = NextStep("ingest", paths=old.display, session=store.info.name)
            hint = Hint("Change the file and read it again: ", again)
            raise UsageError("this is a document read from a file, not an item", subject=old.display, hint=hint)
        wanted = _ItemDraft.of(
            replace(
                request,
                key=was.key,
                label=request.label or old.display,
                tags=was.tags if request.tags is None else request.tags,
            )
        )
        row = ItemRow(was.key, wanted.tags, was.withheld)
        if (wanted.sha256, wanted.label) == (old.sha256, old.display):
            if wanted.tags == was.tags:
                return _item_result(store, episodes, was.id, "unchanged")
            text = f"I tagged {wanted.label}: {', '.join(wanted.tags) or 'nothing'}."
            event = Episode(0, utc_now(), "told", text, {"sha256": wanted.sha256, "item": was.id, "tags": wanted.tags})
            episodes.put_item(old.id, row, utc_now(), [event])
            return _item_result(store, episodes, was.id, "retagged")
        if engine is None:
            from titans_cli.sessions.engines import engine_of

            engine = engine_of(store.info)
        return _learn(store, episodes, RoomBudget(store.folder, engine, max_room), wanted, was.id, row, old, fast)


def filter_items(
    home: Home,
    session: str | None,
    within: Filter,
    *,
    exclude: bool = False,
    include: bool = False,
    excluded: bool = False,
    retry_lock: float = 0,
) -> FilterResult:
    """The items and documents that a filter lets through; `excluded`: of those that are excluded now.

    `exclude` leaves them out of every later answer, summary and retrieval until `include` takes them back. That is kept
    in the session; what is added later is not concerned. Raises UsageError (both at once, or excluding all without
    a filter), LockedError, NotFoundError, StorageError.
    """
    if exclude and include:
        raise UsageError("exclude and include at once", hint="Choose one of the two")
    if exclude and within.empty:
        hint = Hint(
            "Say what: ", Option("tag"), ", ", Option("sources"), ", ", Option("since"), " or ", Option("max_surprise")
        )
        raise UsageError("this would exclude everything", hint=hint)
    store = SessionStore.open(home, session)
    store.require_open()
    if not (exclude or include):
        with store.episodes() as episodes, episodes.frozen():
            matching = [item for item in select(episodes, within) if item.withheld or not excluded]
            return FilterResult(store.info.name, tuple(matching), 0)
    with store.writer(timeout=retry_lock, command="memory filter") as episodes:
        matching = [item for item in select(episodes, within) if item.withheld or not excluded]
        changing = [item for item in matching if (item.withheld == EXCLUDED) is include]
        ids = [item.source_id for item in changing]
        if exclude and ids:
            episodes.exclude(ids, utc_now(), [_of_several("excluded", "I leave out of my answers", changing)])
        elif ids:
            episodes.include(ids, [_of_several("included", "I take back into my answers", changing)])
        chosen = {item.source_id for item in matching}
        now = tuple(item for item in held(episodes) if item.source_id in chosen)
        return FilterResult(store.info.name, now, len(ids))


# ---------------------------------------------------------------- what is wanted


@dataclass(frozen=True, slots=True)
class _ItemDraft:
    """A text to be told, clean, and how it is to be known."""

    text: str
    title: str | None
    sha256: str
    size: int
    key: str | None
    label: str | None
    tags: tuple[str, ...]

    @classmethod
    def of(cls, request: ItemRequest) -> _ItemDraft:
        """Raises UsageError for what cannot be told or cannot be a name."""
        from titans_cli.readers.text import parse_text

        text, key, label, tags = request.text, request.key, request.label, request.tags or ()
        if len(text) > LONGEST_TEXT:
            problem = f"the text is longer than {LONGEST_TEXT:,} characters"
            raise UsageError(problem, hint=Hint("Write it to a file and read that: ", NextStep("ingest", paths=None)))
        title, clean = parse_text(text)
        if not clean:
            raise UsageError(
                "there is no text to memorise", hint=Hint("Give some: ", NextStep("memory add", text=None))
            )
        for field, name in (("key", key), ("label", label), *(("tag", tag) for tag in tags)):
            _validate(field, name)
        raw = text.encode("utf-8", "replace")
        digest = hashlib.sha256(raw).hexdigest()
        return cls(clean, title, digest, len(raw), key, label, tuple(sorted(set(tags))))


def _validate(field: str, name: str | None) -> None:
    if name is not None and (not name.strip() or len(name) > LONGEST_NAME or not name.isprintable()):
        rule = f"A {field} is 1 to {LONGEST_NAME} characters that can be seen"
        raise UsageError(f"this cannot be a {field}: {name[:40]!r}", hint=rule)


def _label_of(item_id: str) -> str:
    """Of an item that was given none. The end of a ULID is its random part."""
    return f"item {item_id[-8:]}"


def _known(episodes: Episodes, wanted: _ItemDraft) -> Item | None:
    """The item that is told again. Raises UsageError for a key whose item is another."""
    for item in held(episodes):
        if wanted.key is not None and item.key == wanted.key:
            differs = [
                name
                for name, other in (
                    ("text", item.sha256 != wanted.sha256),
                    ("tags", wanted.tags not in ((), item.tags)),
                    ("label", wanted.label not in (None, item.label)),
                )
                if other
            ]
            if differs:
                problem = f"the key {wanted.key} is that of an item with another {' and other '.join(differs)}"
                update = NextStep("memory update", item=wanted.key, text=None)
                hint = Hint("Put this in its place: ", update, "; or choose another key")
                raise UsageError(problem, subject=item.label, hint=hint)
            return item
        same = item.kind == "item" and item.sha256 == wanted.sha256 and wanted.key is None and item.key is None
        if same and item.label == (wanted.label or _label_of(item.id)) and wanted.tags in ((), item.tags):
            return item
    return None


# ---------------------------------------------------------------- learning


def _learn(
    store: SessionStore,
    episodes: Episodes,
    room: RoomBudget,
    wanted: _ItemDraft,
    item_id: str,
    row: ItemRow,
    old: SourceRecord | None = None,
    fast: bool = False,
) -> ItemResult:
    """Learn an item, as `ingest` does a document, and commit it, in the place of `old`. `room`: with the engine."""
    from titans_cli.sessions.learning import block_of, learn

    wanted = replace(wanted, label=wanted.label or _label_of(item_id))
    replaced = [old] if old is not None and not fast else []
    gone = [source.id for source in replaced] + (list(episodes.withheld(SUPERSEDED)) if replaced else [])
    events = set[int]()

    def spoken() -> set[int]:
        if replaced:
            events.update(left_behind(episodes), events_about(episodes, replaced))
        return events

    pages, engine = (Page(1, wanted.text),), room.engine
    assert engine is not None
    segments = engine.segments(pages)
    room.admit(wanted.label or "", pages, segments, kind="an item")
    parts = list(learn(engine, segments))
    position, blocks = 0, list[Block]()
    for part in parts:
        for segment, surprise in zip(part.segments, part.surprise, strict=True):
            blocks.append(block_of(segment, position, surprise))
            position += len(segment.tokens)
    mean = sum(block.surprise for block in blocks) / len(blocks)
    refused = [f"segment {part.segments[n].index}: {why}" for part in parts for n, why in part.refused.items()]
    record = SourceRecord(
        id=0,
        uri=f"{ITEM}{item_id}",
        display=wanted.label or "",
        sha256=wanted.sha256,
        size=wanted.size,
        kind="item",
        title=wanted.title,
        pages=1,
        blocks_total=len(blocks),
        blocks_done=len(blocks),
        tokens=sum(block.tokens for block in blocks),
        read_at=utc_now(),
        origin="told",
    )
    opening = "I was told" if old is None else "I was told anew"
    room.before_commit([part.cell for part in parts], pages)
    event = _event(wanted, opening, item_id, {"surprise": round(mean, 4)})
    addition = Addition(
        pages=pages,
        blocks=blocks,
        landmarks=[vector for part in parts for vector in part.landmarks],
        events=[event],
        forget=gone,
        forget_events=spoken,
        item=row,
        supersede=[old.id] if old is not None and fast else (),
    )
    store.commit(record, addition, cells={part.cell.index: part.cell for part in parts}.values())
    settle(store, episodes, lambda: engine)
    status = "added" if old is None else "updated"
    done = _item_result(store, episodes, item_id, status)
    episodes.clean()
    return replace(done, refused=tuple(refused), forgotten_events=len(events), clean=episodes.is_clean())


def _item_result(store: SessionStore, episodes: Episodes, item_id: str, status: str) -> ItemResult:
    (item,) = (item for item in held(episodes) if item.id == item_id)
    superseded = len(episodes.items()) - len(held(episodes))
    newest = episodes.newest_snapshot()
    return ItemResult(store.info.name, item, status, newest, superseded=superseded, finished=store.finished)


def _event(wanted: _ItemDraft, opening: str, item_id: str, more: dict[str, object]) -> Episode:
    text = " ".join(wanted.text.split())
    excerpt = text if len(text) <= EXCERPT else f"{text[:EXCERPT].rsplit(' ', 1)[0]} ..."
    data = {"sha256": wanted.sha256, "item": item_id, "key": wanted.key, "tags": list(wanted.tags), **more}
    return Episode(0, utc_now(), "told", f"{opening} ({wanted.label}): {excerpt}", data)


def _of_several(kind: str, opening: str, items: Sequence[Item]) -> Episode:
    named = [item.label for item in items[:_MOST_NAMED]]
    more = f" and {len(items) - len(named)} more" if len(items) > len(named) else ""
    return Episode(0, utc_now(), kind, f"{opening}: {', '.join(named)}{more}.", {"items": [item.id for item in items]})
