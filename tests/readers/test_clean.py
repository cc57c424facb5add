"""The clean-up rules, one by one."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titans_cli.readers.clean import (
    clean_pages,
    close_spaced_letters,
    join_hyphenated,
    mend_accents,
    mend_characters,
    mend_ligatures,
)
from titans_cli.readers.running import drop_running_lines
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
    assert clean_pages(pages).pages[1] == "This well-known method."


def edged(top: str, body: str, bottom: str) -> list[str]:
    """A page with a line at either edge that stands apart."""
    return [top, "", body, "more of it", "", bottom]


def test_running_lines_go_from_the_second_page_on_and_are_counted() -> None:
    pages = [edged("Proceedings 2019", f"body {word} here", f"- {i} -") for i, word in enumerate("abcd")]
    kept, dropped = drop_running_lines(pages)
    assert kept[0] == ["Proceedings 2019", "", "", "body a here", "more of it", ""]
    assert kept[2] == ["", "body c here", "more of it", ""]
    assert dropped == 3 + 4


@pytest.mark.parametrize(
    "foot",
    [
        "Total due: {0} crowns",
        "Week {1}: river at {0} cm",
        "Page {1} of 4, total {0}",
        "Invoice {0} of 2031",
    ],
)
@pytest.mark.parametrize("figures", [(412, 214, 77, 9), (412, 412, 77, 412), (1, 3, 5, 7)])
def test_a_line_whose_figures_count_nothing_is_no_running_line(foot: str, figures: tuple[int, ...]) -> None:
    pages = [
        edged(f"Item {i}", f"body {word}", foot.format(n, i))
        for i, (n, word) in enumerate(zip(figures, "abcd", strict=True), 1)
    ]
    kept, _ = drop_running_lines(pages)
    assert [page[-1] for page in kept] == [page[-1] for page in pages]


@pytest.mark.parametrize("foot", ["Page {0} of 4", "{1} Journal of Tests 2031", "vol. 7 | {1} | ISSN 1234-5678"])
def test_a_counter_may_run_with_the_pages_from_any_number(foot: str) -> None:
    pages = [edged("x", f"body {word}", foot.format(i, i + 411)) for i, word in enumerate("abcd", 1)]
    kept, _ = drop_running_lines(pages)
    assert [page[-1] for page in kept] == [pages[0][-1], "", "", ""]


def test_pages_that_were_skipped_count_as_well() -> None:
    pages = [edged("x", f"body {word}", f"Page {n}") for n, word in ((1, "a"), (2, "b"), (9, "c"))]
    assert [page[-1] for page in drop_running_lines(pages, [1, 2, 9])[0]] == ["Page 1", "", ""]
    assert [page[-1] for page in drop_running_lines(pages)[0]] == ["Page 1", "Page 2", "Page 9"]


def test_a_line_that_does_not_stand_apart_is_text() -> None:
    pages = [["Orvane Works", f"body {word} here", "more of it"] for word in "abcd"]
    assert drop_running_lines(pages) == (pages, 0)


def test_no_sentence_goes_on_across_a_running_line_that_stays() -> None:
    pages = [
        "A Journal of Tests\n\nthe first page goes on in small letters, and ends here.",
        *["A Journal of Tests\n\nx"] * 3,
    ]
    text = clean_pages(pages).pages[0]
    assert text == "A Journal of Tests\n\nthe first page goes on in small letters, and ends here."


def test_a_head_that_begins_on_a_later_page_goes_where_the_document_says_it_elsewhere() -> None:
    bodies = [f"half of a sentence {word}" for word in "abcd"]
    first = "The Marsh\nand the Sea\n\nSomebody wrote this paper."
    titled = [first, *(f"The Marsh and the Sea\n\n{body}" for body in bodies)]
    assert clean_pages(titled).pages[1:] == bodies
    said_nowhere = [first, *(f"Tidal Letters\n\n{body}" for body in bodies)]
    assert clean_pages(said_nowhere).pages[1:] == [f"Tidal Letters\n\n{bodies[0]}", *bodies[1:]]


def test_a_running_line_that_is_broken_before_its_figures_goes_whole() -> None:
    pages = [edged("x", f"body {word}", "A Journal of Tests, 9(95). https://test/jo.") for word in "abcd"]
    broken = [[*page, "00302."] for page in pages]
    kept, dropped = drop_running_lines(broken)
    assert [page[-1] for page in kept] == ["00302.", "", "", ""]
    assert dropped == 3 * 3
    alone = [edged("x", f"body {word}", "2031") for word in "abcd"]
    assert [page[-1] for page in drop_running_lines(alone)[0]] == ["2031"] * 4


def test_two_pages_are_too_few_to_tell_and_a_page_is_never_emptied() -> None:
    two = [["Header", "", "one"], ["Header", "", "two"]]
    assert drop_running_lines(two) == (two, 0)
    same = [["The same words.", "", "17"]] * 5
    assert drop_running_lines(same)[0] == [["The same words.", "", "", "17"], *same[1:]]


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("a speciﬁ c one", "a speciﬁc one"),
        ("a speci ﬁc one", "a speciﬁc one"),
        ("no e ﬀ ect", "no eﬀect"),
        ("the ﬁrst, and the end", "the ﬁrst, and the end"),
        ("oﬀ the coast, the end", "oﬀ the coast, the end"),
        ("eﬃciency", "eﬃciency"),
    ],
)
def test_a_word_cut_by_a_ligature_is_whole_and_two_words_stay_two(text: str, mended: str) -> None:
    assert mend_ligatures([text]) == [mended]


def test_what_has_no_meaning_is_left_out_and_counted() -> None:
    assert clean_pages(["one \uf0b7 two \uf0b7"]).omissions == (("character of no known meaning", 2),)


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
    pages = clean_pages(raw).pages
    assert len(pages) == len(raw)
    for page in pages:
        assert page.encode("utf-8") is not None
        assert not any(unicodedata.category(character) == "Cc" for character in page if character != "\n")
        assert page == page.strip()
