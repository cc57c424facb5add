"""One text written as every format that can be written here: what `benchmarks.extraction` has read back.

Each writer takes paragraphs (no line breaks in them) and returns the bytes of a file, as plainly as the format allows.
What a format has to say beside the text (a column's name, a message's headers) stands in `BESIDE`: a reader may keep
these words or leave them out, and neither counts.
"""

from __future__ import annotations

import csv
import gzip
import html
import io
import json
import mailbox
import re
import tempfile
import textwrap
import zipfile
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from pathlib import Path

Paragraphs = Sequence[str]
BESIDE = (
    "text Subject From To Date Mon 05 Apr 2021 10 00 0000 a file nobody example org"  # words of the formats themselves
)
_XML = '<?xml version="1.0" encoding="utf-8"?>'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def _plain(paragraphs: Paragraphs) -> bytes:
    return "\n\n".join(paragraphs).encode()


def _wrapped(paragraphs: Paragraphs) -> bytes:
    """At 72 characters, as mail and old text files are."""
    return "\n\n".join(textwrap.fill(paragraph, 72) for paragraph in paragraphs).encode()


def _markdown(paragraphs: Paragraphs) -> bytes:
    return "\n\n".join(re.sub(r"([\\`*_\[\]<>&#~|$])", r"\\\1", paragraph) for paragraph in paragraphs).encode()


def _page(paragraphs: Paragraphs) -> str:
    body = "".join(f"<p>{html.escape(paragraph)}</p>\n" for paragraph in paragraphs)
    return f'<!DOCTYPE html><html><head><meta charset="utf-8"></head><body>\n{body}</body></html>'


def _rst(paragraphs: Paragraphs) -> bytes:
    return "\n\n".join(re.sub(r"([\\`*_|:])", r"\\\1", paragraph) for paragraph in paragraphs).encode()


_TEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{c: rf"\{c}" for c in "&%$#_{}"},
}


def _tex(paragraphs: Paragraphs) -> bytes:
    body = "\n\n".join("".join(_TEX.get(c, c) for c in paragraph) for paragraph in paragraphs)
    return f"\\documentclass{{article}}\n\\begin{{document}}\n{body}\n\\end{{document}}\n".encode()


