"""The catalogue card of a document: what a library would write down of it, every entry with where it was read.

A card is kept as rows of (field, value, origin). A field may have several values, in order: authors. Dates are ISO
8601, as exact as they were stated ("2018", "2018-06", "2018-06-21"). Names are as they are printed, given names first.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

FIELDS = ("title", "author", "date", "venue", "volume", "issue", "doi", "url", "language")
LISTING = "bibliography "  # an origin, followed by the name of the file
STATED = "stated in the file"  # origin of what a file says of itself, which may be when it was saved
HEADING = "first heading"  # origin of a title that nothing calls one
ENTRY = "entry"  # a field of bibliographies: one work they list, as JSON
_DATE = re.compile(r"[0-9]{4}(-[0-9]{1,2}){0,2}")
_SUFFIX = re.compile(r"^(?:jr|sr|ii|iii|iv|phd|md)\.?$", re.I)

_FOLDED = {c: chr(c).lower() if chr(c).isalnum() else " " for c in range(128)}  # ASCII


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a field. `origin`: where it was read, in words ("PDF metadata", "first page")."""

    field: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of a document as a publication; empty where nothing said so."""

    entries: tuple[Entry, ...] = ()

    def values(self, field: str) -> tuple[str, ...]:
        return tuple(e.value for e in self.entries if e.field == field)

    def first(self, field: str) -> str | None:
        return next((e.value for e in self.entries if e.field == field), None)

    def origin(self, field: str) -> str | None:
        return next((e.origin for e in self.entries if e.field == field), None)

    @property
    def title(self) -> str | None:
        return self.first("title")

    @property
    def named(self) -> bool:
        """Whether it is better known by its title than by its file's name, as a publication is and a note is not."""
        said_to_be_one = self.origin("title") not in (None, HEADING, "file")
        return self.title is not None and (said_to_be_one or bool(self.authors or self.doi))

    @property
    def authors(self) -> tuple[str, ...]:
        return self.values("author")

    @property
    def date(self) -> str | None:
        return self.first("date")

    @property
    def year(self) -> int | None:
        return int(self.date[:4]) if self.date else None

    @property
    def published(self) -> int | None:
        """The year, unless it may be that of the file rather than of what it holds."""
        origin = self.origin("date") or ""
        return None if origin in ("file", STATED) or ", when " in origin else self.year

    @property
    def venue(self) -> str | None:
        return self.first("venue")

    @property
    def doi(self) -> str | None:
        return self.first("doi")


def is_sound(entry: Entry) -> bool:
    """Whether it has the form of an entry: a date that is one, a work that can be read. Nobody else looks again."""
    if entry.field == ENTRY:
        try:
            work = json.loads(entry.value)
        except (ValueError, RecursionError):
            return False
        lists = isinstance(work, dict) and all(isinstance(values, list) for values in work.values())
        return lists and all(
            isinstance(v, str) and (f != "date" or _DATE.fullmatch(v) is not None) for f, vs in work.items() for v in vs
        )
    return entry.field in FIELDS and (entry.field != "date" or _DATE.fullmatch(entry.value) is not None)


def filled(*parts: Iterable[Entry]) -> Card:
    """A card of several sources of entries, the most trusted first: a field is taken whole from the first that has it.

    Its entries stand in the order of `FIELDS`.
    """
    kept: dict[str, list[Entry]] = {}
    for part in parts:
        some: dict[str, list[Entry]] = {}
        for e in part:
            if e.value.strip():
                some.setdefault(e.field, []).append(e)
        for field, entries in some.items():
            kept.setdefault(field, entries)
    return Card(tuple(e for field in (*FIELDS, ENTRY) for e in kept.get(field, ())))


def is_document(kind: str, card: Card) -> bool:
    """Not what a session was told, and no list of works that lies among the documents."""
    return kind != "item" and card.first(ENTRY) is None


def bibliographies(works: Mapping[int, tuple[str, Card]]) -> dict[str, list[int]]:
    """Those of `works` (by number, with the names of their files) that list others, by the origin that `joined` gives
    to what it takes from them. Two of one name are both meant: a card keeps no more of them than that."""
    by_origin: dict[str, list[int]] = {}
    for i, (name, work) in works.items():
        if work.first(ENTRY) is not None:
            by_origin.setdefault(f"{LISTING}{name}", []).append(i)
    return by_origin


def joined(cards: Mapping[int, tuple[str, Card]], rows: Mapping[int, Sequence[Entry]]) -> dict[int, Card]:
    """Cards by document, each filled up with what bibliographies among the documents say of it.

    `cards`: name of the file and card; `rows`: every entry that is kept of a document. A work of a bibliography is a
    document by the name of its file, by its DOI, or by its title.
    """
    works = [(cards[i][0], json.loads(e.value)) for i, some in rows.items() for e in some if e.field == ENTRY]
    if not works:
        return {i: card for i, (_, card) in cards.items()}
    by_key: dict[str, list[Entry]] = {}
    for name, work in works:
        entries = [Entry(f, str(v), f"{LISTING}{name}") for f, values in work.items() for v in values if f in FIELDS]
        for key in (*(work.get("file") or ()), *(work.get("doi") or ()), *map(folded, work.get("title") or ())):
            by_key.setdefault(key.lower(), entries)

    def said_of(name: str, card: Card) -> list[Entry]:
        keys = (name, name.rsplit(".", 1)[0], card.doi or "", folded(card.title or ""))
        return next((by_key[k.lower()] for k in keys if k and k.lower() in by_key), [])

    return {i: filled(said_of(name, card), card.entries) for i, (name, card) in cards.items()}


def surname(name: str) -> str:
    """What an author is cited by: the last word, with the small ones before it ("Bert de Vries" is "de Vries")."""
    if "," in name:
        return name.split(",")[0].strip()
    words = [w for w in name.split() if not _SUFFIX.match(w)] or name.split()
    if not words:
        return name
    start = len(words) - 1
    while start > 1 and words[start - 1][0].islower():
        start -= 1
    return " ".join(words[start:])


def given(name: str) -> str:
    if "," in name:
        return name.split(",", 1)[1].strip()
    return name.strip().removesuffix(surname(name)).strip()


def listed(names: Sequence[str]) -> str:
    """ "A", "A and B", "A, B and C"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def short_title(title: str) -> str:
    """The name that a paper is called by: what stands before its colon, if that is short."""
    head = title.split(": ")[0]
    return head if len(head.split()) <= 4 else title


def label(card: Card, otherwise: str) -> str:
    """As a document is cited: "Wright 2019, treesiftr"; `otherwise` (its file's name) for one without a title."""
    if not card.title:
        return otherwise
    names = [surname(a) for a in card.authors]
    who = names[0] + (f" and {names[1]}" if len(names) == 2 else " et al." if len(names) > 2 else "") if names else ""
    head = " ".join(filter(None, (who, str(card.year or ""))))
    return ", ".join(filter(None, (head, short_title(card.title))))


def folded(text: str) -> str:
    """Letters and digits alone, without case and accents, words set apart by one space: to compare titles and names."""
    if text.isascii():  # the same, ten times as fast: a question is compared with the titles of ten thousand documents
        return " ".join(text.translate(_FOLDED).split())
    plain = unicodedata.normalize("NFKD", text).casefold().replace("ı", "i").replace("ø", "o")
    kept = "".join(c if c.isalnum() else "" if unicodedata.combining(c) else " " for c in plain)
    return " ".join(kept.split())
