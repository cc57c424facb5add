"""Which blocks may carry the answer: signals of words, of landmarks and of the memory's own recollection, fused.

Candidates are the best blocks by BM25 and by landmarks. Each gets a few signals, on comparable scales; a weighted sum
ranks them. The weights were fitted on training questions alone (benchmarks/answers_tune.py fits them anew for another
model). A sum of scaled scores kept more of the evidence than reciprocal ranks (Cormack et al. 2009) did: docs/log.md.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from operator import mul
from typing import NamedTuple

from titans_cli.answers.fitted import weights
from titans_cli.answers.landmarks import Marks, own_marks
from titans_cli.answers.question import Question, content_words
from titans_cli.answers.words import stems
from titans_cli.cards import surname
from titans_cli.model.interface import SessionModel
from titans_cli.records import Block
from titans_cli.store import Episodes

POOL = 120  # blocks the words may name
POOL_LANDMARKS = 60  # blocks the landmarks may name
OPENING = 12  # words at the start of a document that say what it is about, as its title does
# What each signal is worth, with the embedded model's landmarks (a better model wants another fit), and with those of a
# sentence encoder (--landmark-model), which know other words for the same thing.
WEIGHTS = weights("evidence.own")
WEIGHTS_ENCODER = weights("evidence.encoder")


class Signals(NamedTuple):
    """A candidate block, as of `ScoredBlock`, and what speaks for it."""

    block: Block
    topic: frozenset[str]
    told: bool
    values: dict[str, float]
    # "bm25", "landmark": the best of the question's words and vector; "memory": of what memory alone said;
    # "document": the question's information, by all candidate blocks of the block's document; "head": by the block, the
    # document's title and its first block; "topic": by the title and the opening words; "pairs": the question's pairs
    # of neighbouring words, stop words too: titles are made of those; "beside": BM25 of the better neighbour; "wanted":
    # it holds what the question asks for: a year, a number, a name; "time": nearness to the years of the question


class ScoredBlock(NamedTuple):
    block: Block
    score: float
    topic: frozenset[str]  # stems of its document's title and opening words
    told: bool  # whether it was told, in somebody's own words, rather than read


def best(scores: dict[int, float], limit: int) -> list[int]:
    """The keys of the highest scores, highest first, lower keys before higher ones of the same score."""
    if len(scores) > limit:  # a heap of numbers alone: the blocks of ten thousand documents are hundreds of thousands
        least = min(heapq.nlargest(limit, scores.values()), default=math.inf)
        scores = {i: s for i, s in scores.items() if s >= least}
    return sorted(scores, key=lambda i: (-scores[i], i))[:limit]


def signals(
    question: Question,
    episodes: Episodes,
    marks: Marks,
    recalled: str | None,
    only: set[int] | None = None,
) -> list[Signals]:
    """The candidate blocks, each with its signals. `only`: the sources to look in."""
    near = marks.scores(question.text)
    held = question.bm25
    recalled_scores = dict(episodes.search_blocks(content_words(recalled), POOL)) if recalled else {}
    if only is not None:
        allowed = {b.id for source in sorted(only) for b in episodes.blocks_of(source)}
        near, held, recalled_scores = (
            {i: s for i, s in scores.items() if i in allowed} for scores in (near, held, recalled_scores)
        )
    blocks = episodes.blocks(dict.fromkeys(best(held, POOL) + best(near, POOL_LANDMARKS) + best(recalled_scores, 5)))
    most, most_said = max(held.values(), default=1.0), max(recalled_scores.values(), default=1.0)
    mean, spread = _mean_and_spread(list(near.values()))
    terms = {b.id: set(stems(b.text)) for b in blocks}
    about = _abouts(question, episodes, blocks, terms)
    ranked = []
    for b in blocks:
        of = about[b.source_id]
        beside = max(held.get(b.id - 1, 0.0) if b.index else 0.0, held.get(b.id + 1, 0.0))
        ranked.append(
            Signals(
                b,
                of.about,
                of.told,
                {
                    "bm25": held.get(b.id, 0.0) / most,
                    "landmark": (near.get(b.id, mean) - mean) / spread / 4,  # 4 deviations above the mean is 1
                    "memory": recalled_scores.get(b.id, 0.0) / most_said,
                    "document": of.document,
                    "head": question.covered(terms[b.id] | of.opening),
                    "topic": of.topic,
                    "pairs": question.pairs(b.text),
                    "beside": beside / most,
                    "wanted": question.wanted(b.text),
                    "time": question.at_the_time(b.text),
                },
            )
        )
    return ranked


class _About(NamedTuple):
    """What a document is about: its title and first block, and how much of the question they cover."""

    opening: set[str]
    about: frozenset[str]
    told: bool
    topic: float
    document: float


def _abouts(
    question: Question, episodes: Episodes, blocks: Sequence[Block], terms: Mapping[int, set[str]]
) -> dict[int, _About]:
    """Of every document that has a candidate block."""
    sources = {b.source_id for b in blocks}
    firsts = {b.source_id: b for b in episodes.first_blocks(sources)}
    records = {s.id: s for s in episodes.sources() if s.id in sources}
    titles = {i: set(stems(f"{s.title or ''} {s.name.rsplit('.', 1)[0]}")) for i, s in records.items()}
    # "What did Hinsen find?" names a document by who wrote it
    for source, authors in episodes.authors(sources).items():
        titles[source] |= {t for a in authors for t in stems(surname(a))} & question.names
    whole = {source: set(titles[source]) for source in sources}
    for b in blocks:
        whole[b.source_id] |= terms[b.id]
    abouts = {}
    for source in sources:
        text = firsts[source].text if source in firsts else ""
        title = titles[source]
        about = frozenset(title | set(stems(" ".join(text.split()[:OPENING]))))
        document = question.covered(whole[source])
        was_told = records[source].origin == "told"
        abouts[source] = _About(title | set(stems(text)), about, was_told, question.covered(set(about)), document)
    return abouts


def _mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    count = max(1, len(values))  # there may be hundreds of thousands
    mean = math.fsum(values) / count
    return mean, max(1e-6, max(0.0, math.fsum(map(mul, values, values)) / count - mean**2) ** 0.5)


def gather(
    question: Question,
    episodes: Episodes,
    engine: SessionModel,
    recalled: str | None,
    limit: int,
    only: set[int] | None = None,
    marks: Marks | None = None,
) -> list[ScoredBlock]:
    """The `limit` blocks most likely to carry the answer, best first.

    `recalled`: what memory said, if confidently. `marks`: the landmarks to go by, if not those of the session itself.
    """
    marks = marks or own_marks(episodes, engine)
    by = WEIGHTS if marks.own else WEIGHTS_ENCODER
    scored = [
        ScoredBlock(s.block, sum(by[name] * value for name, value in s.values.items()), s.topic, s.told)
        for s in signals(question, episodes, marks, recalled, only)
    ]
    return sorted(scored, key=lambda f: (-f.score, f.block.id))[:limit]
