"""What the product tells of a pile, as the benchmark wants it: this follows the product's records, the measures do not.

Of 0.1: what is told to rise, fall or vanish is a theme's phrase; a topic is a theme, and its words are those of its
phrases.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from benchmarks.synthesis_pile import Pile, cite
from benchmarks.synthesis_topics import Topics, Vectors, lsa
from benchmarks.synthesis_trends import Claim
from titans_cli.answers.corpus import texts_of
from titans_cli.answers.extract import Candidate
from titans_cli.answers.overview import themes
from titans_cli.answers.synthesis import Synthesis, synthesis
from titans_cli.records import Citation

_AS = {"rising": "rising", "falling": "falling", "vanishing": "falling"}


@cache
def _engine() -> Any:
    from titans_cli.sessions.engines import load_engine

    return load_engine(None, 1)


def _told(pile: Pile, kind: str) -> Synthesis:
    def quoted(number: int, c: Candidate) -> Citation:
        return cite(pile, number, c.block, c.start, c.end)

    episodes: Any = pile
    return synthesis(episodes, _engine(), kind, quoted)


def claims(pile: Pile) -> tuple[list[Claim], list[str]]:
    """What "summarize trends" tells to rise or fall, and every phrase that it or "main themes" names."""
    trends, main = _told(pile, "trends"), _told(pile, "themes")
    told = [Claim(_AS[t.direction], (t.phrase,)) for t in trends.themes if t.direction in _AS]
    return told, list(dict.fromkeys(t.phrase for a in (trends, main) for t in a.themes))


def topics(pile: Pile) -> Topics:
    episodes: Any = pile
    texts = texts_of(episodes)
    found = themes(texts, _engine(), "themes")
    words = [re.findall(r"\w+", " ".join((t.phrase, *t.company)).lower())[:10] for t in found]
    return Topics(words, {texts[n].source.name: k for k, t in enumerate(found) for n in sorted(t.documents)})


def vectors(pile: Pile, texts: dict[str, str]) -> Vectors:
    """The vectors of the documents that the product clusters, in the order of `texts`; it has none."""
    return lsa(texts.values())


def disagreements(pile: Pile) -> list[list[str]]:
    """The quotes of the sides of all that is told, asked for or not."""
    found = []
    for kind in ("disagreements", "trends"):
        told = _told(pile, kind)
        quotes = {c.number: " ".join(c.quote.split()) for c in told.citations}
        found += [[quotes[n] for _, n in d.sides] for d in told.disagreements]
    return found
