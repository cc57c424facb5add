"""What places on a page decide, and what a PDF holds beside its text: the same with either library."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter

from tests.pdfmaker import PageSpec, build_pdf, make_pdf, placed_page, scanned_page, text_page
from titans_cli.errors import NoTextError
from titans_cli.readers import Limits
from titans_cli.readers.isolate import parse_pdf
from titans_cli.readers.parsed import ParsedDocument
from titans_cli.readers.undecoded import TOO_MUCH, undecoded

PROSE = "The harbour keeps its pumps in a shed behind the boathouse, and every spring they are cleaned."
LEFT = [
    "Every spring the pumps of the",
    "harbour are taken apart, washed",
    "and oiled, which takes a week",
    "of four men.",
]
RIGHT = [
    "Seals are the part that wears",
    "first, and the books of the past",
    "ten years say that each one of",
    "them lasts two.",
]

pytestmark = pytest.mark.usefixtures("library")


@pytest.fixture(params=["auto", "pypdf"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TITANS_PDF", request.param)
    return str(request.param)


def parsed(*pages: PageSpec) -> ParsedDocument:
    return parse_pdf(build_pdf(pages), "a.pdf", Limits())


def text_of(*pages: PageSpec) -> str:
    return parsed(*pages).pages[0].text


# ---------------------------------------------------------------- scripts


@pytest.mark.parametrize(
    ("base", "shift", "script", "after", "text"),
    [
        ("holds 3 x 10", 4, "8", " litres", "holds 3 x 10^8 litres"),
        ("about 10", 4, "-3", " of it", "about 10^-3 of it"),
        ("vents CO", -2, "2", ", and more", "vents CO_2, and more"),
        ("where x", -1.5, "i", " is set", "where x_i is set"),
        ("as Rook said.", 4, "12", " Then it rained", "as Rook said.[12] Then it rained"),
        ("a note", 4, "*", " below", "a note* below"),
        ("on the 21", 4, "st", " of May", "on the 21st of May"),
        ("R", 4, "N+1", " is full", "R^(N+1) is full"),
    ],
)
def test_scripts_are_marked(base: str, shift: float, script: str, after: str, text: str) -> None:
    moves = b"(%s) Tj %g Ts /F1 7 Tf (%s) Tj 0 Ts /F1 11 Tf (%s) Tj" % (
        base.encode(),
        shift,
        script.encode(),
        after.encode(),
    )
    assert text_of(PageSpec(b"BT /F1 11 Tf 72 700 Td " + moves + b" ET")) == text


def test_small_type_on_the_line_and_a_raised_line_of_its_own_are_no_scripts() -> None:
    page = placed_page([(72, 700, 11, "In"), (84, 700, 7, "small"), (72, 686, 11, "Below"), (300, 704, 7, "far away")])
    assert "^" not in text_of(page)
    assert "_" not in text_of(page)


def test_text_turned_on_its_side_is_read_as_it_runs() -> None:
    turned = b"BT /F1 11 Tf 0 1 -1 0 %d 100 Tm (%s) Tj ET\n"
    lines = [b"The harbour keeps its pumps in a", b"shed behind the boathouse."]
    page = PageSpec(b"".join(turned % (100 + 14 * i, line) for i, line in enumerate(lines)))
    assert " ".join(text_of(page).split()) == b" ".join(lines).decode()


# ---------------------------------------------------------------- columns


def rows_of(left: Sequence[str], right: Sequence[str], x: float = 330) -> list[tuple[float, float, float, str]]:
    """Both columns, drawn row by row."""
    items = []
    for i, (a, b) in enumerate(zip(left, right, strict=True)):
        items += [(72.0, 700.0 - 14 * i, 11.0, a), (x, 700.0 - 14 * i, 11.0, b)]
    return items


@pytest.mark.parametrize("gutter", [250, 330])
def test_columns_drawn_row_by_row_are_read_one_after_the_other(gutter: float) -> None:
    head = [(72.0, 760.0, 16.0, "On pumps and seals")]
    text = text_of(placed_page(head + rows_of(LEFT, RIGHT, gutter)))
    assert " ".join(text.split()) == " ".join(("On pumps and seals", *LEFT, *RIGHT))


def test_a_table_stays_in_rows() -> None:
    left, right = (
        ["Orvane pump", "Norhavn pump", "Harbour pump", "Boathouse pump"],
        ["412 litres", "77 litres", "9", "30"],
    )
    text = text_of(placed_page(rows_of(left, right)))
    flat = " ".join(text.split())
    assert flat == " ".join(f"{a} {b}" for a, b in zip(left, right, strict=True))


def test_a_table_of_sentences_stays_in_rows() -> None:
    left = ["Name of the pump that was seen", "Height above the water line", "Weight without any of the oil"]
    right = ["Orvane the second of the row", "Seven and a half metres or so", "Ninety and nine kilogrammes"]
    flat = " ".join(text_of(placed_page(rows_of(left, right))).split())
    assert flat == " ".join(f"{a} {b}" for a, b in zip(left, right, strict=True))


# ---------------------------------------------------------------- what stands apart


def test_a_heading_of_another_size_is_a_paragraph_of_its_own() -> None:
    page = placed_page([(72, 700, 14, "Pumps of the harbour"), (72, 683, 11, "They are kept in a shed near it.")])
    assert text_of(page) == "Pumps of the harbour\n\nThey are kept in a shed near it."


def test_a_gap_ends_a_paragraph_unless_a_sentence_goes_on_below_it() -> None:
    lines = [
        (72.0, 728.0, 11.0, "The books of the harbour, which go"),
        (72.0, 714.0, 11.0, "back a hundred years, say of the pump"),
    ]
    ended = placed_page([*lines, (72, 700, 11, "that it is old."), (72, 660, 11, "Seals wear first.")])
    assert text_of(ended).endswith("that it is old.\n\nSeals wear first.")
    going_on = placed_page([*lines, (72, 700, 11, "that it moves as many as"), (72, 660, 11, "ninety litres.")])
    assert text_of(going_on).endswith("that it moves as many as ninety litres.")


# ---------------------------------------------------------------- forms, comments, attachments


def widget(name: bytes, value: bytes, more: bytes = b"") -> bytes:
    return b"<< /Type /Annot /Subtype /Widget /Rect [9 9 99 20] /FT /Tx /T (%s) /V %s %s >>" % (name, value, more)


def note(text: bytes, kind: bytes = b"Text", more: bytes = b"") -> bytes:
    return b"<< /Type /Annot /Subtype /%s /Rect [9 9 99 20] /Contents (%s) %s >>" % (kind, text, more)


def test_filled_fields_and_comments_are_read_with_their_page() -> None:
    listed = (
        widget(b"pump", b"(Orvane)"),
        widget(b"flow", b"(412)", b"/TU (Flow in litres)"),
        widget(b"sealed", b"/Yes"),
        widget(b"oiled", b"/Off"),
        widget(b"colours", b"[(red) (blue)]"),
        note(b"Replace by March"),
        note(b"shed"),  # a word of the page and a comment all the same
        note(b"Typed on the page", b"FreeText"),
        note(b"See the shed", b"Link"),
        note(b"The harbour keeps its pumps", b"Highlight"),  # what is marked stands on the page
    )
    document = parsed(text_page("First."), placed_page([(72, 700, 11, PROSE)], annotations=listed))
    lines = document.pages[1].text.split("\n\n")
    assert lines[0] == PROSE
    assert lines[1:] == [
        "pump: Orvane",
        "Flow in litres: 412",
        "sealed: Yes",
        "colours: red, blue",
        "Replace by March",
        "shed",
        "Typed on the page",
    ]
    assert document.pages[0].text == "First."


def test_what_is_hidden_is_counted() -> None:
    page = placed_page([(72, 700, 11, PROSE)], annotations=(note(b"Not for you", b"Text", b"/F 2"),))
    assert parsed(page).omissions == (("hidden field or comment", 1),)


def test_a_form_without_any_other_text_is_a_document() -> None:
    assert text_of(PageSpec(b"", annotations=(widget(b"pump", b"(Orvane)"),))) == "pump: Orvane"


def test_attachments_are_named_and_counted() -> None:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(make_pdf([PROSE]))))
    writer.add_attachment("pumps.csv", b"a,b")
    writer.add_attachment("seals.txt", b"text")
    out = io.BytesIO()
    writer.write(out)
    document = parse_pdf(out.getvalue(), "a.pdf", Limits())
    assert document.pages[0].text == PROSE
    assert document.omissions == (("attachment", 2),)
    assert "pumps.csv, seals.txt" in document.warnings[0]


@pytest.mark.parametrize(
    "annotation",
    [
        b"null",
        b"99 0 R",
        b"<< >>",
        b"(x)",
        b"<< /Subtype /Widget /Parent 5 0 R /V 99 0 R >>",
        b"<< /Subtype /Text /Contents 7 >>",
    ],
)
def test_an_annotation_that_makes_no_sense_costs_nothing(annotation: bytes) -> None:
    assert text_of(placed_page([(72, 700, 11, PROSE)], annotations=(annotation,))) == PROSE


# ---------------------------------------------------------------- undecoded

TYPE3 = (
    b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 10 10] /FontMatrix [0.1 0 0 0.1 0 0] /FirstChar 97 /LastChar 102"
    b" /Widths [10 10 10 10 10 10] /CharProcs << >> /Encoding << /Differences [97 /c0 /c1 /c2 /c3 /c4 /c5] >> >>"
)


def test_a_page_of_glyphs_without_letters_is_told_of_and_names_of_glyphs_are_no_text() -> None:
    nameless = placed_page([(72, 700, 11, "abc def fed")], font=TYPE3)
    document = parsed(text_page(PROSE), nameless)
    assert any("page 2: " in line and "cannot be decoded" in line and "OCR" in line for line in document.warnings)
    assert not any("/c" in page.text for page in document.pages)


def test_a_file_of_glyph_names_alone_is_refused_or_warned_of(library: str) -> None:
    """Pypdf gives names of glyphs, which are no text; PDFium the codes, which may be letters."""
    page = placed_page([(72, 700, 11, "abc def fed")], font=TYPE3)
    refused = pytest.raises(NoTextError, match=r"page 1: .* cannot be decoded.*ocrmypdf --force-ocr")
    with refused if library == "pypdf" else nullcontext():
        (warning, *_) = parsed(page).warnings
        assert "page 1: " in warning


def test_a_scanned_page_among_others_is_told_of() -> None:
    document = parsed(text_page(PROSE), scanned_page(), scanned_page())
    assert any(line.startswith("pages 2 to 3: an image and no text") for line in document.warnings)


def test_letters_that_are_others_are_undecoded_and_prose_tables_and_code_are_not() -> None:
    shifted = "".join(chr(ord(c) - 29) if c.isalpha() else c for c in PROSE * 4)
    assert undecoded(shifted) > TOO_MUCH
    for text in (
        PROSE * 4,
        Path(__file__).read_text()[:4000],
        "412 9.3 77 Orvane 0.1 " * 30,
    ):
        assert undecoded(text) <= TOO_MUCH
    assert undecoded(PROSE * 4, unmapped=1.0) <= TOO_MUCH  # it reads like a language
    assert undecoded("abc def", unmapped=1.0) > TOO_MUCH
    assert undecoded("(cid:3)(cid:17) (cid:4)") > TOO_MUCH
    assert undecoded("\ue001\ue002 \ue003 a") > TOO_MUCH
