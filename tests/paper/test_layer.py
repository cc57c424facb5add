"""A memory layer: the same outputs however a stream is cut, nothing from the future, gradients to every parameter."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.paper.streams import difference, equal, parts
from titans_cli.paper.gradient import GradientRule
from titans_cli.paper.implicit import ImplicitRule
from titans_cli.paper.layer import LayerState, MemoryLayer
from titans_cli.paper.rule import WriteRule

D_MODEL, WIDTH, CHUNK, TOKENS = 10, 6, 8, 29


@pytest.fixture(params=["gradient", "implicit"])
def layer(request: pytest.FixtureRequest) -> MemoryLayer:
    torch.manual_seed(0)
    rule: WriteRule = (
        GradientRule(WIDTH, CHUNK) if request.param == "gradient" else ImplicitRule(WIDTH, CHUNK, features=24)
    )
    return MemoryLayer(D_MODEL, rule).double()


def noise(seed: int, tokens: int = TOKENS, batch: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, tokens, D_MODEL, generator=generator, dtype=torch.float64)


def run(layer: MemoryLayer, x: Tensor, *cuts: int) -> tuple[Tensor, LayerState]:
    state, outputs, begin = layer.initial_state(len(x)), [], 0
    for end in (*cuts, x.shape[1]):
        output, state = layer(x[:, begin:end], state)
        outputs.append(output)
        begin = end
    return torch.cat(outputs, dim=1), state


def test_prefill_is_decoding_token_by_token(layer: MemoryLayer) -> None:
    whole, state = run(layer, noise(1))
    for cuts in (range(1, TOKENS), (5, 6, 20), (8, 16)):
        split, its = run(layer, noise(1), *cuts)
        assert whole.shape == (2, TOKENS, D_MODEL)
        assert difference([split, *parts(its.memory), its.tail], [whole, *parts(state.memory), state.tail]) < 1e-11


def test_no_token_leaves_a_bit_in_what_came_before_it(layer: MemoryLayer) -> None:
    x = noise(1)
    with torch.no_grad():
        before, _ = run(layer, x)
        for j in range(TOKENS):
            other = x.clone()
            other[:, j] = noise(2, 1)[:, 0]
            after, _ = run(layer, other)
            assert torch.equal(before[:, :j], after[:, :j])
            assert not torch.equal(before[:, j], after[:, j])


def test_a_state_is_a_value(layer: MemoryLayer) -> None:
    with torch.no_grad():
        _, state = run(layer, noise(1))
        kept = [t.clone() for t in (*parts(state.memory), state.tail)]
        first, second = layer(noise(2), state), layer(noise(2), state)
        assert equal(kept, [*parts(state.memory), state.tail])
        assert torch.equal(first[0], second[0])


def test_gradients_reach_every_parameter(layer: MemoryLayer) -> None:
    outputs, _ = run(layer, noise(1), 11)
    torch.autograd.backward(outputs.square().sum())
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.isfinite().all()), name
        assert bool(parameter.grad.any()), name


def test_the_outer_gradient_is_right() -> None:
    torch.manual_seed(0)
    layer = MemoryLayer(3, GradientRule(2, 2, depth=2, expansion=1), conv=2).double()
    x = torch.randn(1, 3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def outputs(x: Tensor) -> Tensor:
        return run(layer, x, 1)[0]

    assert torch.autograd.gradcheck(outputs, x.requires_grad_())


def test_a_layer_can_do_without_a_convolution(layer: MemoryLayer) -> None:
    plain = MemoryLayer(D_MODEL, layer.rule, conv=1).double()
    whole, _ = run(plain, noise(1))
    split, state = run(plain, noise(1), 3)
    assert state.tail.shape[1] == 0
    assert difference([split], [whole]) < 1e-11


def test_zeros_and_huge_inputs_give_finite_outputs(layer: MemoryLayer) -> None:
    for x in (torch.zeros(1, 20, D_MODEL), 1e6 * noise(3, 20, 1)):
        layer.zero_grad()
        outputs, _ = run(layer, x.double())
        assert bool(outputs.isfinite().all())
        torch.autograd.backward(outputs.sum())
        assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in layer.parameters())
