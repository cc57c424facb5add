"""How much time, memory and text one file may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one source may cost. A page over its limit is skipped; a file over its limit is refused."""

    seconds_per_page: float = 20.0  # also for opening a PDF before its first page
    seconds: float = 300.0  # for the whole file
    memory_bytes: int = 2 << 30  # what the worker may allocate beyond its own start-up size and the file itself
    max_bytes: int = 512 << 20  # size of the raw file
    max_text_chars: int = 50_000_000  # length of the text it yields
    max_pages: int = 10_000  # each is learned on its own, and a table has as many as it has rows
    network: bool = False  # whether addresses may be fetched
    private: bool = False  # ... also from this machine and private networks
