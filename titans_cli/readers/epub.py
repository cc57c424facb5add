"""Books (epub): one page for every file of the book's spine, in reading order and numbered as the spine has them."""

from __future__ import annotations

import io
import posixpath
from collections.abc import Mapping
from urllib.parse import unquote

from titans_cli.errors import CorruptError, EncryptedError
from titans_cli.readers.clean import mend_characters
from titans_cli.readers.dates import year_in
from titans_cli.readers.encoding import declared_charset, decode
from titans_cli.readers.html import extract_html
from titans_cli.readers.package import Package
from titans_cli.readers.parsed import ParsedDocument, short, totals
from titans_cli.readers.xml import FirstTexts, XmlHandler, parse_xml
from titans_cli.records import Page

# What a reader of books shows as text: XHTML, and what came before it (OEB 1, DAISY), and drawings with words.
_TEXTS = frozenset(
    "application/xhtml+xml text/html application/x-dtbook+xml text/x-oeb1-document application/xml text/xml "
    "image/svg+xml text/plain".split()
)
_FONT_KEYS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")  # scrambled fonts, not text


def extract_epub(data: bytes) -> ParsedDocument:
    package = Package(io.BytesIO(data))
    container = _Container()
    parse_xml(package.needed("META-INF/container.xml"), container)
    if not container.root:
        raise CorruptError("its container names no book")
    opf = _Opf()
    parse_xml(package.needed(container.root), opf)
    folder = posixpath.dirname(container.root)
    spine = [
        posixpath.normpath(posixpath.join(folder, unquote(opf.files.get(item, ("", ""))[0]))) for item in opf.spine
    ]
    if not spine:
        raise CorruptError("it has no chapters in reading order")
    rights = package.part("META-INF/encryption.xml")
    if rights:
        locked = _Encryption()
        parse_xml(rights, locked)
        if locked.files & set(spine):
            raise EncryptedError("it is copy-protected")
    pages, notes, left_out = [], [], []
    for number, (item, name) in enumerate(zip(opf.spine, spine, strict=True), 1):
        kind = opf.files.get(item, ("", ""))[1]
        part = package.part(name) if item in opf.files else None
        if part is None:
            notes.append(f"part {number}: skipped, its file {name[:100] or item[:100]} is missing")
        elif kind not in _TEXTS:
            notes.append(f"part {number}: skipped, {name[:100]} is no text ({kind[:100]})")
        if part is None or kind not in _TEXTS:
            left_out.append(("part", 1))
            continue
        words, doubts = decode(part, name, declared=declared_charset(part))
        page = extract_html(words, xml=True)
        left_out += page.omissions
        notes += [f"part {number}: {doubt}" for doubt in doubts]
        if page.text:
            pages.append(Page(number, page.text))
    stated = opf.texts
    title, year = short(mend_characters(stated.get("title", ""))), year_in(stated.get("date"))
    return ParsedDocument(title, tuple(pages), tuple(notes[:20]), year, totals(left_out))


class _Container(XmlHandler):
    root = ""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "rootfile" and not self.root:
            self.root = attributes.get("full-path", "")


class _Opf(FirstTexts):
    """The book's table: its title and date, which files there are, and which are read one after another."""

    def __init__(self) -> None:
        super().__init__("title", "date")
        self.files: dict[str, tuple[str, str]] = {}  # the address and the media type of each
        self.spine: list[str] = []

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        super().start(name, attributes)
        if name == "item":
            self.files[attributes.get("id", "")] = (attributes.get("href", ""), attributes.get("media-type", ""))
        elif name == "itemref":
            self.spine.append(attributes.get("idref", ""))


class _Encryption(XmlHandler):
    """The files that are encrypted for anything but an obfuscated font."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.font = False

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "EncryptedData":
            self.font = False
        elif name == "EncryptionMethod":
            self.font = attributes.get("Algorithm", "") in _FONT_KEYS
        elif name == "CipherReference" and not self.font:
            self.files.add(unquote(attributes.get("URI", "")))
