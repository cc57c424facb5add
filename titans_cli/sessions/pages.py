"""What a session read, to be looked at: its documents as a table, a page of one, the page around a citation.

Needs no model, and so no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from titans_cli.cards import folded, is_document, label
from titans_cli.errors import NotFoundError, UsageError
from titans_cli.places import place, unit_of
from titans_cli.records import SUPERSEDED, SourceRecord
from titans_cli.sessions.history import left_behind
from titans_cli.sessions.selection import Filter, allowed, find
from titans_cli.store import Episodes, Home, SessionStore
from titans_cli.wording import runs

MOST_NAMED = 8  # documents that a name which fits several is told to mean


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A document of a session, as a table has it."""

    number: int
    source: str  # as displayed
    uri: str
    kind: str
    title: str
    authors: tuple[str, ...]
    year: int | None
    pages: int
    tokens: int
    surprise: float  # mean of its segments, when they were read
    read_at: str
    complete: bool  # False for one that was begun and not finished
    origin: str  # "read", or "ltm:<entry>"
    withheld: str | None  # "excluded" when it takes no part in answers


@dataclass(frozen=True, slots=True)
class SourceTable:
    session: str
    sources: tuple[SourceLine, ...]  # in the order of reading
    items: int  # that it was told besides


@dataclass(frozen=True, slots=True)
class PageView:
    """A page as it is retained. `marked`: where in `text` a citation's quote stands; None when a page was asked for."""

    session: str
    document: int  # its number in the session
    source: str
    uri: str
    label: str  # as a reference has it
    kind: str
    unit: str  # what `page` counts: "page", "row", "cell", ...
    page: int
    pages: tuple[int, ...]  # those of the document that have text
    place: str
    text: str
    citation: int | None = None  # of the last answer
    question: str | None = None  # that it answers
    marked: tuple[int, int] | None = None


def sources(home: Home, selector: str | None, globs: Sequence[str] = ()) -> SourceTable:
    """The documents of a session, or those that match any of the globs. Items that it was told are counted alone.

    Raises UsageError for globs that match nothing, NotFoundError, DamagedError, StorageError.
    """
    store = SessionStore.open(home, selector)
    store.require_open()
    with store.episodes() as episodes, episodes.frozen():
        only = allowed(episodes, Filter(sources=tuple(globs))) if globs else None
        withheld, cards, surprise = episodes.withheld(), episodes.cards(), episodes.mean_surprises()
        why = {item.source_id: item.withheld for item in episodes.items()}
        lines, items = list[SourceLine](), 0
        for s in episodes.sources():
            if why.get(s.id) == SUPERSEDED or (only is not None and s.id not in only):
                continue
            if not is_document(s.kind, cards[s.id]):
                items += s.kind == "item"
                continue
            card = cards[s.id]
            lines.append(
                SourceLine(
                    s.id,
                    s.display,
                    s.uri,
                    s.kind,
                    " ".join((card.title or s.title or s.name).split()),
                    card.authors,
                    card.year or s.year,
                    s.pages,
                    s.tokens,
                    surprise.get(s.id, 0.0),
                    s.read_at,
                    s.complete,
                    s.origin,
                    why.get(s.id) if s.id in withheld else None,
                )
            )
    return SourceTable(store.info.name, tuple(lines), items)


def page(home: Home, selector: str | None, document: str, number: int | None = None) -> PageView:
    """A page of a document, by default its first. `document`: path, name, title, hash or number, or a part of its name
    or title that no other document has.

    Raises NotFoundError (no such document, no such page), UsageError (it means several), DamagedError, StorageError.
    """
    store = SessionStore.open(home, selector)
    store.require_open()
    with store.episodes() as episodes, episodes.frozen():
        source = named(episodes, document)
        return _view(store.info.name, episodes, source, number)


def all_pages(home: Home, selector: str | None, document: str) -> list[PageView]:
    """Every page of a document that has text. Raises as `page`."""
    store = SessionStore.open(home, selector)
    store.require_open()
    with store.episodes() as episodes, episodes.frozen():
        source = named(episodes, document)
        return [_view(store.info.name, episodes, source, p.number) for p in episodes.pages(source.id)]


