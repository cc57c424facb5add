"""Misspelled names of a question."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.samples import blocks, page, source
from titans_cli.answers.spelling import mended, slips
from titans_cli.cards import Entry, filled
from titans_cli.store import Addition, Episodes


@pytest.mark.parametrize(
    ("one", "other", "far"),
    [
        ("lpty", "ltpy", 1),
        ("nbgradr", "nbgrader", 1),
        ("same", "same", 0),
        ("kitten", "sitting", 3),
        ("a", "abcdef", 4),
    ],
)
def test_slips(one: str, other: str, far: int) -> None:
    assert slips(one, other, 3) == far
    assert slips(other, one, 3) == far
    assert slips(one, other, 0) == min(far, 1)


def test_a_name_nobody_has_becomes_the_nearest_title_or_author(tmp_path: Path) -> None:
    card = filled([Entry("title", "TideGauge: a logger", "x"), Entry("author", "Mara Quillfeather", "x")])
    with Episodes.create(tmp_path / "episodes.sqlite") as episodes:
        episodes.commit(source(1), Addition(pages=[page(1)], blocks=blocks(1), card=card))
        assert mended("What is TideGuage?", episodes, [card]) == "What is TideGauge?"
        assert mended("What did Quilfeathr say?", episodes, [card]) == "What did Quillfeather say?"
        assert mended("Which zymurgist fermented?", episodes, [card]) == "Which zymurgist fermented?"
        assert (
            mended("Quién escribió Quilfeathr?", episodes, [card]) == "Quién escribió Quilfeathr?"
        )  # another language
        assert mended("Who is Zarvex?", episodes, [card]) == "Who is Zarvex?"
        assert mended("waht does TideGuage do?", episodes, [card]) == "what does TideGauge do?"
        assert mended("Is it TideGuage-like?", episodes, [card]) == "Is it TideGauge-like?"  # a part of a word
        assert mended("Where is its code?", episodes, [card]) == "Where is its code?"  # and not "come"
