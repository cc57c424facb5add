"""What publishers print on a first page beside the text: dates, the journal with its volume, the DOI.

Patterns of typography and of dates, in the forms that journals and archives use; no journal is named here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from titans_cli.cards import Entry

FIRST_PAGE = "first page"
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august"),
    *("september", "october", "november", "december"),
)
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_YEAR = r"(?:19[5-9]\d|20[0-4]\d)"
_DATE = re.compile(
    rf"(?P<iso>{_YEAR}-\d\d(?:-\d\d)?)|(?P<d1>\d{{1,2}})(?:st|nd|rd|th|\.)?\s+(?P<m1>{_MONTH}),?\s+(?P<y1>{_YEAR})"
    rf"|(?P<m2>{_MONTH})\s+(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<y2>{_YEAR})"
    rf"|(?P<m3>{_MONTH}),?\s+(?P<y3>{_YEAR})|(?P<y4>{_YEAR})",
    re.I,
)
_PUBLISHED = re.compile(
    r"\b(?:published|publication date|first published|available|posted)(?:\s+online)?(?:\s+on|\s+in)?\s*:?\s*", re.I
)
_ARXIV = re.compile(r"\barXiv:\s?(?P<id>\d{4}\.\d{4,5}|[a-z-]+/\d{7})(?:v\d+)?(?:\s+\[[\w.-]+\])?\s*", re.I)
_RECEIVED = re.compile(r"\b(?:accepted|revised)(?:\s+on|\s+in)?\s*:?\s*", re.I)
_COPYRIGHT = re.compile(r"(?:©|\(c\)|\bcopyright)\s*(?:©\s*)?(?:by\s+)?", re.I)
_DOI = re.compile(r"\b10\.\d{4,9}/[^\s\"<>,;)\]]+[^\s\"<>,;.)\]]")
_LABELLED_DOI = re.compile(r"\bdoi:?\s*(?:https?://(?:dx\.)?doi\.org/)?(?=10\.)", re.I)
_NAME = r"(?P<venue>(?:The )?[A-Z][\w&’'-]*(?:[ ,:]+(?:[A-Z][\w&’'-]*|of|on|in|the|and|for|de|der|la|&)){0,12})"
_NUMBERED = (  # a name and what volume and issue it is, as a running head or a citation has them
    re.compile(rf"{_NAME},?\s+(?P<volume>\d{{1,4}})\s?\((?P<issue>\d[\d-]*)\)(?:[,:]\s*(?P<rest>[^.]{{0,40}}))?"),
    re.compile(rf"{_NAME},?\s+(?P<volume>\d{{1,3}})\.(?P<issue>\d{{1,3}})\b(?:\s*\(#?\d+\))?(?P<rest>[^.]{{0,80}})"),
    re.compile(
        rf"{_NAME},?\s+[Vv]ol(?:ume|\.)\s*(?P<volume>\d{{1,4}})(?:,?\s*(?:[Nn]o|[Ii]ssue|[Nn]umber)\.?\s*"
        r"(?P<issue>\d+))?(?P<rest>[^.]{0,40})"
    ),
)
_MEETING = re.compile(
    rf"(?P<venue>(?:Proceedings of|Findings of|Conference on|Workshop on)[^.;]{{5,160}}?),?\s*(?:pages?\b|pp\b|{_YEAR})"
)


class Imprint(NamedTuple):
    """`dated`: whether a date was printed for this very document, and not for the volume or meeting it belongs to."""

    entries: tuple[Entry, ...]
    dated: bool


def iso(date: re.Match[str]) -> str:
    """A match of a date as ISO 8601."""
    if date["iso"]:
        return date["iso"]
    for n in ("1", "2", "3"):
        if date[f"y{n}"]:
            month = 1 + next(i for i, m in enumerate(_MONTHS) if m.startswith(date[f"m{n}"][:3].lower()))
            day = f"-{int(date[f'd{n}']):02}" if n != "3" and 1 <= int(date[f"d{n}"]) <= 31 else ""
            return f"{date[f'y{n}']}-{month:02}{day}"
    return date["y4"]


def date_in(text: str) -> str | None:
    """The first date of a text as ISO 8601."""
    date = _DATE.search(text)
    return iso(date) if date else None


def printed(lines: Sequence[str], margins: Iterable[str] = ()) -> Imprint:
    """What the lines of a first page say of the publication; `margins`: heads and feet of this and the next pages.

    Dates, most telling first: of publication, of the archive's stamp, of the volume, of the copyright, of acceptance.
    """
    text, edges = "\n".join(lines), [_joined(m) for m in margins]
    entries: list[Entry] = []
    own = _after(_PUBLISHED, text) or _after(_ARXIV, text)
    venue = next((candidate for line in (*edges, *lines) for candidate in _venues(line, line in edges)), None)
    whole = venue["date"] if venue else None
    date = own or whole or _after(_COPYRIGHT, text) or _after(_RECEIVED, text)
    if date:
        entries.append(Entry("date", date, FIRST_PAGE))
    if venue:
        entries += [Entry(f, venue[f] or "", FIRST_PAGE) for f in ("venue", "volume", "issue")]
    elif stamp := _ARXIV.search(text):
        entries += [
            Entry("venue", "arXiv", FIRST_PAGE),
            Entry("url", f"https://arxiv.org/abs/{stamp['id']}", FIRST_PAGE),
        ]
    if doi := _doi(text, edges):
        entries.append(Entry("doi", doi, FIRST_PAGE))
    return Imprint(tuple(entries), own is not None)


def _joined(line: str) -> str:
    return " ".join(line.split())


def _after(lead: re.Pattern[str], text: str) -> str | None:
    """The first date that stands right after what leads to one."""
    for label in lead.finditer(text):
        date = _DATE.match(text, label.end())
        if date:
            return iso(date)
    return None


def _venues(line: str, edge: bool) -> Iterator[dict[str, str | None]]:
    """`edge`: the line is a head or foot; elsewhere "Attribution 4.0" is a licence and no journal."""
    for pattern in _NUMBERED if edge else (_NUMBERED[0], _NUMBERED[2]):
        for imprint in pattern.finditer(line):
            name = imprint["venue"].strip(" ,:")
            if len(name) >= 4 and not _DATE.search(name):
                year = re.search(rf"\b{_YEAR}\b", imprint["rest"] or "")
                yield {
                    "venue": name,
                    "volume": imprint["volume"],
                    "issue": imprint["issue"],
                    "date": year.group() if year else None,
                }
    meeting = _MEETING.search(line)
    if meeting is not None:
        year = re.search(rf"\b{_YEAR}\b", line[meeting.start() :])
        name = _joined(meeting["venue"])
        yield {"venue": name, "volume": None, "issue": None, "date": year.group() if year else None}


def _doi(text: str, edges: Sequence[str]) -> str | None:
    """The one that is called so on the page, or else one in its margins: others are of works cited."""
    for label in _LABELLED_DOI.finditer(text):
        if doi := _DOI.match(text, label.end()):
            return doi.group()
    return next((doi.group() for edge in edges for doi in _DOI.finditer(edge)), None)
