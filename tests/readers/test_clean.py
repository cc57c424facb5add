"""The clean-up rules, one by one."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titans_cli.readers.clean import (
    clean_pages,
    close_spaced_letters,
    drop_running_lines,
    join_hyphenated,
    mend_accents,
    mend_characters,
)
from titans_cli.readers.unwrap import unwrap_page


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("e\ufb03cient \ufb01gures", "efficient figures"),
        ("cafe\u0301", "café"),
        ("soft\u00adhyphen and trans\u00ad\nformer", "softhyphen and transformer"),
        ("zero\u200bwidth\ufeff, right\u200fto\u202e left", "zerowidth, right" + "to left"),
        ("no\u00a0break\u2009thin", "no break thin"),
        ("bell\x07 null\x00 escape\x1b", "bell null escape"),
        ("a\r\nb\rc\x0cd\u2028e", "a\nb\nc\nd\ne"),
        ("lone \ud800 and pair \ud83d\ude00", "lone \ufffd and pair \U0001f600"),
        ("icon \uf0b7 gone", "icon  gone"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_characters_are_mended(raw: str, clean: str) -> None:
    assert mend_characters(raw) == clean


def test_accents_drawn_before_their_letter_are_put_on_it() -> None:
    assert (
        mend_accents("Montr ´eal, Universit´e, na¨ıve, ´Ecole, ˆβ, ~x") == "Montréal, Université, naïve, École, ˆβ, ~x"
    )


def test_letters_set_apart_are_a_word_and_algebra_stays() -> None:
    assert close_spaced_letters("A B S T R A C T of a + b") == "ABSTRACT of a + b"
    assert close_spaced_letters("a b c d are four") == "a b c d are four"


@pytest.mark.parametrize(
    ("lines", "words", "joined"),
    [
        (["a transfor-", "mer reads"], set(), ["a transformer", "reads"]),
        (["a well-", "known fact"], {"well-known"}, ["a well-known", "fact"]),
        (["a well-", "known fact"], {"well-known", "wellknown"}, ["a wellknown", "fact"]),
        (["Navier-", "Stokes equations"], set(), ["Navier-Stokes", "equations"]),
        (["COVID-", "19."], set(), ["COVID-19."]),
        (["Hyper-", "parameter search"], {"hyperparameter"}, ["Hyperparameter", "search"]),
        (["a dash -", "not a hyphen"], set(), ["a dash -", "not a hyphen"]),
        (["the last-"], set(), ["the last-"]),
    ],
)
def test_a_word_split_at_a_line_end_is_mended_and_a_compound_is_kept(
    lines: list[str], words: set[str], joined: list[str]
) -> None:
    assert join_hyphenated(lines, words) == joined


def test_the_document_itself_decides_about_a_hyphen() -> None:
    pages = ["It is state-of-the-art and well-known.", "This well-\nknown method."]
    assert clean_pages(pages)[1] == "This well-known method."


def test_running_lines_go_and_numbers_in_them_do_not_matter() -> None:
    pages = [["Proceedings 2019", f"body {word} here", "more of it", f"- {i} -"] for i, word in enumerate("abcd")]
    assert drop_running_lines(pages)[2] == ["body c here", "more of it"]


def test_two_pages_are_too_few_to_tell_and_a_page_is_never_emptied() -> None:
    two = [["Header", "one"], ["Header", "two"]]
    assert drop_running_lines(two) == two
    same = [["The same words."]] * 5
    assert drop_running_lines(same) == same


def test_headings_and_lists_stand_apart_from_prose() -> None:
    lines = [
        "1. Introduction",
        "Reading is a long process that takes place over many lines",
        "and that ends in a short one.",
        "Statement of Need",
        "People need to read a great number of papers every week, and",
        "cannot.",
        "• first thing",
        "• second thing",
    ]
    assert unwrap_page(lines).split("\n\n") == [
        "1. Introduction",
        "Reading is a long process that takes place over many lines and that ends in a short one.",
        "Statement of Need",
        "People need to read a great number of papers every week, and cannot.",
        "• first thing",
        "• second thing",
    ]


def test_a_section_named_on_its_own_line_stands_apart_whatever_begins_it() -> None:
    lines = ["Summary", "nbkeeper is a tool for keeping notebooks, and is written in", "plain C."]
    assert unwrap_page(lines).split("\n\n") == [lines[0], " ".join(lines[1:])]


def test_a_notice_at_the_foot_is_not_glued_to_half_a_sentence() -> None:
    lines = ["Several corrections that need other integrals than these are", "Copyright © 2020 A. Kessler, released"]
    assert unwrap_page([*lines, "under a licence."]).split("\n\n") == [lines[0], f"{lines[1]} under a licence."]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.text(alphabet=st.characters() | st.sampled_from("\n\n- -.aA1\ud800\u00ad"), max_size=120), max_size=6)
)
def test_clean_text_is_always_storable_and_page_for_page(raw: list[str]) -> None:
    pages = clean_pages(raw)
    assert len(pages) == len(raw)
    for page in pages:
        assert page.encode("utf-8") is not None
        assert not any(unicodedata.category(character) == "Cc" for character in page if character != "\n")
        assert page == page.strip()
