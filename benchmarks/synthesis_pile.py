"""Documents as a session would retain them, without a model that reads them: an answer about the whole needs none.

Pages are cut into blocks at paragraphs, so that a question about the whole is answered from the same sentences as in a
session. Surprise is that of a memory that knows nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from titans_cli.cards import Card
from titans_cli.readers import discover, read
from titans_cli.records import Block, Citation, Document, Page, Source, SourceRecord

BLOCK = 600  # characters, about
READ_AT = "2026-01-01T00:00:00Z"


class Pile:
    """Has the part of `Episodes` that answers about the whole use: sources, their blocks and pages."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._sources: list[SourceRecord] = []
        self._blocks: dict[int, list[Block]] = {}
        self._pages: dict[int, tuple[Page, ...]] = {}
        self._cards: dict[int, Card] = {}
        count = 0
        for number, d in enumerate(documents, start=1):
            blocks: list[Block] = []
            for page in d.pages:
                for start, end in _cut(page.text):
                    count += 1
                    text = page.text[start:end]
                    size = len(text) // 4
                    blocks.append(Block(count, number, len(blocks), page.number, start, end, text, size, 0, 1.0))
            self._blocks[number], self._pages[number], self._cards[number] = blocks, d.pages, d.card
            where = (
                number,
                d.source.uri,
                d.source.display,
                d.sha256,
                d.size,
                d.kind,
                d.card.title or d.title,
                len(d.pages),
            )
            done = (len(blocks), len(blocks), sum(b.tokens for b in blocks), READ_AT, "read")
            self._sources.append(SourceRecord(*where, *done, year=d.card.year or d.year))

    def sources(self) -> list[SourceRecord]:
        return self._sources

    def cards(self) -> dict[int, Card]:
        return self._cards

    def blocks_of(self, source_id: int) -> list[Block]:
        return self._blocks[source_id]

    def pages(self, source_id: int) -> tuple[Page, ...]:
        return self._pages[source_id]

    def page(self, source_id: int, number: int) -> str:
        return next(p.text for p in self._pages[source_id] if p.number == number)


def of_texts(texts: dict[str, str]) -> Pile:
    """Of texts by file name, read in that order."""
    return Pile(
        Document(Source(f"file:///{n}", n), hashlib.sha256(t.encode()).hexdigest(), len(t), "txt", None, (Page(1, t),))
        for n, t in texts.items()
    )


def of_folder(folder: Path) -> Pile:
    """Of every file that a reader knows, parsed as `titans ingest` does."""
    return Pile(
        read(source) for source in discover([str(folder)]).sources if not source.uri.endswith((".json", ".jsonl"))
    )


def cite(pile: Pile, number: int, block: Block, start: int, end: int) -> Citation:
    """Raises ValueError if it is not a quote."""
    source = pile.sources()[block.source_id - 1]
    quote = pile.page(source.id, block.page)[start:end]
    if not quote:
        raise ValueError(f"nothing stands at {start}-{end} of {source.display}")
    return Citation(number, source.display, source.uri, block.page, start, end, quote, 1.0, 0.0)


def _cut(text: str) -> Iterable[tuple[int, int]]:
    start = 0
    while start < len(text):
        end = text.find("\n\n", start + BLOCK)
        end = len(text) if end < 0 else end + 2
        if text[start:end].strip():
            yield start, end
        start = end
