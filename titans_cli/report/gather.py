"""A session to the facts of its report. Reads, and changes nothing.

What there may be too much of is bounded here, so that the page of a session of a thousand documents stays one that a
browser opens at once; each bound is told on the page where it takes effect.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import PurePath
from typing import TYPE_CHECKING

from titans_cli import __version__
from titans_cli.answers.compose import Answerer, AskOptions, Means
from titans_cli.answers.landmarks import own_marks
from titans_cli.cards import Card, label, listed
from titans_cli.errors import LockedError, NotFoundError, UsageError
from titans_cli.places import in_words
from titans_cli.records import SessionInfo, SourceRecord
from titans_cli.report.absorbed import measured
from titans_cli.report.facts import (
    AbsorbedPassage,
    DocumentTold,
    LoggedQuestion,
    PageTold,
    PileSummary,
    Quote,
    ReportFacts,
    Stretch,
)
from titans_cli.sessions.gate import Gate, probe_session
from titans_cli.sessions.history import erase_superseded
from titans_cli.sessions.selection import allowed
from titans_cli.steps import AGAIN, Hint, NextStep
from titans_cli.store import Episodes, Home, SessionStore, utc_now

if TYPE_CHECKING:
    from titans_cli.model.interface import SessionModel

PASSAGES = 64  # put to their own cells
CELLS = 2000  # looked into for the gate's probes, where promoting looks into all
STRETCHES = 480  # of the stream
PAGES = 1500  # listed
QUESTIONS = 50  # the newest
EPISODES = 150  # the newest
AROUND = 220  # characters shown on either side of a quote
AUTHORS = 6  # named; of more, the first
BEGINS = 90  # characters of a page's first words
ASKED, ANSWERED = "I was asked: ", "I answered: "  # as `sessions.ask` logs them
Row = tuple[int, int, int, float]  # source, page, tokens, surprise of a segment


def gather(home: Home, selector: str | None, *, engine: SessionModel | None = None) -> ReportFacts:
    """Everything a report says. `engine`: the session's, if the caller has it.

    Raises UsageError (promoted, nothing read), LockedError (read on meanwhile), NotFoundError, IncompatibleError,
    DamagedError, StorageError.
    """
    store = SessionStore.open(home, selector)
    store.require_open()
    with store.episodes() as episodes:
        if not episodes.position():
            hint = Hint("Read something first: ", NextStep("ingest", paths=None, session=store.info.name))
            raise UsageError("nothing was read in this session yet", subject=store.info.name, hint=hint)
    if engine is None:
        from titans_cli.sessions.engines import engine_of

        engine = engine_of(store.info)
    erase_superseded(store)  # a page outlives the session: it must not keep what was taken back
    gate = probe_session(home, store.info.name, engine=engine, most=CELLS)
    if gate.damage:
        gate.admit(force=True)  # raises what it is
    with store.episodes() as episodes, episodes.frozen():
        if episodes.memory_sha256() != gate.memory_sha256:
            problem, hint = "it was read into while it was looked at", Hint("When that is done: ", AGAIN)
            raise LockedError(problem, subject=store.info.name, hint=hint)
        return _facts(store, episodes, engine, gate)


def _facts(store: SessionStore, episodes: Episodes, engine: SessionModel, gate: Gate) -> ReportFacts:
    sources = episodes.sources()
    numbers = {source.id: n for n, source in enumerate(sources, start=1)}
    passages = measured(store, episodes, engine, sources, PASSAGES)
    rows = episodes.surprises()
    kinds = episodes.event_counts()
    return ReportFacts(
        session=store.info,
        forgettings=episodes.forgettings(),
        made=utc_now(),
        version=__version__,
        memory_sha256=gate.memory_sha256,
        tokens=sum(tokens for _, _, tokens, _ in rows),
        pages=sum(source.pages for source in sources),
        cells=len(episodes.snapshots()),
        segments=len(rows),
        stream=tuple(stretches(rows, STRETCHES)),
        documents=tuple(_documents(episodes, sources, numbers, rows, passages)),
        passages=tuple(passages),
        probes=gate.probes,
        suspicions=gate.suspicions,
        whole=_whole(store.info, episodes, engine, sources, numbers),
        questions=tuple(_questions(episodes, sources, numbers)),
        asked=kinds.get("asked", 0),
        episodes=tuple(episodes.events(limit=EPISODES)),
        kinds=kinds,
    )


def stretches(rows: Sequence[Row], most: int) -> Iterator[Stretch]:
    """The stream in at most so many runs of neighbouring segments, equally many in each."""
    ends = list(accumulate(tokens for _, _, tokens, _ in rows))
    size = max(1, math.ceil(len(rows) / most))
    for i in range(0, len(rows), size):
        surprises = [row[3] for row in rows[i : i + size]]
        start = ends[i] - rows[i][2]
        yield Stretch(start, ends[min(i + size, len(rows)) - 1], _mean(surprises), min(surprises), max(surprises))


def _documents(
    episodes: Episodes,
    sources: Sequence[SourceRecord],
    numbers: dict[int, int],
    rows: Sequence[Row],
    passages: Sequence[AbsorbedPassage],
) -> Iterator[DocumentTold]:
    of, known = defaultdict[int, list[Row]](list), defaultdict[int, list[AbsorbedPassage]](list)
    for row in rows:
        of[row[0]].append(row)
    for passage in passages:
        known[passage.source].append(passage)
    start, room, cards = 0, PAGES, episodes.cards()
    omissions = episodes.omissions()
    for source in sources:
        mine, put = of[source.id], known[source.id]
        tokens = sum(row[2] for row in mine)
        pages = tuple(_pages(episodes, source, mine)) if source.pages <= room else ()
        room -= len(pages)
        yield DocumentTold(
            numbers[source.id],
            " ".join((source.title or "").split()) or PurePath(source.display).name or source.display,
            _by(cards[source.id]),
            source,
            start,
            start + tokens,
            _mean([row[3] for row in mine]),
            pages,
            len(put),
            _mean([p.first for p in put]) if put else None,
            _mean([p.now for p in put]) if put else None,
            in_words(omissions.get(source.id, ())),
            cards[source.id].year or source.year,
            label(cards[source.id], source.display),
        )
        start += tokens


def _by(card: Card) -> str:
    names = (
        listed(card.authors)
        if len(card.authors) <= AUTHORS
        else f"{card.authors[0]} and {len(card.authors) - 1} others"
    )
    return ", ".join(filter(None, (names, str(card.year or ""), card.venue)))


def _pages(episodes: Episodes, source: SourceRecord, rows: Sequence[Row]) -> Iterator[PageTold]:
    of = defaultdict[int, list[float]](list)
    for _, number, _, surprise in rows:
        of[number].append(surprise)
    for page in episodes.pages(source.id):
        begins = " ".join(page.text[: 2 * BEGINS].split())
        yield PageTold(page.number, _mean(of[page.number]), clipped(begins, BEGINS))


def _whole(
    info: SessionInfo,
    episodes: Episodes,
    engine: SessionModel,
    sources: Sequence[SourceRecord],
    numbers: dict[int, int],
) -> PileSummary:
    """What `titans ask "summarize trends"` answers; nothing for a few documents, which have no trends."""
    means = Means(episodes, engine, lambda asked: engine.recall([], asked), own_marks(episodes, engine))
    answer = Answerer(means, info.name, 0, AskOptions(only=allowed(episodes))).answer("summarize trends")
    if answer.kind != "trends":
        return PileSummary("", (), (), (), ())
    quotes = []
    for c in answer.citations:
        text = " ".join(c.quote.split())
        data = {"source": c.source, "uri": c.uri, "page": c.page, "start": c.start, "end": c.end}
        quotes.append(_quote(episodes, sources, numbers, c.number, data, text))
    return PileSummary(answer.lead, answer.themes, answer.disagreements, answer.alone, tuple(quotes), answer.trends)


def _questions(
    episodes: Episodes, sources: Sequence[SourceRecord], numbers: dict[int, int]
) -> Iterator[LoggedQuestion]:
    """The newest, oldest first. A question of which a forgotten document took the answer along is left without."""
    asked = episodes.events(kind="asked", limit=QUESTIONS)
    if not asked:
        return
    answers = {event.id: event for event in episodes.events(kind="answered", since=asked[0].at)}
    for event in asked:
        answered = answers.get(event.id + 1)  # logged together
        if answered is None:
            yield LoggedQuestion(event.at, event.text.removeprefix(ASKED), "", ())
            continue
        text = answered.text.removeprefix(ANSWERED)
        cited = answered.data.get("citations")
        answer_text = " ".join(text.split())
        quotes = tuple(
            _quote(episodes, sources, numbers, n, c, answer_text)
            for n, c in enumerate(cited if isinstance(cited, list) else (), start=1)
            if isinstance(c, Mapping)
        )
        short = answered.data.get("short")
        headline = short if isinstance(short, str) else ""
        yield LoggedQuestion(event.at, event.text.removeprefix(ASKED), text, quotes, headline)


def _quote(
    episodes: Episodes,
    sources: Sequence[SourceRecord],
    numbers: dict[int, int],
    number: int,
    cited: Mapping[str, object],
    answer_text: str,
) -> Quote:
    """The citation with its words, if what stands at its place is in the answer's text.

    Older sessions kept no place, an imported one may say anything, and of a file there may be two versions.
    """
    display, page = str(cited.get("source", "")), cited.get("page")
    named = [s for s in sources if s.uri == cited.get("uri")] or [s for s in sources if s.display == display]
    match page, cited.get("start"), cited.get("end"):
        case int(at), int(start), int(end) if 0 <= start < end:
            for source in named:
                text = _page(episodes, source, at)
                if (words := " ".join(text[start:end].split())) and words in answer_text:
                    before, after = text[max(0, start - AROUND) : start], text[end : end + AROUND]
                    cut = (start > AROUND, end + AROUND < len(text))
                    before = f"{'… ' if cut[0] else ''}{_after_word(before) if cut[0] else before}"
                    after = f"{_before_word(after) if cut[1] else after}{' …' if cut[1] else ''}"
                    return Quote(number, numbers[source.id], display, at, before, text[start:end], after)
    known = numbers[named[-1].id] if named else 0
    return Quote(number, known, display, page if isinstance(page, int) else 0, "", "", "")


def _page(episodes: Episodes, source: SourceRecord, number: int) -> str:
    try:
        return episodes.page(source.id, number)
    except NotFoundError:
        return ""


def _after_word(text: str) -> str:
    """Without the piece of a word it begins with."""
    return text.partition(" ")[2] or text


def _before_word(text: str) -> str:
    return text.rpartition(" ")[0] or text


def clipped(text: str, most: int) -> str:
    return text if len(text) <= most else f"{_before_word(text[:most])} …"


def _mean(figures: Sequence[float]) -> float:
    return sum(figures) / max(1, len(figures))
