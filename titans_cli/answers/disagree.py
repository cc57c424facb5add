"""Sources that say different things of the same matter.

Two signs, neither of which needs a model of language. Two sentences of different documents that share most of their
information and differ in a figure of the same unit, or in a denial. And a document that speaks of a dispute: the
figures it names are looked for in the documents it speaks of. Both find what is said plainly and miss what is implied.
"""

from __future__ import annotations

import heapq
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from titans_cli.answers.background import background
from titans_cli.answers.corpus import Text
from titans_cli.answers.extract import Candidate
from titans_cli.answers.statements import (
    Figure,
    Statement,
    Weight,
    content,
    contradiction,
    differ,
    information,
    pairs,
    statements,
    weight_of,
    without_dispute,
)
from titans_cli.answers.words import STOP_WORDS, stem, stems, words

SPOKEN_OF = 0.35  # share of a topic's information in a sentence that speaks of the outcome
NEXT = 2  # sentences
ENOUGH = 3.0  # information in common at which likeness counts half: two short sentences are soon alike
OUTCOME = 1.0  # what it adds that somebody says what came of it
NAMED = 0.7  # share of what a dispute is said to be over, in a sentence that takes a side
LEAST_TOPIC = 2  # words that all sides and whoever speaks of them share: or they speak of different matters
COMMON_TO = 3  # words that a sentence shares with one that speaks of its figure
SAME = 0.4  # share of the information of two sentences together that both have, to be of the same thing
SAME_DENIED = 0.85  # ... where one denies what the other says
MOST_FIGURES = 2  # in a sentence that states one; more are a table or a method
# Pieces of general English with a word: a rarer one names a thing, a very rare one tells it from others of its kind; a
# more common one is talk ("values", "literature").
RARE, RAREST, TALK = 0.005, 0.001, 0.01
ASKED, UNASKED = 0.6, 1.0  # scores from which on a disagreement is told; unasked somebody has to speak of it
_RESOLVED = re.compile(
    r"\b(resolved|settled|true (value|optimum|rate|figure)|was an error|reconcil\w+|explained by)\b", re.I
)
_OPEN = re.compile(
    r"\b(still open|remains? (open|unresolved|unclear)|not (been )?(settled|resolved)|unresolved|"
    r"until the (disagreement|dispute)|do not claim to have settled)\b",
    re.I,
)


class Side(NamedTuple):
    text: Text
    sentence: Candidate


class Disagreement(NamedTuple):
    topic: str
    sides: tuple[Side, ...]  # oldest first
    status: str  # "open", "resolved", "unknown"
    about: tuple[Side, ...]
    score: float


def disagreements(texts: Sequence[Text], limit: int, *, asked: bool = True) -> list[Disagreement]:
    """The best supported first: spoken of as a dispute, alike in all but the figure, oldest side first.

    Both sides have to be of the same thing, and to name it: rather none than one that is none.
    """
    least = ASKED if asked else UNASKED
    every = statements(texts)
    index = _Index(every, _weights(every, len(texts)))
    candidates = [*_said_to_differ(index), *_differing(index)]
    chosen: list[Disagreement] = []
    for d in _best_first(candidates, index.with_status):
        if d.score < least or len(chosen) == limit:
            break
        if not any(_same(d, other) for other in chosen):
            chosen.append(d)
    return chosen


def _best_first(
    candidates: Sequence[Disagreement], with_status: Callable[[Disagreement], Disagreement]
) -> Iterator[Disagreement]:
    """By the score they have once their outcome is known, which is looked up only when it can decide."""
    heap = [(-(d.score + OUTCOME), False, n, d) for n, d in enumerate(candidates)]
    heapq.heapify(heap)
    while heap:
        _, known, n, d = heapq.heappop(heap)
        if known:
            yield d
        else:
            d = with_status(d)
            heapq.heappush(heap, (-d.score, True, n, d))


def _weights(statements: Sequence[Statement], documents: int) -> dict[str, float]:
    counts: Counter[str] = Counter()
    for _, some in groupby(statements, key=lambda s: s.number):
        counts.update(frozenset[str]().union(*(s.terms for s in some)))
    return {term: math.log(1 + documents / count) for term, count in counts.items()}


