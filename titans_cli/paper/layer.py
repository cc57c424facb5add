"""A memory layer: what is projected from the trunk, a write rule, and what goes back.

    q, k, v = SiLU(conv(x W_Q)), SiLU(conv(x W_K)), SiLU(conv(x W_V))      depthwise, causal; q and k of unit length
    theta, eta, alpha = gates(x)                                           per token, bounded by the rule
    y = W_O (sigmoid(x W_G) * norm(M(q)))                                  the output gate (Titans, section 4.4)

Shape suffixes: B batch, N tokens of a call, D width of the trunk, M width of the memory.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from titans_cli.paper.rule import RuleState, Tokens, WriteRule


class LayerState(NamedTuple):
    """What a layer carries from one call to the next; a value, never changed in place."""

    memory: RuleState
    tail: Tensor  # [B, conv - 1, 3 M]: the last projected rows, which the convolution still needs


def gathered(x_BND: Tensor, conv: nn.Conv1d) -> Tensor:
    """`conv`, depthwise, along the rows as they lie: the library's kernel wants them turned, which takes five times as
    long. [B, N + conv - 1, D] to [B, N, D]."""
    taps_KD = conv.weight[:, 0].mT.contiguous()
    rows = x_BND.shape[1] - len(taps_KD) + 1
    y_BND = conv.bias
    assert y_BND is not None
    for i, tap_D in enumerate(taps_KD):
        y_BND = torch.addcmul(y_BND, x_BND[:, i : i + rows], tap_D)
    return y_BND


class MemoryLayer(nn.Module):
    """[B, N, D] to [B, N, D] for any N >= 1, with the same results however a stream is cut into calls.

    With a rule that reads causally, y_t depends on x_1 .. x_t and on nothing after it.
    """

    def __init__(self, d_model: int, rule: WriteRule, conv: int = 4) -> None:
        super().__init__()
        self.rule, self.width = rule, rule.width
        self.project = nn.Linear(d_model, 3 * rule.width, bias=False)
        self.conv = nn.Conv1d(3 * rule.width, 3 * rule.width, conv, groups=3 * rule.width)
        self.gates = nn.Linear(d_model, 3)
        self.norm = nn.RMSNorm(rule.width, eps=1e-6)
        self.gate = nn.Linear(d_model, rule.width)
        self.out = nn.Linear(rule.width, d_model, bias=False)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        nn.init.normal_(self.gates.weight, std=0.02)
        self.gates.bias.copy_(torch.tensor(self.rule.gate_bias))

    def initial_state(self, batch: int = 1) -> LayerState:
        """The state before the first token."""
        memory = self.rule.initial_state(batch)
        tail = self.project.weight.new_zeros(batch, self.conv.kernel_size[0] - 1, 3 * self.width)
        return LayerState(memory, tail)

    def forward(self, x_BND: Tensor, state: LayerState) -> tuple[Tensor, LayerState]:
        """Read and write N tokens; gives their outputs and the state to go on with."""
        projected = torch.cat([state.tail, self.project(x_BND)], dim=1)
        mixed = F.silu(gathered(projected, self.conv))
        q, k, v = mixed.chunk(3, dim=-1)
        theta, eta, alpha = self.rule.gates(self.gates(x_BND))
        tokens = Tokens(F.normalize(k, dim=-1), v, theta, eta, alpha)
        recalled, memory = self.rule(F.normalize(q, dim=-1), tokens, state.memory)
        y_BND: Tensor = self.out(self.gate(x_BND).sigmoid() * self.norm(recalled))
        return y_BND, LayerState(memory, projected[:, x_BND.shape[1] :].clone())
