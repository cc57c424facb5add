"""Which blocks may carry the answer: signals of words, of landmarks and of the memory's own recollection, fused.

Candidates are the best blocks by BM25 and by landmarks. Each gets a few signals, on comparable scales; a weighted sum
ranks them. The weights were fitted on training questions alone (benchmarks/answers_tune.py fits them anew for another
model). A sum of scaled scores kept more of the evidence than reciprocal ranks (Cormack et al. 2009) did: docs/log.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from titans_cli.answers.question import Question, content_words
from titans_cli.answers.words import stems
from titans_cli.model.interface import SessionModel
from titans_cli.records import Block
from titans_cli.store import Episodes

POOL = 120  # blocks the words may name
POOL_LANDMARKS = 60  # blocks the landmarks may name
# What each signal is worth, next to BM25. Fitted with the embedded model's landmarks; a better model wants another fit.
# Left out because the fit gave them nothing: neighbouring words standing together, and the best single sentence.
WEIGHTS: dict[str, float] = {
    "bm25": 1.0,
    "landmark": 0.33,
    "memory": 0.1,  # not fitted: too few recollections of the training questions are confident
    "covers": 0.32,  # the question's information, by the block
    "title": 0.41,  # ... by the document's title
    "document": 0.88,  # ... by all candidate blocks of its document
    "beside": 0.38,  # BM25 of the better neighbour
    "wanted": 0.2,  # holds what the question asks for: a year, a number, a name
    "time": 1.05,  # nearness to the years that the question names
}


class Found(NamedTuple):
    block: Block
    score: float


def landmark_scores(episodes: Episodes, engine: SessionModel, question: str) -> dict[int, float]:
    """The cosine of every block's landmark with the question's."""
    ids, dim, raw = episodes.landmarks()
    if not ids or dim != engine.landmark_width:
        return {}
    vectors = torch.frombuffer(bytearray(raw), dtype=torch.float32).view(len(ids), dim)
    return dict(zip(ids, (vectors @ engine.landmark(question)).tolist(), strict=True))


def best(scores: dict[int, float], limit: int) -> list[int]:
    return sorted(scores, key=lambda i: (-scores[i], i))[:limit]


def signals(
    question: Question, episodes: Episodes, engine: SessionModel, recalled: str | None, only: set[int] | None = None
) -> list[tuple[Block, dict[str, float]]]:
    """The candidate blocks, each with its signals. `only`: the sources to look in."""
    marks = landmark_scores(episodes, engine, question.text)
    words = question.bm25
    said = dict(episodes.search_blocks(content_words(recalled), POOL)) if recalled else {}
    if only is not None:
        allowed = {b.id for source in sorted(only) for b in episodes.blocks_of(source)}
        marks, words, said = ({i: s for i, s in scores.items() if i in allowed} for scores in (marks, words, said))
    pool = dict.fromkeys(best(words, POOL) + best(marks, POOL_LANDMARKS) + best(said, 5))
    blocks = episodes.blocks(pool)
    most, most_said = max(words.values(), default=1.0), max(said.values(), default=1.0)
    mean, spread = _mean_and_spread(list(marks.values()))
    titles = {s.id: set(stems(s.title or "")) for s in episodes.sources()}
    found = {b.id: stems(b.text) for b in blocks}
    held: dict[int, set[str]] = {}
    for b in blocks:
        held.setdefault(b.source_id, set(titles.get(b.source_id, ()))).update(found[b.id])
    document = {source: question.covered(terms) for source, terms in held.items()}
    title = {source: question.covered(titles.get(source, set())) for source in held}
    ranked = []
    for b in blocks:
        beside = max(words.get(b.id - 1, 0.0) if b.index else 0.0, words.get(b.id + 1, 0.0))
        ranked.append(
            (
                b,
                {
                    "bm25": words.get(b.id, 0.0) / most,
                    "landmark": (marks.get(b.id, mean) - mean) / spread / 4,  # 4 deviations above the mean is 1
                    "memory": said.get(b.id, 0.0) / most_said,
                    "covers": question.covered(set(found[b.id])),
                    "title": title[b.source_id],
                    "document": document[b.source_id],
                    "beside": beside / most,
                    "wanted": question.wanted(b.text),
                    "time": question.at_the_time(b.text),
                },
            )
        )
    return ranked


def _mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    mean = sum(values) / max(1, len(values))
    return mean, max(1e-6, (sum((v - mean) ** 2 for v in values) / max(1, len(values))) ** 0.5)


def gather(
    question: Question,
    episodes: Episodes,
    engine: SessionModel,
    recalled: str | None,
    limit: int,
    only: set[int] | None = None,
) -> list[Found]:
    """The `limit` blocks most likely to carry the answer, best first. `recalled`: what memory said, if confidently."""
    found = [
        Found(block, sum(WEIGHTS[name] * value for name, value in signal.items()))
        for block, signal in signals(question, episodes, engine, recalled, only)
    ]
    return sorted(found, key=lambda f: (-f.score, f.block.id))[:limit]