def _zipped(members: dict[str, str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return file.getvalue()


def _relations(*targets: tuple[str, str]) -> str:
    rows = "".join(f'<Relationship Id="r{i}" Type="{t}" Target="{to}"/>' for i, (t, to) in enumerate(targets, 1))
    return f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{rows}</Relationships>'


def _types(*parts: tuple[str, str]) -> str:
    rows = "".join(f'<Override PartName="{name}" ContentType="{kind}"/>' for name, kind in parts)
    default = '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    return f'{_XML}<Types xmlns="{_PACKAGE}/content-types">{default}{rows}</Types>'


def _docx(paragraphs: Paragraphs) -> bytes:
    w = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    rows = (f'<w:p><w:r><w:t xml:space="preserve">{html.escape(p)}</w:t></w:r></w:p>' for p in paragraphs)
    return _zipped(
        {
            "[Content_Types].xml": _types(("/word/document.xml", kind)),
            "_rels/.rels": _relations((f"{_OFFICE}/officeDocument", "word/document.xml")),
            "word/document.xml": f'{_XML}<w:document xmlns:w="{w}"><w:body>{"".join(rows)}</w:body></w:document>',
        }
    )


def _pptx(paragraphs: Paragraphs) -> bytes:
    """A slide a paragraph."""
    spaces = (
        f'xmlns:r="{_OFFICE}" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
        ' xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
    )
    kind = "application/vnd.openxmlformats-officedocument.presentationml"
    group = '<p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>'
    shape = '<p:nvSpPr><p:cNvPr id="2" name=""/><p:cNvSpPr txBox="1"/><p:nvPr/></p:nvSpPr><p:spPr/>'
    slides = {
        f"ppt/slides/slide{i}.xml": f"{_XML}<p:sld {spaces}><p:cSld><p:spTree>{group}<p:sp>{shape}<p:txBody><a:bodyPr/>"
        f"<a:p><a:r><a:t>{html.escape(text)}</a:t></a:r></a:p></p:txBody></p:sp></p:spTree></p:cSld></p:sld>"
        for i, text in enumerate(paragraphs, 1)
    }
    listed = "".join(f'<p:sldId id="{255 + i}" r:id="r{i}"/>' for i in range(1, len(slides) + 1))
    return _zipped(
        {
            "[Content_Types].xml": _types(
                ("/ppt/presentation.xml", f"{kind}.presentation.main+xml"),
                *((f"/{name}", f"{kind}.slide+xml") for name in slides),
            ),
            "_rels/.rels": _relations((f"{_OFFICE}/officeDocument", "ppt/presentation.xml")),
            "ppt/presentation.xml": f"{_XML}<p:presentation {spaces}><p:sldIdLst>{listed}</p:sldIdLst>"
            "</p:presentation>",
            "ppt/_rels/presentation.xml.rels": _relations(
                *((f"{_OFFICE}/slide", name.removeprefix("ppt/")) for name in slides)
            ),
            **slides,
        }
    )


def _epub(paragraphs: Paragraphs) -> bytes:
    """A part every five paragraphs."""
    parts = [paragraphs[i : i + 5] for i in range(0, len(paragraphs), 5)]
    items = "".join(
        f'<item id="c{i}" href="c{i}.xhtml" media-type="application/xhtml+xml"/>' for i in range(len(parts))
    )
    spine = "".join(f'<itemref idref="c{i}"/>' for i in range(len(parts)))
    body = ("".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in part) for part in parts)
    page = '<html xmlns="http://www.w3.org/1999/xhtml"><head><title></title></head><body>{}</body></html>'
    return _zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container version="1.0"'
            ' xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="book.opf"'
            ' media-type="application/oebps-package+xml"/></rootfiles></container>',
            "book.opf": '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata'
            ' xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>A file</dc:title></metadata>'
            f"<manifest>{items}</manifest><spine>{spine}</spine></package>",
            **{f"c{i}.xhtml": _XML + page.format(text) for i, text in enumerate(body)},
        }
    )


def _notebook(paragraphs: Paragraphs) -> bytes:
    cells = [{"cell_type": "markdown", "metadata": {}, "source": _markdown([p]).decode()} for p in paragraphs]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def _table(paragraphs: Paragraphs, delimiter: str) -> bytes:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter).writerows([["text"], *([paragraph] for paragraph in paragraphs)])
    return file.getvalue().encode()


