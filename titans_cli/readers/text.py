"""Plain text: one page, hard-wrapped prose unwrapped, everything else left in its lines."""

from __future__ import annotations

from titans_cli.readers.clean import mend_characters, tidy_prose
from titans_cli.readers.parsed import ParsedDocument, one_page
from titans_cli.readers.unwrap import unwrap_plain

TITLE_LENGTH = 120


def extract_txt(data: bytes) -> ParsedDocument:
    return one_page(*parse_text(data.decode("utf-8")))


def parse_text(text: str) -> tuple[str | None, str]:
    """The title, if the first line looks like one, and the clean text."""
    clean = tidy_prose(mend_characters(text))
    return _title(clean), unwrap_plain(clean)


def _title(clean: str) -> str | None:
    """The first line, when it is short, has a few letters and does not run on into a second line as prose."""
    first, _, rest = clean.partition("\n")
    letters = sum(character.isalpha() for character in first[:TITLE_LENGTH])
    if letters < 3 or len(first) > TITLE_LENGTH or letters < 0.5 * len(first) or first.endswith((".", ",", ";")):
        return None
    runs_on = rest[:1].islower() or not rest
    return None if runs_on else first.rstrip(":")
