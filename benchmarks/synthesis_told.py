"""What the product tells of a pile, as the benchmark wants it: this follows the product's records, the measures do not.

What is told to rise, fall or vanish is a trend's phrase with those that stand beside it, or a topic by the phrases that
name it; what peaked, or stays,
is no claim of a direction.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.synthesis_pile import Pile, cite
from benchmarks.synthesis_topics import Topics, Vectors, lsa
from benchmarks.synthesis_trends import Claim
from titans_cli.answers import whole
from titans_cli.answers.corpus import texts_of
from titans_cli.answers.extract import Candidate
from titans_cli.answers.synthesis import Synthesis, survey, synthesis
from titans_cli.records import Citation

_AS = {"rising": "rising", "falling": "falling", "vanishing": "falling"}


def _told(pile: Pile, kind: str) -> Synthesis:
    def quoted(number: int, c: Candidate) -> Citation:
        return cite(pile, number, c.block, c.start, c.end)

    episodes: Any = pile
    return synthesis(episodes, kind, quoted)


def claims(pile: Pile) -> tuple[list[Claim], list[str]]:
    """What "summarize trends" tells to rise or fall, and every phrase that it or "main themes" names."""
    trends, main = _told(pile, "trends"), _told(pile, "themes")
    told = [Claim(_AS[t.direction], (t.phrase, *t.company)) for t in trends.trends if t.direction in _AS]
    told += [
        Claim(_AS[t.direction], tuple(_plain(n) for n in (t.phrase, *t.company)))
        for t in trends.themes
        if t.direction in _AS
    ]
    named = [name for t in trends.trends for name in (t.phrase, *t.company)]
    named += [_plain(n) for a in (trends, main) for t in a.themes for n in (t.phrase, *t.company)]
    return told, list(dict.fromkeys(named))


def _plain(name: str) -> str:
    """Without the acronym or the long form in brackets."""
    return name.split(" (")[0]


def topics(pile: Pile) -> Topics:
    episodes: Any = pile
    found = survey(texts_of(episodes))
    names = [t.source.name for t in found.texts]
    of = {names[n]: k for k, t in enumerate(found.topics) for n in t.documents}
    return Topics([list(t.terms) for t in found.topics], of)


def vectors(pile: Pile, texts: dict[str, str]) -> Vectors:
    """The vectors of the documents that the product clusters, in the order of `texts`."""
    episodes: Any = pile
    read = texts_of(episodes)
    rows = whole.vectors(read)
    if rows is None:
        return lsa(texts.values())
    place = {t.source.name: n for n, t in enumerate(read)}
    return np.asarray(rows[[place[name] for name in texts]])


def disagreements(pile: Pile) -> list[list[str]]:
    """The quotes of the sides of all that is told, asked for or not."""
    found = []
    for kind in ("disagreements", "trends"):
        told = _told(pile, kind)
        quotes = {c.number: " ".join(c.quote.split()) for c in told.citations}
        found += [[quotes[n] for _, n in d.sides] for d in told.disagreements]
    return found
