"""The leaf of cards: names, labels, which entries win, and joining bibliographies to documents."""

from __future__ import annotations

import json

import pytest

from titans_cli.cards import (
    ENTRY,
    HEADING,
    LISTING,
    Card,
    Entry,
    bibliographies,
    filled,
    folded,
    given,
    joined,
    label,
    listed,
    short_title,
    surname,
)


@pytest.mark.parametrize(
    ("name", "family", "first"),
    [
        ("Bryan W. Weber", "Weber", "Bryan W."),
        ("Bert de Vries", "de Vries", "Bert"),
        ("Samuel von Baussnern", "von Baussnern", "Samuel"),
        ("Weber, Bryan", "Weber", "Bryan"),
        ("John Smith Jr.", "Smith", "John"),
        ("Plato", "Plato", ""),
    ],
)
def test_the_family_name_has_its_small_words(name: str, family: str, first: str) -> None:
    assert surname(name) == family
    assert given(name).removesuffix(" Jr.").split(" Smith")[0] == first


def card(title: str, *authors: str, date: str = "2019-04-05", doi: str = "") -> Card:
    entries = [Entry("title", title, "x"), *(Entry("author", a, "x") for a in authors), Entry("date", date, "x")]
    return filled([*entries, Entry("doi", doi, "x")])


def test_what_calls_its_title_one_is_known_by_it_and_a_note_by_its_file() -> None:
    def named(*entries: Entry) -> bool:
        return Card(entries).named

    assert named(Entry("title", "On mills", "front matter"))
    assert named(Entry("title", "On mills", "PDF metadata"), Entry("date", "2016", "front matter"))
    assert not named(Entry("title", "Meeting notes", HEADING))
    assert named(Entry("title", "On mills", HEADING), Entry("author", "Anna Kessler", "first page"))
    assert named(Entry("title", "On mills", HEADING), Entry("doi", "10.1/x", "first page"))
    assert not named(Entry("author", "Anna Kessler", "mail's headers"))


def test_a_label_is_what_a_reader_would_cite() -> None:
    assert label(card("treesiftr: a package", "A Wright"), "f.pdf") == "Wright 2019, treesiftr"
    assert label(card("Two of us", "A Wright", "B Ito"), "f.pdf") == "Wright and Ito 2019, Two of us"
    assert label(card("Many", "A Wright", "B Ito", "C Oda"), "f.pdf") == "Wright et al. 2019, Many"
    assert label(Card(), "f.pdf") == "f.pdf"
    assert short_title("A very long title without a colon in it") == "A very long title without a colon in it"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed([]) == ""


def test_a_field_is_taken_whole_from_the_most_trusted_that_has_it() -> None:
    first = [Entry("author", "A One", "metadata"), Entry("title", " ", "metadata")]
    second = [Entry("author", "B Two", "page"), Entry("author", "C Three", "page"), Entry("title", "T", "page")]
    made = filled(first, second)
    assert made.authors == ("A One",)
    assert made.title == "T"
    assert made.origin("title") == "page"
    assert made.year is None


def test_a_bibliography_fills_up_the_cards_of_what_it_lists() -> None:
    work = {"title": ["treesiftr: a package"], "author": ["April Wright"], "date": ["2019"], "doi": ["10.1/abc"]}
    by_file = {"title": ["Scanned"], "author": ["Q Quill"], "file": ["scan.pdf"]}
    rows = {3: [Entry(ENTRY, json.dumps(w), "bibliography") for w in (work, by_file)]}
    cards = {
        1: ("a.pdf", card("Treesiftr: A Package", date="2018")),
        2: ("b.pdf", card("Another")),
        3: ("refs.bib", filled(rows[3])),
        4: ("scan.pdf", Card()),
    }
    found = joined(cards, rows)
    assert found[1].authors == ("April Wright",)
    assert found[1].date == "2019"
    assert found[1].origin("author") == "bibliography refs.bib"
    assert found[2] == cards[2][1]
    assert (found[4].title, found[4].authors) == ("Scanned", ("Q Quill",))


@pytest.mark.parametrize(
    "text", ["A Plain Title: Part-2 (v1.0)", "", " -- ", "tabs\tand\nlines", "O'Neil & Sons_Ltd\x7f"]
)
def test_plain_text_is_folded_as_any_other(text: str) -> None:
    beyond_ascii = folded(f"{text} \u00e9")
    assert beyond_ascii == f"{folded(text)} e".strip()


def test_bibliographies_are_known_by_the_origin_of_what_is_taken_from_them() -> None:
    lists, other = Card((Entry(ENTRY, "{}", "file"),)), Card((Entry("title", "x", "file"),))
    works = {1: ("refs.bib", lists), 2: ("paper.pdf", other), 3: ("refs.bib", lists), 4: ("more.bib", lists)}
    assert bibliographies(works) == {f"{LISTING}refs.bib": [1, 3], f"{LISTING}more.bib": [4]}
