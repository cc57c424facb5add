"""What files of other kinds than PDF state about themselves: epub and docx metadata, head of a web page, mail headers,
front matter, fields before a text. Entries of a card, each with where it was read."""

from __future__ import annotations

import email
import io
import json
import re
from collections.abc import Iterable, Mapping
from email import policy
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any

from titans_cli.cards import Entry
from titans_cli.readers.cards.bibliography import turned, works
from titans_cli.readers.cards.imprint import date_in

MOST_NAMES = 5_000
HEAD = 200_000  # characters of a page in which its head is looked for
_FRONT = re.compile(r"\A﻿?---[ \t]*\n(.{0,65536}?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S)
_FIELD = re.compile(r"^:?(title|authors?|date|published|created|language|doi|url)[:\s]\s*(\S.{0,500})$", re.I)
_DOI = re.compile(r"10\.\d{4,9}/\S+")
# Names of a page's metadata: Highwire Press tags, Dublin Core, Open Graph, the most telling first.
_META = {
    "title": ("citation_title", "dc.title", "dcterms.title", "og:title", "twitter:title"),
    "author": ("citation_author", "citation_authors", "dc.creator", "dcterms.creator", "article:author", "author"),
    "date": (
        *("citation_publication_date", "citation_date", "citation_online_date", "citation_year"),
        *("article:published_time", "dc.date.issued", "dcterms.issued", "dc.date", "dcterms.date"),
        *("prism.publicationdate", "datepublished", "date"),
    ),
    "venue": ("citation_journal_title", "citation_conference_title", "prism.publicationname", "dc.source"),
    "volume": ("citation_volume", "prism.volume"),
    "issue": ("citation_issue", "prism.number"),
    "doi": ("citation_doi", "dc.identifier", "dc.identifier.doi", "prism.doi"),
    "url": ("citation_public_url", "og:url"),
    "language": ("citation_language", "dc.language", "dcterms.language"),
}


def stated(kind: str, data: bytes) -> list[Entry]:
    """What a file says about itself. Whatever a broken one raises passes through."""
    match kind:
        case "html":
            return _html(data.decode("utf-8", "replace"))
        case "epub":
            return _epub(data)
        case "docx":
            return _docx(data)
        case "eml":
            return _mail(data)
        case "ipynb":
            return _notebook(data)
        case "tex":
            return _tex(data.decode("utf-8", "replace"))
        case "md" | "rst" | "txt":
            text = data.decode("utf-8", "replace")
            return _front_matter(text) or works(kind, text) or _fields(text)
        case "jsonl" | "code" | "json" | "bib":
            return works(kind, data.decode("utf-8", "replace"))
    return []


def entries(origin: str, values: Mapping[str, Iterable[str]]) -> list[Entry]:
    """Texts by field, tidied: dates as ISO 8601, a DOI without what stands around it."""
    made: list[Entry] = []
    for name, texts in values.items():
        for text in texts:
            value: str | None = " ".join(str(text).split())[:500]
            if name == "date":
                value = date_in(value or "")
            elif name == "doi":
                doi = _DOI.search(value or "")
                value = doi.group().rstrip(".,;)") if doi else None
            if value:
                made.append(Entry(name, value, origin))
    return made


def _html(text: str) -> list[Entry]:
    from selectolax.lexbor import LexborHTMLParser

    page = LexborHTMLParser(text[:HEAD].split("</head>")[0])
    meta: dict[str, list[str]] = {}
    for tag in page.css("meta")[:500]:
        name = next((v for key in ("name", "property", "itemprop") if (v := tag.attributes.get(key))), None)
        meta.setdefault(str(name).lower(), []).append(tag.attributes.get("content") or "")
    values = {field: next((meta[n] for n in names if meta.get(n)), []) for field, names in _META.items()}
    if len(values["author"]) == 1:
        values["author"] = _several(values["author"][0])
    values["author"] = [turned(a) for a in values["author"] if not a.startswith(("http:", "https:"))]
    for field in values.keys() - {"author"}:
        values[field] = values[field][:1]
    top, link = page.css_first("html"), page.css_first('link[rel~="canonical"]')
    if not values["language"] and top is not None and (language := top.attributes.get("lang")):
        values["language"] = [language]
    if not values["url"] and link is not None and (address := link.attributes.get("href")):
        values["url"] = [address]
    return entries("page's metadata", values)


def _epub(data: bytes) -> list[Entry]:
    from titans_cli.readers.package import Package
    from titans_cli.readers.xml import XmlHandler, parse_xml

    class Root(XmlHandler):
        path = ""

        def start(self, name: str, attributes: Mapping[str, str]) -> None:
            if name == "rootfile" and not self.path:
                self.path = attributes.get("full-path", "")

    package, root = Package(io.BytesIO(data)), Root()
    parse_xml(package.needed("META-INF/container.xml"), root)
    elements = _texts(package.needed(root.path), ("title", "creator", "date", "publisher", "language", "identifier"))
    values = {
        "title": elements["title"][:1],
        "author": [turned(a) for a in elements["creator"]],
        "date": elements["date"][:1],
    }
    values |= {"venue": elements["publisher"][:1], "language": elements["language"][:1]}
    values["doi"] = [i for i in elements["identifier"] if _DOI.search(i)][:1]
    return entries("book's metadata", values)


def _docx(data: bytes) -> list[Entry]:
    from titans_cli.readers.package import Package

    properties = Package(io.BytesIO(data)).part("docProps/core.xml")
    if not properties:
        return []
    elements = _texts(properties, ("title", "creator", "created", "language"))
    values = {"title": elements["title"][:1], "author": [a for c in elements["creator"] for a in _several(c)]}
    values |= {"date": elements["created"][:1], "language": elements["language"][:1]}
    return entries("document's properties", values)


def _texts(xml: bytes, names: tuple[str, ...]) -> dict[str, list[str]]:
    """The texts of all elements of these names, in order."""
    from titans_cli.readers.xml import XmlHandler, parse_xml

    class Texts(XmlHandler):
        def __init__(self) -> None:
            self.texts: dict[str, list[str]] = {name: [] for name in names}
            self.inside: str | None = None

        def start(self, name: str, attributes: Mapping[str, str]) -> None:
            self.inside = name if name in self.texts else None
            if self.inside:
                self.texts[name].append("")

        def end(self, name: str) -> None:
            self.inside = None

        def text(self, words: str) -> None:
            if self.inside:
                self.texts[self.inside][-1] += words

    handler = Texts()
    parse_xml(xml, handler)
    return handler.texts


def _mail(data: bytes) -> list[Entry]:
    message = email.message_from_bytes(data.lstrip()[:HEAD], policy=policy.default)
    sender = [name or address for name, address in getaddresses([str(message.get("From", ""))])]
    try:
        sent = [parsedate_to_datetime(str(message.get("Date", ""))).date().isoformat()]
    except (ValueError, TypeError):
        sent = []
    return entries("mail's headers", {"title": [str(message.get("Subject", ""))], "author": sender, "date": sent})


def _notebook(data: bytes) -> list[Entry]:
    about = json.loads(data).get("metadata", {})
    return _of_mapping("notebook's metadata", about if isinstance(about, dict) else {})


def _front_matter(text: str) -> list[Entry]:
    """Of Markdown: YAML between two rules."""
    match = _FRONT.match(text)
    if not match:
        return []
    import yaml

    try:
        # Every scalar a string and no merging of mappings, with which a small text can be made a huge one.
        mapping = yaml.load(match[1], Loader=yaml.BaseLoader)
    except (yaml.YAMLError, ValueError, RecursionError, TypeError):
        return []
    return _of_mapping("front matter", mapping if isinstance(mapping, dict) else {})


def _of_mapping(origin: str, mapping: Mapping[Any, Any]) -> list[Entry]:
    """Keys as Jekyll, Pandoc and JOSS have them."""
    lower = {str(key).lower(): value for key, value in mapping.items()}
    values: dict[str, list[str]] = {}
    for name, keys in {
        "title": ("title",),
        "author": ("authors", "author"),
        "date": ("date", "published", "year"),
        "venue": ("journal", "venue", "publication"),
        "doi": ("doi",),
        "url": ("url", "permalink"),
        "language": ("lang", "language"),
    }.items():
        value = next((lower[k] for k in keys if lower.get(k)), None)
        values[name] = _names(value) if name == "author" else [str(value)] if isinstance(value, str | int) else []
    return entries(origin, values)


def _several(names: str) -> list[str]:
    """Between semicolons. Runs of spaces go first: a pattern that looks for them takes their square."""
    return [name.strip() for name in " ".join(names.split()).split(";")]


def _names(value: Any) -> list[str]:
    """Authors as text, or as a list of texts or of mappings with a name. What is nested deeper is nobody's name."""
    if isinstance(value, str):
        return [turned(n) for part in _several(value) for n in part.split(" and ") if n]
    if not isinstance(value, list):
        return []
    names = [v.get("name") if isinstance(v, dict) else v for v in value[:MOST_NAMES]]
    return [turned(n) for n in names if isinstance(n, str) and n]


def _fields(text: str) -> list[Entry]:
    """Lines such as "Title: ..." before a text, as RFCs, PEPs, reStructuredText and Project Gutenberg have them."""
    values: dict[str, list[str]] = {}
    lines = [m for line in text[:8000].splitlines()[:40] if (m := _FIELD.match(line.strip()))]
    if len(lines) < 2:  # one alone may be a sentence
        return []
    for m in lines:
        name = {"authors": "author", "published": "date", "created": "date"}.get(m[1].lower(), m[1].lower())
        names = re.split(r"\s*;\s*|,\s+(?=[A-Z])", re.sub(r"<[^>]*>", "", m[2])) if name == "author" else [m[2]]
        values.setdefault(name, names)
    return entries("fields before the text", values)


def _tex(text: str) -> list[Entry]:
    """`\\title{}`, `\\author{}`, `\\date{}` of LaTeX."""
    values = {
        "title": [_latex_text(a) for a in _arguments(text, "title")[:1]],
        "author": [
            _latex_text(re.split(r"\\\\|\\thanks|\\inst|\\affil", name)[0])
            for a in _arguments(text, "author")
            for name in re.split(r"\\and\b|\\And\b|\\AND\b|(?<=\w),\s+(?=[A-Z])", a)
        ],
        "date": [_latex_text(a) for a in _arguments(text, "date")[:1]],
    }
    return entries("LaTeX commands", values)


def _arguments(text: str, command: str) -> list[str]:
    """What stands in braces after a command, braces within counted."""
    arguments = []
    for m in list(re.finditer(rf"\\{command}\s*+(?:\[[^\]]*+\]\s*+)?{{", text[:HEAD]))[:50]:
        depth, at = 1, m.end()
        while at < len(text) and depth and at - m.end() < 5000:
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
        arguments.append(text[m.end() : at - 1])
    return arguments


def _latex_text(tex: str) -> str:
    """Without commands and braces. Accents are the LaTeX reader's to mend."""
    from titans_cli.readers.tex import parse_tex

    try:
        return " ".join(" ".join(p.text for p in parse_tex(tex).pages).split())
    except (ValueError, IndexError):
        return " ".join(re.sub(r"\\[a-zA-Z]+\*?|[{}~$]", " ", tex).split())
