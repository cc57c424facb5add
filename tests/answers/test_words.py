"""Words, stems and stop words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titans_cli.answers.question import content_words
from titans_cli.answers.words import stems, with_stems, words


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


TITLES = {
    1: "GPUs for soil-moisture maps",
    2: "Mapping the moon",
    3: "",
    4: "A map of Moons and self-repair",
    5: "CO_2 at sea",
}


def test_titles_with_a_stem_are_those_whose_stems_have_it() -> None:
    terms = {"gpu", "map", "moon", "moistur", "self-repair", "repair", "co2", "nothing"}
    by_stems = {t: {i for i, title in TITLES.items() if t in stems(title)} for t in terms}
    assert with_stems(terms, TITLES) == by_stems
    assert by_stems["map"] == {1, 2, 4}
    assert with_stems((), TITLES) == {}


@given(st.lists(st.text("aAbB-_'2 s", max_size=12), max_size=6), st.text("ab2s", min_size=1, max_size=4))
def test_any_texts_with_a_stem_are_those_whose_stems_have_it(texts: list[str], term: str) -> None:
    numbered = dict(enumerate(texts))
    assert with_stems({term}, numbered) == {term: {i for i, text in numbered.items() if term in stems(text)}}
