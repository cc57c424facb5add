"""What sentences state, taken apart once: their information, their figures, whether they deny.

And which sentences of many are worth comparing. Comparing all with all is quadratic; two statements that cannot both
hold speak of one matter, so they share rare terms. Blocks of them are kept by (unit, rare term), and where a term is
not rare enough for a small block, by (unit, two or three of them). The number of pairs then grows with the number of
statements.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from titans_cli.answers.corpus import Text
from titans_cli.answers.extract import Candidate
from titans_cli.answers.words import STOP_WORDS, stem, stems

ALIKE = 0.5  # share of the information of the shorter of two sentences that the other has too
LEAST_COMMON = 4  # words that two sentences share before a difference of figures says anything
DIFFER = 0.03  # relative difference of two figures that is no rounding
RAREST = 6  # terms of a statement by which it is compared
TOGETHER = 60  # statements in a block; a larger one is divided by a further term
DEEPEST = 3  # terms of a block; one that is still too large says nothing of a matter
Figure = tuple[float, str]  # value, unit
Weight = Mapping[str, float]  # of a term: how much it says
_FIGURE = re.compile(r"(?<![\w.,/])(\d+(?:,\d{3})*(?:\.\d+)?)(?!-?D\b)\s*(%|°C|[A-Za-zµ°]+(?:/[A-Za-z]+)?[³²23]?)")
_POWERS = str.maketrans("²³", "23")
_NO_UNIT = STOP_WORDS | frozenset(
    "january february march april june july august september october november december".split()
)
_DISPUTE = re.compile(
    r"\b(disagree\w*|disput\w+|contradict\w*|contrary to|conflict(s|ing)|controvers\w+|at odds|inconsistent with|"
    r"re-?examin\w+|refut\w+|could not (reproduce|confirm|replicate)|fail(s|ed) to (reproduce|confirm|replicate)|"
    r"in contrast to (the|earlier|previous)|two different values|too (high|low)|correct(s|ed) the)\b",
    re.I,
)
_DENIES = re.compile(r"\b(no|not|never|neither|cannot|without|fail(s|ed)?|unable|absent|hardly)\b", re.I)
_OPPOSITE = [
    frozenset(stem(w) for w in pair.split())
    for pair in ("increase decrease", "rise fall", "raise lower", "raise reduce", "increase reduce", "improve worsen",
                 "improve impair", "faster slower", "higher lower", "stronger weaker", "safe harmful", "protect harm",
                 "help harm", "enhance inhibit", "promote suppress")
]  # fmt: skip
_POLES = frozenset[str]().union(*_OPPOSITE)


class Content(NamedTuple):
    """What a sentence states."""

    terms: frozenset[str]  # stems, numbers left out
    figures: frozenset[Figure]
    denies: bool

    @property
    def units(self) -> set[str]:
        return {unit for _, unit in self.figures}


class Statement(NamedTuple):
    """A sentence of a document. `number`: the document's, `place`: the sentence's in it."""

    number: int
    place: int
    text: Text
    sentence: Candidate
    content: Content
    disputes: bool  # speaks of a disagreement

    @property
    def terms(self) -> frozenset[str]:
        return self.content.terms

    @property
    def figures(self) -> frozenset[Figure]:
        return self.content.figures


def statements(texts: Sequence[Text]) -> list[Statement]:
    """Every sentence, in order."""
    return [
        Statement(number, place, text, s, content(s.text), disputes(s.text))
        for number, text in enumerate(texts)
        for place, s in enumerate(text.sentences)
    ]


def content(sentence: str) -> Content:
    return Content(information(sentence), figures(sentence), _DENIES.search(sentence) is not None)


def disputes(sentence: str) -> bool:
    return _DISPUTE.search(sentence) is not None


def without_dispute(sentence: str) -> str:
    """The sentence without the words that say that there is a dispute."""
    return _DISPUTE.sub(" ", sentence)


def information(sentence: str) -> frozenset[str]:
    return frozenset(s for s in stems(sentence) if not s[0].isdigit())


def weight_of(terms: Iterable[str], weight: Weight) -> float:
    return sum(weight.get(t, 1.0) for t in terms)


def figures(sentence: str) -> frozenset[Figure]:
    """Every figure with a unit; the unit is the word after the number."""
    return frozenset(
        (float(value.replace(",", "")), "percent" if unit == "%" else stem(unit.lower().translate(_POWERS)))
        for value, unit in _FIGURE.findall(sentence)
        if unit.lower() not in _NO_UNIT
    )


def contradicts(a: str, b: str, weight: Weight) -> float:
    """How alike two sentences are that cannot both hold, 0 when they can: other figures of one unit, or a denial."""
    return contradiction(content(a), content(b), weight)


def contradiction(a: Content, b: Content, weight: Weight) -> float:
    """The same, of two contents."""
    common = a.terms & b.terms
    if len(common) < LEAST_COMMON:
        return 0.0
    shared = weight_of(common, weight)
    total = min(weight_of(a.terms, weight), weight_of(b.terms, weight))
    alike = shared / total if total else 0.0
    if alike < ALIKE:
        return 0.0
    if a.units & b.units:
        return alike if differ(a, b) else 0.0
    if a.figures or b.figures or _opposed(a, b) == (a.denies != b.denies):
        return 0.0
    alike = shared / weight_of(a.terms | b.terms, weight)
    return alike if alike >= ALIKE else 0.0


def _opposed(a: Content, b: Content) -> bool:
    """Whether one says "rises" where the other says "falls"."""
    halves = ((pair & a.terms, pair & b.terms) for pair in _OPPOSITE)
    return any(len(mine) == len(theirs) == 1 and mine != theirs for mine, theirs in halves)


def differ(a: Content, b: Content) -> bool:
    """Whether two give figures of the same unit, and none in common."""
    return bool(a.units & b.units) and not any(
        abs(x - y) <= DIFFER * max(abs(x), abs(y)) for x, u in a.figures for y, v in b.figures if u == v
    )


def other_figures(a: str, b: str) -> bool:
    """`differ`, of two sentences."""
    return differ(content(a), content(b))


def same_figures(a: str, b: str) -> bool:
    """Whether two sentences have a figure with its unit in common."""
    return bool(figures(a) & figures(b))


def pairs(statements: Sequence[Statement], weight: Weight) -> Iterator[tuple[Statement, Statement]]:
    """Statements of different documents that may contradict each other, each pair once, the earlier first."""
    rarest = [sorted(s.terms, key=lambda t: (-weight.get(t, 0.0), t))[:RAREST] for s in statements]
    of_unit: dict[str, list[int]] = defaultdict(list)
    for n, s in enumerate(statements):
        for unit in s.content.units or {""}:
            of_unit[unit].append(n)
    holds: list[list[list[int]]] = [[] for _ in statements]  # of a statement, the blocks that hold it
    for members in of_unit.values():
        for block in _divided(members, rarest, "", DEEPEST):
            for n in block:
                holds[n].append(block)
    numbers = [s.number for s in statements]
    figured = [bool(s.figures) for s in statements]
    denies = [s.content.denies for s in statements]
    polar = [not _POLES.isdisjoint(s.terms) for s in statements]
    for n, s in enumerate(statements):
        number, denying, pole = numbers[n], denies[n], polar[n]
        for m in sorted({m for block in holds[n] for m in block if m < n}):
            # cheap: without figures, a denial or a word with an opposite is needed
            if numbers[m] != number and (figured[m] or denies[m] != denying or (pole and polar[m])):
                yield statements[m], s


def _divided(members: Sequence[int], rarest: Sequence[Sequence[str]], after: str, deep: int) -> Iterator[list[int]]:
    """Blocks of at most TOGETHER of `members` that share rare terms: `deep` of them, each later than `after`."""
    sharing: dict[str, list[int]] = defaultdict(list)
    for n in members:
        for term in rarest[n]:
            if term > after:
                sharing[term].append(n)
    for term, some in sharing.items():
        if len(some) <= TOGETHER:
            yield some
        elif deep > 1:
            yield from _divided(some, rarest, term, deep - 1)
