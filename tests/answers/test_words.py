"""Words, stems and stop words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titans_cli.answers.question import content_words
from titans_cli.answers.words import stems, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Kiln-setting, it's said, helps.", ["kiln-setting", "it's", "said", "helps"]),
        ("Größe 3.1 MPa", ["größe", "3", "1", "mpa"]),
        ("-- ... !?", []),
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_forms_of_a_word_have_one_stem() -> None:
    assert len(set(stems("repair repairs repaired repairing"))) == 1


def test_a_hyphenated_word_is_found_by_its_parts_too() -> None:
    found = stems("kiln-setting")
    assert {"kiln", *stems("setting")} <= set(found)
    assert len(found) == 3


def test_stop_words_are_no_stems() -> None:
    assert stems("What is the of and paper?") == []


def test_a_question_keeps_the_words_of_its_matter() -> None:
    assert content_words("Describe the findings about copper priming") == "copper priming"


def test_a_question_of_nothing_but_asking_keeps_its_words() -> None:
    assert content_words("summarize trends") == "summarize trends"


def test_a_subscript_is_the_word_without_its_mark() -> None:
    assert stems("the CO_2 of snake_case_2b") == stems("the CO2 of snake_case_2b")


@given(st.text("aA-'’s_1 ", max_size=12))
def test_no_text_has_an_empty_word_or_stem(text: str) -> None:
    assert all(words(text)), text
    assert all(stems(text)), text


def test_a_plural_with_a_hyphen_is_its_word() -> None:
    assert stems("CRF-s") == stems("CRFs") == stems("CRF")
