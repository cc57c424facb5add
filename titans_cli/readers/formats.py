"""Every format that can be read, as one value each: what its files are called, how they begin, who reads them and how.

Everything that goes by a file's kind goes by this table: finding files, telling what one is, fetching, reading, citing.
`python -m titans_cli.readers.formats` prints it as docs/inputs.md shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from titans_cli.readers.parsed import ParsedDocument

Reader = Callable[[bytes], "ParsedDocument"]
_DOWNLOAD = "Download it again"
_AS_TEXT = "or rename it to .txt to read it as it is"
WHOLE = "the whole"  # of a format without pages


@dataclass(frozen=True, slots=True)
class Format:
    """`kind` is what a session keeps. `reader` imports what makes pages of the bytes; None: one by one, by pdf.py.

    `part` is the folder in which a package of parts has its main one, or the entry that tells it from others.
    """

    kind: str
    name: str
    suffixes: tuple[str, ...]
    reader: Callable[[], Reader] | None
    unit: str = "page"  # what Page.number counts
    page: str = WHOLE  # what a page is, in words
    cited: str = "`paragraph 4`"
    title: str = ""  # where the title is taken from, and the year
    year: str = ""
    media_types: tuple[str, ...] = ()  # what a server calls it, where that says more than the address does
    part: str = ""
    text: bool = True  # reaches its reader as UTF-8, whatever it was in
    declares: bool = False  # it is text that may say in which encoding it is
    page_in_error: bool = False  # an HTML page under its suffix is a download that went wrong
    isolated: bool = True  # parsed in a process of its own, however small it is
    made: bool = False  # the year it states is that of the file, which may be younger than the text
    mend: str = _DOWNLOAD  # what to do about a damaged one
    loses: str = ""  # what is left out of it, and counted


# Each is imported when it is needed.
def _page() -> Reader:
    from titans_cli.readers.html import extract_page

    return extract_page


def _txt() -> Reader:
    from titans_cli.readers.text import extract_txt

    return extract_txt


def _md() -> Reader:
    from titans_cli.readers.markdown import extract_md

    return extract_md


def _rst() -> Reader:
    from titans_cli.readers.rst import extract_rst

    return extract_rst


def _tex() -> Reader:
    from titans_cli.readers.tex import extract_tex

    return extract_tex


def _docx() -> Reader:
    from titans_cli.readers.docx import extract_docx

    return extract_docx


def _pptx() -> Reader:
    from titans_cli.readers.pptx import extract_pptx

    return extract_pptx


def _epub() -> Reader:
    from titans_cli.readers.epub import extract_epub

    return extract_epub


def _ipynb() -> Reader:
    from titans_cli.readers.notebook import extract_ipynb

    return extract_ipynb


def _csv() -> Reader:
    from titans_cli.readers.tables import extract_csv

    return extract_csv


def _jsonl() -> Reader:
    from titans_cli.readers.tables import extract_jsonl

    return extract_jsonl


def _json() -> Reader:
    from titans_cli.readers.tables import extract_json

    return extract_json


def _eml() -> Reader:
    from titans_cli.readers.mail import extract_eml

    return extract_eml


def _mbox() -> Reader:
    from titans_cli.readers.mail import extract_mbox

    return extract_mbox


def _code() -> Reader:
    from titans_cli.readers.code import extract_code

    return extract_code


_FORMATS = (
    Format(
        *("pdf", "PDF", (".pdf",), None),
        page="a page",
        cited="`page 3`",
        title="properties, or first line that looks like one",
        year="when it was made",
        media_types=("application/pdf",),
        text=False,
        made=True,
        mend="Mend it, e.g. qpdf in.pdf out.pdf, or download it again",
        loses="pictures, and what is drawn",
    ),
    Format(
        *("html", "HTML", (".html", ".htm", ".xhtml"), _page),
        title="`title`, `h1`",
        year="`meta`: citation_date, published_time, dc.date, ...",
        media_types=("text/html", "application/xhtml+xml"),
        declares=True,
        loses="scripts, styles, comments, menus of nothing but links, what is hidden; pictures and embedded pages; "
        "where links lead to",
    ),
    Format(
        "txt",
        "text",
        (".txt", ".text", ".log", ".org", ".adoc", ".bib"),
        _txt,
        title="a first line that looks like one",
        isolated=False,
    ),
    Format(
        *("md", "Markdown", (".md", ".markdown"), _md),
        title="front matter, top heading",
        year="front matter",
        media_types=("text/markdown",),
        loses="as HTML",
    ),
    Format(
        *("rst", "reStructuredText", (".rst",), _rst),
        title="the document's",
        year="`:Date:`",
        media_types=("text/x-rst",),
        loses="`include`, `raw` and files of `csv-table`, which are never opened; directives for programs; comments",
    ),
    Format(
        *("tex", "LaTeX", (".tex",), _tex),
        title="`\\title`",
        year="`\\date`",
        media_types=("application/x-tex",),
        page_in_error=True,
        loses="files of `\\input` (name those too), the bibliography, drawings, macros with arguments, comments",
    ),
    Format(
        *("docx", "Word", (".docx", ".docm", ".dotx"), _docx),
        title="properties, first heading",
        year="when it was made",
        media_types=("application/vnd.openxmlformats-officedocument.wordprocessingml.document",),
        part="word/",
        text=False,
        made=True,
        mend="Open it in a word processor and save it again",
        loses="pictures, deleted text of tracked changes",
    ),
    Format(
        *("pptx", "slides", (".pptx", ".pptm", ".ppsx"), _pptx, "slide"),
        page="a slide, with its notes",
        cited="`slide 3`",
        title="properties, first title",
        year="when it was made",
        media_types=("application/vnd.openxmlformats-officedocument.presentationml.presentation",),
        part="ppt/",
        text=False,
        made=True,
        mend="Open it in its program and save it again",
        loses="pictures, charts, embedded files",
    ),
    Format(
        *("epub", "book", (".epub",), _epub, "part"),
        page="a part of the spine",
        cited='`part 5 "Loomings"`',
        title="metadata",
        year="metadata",
        media_types=("application/epub+zip",),
        part="META-INF/container.xml",
        text=False,
        loses="as HTML; files that are not part of the spine",
    ),
    Format(
        *("ipynb", "notebook", (".ipynb",), _ipynb, "cell"),
        page="a cell",
        cited="`cell 7`",
        title="metadata, top heading",
        year="metadata",
        media_types=("application/x-ipynb+json",),
        page_in_error=True,
        mend=f"Open it in Jupyter and save it again, {_AS_TEXT}",
        loses="output beyond 20 lines, pictures",
    ),
    Format(
        *("csv", "table", (".csv", ".tsv"), _csv, "row"),
        page="a row",
        cited="`row 12`, as a spreadsheet numbers it",
        media_types=("text/csv", "text/tab-separated-values"),
        page_in_error=True,
        mend=f"Save it again as CSV, {_AS_TEXT}",
    ),
    Format(
        *("jsonl", "records", (".jsonl", ".ndjson"), _jsonl, "line"),
        page="a line",
        cited="`line 12`",
        media_types=("application/jsonl", "application/x-ndjson"),
        page_in_error=True,
        mend=f"Write one JSON value a line, {_AS_TEXT}",
        loses="lines that are no JSON",
    ),
    Format(
        *("json", "JSON", (".json",), _json, "record"),
        page="an entry of the outermost list or object",
        cited="`record 12`",
        media_types=("application/json",),
        page_in_error=True,
        mend=f"Write it again as JSON, {_AS_TEXT}",
    ),
    Format(
        *("eml", "message", (".eml",), _eml, "message"),
        cited='`message (2021-04-05, "Budget")`',
        title="subject",
        year="when it was sent",
        media_types=("message/rfc822",),
        text=False,
        page_in_error=True,
        mend=f"Save the message again, {_AS_TEXT}",
        loses="attachments, which are named; another form of the same text; as HTML",
    ),
    Format(
        *("mbox", "mailbox", (".mbox",), _mbox, "message"),
        page="a message",
        cited='`message 3 (2021-04-05, "Budget")`',
        year="if all are of one",
        media_types=("application/mbox",),
        text=False,
        page_in_error=True,
        mend=f"Export the mailbox again, {_AS_TEXT}",
        loses="as a message; messages that cannot be made out",
    ),
    Format(
        *("code", "source code, settings"),
        tuple(
            f".{suffix}"
            for suffix in (
                "py pyi js mjs cjs jsx ts tsx go rs java kt scala c h cc cpp cxx hh hpp cs swift rb php pl lua r jl "
                "sql sh bash zsh yaml yml toml ini cfg"
            ).split()
        ),
        _code,
        cited="`line 70`",
        media_types=("application/yaml", "application/toml"),
        isolated=False,
    ),
)
FORMATS = {each.kind: each for each in _FORMATS}
BY_SUFFIX = {suffix: each for each in _FORMATS for suffix in each.suffixes}
BY_MEDIA_TYPE = {name: each for each in _FORMATS for name in each.media_types}


def format_of(kind: str) -> Format:
    """Of a kind that a session names; of one that is no file's ("item"), text."""
    return FORMATS.get(kind, FORMATS["txt"])


def reader_of(kind: str) -> Reader:
    """What makes pages of the bytes; imported when it is needed, mostly inside the worker."""
    load = FORMATS[kind].reader
    assert load is not None, "its pages are read one by one"
    return load()


def tables() -> str:
    """The two tables of docs/inputs.md."""
    head = ("kind", "suffixes", "a page is", "cited as", "title", "year it states")
    rows = [(f.name, _suffixes(f), f.page, f.cited, f.title, f.year) for f in _FORMATS]
    lost = [(f.name, f.loses) for f in _FORMATS if f.loses]
    return f"{_table(head, rows)}\n\n{_table(('kind', 'left out'), lost)}\n"


def _suffixes(shown: Format) -> str:
    return f"`{' '.join(shown.suffixes)}`"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("|" + "|".join(f" {cell} " if cell else " " for cell in row) + "|" for row in lines)


if __name__ == "__main__":
    print(tables(), end="")  # noqa: T201 - a page of the documentation
