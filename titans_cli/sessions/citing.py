"""References to what a session holds, from its catalogue cards: plain text, BibTeX, CSL-JSON.

BibTeX as its own documentation has it (btxdoc, 1988), CSL as schema csl-data.json 1.0 does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from titans_cli.cards import FIELDS, Card, folded, given, is_document, short_title, surname
from titans_cli.errors import NotFoundError
from titans_cli.records import SourceRecord
from titans_cli.sessions.pages import last_citations
from titans_cli.sessions.selection import Filter, allowed
from titans_cli.steps import Hint, NextStep
from titans_cli.store import Episodes, Home, SessionStore

_MEETING = re.compile(r"\b(?:proceedings|conference|workshop|symposium|meeting|findings of)\b", re.I)
_TEX = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_"}
_TEX |= {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A document with its card; `origins`: where each field was read."""

    number: int
    source: str  # as displayed
    uri: str
    kind: str
    pages: int
    title: str
    authors: tuple[str, ...]
    date: str | None
    venue: str | None
    volume: str | None
    issue: str | None
    doi: str | None
    url: str | None
    language: str | None
    origins: Mapping[str, str]

    @classmethod
    def of(cls, source: SourceRecord, card: Card) -> CatalogueEntry:
        return cls(
            number=source.id,
            source=source.display,
            uri=source.uri,
            kind=source.kind,
            pages=source.pages,
            title=card.title or source.name,
            authors=card.authors,
            date=card.date,
            venue=card.venue,
            volume=card.first("volume"),
            issue=card.first("issue"),
            doi=card.doi,
            url=card.first("url"),
            language=card.first("language"),
            origins={f: o for f in FIELDS if (o := card.origin(f))},
        )

    @property
    def year(self) -> str:
        return (self.date or "")[:4]

    @property
    def address(self) -> str:
        return f"https://doi.org/{self.doi}" if self.doi else self.url or ""


def catalogue(home: Home, session: str | None, sources: Sequence[str] = ()) -> list[CatalogueEntry]:
    """The documents of a session, those that match any of the globs `sources`, in the order of reading.

    Items that it was told and what is left out of answers are none. Raises NotFoundError when there is none.
    """
    store = SessionStore.open(home, session)
    with store.episodes() as episodes:
        only = allowed(episodes, Filter(sources=tuple(sources)))
        withheld, cards = episodes.withheld(), episodes.cards()
        entries = [
            CatalogueEntry.of(s, cards[s.id])
            for s in episodes.sources()
            if is_document(s.kind, cards[s.id]) and s.id not in withheld and (only is None or s.id in only)
        ]
    if not entries:
        raise NotFoundError(
            "it has read no document yet",
            subject=store.info.name,
            hint=Hint("Read some: ", NextStep("ingest", paths=None, session=store.info.name)),
        )
    return entries


def catalogued(episodes: Episodes, uris: Sequence[str]) -> list[CatalogueEntry]:
    """The documents of these addresses, in their order; what is none, or is not there any more, is left out."""
    cards, records = episodes.cards(), [episodes.source_by_uri(uri) for uri in uris]
    return [CatalogueEntry.of(s, cards[s.id]) for s in records if s is not None and is_document(s.kind, cards[s.id])]


def last_cited(home: Home, session: str | None) -> list[CatalogueEntry]:
    """The documents that the last answer cites which the session keeps. Raises NotFoundError when there are none."""
    store = SessionStore.open(home, session)
    with store.episodes() as episodes, episodes.frozen():
        _, cited = last_citations(episodes, store.info.name)
        entries = catalogued(episodes, list(dict.fromkeys(str(c.get("uri", "")) for c in cited.values())))
    if not entries:
        problem = "the last answer cites no document that is still there"
        raise NotFoundError(problem, subject=store.info.name, hint="Cite all that it has read instead")
    return entries


def plain(c: CatalogueEntry) -> str:
    """ "Weber, B. W. (2018). ThermoState: ... Journal of Open Source Education, 1(8). https://doi.org/..." """
    names = [", ".join(filter(None, (surname(a), initials(a)))) for a in c.authors]
    who = " & ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""
    number = f"{c.volume or ''}{f'({c.issue})' if c.issue else ''}"
    where = ", ".join(filter(None, (c.venue, number)))
    parts = [f"{who} ({c.year or 'n.d.'})" if who else f"({c.year or 'n.d.'})", c.title, where]
    return " ".join([*(f"{p.rstrip('.')}." for p in parts if p), c.address or c.source])


def initials(name: str) -> str:
    return " ".join("-".join(f"{p[0]}." for p in word.split("-") if p) for word in given(name).split())


def bibtex(documents: Sequence[CatalogueEntry]) -> str:
    """One entry a document; keys are family name, year and first word of the title, told apart by a letter."""
    keys: dict[str, int] = {}
    entries = []
    for c in documents:
        first = folded(surname(c.authors[0])).replace(" ", "") if c.authors else ""
        word = next((w for w in folded(short_title(c.title)).split() if len(w) > 3), "")
        key = f"{first}{c.year}{word}".encode("ascii", "ignore").decode() or f"document{c.number}"
        keys[key] = keys.get(key, 0) + 1
        key += chr(ord("a") + keys[key] - 2) if 1 < keys[key] < 28 else ""
        kind = "inproceedings" if _is_meeting(c) else "article" if c.venue and c.volume else "misc"
        fields = {
            "title": f"{{{_tex(c.title)}}}",
            "author": " and ".join(_tex(", ".join(filter(None, (surname(a), given(a))))) for a in c.authors),
            "year": c.year,
            "booktitle" if kind == "inproceedings" else "journal" if kind == "article" else "howpublished": _tex(
                c.venue or ""
            ),
            "volume": _tex(c.volume or ""),
            "number": _tex(c.issue or ""),
            "doi": c.doi or "",
            "url": "" if c.doi else c.url or "",
            "language": _tex(c.language or ""),
            "file": "" if c.doi or c.url else _tex(c.source),
        }
        lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
        entries.append(f"@{kind}{{{key},\n" + ",\n".join(lines) + "\n}")
    return "\n\n".join(entries)


def csl(documents: Sequence[CatalogueEntry]) -> list[dict[str, Any]]:
    """CSL-JSON items."""
    items = []
    for c in documents:
        kind = "paper-conference" if _is_meeting(c) else "article-journal" if c.venue and c.volume else "document"
        item: dict[str, Any] = {"id": c.doi or c.source, "type": kind, "title": c.title}
        if c.authors:
            item["author"] = [{"family": surname(a), **({"given": g} if (g := given(a)) else {})} for a in c.authors]
        if c.date:
            item["issued"] = {"date-parts": [[int(p) for p in c.date.split("-")]]}
        more = {"container-title": c.venue, "volume": c.volume, "issue": c.issue, "DOI": c.doi}
        more |= {"URL": c.address, "language": c.language}
        items.append(item | {name: value for name, value in more.items() if value})
    return items


def _is_meeting(c: CatalogueEntry) -> bool:
    return _MEETING.search(c.venue or "") is not None


def _tex(text: str) -> str:
    return "".join(_TEX.get(character, character) for character in text)
