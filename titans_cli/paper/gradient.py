"""The paper's write rule, exact, a chunk at a time (Titans eq. 13-14).

    S_t = eta_t S_{t-1} - theta_t grad l(M_c; k_t, v_t)          M_t = (1 - alpha_t) M_{t-1} + S_t

with M_c the weights the chunk began with; of a chunk of one token this is eq. 13-14 to the letter. `coefficients.py`
turns the gates into scalars, `fast.py` gives each token's gradient as x_i^T d_i, and so a chunk's whole write is

    S' = momentum S - X^T diag(n) D              M' = keep M + carry S - X^T diag(c) D         for each layer

and the read at every token t inside it, without ever forming M_t, by the dual form (lower triangular G = [w_tj])

    q_t M_t = keep_t q_t M + carry_t q_t S - [(G o Q X^T) D]_t                                 layer after layer

Suffixes as in rule.py; H the width of any layer. Low means: of `gemm_dtype`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from titans_cli.paper.coefficients import Causal, Coefficients, causal, per_chunk, per_token
from titans_cli.paper.fast import L2, Objective, Pass, Scratch, backward, forward, matrices, product, shapes, silu
from titans_cli.paper.rule import Read, RuleState, Tokens, WriteRule

THETA_LIMIT = 1.0  # writes the whole error of a lone token into a linear memory; 2 is where a step begins to diverge
ETA_LIMIT = 0.9  # a surprise moves the memory 1 / (1 - eta) times its own size in the end: 10 times at most
GRADIENT_LIMIT = 1.0  # of one token, over all layers, in a bounded rule
PLANNED = 1 << 20  # scalars of a plan: how many chunks are planned at once


class ChunkPlan(NamedTuple):
    coefficients: Coefficients
    causal: Causal | None
    room: Scratch


@dataclass(frozen=True, slots=True)
class GradientOptions:
    """How the steps are taken.

    gating       "token": the paper's eq. 13-14. "chunk": a chunk is one step, with the mean gates of its tokens;
                 2 / 9 cheaper, and with the read at its start only
    bounded      every token's gradient is clipped to length 1 (a true clip: small ones stay as they are), and a chunk
                 whose gradients weigh more than 1 in sum is scaled down to 1. What a chunk adds to M is then no longer
                 than 1, whatever it holds; without it, repeated keys make the sum overshoot and a stream may diverge.
                 False gives the paper's formula and nothing else
    gemm_dtype   bfloat16 runs the matrix products at twice the speed or more; the state stays as it is (fp32)
    """

    gating: Literal["token", "chunk"] = "token"
    bounded: bool = True
    gemm_dtype: torch.dtype | None = None


class GradientRule(WriteRule):
    """Surprise, momentum and forgetting by explicit gradient steps on a deep fast network.

    depth, expansion   layers of the network, and hidden width over D
    objective          `L2()` or `Huber(delta)`

    Cost per token, with P fast weights in two layers (a multiply-add is 2): 7 P operations with chunk gates, 9 P with
    token gates (2 P for the query, 2 P for the key and P for the way back, 2 P for each weighted sum); with causal
    reads 11 P + 2 C (in + out of every layer), and C / 2 scalars of the scan. State: 2 P numbers.

    When: a memory that should generalise over what it reads, not only recall it (depth), or the paper as written. For
    plain recall `ImplicitRule` stores more per byte of state and needs no care with step sizes.
    """

    gate_bias = (-2.0, 0.0, -7.0)  # theta 12%, eta 45%, alpha 0.1% a token

    def __init__(
        self,
        width: int,
        chunk: int = 64,
        read: Read = "causal",
        *,
        depth: int = 2,
        expansion: float = 4,
        objective: Objective | None = None,
        how: GradientOptions | None = None,
    ) -> None:
        super().__init__(width, chunk, read)
        how = how or GradientOptions()
        if depth < 1 or round(width * expansion) < 1:
            raise ValueError(f"a network needs a layer and a width: depth {depth}, expansion {expansion}")
        if how.gating == "chunk" and read == "causal":
            raise ValueError("a chunk that is one step has no reads inside it: read='start'")
        self.objective: Objective = objective or L2()
        self.gating, self.bounded, self.gemm_dtype = how.gating, how.bounded, how.gemm_dtype
        self.initial = nn.ParameterList(torch.empty(shape) for shape in shapes(width, depth, expansion))
        for i, weight in enumerate(self.initial):
            nn.init.normal_(weight, std=weight.shape[1 if i == 0 else 0] ** -0.5)

    def gates(self, logits_BN3: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        theta, eta, alpha = logits_BN3.sigmoid().unbind(-1)
        return THETA_LIMIT * theta, ETA_LIMIT * eta, alpha

    def blank(self, batch: int) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """The learned initial network, and no momentum."""
        weights = tuple(w.expand(batch, -1, -1) for w in self.initial)
        return weights, tuple(torch.zeros_like(w, memory_format=torch.contiguous_format) for w in weights)

    def _walk(self, q_BND: Tensor, tokens: Tokens, state: RuleState) -> tuple[Tensor, RuleState]:
        if not torch.is_grad_enabled() and state.pending.length + tokens.length >= self.chunk:
            weights, momentum = (tuple(w.clone() for w in ws) for ws in state[:2])  # for `step` to overwrite
            state = RuleState(weights, momentum, state.pending)
        return super()._walk(q_BND, tokens, state)

    def plans(self, tokens: Tokens) -> Iterator[ChunkPlan]:
        """The scans over the gates, for many chunks at a time."""
        together = max(PLANNED // (self.chunk * (self.chunk if self.read == "causal" else 1)), 1) * self.chunk
        room = Scratch()
        for start in range(0, tokens.length, together):
            gates = (t[:, start : start + together] for t in (tokens.theta, tokens.eta, tokens.alpha))
            padded = (F.pad(t, (0, -t.shape[1] % self.chunk)) for t in gates)
            theta, eta, alpha = (t.reshape(t.shape[0], -1, self.chunk) for t in padded)
            whole = (per_token if self.gating == "token" else per_chunk)(theta, eta, alpha)
            within = causal(theta, eta, alpha) if self.read == "causal" else None
            for i in range(theta.shape[1]):
                inside = Causal(*(t[:, i] for t in within)) if within else None
                yield ChunkPlan(Coefficients(*(t[:, i] for t in whole)), inside, room)

    def peek(self, q_BCD: Tensor, chunk: Tokens, plan: ChunkPlan, state: RuleState) -> Tensor:
        low = self.gemm_dtype or state.weights[0].dtype
        weights = matrices(tuple(plan.room.cast(f"w{i}", w, low) for i, w in enumerate(state.weights)))
        if plan.causal is None:
            return forward(weights, q_BCD.to(low), plan.room).output.to(q_BCD.dtype)
        seen = forward(weights, chunk.keys.to(low), plan.room)
        return self._read_inside(q_BCD, seen, self._deltas(weights, seen, chunk, plan.room), weights, plan, state)

    def step(self, q_BCD: Tensor, chunk: Tokens, plan: ChunkPlan, state: RuleState) -> tuple[Tensor, RuleState]:
        low = self.gemm_dtype or state.weights[0].dtype
        weights = matrices(tuple(plan.room.cast(f"w{i}", w, low) for i, w in enumerate(state.weights)))
        if plan.causal is None:  # keys and queries go through the same weights: together, and always 2 C rows
            queries = F.pad(q_BCD, (0, 0, chunk.length - q_BCD.shape[1], 0))
            both = forward(weights, torch.cat([chunk.keys, queries], dim=1).to(low), plan.room)
            seen, read = both.first(chunk.length), both.output[:, -q_BCD.shape[1] :].to(q_BCD.dtype)
            deltas = self._deltas(weights, seen, chunk, plan.room)
        else:
            seen = forward(weights, chunk.keys.to(low), plan.room)
            deltas = self._deltas(weights, seen, chunk, plan.room)
            read = self._read_inside(q_BCD, seen, deltas, weights, plan, state)
        return read, self._written(seen, deltas, plan, state)

    def _deltas(self, weights: tuple[Tensor, ...], seen: Pass, chunk: Tokens, room: Scratch) -> tuple[Tensor, ...]:
        """D_l of the chunk's loss, at the weights it began with."""
        wrong = self.objective.gradient(seen.output.to(chunk.values.dtype) - chunk.values)
        return backward(weights, seen.raw, wrong.to(seen.output.dtype), room)

    def _clip(self, seen: Pass, deltas: tuple[Tensor, ...], dtype: torch.dtype) -> Tensor:
        """What each token's gradient is to be multiplied with, [B, C]; |x_i^T d_i| = |x_i| |d_i|."""
        lengths = ([torch.linalg.vector_norm(t, dim=-1, dtype=dtype) for t in ts] for ts in (seen.inputs, deltas))
        squared = sum((x * d).square() for x, d in zip(*lengths, strict=True))
        assert isinstance(squared, Tensor)
        return GRADIENT_LIMIT * squared.clamp(min=GRADIENT_LIMIT**2).rsqrt()

    def _written(self, seen: Pass, deltas: tuple[Tensor, ...], plan: ChunkPlan, state: RuleState) -> RuleState:
        """One weighted product per layer for M, and one for S."""
        dtype, gates = state.weights[0].dtype, plan.coefficients
        weight_BC, momentum_BC = gates.weight_C, gates.momentum_C
        if self.bounded:
            scale_BC = self._clip(seen, deltas, dtype) / weight_BC.sum(-1, keepdim=True).clamp(min=1)
            weight_BC, momentum_BC = weight_BC * scale_BC, momentum_BC * scale_BC
        weights, momentum = [], []
        for i, (old, drift) in enumerate(zip(state.weights, state.momentum, strict=True)):
            # as stored: D^T X for the first layer, X^T D for the others; the gates go on the narrow side
            left, right = (deltas[i], seen.inputs[i]) if i == 0 else (seen.inputs[i], deltas[i])
            if self.gating == "token":
                old = accumulated(gates.keep, old, left, weighted(right, -weight_BC), plan.room)
                old = plus_scaled(old, gates.carry, drift, into=old)
            drift = accumulated(gates.momentum, drift, left, weighted(right, -momentum_BC), plan.room)
            if self.gating == "chunk":
                old = plus_scaled(drift, gates.keep, old, into=old)
            weights.append(old)
            momentum.append(drift)
        return RuleState(tuple(weights), tuple(momentum), state.pending.cut(0, 0))

    def _read_inside(
        self,
        q_BCD: Tensor,
        seen: Pass,
        deltas: tuple[Tensor, ...],
        weights: tuple[Tensor, ...],
        plan: ChunkPlan,
        state: RuleState,
    ) -> Tensor:
        """The dual form, for the last rows of what there is of a chunk."""
        gates, room = plan.causal, plan.room
        assert gates is not None
        low, rows, count = seen.output.dtype, q_BCD.shape[1], seen.output.shape[1]
        weight_BTJ, carry_BT, keep_BT = (
            t[:, count - rows : count] for t in (gates.weight_TJ[..., :count], gates.carry_T, gates.keep_T)
        )
        if self.bounded:
            scale_BT1 = weight_BTJ.sum(-1, keepdim=True).clamp(min=1).reciprocal()
            weight_BTJ = weight_BTJ * scale_BT1 * self._clip(seen, deltas, q_BCD.dtype).unsqueeze(-2)
        against_BTJ = -weight_BTJ.to(low)
        drifts = matrices(tuple(room.cast(f"s{i}", s, low) for i, s in enumerate(state.momentum)))
        x_BTH = z_BTH = q_BCD.to(low)
        for i, (x_BCH, d_BCH, weight, drift) in enumerate(zip(seen.inputs, deltas, weights, drifts, strict=True)):
            x_BTH = silu(z_BTH, room, f"qx{i}") if i else z_BTH
            z_BTH = product(weighted(x_BTH, keep_BT), weight, room, f"qz{i}")
            z_BTH = plus_product(z_BTH, weighted(x_BTH, carry_BT), drift)
            z_BTH = plus_product(z_BTH, product(x_BTH, x_BCH.mT, room, "qk") * against_BTJ, d_BCH)
        return z_BTH.to(q_BCD.dtype, copy=True)


