"""HTML to text, inside the worker: what a reader of the page would read, blocks separated by blank lines.

Lexbor parses, as the HTML standard says and browsers do, so that a tag somebody forgot to close costs no text.
Markdown, Word documents, books, mail and notebooks come through here too, so what is said here of lists, tables,
superscripts and formulas holds for all of them. Everything left out is counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from titans_cli.readers.clean import mend_characters, tidy_prose
from titans_cli.readers.code import tidy_code
from titans_cli.readers.dates import year_in
from titans_cli.readers.parsed import ParsedDocument, one_page, short, totals
from titans_cli.readers.scripts import grouped, subscript, superscript
from titans_cli.records import Omission

# What no page shows, and what it is called where it is counted.
_DROPPED = {
    "script": "script",
    "style": "style sheet",
    "iframe": "embedded page",
    "noembed": "embedded page",
    "noframes": "embedded page",
    "option": "form choice",
    "metadata": "drawing",
    "annotation": "formula source",
    "annotation-xml": "formula source",
    "desc": "drawing",
}
_PICTURES = {
    "img": "picture",
    "image": "picture",
    "area": "picture",
    "video": "recording",
    "audio": "recording",
    "embed": "embedded page",
}
_BLOCKS = frozenset(
    (
        *("html", "body", "main", "article", "section", "header", "hgroup", "aside", "address", "div", "form"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "p", "pre", "blockquote", "hr", "figure", "figcaption", "legend"),
        *("ul", "ol", "menu", "dl", "dt", "dd", "table", "caption", "thead", "tbody", "tfoot", "fieldset"),
        *("details", "summary", "dialog", "nav", "footer", "center", "listing", "xmp", "plaintext", "textarea"),
        *(
            "tr",
            "level1",
            "level2",
            "level3",
            "level4",
            "level5",
            "level6",
            "pagenum",
            "doctitle",
            "docauthor",
        ),  # dtbook
    )
)
_LINES = frozenset(("br", "li", "mtr", "tspan"))
_VERBATIM = frozenset(("pre", "textarea", "listing", "xmp", "plaintext"))
_CELLS = frozenset(("td", "th"))
_SECTIONS = frozenset(("article", "aside", "section", "blockquote", "figure", "details", "fieldset", "td", "dialog"))
_FILLED_IN = frozenset(("text", "number", "date", "email", "tel", "url", "search", "time", "month", "button", "submit"))
# Elements whose children have places: what stands before the second child and the third.
_PLACES = {
    "msup": "^",
    "mover": "^",
    "msub": "_",
    "munder": "_",
    "mfrac": "/",
    "msubsup": "_^",
    "munderover": "_^",
}
_AROUND = {"q": ("“", "”"), "msqrt": ("√(", ")"), "mroot": ("√(", ")"), "button": (" ", " "), "mtd": (" ", " ")}
# What publishers, libraries and the open graph call the date of a page, the most telling first.
_DATES = (
    *("citation_publication_date", "citation_date", "citation_year", "article:published_time", "dc.date.issued"),
    *("dcterms.issued", "dc.date", "dcterms.date", "prism.publicationdate", "datepublished", "date"),
)
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_SELF_CLOSED = re.compile(r"<([A-Za-z][\w.-]{0,30})((?:\s[^<>]{0,500})?)/>")
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.S)
_TITLE, _END_OF_TITLE = re.compile(r"<title\b[^>]{0,500}>", re.I), re.compile(r"</title\b", re.I)
_IS_XML = re.compile(r"\s*<\?xml\b|[^>]{0,200}<html[^>]{0,500}\bxmlns=", re.I)


class Html(NamedTuple):
    title: str | None
    text: str  # clean
    year: int | None  # of publication, if the page states it
    omissions: tuple[Omission, ...] = ()


class _Around(NamedTuple):
    """What holds of a node because of those around it."""

    verbatim: bool = False
    menu: bool = False  # a navigation or the foot of the page: blocks of nothing but links are left out
    links: bool = True  # whether links are told
    items: list[int] | None = None  # the number of the next item of the list, if it is a numbered one


_Later = Callable[[], None]


def extract_page(data: bytes) -> ParsedDocument:
    """A file of HTML."""
    page = extract_html(data.decode("utf-8"))
    return one_page(page.title, page.text, year=page.year, omissions=page.omissions)


def extract_html(text: str, *, xml: bool = False) -> Html:
    """What a page says. Walks with a stack: nesting without end must not matter. `xml`: it is XML, whatever it says."""
    try:
        page = LexborHTMLParser(_without_traps(text, xml))
    except SelectolaxError as error:  # it parses whatever there is, so there is no memory left
        raise MemoryError from error
    walk = _Walk()
    first = page.root
    while first is not None and first.prev is not None:  # comments may stand before the page and after it
        first = first.prev
    while first is not None:
        walk.run(first)
        first = first.next
    return Html(_title(page), walk.text(), _year(page), totals(walk.counts.items()))


def _without_traps(text: str, xml: bool) -> str:
    """A comment or a title that never ends is none, or the rest of the page would be one. XML may close any tag."""
    if xml or _IS_XML.match(text):
        text = _CDATA.sub(lambda m: m[1].replace("&", "&amp;").replace("<", "&lt;"), text)
        text = _SELF_CLOSED.sub(lambda m: m[0] if m[1].lower() in _VOID else f"<{m[1]}{m[2]}></{m[1]}>", text)
    end = max(text.rfind("-->"), text.rfind("--!>"))
    text = text[: end + 1] + text[end + 1 :].replace("<!--", "&lt;!--")
    closed = max((tag.end() for tag in _END_OF_TITLE.finditer(text)), default=0)
    return text[:closed] + _TITLE.sub("", text[closed:])


def _year(page: LexborHTMLParser) -> int | None:
    stated: dict[str, str] = {}
    for tag in page.css("meta")[:500]:
        given = tag.attributes
        name = given.get("name") or given.get("property") or given.get("itemprop") or ""
        stated.setdefault(name.lower(), given.get("content") or "")
    return next((year for name in _DATES if (year := year_in(stated.get(name)))), None)


def _title(page: LexborHTMLParser) -> str | None:
    for where in ("head title", "h1"):
        tag = page.css_first(where)
        if tag is not None and (words := short(mend_characters(tag.text(separator=" ")))):
            return words
    return None


class _Walk:
    """`out` is what was told so far. What stands verbatim is kept apart, so that tidying prose leaves it alone."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.kept: list[str] = []
        self.counts: Counter[str] = Counter()
        self.stack: list[tuple[LexborNode, _Around] | _Later] = []

    def run(self, root: LexborNode) -> None:
        self.stack.append((root, _Around()))
        while self.stack:
            step = self.stack.pop()
            if isinstance(step, tuple):
                self.node(*step)
            else:
                step()

    def text(self) -> str:
        parts = tidy_prose("".join(self.out)).split("\0")  # verbatim text between every two of them, by its number
        parts[1::2] = [self.kept[int(number)] for number in parts[1::2]]
        return "".join(parts).strip("\n")

    # ------------------------------------------------------------ nodes

    def node(self, node: LexborNode, around: _Around) -> None:
        if node.is_text_node:
            words = node.text_content or ""
            self.out.append(mend_characters(words) if around.verbatim else _collapse(words))
        elif node.is_comment_node:
            self.counts["comment"] += any(character.isalnum() for character in node.comment_content or "")
        elif node.is_element_node:
            self.element(node, node.tag or "", around)

    def element(self, node: LexborNode, name: str, around: _Around) -> None:
        given = node.attributes
        hidden = "hidden" in given and given["hidden"] != "until-found"
        if name == "template":  # its content is no part of the tree
            self.counts["template"] += 1
            return
        if hidden or name in _DROPPED or (name == "title" and _name(node.parent) in ("head", "svg")):
            if hidden or name != "title" or _name(node.parent) == "svg":
                self.drop("hidden element" if hidden else _DROPPED.get(name, "drawing"), node)
            return
        if name == "a" and not around.links:
            self.drop("navigation link", node)
            return
        if name in _PICTURES:
            self.counts[_PICTURES[name]] += 1
            self.out.append(_collapse(given.get("alt") or ""))
        elif name == "input" and (given.get("type") or "text").lower() in _FILLED_IN:
            self.out.append(f" {_collapse(given.get('value') or '')} ")
        elif name == "svg":
            self.counts["picture"] += 1
        elif name == "a" and _leads_away(given.get("href") or "", node):
            self.counts["link target"] += 1
        self.open(node, name, around)

    def drop(self, kind: str, element: LexborNode) -> None:
        """Left out, and counted if there is anything in it, be it a comment."""
        self.counts[kind] += element.first_child is not None

    def open(self, node: LexborNode, name: str, around: _Around) -> None:
        """What comes before the node's children, and what is to come after them."""
        before, after = _AROUND.get(name, ("", ""))
        if name in _BLOCKS:
            before = after = "" if _fills_cell(node) else "\n\n"
        elif name in _LINES or (name == "text" and _name(node.parent) in ("svg", "g")):
            before = "\n"
        elif name in _CELLS:
            after = " | " if _has_next(node) else ""
        elif name == "rt" and node.parent is not None and node.parent.css_first("rp") is None:
            before, after = "(", ")"
        if name in _BLOCKS or name == "li":
            around = self.block(node, name, around)
        if name == "li" and (around.links or not around.menu):
            before += "- " if around.items is None else f"{around.items[0]}. "
        if name == "li" and around.items is not None:
            around.items[0] += 1
        elif name in ("ol", "ul", "menu"):
            around = around._replace(items=[_start(node)] if name == "ol" else None)
        self.out.append(before)
        self.stack.append(partial(self.out.append, after))
        if name in _VERBATIM and not around.verbatim:
            around = around._replace(verbatim=True)
            self.stack.append(partial(self.close_verbatim, len(self.out)))
        elif name in ("sup", "sub"):
            note = name == "sup" and node.css_first('a[href*="#"]') is not None
            self.stack.append(partial(self.close_script, len(self.out), "^" if name == "sup" else "_", note))
        self.children(node, name, around)

    def children(self, node: LexborNode, name: str, around: _Around) -> None:
        inside = list(_children(node))
        marks = _PLACES.get(name)
        if marks is None:
            self.stack.extend((child, around) for child in reversed(inside))
            return
        parts = [child for child in inside if child.is_element_node]
        steps: list[tuple[LexborNode, _Around] | _Later] = []
        for i, child in enumerate(parts):
            mark = "(" if marks == "/" and i == 0 else marks[i - 1] if 0 < i <= len(marks) else ""
            if mark:
                place: list[int] = []
                steps += [partial(self.mark_place, place), (child, around), partial(self.close_place, place, mark)]
            else:
                steps.append((child, around))
        self.stack.extend(reversed(steps))

    def block(self, node: LexborNode, name: str, around: _Around) -> _Around:
        """Inside a navigation, links alone are a menu, and links in a sentence belong to it."""
        if name == "nav" or (name == "footer" and _is_page_foot(node)):
            around = around._replace(menu=True)
        return around._replace(links=_says_more_than_links(node)) if around.menu else around

    # ------------------------------------------------------------ what comes after

    def mark_place(self, place: list[int]) -> None:
        place.append(len(self.out))

    def close_place(self, place: list[int], mark: str) -> None:
        if mark in "^_":
            self.close_script(place[0], mark, note=False)
            return
        words = self.taken(place[0]).strip()
        self.out.append(f"/{grouped(words)}" if mark == "/" else grouped(words))

    def close_script(self, place: int, mark: str, note: bool) -> None:
        words = self.taken(place)
        before = next((piece for piece in reversed(self.out) if piece), "")
        if note and words.strip() and before[-1:].strip():
            mark_of_note = " ".join(words.split())
            self.out.append(mark_of_note if mark_of_note[0] in "[(" else f"[{mark_of_note}]")
        else:
            self.out.append(superscript(before, words) if mark == "^" else subscript(before, words))

    def close_verbatim(self, place: int) -> None:
        self.kept.append(tidy_code(self.taken(place)).strip("\n"))
        self.out.append(f"\0{len(self.kept) - 1}\0")

    def taken(self, place: int) -> str:
        """What was told since then, taken back."""
        words = "".join(self.out[place:])
        del self.out[place:]
        return words


