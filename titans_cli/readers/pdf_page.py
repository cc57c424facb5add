"""What is known of a PDF whichever library reads it: a page's text, a title that is one, what was found odd."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Any

_NO_TITLE = re.compile(
    r"untitled|microsoft word|powerpoint|\.(?:docx?|dvi|pdf|tex|indd|pptx?|qxd|rtf|ps)$|^[\W\d_]*$", re.I
)


@dataclass(frozen=True, slots=True)
class ExtractedPage:
    text: str
    unmapped: float = 0.0  # share of the words whose font does not say what its codes mean, as far as that was told


class Complaints(logging.Handler):
    """Counts what pypdf finds odd in a file instead of printing it."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        if "fontTools" not in str(record.msg):  # that one is about the installation, not about the file
            self.count += 1


def told_title(stated: Any) -> str | None:
    title = " ".join(str(stated or "").split())
    return title[:300] if len(title) >= 4 and not _NO_TITLE.search(title) else None
