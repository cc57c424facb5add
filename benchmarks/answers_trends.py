"""Trends and disagreements planted in generated corpora: how many an answer names, with the right direction.

Named: the words of a trend of the answer are those of a planted name, or some of them, or more. Right: it is told as
rising, or as falling or vanishing, or as steady, as planted. False: a theme told to rise, fall or vanish that was not
planted so. The comparison writes with the same writer, but sees only what retrieval brings: the twenty best
blocks for a question that names the field.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.answers_data import Session, session, write
from benchmarks.planted import Corpus, Dispute
from titans_cli.answers.corpus import Text, texts_of
from titans_cli.answers.disagree import Disagreement, disagreements
from titans_cli.answers.evidence import gather
from titans_cli.answers.question import Question
from titans_cli.answers.synthesis import survey
from titans_cli.answers.whole import Trend
from titans_cli.answers.words import stem, words

TOP_K = 20
GROUPS = {"falling": "goes", "vanishing": "goes", "rising": "comes", "steady": "stays"}


class Score(NamedTuple):
    planted: int
    named: int
    right: int
    told: int  # as rising, falling or vanishing
    false: int
    disputes: int
    disputes_named: int


def measure(corpus: Corpus, model: Path | None, asked: Sequence[str], quotes: list[bool]) -> dict[str, Score]:
    """For "ours" and "topk". Of the answers to `asked` the quotes are checked, into `quotes`."""
    with tempfile.TemporaryDirectory() as folder:
        documents = write(corpus.papers, Path(folder) / "papers")
        with session(Path(folder) / "home", documents, model) as s:
            for question in asked:
                s.ask(question)
            quotes += s.quotes
            whole = texts_of(s.episodes)
            some = _only_retrieved(whole, corpus.field, s)
            return {
                name: score(corpus, survey(texts).trends, disagreements(texts, 6))
                for name, texts in (("ours", whole), ("topk", some))
            }


def _only_retrieved(texts: Sequence[Text], field: str, s: Session) -> list[Text]:
    """The documents as far as they stand in the blocks that retrieval brings for a question that names the field."""
    found = set[int]()
    for question in (f"Which trends does {field} show?", f"On what do papers on {field} disagree?"):
        found |= {f.block.id for f in gather(Question(question, s.episodes), s.episodes, s.engine, None, TOP_K)}
    kept = [t._replace(sentences=[c for c in t.sentences if c.block.id in found]) for t in texts]
    return [t for t in kept if t.sentences]


def _words(phrase: str) -> set[str]:
    return {stem(w) for w in words(phrase)}


def score(corpus: Corpus, told: Sequence[Trend], differ: Sequence[Disagreement]) -> Score:
    named, right = set[str](), set[str]()
    claims: Counter[str] = Counter()
    for theme in told:
        told_words = _words(theme.phrase.form)
        planted = next((p for p in corpus.themes if told_words <= _words(p.name) or told_words >= _words(p.name)), None)
        claims["told"] += theme.direction in ("rising", "falling", "vanishing")
        if planted is not None:
            named.add(planted.name)
            if GROUPS.get(theme.direction) == GROUPS[planted.direction]:
                right.add(planted.name)
                continue
        claims["false"] += theme.direction in ("rising", "falling", "vanishing")
    found = sum(any(_is(d, dispute) for d in differ) for dispute in corpus.disputes)
    planted_count = len(corpus.themes)
    return Score(planted_count, len(named), len(right), claims["told"], claims["false"], len(corpus.disputes), found)


def _is(d: Disagreement, dispute: Dispute) -> bool:
    """Whether both figures of the dispute stand on the sides of a disagreement."""
    said = [s.sentence.text for s in d.sides]
    return all(any(f"{value} {dispute.unit}" in text for text in said) for value in dispute.values)


def share(scores: Sequence[Score], part: str, of: str) -> float:
    return float(sum(getattr(s, part) for s in scores) / max(1, sum(getattr(s, of) for s in scores)))
