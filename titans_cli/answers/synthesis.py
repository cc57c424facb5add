"""An answer about the whole, told: a lead paragraph, the themes over the years, who disagrees, what stands alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from titans_cli.answers.corpus import Text, texts_of
from titans_cli.answers.disagree import LIKELY, Disagreement, disagreements
from titans_cli.answers.extract import Candidate
from titans_cli.answers.overview import Theme, themes
from titans_cli.model.interface import SessionModel
from titans_cli.records import Citation, DisagreementTold, ThemeTold
from titans_cli.store import Episodes

MOST_DISAGREEMENTS = {"trends": 2, "themes": 2, "disagreements": 6}
NEARLY = 0.6  # score of two sentences of ten words that differ in one figure; 104 real papers had none, and four below
MOST_ALONE = 3
POINTS = 12  # of a trend line


class Synthesis(NamedTuple):
    lead: str
    text: str
    citations: tuple[Citation, ...]
    themes: tuple[ThemeTold, ...]
    disagreements: tuple[DisagreementTold, ...]
    alone: tuple[str, ...]


Cite = Callable[[int, Candidate], Citation]


def synthesis(
    episodes: Episodes, engine: SessionModel, kind: str, cite: Cite, only: set[int] | None = None
) -> Synthesis:
    """`kind`: "trends", "themes" or "disagreements". Nothing found gives no citations."""
    texts = texts_of(episodes, only)
    found = themes(texts, engine, kind) if kind != "disagreements" else []
    return tell(texts, found, _disputes(texts, kind), kind, cite)


def _disputes(texts: Sequence[Text], kind: str) -> list[Disagreement]:
    """If they are asked for, all that are nearly sure; otherwise only those that somebody speaks of."""
    return disagreements(texts, MOST_DISAGREEMENTS[kind], NEARLY if kind == "disagreements" else LIKELY)


def tell(
    texts: Sequence[Text], found: Sequence[Theme], disputes: Sequence[Disagreement], kind: str, cite: Cite
) -> Synthesis:
    """What was found, in words and in numbers."""
    citations: list[Citation] = []

    def number(sentence: Candidate) -> int:
        for c in citations:
            if (c.quote, c.page, c.start) == (sentence.text, sentence.block.page, sentence.start):
                return c.number
        citations.append(cite(len(citations) + 1, sentence))
        return len(citations)

    told = tuple(
        ThemeTold(t.phrase, t.direction, len(t.documents), series(texts, t.documents), t.company, (number(t.sentence),))
        for t in found
    )
    lines = [_theme_line(t, of, citations) for t, of in zip(told, found, strict=True)]
    differ = []
    for d in disputes:
        sides = tuple((s.text.year, number(s.sentence)) for s in d.sides)
        about = tuple(n for s in d.about if (n := number(s.sentence)) not in {n for _, n in sides})
        differ.append(DisagreementTold(d.topic, sides, d.status, about))
    lines += [_dispute_line(d, citations) for d in differ]
    alone = _alone(texts, found) if kind in ("themes", "trends") else ()
    if alone:
        lines.append(f"- standing alone: {', '.join(alone)}")
    lead = _lead(texts, told, differ, kind) if lines else ""
    body = "\n".join([lead, *lines]) if citations else ""
    return Synthesis(lead, body, tuple(citations), told, tuple(differ), alone)


def series(texts: Sequence[Text], holders: frozenset[int]) -> tuple[tuple[str, int, int], ...]:
    """(year, documents with it, documents), oldest first; years are joined when there are more than a line shows."""
    years = sorted({t.year for t in texts if t.year is not None})
    if not years:
        return ()
    width = -(-(years[-1] - years[0] + 1) // POINTS)
    points = []
    for start in range(years[0], years[-1] + 1, width):
        here = [n for n, t in enumerate(texts) if t.year is not None and start <= t.year < start + width]
        label = str(start) if width == 1 else f"{start}-{min(start + width - 1, years[-1])}"
        points.append((label, sum(n in holders for n in here), len(here)))
    return tuple(points)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _theme_line(told: ThemeTold, theme: Theme, citations: Sequence[Citation]) -> str:
    if theme.early[1]:
        (a, b), (c, d) = theme.early, theme.late
        counts = f"{a} of the {b} earlier, {c} of the {d} later documents"
    else:
        counts = f"{told.documents} documents"
    quote = _one_line(citations[told.citations[0] - 1].quote)
    return f"- {told.direction}: {told.phrase} ({counts}). {quote} [{told.citations[0]}]"


def _dispute_line(told: DisagreementTold, citations: Sequence[Citation]) -> str:
    parts = [f"{year or 'undated'}: {_one_line(citations[n - 1].quote)} [{n}]" for year, n in told.sides]
    parts += [f"On this: {_one_line(citations[n - 1].quote)} [{n}]" for n in told.about]
    status = "" if told.status == "unknown" else f" ({told.status})"
    return f"- disagreement{status}: {told.topic}. {' '.join(parts)}"


def _alone(texts: Sequence[Text], found: Sequence[Theme]) -> tuple[str, ...]:
    """Documents that have none of the themes that come and go, when they are few: the others would say nothing."""
    if not found:
        return ()
    shared = set[int]().union(*(t.documents for t in found))
    alone = [t.source.name for n, t in enumerate(texts) if n not in shared and t.sentences]
    return tuple(alone) if len(alone) <= MOST_ALONE else ()


def _lead(texts: Sequence[Text], told: Sequence[ThemeTold], differ: Sequence[DisagreementTold], kind: str) -> str:
    years = sorted(t.year for t in texts if t.year is not None)
    span = f" from {years[0]} to {years[-1]}" if years and years[0] != years[-1] else ""
    across = f"Across {len(texts)} documents{span}"
    if kind == "disagreements":
        count = len(differ)
        return f"{across}, {count} disagreement{'s stand' if count != 1 else ' stands'} out:"
    parts = []
    for direction in ("rising", "falling", "vanishing", "steady", "frequent"):
        named = [t.phrase for t in told if t.direction == direction]
        if named:
            verb = {"rising": "on the rise", "falling": "in decline", "vanishing": "gone by the end",
                    "steady": "steady throughout", "frequent": "frequent"}[direction]  # fmt: skip
            parts.append(f"{_and(named)} {'is' if len(named) == 1 else 'are'} {verb}")
    said = "; ".join(parts)
    return f"{across}: {said}." if said else f"{across}:"


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