class _Index:
    """Where the statements of a corpus are, by what they say."""

    def __init__(self, statements: Sequence[Statement], weight: Weight) -> None:
        self.statements, self.weight = statements, weight
        self.figured: dict[str, list[Statement]] = defaultdict(list)  # take a side, by term
        self.figure: dict[Figure, list[Statement]] = defaultdict(list)  # ... by figure
        self.outcome: dict[str | Figure, list[int]] = defaultdict(list)  # say what came of it, by term and figure
        for n, s in enumerate(statements):
            if _RESOLVED.search(s.sentence.text) or _OPEN.search(s.sentence.text):
                for key in s.terms | s.figures:
                    self.outcome[key].append(n)
            if s.figures and not s.disputes:
                for term in s.terms:
                    self.figured[term].append(s)
                for figure in s.figures:
                    self.figure[figure].append(s)

    def near(self, n: int) -> list[Statement]:
        """A statement's neighbours in its document, and itself."""
        return [s for s in self.statements[max(0, n - NEXT) : n + NEXT + 1] if s.number == self.statements[n].number]

    def with_most_of(self, matter: set[str]) -> list[Statement]:
        """Of every document the statement with figures that holds most of a matter, if that is NAMED of it."""
        total, seen = weight_of(matter, self.weight), 0.0
        best: dict[int, tuple[float, int, Statement]] = {}
        for term in sorted(matter, key=lambda t: (-self.weight.get(t, 1.0), t)):
            if seen > (1 - NAMED) * total + 1e-9:  # who has none of those seen has less than NAMED
                break
            seen += self.weight.get(term, 1.0)
            for s in self.figured[term]:
                fit = (weight_of(s.terms & matter, self.weight), -s.sentence.start, s)
                if fit[0] >= NAMED * total and fit[:2] > best.get(s.number, (0.0, 0))[:2]:
                    best[s.number] = fit
        return [best[number][2] for number in sorted(best)]

    def first_to_say(self, figure: Figure, around: set[str], but: Text) -> Side | None:
        """The earliest other document that states the figure in a sentence of the same matter."""
        fits: list[tuple[float, int, Statement]] = []
        for s in self.figure[figure]:
            if s.text is but or (s.text.year or 0) > (but.year or 9999) or len(s.terms & around) < COMMON_TO:
                continue
            if fits and s.number != fits[0][2].number:
                break
            fits.append((weight_of(s.terms & around, self.weight), -s.sentence.start, s))
        if not fits:
            return None
        chosen = max(fits, key=lambda f: f[:2])[2]
        return Side(chosen.text, chosen.sentence)

    def with_status(self, d: Disagreement) -> Disagreement:
        """What is said of it later: settled, or open; the latest word counts."""
        matter = set(stems(d.topic)) or {t for s in d.sides for t in information(s.sentence.text)}
        values = {f for s in d.sides for f in content(s.sentence.text).figures}
        newest = max((s.text.year or 0) for s in d.sides)
        status, spoken = d.status, list(d.about)
        for n in sorted({n for key in matter | values for n in self.outcome.get(key, ())}):
            s = self.statements[n]
            if (s.text.year or 0) >= newest and self._speaks_of(s, matter, values):
                status = "open" if _OPEN.search(s.sentence.text) else "resolved"
                spoken = [*[other for other in spoken if other.text is not s.text], Side(s.text, s.sentence)]
        return d._replace(status=status, about=tuple(spoken[-2:]), score=d.score + OUTCOME * (status != "unknown"))

    def _speaks_of(self, s: Statement, matter: set[str], values: set[Figure]) -> bool:
        if s.figures & values:
            return True
        common = s.terms & matter
        return len(common) >= 2 and weight_of(common, self.weight) >= SPOKEN_OF * weight_of(matter, self.weight)


def _differing(index: _Index) -> list[Disagreement]:
    """Pairs of sentences that share a unit, or rare terms, and cannot both hold: the best of two documents."""
    weight = index.weight
    best: dict[tuple[int, int], tuple[float, Statement, Statement]] = {}
    for a, b in pairs(index.statements, weight):
        score = contradiction(a.content, b.content, weight)
        if score and not _same_thing(a, b, weight):
            score = 0.0
        if score:
            common = weight_of(a.terms & b.terms, weight)
            score *= common / (common + ENOUGH)
        if score > best.get((a.number, b.number), (0.0,))[0]:
            best[a.number, b.number] = (score, a, b)
    spoken = {(s.number, s.place) for s in index.statements if s.disputes}

    def beside_dispute(s: Statement) -> bool:
        """Whether its document speaks of a dispute next to it."""
        return any((s.number, place) in spoken for place in range(s.place - NEXT, s.place + NEXT + 1))

    disputes = []
    for score, a, b in best.values():
        sides = [Side(s.text, s.sentence) for s in (a, b)]
        rank = score + (beside_dispute(a) or beside_dispute(b))
        disputes.append(Disagreement(_topic(sides, weight), _dated(sides), "unknown", (), rank))
    return disputes


