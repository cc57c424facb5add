"""From a document's segments to its cells: the part of reading that needs the model, and nothing of any session.

A document's cells depend on its text alone. So they can be learned anywhere, in any order, before or after other
documents, and are the same bytes; who commits them decides where they stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from titans_cli.cards import Card
from titans_cli.model.interface import BATCH, SessionModel
from titans_cli.records import Block, Document, Omission, Page, Segment, SourceRecord
from titans_cli.sentences import VERSIONS
from titans_cli.store import StoredCell

if TYPE_CHECKING:
    from torch import Tensor

    from titans_cli.model.session import ModelOutputs


@dataclass(frozen=True, slots=True)
class LearnedBatch:
    """What reading the next (up to `BATCH`) segments of a document came to."""

    cell: StoredCell  # as it then stands
    segments: tuple[Segment, ...]
    surprise: tuple[float, ...]  # of each of them, before it was written
    landmarks: tuple[bytes, ...]  # fp32
    refused: Mapping[int, str]  # which of them (from 0) were not learned, and why
    seen: tuple[
        ModelOutputs, ...
    ] = ()  # by the language model, where the session has a memory of its own; stays in the process


@dataclass(frozen=True, slots=True)
class PreparedDocument:
    """A document that was read, and, if that was done already, what learning it came to."""

    document: Document
    segments: Sequence[Segment]
    learned: Sequence[LearnedBatch] | None = None


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """Where to go on: after `done` segments, in the cell `index` that began at segment `begun`."""

    index: int
    begun: int
    done: int
    tensors: Mapping[str, Tensor]


def segments_as_read(
    engine: SessionModel,
    pages: Sequence[Page],
    source: SourceRecord,
    blocks: Sequence[Block],
    pause: Callable[[], None] = lambda: None,
) -> list[Segment]:
    """A source's pages, cut as its blocks were: an earlier release told sentences otherwise (`sentences.VERSIONS`).

    Where the rules of no version give its blocks, as those of the newest do.
    """
    read = {(block.index, block.page, block.start, block.end) for block in blocks}

    def alike(segments: Sequence[Segment]) -> tuple[bool, int]:
        places = {(s.index, s.page, s.start, s.end) for s in segments}
        return len(segments) == source.blocks_total, len(places & read)

    newest = engine.segments(pages, pause)
    if not read or alike(newest) == (True, len(read)):
        return newest
    return max((newest, *(engine.segments(pages, pause, version) for version in VERSIONS[1:])), key=alike)


@dataclass(slots=True)
class PendingCommit:
    """What was learned since the last commit."""

    replaces: SourceRecord | None = None
    omissions: Sequence[Omission] = ()  # what the reader left out
    card: Card | None = None  # goes with the first commit
    cells: dict[int, StoredCell] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    landmarks: list[bytes] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def learn(
    engine: SessionModel,
    segments: Sequence[Segment],
    begun: ResumePoint | None = None,
    *,
    ends: bool = True,
    close: bool = True,
) -> Iterator[LearnedBatch]:
    """Learn a document's segments, `BATCH` at a time, from its first one or from where it was left.

    A cell that is full, or at the document's end, learns no more and is closed, unless `close` is False. `ends`: the
    last of `segments` is the document's last.
    """
    index, start, done = (begun.index, begun.begun, begun.done) if begun else (0, 0, 0)
    state = engine.initial_state()
    if begun and done - start < engine.cell_segments:  # else the next cell begins
        state = engine.from_tensors(dict(begun.tensors))
    while done < len(segments):
        if done - start >= engine.cell_segments:
            index, start, state = index + 1, done, engine.initial_state()
        some = tuple(segments[done : done + BATCH])
        result = engine.read(state, some)
        state = result.state
        done += len(some)
        full = done - start >= engine.cell_segments or (ends and done == len(segments))
        tensors = engine.closed(state, segments[start:done]) if full and close else engine.to_tensors(state)
        yield LearnedBatch(
            StoredCell(index, done, tensors),
            some,
            tuple(result.surprise),
            tuple(vector.contiguous().numpy().tobytes() for vector in result.landmarks),
            result.refused,
            result.seen,
        )


def block_of(segment: Segment, position: int, surprise: float) -> Block:
    """A segment as it is retained; its ids come with the commit."""
    return Block(
        0,
        0,
        segment.index,
        segment.page,
        segment.start,
        segment.end,
        segment.text,
        len(segment.tokens),
        position,
        surprise,
    )