def _children(node: LexborNode) -> Iterator[LexborNode]:
    child = node.first_child
    while child is not None:
        yield child
        child = child.next


def _name(node: LexborNode | None) -> str:
    return (node.tag or "") if node is not None else ""


def _has_next(node: LexborNode) -> bool:
    """Whether another cell follows in the row."""
    after = node.next
    while after is not None and not after.is_element_node:
        after = after.next
    return after is not None


def _start(node: LexborNode) -> int:
    """The number of a list's first item."""
    stated = node.attributes.get("start") or ""
    return int(stated) if re.fullmatch(r"-?[0-9]{1,6}", stated) else 1


def _fills_cell(node: LexborNode) -> bool:
    """The one paragraph of a cell: a table made by a word processor has one in every cell."""
    cell = node.parent
    if node.tag not in ("p", "div") or cell is None or cell.tag not in _CELLS:
        return False
    return sum(child.is_element_node for child in _children(cell)) == 1


def _is_page_foot(node: LexborNode) -> bool:
    """A footer of the page itself, not one of an article or a quotation."""
    above = node.parent
    while above is not None:
        if above.tag in _SECTIONS:
            return False
        above = above.parent
    return True


def _says_more_than_links(block: LexborNode) -> bool:
    """Whether there are words of this block, not of blocks in it, that are no link."""
    stack = list(_children(block))
    while stack:
        node = stack.pop()
        if node.is_text_node and any(character.isalnum() for character in node.text_content or ""):
            return True
        if node.is_element_node and node.tag not in _BLOCKS and node.tag not in ("a", "li", *_DROPPED):
            stack.extend(_children(node))
    return False


def _leads_away(address: str, node: LexborNode) -> bool:
    """Whether a link has an address that its words do not show."""
    if not address or address.startswith("#"):
        return False
    bare = address.partition(":")[2].strip("/") if address.startswith(("http:", "https:", "mailto:")) else address
    return bare not in node.text()


def _collapse(text: str) -> str:
    """White space between words is one space, as a browser shows it."""
    words = mend_characters(" ".join(text.split()))
    if not words:
        return " " if text else ""
    return (" " if text[0].isspace() else "") + words + (" " if text[-1].isspace() else "")
