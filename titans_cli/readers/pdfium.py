"""PDF to raw page texts with pypdfium2, inside the worker: several times as fast as pypdf."""

from __future__ import annotations

import ctypes
import re
from array import array
from collections.abc import Iterator
from math import hypot
from typing import Any

import pypdfium2
from pypdfium2 import raw

from titans_cli.errors import EncryptedError
from titans_cli.readers.dates import year_of_pdf
from titans_cli.readers.layout import TextRun, lay_out
from titans_cli.readers.pdf_page import Complaints, ExtractedPage, told_title

_PASSWORD = 4  # FPDF_ERR_PASSWORD
# PDFium writes a word split at a line's end as one, with a mark where the hyphen and the line break were.
_HYPHEN = "\ufffe\x02"
_WORD = re.compile(rf"(\s*)([^\s{_HYPHEN}]+[{_HYPHEN}]?|[{_HYPHEN}])")
# Within a word, places are asked for only where a script may begin or end: where letters, digits and others meet.
_RUN = re.compile(r"[^\W\d_]+|\d+|[\W_]+")


class Pdfium:
    """An opened PDF, with the face of `pdf_pypdf.Pdf`."""

    def __init__(self, data: bytes) -> None:
        self.complaints = Complaints()
        try:
            self.document: Any = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            if getattr(error, "err_code", None) == _PASSWORD:
                raise EncryptedError("it is encrypted") from error
            raise
        self.count = len(self.document)

    def title(self) -> str | None:
        return told_title(self.document.get_metadata_value("Title"))

    def year(self) -> int | None:
        return year_of_pdf(self.document.get_metadata_value("CreationDate"))

    def page(self, index: int) -> ExtractedPage:
        page = self.document[index]
        try:
            words = page.get_textpage()
            try:
                characters = Characters(words)
                return ExtractedPage("\n".join(lay_out(list(characters.spans()))), characters.unmapped)
            finally:
                words.close()
        finally:
            page.close()

    def shows_image(self, index: int) -> bool:
        return any(True for _ in self.document[index].get_objects(filter=(raw.FPDF_PAGEOBJ_IMAGE,)))


class Characters:
    """The characters of a page. `unmapped`: the share of words whose font does not say what its codes mean."""

    def __init__(self, words: Any) -> None:
        self.words = words
        self.count = int(words.count_chars())
        self.text = str(words.get_text_range(0, self.count)) if self.count else ""
        if len(self.text) != self.count:  # PDFium counts in units of UTF-16
            self.text = "".join(map(chr, array("H", self.text.encode("utf-16-le", "surrogatepass"))))
        self.unmapped = 0.0
        self._x, self._y = ctypes.c_double(), ctypes.c_double()
        self._box, self._matrix = raw.FS_RECTF(), raw.FS_MATRIX()

    def spans(self) -> Iterator[TextRun]:
        count = unmapped = 0
        split = False
        for match in _WORD.finditer(self.text):
            count += 1
            unmapped += raw.FPDFText_HasUnicodeMapError(self.words, match.start(2)) == 1
            yield from self._word(match.start(2), match.end(2), "\n" if split else self._lead(match[1]))
            split = match[2][-1] in _HYPHEN
        self.unmapped = unmapped / count if count else 0.0

    @staticmethod
    def _lead(gap: str) -> str:
        return "\n" if "\n" in gap or "\r" in gap else " " if gap else ""

    def _word(self, start: int, end: int, lead: str) -> Iterator[TextRun]:
        """The word as one span, or as several where its baseline changes."""
        edges = [i for run in _RUN.finditer(self.text, start, end) for i in {run.start(), run.end() - 1}]
        lines = {i: self._origin(i)[1] for i in edges}
        if len({round(y, 1) for y in lines.values()}) > 1:
            lines = {i: self._origin(i)[1] for i in range(start, end)}
        first = start
        for i in sorted(lines):
            if abs(lines[i] - lines[first]) > 0.3:  # points: below what any typesetter raises
                yield self._span(first, i, lead)
                first, lead = i, ""
        yield self._span(first, end, lead)

    def _span(self, start: int, end: int, lead: str) -> TextRun:
        x, y = self._origin(start)
        right, size = self._extent(end - 1)
        text = self.text[start:end]
        if text[-1] in _HYPHEN:
            text = text[:-1] + "-"
            right, size = self._extent(end - 2) if end - start > 1 else (right, size)
        return TextRun(
            text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"), x, right, y, size, lead
        )

    def _origin(self, index: int) -> tuple[float, float]:
        raw.FPDFText_GetCharOrigin(self.words, index, self._x, self._y)
        return self._x.value, self._y.value

    def _extent(self, index: int) -> tuple[float, float]:
        """Where the character ends, and the size of its type."""
        raw.FPDFText_GetLooseCharBox(self.words, index, self._box)
        raw.FPDFText_GetMatrix(self.words, index, self._matrix)
        scale = hypot(self._matrix.c, self._matrix.d)
        return self._box.right, scale * raw.FPDFText_GetFontSize(self.words, index)
