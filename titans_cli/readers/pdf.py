"""PDF to raw page texts, inside the worker: with pypdfium2 where it is installed, and else with pypdf."""

from __future__ import annotations

import io
import logging
import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pypdf import PasswordType, PdfReader
from pypdf.errors import DependencyError, FileNotDecryptedError
from pypdf.generic import ArrayObject, FloatObject

from titans_cli import settings
from titans_cli.errors import EncryptedError
from titans_cli.readers.dates import year_of_pdf

if TYPE_CHECKING:
    from titans_cli.readers.pdfium import Pdfium

_WORD_GAP = -145.0  # thousandths of the font size: TeX squeezes word spaces to 150, kerning seldom passes 120
_SURE_GAP = -1000.0  # what pypdf takes for a word gap in any font
_NO_TITLE = re.compile(
    r"untitled|microsoft word|powerpoint|\.(?:docx?|dvi|pdf|tex|indd|pptx?|qxd|rtf|ps)$|^[\W\d_]*$", re.I
)


class Complaints(logging.Handler):
    """Counts what pypdf finds odd in a file instead of printing it."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        if "fontTools" not in str(record.msg):  # that one is about the installation, not about the file
            self.count += 1


def open_pdf(data: bytes) -> Pdf | Pdfium:
    """With pypdfium2 if it is installed and the setting `pdf` allows it; pypdf also mends files that PDFium refuses.

    Both have the same pages. Their texts differ in a word here and there, so a session has the same bytes only where
    the same one reads.
    """
    if find_spec("pypdfium2") is None or settings.value("pdf") == "pypdf":
        return Pdf(data)
    from pypdfium2 import PdfiumError

    from titans_cli.readers.pdfium import Pdfium

    try:
        return Pdfium(data)
    except PdfiumError:
        return Pdf(data)


class Pdf:
    """An opened PDF. What pypdf raises passes through: the worker translates it, page by page."""

    def __init__(self, data: bytes) -> None:
        self.complaints = Complaints()
        logger = logging.getLogger("pypdf")
        logger.handlers, logger.propagate = [self.complaints], False
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

    def text(self, index: int) -> str:
        return self.reader.pages[index].extract_text(visitor_operand_before=_widen_word_gaps)

    def has_images(self) -> bool:
        """Whether any of the first pages shows an image: without text, that is a scan."""
        return any(_shows_image(self.reader.pages[i]) for i in range(min(self.count, 20)))


def told_title(stated: Any) -> str | None:
    title = " ".join(str(stated or "").split())
    return title[:300] if len(title) >= 4 and not _NO_TITLE.search(title) else None


def _widen_word_gaps(operator: bytes, operands: list[Any], _cm: Any, _tm: Any) -> None:
    """Make every gap that a reader takes for a word space one that pypdf takes for one too.

    pypdf compares a gap with half the width of the font's character 32. In a font numbered by glyph (XeTeX,
    LuaTeX, many others) that is any glyph, often a wide one, and whole lines lose their spaces. So a gap within
    a shown line becomes one that is certain and a step back to where the pen belongs.
    """
    if operator != b"TJ" or not operands or not isinstance(operands[0], ArrayObject):
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


def _shows_image(page: Any) -> bool:
    resources = page.get("/Resources", {}).get_object()
    shown = resources.get("/XObject", {})
    objects = shown.get_object() if hasattr(shown, "get_object") else shown
    return any(item.get_object().get("/Subtype") == "/Image" for item in objects.values())
