"""Files of the formats that are packages of parts, made by hand so that each part can be made wrong."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_MATH = "http://schemas.openxmlformats.org/officeDocument/2006/math"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = (
    f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
    f'<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/></Types>'
)
_RELATIONS = (
    f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="r1" Type="{_OFFICE}" Target="word/document.xml"/></Relationships>'
)
_CORE = (
    f'<cp:coreProperties xmlns:cp="{_PACKAGE}/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:dcterms="http://purl.org/dc/terms/"><dc:title>{title}</dc:title>'
    "<dcterms:created>{created}</dcterms:created></cp:coreProperties>"
)


def zipped(members: Mapping[str, str | bytes], *, level: int = 9) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def paragraph(words: str, style: str = "") -> str:
    named = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f'<w:p>{named}<w:r><w:t xml:space="preserve">{words}</w:t></w:r></w:p>'


def table(*rows: tuple[str, ...]) -> str:
    cells = ("".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in row) for row in rows)
    return f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in cells)}</w:tbl>"


def docx(
    body: str, *, title: str = "", created: str = "2014-05-06T07:08:09Z", parts: Mapping[str, str | bytes] | None = None
) -> bytes:
    document = f'<w:document xmlns:w="{_W}" xmlns:m="{_MATH}"><w:body>{body}</w:body></w:document>'
    return zipped(
        {
            "[Content_Types].xml": _TYPES,
            "_rels/.rels": _RELATIONS,
            "word/document.xml": document,
            "docProps/core.xml": _CORE.format(title=title, created=created),
            **(parts or {}),
        }
    )


def epub(chapters: list[str], *, date: str = "1851-10-18", parts: Mapping[str, str | bytes] | None = None) -> bytes:
    items = "".join(
        f'<item id="c{i}" href="c%20{i}.xhtml" media-type="application/xhtml+xml"/>' for i in range(len(chapters))
    )
    spine = "".join(f'<itemref idref="c{i}"/>' for i in range(len(chapters)))
    opf = (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
        f"<dc:title>The Whale</dc:title><dc:title>Not this</dc:title><dc:date>{date}</dc:date></metadata>"
        f"<manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    container = '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
    head = (
        '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body>'
    )
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": container,
            "OPS/book.opf": opf,
            **{f"OPS/c {i}.xhtml": f"{head}{text}</body></html>" for i, text in enumerate(chapters)},
            **(parts or {}),
        }
    )


_A = "http://schemas.openxmlformats.org/drawingml/2006/main"
_P = "http://schemas.openxmlformats.org/presentationml/2006/main"
_LINK = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_SPACES = f'xmlns:a="{_A}" xmlns:p="{_P}" xmlns:r="{_LINK}"'


def _links(*targets: tuple[str, str]) -> str:
    inside = (f'<Relationship Id="r{i}" Type="{_LINK}/{kind}" Target="{t}"/>' for i, (kind, t) in enumerate(targets, 1))
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{"".join(inside)}</Relationships>'


def _box(words: str, kind: str) -> str:
    holder = f'<p:nvSpPr><p:nvPr><p:ph type="{kind}"/></p:nvPr></p:nvSpPr>'
    return f"<p:sp>{holder}<p:txBody><a:p><a:r><a:t>{words}</a:t></a:r></a:p></p:txBody></p:sp>"


def pptx(titles: list[str], *, order: list[int], notes: str) -> bytes:
    """A slide for each title, shown in this `order`; the second has a table, notes and a picture."""
    ids = "".join(f'<p:sldId id="{255 + n}" r:id="r{n}"/>' for n in order)
    raised = '<a:r><a:rPr baseline="30000"/><a:t>8</a:t></a:r>'
    cell = "<a:tc><a:txBody><a:p><a:r><a:t>{}</a:t></a:r>{}</a:p></a:txBody></a:tc>".format
    rows = f"<a:tbl><a:tr>{cell('a', '')}{cell('10', raised)}</a:tr></a:tbl>"
    slides = {
        f"ppt/slides/slide{n}.xml": f"<p:sld {_SPACES}>{_box(title, 'title')}{rows}{_box('9', 'sldNum')}</p:sld>"
        for n, title in enumerate(titles, 1)
    }
    return zipped(
        {
            "[Content_Types].xml": _TYPES,
            "_rels/.rels": _links(("officeDocument", "ppt/presentation.xml")),
            "ppt/presentation.xml": f"<p:presentation {_SPACES}><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>",
            "ppt/_rels/presentation.xml.rels": _links(
                *(("slide", f"slides/slide{n}.xml") for n in range(1, len(titles) + 1))
            ),
            "ppt/slides/_rels/slide2.xml.rels": _links(("notesSlide", "../notes/n.xml"), ("image", "../media/x.png")),
            "ppt/notes/n.xml": f"<p:notes {_SPACES}>{_box(notes, 'body')}</p:notes>",
            **slides,
        }
    )
