"""Text, Markdown and HTML; encodings; and every way such a file can be refused."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from titans_cli.errors import CorruptError, LimitError, NoTextError, ReadError, UnsupportedFormatError
from titans_cli.readers import Limits, read
from titans_cli.readers.encoding import declared_charset, decode
from titans_cli.readers.isolate import IsolatedParse
from titans_cli.readers.markdown import parse_markdown
from titans_cli.readers.parsed import totals
from titans_cli.readers.text import parse_text
from titans_cli.records import Document, Page, Source

WRAPPED = (
    "Notes on Memory\n\n"
    "The memory learns while it reads, and what it learned lives in the\n"
    "parameters of a small network. Nothing of it is kept unless somebody\n"
    "promotes the session.\n"
)


def read_as(folder: Path, name: str, data: bytes | str, limits: Limits | None = None) -> Document:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read(Source(str(path), name), limits or Limits())


# ---------------------------------------------------------------- plain text


@pytest.mark.parametrize("suffix", ["txt", "text", "log", "TXT"])
def test_hard_wrapped_text_becomes_paragraphs(tmp_path: Path, suffix: str) -> None:
    document = read_as(tmp_path, f"notes.{suffix}", WRAPPED)
    assert document.pages == (
        Page(
            1,
            "Notes on Memory\n\n"
            "The memory learns while it reads, and what it learned lives in the parameters of a small network. "
            "Nothing of it is kept unless somebody promotes the session.",
        ),
    )
    assert (document.kind, document.title) == ("txt", "Notes on Memory")


def test_lines_that_were_not_wrapped_stay_lines() -> None:
    log = "12:01 started\n12:02 read a very long file with a name that goes on\n12:03 done\n12:04 bye"
    assert parse_text(log)[1] == log


def test_prose_without_a_heading_has_no_title() -> None:
    assert parse_text("this goes on\nand on and on.\n")[0] is None
    assert parse_text("One sentence only.")[0] is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_is_read_whatever_its_form(tmp_path: Path, encoding: str) -> None:
    document = read_as(tmp_path, "a.txt", "Größe, naïveté, 記憶, and a full stop.".encode(encoding))
    assert (document.pages[0].text, document.warnings) == ("Größe, naïveté, 記憶, and a full stop.", ())


def test_a_guessed_encoding_is_named_in_a_warning(tmp_path: Path) -> None:
    text = "Über die Größe der Gedächtnisse: ein schöner Überblick für müde Köpfe, öffentlich und gründlich.\n" * 5
    document = read_as(tmp_path, "a.txt", text.encode("cp1252"))
    assert "schöner Überblick für müde Köpfe" in document.pages[0].text
    assert len(document.warnings) == 1
    assert "not UTF-8: read as" in document.warnings[0]


def test_a_broken_utf16_file_is_corrupt(tmp_path: Path) -> None:
    with pytest.raises(CorruptError, match="iconv"):
        read_as(tmp_path, "a.txt", b"\xff\xfea\x00b\x00\x00")


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04 a zip",
        b"\x89PNG\r\n\x1a\n",
        b"some\x00thing",
        bytes(range(1, 32)) * 20,
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    ],
)
def test_binary_data_called_txt_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(UnsupportedFormatError) as caught:
        read_as(tmp_path, "a.txt", data)
    assert caught.value.hint
    assert "Convert it" in str(caught.value.hint)


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html", "a.pdf"])
@pytest.mark.parametrize("data", [b"", b" \n\t\n"])
def test_an_empty_file_has_no_text(tmp_path: Path, name: str, data: bytes) -> None:
    with pytest.raises(NoTextError, match=name):
        read_as(tmp_path, name, data)


def test_only_invisible_characters_are_no_text(tmp_path: Path) -> None:
    with pytest.raises(NoTextError):
        read_as(tmp_path, "a.txt", "\u200b\u200b \ufeff\n")


def test_a_file_too_large_is_refused_before_it_is_read_in(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a sparse terabyte: reading it would show
    with pytest.raises(LimitError, match="larger than 512 MiB"):
        read(Source(str(path), "a.txt"))


def test_a_long_single_line_is_fine_up_to_the_limit(tmp_path: Path) -> None:
    assert len(read_as(tmp_path, "a.txt", "x" * 3_000_000).pages[0].text) == 3_000_000
    with pytest.raises(LimitError, match="characters of text"):
        read_as(tmp_path, "a.txt", "x" * 1001, Limits(max_text_chars=1000))


def test_what_the_operating_system_refuses_is_said_plainly(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    for name, reason in {
        "gone.txt": "no such file",
        "pipe.txt": "not a regular file",
        ".": "not a regular file",
    }.items():
        with pytest.raises(ReadError, match=reason) as caught:
            read(Source(str(tmp_path / name), name))
        assert caught.value.subject == name
        assert caught.value.hint


@pytest.mark.parametrize(
    ("data", "kind"),
    [(b"Just words, said once.", "txt"), (b"<!DOCTYPE html><title>T</title><p>words", "html")],
)
def test_standard_input_is_known_by_its_content(monkeypatch: pytest.MonkeyPatch, data: bytes, kind: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    document = read(Source("-", "-"))
    assert (document.kind, document.source.uri) == (kind, "-")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.binary(max_size=400) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")),
    name=st.sampled_from(["any.txt", "any.org"]),  # read in this process; test_records has the others
)
def test_any_bytes_are_a_document_or_a_read_error(tmp_path: Path, data: bytes, name: str) -> None:
    if b"%PDF-" in data:
        return
    try:
        document = read_as(tmp_path, name, data)
    except ReadError as error:
        assert error.hint  # noqa: PT017
        assert error.subject == name  # noqa: PT017
    else:
        text = document.pages[0].text
        assert text.encode("utf-8")
        assert text == text.strip()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(["#", "*", "_", "[", "]", "|", "-", "> ", "~", "\\", "\n", "word ", "x"])))
def test_whatever_the_marks_no_word_is_lost(marks: list[str]) -> None:
    text = parse_markdown("start " + "".join(marks)).pages[0].text
    assert text.count("word") == marks.count("word ")


# ---------------------------------------------------------------- Markdown

MARKDOWN = """---
title: "What We Read"
tags: [a, b]
---
# A *first* heading #

