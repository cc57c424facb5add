"""What kind of file this is: by its content first, by its suffix where the content does not tell.

Names lie: a paywall's HTML page is saved as paper.pdf, a PDF is renamed to .txt, a .docx is a zip archive.
A wrong name must never make noise enter a memory.
"""

from __future__ import annotations

import io
import re
from pathlib import PurePath
from typing import IO

from titans_cli.errors import CorruptError, EncryptedError, LimitError, UnsupportedFormatError
from titans_cli.readers.encoding import wide_without_mark
from titans_cli.readers.formats import BY_SUFFIX, FORMATS
from titans_cli.readers.package import main_part_of, open_zip

ZIP, GZIP = ".zip", ".gz"  # of any of these; what they hold is read as if it lay in a folder

_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")  # UTF-8, UTF-16/32 LE, UTF-16 BE, UTF-32 BE
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MARKUP = ((b"{\\rtf", "a rich-text document"), (b"%!PS", "a PostScript file"))  # no binary data, and no text to read

_HTML_START = re.compile(
    rb"\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,2000}?-->\s*)?<(?:!doctype\s+html|html)\b", re.I | re.S
)
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\x0b\x0c\x1b\x08"))
_MOST_CONTROLS = 0.05  # of the bytes, in text
_MANY = 8  # control characters: more than slipped into a text
_SURE = 0.4  # of puremagic's confidence: three bytes and more
_NULS = re.compile(rb"\x00+")
_CONVERT = "Convert it to pdf, html or text first, e.g. pandoc IN -o out.md, or libreoffice --convert-to pdf IN"


UNPACK = "Unpack it yourself, and ingest what you need of it"
_PLAIN_ZIP = "a zip archive"
_FOREIGN = {
    "xl/workbook.xml": "a spreadsheet",
    "xl/workbook.bin": "a spreadsheet",
    "content.xml": "an OpenDocument file",
    "META-INF/MANIFEST.MF": "a Java archive",
}


def kind_of_name(name: str) -> str | None:
    """The kind a file's suffix stands for, or None for one no reader claims; `a.txt.gz` is what `a.txt` is."""
    if name.lower().endswith(GZIP):
        name = name[: -len(GZIP)]
    known = BY_SUFFIX.get(PurePath(name).suffix.lower())
    return known.kind if known else None


def is_zip_name(name: str) -> bool:
    return name.lower().endswith(ZIP)


def kind_of_zip(file: IO[bytes]) -> tuple[str | None, str]:
    """(the kind of document it is or None, what it is in words). Raises as `open_zip`."""
    with open_zip(file) as archive:
        names, main = set(archive.namelist()), main_part_of(archive)
    for known in FORMATS.values():
        if known.part and (known.part in names or main.startswith(known.part) or f"{known.part}document.xml" in names):
            return known.kind, known.kind
    for name, described in _FOREIGN.items():
        if name in names and ("mimetype" in names or name != "content.xml"):
            return None, described
    return None, _PLAIN_ZIP


def _kind_of_package(data: bytes, named: str | None, display: str, member: bool) -> str:
    """Word, slides or a book: all are zip archives, and which of them shows inside."""
    try:
        kind, described = kind_of_zip(io.BytesIO(data))
    except Exception as error:
        if isinstance(error, LimitError):
            raise LimitError(error.what, subject=display, hint="Unpack it, and ingest what you need of it") from error
        if _is_package(named):
            words = " ".join(str(error).split())[:160] or type(error).__name__
            hint = "Download it again, or open it in its program and save it again"
            raise CorruptError(f"it is damaged: {words}", subject=display, hint=hint) from error
        described = "a damaged zip archive or office document"
        if member:
            raise CorruptError(f"this is {described}", subject=display, hint=UNPACK) from error
        raise UnsupportedFormatError(f"this is {described}, not text", subject=display, hint=_CONVERT) from error
    if kind is not None:
        return kind
    if member and described == _PLAIN_ZIP:
        raise nested(display)
    hint = f"Give it a name that ends in {ZIP}: then its members are read" if described == _PLAIN_ZIP else _CONVERT
    raise UnsupportedFormatError(f"this is {described}, not text", subject=display, hint=hint)


