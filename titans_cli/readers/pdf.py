"""Which library reads a PDF, inside the worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from titans_cli import settings
from titans_cli.readers.pdf_pypdf import Pdf

if TYPE_CHECKING:
    from titans_cli.readers.pdfium import Pdfium


def open_pdf(data: bytes) -> Pdf | Pdfium:
    """With pypdfium2 unless the setting `pdf` says otherwise; pypdf also mends files that PDFium refuses.

    Both have the same pages. Their texts differ in a word here and there, so a session has the same bytes only where
    the same one reads.
    """
    if settings.value("pdf") == "pypdf":
        return Pdf(data)
    from pypdfium2 import PdfiumError

    from titans_cli.readers.pdfium import Pdfium

    try:
        return Pdfium(data)
    except PdfiumError:
        return Pdf(data)
