"""The scans: what a chunk's gates amount to is what the recurrence says, gates of exactly 0 and 1 included."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from titans_cli.paper.coefficients import causal, per_chunk, per_token

GATE = st.sampled_from([0.0, 1.0]) | st.floats(0, 1)
CHUNK = st.lists(st.tuples(GATE, GATE, GATE), min_size=1, max_size=20)


def recurrence(theta: Tensor, eta: Tensor, alpha: Tensor) -> list[tuple[Tensor, Tensor]]:
    """(S_t, M_t) for t = 0 .. C, each as its coefficients of S_0, M_0 and every -g_j: eq. 13-14 as they stand."""
    unit = torch.eye(2 + len(theta), dtype=torch.float64)
    states = [(unit[0], unit[1])]
    for t in range(len(theta)):
        s, m = states[-1]
        s = eta[t] * s + theta[t] * unit[2 + t]
        states.append((s, (1 - alpha[t]) * m + s))
    return states


@given(CHUNK)
@settings(max_examples=100, deadline=None)
def test_the_scan_is_the_recurrence(chunk: list[tuple[float, float, float]]) -> None:
    theta, eta, alpha = torch.tensor(chunk, dtype=torch.float64).T
    s, m = recurrence(theta, eta, alpha)[-1]
    found = per_token(theta, eta, alpha)
    expected = (s[0], m[0], m[1], s[2:], m[2:])
    assert all(torch.allclose(a, b, rtol=1e-12, atol=1e-300) for a, b in zip(found, expected, strict=True))


@given(CHUNK)
@settings(max_examples=100, deadline=None)
def test_the_causal_weights_are_the_recurrence_stopped_at_every_token(chunk: list[tuple[float, float, float]]) -> None:
    theta, eta, alpha = torch.tensor(chunk, dtype=torch.float64).T
    memories = torch.stack([m for _, m in recurrence(theta, eta, alpha)[1:]])
    found = causal(theta, eta, alpha)
    assert torch.allclose(found.carry_T, memories[:, 0], rtol=1e-12, atol=1e-300)
    assert torch.allclose(found.keep_T, memories[:, 1], rtol=1e-12, atol=1e-300)
    assert torch.allclose(found.weight_TJ, memories[:, 2:], rtol=1e-12, atol=1e-300)
    assert not bool(found.weight_TJ.triu(1).any())


def test_chunks_planned_together_are_planned_as_alone() -> None:
    gates = torch.rand(3, 2, 5, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for plan in (per_token, per_chunk, causal):
        together = plan(*gates)
        for i in range(5):
            alone = plan(*gates[:, :, i])
            assert all(torch.equal(a[:, i], b) for a, b in zip(together, alone, strict=True))


def test_nothing_divides_by_a_gate() -> None:
    """A chunk that forgets everything half-way, and one without momentum, have finite gradients too."""
    for eta, alpha in ((0.0, 1.0), (1.0, 0.0), (0.0, 0.0), (1.0, 1.0)):
        gates = [torch.full((9,), g, dtype=torch.float64, requires_grad=True) for g in (0.0, eta, alpha)]
        everything = [t.sum() for plan in (per_token, causal) for t in plan(*gates)]
        for gradient in torch.autograd.grad(torch.stack(everything).sum(), gates):
            assert bool(gradient.isfinite().all())
