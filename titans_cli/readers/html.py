"""HTML to text, inside the worker: what a reader of the page would read, blocks separated by blank lines."""

from __future__ import annotations

from typing import NamedTuple

from bs4 import BeautifulSoup
from bs4.element import NavigableString, PreformattedString, Tag

from titans_cli.readers.dates import year_in

_DROPPED = frozenset(
    (
        *("script", "style", "nav", "footer", "noscript", "template", "head", "svg", "math", "canvas", "iframe"),
        *("object", "select", "button"),
    )
)
_BLOCKS = frozenset(
    (
        *("html", "body", "main", "article", "section", "header", "hgroup", "aside", "address", "div", "form"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "p", "pre", "blockquote", "hr", "figure", "figcaption", "legend"),
        *("ul", "ol", "li", "dl", "dt", "dd", "table", "caption", "thead", "tbody", "tfoot", "fieldset"),
        *("details", "summary", "dialog"),
    )
)
_LINES = frozenset(("br", "tr"))
# What publishers, libraries and the open graph call the date of a page, the most telling first.
_DATES = (
    *("citation_publication_date", "citation_date", "citation_year", "article:published_time", "dc.date.issued"),
    *("dcterms.issued", "dc.date", "dcterms.date", "prism.publicationdate", "datepublished", "date"),
)


class Html(NamedTuple):
    title: str | None
    text: str
    year: int | None  # of publication, if the page states it


def extract_html(text: str) -> Html:
    """What a page says. Walks with a stack: nesting a million deep must not matter."""
    soup = BeautifulSoup(text, "html.parser")
    return Html(_title(soup), "".join(_walk(soup)), _year(soup))


def _year(soup: BeautifulSoup) -> int | None:
    stated: dict[str, str] = {}
    for tag in soup.find_all("meta", limit=500):
        name = tag.get("name") or tag.get("property") or tag.get("itemprop")
        stated.setdefault(str(name).lower(), str(tag.get("content", "")))
    return next((year for name in _DATES if (year := year_in(stated.get(name)))), None)


def _title(soup: BeautifulSoup) -> str | None:
    for name in ("title", "h1"):
        tag = soup.find(name)
        words = " ".join(tag.get_text(" ").split()) if tag is not None else ""
        if words:
            return words[:300]
    return None


def _walk(soup: BeautifulSoup) -> list[str]:
    out: list[str] = []
    stack: list[tuple[Tag | NavigableString | str, bool]] = [(soup, False)]  # a node, or text to put out after one
    while stack:
        node, verbatim = stack.pop()
        if isinstance(node, PreformattedString):
            continue  # comments, doctypes, processing instructions
        if isinstance(node, NavigableString):
            out.append(str(node) if verbatim else _collapse(str(node)))
        elif isinstance(node, str):
            out.append(node)
        elif node.name not in _DROPPED and "hidden" not in node.attrs:
            around = "\n\n" if node.name in _BLOCKS else "\n" if node.name in _LINES else ""
            around = "" if _fills_cell(node) else around
            out.append(around + ("- " if node.name == "li" else ""))
            stack.append((" | " if node.name in ("td", "th") and node.find_next_sibling() else around, False))
            inner = verbatim or node.name in ("pre", "textarea")
            stack.extend(
                (child, inner) for child in reversed(node.contents) if isinstance(child, Tag | NavigableString)
            )
    return out


def _fills_cell(node: Tag) -> bool:
    """The one paragraph of a cell: a table made by a word processor has one in every cell."""
    return (
        node.name in ("p", "div")
        and node.parent is not None
        and node.parent.name in ("td", "th")
        and (len(node.parent.find_all(True, recursive=False)) == 1)
    )


def _collapse(text: str) -> str:
    """White space between words is one space, as a browser shows it."""
    words = " ".join(text.split())
    if not words:
        return " " if text else ""
    return (" " if text[0].isspace() else "") + words + (" " if text[-1].isspace() else "")