def cited(home: Home, selector: str | None, number: int) -> PageView:
    """The page that citation `number` of the last answer stands on, with the place of its quote.

    The last answer is the last one that the session keeps. Raises NotFoundError when there is none, it cites nothing
    of that number, or the document is not there any more; DamagedError, StorageError.
    """
    store = SessionStore.open(home, selector)
    store.require_open()
    with store.episodes() as episodes, episodes.frozen():
        question, citations = last_citations(episodes, store.info.name)
        if number not in citations:
            numbers = ", ".join(map(str, sorted(citations))) or "nothing"
            problem = f"the last answer has no citation {number}: it cites {numbers}"
            hint = "Ask again, or name a document and a page of it"
            raise NotFoundError(problem, subject=store.info.name, hint=hint)
        data = citations[number]
        source = episodes.source_by_uri(str(data.get("uri", "")))
        at = data.get("page")
        if source is None or not isinstance(at, int):
            hint = "See which documents the session holds"
            raise NotFoundError(
                "the document of that citation is not in the session any more",
                subject=str(data.get("source", "")),
                hint=hint,
            )
        view = _view(store.info.name, episodes, source, at)
    view = replace(view, citation=number, question=question)
    match data.get("start"), data.get("end"):
        case int(start), int(end) if 0 <= start < end <= len(view.text):
            return replace(view, marked=(start, end), place=place(source.kind, at, view.text, start))
    return view


def last_citations(episodes: Episodes, session: str) -> tuple[str, dict[int, Mapping[str, object]]]:
    """The question of the last answer that the session keeps, and what it cites, by number.

    Raises NotFoundError, also when it was made from what a fast update superseded."""
    answered = episodes.events(kind="answered", limit=1)
    if not answered:
        problem, hint = "it keeps no answer yet", "Ask something first, and let the session keep it"
        raise NotFoundError(problem, subject=session, hint=hint)
    if answered[0].id in left_behind(episodes):
        problem = "what the last answer was made from has been replaced since"
        raise NotFoundError(problem, subject=session, hint="Ask again, or name a document and a page of it")
    asked = [e for e in episodes.events(kind="asked", limit=2) if e.id == answered[0].id - 1]
    question = asked[0].text.partition(": ")[2] if asked else ""
    kept = answered[0].data.get("citations")
    by_number: dict[int, Mapping[str, object]] = {}
    for n, c in enumerate(kept if isinstance(kept, list) else (), start=1):
        if isinstance(c, Mapping):
            number = c.get("number")
            by_number[number if isinstance(number, int) else n] = c
    return question, by_number


def named(episodes: Episodes, document: str) -> SourceRecord:
    """As `selection.find`; besides, a part of a name or title that one document alone has."""
    try:
        return find(episodes, document)
    except NotFoundError:
        wanted, cards, superseded = folded(document), episodes.cards(), episodes.withheld(SUPERSEDED)
        fitting = [
            s
            for s in episodes.sources()
            if s.id not in superseded
            and wanted
            and any(wanted in folded(text) for text in (s.name, s.title or "", cards[s.id].title or ""))
        ]
        if not fitting:
            raise
    if len(fitting) > 1:
        which = "; ".join(f"{s.id} ({s.name})" for s in fitting[:MOST_NAMED])
        more = f"; and {len(fitting) - MOST_NAMED} more" if len(fitting) > MOST_NAMED else ""
        raise UsageError(
            f"{document[:80]} means {len(fitting)} documents: {which}{more}", hint="Name one by its number"
        )
    return fitting[0]


def _view(session: str, episodes: Episodes, source: SourceRecord, number: int | None) -> PageView:
    pages = tuple(p.number for p in episodes.pages(source.id))
    at = pages[0] if number is None and pages else number or 1
    unit = unit_of(source.kind)
    if at not in pages:
        ranges = _spans(pages)
        blank = f"{unit} {at} holds no text" if 0 < at < max(pages, default=0) else f"it has no {unit} {at}"
        raise NotFoundError(f"{blank}: there are {ranges}", subject=source.display, hint=f"Choose one of these {unit}s")
    text = episodes.page(source.id, at)
    cited_as = label(episodes.card(source.id), source.name)
    where = place(source.kind, at, text, 0)
    return PageView(session, source.id, source.display, source.uri, cited_as, source.kind, unit, at, pages, where, text)


def _spans(numbers: Sequence[int]) -> str:
    """ "1-4, 6"."""
    return ", ".join(f"{a}-{b}" if a < b else f"{a}" for a, b in runs(numbers)) or "none"
