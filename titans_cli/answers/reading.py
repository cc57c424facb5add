"""Short answers by a language model that reads: the best blocks, with what stands beside them, put before it.

A reader (`model.interface.PassageReader`) says what answers, how likely it is right, and how likely nothing answers.
Retrieval has a probability of its own that the session speaks of the matter. Together (`REFUSAL`, `BELIEF`):

    nothing answers, surely enough       the question is refused
    it answers, surely enough            its words are the headline, their sentence the first citation
    it answers, and is not so sure       their sentence leads, without a headline
    it hardly answers                    the sentences that retrieval chose, without a headline

Its words are looked up again in the page they come from; what does not stand there is an error, and never told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from titans_cli.answers.evidence import ScoredBlock
from titans_cli.answers.extract import Candidate
from titans_cli.answers.fitted import log_odds, probability, weights
from titans_cli.answers.premise import Premise
from titans_cli.errors import ModelError
from titans_cli.model.interface import PassageReader, ReaderAnswer
from titans_cli.records import Block
from titans_cli.sentences import sentence_spans
from titans_cli.steps import Hint, Option
from titans_cli.store import Episodes

LEAST_WORDS, MOST_WORDS = 120, 250  # of a passage: as long as those that readers are trained on
REFUSAL: tuple[float, ...] = tuple(weights("reading.refusal").values())
BELIEF: tuple[float, ...] = tuple(weights("reading.belief").values())
# At even odds a wrong headline and a missing one weigh the same.
HEADLINE = 0.5
LEADS = 0.2  # set by hand: below it the reader's sentence is no likelier than retrieval's
REFUSES = 0.7  # the same program: 87% of what nothing answers, 6% of what is answered


class ReadPassage(NamedTuple):
    """A run of neighbouring blocks of one page, as it stands there."""

    blocks: tuple[Block, ...]
    start: int  # character offsets into the page
    end: int
    text: str
    score: float  # of the best of its blocks


class ReadingResult(NamedTuple):
    """What came of a reading. `lead`: the sentence to cite first; None when there is none, or all is refused."""

    lead: Candidate | None
    short: str | None
    probability: float  # that the reader's answer is right, or of a refusal, that nothing answers
    refused: bool


def passages_of(scored: Sequence[ScoredBlock], episodes: Episodes, count: int) -> list[ReadPassage]:
    """At most `count` passages around the best blocks, best first; no block is in two of them."""
    taken, made = set[int](), list[ReadPassage]()
    pages: dict[tuple[int, int], list[Block]] = {}
    scores = {f.block.id: f.score for f in scored}
    for f in scored:
        if len(made) == count:
            break
        if f.block.id in taken:
            continue
        place = f.block.source_id, f.block.page
        if place not in pages:
            pages[place] = [b for b in episodes.blocks_of(place[0]) if b.page == place[1]]
        run = _grown(f.block, pages[place], taken, scores)
        taken |= {b.id for b in run}
        start, end = run[0].start, run[-1].end
        made.append(ReadPassage(run, start, end, episodes.page(*place)[start:end], f.score))
    return made


def _grown(block: Block, page: Sequence[Block], taken: set[int], scores: dict[int, float]) -> tuple[Block, ...]:
    """The block with neighbours on its page, the better one first, until there are words enough."""
    first = last = next(i for i, b in enumerate(page) if b.id == block.id)
    words = len(block.text.split())
    while words < LEAST_WORDS:
        beside = [i for i in (first - 1, last + 1) if 0 <= i < len(page) and page[i].id not in taken]
        beside = [i for i in beside if words + len(page[i].text.split()) <= MOST_WORDS]
        if not beside:
            break
        # what comes after a block explains it more often than what came before
        best = max(beside, key=lambda i: (scores.get(page[i].id, float("-inf")), i))
        first, last = min(first, best), max(last, best)
        words += len(page[best].text.split())
    return tuple(page[first : last + 1])


def signals(premise: Premise, reading: ReaderAnswer) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Of refusing: log odds of the premise's and of the reader's that nothing answers, 1. Of believing: log odds of the
    reader's being right and of its absence, 1."""
    absent = log_odds(reading.absent)
    return (log_odds(premise.refuted), absent, 1.0), (log_odds(reading.probability), absent, 1.0)


def read(
    question: str,
    passages: Sequence[ReadPassage],
    titles: Mapping[int, str],
    premise: Premise,
    reader: PassageReader,
    episodes: Episodes,
) -> ReadingResult:
    """What the reader makes of the passages; `titles`: of sources, by id; `premise`: of what is asked.

    Raises ModelError when its words do not stand where it says.
    """
    named = [titles.get(p.blocks[0].source_id, "") for p in passages]
    reading = reader.read(question, [p.text for p in passages], named)
    refusing, believing = signals(premise, reading)
    nothing = probability(REFUSAL, refusing)
    if reading.text is None or nothing >= REFUSES:
        return ReadingResult(None, None, nothing, True)
    lead, sure = _sentence(reading, passages, episodes), probability(BELIEF, believing)
    if sure < LEADS:
        return ReadingResult(None, None, sure, False)
    return ReadingResult(lead, reading.text if sure >= HEADLINE else None, sure, False)


def _sentence(reading: ReaderAnswer, passages: Sequence[ReadPassage], episodes: Episodes) -> Candidate:
    """The sentence that holds the reader's words, or the run of sentences when they reach over an end of one."""
    inside = reading.passage is not None and 0 <= reading.passage < len(passages)
    passage = passages[reading.passage or 0]
    if not inside or not reading.text or passage.text[reading.start : reading.end] != reading.text:
        quote = (reading.text or "")[:60]
        raise ModelError(
            f"the reader's words do not stand where it says: {quote!r}", hint=Hint("Ask without ", Option("reader"))
        )
    start, end = passage.start + reading.start, passage.start + reading.end
    page = episodes.page(passage.blocks[0].source_id, passage.blocks[0].page)
    spans = [(a + passage.start, b + passage.start) for a, b in sentence_spans(passage.text)]
    over = [(a, b) for a, b in spans if a < end and b > start] or [(start, end)]
    first, last = min(start, over[0][0]), max(end, over[-1][1])
    block = next((b for b in passage.blocks if b.start <= start < b.end), passage.blocks[0])
    return Candidate(block, first, last, page[first:last], 1.0, passage.score, reading.probability)
