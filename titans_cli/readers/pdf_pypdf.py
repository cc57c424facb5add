"""PDF to raw page texts with pypdf, inside the worker: slower than PDFium, and it mends files that PDFium refuses."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from dataclasses import replace
from math import hypot
from typing import Any

from pypdf import PasswordType, PdfReader
from pypdf.errors import DependencyError, FileNotDecryptedError
from pypdf.generic import ArrayObject, FloatObject

from titans_cli.errors import EncryptedError
from titans_cli.readers.dates import year_of_pdf
from titans_cli.readers.layout import TextRun, lay_out
from titans_cli.readers.pdf_page import Complaints, ExtractedPage, told_title

_WORD_GAP = -145.0  # thousandths of the font size: TeX squeezes word spaces to 150, kerning seldom passes 120
_MEAN_WIDTH = 0.45  # of a letter or space, by the size: prose in Times 0.42, in Helvetica 0.48
_SURE_GAP = -1000.0  # what pypdf takes for a word gap in any font


def listen_to_pypdf() -> Complaints:
    logger = logging.getLogger("pypdf")
    heard = next((handler for handler in logger.handlers if isinstance(handler, Complaints)), Complaints())
    logger.handlers, logger.propagate = [heard], False
    return heard


class Pdf:
    """An opened PDF. What pypdf raises passes through: the worker translates it, page by page."""

    def __init__(self, data: bytes) -> None:
        self.complaints = listen_to_pypdf()
        self.reader = PdfReader(io.BytesIO(data))
        if self.reader.is_encrypted:
            self._unlock()
        self.count = len(self.reader.pages)

    def _unlock(self) -> None:
        """Many PDFs are encrypted only to restrict printing: their password is empty, and anyone may read them."""
        try:
            unlocked = self.reader.decrypt("") != PasswordType.NOT_DECRYPTED
        except (DependencyError, FileNotDecryptedError, NotImplementedError):
            unlocked = False
        if not unlocked:
            raise EncryptedError("it is encrypted")

    def title(self) -> str | None:
        """The title in the metadata, unless a program put its own idea of one there."""
        metadata = self.reader.metadata
        return told_title(metadata.title) if metadata is not None else None

    def year(self) -> int | None:
        """In which the file was made, by its metadata."""
        metadata = self.reader.metadata
        return year_of_pdf(metadata.get("/CreationDate")) if metadata is not None else None

    def page(self, index: int) -> ExtractedPage:
        shown = _Shown()
        self.reader.pages[index].extract_text(visitor_operand_before=shown.operator, visitor_text=shown.piece)
        return ExtractedPage("\n".join(lay_out(shown.spans)))

    def shows_image(self, index: int) -> bool:
        resources = self.reader.pages[index].get("/Resources", {}).get_object()
        shown = resources.get("/XObject", {})
        objects = shown.get_object() if hasattr(shown, "get_object") else shown
        return any(item.get_object().get("/Subtype") == "/Image" for item in objects.values())


class _Shown:
    """Listens to pypdf while it extracts a page: what is shown, and where."""

    def __init__(self) -> None:
        self.spans: list[TextRun] = []
        self._lead = ""
        self._rise = 0.0
        self._shown_rise = 0.0
        self._place: tuple[float, ...] = ()

    def operator(self, operator: bytes, operands: list[Any], _cm: Any, _tm: Any) -> None:
        if operator == b"Ts":  # pypdf takes no notice of it
            self._rise = float(operands[0]) if operands and isinstance(operands[0], int | float) else 0.0
        elif operator in (b"Tj", b"TJ", b"'", b'"'):
            self._shown_rise = self._rise
        if operator == b"TJ":
            _widen_word_gaps(operands)

    def piece(self, text: str, cm: Any, tm: Any, _font: Any, size: float) -> None:
        """A run of one font, with the line breaks that pypdf puts around it."""
        place = _product(tm, cm)
        scale = hypot(place[2], place[3])
        moved, self._place = place != self._place, place
        for i, part in enumerate(text.split("\n")):
            if i:
                self._lead = "\n"
            word = part.strip()
            if not word:
                self._lead = self._lead or (" " if part else "")
                continue
            lead = self._lead or (" " if part[0].isspace() else "")
            # pypdf says neither how wide a run is nor where one begins that follows another without a move. It puts a
            # space where there is room for one: without it, the run before ends here.
            x = place[4] if moved or not self.spans else self.spans[-1].end
            y = place[5] + self._shown_rise * scale
            if not lead and self.spans and x > self.spans[-1].x:
                self.spans[-1] = replace(self.spans[-1], end=x)
            self.spans.append(TextRun(word, x, x + _MEAN_WIDTH * scale * size * len(word), y, scale * size, lead))
            self._lead = " " if part[-1].isspace() else ""


def _widen_word_gaps(operands: list[Any]) -> None:
    """Make every gap that a reader takes for a word space one that pypdf takes for one too.

    pypdf compares a gap with half the width of the font's character 32. In a font numbered by glyph (XeTeX,
    LuaTeX, many others) that is any glyph, often a wide one, and whole lines lose their spaces. So a gap within
    a shown line becomes one that is certain and a step back to where the pen belongs.
    """
    if not operands or not isinstance(operands[0], ArrayObject):
        return
    shown = operands[0]
    if not any(isinstance(item, int | float) and _SURE_GAP < item <= _WORD_GAP for item in shown):
        return
    widened: list[Any] = []
    for item in shown:
        if isinstance(item, int | float) and _SURE_GAP < item <= _WORD_GAP:
            widened += [FloatObject(_SURE_GAP), FloatObject(float(item) - _SURE_GAP)]
        else:
            widened.append(item)
    shown[:] = widened


def _product(m: Sequence[float], n: Sequence[float]) -> tuple[float, ...]:
    """Of two transformations, [a b c d e f] each, the first applied first (PDF 32000-1, 8.3.3)."""
    a, b, c, d, e, f = n
    return (
        *(m[i] * (a, b)[j] + m[i + 1] * (c, d)[j] for i in (0, 2) for j in (0, 1)),
        *(m[4] * (a, b)[j] + m[5] * (c, d)[j] + (e, f)[j] for j in (0, 1)),
    )
