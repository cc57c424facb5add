"""Slides (pptx): a page for every slide in the order they are shown, with its tables and the speaker's notes.

Read from the XML itself: of all that is on a slide only the words are wanted, and they stand in paragraphs of one form
in text boxes, tables, notes and comments alike.
"""

from __future__ import annotations

import io
import posixpath
from collections import Counter
from collections.abc import Mapping

from titans_cli.readers.clean import mend_characters, tidy_prose
from titans_cli.readers.dates import year_in
from titans_cli.readers.package import Package
from titans_cli.readers.parsed import ParsedDocument, short, totals
from titans_cli.readers.scripts import subscript, superscript
from titans_cli.readers.xml import FirstTexts, XmlHandler, parse_xml
from titans_cli.records import Page

_OTHERS = {"chart": "chart", "diagramData": "diagram", "oleObject": "embedded file", "package": "embedded file"}
_OTHERS |= {"image": "picture", "video": "recording", "audio": "recording", "media": "recording"}
_PLACEHOLDERS = frozenset(("dt", "ftr", "sldNum"))  # date, footer and number of every slide


def extract_pptx(data: bytes) -> ParsedDocument:
    package = Package(io.BytesIO(data))
    main = package.main_part("ppt/presentation.xml")
    about = FirstTexts("title", "created")
    if properties := package.part("docProps/core.xml"):
        parse_xml(properties, about)
    order = _Order()
    parse_xml(package.needed(main), order)
    slides = _relations(package, main)
    counts: Counter[str] = Counter()
    pages, notes, title = [], [], None
    for number, key in enumerate(order.slides, 1):
        name = slides.get(key, ("", ""))[1]
        part = package.part(name)
        if part is None:
            notes.append(f"slide {number}: skipped, its file {name[:100]} is missing")
            counts["slide"] += 1
            continue
        slide = _Slide()
        parse_xml(part, slide)
        title = title or short(slide.title)
        blocks = slide.blocks
        for kind, target in _relations(package, name).values():
            if kind in ("notesSlide", "comments") and (aside := package.part(target)) is not None:
                words = _Slide()
                parse_xml(aside, words)
                blocks += [f"{'Notes' if kind == 'notesSlide' else 'Comment'}: {block}" for block in words.blocks]
            elif kind in _OTHERS:
                counts[_OTHERS[kind]] += 1
        if text := tidy_prose("\n\n".join(blocks)):
            pages.append(Page(number, text))
    stated = short(mend_characters(about.texts.get("title", "")))
    return ParsedDocument(
        stated or title, tuple(pages), tuple(notes[:20]), year_in(about.texts.get("created")), totals(counts.items())
    )


def _relations(package: Package, name: str) -> dict[str, tuple[str, str]]:
    """What a part refers to: by its key there, the kind of thing and the part's name."""
    folder, base = posixpath.split(name)
    part = package.part(f"{folder}/_rels/{base}.rels")
    relations = _Relations(folder)
    if part is not None:
        parse_xml(part, relations)
    return relations.targets


class _Relations(XmlHandler):
    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.targets: dict[str, tuple[str, str]] = {}

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "Relationship" and attributes.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/", self.folder, attributes.get("Target", ""))).lstrip("/")
            self.targets[attributes.get("Id", "")] = (attributes.get("Type", "").rpartition("/")[2], target)


class _Order(XmlHandler):
    """The slides' keys in the order they are shown. `id` is both a number and, in another namespace, the key."""

    def __init__(self) -> None:
        self.slides: list[str] = []

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "sldId":
            self.slides.append(attributes.get("id", ""))


class _Slide(XmlHandler):
    """Paragraphs of text boxes, rows of tables. The title's box is marked as such."""

    def __init__(self) -> None:
        self.blocks: list[str] = []
        self.title = ""
        self.placeholder = ""
        self.words: list[str] = []
        self.cells: list[str] | None = None
        self.raised = 0
        self.inside = False  # of a run's text

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "sp":
            self.placeholder = ""
        elif name == "ph":
            self.placeholder = attributes.get("type", "body")
        elif name == "tr":
            self.cells = []
        elif name == "tc" and self.cells is not None:
            self.cells.append("")
        elif name == "rPr":
            raised = attributes.get("baseline", "0")
            self.raised = int(raised) if raised.lstrip("-").isdecimal() and len(raised) < 9 else 0
        elif name in ("r", "fld"):
            self.raised = 0
        elif name == "br":
            self.words.append("\n")
        elif name in ("t", "text"):
            self.inside = True

    def text(self, words: str) -> None:
        if self.inside:
            before = "".join(self.words[-1:])
            script = superscript if self.raised > 0 else subscript
            self.words.append(script(before, words) if self.raised else words)

    def end(self, name: str) -> None:
        if name in ("t", "text"):
            self.inside = False
        if name in ("p", "text"):
            self.close()
        elif name == "tr" and self.cells is not None:
            self.blocks.append(" | ".join(self.cells))
            self.cells = None

    def close(self) -> None:
        text, self.words = mend_characters("".join(self.words)).strip(), []
        if not text or self.placeholder in _PLACEHOLDERS:
            return
        if self.cells:
            self.cells[-1] = f"{self.cells[-1]} {text}".strip()
            return
        if self.placeholder in ("title", "ctrTitle"):
            self.title = self.title or text
        self.blocks.append(text)
