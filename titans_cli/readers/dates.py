"""The year a file states about itself, out of the many ways of writing a date."""

from __future__ import annotations

import re

_YEAR = re.compile(r"(?<!\d)(1[0-9]{3}|20[0-9]{2})(?!\d)")
_LONGEST = 200  # characters of a date; what is longer is none


def year_in(date: str | None) -> int | None:
    """ "2021-04-05", "5 April 2021" and "Mon, 05 Apr 2021 10:00:00 +0000" are 2021; None for what names no year."""
    year = _YEAR.search((date or "")[:_LONGEST])
    return int(year[1]) if year else None


_PDF_DATE = re.compile(r"\s*(?:D:)?\s*(1[0-9]{3}|20[0-9]{2})")


def year_of_pdf(date: object) -> int | None:
    """ "D:20200612101500Z" is 2020: when the file was made, as its metadata has it."""
    year = _PDF_DATE.match(str(date or "")[:_LONGEST])
    return int(year[1]) if year else None
