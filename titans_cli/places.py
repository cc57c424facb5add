"""Where in a document a quote stands, in words by which a person finds it there.

A page is what the kind has for one: a page of a PDF, a row of a table, a cell of a notebook, a message of a mailbox.
Kinds without pages are cited by what can be counted in them: lines of code, paragraphs of prose. Everything is
derived from the retained text, so that a place is as true as the quote itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from titans_cli.readers.formats import WHOLE, format_of
from titans_cli.records import Omission

_LONGEST_NAME = 80
_HEADER = re.compile(r"^(Date|Subject): (.+)$", re.M)
_PARAGRAPH = re.compile(r"\n\s*\n")


def unit_of(kind: str) -> str:
    """What `Page.number` counts in a document of this kind."""
    return format_of(kind).unit


def in_words(omissions: Iterable[Omission]) -> str:
    """What was left out, as people say it: "3 comments, 1 script"."""
    return ", ".join(f"{count:,} {kind}{'' if count == 1 else 's'}" for kind, count in omissions)


def is_year_of_file(kind: str) -> bool:
    """Whether the year that a document of this kind states is the one its file was made in, not its text."""
    return format_of(kind).made


def place(kind: str, page: int, text: str, start: int) -> str:
    """Where the character at `start` of a page's retained text is."""
    if kind == "code":
        return f"line {text.count(chr(10), 0, start) + 1}"
    if kind in ("eml", "mbox"):
        about = _of_message(text)
        named = f"message {page}" if kind == "mbox" else "message"
        return f"{named} ({about})" if about else named
    if kind == "epub":
        heading = text.partition("\n")[0]
        return f'part {page} "{heading}"' if 0 < len(heading) <= _LONGEST_NAME else f"part {page}"
    if format_of(kind).page == WHOLE:
        return f"paragraph {len(_PARAGRAPH.findall(text, 0, start)) + 1}"
    return f"{unit_of(kind)} {page}"


def _of_message(text: str) -> str:
    """When it was sent and its subject, from the headers at its top."""
    from email.utils import parsedate_to_datetime  # late: few places are in letters

    head = dict(_HEADER.findall(text.partition("\n\n")[0]))
    try:
        sent = parsedate_to_datetime(head.get("Date", "")).date().isoformat()
    except (ValueError, TypeError, IndexError):
        sent = head.get("Date", "")[:_LONGEST_NAME]
    subject = head.get("Subject", "")
    cut = f"{subject[: _LONGEST_NAME - 3]}..." if len(subject) > _LONGEST_NAME else subject
    return ", ".join(filter(None, [sent, f'"{cut}"' if cut else ""]))
