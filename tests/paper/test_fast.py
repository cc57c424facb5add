"""The fast network: its hand-written backward pass gives autograd's gradients, token by token, as two factors."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as fn

from titans_cli.paper.fast import L2, Huber, Objective, Scratch, backward, forward, matrices, shapes
from titans_cli.paper.reference import network, surprise

BATCH, TOKENS, WIDTH = 2, 5, 6
OBJECTIVES = [L2(), Huber(0.7)]


def random_network(depth: int, expansion: float, seed: int = 0) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    sizes = shapes(WIDTH, depth, expansion)
    return tuple(torch.randn(BATCH, *size, generator=generator, dtype=torch.float64) * 0.5 for size in sizes)


def rows(seed: int) -> Tensor:
    return torch.randn(BATCH, TOKENS, WIDTH, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("expansion", [0.5, 1, 2.5])
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_a_token_s_gradient_is_the_product_of_its_factors(depth: int, expansion: float, objective: Objective) -> None:
    weights, k, v = matrices(random_network(depth, expansion)), rows(1), rows(2)
    seen = forward(weights, k, Scratch())
    deltas = backward(weights, seen.raw, objective.gradient(seen.output - v), Scratch())
    for b in range(BATCH):
        for t in range(TOKENS):
            exact = surprise([w[b] for w in weights], k[b, t], v[b, t], objective)
            for x, d, gradient in zip(seen.inputs, deltas, exact, strict=True):
                assert torch.allclose(torch.outer(x[b, t], d[b, t]), gradient, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_a_pass_is_the_network_of_the_reference(depth: int) -> None:
    weights, k = matrices(random_network(depth, 3)), rows(1)
    for b in range(BATCH):
        assert torch.allclose(
            forward(weights, k, Scratch()).output[b], network([w[b] for w in weights], k[b]), atol=1e-12
        )


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_an_objective_s_gradient_is_that_of_its_loss(objective: Objective) -> None:
    error = torch.cat([rows(3), 0.1 * rows(4), 0 * rows(5)], dim=1).requires_grad_()
    (gradient,) = torch.autograd.grad(objective.loss(error).sum(), error)
    assert torch.allclose(objective.gradient(error), gradient, atol=1e-12)
    assert torch.autograd.gradcheck(objective.gradient, error)


def test_huber_is_l2_for_small_errors_and_of_bounded_gradient_for_large_ones() -> None:
    small, large = 0.1 * fn.normalize(rows(6), dim=-1), 1e9 * fn.normalize(rows(7), dim=-1)
    assert torch.equal(Huber(0.2).gradient(small), L2().gradient(small))
    assert torch.allclose(Huber(0.2).gradient(large).norm(dim=-1), torch.full((BATCH, TOKENS), 0.2).double())
    nothing = torch.zeros(1, 1, WIDTH, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(Huber(0.2).gradient(nothing).sum(), nothing)
    assert bool(gradient.isfinite().all())


def test_the_first_matrix_is_stored_hidden_first() -> None:
    assert shapes(6, 3, 2.5) == [(15, 6), (15, 15), (15, 6)]
    assert shapes(6, 1, 2.5) == [(6, 6)]
    stored = random_network(3, 2.5)
    assert [tuple(w.shape[1:]) for w in matrices(stored)] == [(6, 15), (15, 15), (15, 6)]
    assert all(torch.equal(a, b) for a, b in zip(matrices(matrices(stored)), stored, strict=True))
