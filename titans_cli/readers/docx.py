"""Word documents, by way of mammoth's HTML: headings, lists, tables, text boxes, notes and comments at the end.

Mammoth reads the body and passes over what it does not know. So before it gets a document, what it would lose is put in
the body: headers and footers, fields, formulas. A docx has no pages until a program lays it out, so it is read as one.
"""

from __future__ import annotations

import io
import posixpath
import zipfile
from collections import Counter
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import mammoth

from titans_cli.readers.clean import mend_characters
from titans_cli.readers.dates import year_in
from titans_cli.readers.formulas import linear
from titans_cli.readers.html import extract_html
from titans_cli.readers.package import Package
from titans_cli.readers.parsed import ParsedDocument, one_page, short, totals
from titans_cli.readers.xml import FirstTexts, XmlHandler, parse_xml

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_STRICT_W = "{http://purl.oclc.org/ooxml/wordprocessingml/main}"
_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
# A title is no heading of mammoth's own; translated programs give its style another identifier, but keep its name.
_STYLES = "p[style-name='Title'] => h1:fresh\np[style-name='title'] => h1:fresh\ncomment-reference => sup"
_BACK = " ↑"  # mammoth's link from a note back to its mark
_WRAPPERS = frozenset(
    f"{_W}{name}" for name in ("fldSimple", "customXml", "dir", "bdo", "smartTag", "ruby", "rubyBase")
)
_DELETED = frozenset((f"{_W}delText", f"{_W}delInstrText"))
# Parts of the package with words that stand in no paragraph.
_ASIDE = {
    "charts/chart": "chart",
    "diagrams/data": "diagram",
    "embeddings/": "embedded file",
    "glossary/": "building block",
    "afchunk": "embedded file",
}


def extract_docx(data: bytes) -> ParsedDocument:
    package = Package(io.BytesIO(data))
    main = package.main_part("word/document.xml")
    for name in package.names:
        if name.endswith((".xml", ".rels")):  # looked at before mammoth trusts it: sizes, entities, encryption
            parse_xml(package.needed(name), XmlHandler())
    about = FirstTexts("title", "created")
    properties = package.part("docProps/core.xml")
    if properties:
        parse_xml(properties, about)
    whole, counts = _with_all_in_its_body(package, main)
    result = mammoth.convert_to_html(
        io.BytesIO(whole),
        style_map=_STYLES,
        convert_image=mammoth.images.img_element(lambda _: {}),
        include_embedded_style_map=False,
        external_file_access=False,
    )
    page = extract_html(result.value.replace(_BACK, ""))
    title = short(mend_characters(about.texts.get("title", ""))) or page.title
    omissions = totals(counts.items(), page.omissions)
    return one_page(title, page.text, year=year_in(about.texts.get("created")), omissions=omissions)


def _with_all_in_its_body(package: Package, main: str) -> tuple[bytes, Counter[str]]:
    """The document, its body made whole, as a package of its own; and what is in it that cannot be told."""
    document = ET.fromstring(_transitional(package.needed(main)))
    body = document.find(f"{_W}body")
    if body is not None:
        headers, footers = _around(package, main)
        body[:0] = headers
        last = len(body) - (len(body) > 0 and body[-1].tag == f"{_W}sectPr")
        body[last:last] = footers
    counts = _make_known(document)
    for name in package.names:
        counts.update(
            {kind: 1 for part, kind in _ASIDE.items() if f"/{part}" in f"/{name}" and not name.endswith(".rels")}
        )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in package.names:
            part = package.needed(name) if name != main else ET.tostring(document)
            archive.writestr(name, _transitional(part) if name.endswith(".xml") and name != main else part)
    return out.getvalue(), counts


def _transitional(part: bytes) -> bytes:
    """The strict form of the format has other names for the same things."""
    return part.replace(_STRICT_W[1:-1].encode(), _W[1:-1].encode()).replace(
        b"http://purl.oclc.org/ooxml/officeDocument/relationships", _R[1:-1].encode()
    )


def _around(package: Package, main: str) -> tuple[list[ET.Element], list[ET.Element]]:
    """The paragraphs of the headers and of the footers, each text once: most sections repeat them."""
    folder, name = posixpath.split(main)
    blocks: dict[str, list[ET.Element]] = {"header": [], "footer": []}
    relations = package.part(f"{folder}/_rels/{name}.rels" if folder else f"_rels/{name}.rels")
    seen = set[str]()
    for relation in ET.fromstring(relations) if relations else ():
        kind = relation.get("Type", "").rpartition("/")[2]
        part = package.part(posixpath.normpath(posixpath.join("/", folder, relation.get("Target", ""))).lstrip("/"))
        if kind not in blocks or part is None:
            continue
        inside = ET.fromstring(_transitional(part))
        words = " ".join("".join(inside.itertext()).split())
        if words and words not in seen:
            seen.add(words)
            blocks[kind] += [_unlinked(block) for block in inside]
    return blocks["header"], blocks["footer"]


def _unlinked(block: ET.Element) -> ET.Element:
    """Without references to other parts, which mean something else in the body."""
    for element in block.iter():
        for name in [name for name in element.attrib if name.startswith(_R)]:
            del element.attrib[name]
        for drawing in [child for child in element if child.tag in (f"{_W}drawing", f"{_W}object")]:
            element.remove(drawing)
    return block


def _make_known(document: ET.Element) -> Counter[str]:
    """Fields and other wrappers become what they wrap, formulas become text. Deleted text is counted."""
    counts: Counter[str] = Counter()
    stack = [document]
    while stack:
        parent = stack.pop()
        children = list(_unwrapped(parent))
        if len(children) != len(parent) or any(new is not old for new, old in zip(children, parent, strict=False)):
            parent[:] = children
        counts["deleted passage"] += sum(
            child.tag in _DELETED and bool((child.text or "").strip()) for child in children
        )
        stack += children
    return counts


def _unwrapped(parent: ET.Element) -> Iterator[ET.Element]:
    stack = list(reversed(parent))
    while stack:
        child = stack.pop()
        if child.tag in _WRAPPERS:
            stack += reversed(child)
        elif child.tag in (f"{_M}oMath", f"{_M}oMathPara") and parent.tag != f"{_W}r":
            run = ET.Element(f"{_W}r")
            words = ET.SubElement(run, f"{_W}t")
            words.text = linear(child, _M)
            yield run
        else:
            yield child
