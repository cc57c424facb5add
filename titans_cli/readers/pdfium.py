"""PDF to raw page texts with pypdfium2, inside the worker: several times as fast as pypdf, where it is installed."""

from __future__ import annotations

import re
from typing import Any

import pypdfium2
from pypdfium2 import raw

from titans_cli.errors import EncryptedError
from titans_cli.readers.dates import year_of_pdf
from titans_cli.readers.pdf import Complaints, told_title

_PASSWORD = 4  # FPDF_ERR_PASSWORD
# PDFium writes a word split at a line's end as one, with a mark where the hyphen and the line break were.
_HYPHEN = re.compile("[\ufffe\x02](?:\r?\n)?")
# A superscript raises the line, and what follows it starts a new one: ", and" is no line's beginning.
_AFTER_RAISED = re.compile(r"\r?\n(?=[,;.:)\]])")


class Pdfium:
    """An opened PDF, with the face of `pdf.Pdf`."""

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

    def text(self, index: int) -> str:
        page = self.document[index]
        try:
            words = page.get_textpage()
            try:
                text = str(words.get_text_bounded())
            finally:
                words.close()
        finally:
            page.close()
        return _AFTER_RAISED.sub("", _HYPHEN.sub("-\n", text))

    def has_images(self) -> bool:
        """Whether any of the first pages shows an image: without text, that is a scan."""
        return any(self._shows_image(i) for i in range(min(self.count, 20)))

    def _shows_image(self, index: int) -> bool:
        return any(True for _ in self.document[index].get_objects(filter=(raw.FPDF_PAGEOBJ_IMAGE,)))
