"""The closed form of a memory that has stopped learning: its dual, in a tenth of the room.

What the write rule made is a sum over tokens, W = A^T X: features A of the keys that were written, one coefficient row
each. Kernel machines are stored so (Schölkopf and Smola 2002, section 4.2); here with few bits. The keys are rounded
first, and then the coefficients are those that give W back best *from the rounded keys*,

    X = (A A^T + R I)^{-1} A W                     ridge regression of W on the features of the rounded keys

so that an error of rounding a key is made good where its neighbours can. Every row is an int of few bits times its own
scale. What comes back is a fixed function of the stored bytes: the same on one machine every time.

Shape suffixes: N tokens, K width of a key, F features, V value width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import torch
from torch import Tensor

MOST = 7  # of an int of 4 bits; fewer tokens cost recall, more bits bring none (docs/log.md)
RIDGE = 0.01  # of unit features; ten times as much is as good
LEAST_SCALE = 6e-5  # the smallest normal number of half precision: a row of nothing has no other


class ClosedMemory(NamedTuple):
    """Tensors as they are stored. Two numbers share a byte; a scale stands for one part of one row."""

    keys: Tensor  # [N, K / 2] uint8
    key_scales: Tensor  # [N, parts of a key] fp16
    coefficients: Tensor  # [N, V / 2] uint8
    coefficient_scales: Tensor  # [N, 1] fp16


def closed(
    weights_FV: Tensor, keys_NK: Tensor, parts: Sequence[int], features: Callable[[Tensor], Tensor]
) -> ClosedMemory:
    """The dual form of `weights_FV` on the keys [N, K], whose `parts` (widths, K in all) each get a scale a row.

    Raises ValueError for an odd width, which cannot be packed.
    """
    packed, scales = _rounded(keys_NK, parts)
    if len(keys_NK) == 0:
        return ClosedMemory(packed, scales, *_rounded(weights_FV.new_zeros(0, weights_FV.shape[1]), None))
    a_NF = features(_unrounded(packed, scales, parts))
    x_NV = torch.cholesky_solve(a_NF @ weights_FV, torch.linalg.cholesky(_kernel(a_NF)))
    return ClosedMemory(packed, scales, *_rounded(x_NV, None))


def keys_of(memory: ClosedMemory, parts: Sequence[int]) -> Tensor:
    """The rounded keys [N, K], fp32."""
    return _unrounded(memory.keys, memory.key_scales, parts)


def opened(memory: ClosedMemory, parts: Sequence[int], features: Callable[[Tensor], Tensor]) -> Tensor:
    """The weights [F, V] that the closed form stands for."""
    rows_NV = _unrounded(memory.coefficients, memory.coefficient_scales, None)
    return features(keys_of(memory, parts)).mT @ rows_NV


def outlined(
    memory: ClosedMemory, most: int, parts: Sequence[int], features: Callable[[Tensor], Tensor]
) -> ClosedMemory:
    """The closed form on the `most` of its keys that say most, their coefficients fitted anew to the whole's weights.

    What a row says is what the weights lose where it alone is left out and the others are fitted anew: with G the
    regularised kernel of the keys and X the coefficients, |X_i|^2 / (G^-1)_ii (the optimal brain surgeon, Hassibi and
    Stork 1993; of kernel machines, de Kruif and de Vries 2003). What others say as well goes before what stands alone,
    such as a name. All are looked at once: leaving out one after the other comes nearer to the weights and recalls
    less (docs/log.md, 2026-11-28). Rows that say as much stay in their order.
    """
    keys_NK, rows_NV = keys_of(memory, parts), _unrounded(memory.coefficients, memory.coefficient_scales, None)
    a_NF, kept_NK = features(keys_NK), keys_NK[:most]
    if 0 < most < len(keys_NK):
        inverse_NN = torch.cholesky_inverse(torch.linalg.cholesky(_kernel(a_NF)))
        worth_N = rows_NV.square().sum(1) / inverse_NN.diagonal()
        kept_NK = keys_NK[worth_N.sort(descending=True, stable=True).indices[:most].sort().values]
    return closed(a_NF.mT @ rows_NV, kept_NK, parts, features)


def _kernel(a_NF: Tensor) -> Tensor:
    """Of the features of all keys, with the ridge."""
    gram_NN = a_NF @ a_NF.mT
    gram_NN.diagonal().add_(RIDGE)
    return gram_NN


def columns(memory: ClosedMemory, parts: Sequence[int], part: int) -> Tensor | None:
    """One part of the keys as it is packed [N, width / 2] uint8; None where it does not begin and end with a byte."""
    begin = sum(parts[:part])
    if begin % 2 or parts[part] % 2:
        return None
    return memory.keys[:, begin // 2 : (begin + parts[part]) // 2]


def directions(packed_NK: Tensor) -> Tensor:
    """Rows of packed ints [N, K / 2] as unit vectors [N, K]; a row of nothing stays nothing."""
    rows = _unpacked(packed_NK)
    return rows.div_(rows.square().sum(1, keepdim=True).sqrt().clamp(min=1))


def cosines(packed_NK: Tensor, x_K: Tensor) -> Tensor:
    """Of rows of packed ints [N, K / 2] with a vector [K] of length 1: a row's scale does not change its direction.

    0 for a row of nothing.
    """
    first, second = (n.float().sub_(8) for n in (packed_NK >> 4, packed_NK & 15))
    squared = first.square().sum(1) + second.square().sum(1)
    return (first @ x_K[::2] + second @ x_K[1::2]) * squared.clamp(min=1).rsqrt()


def fits(memory: ClosedMemory, parts: Sequence[int], width: int) -> bool:
    """Whether tensors that may come from anywhere are a closed form of keys of `parts` and values of `width`."""
    n = memory.keys.shape[0] if memory.keys.dim() else -1
    shapes = [(n, sum(parts) // 2), (n, len(parts)), (n, width // 2), (n, 1)]
    kinds = [torch.uint8, torch.float16, torch.uint8, torch.float16]
    return all(tuple(t.shape) == s and t.dtype == k for t, s, k in zip(memory, shapes, kinds, strict=True))


def _rounded(x_NK: Tensor, parts: Sequence[int] | None) -> tuple[Tensor, Tensor]:
    """Rows packed as 4-bit ints, two in a byte, and their scales: one a part and row."""
    if x_NK.shape[1] % 2:
        raise ValueError(f"an odd number of columns cannot be packed: {x_NK.shape[1]}")
    cut = _cut(x_NK.float(), parts)
    scales = torch.cat([(p.abs().amax(1, keepdim=True) / MOST).clamp(min=LEAST_SCALE) for p in cut], dim=1).half()
    ints = [(p / scales[:, i : i + 1].float()).round().clamp(-MOST, MOST) for i, p in enumerate(cut)]
    nibbles = (torch.cat(ints, dim=1) + 8).to(torch.uint8)
    return nibbles[:, ::2] * 16 + nibbles[:, 1::2], scales


def _unpacked(packed: Tensor) -> Tensor:
    """The ints themselves [N, 2 * columns], as floats."""
    rows = torch.empty(packed.shape[0], 2 * packed.shape[1])
    rows[:, ::2], rows[:, 1::2] = packed >> 4, packed & 15
    return rows.sub_(8)


def _unrounded(packed: Tensor, scales: Tensor, parts: Sequence[int] | None) -> Tensor:
    rows = _unpacked(packed)
    for i, part in enumerate(_cut(rows, parts)):
        part.mul_(scales[:, i : i + 1].float())
    return rows


def _cut(x_NK: Tensor, parts: Sequence[int] | None) -> list[Tensor]:
    """Columns by the widths of `parts`; None: one part of all."""
    ends = list(accumulate(parts or [x_NK.shape[1]], initial=0))
    return [x_NK[:, a:b] for a, b in pairwise(ends)]
