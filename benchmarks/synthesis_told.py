"""What the product tells of a pile, as the benchmark wants it: this follows the product's records, the measures do not.

Of 0.1: what is told to rise, fall or vanish is a theme's phrase; a topic is a theme, and its words are those of its
phrases.
"""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.answers_data import Session
from benchmarks.synthesis_topics import Topics, Vectors, lsa
from benchmarks.synthesis_trends import Claim
from titans_cli.answers.corpus import texts_of
from titans_cli.answers.overview import themes

_AS = {"rising": "rising", "falling": "falling", "vanishing": "falling"}


def claims(s: Session) -> tuple[list[Claim], list[str]]:
    """What "summarize trends" tells to rise or fall, and every phrase that it or "main themes" names."""
    trends, main = s.ask("summarize trends"), s.ask("what are the main themes?")
    told = [Claim(_AS[t.direction], (t.phrase,)) for t in trends.themes if t.direction in _AS]
    return told, list(dict.fromkeys(t.phrase for a in (trends, main) for t in a.themes))


def topics(s: Session) -> Topics:
    texts = texts_of(s.episodes)
    found = themes(texts, s.engine, "themes")
    words = [re.findall(r"\w+", " ".join((t.phrase, *t.company)).lower())[:10] for t in found]
    topic = {Path(texts[n].source.name).name: k for k, t in enumerate(found) for n in sorted(t.documents)}
    return Topics(words, topic)


def vectors(s: Session, texts: dict[str, str]) -> Vectors:
    """The vectors of the documents that the product clusters, in the order of `texts`; it has none."""
    return lsa(texts.values())
