"""The first pages of a PDF as lines of characters with sizes and places, from pypdfium2 or pypdf.

A reader sees a title by its size, and the marks behind an author's name by their being raised: what the text alone does
not say. Lines are in the order in which the file draws them.
"""

from __future__ import annotations

import ctypes
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from titans_cli.readers.clean import mend_accents, mend_characters

MOST_CHARACTERS = 8_000  # of a page that are looked at
_SOFT_HYPHENS = "\x02\ufffe"
_SAME = 0.3  # of a size: so far apart are baselines of one line
_RAISED = 0.9  # of a line's size: what is smaller and stands higher is a mark
_HIGHEST = 0.8  # of a line's size: what stands higher is another line
_GAP = 1.8  # of a size: so wide a gap sets two names apart, as a comma does


@dataclass(frozen=True, slots=True)
class Run:
    """Characters of one size on one baseline. Places in points from the page's lower left."""

    text: str
    size: float
    x: float
    y: float
    end: float


@dataclass(slots=True)
class TypedLine:
    """`parts`: its text, cut where raised marks and wide gaps stand; `marked`: whether it begins with a raised mark."""

    y: float
    size: float
    x: float
    parts: list[str] = field(default_factory=list)
    marked: bool = False
    marks: list[str] = field(default_factory=list)
    end: float = 0.0
    broken: bool = False  # it ends within a word
    closed: bool = False  # it ends with a raised mark

    @property
    def text(self) -> str:
        return re.sub(r"\s+(?=[,;.)])", "", " ".join(" ".join(self.parts).split()))


@dataclass(frozen=True, slots=True)
class Layout:
    """A page. `height` in points; lines below a tenth and above nine tenths of it are its margins."""

    height: float
    lines: tuple[TypedLine, ...]

    def margins(self) -> list[str]:
        """Head and foot of the page: lines of one size that follow each other are one text."""
        texts: list[str] = []
        before: TypedLine | None = None
        for line in self.lines:
            if not 0.12 * self.height < line.y < 0.9 * self.height:
                near = (
                    before is not None and abs(before.size - line.size) < 0.5 and 0 <= before.y - line.y < 2 * line.size
                )
                texts[-1:] = [f"{texts[-1]} {line.text}"] if near else [*texts[-1:], line.text]
                before = line
        return texts

    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)


def lines_of(runs: Iterator[Run]) -> tuple[TypedLine, ...]:
    lines: list[TypedLine] = []
    sizes: list[Counter[float]] = []
    pending: Run | None = None  # a mark before the line that it belongs to
    for run in runs:
        if not run.text.strip():
            continue
        line = lines[-1] if lines else None
        text = mend_accents(mend_characters(run.text))
        if pending is not None:
            marked = _is_raised(pending, run.size, run.y)
            lines.append(TypedLine(run.y, run.size, pending.x if marked else run.x, marked=marked))
            sizes.append(Counter())
            if marked:
                lines[-1].marks.append(pending.text.strip())
            else:
                lines[-1:-1] = [TypedLine(pending.y, pending.size, pending.x, [pending.text], end=pending.end)]
                sizes[-1:-1] = [Counter()]
            line, pending = lines[-1], None
        elif line is None or not _belongs(run, line):
            if line is not None and not _is_raised(run, line.size, line.y) and _only_mark(run):
                pending = run
                continue
            line = TypedLine(run.y, run.size, run.x)
            lines.append(line)
            sizes.append(Counter())
        if _is_raised(run, line.size, line.y) and line.parts:
            line.marks.append(text.strip())
            line.parts.append("")
        elif line.parts and line.parts[-1] and 0 <= run.x - line.end < _GAP * line.size:
            line.parts[-1] += ("" if text[:1] in ",.;" or run.x - line.end < 0.1 * line.size else " ") + text
        else:
            line.parts.append(text)
        line.end, line.closed = run.end, not line.parts[-1]
        line.broken = run.text.rstrip("\r\n")[-1:] in _SOFT_HYPHENS
        if not _is_raised(run, line.size, line.y):
            sizes[-1][run.size] += len(text)
            line.size = sizes[-1].most_common(1)[0][0]
    if pending is not None:
        lines.append(TypedLine(pending.y, pending.size, pending.x, [pending.text], end=pending.end))
    for line in lines:
        line.parts = [" ".join(p.split()) for p in line.parts if p.strip()]
    return tuple(line for line in lines if line.parts)


def _is_raised(run: Run, size: float, y: float) -> bool:
    return run.size < _RAISED * size and 0.1 * size < run.y - y < _HIGHEST * size


def _belongs(run: Run, line: TypedLine) -> bool:
    return abs(run.y - line.y) < _SAME * line.size or _is_raised(run, line.size, line.y)


def _only_mark(run: Run) -> bool:
    return len(run.text.strip()) <= 3


# ---------------------------------------------------------------- where the characters come from


def pdfium_layout(page: Any) -> Layout:
    """Of a pypdfium2 page."""
    from pypdfium2 import raw

    words = page.get_textpage()
    try:
        return Layout(float(page.get_height()), lines_of(_pdfium_runs(words, raw)))
    finally:
        words.close()


def _pdfium_runs(words: Any, raw: Any) -> Iterator[Run]:
    x, y, edges = ctypes.c_double(), ctypes.c_double(), [ctypes.c_double() for _ in range(4)]
    matrix = raw.FS_MATRIX()
    text, size, start, base, end = "", 0.0, 0.0, 0.0, 0.0
    for index in range(min(raw.FPDFText_CountChars(words), MOST_CHARACTERS)):
        code = raw.FPDFText_GetUnicode(words, index)
        character = chr(code) if code else ""
        if raw.FPDFText_IsGenerated(words, index) == 1 or character.isspace() or character in _SOFT_HYPHENS:
            text += character
            continue
        raw.FPDFText_GetCharOrigin(words, index, x, y)
        raw.FPDFText_GetCharBox(words, index, *edges)
        raw.FPDFText_GetMatrix(words, index, matrix)
        here = round(raw.FPDFText_GetFontSize(words, index) * (abs(matrix.d) or 1.0), 1)
        apart = x.value - end > _GAP * size or x.value < end - 5 * size or "\n" in text
        if text and (here != size or abs(y.value - base) > 0.5 or apart):
            yield Run(text, size, start, base, end)
            text = ""
        if not text:
            size, start, base = here, x.value, y.value
        text += character
        end = edges[1].value
    if text:
        yield Run(text, size, start, base, end)


def pypdf_layout(page: Any) -> Layout:
    """Of a pypdf page."""
    runs: list[Run] = []
    total = 0

    def visit(text: str, cm: list[float], tm: list[float], _font: Any, size: float) -> None:
        nonlocal total
        total += len(text)
        if not text.strip() or total > MOST_CHARACTERS:
            return
        scale = abs(tm[3] * cm[3]) or 1.0
        x, y = tm[4] * cm[0] + cm[4], tm[5] * cm[3] + cm[5]
        height = round(float(size) * scale, 1)
        runs.append(Run(text, height, x, y, x + 0.5 * height * len(text.strip())))

    page.extract_text(visitor_text=visit)
    return Layout(float(page.mediabox.height), lines_of(iter(runs)))
