"""What kind of file this is: by its content first, by its suffix where the content does not tell.

Names lie: a paywall's HTML page is saved as paper.pdf, a PDF is renamed to .txt, a .docx is a zip archive.
A wrong name must never make noise enter a memory.
"""

from __future__ import annotations

import re
from pathlib import PurePath

from titans_cli.errors import CorruptError, UnsupportedFormatError

SUFFIXES = {
    ".pdf": "pdf",
    ".txt": "txt",
    ".text": "txt",
    ".log": "txt",
    ".rst": "txt",
    ".md": "md",
    ".markdown": "md",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
}

_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")  # UTF-8, UTF-16/32 LE, UTF-16 BE, UTF-32 BE

_BINARY = (
    (b"PK\x03\x04", "a zip archive or an office document"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old office document"),
    (b"{\\rtf", "a rich-text document"),
    (b"%!PS", "a PostScript file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a rar archive"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"\x7fELF", "a program"),
)

_HTML_START = re.compile(
    rb"\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,2000}?-->\s*)?<(?:!doctype\s+html|html)\b", re.I | re.S
)
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\x0b\x0c\x1b\x08"))
_CONVERT = "Convert it to pdf, html or text first, e.g. pandoc IN -o out.md, or libreoffice --convert-to pdf IN"


def kind_of_name(name: str) -> str | None:
    """The kind a file's suffix stands for, or None for a suffix no reader claims."""
    return SUFFIXES.get(PurePath(name).suffix.lower())


def kind_of(data: bytes, name: str, display: str) -> str:
    """The kind of reader for these bytes; raises for what no reader should touch."""
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
    refuse_binary(data, display)
    if named is None and _HTML_START.match(data[:4096]):
        return "html"
    return named or "txt"


def refuse_binary(data: bytes, display: str) -> None:
    """Raise UnsupportedFormatError for what is not text, whatever it is called."""
    for magic, what in _BINARY:
        if data.startswith(magic):
            raise UnsupportedFormatError(f"this is {what}, not text", subject=display, hint=_CONVERT)
    if data.startswith(_BOMS):
        return
    sample = data[: 1 << 16]
    if b"\x00" in data or len(sample.translate(None, _CONTROLS)) < 0.95 * len(sample):
        raise UnsupportedFormatError("this is binary data, not text", subject=display, hint=_CONVERT)
