"""HTML to text, inside the worker: what a reader of the page would read, blocks separated by blank lines."""

from __future__ import annotations

from bs4 import BeautifulSoup
from bs4.element import NavigableString, PreformattedString, Tag

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


def extract_html(text: str) -> tuple[str | None, str]:
    """The page's title and its text. Walks with a stack: nesting a million deep must not matter."""
    soup = BeautifulSoup(text, "html.parser")
    return _title(soup), "".join(_walk(soup))


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
            out.append(around + ("- " if node.name == "li" else ""))
            stack.append((" | " if node.name in ("td", "th") and node.find_next_sibling() else around, False))
            inner = verbatim or node.name in ("pre", "textarea")
            stack.extend(
                (child, inner) for child in reversed(node.contents) if isinstance(child, Tag | NavigableString)
            )
    return out


def _collapse(text: str) -> str:
    """White space between words is one space, as a browser shows it."""
    words = " ".join(text.split())
    if not words:
        return " " if text else ""
    return (" " if text[0].isspace() else "") + words + (" " if text[-1].isspace() else "")
