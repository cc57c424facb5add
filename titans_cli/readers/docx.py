"""Word documents (docx), by way of mammoth's HTML: headings, lists, tables, text boxes, notes at the end.

A docx has no pages until a program lays it out, so it is read as one.
"""

from __future__ import annotations

import io

import mammoth

from titans_cli.readers.clean import mend_characters, tidy_prose
from titans_cli.readers.dates import year_in
from titans_cli.readers.html import extract_html
from titans_cli.readers.package import Package
from titans_cli.readers.parsed import Parsed, one_page, short
from titans_cli.readers.xml import FirstTexts, Handler, parse_xml

# A title is no heading of mammoth's own; translated programs give its style another identifier, but keep its name.
_STYLES = "p[style-name='Title'] => h1:fresh\np[style-name='title'] => h1:fresh"
_BACK = " ↑"  # mammoth's link from a note back to its mark
_FORMULA = "oMath"


def extract_docx(data: bytes) -> Parsed:
    package = Package(io.BytesIO(data))
    package.needed("word/document.xml")
    for name in package.names:
        if name.endswith((".xml", ".rels")):  # looked at before mammoth trusts it: sizes, entities, encryption
            parse_xml(package.needed(name), Handler())
    about = FirstTexts("title", "created")
    properties = package.part("docProps/core.xml")
    if properties:
        parse_xml(properties, about)
    result = mammoth.convert_to_html(
        io.BytesIO(data),
        style_map=_STYLES,
        convert_image=mammoth.images.img_element(lambda _: {}),
        include_embedded_style_map=False,
        external_file_access=False,
    )
    heading, text, _ = extract_html(result.value)
    title = short(mend_characters(about.found.get("title", ""))) or short(mend_characters(heading or ""))
    formulas = sum(_FORMULA in message.message for message in result.messages)
    notes = ["formulas were left out"] if formulas else []
    clean = tidy_prose(mend_characters(text.replace(_BACK, "")))
    return one_page(title, clean, *notes, year=year_in(about.found.get("created")))
