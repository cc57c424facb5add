"""What every reader makes of a file's bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from titans_cli.cards import Entry
from titans_cli.records import Omission, Page


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """`omissions`: what the reader left out and how often, by kind: (("form field", 3), ("script", 1)).

    Everything that is dropped and holds letters or digits is counted under some kind; a kind is a noun in the singular.
    """

    title: str | None
    pages: tuple[Page, ...]
    warnings: tuple[str, ...] = ()
    year: int | None = None  # as the file states it about itself
    omissions: tuple[Omission, ...] = ()
    card: tuple[Entry, ...] = ()  # what it says about itself as a publication


def one_page(
    title: str | None, text: str, *warnings: str, year: int | None = None, omissions: tuple[Omission, ...] = ()
) -> ParsedDocument:
    """For formats without pages."""
    return ParsedDocument(title, (Page(1, text),), warnings, year, omissions)


def totals(*counts: Iterable[Omission]) -> tuple[Omission, ...]:
    """Counts put together by kind, in alphabetical order; what was counted 0 times is nothing."""
    together: dict[str, int] = {}
    for kind, count in (pair for each in counts for pair in each):
        together[kind] = together.get(kind, 0) + count
    return tuple((kind, count) for kind, count in sorted(together.items()) if count > 0)


def short(text: str | None, longest: int = 300) -> str | None:
    """A title: one line, not too long, or None."""
    return " ".join((text or "").split())[:longest] or None
