"""No text is lost without a word: for every way in which a file was read short, the file, and what must stay of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.readers.makers import docx, epub, paragraph, pptx, table, zipped
from tests.readers.test_documents import read_as
from titans_cli.readers.clean import mend_characters
from titans_cli.readers.encoding import decode
from titans_cli.readers.formats import FORMATS, reader_of, tables
from titans_cli.readers.parsed import ParsedDocument
from titans_cli.readers.scripts import subscript, superscript


def parsed(kind: str, data: str | bytes) -> ParsedDocument:
    """By the reader of this kind, in this process."""
    return reader_of(kind)(data.encode() if isinstance(data, str) else data)


def text(kind: str, data: str | bytes) -> str:
    return "\n\n".join(page.text for page in parsed(kind, data).pages)


# ---------------------------------------------------------------- Markdown


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("the load >= 9 t", "the load >= 9 t"),
        ("menu Edit -> Copy, then x => y, and 9 > 8 > 7", "menu Edit -> Copy, then x => y, and 9 > 8 > 7"),
        ("| gap |\n|---|\n| > 4 mm |", "> 4 mm"),
        ("- q > 0.1\n- r < 0.2", "q > 0.1"),
        ("> quoted p > q", "quoted p > q"),
        ("`a > b` and\n\n    indented > code", "indented > code"),
        ("the mark `<!--` begins it\n\nand more follows", "the mark <!-- begins it\n\nand more follows"),
        ("it began <!-- and never ended\n\nand more follows", "and more follows"),
        ("---\n\n# Gate\n\nIt holds.\n\n---\n\nTo the end.", "It holds.\n\nTo the end."),
        ("---\nIt: holds, and\n  - so: [\n---\nTo the end.", "holds"),
        ("---\ntitle: Gate\nauthor: Ann\n---\nText.", "title: Gate\nauthor: Ann\n\nText."),
        ("---\na: &x [1]\nb: *x\n---\nText.", "Text."),
        ("see <gate@orvane.example> or <https://x.example/a>", "see gate@orvane.example or https://x.example/a"),
        ("[09:15]: valve shut\n[09:20]: open", "[09:15]: valve shut"),
        ("[09:20]: open\n\nand on", "[09:20]: open"),
        ("[a]: http://one.example\n\nthe [gate][a]", "the gate"),
        ("caf&eacute; &amp; bar &copy;", "café & bar ©"),
        ("10<sup>8</sup> of CO<sub>2</sub>", "10^8 of CO_2"),
        ("a price of $a*b*c$ and $5 or $6", "$a*b*c$ and $5 or $6"),
        ("<details><summary>More</summary>\n\nInside *it*\n\n</details>", "More\n\nInside it"),
        ("> " * 300 + "at the bottom", "at the bottom"),
        ("```\nx = [\n    1,\n]\n```", "x = [\n    1,\n]"),
        ("7. seven\n8. eight", "7. seven\n8. eight"),
        ("| a | b |\n|---|---|\n| 1 | 2 | beyond | both |\n| 3 |", "1 | 2 | beyond | both"),
        ("> a | b\n> ---|---\n> 1 | 2 | beyond", "1 | 2 | beyond"),
        ("---\na: 1\na: 2 # so\n---\nText.", "a: 1\na: 2 # so"),
    ],
)
def test_markdown_keeps_every_word_and_sign(source: str, kept: str) -> None:
    assert kept in text("md", source)


# ---------------------------------------------------------------- HTML


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("<!DOCTYPE html><html><head><title>Log</title><body><p>One.<p>Two.", "One.\n\nTwo."),
        ("<nav><a href=/>Home</a><p>It holds <a href=x>nine</a> gates.</p><p>More.", "It holds nine gates.\n\nMore."),
        ("<h2><button>Who built it?</button></h2><div>Ann did.</div>", "Who built it?\n\nAnn did."),
        ("<div hidden=until-found>Found at last.</div>", "Found at last."),
        ("<blockquote>So be it.<footer>Ann, 1998</footer></blockquote>", "Ann, 1998"),
        ("<article>Text.<footer>By Ann Rook</footer></article>", "By Ann Rook"),
        ("<footer>Printed by Orvane, <a href=x>Norhavn</a></footer>", "Printed by Orvane, Norhavn"),
        ("<noscript><p>Without scripts.</p></noscript>", "Without scripts."),
        ("<object data=x><p>In its place.</p></object>", "In its place."),
        ("<title>Never closed<p>One.<p>Two.", "One.\n\nTwo."),
        ("<p>One.<!-- never closed <p>Two.", "Two."),
        ("<?xml version='1.0'?><html><head><title/><script src='x'/></head><body><p/>One.</body></html>", "One."),
        ("<html xmlns='http://www.w3.org/1999/xhtml'><body><p><![CDATA[a < b]]></p></body></html>", "a < b"),
        ("<ol start=3><li>three<li>four</ol>", "3. three\n4. four"),
        ("<p>3 &times; 10<sup>8</sup> and SO<sub>4</sub><sup>2-</sup>", "3 × 10^8 and SO_4^2-"),
        ("<p>It held<sup><a href=#n1>1</a></sup> well.<sup>2</sup>", "It held[1] well.[2]"),
        ("<p>the 21<sup>st</sup> of May", "the 21st of May"),
        ("<ruby>港<rt>みなと</rt></ruby>", "港(みなと)"),
        ("<img src=x alt='A gate at sea'>", "A gate at sea"),
        ("<svg><title>icon</title><g><text>Depth in m</text></g></svg>", "Depth in m"),
        ("<input value='42 litres'>", "42 litres"),
        ("<pre>if x:\n    y</pre>", "if x:\n    y"),
        ("<math><mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mn>2</mn></mfrac></math>", "(a+b)/2"),
        ("<math><msup><mi>x</mi><mrow><mi>n</mi><mo>+</mo><mn>1</mn></mrow></msup></math>", "x^(n+1)"),
        ("<math><msubsup><mo>∑</mo><mi>i</mi><mi>n</mi></msubsup></math>", "∑_i^n"),
    ],
)
def test_html_keeps_what_its_reader_would_see(source: str, kept: str) -> None:
    assert kept in text("html", source)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("<script>x()</script>", "script"),
        ("<style>p {}</style>", "style sheet"),
        ("<!-- note to Ann -->", "comment"),
        ("<nav><ul><li><a href=/>Home</a></ul></nav>", "navigation link"),
        ("<p hidden>secret</p>", "hidden element"),
        ("<select><option>one</select>", "form choice"),
        ("<iframe>words</iframe>", "embedded page"),
        ("<img src=x>", "picture"),
        ("<a href=https://x.example/b>here</a>", "link target"),
        ("<template><p>words</p></template>", "template"),
    ],
)
def test_what_html_leaves_out_is_counted(source: str, kind: str) -> None:
    assert dict(parsed("html", f"<p>Words.</p>{source}").omissions)[kind] == 1


TAGS = "p div nav footer ul li a b table tr td h1 button pre sup script style title select option svg math".split()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(["<{}>", "</{}>", "<{} hidden>", "<!--{}", "-->"]), st.sampled_from(TAGS))))
def test_whatever_the_tags_no_word_is_lost_without_its_count(pieces: list[tuple[str, str]]) -> None:
    source = "".join(f"{form.format(tag)} word{i} " for i, (form, tag) in enumerate(pieces))
    page = parsed("html", source)
    told = f"{page.title} {page.pages[0].text}"
    missing = [i for i in range(len(pieces)) if f"word{i}" not in told]
    assert not missing or page.omissions


# ---------------------------------------------------------------- mail

HEAD = "From: Ann <ann@orvane.example>\nSubject: Gates\nX-Mailer: Pine\n"


def mail(kind: str, *parts: str) -> str:
    return f"{HEAD}Content-Type: multipart/{kind}; boundary=b1\n\n--b1\n" + "\n--b1\n".join(parts) + "\n--b1--\n"


def part(kind: str, words: str, *fields: str) -> str:
    return "\n".join([f"Content-Type: {kind}", *fields, "", words])


PAGE = part("text/html; charset=utf-8", "<p>The gate weighs 9 t.</p>")


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        (mail("mixed", PAGE, part("text/plain", "-- \nThe list")), ["The gate weighs 9 t.", "The list"]),
        (mail("alternative", part("text/plain", "Use another program."), PAGE), ["The gate weighs 9 t."]),
        (mail("alternative", part("text/plain", "The gate."), part("text/html", "<img src=x>")), ["The gate."]),
        (mail("mixed", part('text/plain; name="gate.txt"', "Named body.")), ["Named body."]),
        (mail("mixed", part("text/plain", "In it.", 'Content-Disposition: inline; filename="g.txt"')), ["In it."]),
        (mail("mixed", part("text/markdown", "*Marked* gate")), ["Marked gate"]),
        (
            mail("alternative", PAGE, part("text/calendar", "BEGIN:VEVENT\nSUMMARY:Gate\n  meeting\nEND:VEVENT")),
            ["The gate weighs 9 t.", "SUMMARY:Gate meeting"],
        ),
        (
            mail("report", PAGE, part("message/delivery-status", "Reporting-MTA: dns; x\n\nStatus: 5.1.1")),
            ["The gate weighs 9 t.", "Status: 5.1.1"],
        ),
        (mail("mixed", part("message/rfc822", f"Subject: Inner\n{PAGE}")), ["Subject: Inner", "The gate weighs 9 t."]),
        (f"{HEAD}Content-Type: multipart/mixed; boundary=nowhere\n\nThe gate weighs 9 t.\n", ["The gate weighs 9 t."]),
    ],
)
def test_mail_keeps_its_body_whatever_its_form(message: str, kept: list[str]) -> None:
    said = text("eml", message)
    assert all(words in said for words in kept)


def test_the_charset_of_mail_is_taken_as_browsers_take_it() -> None:
    body = "It costs 40 €, “gate” – at most".encode("cp1252")
    head = b"Subject: x\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n\n"
    assert "It costs 40 €, “gate” – at most" in text("eml", head + body)


def test_what_mail_leaves_out_is_counted() -> None:
    attached = part("application/pdf", "x", 'Content-Disposition: attachment; filename="plan.pdf"')
    stub = part("text/plain", "Please use another program.")
    message = parsed(
        "eml",
        mail(
            "mixed", f"Content-Type: multipart/alternative; boundary=b2\n\n--b2\n{stub}\n--b2\n{PAGE}\n--b2--", attached
        ),
    )
    assert message.omissions == (("alternative text", 1), ("attachment", 1), ("header field", 1))
    assert "Attachment: plan.pdf" in message.pages[0].text


def test_a_sentence_that_starts_with_from_is_no_new_message() -> None:
    box = (
        "From a@x Mon Apr  5 10:00:00 2021\nSubject: One\n\nFirst.\n\nFrom the start it held.\n\n"
        "From 9:30 on it leaked.\nMore.\nFrom b@x Tue Apr 06 10:00:00 +0000 2021\nSubject: Two\n\nSecond.\n"
    )
    pages = parsed("mbox", box).pages
    assert len(pages) == 2
    assert "From the start it held." in pages[0].text
    assert "From 9:30 on it leaked. More." in pages[0].text.replace("\n", " ")


# ---------------------------------------------------------------- encodings

GERMAN = "Die Schleuse wiegt über neun Tonnen, größer als früher – „schwer“. "


@pytest.mark.parametrize(
    ("data", "declared", "expected", "said"),
    [
        (GERMAN.encode() + b"\x92 end", None, f"{GERMAN}\ufffd end", "1 place is no valid UTF-8"),
        (GERMAN.encode()[:-3], None, GERMAN[:-3] + "\ufffd", "no valid UTF-8"),
        (GERMAN.encode(), "iso-8859-1", GERMAN, ""),
        (GERMAN.encode("cp1252"), "latin1", GERMAN, ""),
        ("①港の門".encode("cp932"), "shift_jis", "①港の門", ""),
        ("港口的闸门€".encode("gb18030"), "gb2312", "港口的闸门€", ""),
        (b"Plain words " * 30 + b"cost 40 \x80", None, "Plain words " * 30 + "cost 40 €", "read as cp1252"),
        ("Güçlü bir kapı çalışıyor, şimdi ağır. ".encode("cp1254") * 3, "x-unknown", None, "not UTF-8"),
        ("The gate is wide".encode("utf-16-le"), None, "The gate is wide", "utf-16-le"),
        ("Ã¼ber die grÃ¶ÃŸe".encode(), None, "über die größe", "1 line mended"),
        (f"{GERMAN}\n{GERMAN}\nshown as Ã¶".encode(), None, f"{GERMAN}\n{GERMAN}\nshown as Ã¶", "may be garbled"),
    ],
)
def test_an_encoding_is_taken_for_what_it_is_and_doubts_are_said(
    data: bytes, declared: str | None, expected: str | None, said: str
) -> None:
    words, warnings = decode(data, "a.txt", declared=declared)
    assert expected is None or words == expected
    assert said in " ".join(warnings)
    assert bool(warnings) == bool(said)


def test_a_lone_nul_and_a_hole_of_them_cost_nothing(tmp_path: Path) -> None:
    log = b"pump at 412\n" * 300
    assert read_as(tmp_path, "a.log", log + b"\0" + log).pages[0].text.count("pump at 412") == 600
    assert read_as(tmp_path, "b.log", log + b"\0" * 9000 + log).pages[0].text.count("pump at 412") == 600


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("\x1b[1;31mred\x1b[0m alert", "red alert"),
        ("\x1b]0;title\x07prompt", "prompt"),
        ("N\bNA\bAM\bME\bE", "NAME"),
        ("_\bu_\bn_\bd", "und"),
        ("u\b_n\b_", "un"),
    ],
)
def test_what_a_terminal_shows_is_plain_text(raw: str, clean: str) -> None:
    assert mend_characters(raw) == clean


# ---------------------------------------------------------------- tables


def test_a_quotation_mark_that_closes_nothing_costs_no_row() -> None:
    rows = 'name\tsize\tnote\npipe\t"5\tx\nrod\t7\ty\nnail\t"6\tz\npin\t8" long\tq\n"two\nlines"\t1\tw\n'
    page = parsed("csv", rows)
    assert [p.text for p in page.pages] == [
        'name: pipe; size: "5; note: x',
        "name: rod; size: 7; note: y",
        'name: nail; size: "6; note: z',
        'name: pin; size: 8" long; note: q',
        "name: two lines; size: 1; note: w",
    ]
    assert len(page.warnings) == 1


def test_a_mark_in_one_row_and_one_in_another_are_no_pair() -> None:
    assert len(parsed("csv", 'a\tb\tc\n1\t2\t3\n"4\t5\t6\n7\t8\t9\n"\t1\t2\n').pages) == 4


def test_a_table_keeps_every_column_and_cell() -> None:
    names, cells = ",".join(f"c{i}" for i in range(2500)), ",".join(f"v{i}" for i in range(2500))
    said = text("csv", f"{names}\n{cells}\n{cells},over\n")
    assert "c2499: v2499" in said
    assert said.endswith("; over")


def test_json_has_a_page_for_every_entry() -> None:
    value = {"title": "Gates", "items": [{"id": 1, "at": {"sea": "north"}}, {"id": 2}]}
    assert [p.text for p in parsed("json", json.dumps(value)).pages] == [
        "title: Gates",
        "items.id: 1; items.at.sea: north\nitems.id: 2",
    ]
    assert [p.number for p in parsed("json", '{"a": 1}\n{"a": 2}\n').pages] == [1, 2]
    assert text("json", '[{"a": 1, "b": 2, "a": 3}]') == "a: 1\nb: 2\na: 3"


# ---------------------------------------------------------------- office

REFERENCE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def relations(*links: tuple[str, str]) -> str:
    inside = "".join(f'<Relationship Id="r{i}" Type="{REFERENCE}/{k}" Target="{t}"/>' for i, (k, t) in enumerate(links))
    return (
        f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{inside}</Relationships>'
    )


@pytest.mark.parametrize("wrapper", ['w:fldSimple w:instr="SUM"', "w:smartTag", "w:customXml", "w:sdt><w:sdtContent"])
def test_a_word_document_keeps_what_stands_in_fields(wrapper: str) -> None:
    names = [name.split()[0] for name in wrapper.split("><")]
    closed = "".join(f"</{name}>" for name in reversed(names))
    body = f"<w:p><w:r><w:t>In all </w:t></w:r><{wrapper}><w:r><w:t>39 gates</w:t></w:r>{closed}</w:p>"
    assert text("docx", docx(body)) == "In all 39 gates"


def test_a_word_document_keeps_its_headers_footers_and_comments() -> None:
    marked = '<w:p><w:r><w:t>The body.</w:t></w:r><w:r><w:commentReference w:id="1"/></w:r></w:p>'
    comment = f'<w:comment w:id="1" w:author="Ann" w:initials="A">{paragraph("Is that so?")}</w:comment>'
    links = [("header", "h1.xml"), ("header", "h2.xml"), ("footer", "f1.xml"), ("comments", "comments.xml")]
    parts = {
        "word/_rels/document.xml.rels": relations(*links),
        "word/h1.xml": f"<w:hdr {W}>{paragraph('Contract 2291')}</w:hdr>",
        "word/h2.xml": f"<w:hdr {W}>{paragraph('Contract 2291')}</w:hdr>",
        "word/f1.xml": f"<w:ftr {W}>{paragraph('Valid until May')}</w:ftr>",
        "word/comments.xml": f"<w:comments {W}>{comment}</w:comments>",
    }
    said = text("docx", docx(marked, parts=parts))
    assert said.startswith("Contract 2291\n\nThe body.")
    assert said.count("Contract 2291") == 1
    assert "Valid until May" in said
    assert "Is that so?" in said


def test_a_word_document_is_known_whatever_its_main_part_is_called(tmp_path: Path) -> None:
    parts = {
        "_rels/.rels": relations(("officeDocument", "word/document2.xml")),
        "word/document2.xml": f"<w:document {W}><w:body>{paragraph('Under another name.')}</w:body></w:document>",
    }
    document = read_as(tmp_path, "a.docx", docx("", parts=parts))
    assert (document.kind, document.pages[0].text) == ("docx", "Under another name.")


def test_a_word_document_counts_what_it_leaves_out() -> None:
    deleted = "<w:del><w:r><w:delText>not </w:delText></w:r></w:del>"
    raised = '<w:r><w:rPr><w:vertAlign w:val="superscript"/></w:rPr><w:t>8</w:t></w:r>'
    body = f"<w:p>{deleted}<w:r><w:t>10</w:t></w:r>{raised}</w:p>"
    found = parsed("docx", docx(body, parts={"word/charts/chart1.xml": "<c/>", "word/embeddings/a.bin": b"x"}))
    assert found.pages[0].text == "10^8"
    assert found.omissions == (("chart", 1), ("deleted passage", 1), ("embedded file", 1))


def test_slides_are_read_in_their_order_with_tables_and_notes(tmp_path: Path) -> None:
    document = read_as(tmp_path, "s.pptx", pptx(["Second shown", "First shown"], order=[2, 1], notes="Say it slowly"))
    assert document.kind == "pptx"
    assert [(p.number, p.text.split("\n\n")[0]) for p in document.pages] == [(1, "First shown"), (2, "Second shown")]
    assert "a | 10^8" in document.pages[0].text
    assert "Notes: Say it slowly" in document.pages[0].text
    assert document.omissions == (("picture", 1),)


# ---------------------------------------------------------------- books and notebooks


def test_a_book_reads_every_form_of_text_and_numbers_its_parts_as_the_spine_does() -> None:
    kinds = ["application/x-dtbook+xml", "application/xhtml+xml", "image/svg+xml", "image/jpeg", "text/x-oeb1-document"]
    items = "".join(f'<item id="i{n}" href="{n}.x" media-type="{kind}"/>' for n, kind in enumerate(kinds))
    spine = "".join(f'<itemref idref="i{n}"/>' for n in range(len(kinds)))
    book = zipped(
        {
            "META-INF/container.xml": '<c><rootfile full-path="b.opf"/></c>',
            "b.opf": f"<package><manifest>{items}</manifest><spine>{spine}</spine></package>",
            "0.x": "<dtbook><level1><h1>One</h1><p>Of a book for the ear.</p></level1></dtbook>",
            "1.x": "<html><body><p>Two.</p></body></html>",
            "2.x": '<svg xmlns="http://www.w3.org/2000/svg"><text>Three.</text></svg>',
            "3.x": b"\xff\xd8",
            "4.x": "<html><body><p>Five.</p></body></html>",
        }
    )
    found = parsed("epub", book)
    assert [(p.number, p.text) for p in found.pages] == [
        (1, "One\n\nOf a book for the ear."),
        (2, "Two."),
        (3, "Three."),
        (5, "Five."),
    ]
    assert found.omissions == (("part", 1), ("picture", 1))
    assert "part 4: skipped" in found.warnings[0]


def test_a_bad_byte_in_a_book_is_marked_and_said() -> None:
    chapter = "<p>The “gate” – 412".encode() + b"\x92 litres</p>"
    found = parsed("epub", epub(["<p>x</p>"], parts={"OPS/c 0.xhtml": chapter}))
    assert found.pages[0].text == "The “gate” – 412\ufffd litres"
    assert "part 1" in found.warnings[0]


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        ({"text/html": "<table><tr><td>9</td><td>t</td></tr></table>"}, "9 | t"),
        ({"text/markdown": "*nine* tons"}, "nine tons"),
        ({"application/json": {"load": 9}}, "load: 9"),
        ({"text/latex": "$x^2$", "text/plain": "<IPython.core.display.Math object>"}, "$x^2$"),
        ({"text/plain": "\x1b[31mnine\x1b[0m"}, "nine"),
    ],
)
def test_a_notebook_keeps_outputs_of_every_form(data: dict[str, object], kept: str) -> None:
    cell = {"cell_type": "code", "source": "f()", "outputs": [{"output_type": "display_data", "data": data}]}
    assert text("ipynb", json.dumps({"cells": [cell]})) == f"f()\n\n{kept}"


def test_markdown_in_a_notebook_keeps_its_signs() -> None:
    cell = {"cell_type": "markdown", "source": "if p > 0.05 and n >= 30"}
    assert text("ipynb", json.dumps({"cells": [cell]})) == "if p > 0.05 and n >= 30"


# ---------------------------------------------------------------- LaTeX and reStructuredText


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        (r"see \url{https://x.example/a%20b~c} for 9 tons", "see https://x.example/a%20b~c for 9 tons"),
        (r"it is \verb|40%| worn in March", "it is 40% worn in March"),
        (r"by \href{https://x.example/S%C3%B6}{Ann} at 9 tons", "by Ann at 9 tons"),
        (r"\lstinline!a % b! stays", "a % b stays"),
        (r"\SI{42}{\metre} deep", "42 m deep"),
        (r"\qty{9.8}{\kilo\metre\per\second\squared}", "9.8 km/s^2"),
        (r"\SIrange{1}{5}{\bar}", "1 to 5 bar"),
        (r"$10^{8}$, $x^{n+1}$, H$_{2}$O, $\frac{a+b}{2}$, $\frac12$", "10^8, x^(n+1), H_2O, (a+b)/2, 1/2"),
        (r"10\textsuperscript{-3} of CO\textsubscript{2} at 20$^\circ$", "10^-3 of CO_2 at 20°"),
        (r"\author{Ann \and Bo}\begin{document}Text.\end{document}", "Ann, Bo\n\nText."),
    ],
)
def test_latex_keeps_the_line_behind_a_percent_sign_and_its_units(source: str, kept: str) -> None:
    assert kept in text("tex", source)


def test_latex_counts_what_it_leaves_out() -> None:
    source = "Seen~\\cite{a} in \\ref{b}. % check this\n\\includegraphics{x}"
    assert parsed("tex", source).omissions == (("citation", 1), ("comment", 1), ("cross-reference", 1), ("picture", 1))


def test_restructured_text_keeps_what_it_cannot_parse_and_counts_what_it_leaves_out() -> None:
    broken = "=====  =====\na b\n=====  =====\nmore words than the columns allow\n=====  =====\n"
    found = parsed("rst", f"10\\ :sup:`8` and H\\ :sub:`2`\\ O\n\n{broken}\n.. to do: ask Ann\n\n4. four\n5. five\n")
    said = found.pages[0].text
    assert said.startswith("10^8 and H_2O")
    assert "more words than the columns allow" in said
    assert said.endswith("4. four\n5. five")
    assert found.omissions == (("comment", 1),)


# ---------------------------------------------------------------- scripts, formats


@pytest.mark.parametrize(
    ("before", "above", "written"),
    [
        ("10", "8", "^8"),
        ("x", "n + 1", "^(n + 1)"),
        ("1", "st", "st"),
        ("end.", "3", "[3]"),
        (" ", "1", "1"),
        ("a", " ", ""),
    ],
)
def test_a_superscript_is_written_by_one_rule(before: str, above: str, written: str) -> None:
    assert superscript(before, above) == written


def test_a_subscript_follows_an_underscore() -> None:
    assert subscript("CO", "2") == "_2"
    assert subscript("a", "i, j") == "_(i, j)"


def test_the_documentation_shows_the_table_of_formats() -> None:
    page = (Path(__file__).parents[2] / "docs" / "inputs.md").read_text(encoding="utf-8")
    formats, left_out = tables().split("\n\n", 1)
    assert formats in page
    assert left_out.strip() in page


def test_every_suffix_and_media_type_is_one_formats() -> None:
    for what in ("suffixes", "media_types"):
        names = [name for each in FORMATS.values() for name in getattr(each, what)]
        assert len(names) == len(set(names))
    assert all(suffix.startswith(".") and suffix == suffix.lower() for f in FORMATS.values() for suffix in f.suffixes)


def test_a_table_of_a_word_document_has_a_line_for_every_row() -> None:
    assert text("docx", docx(table(("a", "b"), ("1", "2")))) == "a | b\n\n1 | 2"


def test_what_tex_switches_off_is_counted_and_its_else_stays() -> None:
    body = b"Seen. \\iffalse hidden words \\else shown words \\fi And \\iffalse gone \\fi on."
    found = reader_of("tex")(b"\\begin{document}" + body + b"\\end{document}")
    text = " ".join(found.pages[0].text.split())
    assert text == "Seen. shown words And on."
    assert ("comment", 2) in found.omissions
