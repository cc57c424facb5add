"""What a memory does on any model: read, and be asked how new a text is to it. Written once, for all models.

A `Backbone` is what lies under the memory: it makes of token ids what the memory is to learn. Which model that is, on
which device and in what arithmetic, is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from titans_cli.memory import MemoryState, NeuralMemory, SegmentInputs
from titans_cli.model.interface import BATCH, Cell, ReadResult
from titans_cli.model.network import absorb, has_successor
from titans_cli.model.surprise import KeyedInputs, first_unknown, knows_nothing, unknown
from titans_cli.records import Segment

Rows = tuple[tuple[int, ...], ...]  # token ids of up to `BATCH` segments


class SegmentStates(NamedTuple):
    """What a model made of N segments, and what the memory is to learn of it. C tokens of a segment, D its width."""

    x: Tensor  # [N, C, D]
    tokens: Tensor  # [N, C]
    mask: Tensor  # [N, C]: True on real tokens
    inputs: SegmentInputs


class Backbone(Protocol):
    """A model as a memory wants it. All methods run without gradients."""

    @property
    def memory(self) -> NeuralMemory: ...

    @property
    def rehearsals(self) -> int: ...

    @property
    def device(self) -> torch.device:
        """Of the memory; cells are kept off it, on the CPU."""

    def states(self, rows: Rows) -> SegmentStates: ...

    def keyed(self, rows: Rows) -> KeyedInputs: ...

    def marks(self, states: SegmentStates) -> Tensor:
        """A landmark a segment [N, L]: unit rows in fp32, on the CPU."""


def batches(segments: Sequence[Segment]) -> Iterator[Rows]:
    for start in range(0, len(segments), BATCH):
        yield tuple(tuple(s.tokens) for s in segments[start : start + BATCH])


def here(model: Backbone, state: Cell) -> MemoryState:
    """A cell's memory, on the model's device."""
    return MemoryState(*(t.to(model.device) for t in state.memory))


@torch.inference_mode()
def read(model: Backbone, state: Cell, segments: Sequence[Segment]) -> ReadResult:
    """Learn one or more segments in order, `BATCH` of them in a pass of the model.

    Who reads a document in several calls and wants the bits of a single one cuts it at multiples of `BATCH`.
    """
    surprises, marks, refused = list[float](), list[Tensor](), dict[int, str]()
    memory, topics = here(model, state), [state.topics]
    for rows in batches(segments):
        states = model.states(rows)
        memory, surprise, no = absorb(model.memory, memory, states.inputs, model.rehearsals)
        sound = torch.tensor([i not in no for i in range(len(rows))], device=model.device)
        topics.append(model.memory.noted_topics(states.inputs, states.mask & sound[:, None]).half().cpu())
        refused |= {len(surprises) + i: reason for i, reason in no.items()}
        bound = has_successor(states.mask)
        surprises += ((surprise * bound).sum(1) / bound.sum(1).clamp(min=1)).tolist()
        marks.append(model.marks(states))
    cell = Cell(memory.weights.cpu(), memory.momentum.cpu(), torch.cat(topics), state.share)
    return ReadResult(cell, surprises, torch.cat(marks), refused)


@torch.inference_mode()
def surprise(model: Backbone, state: Cell, segments: Sequence[Segment]) -> list[float]:
    """How little the cell knows of what each segment would bind, without writing: 1.0 nothing, 0.0 all of it."""
    memory = here(model, state)
    if knows_nothing(memory):
        return [1.0] * len(segments)
    return [value for rows in batches(segments) for value in unknown(memory, model.keyed(rows))]


@torch.inference_mode()
def first_surprise(model: Backbone, blank: Cell, segments: Sequence[Segment]) -> list[float]:
    """The `surprise` of each segment to its cell just before the cell learned it.

    The segments are those of one cell, in order, from its beginning, `blank`; what it knew in between is computed anew.
    """
    return first_unknown(model.memory, here(model, blank), map(model.keyed, batches(segments)), model.rehearsals)