def _message(paragraphs: Paragraphs, *, subtype: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = message["To"] = "nobody@example.org"
    message["Subject"] = "A file"
    message["Date"] = "Mon, 05 Apr 2021 10:00:00 +0000"
    body = _page(paragraphs) if subtype == "html" else _plain(paragraphs).decode()
    message.set_content(body + "\n", subtype=subtype)
    return message


def _mbox(paragraphs: Paragraphs) -> bytes:
    """A message every five paragraphs, as the standard library writes a mailbox."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "box"
        box = mailbox.mbox(path)
        for i in range(0, len(paragraphs), 5):
            box.add(_message(paragraphs[i : i + 5], subtype="plain"))
        box.close()
        return path.read_bytes()


# ---------------------------------------------------------------- pdf

_WIDTH, _LEADING, _TOP, _LINES = 612, 12, 740, 56
_SIZE = 10  # points; a letter of Courier is 6 wide


def _encodable(paragraphs: Paragraphs) -> list[str]:
    return [paragraph.encode("cp1252", "ignore").decode("cp1252") for paragraph in paragraphs]


def _pdf(paragraphs: Paragraphs, *, columns: int = 1, by_row: bool = False) -> bytes:
    """Courier in one or two columns, first lines indented. `by_row`: the lines of both in turn."""
    width = (_WIDTH - 2 * 54 - (columns - 1) * 24) // columns
    lines = [
        line
        for paragraph in _encodable(paragraphs)
        for line in textwrap.wrap(paragraph, width // 6, initial_indent="  ", break_on_hyphens=False)
    ]
    contents = []
    for start in range(0, len(lines), _LINES * columns):
        placed = [
            (54 + column * (width + 24), _TOP - _LEADING * row, line)
            for column in range(columns)
            for row, line in enumerate(lines[start + column * _LINES : start + (column + 1) * _LINES])
        ]
        if by_row:
            placed.sort(key=lambda item: (-item[1], item[0]))
        contents.append(b"".join(_shown(*item) for item in placed))
    return _assembled(contents)


def _shown(x: int, y: int, line: str) -> bytes:
    indent = len(line) - len(line.lstrip())
    text = line.strip().encode("cp1252").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
    return b"BT /F1 %d Tf %d %d Td (%s) Tj ET\n" % (_SIZE, x + 6 * indent, y, text)


def _assembled(contents: Sequence[bytes]) -> bytes:
    kids = b" ".join(b"%d 0 R" % (4 + 2 * i) for i in range(len(contents)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(contents), kids),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier /Encoding /WinAnsiEncoding >>",
    ]
    for i, content in enumerate(contents):
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >>"
            b" /Contents %d 0 R >>" % (5 + 2 * i)
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    end = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(out))
    return bytes(out) + b"xref\n0 %d\n0000000000 65535 f \n%s%s" % (size, table, end)


# format: (a name for its file, what writes it)
FORMATS: dict[str, tuple[str, Callable[[Paragraphs], bytes]]] = {
    "txt": ("a.txt", _plain),
    "txt_wrapped": ("wrapped.txt", _wrapped),
    "txt_utf16": ("utf16.txt", lambda ps: "\n\n".join(ps).encode("utf-16")),
    "gz": ("a.txt.gz", lambda ps: gzip.compress(_plain(ps), mtime=0)),
    "md": ("a.md", _markdown),
    "html": ("a.html", lambda ps: _page(ps).encode()),
    "rst": ("a.rst", _rst),
    "tex": ("a.tex", _tex),
    "org": ("a.org", _plain),
    "py": ("a.py", lambda ps: b"".join(b"# %s\n" % p.encode() for p in ps)),
    "docx": ("a.docx", _docx),
    "pptx": ("a.pptx", _pptx),
    "epub": ("a.epub", _epub),
    "ipynb": ("a.ipynb", _notebook),
    "csv": ("a.csv", lambda ps: _table(ps, ",")),
    "tsv": ("a.tsv", lambda ps: _table(ps, "\t")),
    "json": ("a.json", lambda ps: json.dumps([{"text": p} for p in ps]).encode()),
    "jsonl": ("a.jsonl", lambda ps: b"".join(json.dumps({"text": p}).encode() + b"\n" for p in ps)),
    "yaml": ("a.yaml", lambda ps: b"".join(b"- %s\n" % json.dumps(p, ensure_ascii=False).encode() for p in ps)),
    "eml": ("a.eml", lambda ps: _message(ps, subtype="plain").as_bytes()),
    "eml_html": ("html.eml", lambda ps: _message(ps, subtype="html").as_bytes()),
    "mbox": ("a.mbox", _mbox),
    "pdf": ("a.pdf", _pdf),
    "pdf_columns": ("columns.pdf", lambda ps: _pdf(ps, columns=2)),
    "pdf_rows": ("rows.pdf", lambda ps: _pdf(ps, columns=2, by_row=True)),
}


def carried(name: str, paragraphs: Paragraphs) -> str:
    """What of the text the format can carry."""
    return "\n".join(_encodable(paragraphs) if name.startswith("pdf") else paragraphs)
