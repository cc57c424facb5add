"""The fast network: a multilayer perceptron whose weights are the memory, with its backward pass written out by hand.

    x_1 = k,   z_l = x_l W_l,   x_{l+1} = SiLU(z_l),   M(k) = z_L              no bias, no norm: these destabilise
    d_L = grad of the loss by z_L,   d_l = (d_{l+1} W_{l+1}^T) * SiLU'(z_l)    backpropagation

Token i's gradient by W_l is the outer product x_i^T d_i: rank one. So it is kept as its two factors, X_l [B, C, in] and
D_l [B, C, out], and any weighted sum of a chunk's gradients is one matrix product, X_l^T diag(c) D_l. No gradient of a
single token is ever materialised: for d = 384 and expansion 4 that would be 1.2 million numbers a token, against the
3,840 of its factors.

SiLU, because the paper uses it elsewhere (section 4.4), and it is smooth, so that training may differentiate through
these gradients once more; on a CPU it costs a little less than GELU, forward and backward.

The first matrix is stored [hidden, D], the others [in, out]: both wide ones are then tall, the shape for which
the products D^T X and X^T D, and those of the forward pass, run fastest (benchmarks/core.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F


class Objective(Protocol):
    """How wrong a recall is, by its error e = M(k) - v; each token's loss is a function of |e|."""

    def loss(self, error_BCD: Tensor) -> Tensor:
        """[B, C, D] to [B, C]."""

    def gradient(self, error_BCD: Tensor) -> Tensor:
        """The loss's gradient by M(k), [B, C, D]."""


@dataclass(frozen=True, slots=True)
class L2:
    """1/2 |e|^2 (Titans eq. 12, with the 1/2 that makes the gradient e itself). For data one trusts."""

    def loss(self, error_BCD: Tensor) -> Tensor:
        return error_BCD.square().sum(-1) / 2

    def gradient(self, error_BCD: Tensor) -> Tensor:
        return error_BCD


@dataclass(frozen=True, slots=True)
class Huber:
    """1/2 |e|^2 up to |e| = delta, then delta (|e| - delta / 2) (MIRAS, arXiv 2504.13173: Yaad).

    The gradient is e, clipped to length delta: one token, however absurd, moves the memory only so far. For
    streams with outliers. Costs a norm a token more than `L2`.
    """

    delta: float = 1.0

    def loss(self, error_BCD: Tensor) -> Tensor:
        squared = error_BCD.square().sum(-1)
        far = squared > self.delta**2
        length = torch.where(far, squared, 1).sqrt()  # the root has no gradient at 0
        return torch.where(far, self.delta * (length - self.delta / 2), squared / 2)

    def gradient(self, error_BCD: Tensor) -> Tensor:
        squared = error_BCD.square().sum(-1, keepdim=True)
        far = squared > self.delta**2
        return error_BCD * torch.where(far, self.delta * torch.where(far, squared, 1).rsqrt(), 1)


class Pass(NamedTuple):
    """A forward pass, with what the backward pass needs of it."""

    inputs: tuple[Tensor, ...]  # x_l of every layer, [B, C, in]
    raw: tuple[Tensor, ...]  # z_l of every layer but the last, [B, C, out]
    output: Tensor  # M(k), [B, C, D]

    def first(self, rows: int) -> Pass:
        """The same of the first rows only."""
        inputs, raw = (tuple(t[:, :rows] for t in ts) for ts in (self.inputs, self.raw))
        return Pass(inputs, raw, self.output[:, :rows])


def shapes(width: int, depth: int, expansion: float) -> list[tuple[int, int]]:
    """How the matrices of a network are stored: [hidden, D] (of one layer: [D, D]), then [in, out]."""
    hidden = round(width * expansion)
    sizes = [width, *[hidden] * (depth - 1), width]
    return [(sizes[1], sizes[0]), *pairwise(sizes[1:])]


def matrices(stored: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The matrices as they multiply a row, [B, in, out]; a view, and its own inverse."""
    return (stored[0].mT, *stored[1:])


class Scratch:
    """Memory that the chunks of one call work in, one after the other: to be given fresh pages for every product takes
    longer than the arithmetic on them. Where gradients are recorded nothing may be overwritten, and there is none."""

    def __init__(self) -> None:
        self._held: dict[str, Tensor] = {}
        self._open = not torch.is_grad_enabled()

    def take(self, name: str, shape: Sequence[int], like: Tensor, dtype: torch.dtype | None = None) -> Tensor | None:
        """What was last put under this name is lost. None is what `out=` takes for fresh memory."""
        if not self._open:
            return None
        held, dtype = self._held.get(name), dtype or like.dtype
        if held is None or held.shape != tuple(shape) or held.dtype != dtype:
            held = self._held[name] = torch.empty(tuple(shape), dtype=dtype, device=like.device)
        return held

    def cast(self, name: str, x: Tensor, dtype: torch.dtype) -> Tensor:
        held = None if x.dtype == dtype else self.take(name, x.shape, x, dtype)
        return x.to(dtype) if held is None else held.copy_(x)


def product(a: Tensor, b: Tensor, room: Scratch | None = None, name: str = "") -> Tensor:
    """a @ b per stream; a lone stream is spared the batched kernel, which runs bf16 at half the speed."""
    out = room.take(name, (*a.shape[:2], b.shape[2]), a) if room else None
    if len(a) == 1:
        return torch.mm(a[0], b[0], out=None if out is None else out[0]).unsqueeze(0)
    return torch.bmm(a, b, out=out)


def forward(weights: tuple[Tensor, ...], x_BCD: Tensor, room: Scratch) -> Pass:
    """M(x), and what it went through. 2 C P operations, with P weights in all."""
    inputs, raw = [x_BCD], []
    for i, weight in enumerate(weights[:-1]):
        raw.append(product(inputs[-1], weight, room, f"z{i}"))
        inputs.append(silu(raw[-1], room, f"x{i}"))
    return Pass(tuple(inputs), tuple(raw), product(inputs[-1], weights[-1]))


def silu(z_BCH: Tensor, room: Scratch, name: str) -> Tensor:
    out = room.take(name, z_BCH.shape, z_BCH)
    return F.silu(z_BCH) if out is None else torch.ops.aten.silu.out(z_BCH, out=out)


def silu_backward(d_BCH: Tensor, z_BCH: Tensor) -> Tensor:
    """d * SiLU'(z), in place of d unless gradients are recorded."""
    if not torch.is_grad_enabled():
        return torch.ops.aten.silu_backward.grad_input(d_BCH, z_BCH, grad_input=d_BCH)  # type: ignore[no-any-return]
    s = z_BCH.sigmoid()
    return d_BCH * (s * (1 + z_BCH * (1 - s)))


def backward(weights: tuple[Tensor, ...], raw: tuple[Tensor, ...], d_BCD: Tensor, room: Scratch) -> tuple[Tensor, ...]:
    """D_l of every layer, from the loss's gradient by the output. Less than 2 C P operations."""
    deltas = [d_BCD]
    for i, (weight, z) in enumerate(zip(weights[:0:-1], raw[::-1], strict=True)):
        deltas.append(silu_backward(product(deltas[-1], weight.mT, room, f"d{i}"), z))
    return tuple(reversed(deltas))
