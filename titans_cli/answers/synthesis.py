"""An answer about the whole, told: a lead paragraph, topics, what comes and goes over the years, who disagrees."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from titans_cli.answers.corpus import Text, sources_of, texts_of
from titans_cli.answers.disagree import Disagreement, disagreements
from titans_cli.answers.extract import Candidate
from titans_cli.answers.whole.phrases import Phrase, key_of, phrases
from titans_cli.answers.whole.terms import cut
from titans_cli.answers.whole.topics import Topic, about, topics, vectors
from titans_cli.answers.whole.trends import Trend, direction_of, trends, z_of
from titans_cli.records import Citation, DisagreementTold, ThemeTold, TrendTold
from titans_cli.sentences import one_line
from titans_cli.store import Episodes

LEAST = 4  # documents: below this there is no whole
FEWEST = 500  # a phrase that fewer of them have is not looked at: thousands of documents hold millions of such
FEW_DOCUMENTS, FEW_YEARS = 30, 3  # of which a trend is little to go by
MOST_DISAGREEMENTS = {"trends": 2, "themes": 2, "disagreements": 6}
MOST = {"rising": 8, "falling": 6, "vanishing": 3, "peaked": 2, "steady": 2}  # trends of a kind on a page
MOST_TOPICS = {"trends": 6, "themes": 12}
SMOOTHED = 150  # documents from which on those about the same say more than the loudest trend of the pile
NAMED = 5  # of a kind in the lead
MOST_ALONE = 3
SURE = 2.58  # |z| of a topic that rises or falls: one in a hundred by chance
DRIFTS = 1.0  # |z| of one that is steady
POINTS = 12  # of a line of years
SENTENCE = range(8, 45)  # words of a sentence that is quoted, if there is one
_POINTING = ("this ", "that ", "these ", "those ", "it ", "they ", "however", "but ", "also ", "such ")


class Synthesis(NamedTuple):
    lead: str
    text: str
    citations: tuple[Citation, ...]
    themes: tuple[ThemeTold, ...]
    trends: tuple[TrendTold, ...]
    disagreements: tuple[DisagreementTold, ...]
    alone: tuple[str, ...]
    sample: str  # what the reader has to know if not all documents were read; else empty


Cite = Callable[[int, Candidate], Citation]


class PileFindings(NamedTuple):
    """What a pile says as a whole."""

    texts: Sequence[Text]
    topics: list[Topic]
    trends: list[Trend]


def survey(texts: Sequence[Text]) -> PileFindings:
    """Topics and trends of the documents; nothing of fewer than `LEAST`."""
    if len(texts) < LEAST:
        return PileFindings(texts, [], [])
    terms = cut(texts)
    common = phrases(terms, 3 if len(texts) < 100 else max(4, len(texts) // FEWEST))
    rows = vectors(terms)
    smooth = rows if rows is not None and len(texts) >= SMOOTHED else None
    return PileFindings(texts, topics(terms, rows, common), trends(common, [t.year for t in texts], smooth))


def synthesis(episodes: Episodes, kind: str, cite: Cite, only: set[int] | None = None, long: bool = False) -> Synthesis:
    """`kind`: "trends", "themes" or "disagreements". Nothing found gives no citations. `long`: all, not a page."""
    texts = texts_of(episodes, only)
    findings = survey(texts) if kind != "disagreements" else PileFindings(texts, [], [])
    disputes = disagreements(texts, MOST_DISAGREEMENTS[kind], asked=kind == "disagreements")
    return tell(findings, disputes, kind, cite, long, len(sources_of(episodes, only)))


def tell(
    findings: PileFindings,
    disputes: Sequence[Disagreement],
    kind: str,
    cite: Cite,
    long: bool = False,
    documents: int | None = None,
) -> Synthesis:
    """What was found, in words and in numbers. `documents`: so many there are, if only a sample of them was read."""
    texts = findings.texts
    documents = len(texts) if documents is None else documents
    sample = "" if len(texts) == documents else _sample(len(texts), documents)
    citations: list[Citation] = []

    def number(sentence: Candidate) -> int:
        for c in citations:
            if (c.quote, c.page, c.start) == (sentence.text, sentence.block.page, sentence.start):
                return c.number
        citations.append(cite(len(citations) + 1, sentence))
        return len(citations)

    chosen = findings.topics if long else findings.topics[: MOST_TOPICS.get(kind, 0)]
    changes = findings.trends if long else _page(findings.trends)
    if kind == "themes" and not long:
        changes = []
    told_trends = tuple(_trend(t, texts, number) for t in changes)
    told_topics = tuple(_topic(t, texts, number) for t in chosen)
    differ = []
    for d in disputes:
        sides = tuple((s.text.year, number(s.sentence)) for s in d.sides)
        beside = tuple(n for s in d.about if (n := number(s.sentence)) not in {n for _, n in sides})
        differ.append(DisagreementTold(d.topic, sides, d.status, beside))
    lines = [*(_trend_line(t, citations) for t in told_trends), *(_topic_line(t, citations) for t in told_topics)]
    lines += [_dispute_line(d, citations) for d in differ]
    alone = _alone(texts, findings.topics)
    if alone and lines:
        lines.append(f"- in no topic: {', '.join(alone)}")
    lead = _lead(findings, told_topics, told_trends, differ, kind, sample) if lines else ""
    body = "\n".join([lead, *lines]) if citations else ""
    return Synthesis(lead, body, tuple(citations), told_topics, told_trends, tuple(differ), alone, sample)


def _page(trends: Sequence[Trend]) -> list[Trend]:
    """The surest of every kind, in the order of the kinds."""
    return [t for kind, most in MOST.items() for t in [t for t in trends if t.direction == kind][:most]]


def _topic(topic: Topic, texts: Sequence[Text], number: Callable[[Candidate], int]) -> ThemeTold:
    members = frozenset(topic.documents)
    names = tuple(_name(p) for p in topic.names)
    sentences = []
    for n in topic.documents[:6]:
        worth = [(about(s.text, topic) - 0.2 * _points(s.text), -i, s) for i, s in enumerate(texts[n].sentences)]
        fit = [w for w in worth if len(w[2].text.split()) in SENTENCE] or worth
        if fit:
            sentences.append(max(fit, key=lambda w: w[:2]))
    best = [s for _, _, s in sorted(sentences, key=lambda w: -w[0])[:2]]
    return ThemeTold(
        names[0],
        _direction(texts, members),
        len(members),
        series(texts, members),
        names[1:],
        tuple(number(s) for s in best),
        round(len(members) / len(texts), 4),
        tuple(_title(texts[n]) for n in topic.documents[:3]),
        tuple(texts[n].source.display for n in topic.documents),
        topic.terms,
    )


def _trend(t: Trend, texts: Sequence[Text], number: Callable[[Candidate], int]) -> TrendTold:
    sentence = _carrier(t, texts)
    return TrendTold(
        t.phrase.form,
        t.phrase.variants,
        t.direction,
        len(t.phrase.documents),
        series(texts, t.phrase.documents),
        round(t.sure, 4),
        (round(t.change[0], 4), round(t.change[1], 4), round(t.change[2], 4)),
        t.first,
        t.peak,
        (number(sentence),) if sentence is not None else (),
        tuple(p.form for p in t.company),
    )


def _carrier(t: Trend, texts: Sequence[Text]) -> Candidate | None:
    """A sentence with the phrase, early in it, of a late document if it rises and of an early one if it falls."""
    holders = sorted(t.phrase.documents)
    if t.direction == "rising":
        holders.reverse()
    best: tuple[float, Candidate] | None = None
    for rank, n in enumerate(holders):
        for s in texts[n].sentences:
            at = _where(s.text, t.phrase)
            if at is None:
                continue
            fits = len(s.text.split()) in SENTENCE
            worth = 2.0 * fits - at / max(1, len(s.text)) - _points(s.text) - rank / len(holders)
            if best is None or worth > best[0] + 1e-9:
                best = (worth, s)
    return best[1] if best else None


def _where(sentence: str, phrase: Phrase) -> int | None:
    """Where a phrase, or a variant of it, stands; as it is usually written, or by its stems."""
    low = sentence.lower()
    for form in (phrase.form, *phrase.variants):
        if (at := low.find(form.lower())) >= 0:
            return at
    joined = "".join(phrase.key)
    return len(sentence) // 2 if joined in "".join(key_of(sentence)) else None


def _points(sentence: str) -> bool:
    """Whether it begins by pointing at another one."""
    return sentence.lower().startswith(_POINTING)


def _name(p: Phrase) -> str:
    return f"{p.form} ({p.variants[0]})" if p.variants else p.form


def _title(text: Text) -> str:
    return text.source.title or text.source.name


def _direction(texts: Sequence[Text], members: frozenset[int]) -> str:
    dated = [n for n, t in enumerate(texts) if t.year is not None]
    if not dated:
        return "frequent"
    when = np.array([texts[n].year for n in dated], dtype=np.float64)
    has = np.array([float(n in members) for n in dated])
    z = z_of(when, has)
    if abs(z) >= SURE:
        return direction_of(z, when, has)
    return "steady" if abs(z) <= DRIFTS and len({texts[n].year for n in dated}) > 1 else "frequent"


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


def _quoted(numbers: Iterable[int], citations: Sequence[Citation]) -> str:
    return " ".join(f"{one_line(citations[n - 1].quote)} [{n}]" for n in numbers)


def halves(trend: TrendTold) -> tuple[tuple[int, int], tuple[int, int]]:
    """(documents with it, documents) of the earlier and of the later half of the years."""
    half = (len(trend.series) + 1) // 2
    parts = trend.series[:half], trend.series[half:]
    early, late = ((sum(has for _, has, _ in part), sum(of for _, _, of in part)) for part in parts)
    return early, late


def _trend_line(trend: TrendTold, citations: Sequence[Citation]) -> str:
    (a, b), (c, d) = halves(trend)
    when = f", first in {trend.first}" if trend.first else f", most around {trend.peak}" if trend.peak else ""
    name = f"{trend.phrase} ({trend.variants[0]})" if trend.variants else trend.phrase
    beside = f"; with {', '.join(trend.company)}" if trend.company else ""
    counts = f"{a} of {b} earlier documents, {c} of {d} later{when}{beside}"
    return f"- {trend.direction}: {name} ({counts}). {_quoted(trend.citations, citations)}"


def _topic_line(theme: ThemeTold, citations: Sequence[Citation]) -> str:
    names = "; ".join((theme.phrase, *theme.company))
    state = f", {theme.direction}" if theme.direction not in ("frequent", "steady") else ""
    counts = f"{theme.documents} documents, {theme.share:.0%}{state}"
    titles = "; ".join(theme.central[:2])
    return f"- topic: {names} ({counts}), such as {titles}. {_quoted(theme.citations, citations)}"


def _dispute_line(dispute: DisagreementTold, citations: Sequence[Citation]) -> str:
    parts = [f"{year or 'undated'}: {_quoted((n,), citations)}" for year, n in dispute.sides]
    parts += [f"On this: {_quoted((n,), citations)}" for n in dispute.about]
    status = "" if dispute.status == "unknown" else f" ({dispute.status})"
    return f"- disagreement{status}: {dispute.topic}. {' '.join(parts)}"


def _alone(texts: Sequence[Text], topics: Sequence[Topic]) -> tuple[str, ...]:
    """Documents in no topic, when they are few: the others would say nothing."""
    if not topics:
        return ()
    shared = {n for t in topics for n in t.documents}
    alone = [t.source.name for n, t in enumerate(texts) if n not in shared and t.sentences]
    return tuple(alone) if len(alone) <= MOST_ALONE else ()


def _lead(
    findings: PileFindings,
    told_topics: Sequence[ThemeTold],
    told_trends: Sequence[TrendTold],
    differ: Sequence[DisagreementTold],
    kind: str,
    sample: str,
) -> str:
    texts = findings.texts
    years = sorted(t.year for t in texts if t.year is not None)
    span = f" from {years[0]} to {years[-1]}" if years and years[0] != years[-1] else ""
    across = f"Across {len(texts):,} documents{span}"
    if kind == "disagreements":
        count = len(differ)
        line = f"{across}, {count} disagreement{'s stand' if count != 1 else ' stands'} out:"
        return f"{sample} {line}" if sample else line
    line = f"{across}."
    if told_topics and (kind == "themes" or not told_trends):
        largest = _and([f"{t.phrase} ({t.documents})" for t in told_topics[:NAMED]])
        line = (
            f"{across}: {len(findings.topics)} topic{'s' if len(findings.topics) != 1 else ''}, the largest {largest}."
        )
    heads = {"rising": "On the rise", "falling": "In decline", "vanishing": "Gone by the end",
             "peaked": "Up and down again", "steady": "Steady throughout"}  # fmt: skip
    for direction, head in heads.items():  # before the names: a name in the plural has no verb to agree with
        named = [f"{t.phrase}{f' (first in {t.first})' if t.first and direction == 'rising' else ''}"
                 for t in told_trends if t.direction == direction][:NAMED]  # fmt: skip
        if named:
            line += f" {head}: {_and(named)}."
    return " ".join(filter(None, [line, sample, *_cautions(texts, years, kind)]))


def _sample(read: int, documents: int) -> str:
    return (
        f"These are {read:,} of {documents:,} documents, a sample drawn by what they hold: "
        "counts are of the sample, and what few documents say may be missing."
    )


def _cautions(texts: Sequence[Text], years: Sequence[int], kind: str) -> list[str]:
    """What the reader has to know of how little the trends rest on."""
    cautions = []
    if kind == "trends" and not years:
        cautions.append("No document has a year, so there are no trends.")
    elif len(years) < len(texts):
        missing = len(texts) - len(years)
        cautions.append(f"{missing} document{'s have' if missing != 1 else ' has'} no year and no part in trends.")
    if kind == "trends" and years and (len(years) < FEW_DOCUMENTS or len(set(years)) < FEW_YEARS):
        cautions.append(f"{len(years)} dated documents are few: only what is loud can be heard in them.")
    return cautions


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
