"""Figures in sentences, and whether they measure what is asked for."""

from __future__ import annotations

import pytest

from titans_cli.answers.intent import asked
from titans_cli.answers.quantities import quantities


@pytest.mark.parametrize(
    ("question", "sentence", "figures"),
    [
        ("How many ropes broke?", "After 18 hours 40 wet ropes broke.", ["40"]),
        ("How many students took part?", "In all 1873 students of 191 classes took part.", ["1873"]),
        ("How many people were there?", "There were 3 million people in 1990.", ["3 million"]),
        ("How large is the seed?", "It is a small (20-25 nm in diameter) seed of type 2.", ["20-25"]),
        ("How long did it last?", "It lasted 30 ms to 40 ms and rose by 50%.", ["30", "40"]),
        ("How long did it last?", "It rose by 3 m/s for 12 days.", ["12"]),
        ("What share of it was lost?", "Of 12 beams they lost 9 percent.", ["9"]),
        ("How much does it cost?", "It costs $1,200 and weighs 3 kg.", ["$1,200"]),
        ("How much does it weigh?", "It costs $1,200 and weighs 3 kg.", ["3"]),
        ("How fast did it grow?", "It was 4 mm long and grew at 0.4 mm per tide.", ["0.4"]),
        ("How often was it repeated?", "It was repeated 5 times with 3 ropes.", ["5"]),
        ("How many ropes broke?", "Figure 3 shows the 2nd mast.", []),
        ("Who broke it?", "He broke 12 ropes.", []),
    ],
)
def test_which_figures_measure_what_is_asked_for(question: str, sentence: str, figures: list[str]) -> None:
    of = asked(question)
    assert [sentence[q.start : q.end] for q in quantities(sentence) if q.measures(of)] == figures


def test_a_year_is_told_apart() -> None:
    assert [q.year for q in quantities("In 1987 they had 1987 ropes and 12 masts.")] == [True, True, False]
