"""The paper's rule, a token at a time, to be read next to it (Titans, arXiv 2501.00663). What `gradient.py` must equal.

Nothing here is clever: gradients come from autograd, one token's at a time, and whole weights are updated for each. It
costs some hundred times what `GradientRule` does. One stream; weights as they multiply a row, [in, out]; N tokens, each
D wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from titans_cli.paper.fast import Objective
from titans_cli.paper.rule import Read


class ReferenceResult(NamedTuple):
    outputs_ND: Tensor
    weights: list[Tensor]
    momentum: list[Tensor]


def network(weights: Sequence[Tensor], x_D: Tensor) -> Tensor:
    """M(x): SiLU between the layers."""
    for weight in weights[:-1]:
        x_D = F.silu(x_D @ weight)
    return x_D @ weights[-1]


def surprise(weights: Sequence[Tensor], k_D: Tensor, v_D: Tensor, objective: Objective) -> list[Tensor]:
    """The gradient of the loss by the memory's weights (eq. 12): how much this token violates what is expected."""
    with torch.enable_grad():
        at = [weight.detach().requires_grad_() for weight in weights]
        loss = objective.loss(network(at, k_D) - v_D)
        return list(torch.autograd.grad(loss, at))


def learn(
    weights: Sequence[Tensor],
    q_ND: Tensor,
    k_ND: Tensor,
    v_ND: Tensor,
    gates: tuple[Tensor, Tensor, Tensor],
    *,
    objective: Objective,
    chunk: int = 1,
    read: Read = "causal",
) -> ReferenceResult:
    """Read and write N tokens, from no momentum. `chunk` 1 is the rule itself, more its parallel form (section 3.2).

    `gates`: theta, eta and alpha, [N] each.
    """
    theta_N, eta_N, alpha_N = gates
    memory = list(weights)
    momentum = [torch.zeros_like(weight) for weight in weights]
    outputs = []
    for t in range(len(k_ND)):
        if t % chunk == 0:
            start = list(memory)  # gradients of a chunk are taken at the weights it began with
        gradient = surprise(start, k_ND[t], v_ND[t], objective)
        momentum = [eta_N[t] * s - theta_N[t] * g for s, g in zip(momentum, gradient, strict=True)]  # eq. 14
        memory = [(1 - alpha_N[t]) * m + s for m, s in zip(memory, momentum, strict=True)]  # eq. 13
        outputs.append(network(memory if read == "causal" else start, q_ND[t]))  # eq. 15
    return ReferenceResult(torch.stack(outputs), memory, momentum)
