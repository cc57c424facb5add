"""The write rule: Titans' surprise, momentum and forgetting, taken implicitly, one step per segment.

Titans (arXiv 2501.00663, eq. 11-14), for the loss l(W; k, v) = 1/2 |W^T phi(k) - v|^2:

    S_t = eta_t S_{t-1} - theta_t grad l(M_{t-1})          M_t = (1 - alpha_t) M_{t-1} + S_t

An explicit step summed over a segment diverges once theta times the largest eigenvalue of A A^T passes 2 (A: the
segment's features, one row a token), and in prose it does, because frequent tokens repeat their keys. Here the
gradient is taken at the point the step arrives at (a proximal step), which cannot diverge whatever theta is:

    P = (1 - alpha) M_{t-1} + eta S_{t-1}                  where forgetting and momentum alone would lead
    E = V - A P                                            the error there; |E_i|^2 is token i's surprise
    X = (A A^T + diag(1 / theta))^{-1} E                   one C x C solve
    M_t = P + A^T X                                        S_t = M_t - (1 - alpha) M_{t-1}

M_t minimises  sum_i theta_i |W^T phi_i - v_i|^2 + |W - P|^2  exactly. With one token and unit features the step's
gain is theta / (1 + theta), so log theta is the logit of how much of its error a lone token gets written.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class WriteResult(NamedTuple):
    weights_BFV: Tensor
    momentum_BFV: Tensor
    surprise_BC: Tensor  # |e_i|^2 of every token, before it was written


def roots(theta_BC: Tensor) -> Tensor:
    """sqrt(theta) as a column [B, C, 1], with a finite gradient (none) where theta is 0."""
    writes = theta_BC > 0
    return (torch.where(writes, theta_BC, 1).sqrt() * writes).unsqueeze(-1)


class PreparedSteps(NamedTuple):
    """Steps of B segments, with all done that does not depend on the memory: for who takes one more than once."""

    features_BCF: Tensor
    values_BCV: Tensor
    root_BC1: Tensor  # R = diag(sqrt theta)
    factor_BCC: Tensor  # L of L L^T = R A A^T R + I
    eta_B: Tensor
    alpha_B: Tensor

    def slice(self, start: int, stop: int) -> PreparedSteps:
        return PreparedSteps(*(t[start:stop] for t in self))

    def step(self, weights_BFV: Tensor, momentum_BFV: Tensor) -> WriteResult:
        """`implicit_step`. Cost per token: 2 F V + C V multiply-adds. Nothing per token is materialised."""
        decayed_BFV = weights_BFV * (1 - self.alpha_B)[:, None, None]
        still = momentum_BFV.shape != weights_BFV.shape  # a memory without momentum carries a zero in its place
        base_BFV = decayed_BFV if still else decayed_BFV + momentum_BFV * self.eta_B[:, None, None]
        error_BCV = self.values_BCV - self.features_BCF @ base_BFV
        solved_BCV = self.root_BC1 * torch.cholesky_solve(error_BCV * self.root_BC1, self.factor_BCC)
        spare = None if torch.is_grad_enabled() else base_BFV  # a fresh tensor, which nothing else has
        after_BFV = torch.baddbmm(base_BFV, self.features_BCF.mT, solved_BCV, out=spare)
        return WriteResult(after_BFV, momentum_BFV if still else after_BFV - decayed_BFV, error_BCV.square().sum(-1))


def prepared(
    features_BCF: Tensor, values_BCV: Tensor, theta_BC: Tensor, eta_B: Tensor, alpha_B: Tensor
) -> PreparedSteps:
    """Arguments as of `implicit_step`. Cost per token: C F multiply-adds, and C^2 / 6 for the factorisation."""
    # (A A^T + diag(1/theta))^{-1} = R (R A A^T R + I)^{-1} R with R = diag(sqrt theta): symmetric, and theta 0 is fine
    root_BC1 = roots(theta_BC)
    gram_BCC = root_BC1 * (features_BCF @ features_BCF.mT) * root_BC1.mT
    gram_BCC.diagonal(dim1=-2, dim2=-1).add_(1)
    # positive definite whatever was read, unless it was not finite; then the result says so, instead of an exception
    factor_BCC, failed_B = torch.linalg.cholesky_ex(gram_BCC)
    factor_BCC = torch.where(failed_B[:, None, None] == 0, factor_BCC, torch.nan)
    return PreparedSteps(features_BCF, values_BCV, root_BC1, factor_BCC, eta_B, alpha_B)


def implicit_step(
    weights_BFV: Tensor,
    momentum_BFV: Tensor,
    features_BCF: Tensor,
    values_BCV: Tensor,
    theta_BC: Tensor,
    eta_B: Tensor,
    alpha_B: Tensor,
) -> WriteResult:
    """One segment's proximal step.

    Args:
        weights_BFV, momentum_BFV: M and S before the segment, fp32 or float64; S of another shape: no momentum.
        features_BCF: one unit row per token.  values_BCV: what each token is to be bound to.
        theta_BC: step sizes >= 0; a token with theta 0 writes nothing (padding).
        eta_B, alpha_B: momentum and forgetting of this step, in [0, 1].
    """
    return prepared(features_BCF, values_BCV, theta_BC, eta_B, alpha_B).step(weights_BFV, momentum_BFV)
