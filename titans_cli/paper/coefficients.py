"""From the gates of a chunk to the weights of its gradients: scalars only, a few operations per token.

With g_t the gradient of token t, the rule (Titans eq. 13-14) is linear in all but the gates:

    S_t = eta_t S_{t-1} - theta_t g_t
    M_t = (1 - alpha_t) M_{t-1} + S_t

What a run of tokens does to (S, M), gradients aside, is a lower triangular matrix:

    [S']   [momentum    0  ] [S]            of one token:  momentum = carry = eta,  keep = 1 - alpha
    [M'] = [ carry    keep ] [M]            of two runs: the product of the two matrices

and a gradient enters S and M alike, so that with the matrix of the tokens *after* j in the chunk

    S_C = momentum S_0           - sum_j n_j g_j        n_j = theta_j momentum_{>j}
    M_C = keep M_0 + carry S_0   - sum_j c_j g_j        c_j = theta_j (keep + carry)_{>j}

Products of runs are found by doubling, in log2 C steps over whole tensors, and there is no division anywhere: gates of
exactly 0 and 1 are as good as any. Shape suffixes: C tokens of a chunk, T and J rows and columns of a C x C matrix.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Transfer(NamedTuple):
    """What runs of tokens do to (S, M); each [..., C], one run an entry."""

    momentum: Tensor
    carry: Tensor
    keep: Tensor

    @staticmethod
    def of_tokens(eta: Tensor, alpha: Tensor) -> Transfer:
        return Transfer(eta, eta, 1 - alpha)

    def then(self, later: Transfer) -> Transfer:
        return Transfer(
            self.momentum * later.momentum,
            self.momentum * later.carry + self.carry * later.keep,
            self.keep * later.keep,
        )

    def part(self, start: int | None, stop: int | None) -> Transfer:
        return Transfer(*(t[..., start:stop] for t in self))

    def pad(self, left: int, right: int) -> Transfer:
        """With runs of no tokens at either end: they change nothing."""
        return Transfer(*(F.pad(t, (left, right), value=v) for t, v in zip(self, (1.0, 0.0, 1.0), strict=True)))


class Coefficients(NamedTuple):
    """All that a chunk's gates amount to; leading dimensions are batch and, while planning, chunks."""

    momentum: Tensor  # [...]
    carry: Tensor  # [...]
    keep: Tensor  # [...]
    momentum_C: Tensor  # n_j, [..., C]
    weight_C: Tensor  # c_j, [..., C]


class Causal(NamedTuple):
    """The same for every token t, as if the chunk ended there: M_t = keep_t M_0 + carry_t S_0 - sum_j w_tj g_j."""

    carry_T: Tensor
    keep_T: Tensor
    weight_TJ: Tensor  # 0 above the diagonal


def prefixes(runs: Transfer) -> Transfer:
    """Entry t becomes the run of tokens 0 .. t."""
    count, step = runs.keep.shape[-1], 1
    while step < count:
        runs = runs.part(0, -step).pad(step, 0).then(runs)
        step *= 2
    return runs


def suffixes(runs: Transfer) -> Transfer:
    """Entry j becomes the run of tokens j .. C - 1."""
    count, step = runs.keep.shape[-1], 1
    while step < count:
        runs = runs.then(runs.part(step, None).pad(0, step))
        step *= 2
    return runs


def per_token(theta: Tensor, eta: Tensor, alpha: Tensor) -> Coefficients:
    """The paper's rule, gates of every token: [..., C] each. O(C log C)."""
    to_end = suffixes(Transfer.of_tokens(eta, alpha))
    after = to_end.part(1, None).pad(0, 1)
    momentum, carry, keep = (t[..., 0] for t in to_end)
    return Coefficients(momentum, carry, keep, theta * after.momentum, theta * (after.keep + after.carry))


def per_chunk(theta: Tensor, eta: Tensor, alpha: Tensor) -> Coefficients:
    """Chunks as the unit of time (Titans section 3.2, "Parameters as the Functions of Chunks"): the chunk's gradients
    make one surprise, with one eta and one alpha, the means of its tokens'."""
    mean_eta, mean_alpha = eta.mean(-1), alpha.mean(-1)
    return Coefficients(mean_eta, mean_eta, 1 - mean_alpha, theta, theta)


def causal(theta: Tensor, eta: Tensor, alpha: Tensor) -> Causal:
    """Gates of every token, [..., C] each, to lower triangular weights. O(C^2).

    weight_tj = theta_j (keep + carry) of the run j+1 .. t. By doubling: for j in the earlier and t in the later half of
    a block, that run is the rest of the earlier half and then the beginning of the later one, so (keep + carry) is

        keep(later to t) (keep + carry)(earlier from j)  +  carry(later to t) momentum(earlier from j)
    """
    count = theta.shape[-1]
    size = 1 << max(count - 1, 0).bit_length()
    gates = Transfer.of_tokens(eta, alpha).pad(0, size - count)
    blocks = Transfer(*(t.unsqueeze(-1) for t in gates))  # [..., blocks, block]
    begun, after = blocks, Transfer(*(torch.full_like(t, v) for t, v in zip(blocks, (1.0, 0.0, 1.0), strict=True)))
    weight_TJ = torch.ones_like(blocks.keep).unsqueeze(-1)
    while weight_TJ.shape[-1] < size:
        # of each pair of blocks: the runs from its beginning to t, the runs after j to its end
        early_begun, late_begun = (Transfer(*(t[..., i::2, :] for t in begun)) for i in (0, 1))
        early_after, late_after = (Transfer(*(t[..., i::2, :] for t in after)) for i in (0, 1))
        early, late = weight_TJ[..., 0::2, :, :], weight_TJ[..., 1::2, :, :]
        across = late_begun.keep.unsqueeze(-1) * (early_after.keep + early_after.carry).unsqueeze(-2)
        across = across + late_begun.carry.unsqueeze(-1) * early_after.momentum.unsqueeze(-2)
        weight_TJ = torch.cat([F.pad(early, (0, early.shape[-1])), torch.cat([across, late], dim=-1)], dim=-2)
        whole_early, whole_late = (Transfer(*(t[..., -1:] for t in half)) for half in (early_begun, late_begun))
        begun = _joined(early_begun, whole_early.then(late_begun))
        after = _joined(early_after.then(whole_late), late_after)
    weight_TJ = weight_TJ[..., 0, :count, :count] * theta.unsqueeze(-2)
    return Causal(begun.carry[..., 0, :count], begun.keep[..., 0, :count], weight_TJ)


def _joined(early: Transfer, late: Transfer) -> Transfer:
    return Transfer(*(torch.cat(pair, dim=-1) for pair in zip(early, late, strict=True)))
