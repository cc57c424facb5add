"""What every reader makes of a file's bytes."""

from __future__ import annotations

from dataclasses import dataclass

from titans_cli.cards import Entry
from titans_cli.records import Page


@dataclass(frozen=True, slots=True)
class Parsed:
    title: str | None
    pages: tuple[Page, ...]
    warnings: tuple[str, ...] = ()
    year: int | None = None  # as the file states it about itself
    card: tuple[Entry, ...] = ()  # what it says about itself as a publication


def one_page(title: str | None, text: str, *warnings: str, year: int | None = None) -> Parsed:
    """For formats without pages."""
    return Parsed(title, (Page(1, text),), warnings, year)


def short(text: str | None, longest: int = 300) -> str | None:
    """A title: one line, not too long, or None."""
    return " ".join((text or "").split())[:longest] or None
