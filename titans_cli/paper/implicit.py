"""The implicit rule behind the common interface: `memory.rules.implicit_step` on Fourier features, a chunk a step.

A read inside a chunk is exact too, and cheap. The memory after the chunk's first t tokens is P_t + A_t^T X_t, where X_t
solves the leading t x t part of one system (rules.py). The Cholesky factor of a leading part is the leading part of the
factor, G = L L^T with G = R A A^T R + I and R = diag(sqrt theta), so that with U = L^-1 R A q^T and Y = L^-1 R E

    q_t M_t = q_t P_t + sum_{j <= t} U_jt Y_j

and since E is linear in where forgetting and momentum lead, P_t = (1 - alpha_t) M + eta_t S, so is Y. Suffixes as in
rule.py; F features, T and J rows and columns of a C x C matrix.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from titans_cli.memory.features import FourierFeatures
from titans_cli.memory.memory import LOG_THETA_LIMIT
from titans_cli.memory.rules import implicit_step, roots
from titans_cli.paper.rule import Read, RuleState, Tokens, WriteRule

ETA_LIMIT = 0.9


class StepGates(NamedTuple):
    """Momentum and forgetting of the one step that a chunk is, had it ended at token t: means of the tokens so far."""

    eta_BC: Tensor
    alpha_BC: Tensor


class ImplicitRule(WriteRule):
    """Each chunk a proximal step: what minimises sum_i theta_i |W^T phi(k_i) - v_i|^2 + |W - P|^2. Cannot diverge.

    features    F, and so the capacity: about one bound pair for every two
    bandwidth   initial scale of a unit key inside the features

    Cost per token: 6 F D + 2 C F multiply-adds and C^2 / 3 for the factorisation; causal reads another 3 F D + 2 C F
    + 3 C D and C^2 / 3. State: 2 F D numbers.

    When: recall of many pairs, over any distance, with steps of any size. It is one layer deep (the features do not
    learn within a session): for a memory that generalises, `GradientRule`.
    """

    gate_bias = (1.0, -4.0, -9.0)  # writes 73% of a lone token's error; eta 2%, alpha 0.01% a chunk

    def __init__(
        self, width: int, chunk: int = 64, read: Read = "causal", *, features: int = 1024, bandwidth: float = 3.0
    ) -> None:
        super().__init__(width, chunk, read)
        if features < 2 or features % 2:
            raise ValueError(f"features come in pairs: {features}")
        self.features = FourierFeatures(width, features, bandwidth)

    def gates(self, logits_BN3: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        log_theta, eta, alpha = logits_BN3.unbind(-1)
        return log_theta.clamp(-16.0, LOG_THETA_LIMIT).exp(), ETA_LIMIT * eta.sigmoid(), alpha.sigmoid()

    def blank(self, batch: int) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Zeros: knows nothing."""
        weights = self.features.log_scale.new_zeros(batch, self.features.width, self.width)
        return (weights,), (torch.zeros_like(weights),)

    def plans(self, tokens: Tokens) -> Iterator[StepGates]:
        for eta, alpha in zip(*(torch.split(t, self.chunk, 1) for t in (tokens.eta, tokens.alpha)), strict=True):
            count = torch.arange(1, eta.shape[1] + 1, device=eta.device)
            yield StepGates(eta.cumsum(1) / count, alpha.cumsum(1) / count)

    def peek(self, q_BCD: Tensor, chunk: Tokens, plan: StepGates, state: RuleState) -> Tensor:
        q_BTF: Tensor = self.features(q_BCD)
        if self.read == "start":
            return q_BTF @ state.weights[0]
        return read_inside(q_BTF, self.features(chunk.keys), chunk, plan, state)

    def step(self, q_BCD: Tensor, chunk: Tokens, plan: StepGates, state: RuleState) -> tuple[Tensor, RuleState]:
        written = implicit_step(
            state.weights[0],
            state.momentum[0],
            self.features(chunk.keys),
            chunk.values,
            chunk.theta,
            plan.eta_BC[:, -1],
            plan.alpha_BC[:, -1],
        )
        after = RuleState((written.weights_BFV,), (written.momentum_BFV,), state.pending.cut(0, 0))
        return self.peek(q_BCD, chunk, plan, state), after


def read_inside(q_BTF: Tensor, keys_BCF: Tensor, chunk: Tokens, plan: StepGates, state: RuleState) -> Tensor:
    """What the last T tokens of (the beginning of) a chunk read, each as if the chunk ended with it: [B, T, D]."""
    rows, count = q_BTF.shape[1], chunk.length
    root_BC1 = roots(chunk.theta)
    keys_BCF = keys_BCF * root_BC1
    eye = torch.eye(count, dtype=keys_BCF.dtype, device=keys_BCF.device)
    factor_BCC = torch.linalg.cholesky(keys_BCF @ keys_BCF.mT + eye)
    memory = torch.cat([state.weights[0], state.momentum[0]], dim=-1)
    right = torch.cat([keys_BCF @ q_BTF.mT, chunk.values * root_BC1, keys_BCF @ memory], dim=-1)
    solved = torch.linalg.solve_triangular(factor_BCC, right, upper=False)
    seen_BTJ = torch.tril(solved[..., :rows].mT, diagonal=count - rows)
    new, kept, moved = (seen_BTJ @ solved[..., rows:]).chunk(3, dim=-1)
    weights, momentum = (q_BTF @ memory).chunk(2, dim=-1)
    eta_BT1, alpha_BT1 = (t[:, -rows:].unsqueeze(-1) for t in plan)
    read_BTD: Tensor = (1 - alpha_BT1) * (weights - kept) + eta_BT1 * (momentum - moved) + new
    return read_BTD
