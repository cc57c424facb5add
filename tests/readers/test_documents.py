"""Documents that people write: docx, epub, LaTeX, reStructuredText, notebooks, and what makes them dangerous."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.pdfmaker import make_pdf
from tests.readers.makers import docx, epub, paragraph, table, zipped
from titans_cli.errors import (
    CorruptError,
    EncryptedError,
    LimitError,
    NoTextError,
    ReadError,
    UnsupportedFormatError,
)
from titans_cli.readers import Limits, read
from titans_cli.records import Document, Source

# Small ones: it is that they declare entities which is refused.
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>'
THIEF = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'


def read_as(folder: Path, name: str, data: bytes | str, limits: Limits | None = None) -> Document:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read(Source(str(path), name), limits or Limits())


def blocks(document: Document) -> list[str]:
    (page,) = document.pages
    return page.text.split("\n\n")


# ---------------------------------------------------------------- docx


def test_a_word_document_is_read_in_its_order(tmp_path: Path) -> None:
    body = paragraph("On Kilns", "Heading1") + paragraph("A first sentence.") + table(("a", "b"), ("1", "2"))
    document = read_as(tmp_path, "a.docx", docx(body + paragraph("The end.")))
    assert (document.kind, document.title, document.year) == ("docx", "On Kilns", 2014)
    assert blocks(document) == ["On Kilns", "A first sentence.", "a | b", "1 | 2", "The end."]


def test_what_was_deleted_is_gone_and_what_was_inserted_stays(tmp_path: Path) -> None:
    deleted = "<w:del><w:r><w:delText>not </w:delText></w:r></w:del>"
    inserted = "<w:ins><w:r><w:t>surely</w:t></w:r></w:ins>"
    body = f"<w:p><w:r><w:t>It is </w:t></w:r>{deleted}{inserted}</w:p>"
    assert blocks(read_as(tmp_path, "a.docx", docx(body))) == ["It is surely"]


def test_the_title_in_the_properties_counts_first(tmp_path: Path) -> None:
    assert read_as(tmp_path, "a.docx", docx(paragraph("Words", "Heading1"), title="Stated")).title == "Stated"


def test_formulas_are_written_in_the_line(tmp_path: Path) -> None:
    run = "<m:r><m:t>{}</m:t></m:r>".format
    power = f"<m:sSup><m:e>{run('c')}</m:e><m:sup>{run('2')}</m:sup></m:sSup>"
    ratio = f"<m:f><m:num>{run('a+b')}</m:num><m:den>{run('2')}</m:den></m:f>"
    body = f"<w:p><w:r><w:t>So </w:t></w:r><m:oMath>{run('E=m')}{power}{run(' and ')}{ratio}</m:oMath></w:p>"
    assert blocks(read_as(tmp_path, "a.docx", docx(body))) == ["So E=mc^2 and (a+b)/2"]


@pytest.mark.parametrize("xml", [BOMB, THIEF], ids=["bomb", "thief"])
@pytest.mark.parametrize("part", ["word/document.xml", "docProps/core.xml", "word/styles.xml"])
def test_xml_with_entities_is_refused(tmp_path: Path, part: str, xml: str) -> None:
    with pytest.raises(CorruptError, match=r"a\.docx: .*entities"):
        read_as(tmp_path, "a.docx", docx(paragraph("x"), parts={part: xml}))


def test_a_word_document_nested_too_deeply_is_corrupt(tmp_path: Path) -> None:
    with pytest.raises(CorruptError, match="nested too deeply"):
        read_as(tmp_path, "a.docx", docx("<w:p>" * 5000 + "</w:p>" * 5000))


def test_a_part_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    huge = b"<x>" + b" " * (200 << 20) + b"</x>"
    with pytest.raises(LimitError, match="unpacks to more than 128 MiB"):
        read_as(tmp_path, "a.docx", docx(paragraph("x"), parts={"word/styles.xml": huge}))


def test_a_word_document_with_a_password_is_encrypted(tmp_path: Path) -> None:
    data = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le")
    with pytest.raises(EncryptedError, match=r"a\.docx: it is encrypted and needs a password\. Open it"):
        read_as(tmp_path, "a.docx", data)


def test_what_only_looks_like_a_word_document_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(CorruptError, match="does not look like one"):
        read_as(tmp_path, "a.docx", "only words")
    with pytest.raises(UnsupportedFormatError, match="a spreadsheet"):
        read_as(tmp_path, "a.docx", zipped({"xl/workbook.xml": "<x/>"}))
    with pytest.raises(CorruptError, match="it is damaged"):
        read_as(tmp_path, "a.docx", docx(paragraph("x"))[:300])
    assert read_as(tmp_path, "a.txt", docx(paragraph("Called txt."))).kind == "docx"


# ---------------------------------------------------------------- epub


def test_a_book_has_a_page_for_every_part(tmp_path: Path) -> None:
    document = read_as(
        tmp_path, "b.epub", epub(["<h1>Loomings</h1><p>Call me Ishmael.</p>", "<p/>", "<p>The end.</p>"])
    )
    assert (document.kind, document.title, document.year) == ("epub", "The Whale", 1851)
    assert [(p.number, p.text) for p in document.pages] == [(1, "Loomings\n\nCall me Ishmael."), (3, "The end.")]


def test_a_book_that_lacks_a_part_says_which(tmp_path: Path) -> None:
    package = {
        "META-INF/container.xml": '<c><rootfile full-path="b.opf"/></c>',
        "here.xhtml": "<html><p>Here.</p></html>",
    }
    item = '<item id="{0}" href="{0}.xhtml" media-type="application/xhtml+xml"/>'
    package["b.opf"] = (
        f'<p>{item.format("gone")}{item.format("here")}<itemref idref="gone"/><itemref idref="here"/></p>'
    )
    document = read_as(tmp_path, "b.epub", zipped(package))
    assert [p.number for p in document.pages] == [2]
    assert document.warnings == ("part 1: skipped, its file gone.xhtml is missing",)


def test_a_book_that_is_copy_protected_is_encrypted(tmp_path: Path) -> None:
    rights = '<encryption><EncryptedData><CipherReference URI="OPS/c%200.xhtml"/></EncryptedData></encryption>'
    with pytest.raises(EncryptedError, match="copy-protected"):
        read_as(tmp_path, "b.epub", epub(["<p>x</p>"], parts={"META-INF/encryption.xml": rights}))


@pytest.mark.parametrize("part", ["META-INF/container.xml", "OPS/book.opf"])
def test_a_book_with_entities_or_without_sense_is_corrupt(tmp_path: Path, part: str) -> None:
    with pytest.raises(CorruptError, match="entities"):
        read_as(tmp_path, "b.epub", epub(["<p>x</p>"], parts={part: BOMB}))
    with pytest.raises(CorruptError):
        read_as(tmp_path, "b.epub", epub(["<p>x</p>"], parts={part: "<x/>"}))


# ---------------------------------------------------------------- LaTeX

TEX = r"""\documentclass{article} % a comment
\newcommand{\method}{\textsc{Titan}}
\newcommand{\two}[2]{#1 and #2}
\title{On \emph{Surprise}}
\author{Ann B\"uhler \and Jos\'e Ru{\'\i}z}
\date{March 2021}
\begin{document}
\maketitle
\section{Intro}\label{s}
We study \method{} at 50\% load~\cite{a,b}, with $x^2 \le \frac{a}{b}$ % not this
and ``words''---a few\footnote{A note.}.
\begin{itemize}\item one \item two\end{itemize}
\begin{verbatim}
x % y
\end{verbatim}
\input{other}
\begin{thebibliography}{9}\bibitem{a} Nobody.\end{thebibliography}
\end{document}
after the end
"""


def test_latex_is_read_as_its_author_meant_it(tmp_path: Path) -> None:
    document = read_as(tmp_path, "p.tex", TEX)
    assert (document.kind, document.title, document.year) == ("tex", "On Surprise", 2021)
    assert blocks(document) == [
        "On Surprise",
        "Ann Bühler, José Ruíz",
        "March 2021",
        "Intro",
        "We study Titan at 50% load, with x^2 ≤ a/b and “words”—a few (A note.).",
        "- one\n- two",
        "x % y",
    ]
    assert document.warnings == ("not followed: \\input of other; name those files too",)


@pytest.mark.parametrize("piece", ["{", "\\begin{verbatim}", "\\title{", "\\verb", "%\n", "\\newcommand\\a{"])
def test_latex_made_to_exhaust_is_read_or_refused_soon(tmp_path: Path, piece: str) -> None:
    try:
        read_as(tmp_path, "p.tex", f"Words. {piece * 30_000}", Limits(seconds=60))
    except ReadError as error:
        assert not isinstance(error, LimitError)  # noqa: PT017


# ---------------------------------------------------------------- reStructuredText

RST = """\
=====
Title
=====

:Author: Me
:Date: 2019-05-01

Intro with :ref:`words <target>` and :class:`~a.B`, ``code``, **bold** |sub| `link <http://x.org>`_ [1]_.

.. |sub| replace:: swapped

Section
-------

- one
- two
  goes on

.. note:: Take care.

.. toctree::
   :maxdepth: 2

   nobody/reads

.. code-block:: python
   :linenos:

   x = 1
     y

.. versionadded:: 3.5

+---+---+
| a | b |
+---+---+
| 1 | 2 |
+---+---+

.. [1] A footnote.
.. include:: SECRET
.. raw:: html
   :file: SECRET
.. csv-table::
   :file: SECRET
"""


def test_rst_is_read_as_it_is_rendered_and_takes_nothing_in(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("hidden words")
    document = read_as(tmp_path, "n.rst", RST.replace("SECRET", str(tmp_path / "secret.txt")))
    assert (document.kind, document.title, document.year) == ("rst", "Title", 2019)
    assert blocks(document) == [
        "Title",
        "Me",
        "2019-05-01",
        "Intro with words and a.B, code, bold swapped link [1].",
        "Section",
        "- one\n- two goes on",
        "Take care.",
        "x = 1\n  y",
        "3.5",
        "a | b",
        "1 | 2",
        "[1] A footnote.",
    ]


def test_rst_nested_too_deeply_is_corrupt(tmp_path: Path) -> None:
    with pytest.raises(CorruptError, match="nested too deeply"):
        read_as(tmp_path, "n.rst", "- " * 5000)


# ---------------------------------------------------------------- notebooks


def notebook(*cells: dict[str, Any], **metadata: Any) -> str:
    return json.dumps({"nbformat": 4, "metadata": metadata, "cells": list(cells)})


def test_a_notebook_has_a_page_for_every_cell(tmp_path: Path) -> None:
    output = {"output_type": "stream", "text": ["mean 4.2\n"]}
    long = {"output_type": "execute_result", "data": {"text/plain": "1\n" * 500}}
    failed = {"output_type": "error", "ename": "KeyError", "evalue": "'x'"}
    document = read_as(
        tmp_path,
        "n.ipynb",
        notebook(
            {"cell_type": "markdown", "source": ["# Tides\n", "We model *Brest*."]},
            {"cell_type": "code", "source": "", "outputs": []},
            {"cell_type": "code", "source": "if x:\n    y()", "outputs": [output, long, failed]},
            date="2022-02-03",
        ),
    )
    assert (document.kind, document.title, document.year) == ("ipynb", "Tides", 2022)
    assert [p.number for p in document.pages] == [1, 3]
    assert document.pages[0].text == "Tides\n\nWe model Brest."
    assert document.pages[1].text.startswith("if x:\n    y()\n\nmean 4.2\n\n1\n1\n")
    assert document.pages[1].text.endswith("KeyError: 'x'")
    assert document.omissions == (("output line", 480),)


@pytest.mark.parametrize("text", ["[]", "{}", '{"cells": 3}', '{"cells": [', '{"cells": [[]]}', "[" * 100_000])
def test_json_that_is_no_notebook_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises((CorruptError, NoTextError)) as caught:
        read_as(tmp_path, "n.ipynb", text)
    assert caught.value.subject == "n.ipynb"


# ---------------------------------------------------------------- years


@pytest.mark.parametrize(
    ("name", "data", "year"),
    [
        ("a.html", '<!doctype html><meta name="date" content="2003"><meta name="dc.date" content="1999/1"><p>x', 1999),
        ("a.html", '<!doctype html><meta property="article:published_time" content="2007-08-09T00:00:00Z"><p>x', 2007),
        ("a.html", "<!doctype html><p>1999", None),
        ("a.md", "---\ntitle: T\ndate: 2011-12-13\n---\nwords\n", 2011),
        ("a.md", "date: 2011-12-13\n\nwords\n", None),
        ("a.tex", "\\date{\\today}\\begin{document}x\\end{document}", None),
        ("a.txt", "Written in 1999.", None),
    ],
)  # fmt: skip
def test_the_year_is_what_the_file_states_of_itself(tmp_path: Path, name: str, data: str, year: int | None) -> None:
    assert read_as(tmp_path, name, data).year == year


@pytest.mark.parametrize("reader", ["auto", "pypdf"])
@pytest.mark.parametrize(
    ("made", "year"),
    [("D:20190703101500+02'00'", 2019), ("2019-07-03", 2019), ("D:0319", None), ("yesterday", None), (None, None)],
)
def test_a_pdf_states_when_it_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: str, made: str | None, year: int | None
) -> None:
    monkeypatch.setenv("TITANS_PDF", reader)
    path = tmp_path / "a.pdf"
    path.write_bytes(make_pdf(["Some words of a page."], made=made))
    assert read(Source(str(path), "a.pdf")).year == year


@pytest.mark.parametrize("name", ["a.tex", "a.csv", "a.ipynb", "a.eml"])
def test_an_html_page_under_another_name_is_a_download_that_went_wrong(tmp_path: Path, name: str) -> None:
    with pytest.raises(CorruptError, match="an HTML page"):
        read_as(tmp_path, name, "<!doctype html><title>404</title>")
