"""What a session knows of a matter: what the memory alone recalls, and the passages that may prove it. Changes nothing.

`ask` makes an answer of the same; this is for those who make their own. `summary` answers about the whole of what a
filter lets through.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from titans_cli.answers.compose import AskOptions, worth_telling
from titans_cli.answers.evidence import gather
from titans_cli.answers.question import Question
from titans_cli.errors import DamagedError, UsageError
from titans_cli.model.interface import SessionModel
from titans_cli.places import place
from titans_cli.records import Answer, Block, Item
from titans_cli.sessions.ask import AskRequest, ask, plain
from titans_cli.sessions.engines import engine_of
from titans_cli.sessions.selection import Filter, allowed
from titans_cli.sessions.shelf import Shelf
from titans_cli.steps import Hint, NextStep
from titans_cli.store import Episodes, Home, SessionStore

KINDS = {
    "trends": "Summarize trends.",
    "themes": "What are the main themes?",
    "disagreements": "What do the sources disagree on?",
}


@dataclass(frozen=True, slots=True)
class Passage:
    """A block of what the session holds; its text stands at these offsets of the page."""

    number: int
    item: str  # id of the item, or number of the document
    key: str | None
    label: str
    tags: tuple[str, ...]
    at: str  # when it was told or read
    place: str  # in words a reader can look it up by
    page: int
    start: int
    end: int
    text: str
    score: float
    surprise: float


@dataclass(frozen=True, slots=True)
class RetrieveResult:
    session: str
    snapshot: int
    query: str
    recalled: str | None  # by the memory alone; never evidence
    confidence: float  # of the recollection
    agrees: bool | None  # whether what was recalled stands in a passage; None when nothing was
    passages: tuple[Passage, ...]  # best first
    seconds: float


def retrieve(
    home: Home,
    session: str | None,
    query: str,
    *,
    top_k: int = 8,
    within: Filter | None = None,
    engine: SessionModel | None = None,
    shelf: Shelf | None = None,
) -> RetrieveResult:
    """What the memory alone recalls of `query`, and the `top_k` passages most likely to bear on it.

    `within`: only what the filter lets through; what is excluded or superseded never takes part. `engine`, `shelf`: the
    session's, if the caller keeps them. Raises UsageError (an empty query, a filter that nothing passes),
    NotFoundError, IncompatibleError, DamagedError, StorageError.
    """
    begun = time.monotonic()
    query = plain(query)
    if not query:
        raise UsageError(
            "the query is empty", hint=Hint("Give one: ", NextStep("memory retrieve", query="tidal barrier"))
        )
    if top_k < 1:
        raise UsageError(f"cannot retrieve {top_k} passages", hint="Ask for one at least")
    store = SessionStore.open(home, session)
    store.require_open()
    engine = engine or engine_of(store.info)
    with store.episodes() as episodes, episodes.frozen():
        only = allowed(episodes, within)
        recollection = engine.recall((shelf or Shelf()).cells(store, engine, only), query)
        recalled = worth_telling(recollection)
        blocks = gather(
            Question(query, episodes), episodes, engine, recalled, top_k, None if only is None else set(only)
        )
        items = {item.source_id: item for item in episodes.items()}
        passages = tuple(
            _passage(n, f.block, f.score, items[f.block.source_id], episodes) for n, f in enumerate(blocks, start=1)
        )
        snapshot = episodes.newest_snapshot()
    agrees = None if recalled is None else any(plain(recalled).lower() in plain(p.text).lower() for p in passages)
    seconds = time.monotonic() - begun
    return RetrieveResult(
        store.info.name, snapshot, query, recalled, round(recollection.confidence, 4), agrees, passages, seconds
    )


def _passage(number: int, block: Block, score: float, item: Item, episodes: Episodes) -> Passage:
    """Raises DamagedError if the block is not, character for character, in the retained page."""
    page = episodes.page(block.source_id, block.page)
    if page[block.start : block.end] != block.text:
        problem, hint = (
            f"block {block.id} does not match its page",
            Hint("See what else is damaged: ", NextStep("check")),
        )
        raise DamagedError(problem, subject=str(episodes.path), hint=hint)
    where = place(item.kind, block.page, page, block.start)
    about = (number, item.id, item.key, item.label, item.tags, item.at)
    figures = (round(score, 4), round(block.surprise, 4))
    return Passage(*about, where, block.page, block.start, block.end, block.text, *figures)


@dataclass(frozen=True, slots=True)
class SummaryRequest:
    """`about`: a question of one's own about what `within` lets through, instead of a kind of summary. `long`: all
    topics and trends, not a page of them. `log`: what was asked and answered becomes episodes."""

    kind: str = "trends"  # one of KINDS
    about: str | None = None
    within: Filter = field(default_factory=Filter)
    sentences: int = 8
    long: bool = False
    log: bool = True


def summary(
    home: Home,
    session: str | None,
    request: SummaryRequest,
    *,
    engine: SessionModel | None = None,
    shelf: Shelf | None = None,
) -> Answer:
    """Trends, themes or disagreements of what a filter lets through, or of few documents their own sentences.

    Raises UsageError for another kind, otherwise as `ask`.
    """
    if request.kind not in KINDS:
        raise UsageError(f"no such kind of summary: {request.kind[:40]}", hint=f"Choose {', '.join(KINDS)}")
    question, asked = request.about or KINDS[request.kind], bool(request.about)
    asking = AskRequest(question, request.within, asked=asked, log=request.log)
    how = AskOptions(sentences=request.sentences, long=request.long)
    return ask(home, session, asking, how, engine=engine, shelf=shelf)
