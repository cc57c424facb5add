"""Which statements are compared: those of one matter, and no more of them the more there are of others."""

from __future__ import annotations

import random

from titans_cli.answers.corpus import Text
from titans_cli.answers.disagree import disagreements
from titans_cli.answers.extract import Candidate
from titans_cli.answers.statements import RAREST, TOGETHER, Statement, contradiction, figures, pairs, statements
from titans_cli.records import Block, SourceRecord
from titans_cli.sentences import sentence_spans


def document(number: int, text: str, year: int = 2001) -> Text:
    source = SourceRecord(number, f"{number}", f"{number}.txt", "", len(text), "txt", None, 1, 1, 1, 9, "", "read")
    block = Block(number, number, 0, 1, 0, len(text), text, 9, 0, 0.0)
    found = [Candidate(block, a, b, text[a:b], 0.0, 0.0, 0.0) for a, b in sentence_spans(text)]
    return Text(source, year, found)


def corpus(papers: int) -> list[Statement]:
    """Ten sentences a paper, each of four words out of forty of their kind, so that each comes again and again."""
    draw = random.Random(5)
    drawn = [[f"{kind}{draw.randrange(40)}" for kind in ("old", "wheel", "quay", "reed")] for _ in range(10 * papers)]
    said = [
        f"The {a} {b} of the {c} by the {d} weighed {n % 900 + 100} kilograms." for n, (a, b, c, d) in enumerate(drawn)
    ]
    return statements([document(n, " ".join(said[10 * n : 10 * n + 10])) for n in range(papers)])


def compared(said: list[Statement]) -> int:
    return sum(1 for _ in pairs(said, {}))


def test_the_pairs_grow_with_the_statements_and_not_with_their_square() -> None:
    few, many = corpus(60), corpus(360)
    assert len(many) > 5 * len(few)
    assert compared(many) < 2 * (len(many) / len(few)) * compared(few)


def test_a_matter_that_everybody_speaks_of_is_not_compared_with_itself() -> None:
    said = [f"The old copper harbour wheels of this valley weighed {n + 100} kilograms." for n in range(5 * TOGETHER)]
    texts = [document(n, text) for n, text in enumerate(said, start=1)]
    assert compared(statements(texts)) == 0
    assert compared(statements(texts[:TOGETHER])) == TOGETHER * (TOGETHER - 1) / 2


def test_pairs_are_of_two_documents_and_come_once_the_earlier_first() -> None:
    found = [((a.number, a.place), (b.number, b.place)) for a, b in pairs(corpus(60), {})]
    assert found
    assert len(set(found)) == len(found)
    assert all(a < b and a[0] != b[0] for a, b in found)


def test_of_few_statements_no_contradiction_that_shares_a_rare_term_is_missed() -> None:
    said = [s for s in corpus(60) if s.number < 12]
    compared_pairs = {(a.number, a.place, b.number, b.place) for a, b in pairs(said, {})}
    rarest = {(s.number, s.place): set(sorted(s.terms)[:RAREST]) for s in said}
    all_pairs = [
        (a, b)
        for i, a in enumerate(said)
        for b in said[i + 1 :]
        if a.number != b.number and contradiction(a.content, b.content, {}) > 0
    ]
    shared = [(a, b) for a, b in all_pairs if rarest[a.number, a.place] & rarest[b.number, b.place]]
    assert shared
    assert all((a.number, a.place, b.number, b.place) in compared_pairs for a, b in shared)


def test_what_is_settled_later_comes_before_what_is_merely_alike() -> None:
    texts = [
        document(1, "The critical depth of the northern quay was 12 metres.", 2001),
        document(2, "The critical depth of the northern quay was 19 metres.", 2002),
        document(3, "Twisted hemp ropes of the western pier lasted 30 months in brine.", 2001),
        document(4, "Twisted hemp ropes of the western pier lasted 70 months in brine.", 2002),
        document(5, "The critical depth of the northern quay was settled by a new survey.", 2003),
    ]
    first, second = disagreements(texts, 2)
    assert (first.status, second.status) == ("resolved", "unknown")
    assert [s.text.source.id for s in first.sides] == [1, 2]
    assert disagreements(texts, 1) == [first]
    assert disagreements(texts, 6, asked=False) == [first]


def test_documents_that_share_no_matter_are_no_dispute() -> None:
    """A sentence that happens to speak of two values beside others: no topic in common, nothing told."""
    texts = [
        document(1, "The 3D model of the fibre has 30 nm per turn in every case.", 2001),
        document(2, "The tracer renders 2D images from 3D scenes within 12 nm of the truth.", 2002),
        document(3, "These values are too high by far. The figure gives 30 nm or 12 nm for it in every scene.", 2003),
    ]
    assert disagreements(texts, 6, asked=False) == []


def test_dimensions_are_no_figures() -> None:
    assert figures("A 3D view and a 2-D one, 5 d later, 3 nm away.") == {(5.0, "d"), (3.0, "nm")}
