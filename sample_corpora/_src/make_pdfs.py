"""Render the PDF papers of the sample corpus from the text files next to this script.

Needs reportlab, which is not a dependency of the project: install it into an environment of its
own (``pip install reportlab``) and run ``python sample_corpora/_src/make_pdfs.py``. Every
``*.md`` file in this folder becomes ``../papers/<same name>.pdf``. The output is deterministic
(reportlab's invariant mode: no dates, no random identifiers), so a second run with the same
reportlab version writes the same bytes.

A source file is a block of ``key: value`` lines, a blank line, and then headings (``## ``),
tables (lines that begin with ``|``) and paragraphs of one line each.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

from reportlab import rl_config
from reportlab.lib import colors
from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    FrameBreak,
    KeepTogether,
    NextPageTemplate,
    PageTemplate,
    Paragraph,
    Table,
    TableStyle,
)

PAGE = (170 * mm, 240 * mm)
MARGIN = 18 * mm
GUTTER = 6 * mm
TITLE_HEIGHT = 31 * mm
SOFT_HYPHEN = "\u00ad"
# A cautious hyphenation: before endings where English always allows a break, and in the words of the field.
ENDING = re.compile(r"\b([A-Za-z]{3,}?)(ments?|tions?|tures?|sures?|ness|ference|tively|meters?|ity|ing)\b")
WORDS = re.compile(
    r"\b(?:([Ll]at)(?=tice)|([Ss]ili)(?=cate)|(break)(?=water)|(compres)(?=sive)|(per)(?=cent)|(con)(?=tinu)"
    r"|(bac)(?=teria)|(glass)(?=limpet)|(dif)(?=fer)|(car)(?=bonate)|([Hh]ush)(?=meter)|(thou)(?=sand)|([Hh]ar)(?=bour))"
)

BODY = ParagraphStyle(
    "body",
    fontName="Times-Roman",
    fontSize=10,
    leading=12.6,
    alignment=TA_JUSTIFY,
    spaceAfter=4,
    embeddedHyphenation=1,
)
HEADING = ParagraphStyle("heading", fontName="Times-Bold", fontSize=10.5, leading=13, spaceBefore=7, spaceAfter=3)
REFERENCE = ParagraphStyle("reference", parent=BODY, fontSize=8.5, leading=10.4, leftIndent=12, firstLineIndent=-12)
TITLE = ParagraphStyle("title", fontName="Times-Bold", fontSize=15, leading=18, alignment=TA_CENTER, spaceAfter=6)
BYLINE = ParagraphStyle("byline", fontName="Times-Italic", fontSize=10, leading=13, alignment=TA_CENTER)


def hyphenate(text: str) -> str:
    """Put soft hyphens where a word may be broken, and escape the text for reportlab's markup."""
    broken = ENDING.sub(rf"\1{SOFT_HYPHEN}\2", html.escape(text, quote=False))
    return WORDS.sub(lambda match: match[0] + SOFT_HYPHEN, broken)


def read_source(path: Path) -> tuple[dict[str, str], list[str]]:
    """Split a source file into its ``key: value`` head and the lines of its body."""
    head, _, body = path.read_text(encoding="utf-8").partition("\n\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    return fields, [line.strip() for line in body.splitlines() if line.strip()]


def make_table(rows: list[str], width: float) -> Table:
    """A ruled table of the width of the column."""
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    lengths = [max(map(len, column)) + 2 for column in zip(*cells, strict=True)]
    widths = [width * length / sum(lengths) for length in lengths]
    table = Table(cells, colWidths=widths, rowHeights=12.5, spaceBefore=4, spaceAfter=8)
    table.setStyle(
        TableStyle(
            [
                ("FONT", (0, 0), (-1, -1), "Times-Roman", 8),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("RIGHTPADDING", (0, 0), (-1, -1), 2),
                ("LINEABOVE", (0, 0), (-1, 0), 0.8, colors.black),
                ("LINEBELOW", (0, 0), (-1, 0), 0.4, colors.black),
                ("LINEBELOW", (0, -1), (-1, -1), 0.8, colors.black),
                ("TOPPADDING", (0, 0), (-1, -1), 0),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
            ]
        )
    )
    return table


def make_story(lines: list[str], width: float) -> list[Flowable]:
    """The flowables of the body, from the abstract to the references."""
    story: list[Flowable] = []
    rows: list[str] = []
    for line in [*lines, ""]:
        if line.startswith("|"):
            rows.append(line)
            continue
        if rows:
            story.append(KeepTogether([make_table(rows, width)]))
            rows = []
        if line.startswith("## "):
            story += [CondPageBreak(16 * mm), Paragraph(hyphenate(line[3:]), HEADING)]
        elif line.startswith("["):
            story.append(Paragraph(hyphenate(line), REFERENCE))
        elif line:
            story.append(Paragraph(hyphenate(line), BODY))
    return story


def render(source: Path, target: Path) -> None:
    """Write one paper."""
    fields, lines = read_source(source)
    columns = int(fields["columns"])
    first_page = int(fields["first_page"])
    inner = PAGE[0] - 2 * MARGIN
    width = (inner - GUTTER * (columns - 1)) / columns

    def column_frames(height: float) -> list[Frame]:
        lefts = [MARGIN + i * (width + GUTTER) for i in range(columns)]
        return [
            Frame(x, MARGIN, width, height, leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0) for x in lefts
        ]

    def header(canvas: Canvas, doc: Any) -> None:
        canvas.setFont("Times-Italic", 8.5)
        canvas.drawString(MARGIN, PAGE[1] - 12 * mm, f"{fields['venue']}, {fields['issue']}")
        canvas.drawRightString(PAGE[0] - MARGIN, PAGE[1] - 12 * mm, fields["authors"])

    def footer(canvas: Canvas, doc: Any) -> None:
        canvas.setFont("Times-Roman", 9)
        canvas.drawCentredString(PAGE[0] / 2, 10 * mm, str(first_page + doc.page - 1))

    full = PAGE[1] - 2 * MARGIN
    title_frame = Frame(MARGIN, PAGE[1] - MARGIN - TITLE_HEIGHT, inner, TITLE_HEIGHT, leftPadding=0, rightPadding=0)
    document = BaseDocTemplate(
        str(target), pagesize=PAGE, title=fields["title"], author=fields["authors"], subject=fields["venue"]
    )
    document.addPageTemplates(
        [
            PageTemplate("first", [title_frame, *column_frames(full - TITLE_HEIGHT)], onPage=header, onPageEnd=footer),
            PageTemplate("later", column_frames(full), onPage=header, onPageEnd=footer),
        ]
    )
    head: list[Flowable] = [
        NextPageTemplate("later"),
        Paragraph(html.escape(fields["title"], quote=False), TITLE),
        Paragraph(html.escape(fields["authors"], quote=False), BYLINE),
        Paragraph(html.escape(fields["affiliation"], quote=False), BYLINE),
        FrameBreak(),
    ]
    document.build(head + make_story(lines, width))


def main() -> None:
    """Render every source file of this folder."""
    rl_config.invariant = 1
    here = Path(__file__).resolve().parent
    papers = here.parent / "papers"
    papers.mkdir(exist_ok=True)
    for source in sorted(here.glob("*.md")):
        render(source, papers / f"{source.stem}.pdf")


if __name__ == "__main__":
    main()
