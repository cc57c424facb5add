"""Documents and questions of training data of several kinds, for fits of answers: never those of a benchmark.

Paragraphs and articles of an encyclopaedia, chapters of textbooks, stories, transcripts of meetings, and a gazetteer:
what holds on all of them has a chance elsewhere. Whole lists of questions ("What is the plot?") are left out. The
choice is drawn with a fixed seed.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.answers_data import records
from titans_cli.train.corpus import read_jsonl

SEED = 21
PARAGRAPHS, ARTICLES, CHAPTERS, STORIES, MEETINGS, COUNTRIES = 260, 26, 26, 5, 6, 5
OF_A_CHAPTER = {"exercise": 5, "glossary": 6}
OF_A_COUNTRY = 12
CHAPTER = (6_000, 16_000)  # characters
LONGEST = {"timeqa": 16_000, "squality": 40_000, "qmsum": 40_000}
_OF_THE_WHOLE = re.compile(r"whole meeting|\bplot\b|\bsetting of the story|^summari[sz]e the (?:meeting|story)", re.I)


@dataclass(frozen=True, slots=True)
class Trained:
    """A question, the accepted answers that stand in its document (none where they are in other words), and the set."""

    kind: str
    question: str
    answers: tuple[str, ...]
    document: str  # the file's name
    title: str


def load(data: Path) -> tuple[dict[str, str], list[Trained]]:
    """Texts by file name, and the questions about them."""
    texts: dict[str, str] = {}
    asked: list[Trained] = []
    rng = random.Random(SEED)
    for kind, title, text, questions in _documents(data, rng):
        name = f"{kind}-{len(texts):04d}.txt"
        texts[name] = f"{title}\n\n{text}" if title and not text.startswith(title) else text
        for of, question, answers in questions:
            here = tuple(a for a in answers if a and a.lower() in text.lower())
            asked.append(Trained(of, question, here or (tuple(answers) if of == "glossary" else ()), name, title))
    return texts, asked


Documents = Iterator[tuple[str, str, str, list[tuple[str, str, list[str]]]]]


def _documents(data: Path, rng: random.Random) -> Documents:
    """Kind, title, text and questions (their kind, the question, its answers)."""
    train, texts = data / "qa" / "train", data / "text"
    rows = [r for r in records(train / "nq_open_oracle.jsonl") if any(a and a in r["context"] for a in r["answers"])]
    rng.shuffle(rows)
    for r in {r["context"]: r for r in rows[:PARAGRAPHS]}.values():
        yield "nq", "", r["context"], [("nq", r["question"], r["answers"])]
    for kind, file, count in (
        ("timeqa", "timeqa", ARTICLES),
        ("squality", "squality_train", STORIES),
        ("qmsum", "qmsum_train", MEETINGS),
    ):
        docs = {r["doc_id"]: r for r in records(train / f"{file}_docs.jsonl") if len(r["text"]) < LONGEST[kind]}
        asked = _by_document(train / f"{file}.jsonl", docs)
        for key in _drawn(asked, count, rng):
            found = [(kind, r["question"], r["answers"]) for r in asked[key] if not _OF_THE_WHOLE.search(r["question"])]
            yield kind, docs[key]["title"], docs[key]["text"], found
    chapters = {
        r["id"]: r for r in read_jsonl(texts / "openstax.jsonl.zst") if CHAPTER[0] < len(r["text"]) < CHAPTER[1]
    }
    exercises = _by_document(train / "openstax_exercises.jsonl", chapters)
    glossary = _by_document(train / "openstax_glossary.jsonl", chapters)
    for key in _drawn(exercises, CHAPTERS, rng):
        some: list[tuple[str, str, list[str]]] = [
            ("exercise", r["question"], []) for r in exercises[key][: OF_A_CHAPTER["exercise"]]
        ]
        terms = [("glossary", r["question"], r["answers"]) for r in glossary.get(key, [])[: OF_A_CHAPTER["glossary"]]]
        yield "openstax", chapters[key]["title"], chapters[key]["text"], [*some, *terms]
    countries = {r["id"]: r for r in read_jsonl(texts / "factbook.jsonl.zst")}
    facts = _by_document(train / "factbook.jsonl", countries)
    for key in _drawn(facts, COUNTRIES, rng):
        found = [
            ("factbook", r["question"], r["answers"])
            for r in rng.sample(facts[key], min(OF_A_COUNTRY, len(facts[key])))
        ]
        yield "factbook", countries[key]["title"], countries[key]["text"], found


def _by_document(path: Path, known: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for r in records(path):
        if r["doc_id"] in known:
            found.setdefault(r["doc_id"], []).append(r)
    return found


def _drawn(asked: dict[str, Any], count: int, rng: random.Random) -> list[str]:
    keys = sorted(asked)
    rng.shuffle(keys)
    return keys[:count]
