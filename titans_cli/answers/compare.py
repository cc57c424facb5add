"""What is said of two things that a question compares, point by point.

    both named      sentences that name both say the difference themselves
    what they are   the sentence that defines each
    points          pairs of sentences, one of each thing, that share what is said of both: the words that are rare in
                    general English and name neither

Two lists of extracts would leave the comparing to the reader.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from titans_cli.answers.definition import definitions
from titans_cli.answers.extract import Candidate, is_prose
from titans_cli.answers.facts import FactAnswerer
from titans_cli.answers.intent import without_article
from titans_cli.answers.premise import information
from titans_cli.answers.question import Question
from titans_cli.answers.references import without_mentions
from titans_cli.answers.statements import information as terms_of
from titans_cli.answers.words import stem, stems, words
from titans_cli.records import Answer, Citation, Step
from titans_cli.sentences import one_line

MOST_POINTS, MOST_BOTH = 3, 2  # told; sentences that name both
LOOKED_AT = 40  # sentences of each, best first
# Information of the words that two sentences share, in nats: about two words that one page in a hundred has.
LEAST_SHARED = 8.0
LEAST_NAMED = 0.5  # share of a name's information in a sentence that speaks of what it names
WHAT_THEY_ARE = "what they are"


class ComparedSide(NamedTuple):
    """One of the two: its name as it was asked, the stems that name it, and the sentences about it, best first."""

    name: str
    naming: frozenset[str]
    sentences: list[Candidate]
    defined: Candidate | None


class Point(NamedTuple):
    aspect: str
    sentences: tuple[Candidate, Candidate]


def compare(blank: Answer, names: tuple[str, str], facts: FactAnswerer, only: set[int] | None) -> Answer | None:
    """None when too little is said of one of the two."""
    one, other = (_side(name, facts, only) for name in names)
    if not one.sentences or not other.sentences:
        return None
    both = [c for c in (*one.sentences, *other.sentences) if _names(c, one) and _names(c, other)]
    both = list(dict.fromkeys(both))[:MOST_BOTH]
    points = _points(one, other)
    if not both and not points:
        return None
    cited: list[Citation] = []

    def quoted(c: Candidate) -> str:
        place = (c.block.source_id, c.block.page, c.start)
        if place not in numbers:
            cited.append(facts.citer.cite(len(cited) + 1, c))
            numbers[place] = len(cited)
        return f"{one_line(c.text)} [{numbers[place]}]"

    numbers: dict[tuple[int, int, int], int] = {}
    lines = [f"- {quoted(c)}" for c in both]
    for point in points:
        a, b = (f"{side.name}: {quoted(c)}" for side, c in zip((one, other), point.sentences, strict=True))
        lines.append(f"- {point.aspect}\n  - {a}\n  - {b}")
    steps = tuple(
        Step(s.name, tuple(c.text for c in s.sentences), (), f"{len(s.sentences)} sentences") for s in (one, other)
    )
    text = "\n".join(lines)
    return replace(blank, support="evidence", route="deliberate", text=text, citations=tuple(cited), steps=steps)


def _side(name: str, facts: FactAnswerer, only: set[int] | None) -> ComparedSide:
    result = facts.search(name, only, None)
    naming = frozenset(t for t in stems(name))
    bare, terms = " ".join(name.split()), result.terms
    sentences = [c for c in result.ranked if _speaks(c, terms) or c.block.source_id in result.named]
    of_the_matter = [c for c in sentences if terms.covered(set(stems(c.text)), result.naming) > 0]  # "... on literacy"
    # a line of a data sheet says a value, and a heading or caption nothing that could be set against another
    sentences = [c for c in of_the_matter or sentences if is_prose(c.text)][:LOOKED_AT]
    defined = definitions(without_article(bare), terms, facts.means.episodes, facts.titles, result.named or only)
    return ComparedSide(bare[:1].upper() + bare[1:], naming, sentences, defined[0] if defined else None)


def _speaks(c: Candidate, name: Question) -> bool:
    """Whether a sentence has half of what a name says: "441" of "PEP 441", and not "PEP" alone."""
    return not name.weight or name.covered(set(stems(c.text))) >= LEAST_NAMED


def _names(c: Candidate, side: ComparedSide) -> bool:
    return bool(side.naming) and side.naming <= set(stems(c.text))


def _points(one: ComparedSide, other: ComparedSide) -> list[Point]:
    """The pairs that share most, each word and each sentence in one of them alone."""
    points: list[Point] = []
    if one.defined is not None and other.defined is not None and one.defined.text != other.defined.text:
        points.append(Point(WHAT_THEY_ARE, (one.defined, other.defined)))
    naming = one.naming | other.naming
    pairs = []
    theirs = [(b, _terms(b, naming)) for b in other.sentences if not _names(b, one)]
    for n, a in enumerate(one.sentences):
        if _names(a, other):
            continue
        mine = _terms(a, naming)
        for m, (b, words_of) in enumerate(theirs):
            shared = mine & words_of
            worth = sum(map(information, shared))
            if worth >= LEAST_SHARED:
                pairs.append((-worth / (len(mine) + len(words_of)) ** 0.5, n + m, a, b, shared))
    used = {_place(c) for p in points for c in p.sentences}
    covered = set[str]()
    for _, _, a, b, shared in sorted(pairs, key=lambda p: (p[0], p[1], p[2].start)):
        if len(points) == MOST_POINTS:
            break
        if {_place(a), _place(b)} & used or a.text == b.text or shared & covered:
            continue
        points.append(Point(_aspect(shared, a.text), (a, b)))
        used |= {_place(a), _place(b)}
        covered |= shared
    return points


def _terms(c: Candidate, naming: frozenset[str]) -> frozenset[str]:
    """What a sentence may share with another: no letters, which are units and variables."""
    return frozenset(t for t in terms_of(without_mentions(c.text)) - naming if len(t) > 1)


def _place(c: Candidate) -> tuple[int, int]:
    """Where a sentence stands: found in two ways it has two scores."""
    return c.block.id, c.start


def _aspect(shared: frozenset[str], text: str) -> str:
    """The rarest words that both have, as the first writes them, in its order."""
    rarest: Sequence[str] = sorted(shared, key=lambda t: -information(t))[:3]
    rare_words = [w for w in words(text) if stem(w) in rarest]
    return ", ".join(dict.fromkeys(rare_words))
