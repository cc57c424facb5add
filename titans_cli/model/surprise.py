"""How little a memory knows of segments, by direction: what the gate and the report ask of a session's cells.

Per token one minus the cosine of its value and M(k), weighted by how much of the token would be written: 1.0 knows
nothing, 0.0 all of it. By direction and not by |v - M(k)|^2 as reading notes it: what is recalled is evened out before
it is used, and a full cell hums at every key, which says how full it is and not what it knows.

Shapes: C tokens of a segment, F features, V value width.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from titans_cli.memory import MemoryState, NeuralMemory, SegmentInputs, gain
from titans_cli.memory.rules import PreparedSteps, prepared
from titans_cli.model.network import absorb


class KeyedInputs(NamedTuple):
    """What the memory needs of N segments, with the features [N, C, F] of their keys: they depend on no memory, and
    cost more than what any one memory says to them."""

    inputs: SegmentInputs
    features: Tensor

    def steps(self) -> PreparedSteps:
        return prepared(self.features, *(t.float() for t in self.inputs[1:]))


def keyed(memory: NeuralMemory, inputs: SegmentInputs) -> KeyedInputs:
    return KeyedInputs(inputs, memory.features(inputs.keys.float()))


def knows_nothing(memory: MemoryState) -> bool:
    """Whether it is one of zeros, to which everything is a surprise of 1.0."""
    return not bool(memory.weights.any())


def unknown(memory: MemoryState, put: KeyedInputs) -> list[float]:
    """The surprise of each segment to a memory, which stays as it is."""
    if knows_nothing(memory):
        return [1.0] * len(put.features)
    recalled = put.features @ memory.weights[0]
    written = gain(put.inputs.theta.float())
    alike = torch.cosine_similarity(recalled, put.inputs.values.float(), dim=-1)
    known = (alike.nan_to_num(0.0) * written).sum(1) / written.sum(1).clamp(min=1e-9)
    return [1 - share for share in known.tolist()]


def first_unknown(
    rule: NeuralMemory, memory: MemoryState, batches: Iterable[KeyedInputs], rehearsals: int
) -> list[float]:
    """The surprise of each segment to the memory just before that learned it.

    The batches are those in which the segments were read, in order, from the memory's beginning; what it knew in
    between is computed anew.
    """
    nats, before = list[float](), list[PreparedSteps]()
    for put in batches:
        for steps in before:  # what nobody asks any more need not be learned, so only now
            memory = absorb(rule, memory, steps, rehearsals).state
        during, steps, count = memory, put.steps(), len(put.features)  # rehearsal comes when the whole batch was read
        for i in range(count):
            nats += unknown(during, KeyedInputs(put.inputs.slice(i, i + 1), put.features[i : i + 1]))
            if i + 1 < count:
                during = absorb(rule, during, steps.slice(i, i + 1)).state
        before = [steps]
    return nats
