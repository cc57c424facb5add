"""Tables, records, mail and code: what a page is in each, and what a citation of it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.readers.test_documents import read_as
from titans_cli.errors import CorruptError, LimitError, ReadError
from titans_cli.places import place
from titans_cli.readers import Limits
from titans_cli.readers.formats import reader_of

# ---------------------------------------------------------------- csv

CSV = 'name,height,built\nTower of Ems,35 m,1890\n\n"Gate, north","12\nm",\n'


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_a_row_is_a_page_with_the_number_a_spreadsheet_shows(tmp_path: Path, mark: str) -> None:
    data = CSV.replace(",", mark).replace(f"Gate{mark} ", "Gate, ")
    document = read_as(tmp_path, "t.csv", data)
    assert [(p.number, p.text) for p in document.pages] == [
        (2, "name: Tower of Ems; height: 35 m; built: 1890"),
        (4, "name: Gate, north; height: 12 m"),
    ]


def test_a_table_without_a_header_keeps_its_first_row(tmp_path: Path) -> None:
    document = read_as(tmp_path, "t.csv", "1990,3\n1991,4\n")
    assert [(p.number, p.text) for p in document.pages] == [(1, "1990; 3"), (2, "1991; 4")]


def test_a_table_of_too_many_rows_is_refused_with_their_number(tmp_path: Path) -> None:
    with pytest.raises(LimitError, match=r"t\.csv: it has 50 rows; at most 49 are read"):
        read_as(tmp_path, "t.csv", "year,words\n" + "1990,some\n" * 50, Limits(max_pages=49))


# ---------------------------------------------------------------- jsonl


def test_a_record_is_a_page_with_the_number_of_its_line(tmp_path: Path) -> None:
    first = json.dumps({"id": 1, "by": {"name": "Abel"}, "tags": ["a", "b"], "no": None})
    document = read_as(tmp_path, "r.jsonl", f'{first}\n\nnot json\n"words"\n{json.dumps({"ok": True})}\n')
    assert [(p.number, p.text) for p in document.pages] == [
        (1, "id: 1; by.name: Abel; tags: a, b"),
        (4, "words"),
        (5, "ok: true"),
    ]
    assert document.warnings == ("1 lines skipped: not JSON",)


def test_records_that_are_none_are_corrupt(tmp_path: Path) -> None:
    with pytest.raises(CorruptError, match="2 of its 3 lines are not JSON"):
        read_as(tmp_path, "r.jsonl", "{}\nno\nno\n")
    with pytest.raises(CorruptError):
        read_as(tmp_path, "r.jsonl", "[" * 100_000)


# ---------------------------------------------------------------- mail

MAIL = """From: =?utf-8?q?Ann_B=C3=BChler?= <ann@example.org>
To: Bob <bob@example.org>
Date: Mon, 05 Apr 2021 10:00:00 +0200
Subject: The
 budget
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=XX

--XX
Content-Type: multipart/alternative; boundary=YY

--YY
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

The dam costs 40 million=E2=80=94at least.
--YY
Content-Type: text/html; charset=utf-8

<p>The dam costs <b>40 million</b>—at least.</p>
--YY--
--XX
Content-Type: application/pdf; name="plan.pdf"
Content-Disposition: attachment; filename="plan.pdf"

