"""Random streams for the write rules, and what it takes to compare two runs of one. Float64 throughout."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as fn

from titans_cli.paper.rule import RuleState, Tokens, WriteRule

Gates = Callable[[int, int, torch.Generator], tuple[Tensor, Tensor, Tensor]]


def random_gates(batch: int, tokens: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    theta, eta, alpha = torch.rand(3, batch, tokens, generator=generator, dtype=torch.float64).unbind()
    return theta * 0.2, eta, alpha * 0.3


def fixed_gates(theta: float, eta: float, alpha: float) -> Gates:
    def gates(batch: int, tokens: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        full = (torch.full((batch, tokens), gate, dtype=torch.float64) for gate in (theta, eta, alpha))
        return next(full), next(full), next(full)

    return gates


def stream(
    width: int, tokens: int, batch: int = 2, seed: int = 0, gates: Gates = random_gates
) -> tuple[Tensor, Tokens]:
    """Queries, and tokens with unit keys."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(3, batch, tokens, width, generator=generator, dtype=torch.float64)
    q, k, v = fn.normalize(rows[0], dim=-1), fn.normalize(rows[1], dim=-1), rows[2]
    return q, Tokens(k, v, *gates(batch, tokens, generator))


def run(
    rule: WriteRule, q: Tensor, tokens: Tokens, cuts: Iterable[int] = (), state: RuleState | None = None
) -> tuple[Tensor, RuleState]:
    """The stream in as many calls as the cuts make of it."""
    state, outputs, begin = state or rule.initial_state(len(q)), [], 0
    for end in (*cuts, q.shape[1]):
        output, state = rule(q[:, begin:end], tokens.cut(begin, end), state)
        outputs.append(output)
        begin = end
    return torch.cat(outputs, dim=1), state


def difference(a: Sequence[Tensor], b: Sequence[Tensor]) -> float:
    """The largest, relative to the largest entry where that is above 1."""
    pairs = [(x.detach(), y.detach()) for x, y in zip(a, b, strict=True) if y.numel()]
    return max(float((x - y).abs().max() / y.abs().max().clamp(min=1)) for x, y in pairs)


def parts(state: RuleState) -> list[Tensor]:
    return [*state.weights, *state.momentum, *state.pending]


def equal(a: Sequence[Tensor], b: Sequence[Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
