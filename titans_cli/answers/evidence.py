"""Which blocks may carry the answer: BM25, landmarks and the memory's own recollection, fused.

Each part ranks blocks on its own scale; reciprocal rank fusion (Cormack et al. 2009) joins them without having to make
the scales comparable.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch

from titans_cli.answers.words import ASKING, STOP_WORDS, words
from titans_cli.model.engine import Engine
from titans_cli.records import Block
from titans_cli.store import Episodes

_HOW = re.compile(
    r"\bhow (?!do|does|did|is|are|was|were|can|could|should|many|much)\w+\b", re.I
)  # "how fast": a measure
FUSION_OFFSET = 60  # the usual constant: how quickly a rank's worth falls
DEPTH = 60  # blocks each part may name
WEIGHTS = {"bm25": 1.0, "landmark": 0.4, "memory": 0.2}  # the embedded model's landmarks are young: words come first


def content_words(question: str) -> str:
    """The question without stop words; what it says about the form of the answer goes too, if anything else is left."""
    found = [w for w in words(_HOW.sub("how ", question)) if w not in STOP_WORDS]
    return " ".join([w for w in found if w not in ASKING] or found)


def landmark_ranking(episodes: Episodes, engine: Engine, question: str) -> list[int]:
    """Block ids by the cosine of their landmark with the question's, best first."""
    ids, dim, raw = episodes.landmarks()
    if not ids or dim != engine.landmark_width:
        return []
    vectors = torch.frombuffer(bytearray(raw), dtype=torch.float32).view(len(ids), dim)
    scores = vectors @ engine.landmark(question)
    return [ids[int(i)] for i in scores.topk(min(DEPTH, len(ids))).indices]


def gather(question: str, episodes: Episodes, engine: Engine, recalled: str | None, limit: int) -> list[Block]:
    """The `limit` blocks most likely to carry the answer, best first. `recalled`: what memory said, if confidently."""
    rankings: dict[str, Sequence[int]] = {
        "bm25": [i for i, _ in episodes.search_blocks(content_words(question), DEPTH)],
        "landmark": landmark_ranking(episodes, engine, question),
    }
    if recalled:
        rankings["memory"] = [i for i, _ in episodes.search_blocks(content_words(recalled), DEPTH)]
    scores: dict[int, float] = {}
    for part, ranking in rankings.items():
        for rank, block_id in enumerate(ranking):
            scores[block_id] = scores.get(block_id, 0.0) + WEIGHTS[part] / (FUSION_OFFSET + rank)
    return episodes.blocks(sorted(scores, key=lambda i: (-scores[i], i))[:limit])
