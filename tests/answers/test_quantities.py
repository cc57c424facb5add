"""Figures in sentences, and whether they measure what is asked for."""

from __future__ import annotations

import pytest

from titans_cli.answers.intent import asked
from titans_cli.answers.quantities import phrase_end, quantities


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
        ("How old is he?", "Now I am twenty-eight, and own 3 ropes.", ["twenty-eight"]),
        ("How old is she?", "She is a three year old with 2 cats.", ["three"]),
        ("What is the age of the mast?", "The mast of 9 metres is 40 years old.", ["40"]),
        ("How many ropes broke?", "Figure 3 shows the 2nd mast.", []),
        ("Who broke it?", "He broke 12 ropes.", []),
    ],
)
def test_which_figures_measure_what_is_asked_for(question: str, sentence: str, figures: list[str]) -> None:
    of = asked(question)
    assert [sentence[q.start : q.end] for q in quantities(sentence) if q.measures(of)] == figures


def test_a_year_is_told_apart() -> None:
    assert [q.year for q in quantities("In 1987 they had 1987 ropes and 12 masts.")] == [True, True, False]


@pytest.mark.parametrize(
    ("question", "sentence", "said"),
    [
        (
            "How much carbon did it take up?",
            "It took up 35 kg of carbon dioxide from the sea.",
            "35 kg of carbon dioxide",
        ),
        (
            "How much carbon dioxide does it hold?",
            "It holds 35 kg of carbon dioxide per day.",
            "35 kg of carbon dioxide",
        ),
        ("How much carbon did it take up?", "It took up 35 kg of carbon, and of salt more.", "35 kg of carbon"),
        ("How much water is lost?", "There 3 litres of salt water are lost.", "3 litres of salt water"),
        ("How many data points were there?", "They had 120 data points in all.", "120 data points"),
        ("How many students took part?", "In all 12 students enrolled in it.", "12 students"),
    ],
)
def test_what_is_counted_is_the_whole_phrase_of_the_text(question: str, sentence: str, said: str) -> None:
    """Cut short it would be another thing."""
    of = asked(question)
    (figure,) = (q for q in quantities(sentence) if q.measures(of))
    assert sentence[figure.start : figure.end + figure.counted(of)] == said


@pytest.mark.parametrize(
    "question", ["How much carbon dioxide does it take up?", "How much carbon dioxide could 3 kg of it hold?"]
)
def test_another_thing_of_the_same_first_word_is_not_counted(question: str) -> None:
    assert not any(q.measures(asked(question)) for q in quantities("It is made of 35 kg of carbon fibre."))


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("heavy crude oil in a day", "heavy crude oil"),
        ("CO2 in a day", "CO2"),
        ("carbon-14 dust.", "carbon-14 dust"),
        ("students enrolled there", "students"),
        ("sports clubs joined", "sports clubs"),
        ("glass fibre, and more", "glass fibre"),
    ],
)
def test_a_phrase_ends_at_a_closed_class_a_mark_or_a_plural(text: str, phrase: str) -> None:
    assert text[: phrase_end(text, 0)] == phrase


@pytest.mark.parametrize(
    ("sentence", "figures"),
    [
        ("About 3 in 10,000 people have it.", ["3 in 10,000"]),
        ("It affects 24 out of every 100,000 people.", ["24 out of every 100,000"]),
        ("One in 1 million people has it.", ["One in 1 million"]),
        ("About 20 to 25 percent have it.", ["20 to 25"]),
        ("It rose from 20 to 25 percent.", ["20", "25"]),
        ("It was 20 in 2011 and 25 in 2012.", ["20", "2011", "25", "2012"]),
    ],
)
def test_numbers_that_make_one_figure(sentence: str, figures: list[str]) -> None:
    assert [sentence[q.start : q.end] for q in quantities(sentence)] == figures
