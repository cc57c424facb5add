"""The card of a PDF, inside the worker: its metadata, the look of its first page, and what is printed there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.parsers.expat import ExpatError

from titans_cli.cards import Card, Entry, filled, folded
from titans_cli.errors import CorruptError
from titans_cli.readers.cards.firstpage import agree, authors_of, is_name, stated_names, title_of
from titans_cli.readers.cards.imprint import FIRST_PAGE, printed
from titans_cli.readers.cards.layout import Layout, pdfium_layout, pypdf_layout
from titans_cli.readers.cards.stated import entries as made_entries
from titans_cli.readers.pdf import open_pdf
from titans_cli.readers.pdf_page import told_title
from titans_cli.readers.xml import XmlHandler, parse_xml

METADATA = "PDF metadata"
_SET_BY_TEX = re.compile(r"\btex\b|pdftex|xetex|luatex|luahbtex|dvipdfm|dvips", re.I)
_PDF_DATE = re.compile(r"\s*(?:D:)?\s*((?:19|20)\d\d)(\d\d)?(\d\d)?")
HEADS = 2  # pages whose heads and feet are looked at
_LEAST_SHARED = 0.8  # of the words of a stated title, on the first page: else it is of another document


def pdf_card(data: bytes) -> Sequence[Entry]:
    """Metadata is believed where the first page bears it out: many a file was made from another document's."""
    pdf = open_pdf(data)
    pages = [_layout(pdf, i) for i in range(min(pdf.count, HEADS))]
    return card(_metadata(pdf), xmp(data), pages).entries


def _metadata(pdf: Any) -> dict[str, str]:
    """What the metadata states, by the names the format has for it."""
    if hasattr(pdf, "document"):  # PDFium
        return {key: str(value) for key, value in pdf.document.get_metadata_dict().items()}
    metadata = {key.lstrip("/"): str(value) for key, value in (pdf.reader.metadata or {}).items()}
    return metadata | {"Lang": str(pdf.reader.root_object.get("/Lang") or "")}


def _layout(pdf: Any, index: int) -> Layout:
    if not hasattr(pdf, "document"):
        return pypdf_layout(pdf.reader.pages[index])
    page = pdf.document[index]
    try:
        return pdfium_layout(page)
    finally:
        page.close()


def card(metadata: Mapping[str, str], described: Sequence[Entry], pages: Sequence[Layout]) -> Card:
    """`metadata`: Title, Author, CreationDate, Producer, Creator, Lang as far as stated; `described`: what XMP says."""
    first = pages[0] if pages else Layout(1.0, ())
    text = first.text()
    looks: list[Entry] = []
    if title := title_of(first):
        looks.append(Entry("title", title, f"{FIRST_PAGE}, largest type"))
    seen = authors_of(first)
    looks += [Entry("author", name, f"{FIRST_PAGE}, below the title") for name in seen]
    imprint = printed([line.text for line in first.lines], [line for page in pages for line in page.margins()])
    dated, made = list(imprint.entries), _made(metadata)
    if made and not imprint.dated:
        dated = _not_before(dated, made, metadata)
    last = [Entry("date", made, f"{METADATA}, when the file was made")] if made else []
    info = [Entry("title", told_title(metadata.get("Title")) or "", METADATA)]
    info += [Entry("author", n, METADATA) for n in stated_names(metadata.get("Author", ""))]
    info.append(Entry("language", metadata.get("Lang", "").strip()[:40], METADATA))
    return filled(_borne_out(described, text, seen), _borne_out(info, text, seen), looks, dated, last)


def _borne_out(entries: Sequence[Entry], text: str, seen: Sequence[str]) -> list[Entry]:
    """Without a title or authors that the first page does not have."""
    here = set(folded(text).split())
    wrong: set[str] = set()
    for e in entries:
        words = folded(e.value).split()
        if e.field == "title" and here and sum(w in here for w in words) < _LEAST_SHARED * len(words):
            wrong.add("title")
    names = [e.value for e in entries if e.field == "author"]
    if len(names) < len(seen) or not all(map(is_name, names)) or (here and not agree(names, text)):
        wrong.add("author")
    return [e for e in entries if e.field not in wrong]


def _made(metadata: Mapping[str, str]) -> str | None:
    date = _PDF_DATE.match(metadata.get("CreationDate", ""))
    return "-".join(p for p in date.groups() if p) if date else None


def _not_before(entries: Sequence[Entry], made: str, metadata: Mapping[str, str]) -> list[Entry]:
    """A volume or meeting gives its own year to all its papers. One that was typeset later was published later."""
    later = _SET_BY_TEX.search(f"{metadata.get('Producer', '')} {metadata.get('Creator', '')}") is not None
    return [
        Entry("date", made[:4], f"{METADATA}, when it was typeset")
        if e.field == "date" and later and e.value[:4] < made[:4]
        else e
        for e in entries
    ]


# ---------------------------------------------------------------- XMP

_OPENS, _CLOSES, _LONGEST_PACKET = b"<x:xmpmeta", b"</x:xmpmeta>", 200_000
_XMP = {
    "title": "title",
    "creator": "author",
    "publicationName": "venue",
    "publicationDate": "date",
    "coverDate": "date",
    "volume": "volume",
    "number": "issue",
    "doi": "doi",
}


class _Xmp(XmlHandler):
    """Texts of the elements that name a field, or of the items of lists in them."""

    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}
        self.field: str | None = None
        self.depth = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if self.field is None:
            self.field, self.depth = _XMP.get(name), 0
            if self.field:
                self.texts.setdefault(self.field, []).append("")
            return
        self.depth += 1
        if name == "li" and self.texts[self.field][-1].strip():
            self.texts[self.field].append("")

    def end(self, name: str) -> None:
        if self.field is not None:
            self.depth -= 1
            self.field = self.field if self.depth >= 0 else None

    def text(self, words: str) -> None:
        if self.field is not None:
            self.texts[self.field][-1] += words


def xmp(data: bytes) -> list[Entry]:
    """What the file's XMP packet says, if it has one that is not compressed or encrypted."""
    start = data.find(_OPENS)
    end = data.find(_CLOSES, start, start + _LONGEST_PACKET) if start >= 0 else -1
    if end < 0:
        return []
    handler = _Xmp()
    try:
        parse_xml(data[start : end + len(_CLOSES)], handler)
    except (ExpatError, CorruptError):
        return []
    values = {name: [t for t in texts if t.strip()] for name, texts in handler.texts.items()}
    values["title"] = [t for t in values.get("title", [])[:1] if told_title(t)]
    return made_entries("XMP metadata", values)