JVBERi0=
--XX--
"""


def test_a_message_is_its_headers_its_text_and_the_names_of_what_is_attached(tmp_path: Path) -> None:
    document = read_as(tmp_path, "m.eml", MAIL)
    assert (document.kind, document.title, document.year) == ("eml", "The budget", 2021)
    assert document.pages[0].text.split("\n\n") == [
        "From: Ann Bühler <ann@example.org>\nTo: Bob <bob@example.org>\n"
        "Date: Mon, 05 Apr 2021 10:00:00 +0200\nSubject: The budget",
        "The dam costs 40 million—at least.",
        "Attachment: plan.pdf (application/pdf)",
    ]


def test_a_mailbox_has_a_page_for_every_message(tmp_path: Path) -> None:
    one = "From ann Mon Apr  5 10:00:00 2021\nFrom: Ann\nDate: Mon, 5 Apr 2021 10:00:00 +0000\nSubject: One\n\nFirst.\n"
    two = "From bob Tue Apr  6 10:00:00 2021\nFrom: Bob\nSubject: Two\n\n>From here on it is mine.\n"
    document = read_as(tmp_path, "m.mbox", f"{one}\n\nFrom nobody\n{{}}\n\n{two}")
    assert [p.number for p in document.pages] == [1, 2]
    assert document.pages[0].text.endswith("First.\n\nFrom nobody\n{}")
    assert document.pages[1].text.endswith("From here on it is mine.")


@pytest.mark.parametrize("name", ["m.eml", "m.mbox"])
def test_what_is_no_mail_is_corrupt(tmp_path: Path, name: str) -> None:
    with pytest.raises(CorruptError):
        read_as(tmp_path, name, "Just some words.\n")


def test_a_message_nested_without_end_is_read(tmp_path: Path) -> None:
    nested = "".join(f'Content-Type: multipart/mixed; boundary="b{i}"\n\n--b{i}\n' for i in range(300))
    assert read_as(tmp_path, "m.eml", f"Subject: Deep\n{nested}\nwords\n").title == "Deep"


# ---------------------------------------------------------------- code


def test_code_keeps_its_lines_where_they_are(tmp_path: Path) -> None:
    document = read_as(tmp_path, "a.py", "\n\n# One\n\n\n\ndef f():\n\treturn 1   \n\n")
    assert document.kind == "code"
    assert document.pages[0].text == "\n\n# One\n\n\n\ndef f():\n    return 1"


# ---------------------------------------------------------------- places

MESSAGE = "From: Ann\nDate: Mon, 05 Apr 2021 10:00:00 +0000\nSubject: Budget\n\nWords."


@pytest.mark.parametrize(
    ("kind", "page", "text", "quote", "expected"),
    [
        ("pdf", 3, "Some words.", "words", "page 3"),
        ("csv", 7, "a: b; c: d", "a: b", "row 7"),
        ("jsonl", 7, "a: b", "a: b", "line 7"),
        ("ipynb", 2, "Words.", "Words", "cell 2"),
        ("epub", 5, "Loomings\n\nCall me Ishmael.", "Call", 'part 5 "Loomings"'),
        ("epub", 5, "It is a long sentence. " * 9, "It", "part 5"),
        ("mbox", 4, MESSAGE, "Words", 'message 4 (2021-04-05, "Budget")'),
        ("eml", 1, MESSAGE, "Words", 'message (2021-04-05, "Budget")'),
        ("eml", 1, "From: Ann\nDate: someday\n\nWords.", "Words", "message (someday)"),
        ("mbox", 4, "Words.", "Words", "message 4"),
        ("code", 1, "\n\nx = 1\ny = 2", "y = 2", "line 4"),
        ("txt", 1, "One.\n\nTwo.\n\nThree.", "Three", "paragraph 3"),
        ("docx", 1, "One.", "One", "paragraph 1"),
    ],
)
def test_a_place_is_what_a_reader_can_look_up(kind: str, page: int, text: str, quote: str, expected: str) -> None:
    assert place(kind, page, text, text.index(quote)) == expected


# ---------------------------------------------------------------- anything


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(["csv", "jsonl", "json", "ipynb", "eml", "mbox", "tex", "code", "rst", "md", "html"]),
    text=st.text(st.sampled_from("ab ,;\"'\n\\{}[]$%&#-=*`|:.<>0\t_") | st.characters(), max_size=200),
    head=st.sampled_from(["", "From a\n", "Subject: x\n\n", "\\begin{verbatim}", '{"cells": [', ".. x::\n\n   "]),
)
def test_any_text_is_pages_or_an_error_and_pages_can_be_stored(kind: str, text: str, head: str) -> None:
    """In this process: what an extractor raises, the worker turns into a ReadError, whatever it is."""
    try:
        parsed = reader_of(kind)((head + text).encode("utf-8", "replace"))
    except (ReadError, ValueError, RecursionError):
        return
    numbers = [page.number for page in parsed.pages]
    assert numbers == sorted(set(numbers))
    for page in parsed.pages:
        page.text.encode("utf-8")
        assert page.text == page.text.rstrip()
