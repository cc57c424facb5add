"""What every write rule is: a module that owns its parameters, takes a state and tokens, and gives back a new state.

A rule works on a fixed grid of chunks. All gradients of a chunk are taken at the weights the chunk began with, so the
state only changes when a chunk is full; until then its tokens wait in the state. Hence a stream may be cut anywhere:
the weights after every full chunk come from the same arithmetic on the same numbers, bit for bit, and outputs differ
at most in the last place (a matrix product may round differently when it has fewer rows); where the cuts fall on the
grid they do not differ either. The chunk is part of what was trained: serve with the one a model was trained with.

Two kinds of read:

    start    y_t = M_chunk(q_t): what was known when the chunk began (memory as context needs no more)
    causal   y_t = M_t(q_t): all that tokens up to and including t have taught, and nothing of what follows

Shape suffixes: B batch, N tokens of a call, C tokens of a chunk (or of what there is of one), D width of the memory.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

Read = Literal["start", "causal"]


class Tokens(NamedTuple):
    """What a rule writes of a run of tokens: pairs to associate, and how strongly to learn, go on and forget."""

    keys: Tensor  # [B, N, D], unit
    values: Tensor  # [B, N, D]
    theta: Tensor  # [B, N], step size, >= 0
    eta: Tensor  # [B, N], momentum kept, in [0, 1]
    alpha: Tensor  # [B, N], memory forgotten, in [0, 1]

    @property
    def length(self) -> int:
        return self.keys.shape[1]

    def cut(self, start: int, stop: int) -> Tokens:
        return Tokens(*(t[:, start:stop] for t in self))

    def clone(self) -> Tokens:
        """Apart from the storage it was cut from, which may be large."""
        return Tokens(*(t.clone() for t in self))

    def then(self, after: Tokens) -> Tokens:
        return Tokens(*(torch.cat(pair, dim=1) for pair in zip(self, after, strict=True))) if self.length else after


class RuleState(NamedTuple):
    """All that a memory has learned, and the tokens of the chunk it is in the middle of. A value: never changed."""

    weights: tuple[Tensor, ...]  # M, [B, ., .] each
    momentum: tuple[Tensor, ...]  # S, of the same shapes
    pending: Tokens  # fewer than a chunk


class WriteRule(nn.Module, ABC):
    """The interface, and the walk along the grid of chunks that all rules share.

    width         D, of keys, queries, values and of what is read
    chunk         tokens that are written in one step
    read          "start" or "causal"
    gate_bias     where the three gates begin, as logits of (theta, eta, alpha)
    """

    gate_bias: tuple[float, float, float]

    def __init__(self, width: int, chunk: int, read: Read) -> None:
        super().__init__()
        if min(width, chunk) < 1:
            raise ValueError(f"width and chunk must be positive: {width}, {chunk}")
        self.width, self.chunk, self.read = width, chunk, read

    @abstractmethod
    def gates(self, logits_BN3: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """theta, eta and alpha, each [B, N] and within bounds, of any three numbers a token."""

    @abstractmethod
    def plans(self, tokens: Tokens) -> Iterator[Any]:
        """For each chunk of a run that begins with one: what its gates amount to, given to `peek` or `step`."""

    @abstractmethod
    def peek(self, q_BCD: Tensor, chunk: Tokens, plan: Any, state: RuleState) -> Tensor:
        """What the last tokens of an unfinished chunk read."""

    @abstractmethod
    def step(self, q_BCD: Tensor, chunk: Tokens, plan: Any, state: RuleState) -> tuple[Tensor, RuleState]:
        """What the last tokens of a full chunk read, and the state after it, with nothing pending."""

    @abstractmethod
    def blank(self, batch: int) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Weights and momentum of `batch` memories that have read nothing."""

    def initial_state(self, batch: int = 1) -> RuleState:
        weights, momentum = self.blank(batch)
        rows, none = weights[0].new_zeros(batch, 0, self.width), weights[0].new_zeros(batch, 0)
        return RuleState(weights, momentum, Tokens(rows, rows, none, none, none))

    def forward(self, q_BND: Tensor, tokens: Tokens, state: RuleState) -> tuple[Tensor, RuleState]:
        """Read with N queries and write N tokens: what was read, [B, N, D], and the state to go on with.

        In the precision of the state, also inside autocast.
        """
        dtype = state.weights[0].dtype
        with torch.autocast(state.weights[0].device.type, enabled=False):
            return self._walk(q_BND.to(dtype), Tokens(*(t.to(dtype) for t in tokens)), state)

    def _walk(self, q_BND: Tensor, tokens: Tokens, state: RuleState) -> tuple[Tensor, RuleState]:
        known = state.pending.length
        whole = state.pending.then(tokens)
        reads = []
        for i, plan in enumerate(self.plans(whole)):
            start, stop = i * self.chunk, min((i + 1) * self.chunk, whole.length)
            chunk, q_BCD = whole.cut(start, stop), q_BND[:, max(start - known, 0) : stop - known]
            if chunk.length < self.chunk:
                reads.append(self.peek(q_BCD, chunk, plan, state))
            else:
                read, state = self.step(q_BCD, chunk, plan, state)
                reads.append(read)
        pending = whole.cut(whole.length - whole.length % self.chunk, whole.length)
        return torch.cat(reads, dim=1), state._replace(pending=pending.clone())