def weighted(x_BCH: Tensor, weight_BC: Tensor) -> Tensor:
    """Rows times their weights, in the precision of the rows."""
    return x_BCH * weight_BC.unsqueeze(-1).to(x_BCH.dtype)


# The rest is arithmetic on whole weights, per stream, which overwrites them unless gradients are recorded.


def plus_scaled(y: Tensor, factor_B: Tensor, x: Tensor, *, into: Tensor) -> Tensor:
    """y + factor x, in one pass."""
    return torch.addcmul(y, x, factor_B[:, None, None], out=None if torch.is_grad_enabled() else into)


def accumulated(factor_B: Tensor, x: Tensor, left_BCI: Tensor, right_BCO: Tensor, room: Scratch) -> Tensor:
    """factor x + left^T right, in place of x; a product of another precision is rounded before it is added."""
    if left_BCI.dtype != x.dtype:
        change = room.cast("wide", product(left_BCI.mT, right_BCO, room, "change"), x.dtype)
        return plus_scaled(change, factor_B, x, into=x)
    factor = factor_B[:, None, None]
    return plus_product(x * factor if torch.is_grad_enabled() else x.mul_(factor), left_BCI.mT, right_BCO)


def plus_product(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """x + a b, in place of x."""
    if torch.is_grad_enabled():
        return torch.baddbmm(x, a, b)
    if len(x) > 1:
        return x.baddbmm_(a, b)
    x[0].addmm_(a[0], b[0])
    return x
