"""Query-focused summaries of long documents, against what people wrote: ROUGE-1, -2 and -L (F1), best of references.

All three writers copy sentences, up to the same number of words: ours those that the answer cites, "lead" the first
ones of the document, "bm25" the sentences of the best blocks by BM25 in the order of the document. A question is asked
of its own document alone, in a session that holds all of them.
"""

from __future__ import annotations

import importlib.util
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.answers_data import Session, records
from titans_cli.answers.compose import AskOptions
from titans_cli.sentences import sentence_spans

DATASETS = ("squality_dev", "qmsum_val")
WORDS = 200  # of a summary
KINDS = ("rouge1", "rouge2", "rougeL")


def there() -> bool:
    return importlib.util.find_spec("rouge_score") is not None


def load(
    folder: Path, documents: int, seed: int = 3, names: Sequence[str] = DATASETS
) -> tuple[dict[str, str], list[tuple[str, str, list[str]]]]:
    """Texts by file name, and (file, question, references)."""
    texts: dict[str, str] = {}
    asked: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in names:
        docs = {r["doc_id"]: r["text"] for r in records(folder / f"{name}_docs.jsonl")}
        ids = sorted(docs)
        random.Random(seed).shuffle(ids)
        files = {key: f"{name}-{n:03d}.txt" for n, key in enumerate(ids[: max(1, documents // len(names))])}
        texts.update({file: docs[key] for key, file in files.items()})
        for r in records(folder / f"{name}.jsonl"):
            if r["doc_id"] in files:
                asked[files[r["doc_id"]], r["question"]] += r["answers"]
    return texts, [(file, question, answers) for (file, question), answers in asked.items()]


def cut(sentences: Sequence[str]) -> str:
    """Whole sentences until the words are used up; at least one."""
    taken: list[str] = []
    left = WORDS
    for sentence in sentences:
        words = len(sentence.split())
        if taken and words > left:
            break
        taken.append(" ".join(sentence.split()))
        left -= words
    return " ".join(taken)


def measure(s: Session, asked: Sequence[tuple[str, str, list[str]]], texts: dict[str, str]) -> dict[str, float]:
    from rouge_score.rouge_scorer import RougeScorer

    scorer: Any = RougeScorer(list(KINDS), use_stemmer=True)
    sums: dict[str, float] = defaultdict(float)
    for file, question, references in asked:
        source = next(x for x in s.episodes.sources() if x.display.endswith(file))
        blocks = {b.id: b for b in s.episodes.blocks_of(source.id)}
        found = [i for i, _ in s.episodes.search_blocks(question, 5000) if i in blocks][:6]
        answer = s.ask(question, AskOptions(sentences=12, route="fast"), sources=[f"*{file}"])
        given = {
            "ours": cut([c.quote for c in answer.citations]) if answer.citations else "",
            "lead": cut([texts[file][a:b] for a, b in sentence_spans(texts[file][:6000])]),
            "bm25": cut([t for i in sorted(found) for t in _sentences(blocks[i].text)]),
        }
        for writer, text in given.items():
            scores = [scorer.score(reference, text) for reference in references]
            for kind in KINDS:
                sums[f"{kind}.{writer}"] += max(score[kind].fmeasure for score in scores)
    return {name: value / max(1, len(asked)) for name, value in sums.items()}


def _sentences(text: str) -> list[str]:
    return [text[a:b] for a, b in sentence_spans(text)]
