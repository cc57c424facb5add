"""The memory with one part changed: what `benchmarks.ablation` trains and `benchmarks.recall` compares with."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from titans_cli.memory import MemoryConfig, MemoryState, NeuralMemory, SegmentInputs
from titans_cli.model.engine import Engine
from titans_cli.model.network import TitansNetwork
from titans_cli.model.spec import TitansSpec
from titans_cli.paper.gradient import GradientOptions, GradientRule
from titans_cli.paper.rule import RuleState, Tokens


class NoForgetting(NeuralMemory):
    def inputs(self, *args: Tensor) -> SegmentInputs:
        made = super().inputs(*args)
        return made._replace(alpha=torch.zeros_like(made.alpha))


class NoConvolution(NeuralMemory):
    def _gather(self, x_NCD: Tensor) -> Tensor:
        return x_NCD


class SameToken(NeuralMemory):
    """Binds every token to itself instead of to its successor."""

    def inputs(self, x: Tensor, words: Tensor, target: Tensor, mask: Tensor, same: Tensor) -> SegmentInputs:
        return super().inputs(x, words, words, mask, same)


class NoLookAhead(NeuralMemory):
    """A key is told by the past alone, like a query."""

    def inputs(self, x: Tensor, words: Tensor, target: Tensor, mask: Tensor, same: Tensor) -> SegmentInputs:
        made = super().inputs(x, words, target, mask, same)
        return made._replace(keys=self.queries(x, words, same))


class NoTopic(NeuralMemory):
    def topics(self, x_NCD: Tensor, words_NCD: Tensor, same_NCC: Tensor) -> Tensor:
        return torch.zeros(*x_NCD.shape[:-1], self.config.d_topic, device=x_NCD.device)


class Identity(nn.Module):
    """phi(k) = k / |k|: a linear memory, M(k) = W^T k."""

    def __init__(self, d_key: int) -> None:
        super().__init__()
        self.d_key = d_key

    @property
    def width(self) -> int:
        return self.d_key

    @width.setter
    def width(self, _: int) -> None:
        """There is nothing to widen."""

    def forward(self, k_BCK: Tensor) -> Tensor:
        return F.normalize(k_BCK, dim=-1)


class Linear(NeuralMemory):
    def __init__(self, d_model: int, config: MemoryConfig) -> None:
        super().__init__(d_model, config)
        self.features = Identity(config.d_key + config.d_topic)  # type: ignore[assignment]


class Unprepared(NeuralMemory):
    """Of a write that is not the implicit one nothing can be done beforehand."""

    def prepare(self, inputs: SegmentInputs, dtype: torch.dtype = torch.float32) -> Any:
        return inputs


class Explicit(Unprepared):
    """The paper's explicit step, summed over the segment, in place of the implicit one; clipped only by its gates."""

    def write(self, state: MemoryState, inputs: Any) -> tuple[MemoryState, Tensor]:
        with torch.autocast(state.weights.device.type, enabled=False):
            features = self.features(inputs.keys.float())
            base = state.weights * (1 - inputs.alpha.float())[:, None, None]
            error = inputs.values.float() - features @ base
            step = (inputs.theta / (1 + inputs.theta)).float().unsqueeze(-1) * error
            return MemoryState(base + features.mT @ step, state.momentum), error.square().sum(-1)


class Deep(Unprepared):
    """Both layers of the network learn at test time, by `GradientRule`; as many fast weights as the shipped memory."""

    def __init__(self, d_model: int, config: MemoryConfig) -> None:
        super().__init__(d_model, config)
        width = config.d_key + config.d_topic
        hidden = config.features * config.d_value / (2 * width)
        self.rule = GradientRule(
            width,
            config.span,
            "start",
            depth=2,
            expansion=hidden / width,
            how=GradientOptions(gating="chunk", bounded=True),
        )

    def initial_state(self, batch: int = 1) -> MemoryState:
        state = self.rule.initial_state(batch)
        return MemoryState(*(torch.cat([w.flatten(1) for w in ws], dim=1).unsqueeze(-1) for ws in state[:2]))

    def _state(self, state: MemoryState) -> RuleState:
        blank = self.rule.initial_state(len(state.weights))

        def apart(flat_BN1: Tensor) -> tuple[Tensor, ...]:
            ends = itertools.accumulate(w[0].numel() for w in blank.weights)
            return tuple(
                flat_BN1[:, end - w[0].numel() : end].reshape_as(w) for w, end in zip(blank.weights, ends, strict=True)
            )

        return RuleState(apart(state.weights), apart(state.momentum), blank.pending)

    def write(self, state: MemoryState, inputs: Any) -> tuple[MemoryState, Tensor]:
        keys = F.normalize(inputs.keys.float(), dim=-1)
        values = F.pad(inputs.values.float(), (0, keys.shape[-1] - inputs.values.shape[-1]))
        gain = (inputs.theta / (1 + inputs.theta)).float()
        eta, alpha = (g.float()[:, None].expand_as(gain).contiguous() for g in (inputs.eta, inputs.alpha))
        tokens = Tokens(keys, values, gain, eta, alpha)
        read, after = self.rule(keys, tokens, self._state(state))
        flat = (torch.cat([w.flatten(1) for w in ws], dim=1).unsqueeze(-1) for ws in after[:2])
        return MemoryState(*flat), (values - read).square().sum(-1)

    def read(self, state: MemoryState, q_BCK: Tensor) -> Tensor:
        return self.spoken(self._peek(state, q_BCK))

    def recalled(self, weights: Any, q_BCK: Tensor) -> Tensor:
        cells = [w[None] for w in weights]
        return torch.stack([self._peek(MemoryState(w, torch.zeros_like(w)), q_BCK) for w in cells])

    def _peek(self, state: MemoryState, q_BCK: Tensor) -> Tensor:
        first, second = self._state(state).weights
        q = F.normalize(q_BCK.float(), dim=-1)
        with torch.autocast(q.device.type, enabled=False):
            out: Tensor = (F.silu(q @ first.mT) @ second)[..., : self.config.d_value]
        return out


VARIANTS: dict[str, tuple[type[NeuralMemory], dict[str, float]]] = {
    "shipped": (NeuralMemory, {}),
    "momentum": (NeuralMemory, {"momentum": 0.9}),
    "no-forgetting": (NoForgetting, {}),
    "no-rehearsal": (NeuralMemory, {"rehearsals": 0}),
    "linear": (Linear, {}),
    "deep": (Deep, {"momentum": 0.9}),
    "explicit": (Explicit, {}),
    "no-convolution": (NoConvolution, {}),
    "same-token": (SameToken, {}),
    "no-look-ahead": (NoLookAhead, {}),
    "no-topic": (NoTopic, {}),
}


def network_of(name: str, engine: Engine, *, learned: bool = False) -> TitansNetwork:
    """The engine's network with a memory of this kind, in its initial state or as it was learned."""
    kind, changes = VARIANTS[name]
    spec = TitansSpec.from_dict(engine.spec.to_dict() | changes)
    torch.manual_seed(0)
    network = TitansNetwork(spec)
    network.memory = kind(spec.d_model, spec.memory)
    own = network.state_dict()
    kept = engine.network.state_dict().items()
    network.load_state_dict(
        {k: v for k, v in kept if k in own and (learned or not k.startswith("memory."))}, strict=False
    )
    return network
