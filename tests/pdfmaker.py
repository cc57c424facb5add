"""PDFs built by hand, for tests: no file of anyone's is needed, and every defect is there on purpose.

make_pdf(["page one", "page two"], title="A title")   a plain, valid PDF
build_pdf([text_page("fine"), slow_page(), ...])      pages of any kind, good and bad, in one file
"""

from __future__ import annotations

import io
import textwrap
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

COLUMNS = 80


@dataclass(frozen=True)
class PageSpec:
    """A page's content stream, the entries its stream dictionary needs, and a form or image it can `Do` as /X1."""

    content: bytes
    entries: bytes = b""
    xobject: bytes | None = None  # a complete stream object, without "n 0 obj"
    fonts: bool = True
    annotations: tuple[bytes, ...] = ()  # dictionaries, each within << >>
    font: bytes | None = None  # a dictionary in the place of Helvetica, as /F1


def make_pdf(pages: Sequence[str], *, title: str | None = None, made: str | None = None) -> bytes:
    """A valid PDF with one page of Helvetica per string, lines wrapped; newlines in the string are kept."""
    return build_pdf([text_page(page) for page in pages], title=title, made=made)


def text_page(text: str) -> PageSpec:
    lines = [line for part in text.split("\n") for line in (textwrap.wrap(part, COLUMNS) or [""])]
    leading = min(14.0, 700.0 / max(len(lines), 1))
    shown = b"".join(b"(" + _escape(line) + b") Tj T*\n" for line in lines)
    return PageSpec(b"BT /F1 11 Tf %.2f TL 72 760 Td\n" % leading + shown + b"ET")


def lines_page(lines: Sequence[str]) -> PageSpec:
    """A page with exactly these lines, none wrapped."""
    shown = b"".join(b"(" + _escape(line) + b") Tj T*\n" for line in lines)
    return PageSpec(b"BT /F1 11 Tf 14 TL 72 760 Td\n" + shown + b"ET")


def placed_page(items: Sequence[tuple[float, float, float, str]], **more: Any) -> PageSpec:
    """Runs of text where they are put: x, y, size, text. In this order in the file, whatever the places."""
    shown = b"".join(b"BT /F1 %g Tf %g %g Td (%s) Tj ET\n" % (size, x, y, _escape(text)) for x, y, size, text in items)
    return PageSpec(shown, **more)


def gaps_page(words: Sequence[str], gap: int) -> PageSpec:
    """One line whose words are set apart by a gap of so many thousandths, not by a space character."""
    shown = b" %d " % -gap
    return PageSpec(
        b"BT /F1 11 Tf 72 760 Td [" + shown.join(b"(" + _escape(word) + b")" for word in words) + b"] TJ ET"
    )


def scanned_page() -> PageSpec:
    """An image and nothing else."""
    image = b"<< /Type /XObject /Subtype /Image /Width 2 /Height 2 /ColorSpace /DeviceGray /BitsPerComponent 8"
    return PageSpec(b"q 500 0 0 700 50 50 cm /X1 Do Q", xobject=_stream(b"\x00\xff\xff\x00", image[3:]), fonts=False)


def slow_page() -> PageSpec:
    """Takes a parser minutes: a thousand calls of a form that shows thousands of letters."""
    form = b"BT /F1 9 Tf " + b"(a) Tj 1 0 Td " * 5000 + b"ET"
    head = b"/Type /XObject /Subtype /Form /BBox [0 0 600 800] /Resources << /Font << /F1 3 0 R >> >>"
    return PageSpec(b"/X1 Do " * 4000, xobject=_stream(form, head))


def bomb_page(megabytes: int = 70) -> PageSpec:
    """A small content stream that decompresses to this much."""
    packer = zlib.compressobj(9)
    block = b" " * (1 << 20)
    packed = b"".join([*(packer.compress(block) for _ in range(megabytes)), packer.flush()])
    return PageSpec(packed, b"/Filter /FlateDecode")


def nested_page() -> PageSpec:
    """Arrays within arrays, a hundred thousand deep."""
    return PageSpec(b"BT /F1 11 Tf " + b"[" * 100_000 + b"]" * 100_000 + b" TJ ET")


def garbled_page() -> PageSpec:
    """A content stream packed in a way no reader knows."""
    return PageSpec(b"BT /F1 11 Tf (lost) Tj ET", b"/Filter /NoSuchDecode")


def empty_page() -> PageSpec:
    return PageSpec(b"")


def encrypted_pdf(pages: Sequence[str], password: str = "secret") -> bytes:
    """Encrypted with RC4, which pypdf does by itself; with an empty password anyone may read it."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(make_pdf(pages))))
    writer.encrypt(user_password=password, owner_password="owner", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def build_pdf(pages: Sequence[PageSpec], *, title: str | None = None, made: str | None = None) -> bytes:
    """The file: catalog 1, page tree 2, font 3, information 4, then each page, its content and its /X1."""
    objects: dict[int, bytes] = {
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        4: b"<< /Producer (pdfmaker)"
        + (b" /Title (" + _escape(title) + b")" if title is not None else b"")
        + (b" /CreationDate (" + _escape(made) + b")" if made is not None else b"")
        + b" >>",
    }
    kids = []
    for i, page in enumerate(pages):
        number = 5 + 3 * i
        kids.append(b"%d 0 R" % number)
        font = b"3 0 R" if page.font is None else page.font
        resources = b"/Font << /F1 %s >> " % font if page.fonts else b""
        if page.xobject is not None:
            resources += b"/XObject << /X1 %d 0 R >>" % (number + 2)
            objects[number + 2] = page.xobject
        objects[number] = (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 842] /Resources << %s >> /Contents %d 0 R /Annots [%s] >>"
            % (resources, number + 1, b" ".join(page.annotations))
        )
        objects[number + 1] = _stream(page.content, page.entries)
    objects[1] = b"<< /Type /Catalog /Pages 2 0 R >>"
    objects[2] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), b" ".join(kids))
    return _assemble(objects)


def _assemble(objects: dict[int, bytes]) -> bytes:
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    size = max(objects) + 1
    offsets: dict[int, int] = {}
    for number in sorted(objects):
        offsets[number] = len(out)
        out += b"%d 0 obj\n" % number + objects[number] + b"\nendobj\n"
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % size
    for number in range(1, size):
        out += b"%010d 00000 n \n" % offsets[number] if number in offsets else b"0000000000 00000 f \n"
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info 4 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, table)
    return bytes(out)


def _stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<< %s /Length %d >>\nstream\n" % (entries, len(content)) + content + b"\nendstream"


def _escape(text: str) -> bytes:
    return text.encode("cp1252", "replace").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
