"""Books (epub): one page for every file of the book's spine, in reading order."""

from __future__ import annotations

import io
import posixpath
import re
from collections.abc import Mapping
from urllib.parse import unquote

from titans_cli.errors import CorruptError, EncryptedError
from titans_cli.readers.clean import mend_characters, tidy_prose
from titans_cli.readers.dates import year_in
from titans_cli.readers.encoding import declared_charset, decode
from titans_cli.readers.html import extract_html
from titans_cli.readers.package import Package
from titans_cli.readers.parsed import Parsed, short
from titans_cli.readers.xml import FirstTexts, Handler, parse_xml
from titans_cli.records import Page

# XHTML may close what HTML cannot: `<title/>` would swallow the chapter.
_SELF_CLOSED = re.compile(r"<(script|style|title|a|textarea|p|div|span|i|b|em)((?:\s[^<>]{0,500})?)/>", re.I)
_FONT_KEYS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")  # scrambled fonts, not text


def extract_epub(data: bytes) -> Parsed:
    package = Package(io.BytesIO(data))
    container = _Container()
    parse_xml(package.needed("META-INF/container.xml"), container)
    if not container.root:
        raise CorruptError("its container names no book")
    opf = _Opf()
    parse_xml(package.needed(container.root), opf)
    folder = posixpath.dirname(container.root)
    spine = [posixpath.normpath(posixpath.join(folder, opf.files[item])) for item in opf.spine if item in opf.files]
    if not spine:
        raise CorruptError("it has no chapters in reading order")
    rights = package.part("META-INF/encryption.xml")
    if rights:
        locked = _Encryption()
        parse_xml(rights, locked)
        if locked.files & set(spine):
            raise EncryptedError("it is copy-protected")
    pages, notes = [], []
    for number, name in enumerate(spine, 1):
        part = package.part(name)
        if part is None:
            notes.append(f"part {number}: skipped, its file {name[:100]} is missing")
            continue
        words, _ = decode(part, name, declared=declared_charset(part))
        clean = tidy_prose(mend_characters(extract_html(_SELF_CLOSED.sub(r"<\1\2></\1>", words)).text))
        if clean:
            pages.append(Page(number, clean))
    stated = opf.found
    return Parsed(
        short(mend_characters(stated.get("title", ""))), tuple(pages), tuple(notes[:20]), year_in(stated.get("date"))
    )


class _Container(Handler):
    root = ""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "rootfile" and not self.root:
            self.root = attributes.get("full-path", "")


class _Opf(FirstTexts):
    """The book's table: its title and date, which files there are, and which are read one after another."""

    def __init__(self) -> None:
        super().__init__("title", "date")
        self.files: dict[str, str] = {}
        self.spine: list[str] = []

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        super().start(name, attributes)
        if name == "item":
            is_contents = "nav" in attributes.get("properties", "").split()
            if "html" in attributes.get("media-type", "") and not is_contents:
                self.files[attributes.get("id", "")] = unquote(attributes.get("href", ""))
        elif name == "itemref":
            self.spine.append(attributes.get("idref", ""))


class _Encryption(Handler):
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