Some **bold** and _slanted_ words, a [link](https://example.org/a_(b)), `code_with_marks`,
and snake_case_names over two lines.

Setext heading
==============

- one item
- another item
  that goes on

1. first

| name | value |
|------|------:|
| a    | 1     |

> quoted words

```python
x = a * b * c  # not emphasis
```

![a figure](x.png) and [a reference][ref] and \\*stars\\*.
<!-- nobody
sees this -->

[ref]: https://example.org
"""


def test_markdown_is_read_without_its_marks(tmp_path: Path) -> None:
    document = read_as(tmp_path, "notes.md", MARKDOWN)
    assert (document.kind, document.title) == ("md", "What We Read")
    assert document.pages[0].text.split("\n\n") == [
        'title: "What We Read"\ntags: [a, b]',
        "A first heading",
        "Some bold and slanted words, a link, code_with_marks, and snake_case_names over two lines.",
        "Setext heading",
        "- one item\n- another item that goes on",
        "1. first",
        "name | value",
        "a | 1",
        "quoted words",
        "x = a * b * c  # not emphasis",
        "a figure and a reference and *stars*.",
    ]


def test_without_front_matter_the_first_top_heading_is_the_title() -> None:
    assert parse_markdown("## Small\n\n# Large\n").title == "Large"
    assert parse_markdown("words only\n").title is None


# ---------------------------------------------------------------- HTML

HTML = """<!doctype html><html><head><meta charset="iso-8859-1"><title> A  page </title><style>p {}</style></head>
<body><nav><a href=/>Home</a></nav>
<h1>Heading</h1><p>Fish &amp; chips,\n caf\u00e9 <b>bold</b>text.</p><script>alert(1)</script>
<ul><li>one<li>two</ul><table><tr><td>a</td><td>b</td></tr></table><pre>x\n  y</pre><!-- no --><p hidden>no</p>
<footer><a href=/x>Imprint</a></footer></body></html>"""


def test_html_is_read_as_a_person_sees_it(tmp_path: Path) -> None:
    document = read_as(tmp_path, "page.html", HTML.encode("latin-1"))
    assert (document.kind, document.title, document.warnings) == ("html", "A page", ())
    expected = ["Heading", "Fish & chips, café boldtext.", "- one\n- two", "a | b", "x\n  y"]
    assert document.pages[0].text.split("\n\n") == expected
    counted = (("comment", 1), ("hidden element", 1), ("navigation link", 2), ("script", 1), ("style sheet", 1))
    assert document.omissions == counted


def test_html_nested_without_end_is_read(tmp_path: Path) -> None:
    document = read_as(tmp_path, "deep.html", "<div>" * 5000 + "the bottom" + "</div>" * 10)
    assert document.pages[0].text == "the bottom"


def test_html_that_takes_too_long_or_too_much_is_refused(tmp_path: Path) -> None:
    page = "<p><b>x</b>" * 300_000
    with pytest.raises(LimitError, match=r"it took more than 0\.6 s"):
        read_as(tmp_path, "slow.html", page, Limits(seconds=0.6))
    with pytest.raises(LimitError, match="memory"):
        read_as(tmp_path, "big.html", page, Limits(memory_bytes=24 << 20))


def test_html_without_words_has_no_text(tmp_path: Path) -> None:
    with pytest.raises(NoTextError):
        read_as(tmp_path, "empty.html", "<html><body><script>x()</script></body></html>")


def test_an_html_page_called_pdf_is_a_download_that_went_wrong(tmp_path: Path) -> None:
    with pytest.raises(CorruptError, match="Download it again"):
        read_as(tmp_path, "paper.pdf", HTML)
    with pytest.raises(CorruptError, match="does not look like one"):
        read_as(tmp_path, "paper.pdf", "only words")


@pytest.mark.parametrize("charset", ["punycode", "idna", "unicode_escape", "raw-unicode-escape", "undefined"])
def test_a_codec_that_no_page_is_in_is_not_believed(charset: str) -> None:
    """Some of them take time that grows with the square of the text."""
    page = f'<html><meta charset="{charset}">'.encode() + "<p>caf\u00e9 - a\\nb".encode()
    assert declared_charset(page) is None
    assert decode(page, "a.html", declared=declared_charset(page))[0].endswith("caf\u00e9 - a\\nb")


# ---------------------------------------------------------------- what is left out


def test_what_a_worker_left_out_is_told_by_kind_and_together(tmp_path: Path) -> None:
    reading = IsolatedParse("html", b"", "a.html", Limits())
    reading.take({"page": 1, "text": "x", "omissions": [["script", 1], ["form field", 2]]})
    reading.take({"end": True, "odd": 0, "images": False, "omissions": [["script", 2], ["picture", 0]]})
    assert totals(reading.omissions) == (("form field", 2), ("script", 3))
