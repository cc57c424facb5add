"""The neural memory of one layer: what is projected from the trunk, what is written, what is read.

M(k) = W^T phi(W_K c): a two-layer network whose first layer is slow and whose second layer, W, is the memory proper:
it starts every session at zero and is changed only by `write`. Keys are bound to the *next* token: the pair
(c_t, x_{t+1}) is what a later, similar context needs, where a pair made of one token (c_t, x_t) can only learn
W_V W_K^-1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from titans_cli.memory.config import MemoryConfig
from titans_cli.memory.features import FourierFeatures
from titans_cli.memory.rules import implicit_step

LOG_THETA_LIMIT = 4.0  # a lone token is written to at most 98%; beyond that only the solve's conditioning changes


class MemoryState(NamedTuple):
    """All that a memory has learned: M and S of eq. 13-14, fp32, [B, F, V]; S is [B, 1, 1] without momentum."""

    weights: Tensor
    momentum: Tensor


class SegmentInputs(NamedTuple):
    """What the memory needs of one or more segments; made in one batch, consumed a segment at a time."""

    keys: Tensor  # [N, C, K], unit
    values: Tensor  # [N, C, V], unit
    theta: Tensor  # [N, C], >= 0
    eta: Tensor  # [N]
    alpha: Tensor  # [N]

    def slice(self, start: int, stop: int) -> SegmentInputs:
        return SegmentInputs(*(t[start:stop] for t in self))


class NeuralMemory(nn.Module):
    """Projections, gates and the two operations, `write` and `read`.

    The initial values make it an associative memory before any training: queries equal keys, and the read undoes the
    value projection. From there recall is learned in minutes; from independent projections it takes about ten times
    as long to begin (docs/log.md).
    """

    def __init__(self, d_model: int, config: MemoryConfig) -> None:
        super().__init__()
        self.config = config
        self.conv = nn.Conv1d(d_model, d_model, config.conv, groups=d_model)
        self.w_key = nn.Linear(d_model, config.d_key, bias=False)
        self.w_query = nn.Linear(d_model, config.d_key, bias=False)
        self.w_value = nn.Linear(d_model, config.d_value, bias=False)
        self.w_out = nn.Linear(config.d_value, d_model, bias=False)
        self.gates = nn.Linear(d_model, 3)
        self.features = FourierFeatures(config.d_key, config.features, config.bandwidth)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        nn.init.orthogonal_(self.w_key.weight)
        self.w_query.weight.copy_(self.w_key.weight)
        nn.init.orthogonal_(self.w_value.weight)
        self.w_out.weight.copy_(self.w_value.weight.mT * math.sqrt(self.w_out.out_features))
        nn.init.normal_(self.gates.weight, std=0.02)
        # log theta = 1 writes 73% of a lone token's error; eta = 2%; alpha = 0.01% a segment
        self.gates.bias.copy_(torch.tensor([1.0, -4.0, -9.0]))

    def initial_state(self, batch: int = 1) -> MemoryState:
        """A memory that has read nothing: zeros, [B, F, V] twice; S is [B, 1, 1] without momentum."""
        shape = (batch, self.features.width, self.config.d_value)
        device = self.w_key.weight.device
        still = shape if self.config.momentum else (batch, 1, 1)
        return MemoryState(torch.zeros(shape, device=device), torch.zeros(still, device=device))

    def _gather(self, x_NCD: Tensor) -> Tensor:
        """x plus a causal convolution over it: a key then carries the few tokens before it."""
        padded = F.pad(x_NCD.mT, (self.config.conv - 1, 0))
        gathered: Tensor = self.conv(padded).mT
        return x_NCD + gathered

    def queries(self, x_NCD: Tensor) -> Tensor:
        """Trunk states [N, C, D] to unit queries [N, C, K]."""
        return F.normalize(self.w_query(self._gather(x_NCD)), dim=-1)

    def inputs(self, x_NCD: Tensor, target_NCD: Tensor, mask_NC: Tensor) -> SegmentInputs:
        """All that `write` needs, for N segments at once.

        Args:
            x_NCD: trunk states.  target_NCD: embedding of each token's successor.
            mask_NC: True where a token has a successor in its segment; elsewhere nothing is written.
        """
        gathered = self._gather(x_NCD)
        log_theta, eta, alpha = self.gates(gathered).unbind(-1)
        theta = log_theta.clamp(-16.0, LOG_THETA_LIMIT).exp() * mask_NC
        weight = mask_NC / mask_NC.sum(-1, keepdim=True).clamp(min=1)
        return SegmentInputs(
            keys=F.normalize(self.w_key(gathered), dim=-1),
            values=F.normalize(self.w_value(target_NCD), dim=-1),
            theta=theta,
            eta=self.config.momentum * (eta.sigmoid() * weight).sum(-1),
            alpha=(alpha.sigmoid() * weight).sum(-1),
        )

    def write(self, state: MemoryState, inputs: SegmentInputs) -> tuple[MemoryState, Tensor]:
        """Learn one segment, in the state's own precision.

        Returns the new state and every token's surprise [B, C] (1.0 for a memory of zeros).
        """
        dtype = state.weights.dtype
        with torch.autocast(state.weights.device.type, enabled=False):
            written = implicit_step(
                state.weights,
                state.momentum,
                self.features(inputs.keys.to(dtype)),
                *(t.to(dtype) for t in inputs[1:]),
            )
        return MemoryState(written.weights_BFV, written.momentum_BFV), written.surprise_BC

    def read(self, state: MemoryState, q_BCK: Tensor) -> Tensor:
        """A pure forward pass M(q): unit queries [B, C, K] to [B, C, D]. Changes nothing (eq. 15)."""
        with torch.autocast(state.weights.device.type, enabled=False):
            recalled = self.features(q_BCK.to(state.weights.dtype)) @ state.weights
        out: Tensor = self.w_out(recalled.to(self.w_out.weight.dtype))
        return out