def _said_to_differ(index: _Index) -> list[Disagreement]:
    """Sentences that speak of a dispute, or their neighbours, with two figures of one unit that others state."""
    disputes = []
    for n, s in enumerate(index.statements):
        if not s.disputes:
            continue
        spoken = Side(s.text, s.sentence)
        if (over := _over(spoken, index)) is not None:
            disputes.append(over)
        near = index.near(n)
        around = {t for other in near for t in other.terms}
        named = defaultdict(list)
        for value, unit in sorted({f for other in near for f in other.figures}):
            named[unit].append(value)
        for unit, values in named.items():
            sides = [side for v in values if (side := index.first_to_say((v, unit), around, s.text))]
            apart = {side.text.source.id: side for side in sides}
            if len(apart) >= 2:
                chosen = list(apart.values())[:3]
                topic = _topic([*chosen, spoken], index.weight)
                disputes.append(Disagreement(topic, _dated(chosen), "unknown", (spoken,), 1.2 + 0.1 * len(apart)))
    return [d for d in disputes if len(d.topic.split()) >= LEAST_TOPIC and names_a_thing(stems(d.topic))]


def _same_thing(a: Statement, b: Statement, weight: Weight) -> bool:
    """Whether two statements are of one thing, which they name, and state one figure of it or deny each other."""
    common, either = a.terms & b.terms, a.terms | b.terms
    if max(len(a.figures), len(b.figures)) > MOST_FIGURES or not names_a_thing(common):
        return False
    if names_a_thing(a.terms - common, RAREST) and names_a_thing(b.terms - common, RAREST):
        return False  # each speaks of a thing of its own
    return weight_of(common, weight) >= (SAME if a.figures else SAME_DENIED) * weight_of(either, weight)


def names_a_thing(terms: Iterable[str], most: float = RARE) -> bool:
    """Whether any of the stems is rare in general English."""
    return any(background().share((t,)) <= most for t in terms)


def _over(spoken: Side, index: _Index) -> Disagreement | None:
    """The figures that others give of what a sentence says a dispute is over, if they differ."""
    matter = {t for t in information(without_dispute(spoken.sentence.text)) if background().share((t,)) <= TALK}
    if len(matter) < 2:
        return None
    taken: list[Statement] = []
    for s in index.with_most_of(matter):
        if all(differ(s.content, other.content) for other in taken):
            taken.append(s)
    if len(taken) < 2:
        return None
    sides = [Side(s.text, s.sentence) for s in taken]
    return Disagreement(_topic([*sides, spoken], index.weight), _dated(sides[:3]), "unknown", (spoken,), 2.0)


def _dated(sides: Sequence[Side]) -> tuple[Side, ...]:
    return tuple(sorted(sides, key=lambda s: (s.text.year is None, s.text.year or 0, s.text.source.id)))


def _topic(sides: Sequence[Side], weight: Weight) -> str:
    """The words that all sides share, as the first of them writes them, in its order."""
    parts = [content(s.sentence.text) for s in sides]
    common = frozenset.intersection(*(p.terms for p in parts))
    units = {u for p in parts for u in p.units}
    tokens = [w for w in words(sides[0].sentence.text) if w not in STOP_WORDS and not w[0].isdigit()]
    fits = (w for w in dict.fromkeys(tokens) if len(w) > 2 and stem(w) in common and stem(w) not in units)
    shared = list(fits)
    kept = sorted(sorted(shared, key=lambda w: -weight.get(stem(w), 0.0))[:6], key=shared.index)
    return " ".join(kept)


def _same(a: Disagreement, b: Disagreement) -> bool:
    """Whether two are about one matter: the same two documents, or mostly the same words."""
    documents = [{s.text.source.id for s in d.sides} for d in (a, b)]
    mine, theirs = (set(stems(d.topic)) for d in (a, b))
    overlap = len(mine & theirs) / max(1, min(len(mine), len(theirs)))
    return len(documents[0] & documents[1]) >= 2 or overlap > 0.6 or bool(documents[0] & documents[1] and overlap > 0.3)
