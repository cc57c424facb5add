"""What the memory took up: passages put to their own cells, as these were before learning them and as they are now.

Both figures are `Engine.surprise`, so they can be compared: 1.0 knows nothing, 0.0 knows it by heart. The cell of
before is computed anew from the retained text, as a cell depends on nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from titans_cli.records import Block, SnapshotInfo, SourceRecord
from titans_cli.report.facts import AbsorbedPassage
from titans_cli.sessions.gate import segments_at
from titans_cli.store import Episodes, SessionStore

if TYPE_CHECKING:
    from titans_cli.model.interface import SessionModel

T = TypeVar("T")
CELLS = 16  # read again, each of at most eight segments: three seconds of one busy core (docs/log.md, 2026-11-27)


def measured(
    store: SessionStore, episodes: Episodes, engine: SessionModel, sources: Sequence[SourceRecord], most: int
) -> list[AbsorbedPassage]:
    """Up to `most` passages of at most `CELLS` cells, spread evenly over the documents and over each of them, in the
    order of reading. To know what a cell knew before a passage all of it up to there is read again, so several passages
    of one cell cost little more than one; all of them are measured where they are few."""
    read = [s for s in sources if s.blocks_done]
    few = sum(s.blocks_done for s in read) <= most
    chosen = read if few else spread(read, CELLS)
    passages: list[AbsorbedPassage] = []
    for source, count in shares(chosen, most):
        ends = episodes.cells_of(source.id)
        begins = [0, *(cell.blocks_done for cell in ends)]
        cells = list(zip(ends, begins, strict=False))
        cells = cells if few else spread(cells, max(1, CELLS // len(chosen)))
        each, blocks = -(-count // max(1, len(cells))), episodes.blocks_of(source.id)
        for cell, start in cells:
            here = spread([block for block in blocks if start <= block.index < cell.blocks_done], each)
            if here:
                passages += _measured(store, episodes, engine, cell, start, here)
    return passages


def shares(sources: Sequence[SourceRecord], most: int) -> Iterator[tuple[SourceRecord, int]]:
    """How many passages of which document: all of them if they are few, else an equal share of `most` for each."""
    chosen = spread(sources, most)
    fit = sum(source.blocks_done for source in sources) <= most
    for source in chosen:
        yield source, source.blocks_done if fit else min(source.blocks_done, max(1, most // len(chosen)))


def spread(items: Sequence[T], count: int) -> list[T]:
    """`count` of them (or all), each from the middle of an equal share."""
    if count >= len(items):
        return list(items)
    return [items[(2 * i + 1) * len(items) // (2 * count)] for i in range(count)]


def _measured(
    store: SessionStore, episodes: Episodes, engine: SessionModel, row: SnapshotInfo, start: int, here: Sequence[Block]
) -> Iterator[AbsorbedPassage]:
    """`here`: blocks of the cell, which begins at the segment `start` of its document."""
    places = [(row.source_id, index) for index in range(start, here[-1].index + 1)]
    known = segments_at(episodes, engine, places)
    learned = [known[place] for place in places]
    first = engine.first_surprise(learned)
    now = engine.surprise(engine.from_tensors(store.load(row)), learned)  # all: the trunk has read them just now
    for block in here:
        i = block.index - start
        yield AbsorbedPassage(row.source_id, block.index, block.page, block.text, first[i], now[i])
