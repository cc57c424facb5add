"""What every reader makes of a file's bytes."""

from __future__ import annotations

from dataclasses import dataclass

from titans_cli.records import Page


@dataclass(frozen=True, slots=True)
class Parsed:
    title: str | None
    pages: tuple[Page, ...]
    warnings: tuple[str, ...] = ()
