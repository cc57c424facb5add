"""Catalogue cards: a PDF's look and metadata, what other formats state, lists of works."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.pdfmaker import PageSpec, build_pdf
from tests.readers.makers import docx, epub, paragraph
from titans_cli.cards import ENTRY, Card, Entry, filled, is_sound
from titans_cli.readers import read
from titans_cli.readers.cards.bibliography import works
from titans_cli.readers.cards.imprint import date_in, printed
from titans_cli.readers.cards.pdf import card as card_of_pdf
from titans_cli.readers.cards.pdf import xmp
from titans_cli.readers.cards.stated import stated
from titans_cli.records import Source

Piece = tuple[float, float, float, str]  # size, x, y, text


def page(pieces: Sequence[Piece]) -> PageSpec:
    shown = "".join(f"BT /F1 {size} Tf 1 0 0 1 {x} {y} Tm ({text}) Tj ET\n" for size, x, y, text in pieces)
    return PageSpec(shown.encode("latin-1"))


PAPER: list[Piece] = [
    (17, 72, 740, "Tidal Weirs: Forty Years of Measured"),
    (17, 72, 718, "Salinity in the Lower Estuary"),
    (12, 72, 690, "Mara Quillfeather"),
    (8, 178, 694, "1,2"),
    (12, 190, 690, ", Jonas van der Molen"),
    (8, 312, 694, "2"),
    (12, 318, 690, ", and Ines P. Ribeiro"),
    (8, 438, 694, "1"),
    (9, 72, 668, "1 Department of Hydrology, University of Ostwick 2 Institute for Tides, Ravnsund"),
    (10, 72, 630, "ABSTRACT"),
    (10, 72, 615, "We measured salinity at nine weirs with a conductivity probe every hour."),
    (8, 72, 40, "Quillfeather et al. Estuary Letters, 12(3), 45. https://doi.org/10.5555/el.2019.45"),
]


@pytest.fixture(params=["pypdf", "pdfium"])
def pdf(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Card]:
    """The card of a PDF of these pieces, read as ingest reads it, by either library."""
    if request.param == "pdfium":
        pytest.importorskip("pypdfium2")
    monkeypatch.setenv("TITANS_PDF", "pypdf" if request.param == "pypdf" else "auto")

    def read_it(pieces: Sequence[Piece], *, title: str | None = None, made: str | None = None) -> Card:
        path = tmp_path / "paper.pdf"
        path.write_bytes(build_pdf([page(pieces)], title=title, made=made))
        return read(Source(str(path), path.name)).card

    return read_it


def test_title_and_authors_are_told_by_their_type(pdf: Callable[..., Card]) -> None:
    card = pdf(PAPER)
    assert card.title == "Tidal Weirs: Forty Years of Measured Salinity in the Lower Estuary"
    assert card.authors == ("Mara Quillfeather", "Jonas van der Molen", "Ines P. Ribeiro")
    assert card.origin("author") == "first page, below the title"
    assert (card.venue, card.first("volume"), card.first("issue")) == ("Estuary Letters", "12", "3")
    assert card.doi == "10.5555/el.2019.45"


def test_a_title_in_the_metadata_is_believed_when_the_page_has_it(pdf: Callable[..., Card]) -> None:
    told = "Tidal Weirs: Forty Years of Measured Salinity in the Lower Estuary"
    assert pdf(PAPER, title=told).origin("title") == "PDF metadata"
    card = pdf(PAPER, title="Template for manuscripts of another society entirely")
    assert card.title == told
    assert card.origin("title") == "first page, largest type"


def test_names_that_go_on_in_the_next_line_are_one_name(pdf: Callable[..., Card]) -> None:
    pieces = [
        (17, 72, 740, "A Title That Reaches the Right Hand Edge"),
        (12, 72, 700, "Mara Quillfeather, Jonas van der Molen, Anna Lindqvist, and Ines"),
        (12, 72, 685, "Ribeiro"),
        (9, 72, 660, "University of Ostwick"),
    ]
    assert pdf(pieces).authors == ("Mara Quillfeather", "Jonas van der Molen", "Anna Lindqvist", "Ines Ribeiro")


def test_authors_side_by_side_above_their_addresses(pdf: Callable[..., Card]) -> None:
    pieces = [(17, 150, 740, "Reading Weirs at Scale")]
    for x, y, name, place in (
        (80, 700, "Mara Quill", "Ostwick Labs"),
        (250, 700, "Jonas Mol", "Ravnsund Brain"),
        (420, 700, "Ines Pereira", "Ostwick Labs"),
        (80, 650, "Anna Lindqvist", "Harbour Trust"),
    ):
        pieces += [(10, x, y, name), (10, x, y - 12, place), (9, x, y - 24, f"{name.split()[0].lower()}@x.org")]
    pieces += [
        (12, 260, 600, "Abstract"),
        (10, 72, 580, "We read every weir of the coast, and then we read them again."),
    ]
    assert pdf(pieces).authors == ("Mara Quill", "Jonas Mol", "Ines Pereira", "Anna Lindqvist")


def test_a_page_in_one_type_has_no_title_by_type(pdf: Callable[..., Card]) -> None:
    card = pdf([(10, 72, 740 - 14 * n, f"Line {n} of a weekly letter about the river") for n in range(6)])
    assert card.origin("title") != "first page, largest type"


def test_a_page_without_authors_has_none(pdf: Callable[..., Card]) -> None:
    card = pdf([(17, 72, 740, "Minutes of the Harbour Board"), (10, 72, 700, "The board met at nine and rose at ten.")])
    assert card.title == "Minutes of the Harbour Board"
    assert card.authors == ()


def test_a_printed_date_of_publication_comes_first(pdf: Callable[..., Card]) -> None:
    pieces = [*PAPER, (9, 400, 600, "Submitted: 22 September 2018"), (9, 400, 588, "Published: 24 October 2018")]
    assert pdf(pieces, made="D:20210101000000Z").date == "2018-10-24"


def tex_dated(head: str, made: str) -> Card:
    from titans_cli.readers.cards.layout import Layout, TypedLine

    lines = (TypedLine(740, 17, 72, ["Some Title of a Paper"]), TypedLine(30, 8, 72, [head]))
    return card_of_pdf({"CreationDate": made, "Producer": "pdfTeX-1.40.18"}, [], [Layout(842, lines)])


def test_a_volume_gives_its_year_to_papers_that_were_typeset_later() -> None:
    assert tex_dated("Proceedings of Harbours 1(1), 2019", "D:20200726").year == 2020
    assert tex_dated("Proceedings of Harbours 8(85), 2026", "D:20260226").year == 2026
    assert tex_dated("Proceedings of Harbours 7(7), 2025", "D:20240101").year == 2025
    assert tex_dated("no head at all", "D:20240102").date == "2024-01-02"


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("21 June 2018", "2018-06-21"),
        ("June 3rd, 2018", "2018-06-03"),
        ("Sept. 2018", "2018-09"),
        ("2018-06-21T10:00", "2018-06-21"),
        ("in 2018", "2018"),
        ("no date", None),
    ],
)
def test_dates(text: str, date: str | None) -> None:
    assert date_in(text) == date


def test_what_publishers_print() -> None:
    arxiv = printed(["arXiv:2501.00663v1 [cs.LG] 31 Dec 2024", "A Title"])
    assert arxiv.entries[:2] == (Entry("date", "2024-12-31", "first page"), Entry("venue", "arXiv", "first page"))
    assert arxiv.dated
    science = printed([], ["Replies C 5.1 (#2) – Larisch 2019"])
    assert filled(science.entries).venue == "Replies C"
    assert filled(science.entries).first("issue") == "1"
    licence = printed(["under a Creative Commons Attribution 4.0 International licence"], [])
    assert filled(licence.entries).venue is None
    cited = printed(["as was shown before, see doi:10.1000/own", "[1] https://doi.org/10.1000/other"], [])
    assert filled(cited.entries).doi == "10.1000/own"


def test_xmp() -> None:
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
        b' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/">'
        b"<rdf:Description><dc:title><rdf:Alt><rdf:li>On Weirs</rdf:li></rdf:Alt></dc:title><dc:creator><rdf:Seq>"
        b"<rdf:li>Mara Quill</rdf:li><rdf:li>Jonas Mol</rdf:li></rdf:Seq></dc:creator>"
        b"<prism:doi>10.5555/w.1</prism:doi>"
        b"<prism:publicationName>Estuary Letters</prism:publicationName></rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    card = filled(xmp(b"%PDF-1.7\n" + packet))
    assert (card.title, card.authors) == ("On Weirs", ("Mara Quill", "Jonas Mol"))
    assert (card.doi, card.venue) == ("10.5555/w.1", "Estuary Letters")
    assert xmp(b'<x:xmpmeta><!DOCTYPE a [<!ENTITY b "c">]></x:xmpmeta>') == []


_TEX = (
    r"\title{On {Weirs}} \author{Mara Quill \and Jonas Mol\\ Ostwick} \date{5 May 2019} \begin{document}x\end{document}"
)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (
            "html",
            b'<html lang="en"><head><meta name="citation_title" content="On Weirs">'
            b'<meta name="citation_author" content="Quill, Mara"><meta name="citation_author" content="Jonas Mol">'
            b'<meta name="citation_publication_date" content="2019/05/05"></head><body>x</body></html>',
        ),
        (
            "md",
            b"---\ntitle: On Weirs\nauthors:\n  - name: Mara Quill\n  - name: Jonas Mol\ndate: 2019-05-05\n---\nText",
        ),
        ("rst", b":Title: On Weirs\n:Author: Mara Quill, Jonas Mol\n:Date: 2019-05-05\n\nText"),
        ("txt", b"Title: On Weirs\nAuthors: Mara Quill; Jonas Mol\nDate: May 5, 2019\n\nText"),
        ("tex", _TEX.encode()),
        (
            "ipynb",
            b'{"metadata": {"title": "On Weirs", "authors": [{"name": "Mara Quill"}, {"name": "Jonas Mol"}],'
            b' "date": "2019-05-05"}, "cells": []}',
        ),
    ],
)
def test_what_formats_state(kind: str, data: bytes) -> None:
    card = filled(stated(kind, data))
    assert card.title == "On Weirs"
    assert card.authors == ("Mara Quill", "Jonas Mol")
    assert card.year == 2019


def test_mail_word_documents_and_books_state_a_card() -> None:
    mail = filled(
        stated("eml", b"From: Mara Quill <m@x.org>\nSubject: Weirs\nDate: Mon, 05 Apr 2021 10:00:00 +0000\n\nHi")
    )
    assert (mail.title, mail.authors, mail.date) == ("Weirs", ("Mara Quill",), "2021-04-05")
    word = filled(stated("docx", docx(paragraph("x"), title="On Weirs", created="2014-05-06T07:08:09Z")))
    assert (word.title, word.date) == ("On Weirs", "2014-05-06")
    book = filled(stated("epub", epub(["<p>x</p>"], date="1851-10-18")))
    assert book.date is None or book.date.startswith("1851")


def test_front_matter_that_would_grow_without_end_is_read_at_once() -> None:
    grown = ["a0: &a0 {k: v}"]
    grown += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 12)]
    nested = ["b0: &b0 [x, x]", *(f"b{n}: &b{n} [*b{n - 1}, *b{n - 1}]" for n in range(1, 40)), "authors: *b39"]
    text = "\n".join(["---", "title: Small", *grown, *nested, "---", "text"])
    card = filled(stated("md", text.encode()))
    assert (card.title, card.authors) == ("Small", ())


def test_a_sentence_is_no_field() -> None:
    assert stated("txt", b"Title: this line alone is a sentence of the text.\n\nMore.") == []
    assert stated("md", b"---\n[: not yaml\n---\ntext") == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("txt", '@article{q, title={On {W}eirs}, author = {Quill, Mara and M{\\"u}ller, J.}, year=2019, doi="10.5/x"}'),
        (
            "code",
            json.dumps(
                [
                    {
                        "title": "On Weirs",
                        "author": [{"given": "Mara", "family": "Quill"}, {"given": "J.", "family": "Müller"}],
                        "issued": {"date-parts": [[2019]]},
                        "DOI": "10.5/x",
                    }
                ]
            ),
        ),
        (
            "jsonl",
            json.dumps({"title": "On Weirs", "authors": ["Mara Quill", "J. Müller"], "year": "2019", "doi": "10.5/x"}),
        ),
    ],
)
def test_lists_of_works(kind: str, text: str) -> None:
    (entry,) = works(kind, text)
    assert entry.field == ENTRY
    work = json.loads(entry.value)
    assert work["title"] == ["On Weirs"]
    assert work["author"] == ["Mara Quill", "J. Müller"]
    assert work["date"] == ["2019"]
    assert work["doi"] == ["10.5/x"]


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "@article{", "@article{a, title = {never closed", "[" * 5000])
def test_what_is_no_list_of_works_is_none(text: str) -> None:
    for kind in ("txt", "code", "jsonl"):
        assert all(e.field == ENTRY for e in works(kind, text))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("works.json", '[{"title": "Weirs \\ud800", "author": "A\\ud800"}]'),
        ("a.md", '---\ntitle: "Weirs \\uD800"\nauthor: "A\\uDFFF"\n---\nThe weirs hold.\n'),
        ("works.json", '[{"title": "x", "issued": {"date-parts": [["²", 1e400, {}]]}, "author": [[], {}, 7]}]'),
        ("a.md", "---\ntitle: [[[\n---\nThe weirs hold.\n"),
    ],
)
def test_whatever_a_small_file_says_of_itself_can_be_kept(tmp_path: Path, name: str, text: str) -> None:
    (path := tmp_path / name).write_text(text, encoding="utf-8")
    document = read(Source(str(path), name))
    for entry in document.card.entries:
        entry.value.encode("utf-8")
        assert is_sound(entry)


@pytest.mark.parametrize(
    "text",
    [
        "x" + "\n" * 200_000 + "y",
        "@a{x,\n t={\n" * 50_000,
        "@a{x,\n t={" * 50_000 + "}" * 50_000,
        "@a{x," + " " * 200_000 + "!",
        "@a{" + " " * 200_000 + "!",
        '[{"title": "x", "author": "a' + " " * 200_000 + 'b"}]',
    ],
)
def test_text_made_to_take_long_takes_no_longer_than_other_text(text: str) -> None:
    """Each took the square of its length; 200,000 characters would be hours, and the suite would hang."""
    assert len(works("bib", text)) <= 1


def test_a_field_that_is_never_closed_costs_its_entry_alone() -> None:
    listed = works("bib", "@a{x, title={Weirs\n\n@b{y, title={Locks}}\n@c{z, title = {Sluices {and} gates}}\n")
    assert [json.loads(e.value)["title"] for e in listed] == [["Locks"], ["Sluices and gates"]]
