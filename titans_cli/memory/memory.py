"""The neural memory of one layer: what is projected from the trunk, what is written, what is read.

M(k) = W^T phi(W_K c): a two-layer network whose first layer is slow and whose second layer, W, is the memory proper:
it starts every session at zero and is changed only by `write`. Keys are bound to the *next* token: the pair
(c_t, x_{t+1}) is what a later, similar context needs, where a pair made of one token (c_t, x_t) can only learn
W_V W_K^-1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from titans_cli.memory.config import MemoryConfig
from titans_cli.memory.features import FourierFeatures
from titans_cli.memory.rules import PreparedSteps, prepared

LOG_THETA_LIMIT = 4.0  # a lone token is written to at most 98%; beyond that only the solve's conditioning changes


WORDING_DROPOUT = 0.3  # of tokens, while training: their key's local part is told by their successor alone
NOTED = 0.15  # tokens written to more than this leave their topic behind
FAINT = 0.1  # a recollection fainter than this is passed on fainter still


class MemoryState(NamedTuple):
    """All that a memory has learned: M and S of eq. 13-14, fp32, [B, F, V]; S is [B, 1, 1] without momentum."""

    weights: Tensor
    momentum: Tensor


class SegmentInputs(NamedTuple):
    """What the memory needs of one or more segments; made in one batch, consumed a segment at a time."""

    keys: Tensor  # [N, C, K + T]: a local part and a topic, each of a learned length
    values: Tensor  # [N, C, V], unit
    theta: Tensor  # [N, C], >= 0
    eta: Tensor  # [N]
    alpha: Tensor  # [N]

    def slice(self, start: int, stop: int) -> SegmentInputs:
        return SegmentInputs(*(t[start:stop] for t in self))


def gain(theta: Tensor) -> Tensor:
    """How much of its error a lone token gets written, 0 to 1; of the shape of `theta`."""
    return theta / (1 + theta)


class NeuralMemory(nn.Module):
    """Projections, gates and the two operations, `write` and `read`.

    A key has two parts. The *local* part is gathered over the few tokens before: it tells the second token of a name
    from the first. The *topic* is a weighted sum over the sentence: it tells this sentence from all others, in
    whatever order a question puts the same words. What is written may use the whole sentence, since a segment is
    written after it was read; a query uses only what came before it.

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
        self.w_next = nn.Linear(d_model, config.d_key + 1, bias=False)
        self.w_topic = nn.Linear(2 * d_model, config.d_topic, bias=False)
        self.salience = nn.Linear(2 * d_model, 1)
        self.reach = nn.Parameter(torch.zeros(2 * config.span - 1))
        self.scales = nn.Parameter(torch.zeros(2))
        self.log_focus = nn.Parameter(torch.tensor(math.log(16.0)))
        self.w_value = nn.Linear(d_model, config.d_value, bias=False)
        self.w_out = nn.Linear(config.d_value, d_model, bias=False)
        self.gates = nn.Linear(d_model, 3)
        self.features = FourierFeatures(config.d_key + config.d_topic, config.features, config.bandwidth)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        nn.init.orthogonal_(self.w_key.weight)
        self.w_query.weight.copy_(self.w_key.weight)
        # small, but not zero: where dropout hides the local part, a key of nothing has a gradient of 1e12
        nn.init.normal_(self.w_next.weight, std=0.01)
        self.w_topic.weight.zero_()
        nn.init.orthogonal_(self.w_topic.weight[:, self.w_topic.in_features // 2 :])
        nn.init.zeros_(self.salience.weight)
        nn.init.zeros_(self.salience.bias)
        nn.init.zeros_(self.reach)
        # the successor itself: a question cannot name its answer; a span of 1 has none
        self.reach[self.config.span : self.config.span + 1] = -4.0
        self.reach[self.config.span + 1 : self.config.span + 4] = -1.0
        nn.init.zeros_(self.scales)
        self.log_focus.fill_(math.log(16.0))
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

    def topics(self, x_NCD: Tensor, words_NCD: Tensor, same_NCC: Tensor) -> Tensor:
        """Unit topics [N, C, T]: sum over the tokens j that `same_NCC[n, i, j]` admits for token i.

        Args:
            x_NCD: trunk states.  words_NCD: the tokens' own embeddings.  same_NCC: which tokens count, bool.
        """
        both = torch.cat([x_NCD, words_NCD], dim=-1)
        weight_NC = F.softplus(self.salience(both).squeeze(-1).float() + 0.54)
        c = x_NCD.shape[1]
        at = torch.arange(c, device=x_NCD.device)
        reach_CC = self.reach[at[None, :] - at[:, None] + self.config.span - 1].float().exp()
        sums = (reach_CC * weight_NC[:, None, :] * same_NCC).to(both.dtype) @ self.w_topic(both)
        return F.normalize(sums.float(), dim=-1)

    def _joined(self, local: Tensor, topic: Tensor) -> Tensor:
        a, b = self.scales.exp()
        return torch.cat([a * F.normalize(local.float(), dim=-1), b * topic], dim=-1)

    def queries(self, x_NCD: Tensor, words_NCD: Tensor, same_NCC: Tensor) -> Tensor:
        """Trunk states [N, C, D] to queries [N, C, K + T]; of `same_NCC` the past only."""
        causal = torch.ones_like(same_NCC[0]).tril()
        return self._joined(self.w_query(self._gather(x_NCD)), self.topics(x_NCD, words_NCD, same_NCC & causal))

    def inputs(
        self, x_NCD: Tensor, words_NCD: Tensor, target_NCD: Tensor, mask_NC: Tensor, same_NCC: Tensor
    ) -> SegmentInputs:
        """All that `write` needs, for N segments at once.

        Args:
            x_NCD: trunk states.  words_NCD: each token's own embedding.  target_NCD: that of its successor.
            mask_NC: True where a token has a successor in its segment; elsewhere nothing is written.
            same_NCC: which real tokens belong to one sentence.
        """
        gathered = self._gather(x_NCD)
        following = self.w_next(torch.cat([x_NCD[:, 1:], x_NCD[:, :1]], dim=1))
        log_theta, eta, alpha = self.gates(gathered).unbind(-1)
        local = self.w_key(gathered)
        if self.training:  # or a value is known only after the words it was trained to follow
            local = local * (torch.rand_like(local[..., :1]) > WORDING_DROPOUT)
        theta = (log_theta + following[..., -1]).clamp(-16.0, LOG_THETA_LIMIT).exp() * mask_NC
        weight = mask_NC / mask_NC.sum(-1, keepdim=True).clamp(min=1)
        return SegmentInputs(
            keys=self._joined(local + following[..., :-1], self.topics(x_NCD, words_NCD, same_NCC)),
            values=F.normalize(self.w_value(target_NCD), dim=-1),
            theta=theta,
            eta=self.config.momentum * (eta.sigmoid() * weight).sum(-1),
            alpha=(alpha.sigmoid() * weight).sum(-1),
        )

    def prepare(self, inputs: SegmentInputs, dtype: torch.dtype = torch.float32) -> PreparedSteps:
        """All of a write that does not depend on the memory, for every segment of `inputs`."""
        with torch.autocast(inputs.keys.device.type, enabled=False):
            return prepared(self.features(inputs.keys.to(dtype)), *(t.to(dtype) for t in inputs[1:]))

    def write(self, state: MemoryState, segment: SegmentInputs | PreparedSteps) -> tuple[MemoryState, Tensor]:
        """Learn one segment, in the state's own precision.

        Returns the new state and every token's surprise [B, C] (1.0 for a memory of zeros).
        """
        if isinstance(segment, SegmentInputs):
            segment = self.prepare(segment, state.weights.dtype)
        with torch.autocast(state.weights.device.type, enabled=False):
            written = segment.step(*state)
        return MemoryState(written.weights_BFV, written.momentum_BFV), written.surprise_BC

    def recalled(self, weights: Iterable[Tensor], q_BCK: Tensor) -> Tensor:
        """M(q) of every cell (eq. 15): queries [B, C, K] and S cells' weights [F, V] to [S, B, C, V]."""
        with torch.autocast(q_BCK.device.type, enabled=False):
            features = self.features(q_BCK.float())
            return torch.stack([features @ cell for cell in weights])

    def read(self, state: MemoryState, q_BCK: Tensor) -> Tensor:
        """A pure forward pass M(q): queries [B, C, K], one cell a row or one for all, to [B, C, D]."""
        with torch.autocast(state.weights.device.type, enabled=False):
            recalled = self.features(q_BCK.to(state.weights.dtype)) @ state.weights
        return self.spoken(recalled)

    def topic_of(self, key_K: Tensor) -> Tensor:
        """The topic [..., T], unit, of keys or queries [..., K + T]."""
        return F.normalize(key_K[..., self.config.d_key :].float(), dim=-1)

    def noted_topics(self, inputs: SegmentInputs, mask_NC: Tensor) -> Tensor:
        """The topics [n, T] of the tokens that are written to more than to `NOTED` of their error, alone."""
        noted = (gain(inputs.theta) > NOTED) & mask_NC
        return self.topic_of(inputs.keys[noted])

    def route(self, recalled_SBCV: Tensor, near_S: Tensor | None = None) -> Tensor:
        """One recollection out of many cells' [B, C, V]: those that answer loudest weigh most (arXiv 2602.24281).

        A cell that never met such a key answers with next to nothing, since unlike keys have nearly orthogonal
        features: the loudness |M(q)| needs no router beside the memory itself. `near_S`, if given, is added to it.
        """
        loud = self.log_focus.exp() * recalled_SBCV.norm(dim=-1)
        weight = (loud if near_S is None else loud + near_S[:, None, None]).softmax(dim=0)
        out: Tensor = (weight.unsqueeze(-1) * recalled_SBCV).sum(0)
        return out

    def spoken(self, recalled: Tensor) -> Tensor:
        """What was recalled [..., V] in the trunk's terms [..., D], its loudness evened out above FAINT."""
        out: Tensor = self.w_out(self.heard(recalled).to(self.w_out.weight.dtype))
        return out

    @staticmethod
    def heard(recalled: Tensor) -> Tensor:
        """What was recalled [..., V], its loudness evened out above FAINT; nothing stays nothing."""
        out: Tensor = recalled / (recalled.norm(dim=-1, keepdim=True) + FAINT)
        return out