def _is_package(kind: str | None) -> bool:
    return kind is not None and bool(FORMATS[kind].part)


def nested(display: str) -> UnsupportedFormatError:
    """Archives are looked into one level deep: what is packed twice is seldom papers, and often a trap."""
    return UnsupportedFormatError("this is an archive in an archive", subject=display, hint=UNPACK)


def kind_of(data: bytes, name: str, display: str, *, member: bool = False) -> str:
    """The kind of reader for these bytes; raises for what no reader should touch. `member`: of an archive."""
    named = kind_of_name(name)
    if b"%PDF-" in data[:1024]:
        return "pdf"
    if named == "pdf":
        if _HTML_START.match(data[:4096]):
            raise CorruptError(
                "it is called a PDF but is an HTML page, often a download that went wrong",
                subject=display,
                hint="Download it again, or rename it to .html to read it as it is",
            )
        if data and not data.isspace() and b"startxref" not in data:
            raise CorruptError(
                "it is called a PDF but does not look like one",
                subject=display,
                hint="Download it again, or give it the suffix that fits its content",
            )
        return "pdf"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _kind_of_package(data, named, display, member)
    if data.startswith(_OLE) and "EncryptedPackage".encode("utf-16-le") in data:
        hint = "Open it with its password and save a copy without one"
        raise EncryptedError("it is encrypted and needs a password", subject=display, hint=hint)
    refuse_binary(data, display)
    if _is_package(named):
        problem = f"it is called .{named} but does not look like one"
        hint = "Download it again, or give it the suffix that fits its content"
        raise CorruptError(problem, subject=display, hint=hint)
    is_html = _HTML_START.match(data[:4096]) is not None
    if is_html and named is not None and FORMATS[named].page_in_error:
        problem = f"it is called {PurePath(name).suffix} but is an HTML page, often a download that went wrong"
        raise CorruptError(
            problem, subject=display, hint="Download it again, or rename it to .html to read it as it is"
        )
    if named is None and is_html:
        return "html"
    return named or "txt"


def refuse_binary(data: bytes, display: str) -> None:
    """Raise UnsupportedFormatError for what is not text, whatever it is called."""
    if data[257:262] == b"ustar":
        described = "this is a tar archive, not text"
        raise UnsupportedFormatError(described, subject=display, hint="Unpack it, and ingest the folder")
    for start, described in _MARKUP:
        if data.startswith(start):
            raise UnsupportedFormatError(f"this is {described}, not text", subject=display, hint=_CONVERT)
    if data.startswith(_BOMS) or wide_without_mark(data):
        return
    # A program that died leaves holes of zeros in its log: each counts once.
    sample = _NULS.sub(b"\0", data[: 1 << 16])
    if len(sample.translate(None, _CONTROLS)) < (1 - _MOST_CONTROLS) * len(sample):
        described = f"this is {kind}, not text" if (kind := _name_of(data)) else _controls(sample)
        raise UnsupportedFormatError(described, subject=display, hint=_CONVERT)


def _controls(sample: bytes) -> str:
    """What is said of bytes that nobody knows: how many of them no text has."""
    count = len(sample) - len(sample.translate(None, _CONTROLS))
    if count == len(sample) or count > _MANY:
        return "this is binary data, not text"
    are = "is a control character" if count == 1 else "are control characters"
    return f"{count} of its {len(sample)} bytes {are}, and text holds next to none"


def _name_of(data: bytes) -> str | None:
    """What binary data is, by the bytes it begins with, as far as puremagic knows them."""
    import puremagic

    try:
        matches = puremagic.magic_string(data[: 1 << 16])
    except (puremagic.PureError, ValueError):
        return None
    return f"binary data ({matches[0].name.strip()})" if matches and matches[0].confidence >= _SURE else None
