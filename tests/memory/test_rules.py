"""The write rule: what one implicit step is, what it cannot do, and that it can be trained through."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as fn

from titans_cli.memory.memory import LOG_THETA_LIMIT
from titans_cli.memory.rules import WriteResult, implicit_step

BATCH, TOKENS, FEATURES, WIDTH = 2, 12, 20, 7


def unit_rows(*shape: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return fn.normalize(torch.randn(*shape, generator=generator, dtype=dtype), dim=-1)


def random_case(
    seed: int = 0, batch: int = BATCH, tokens: int = TOKENS, features: int = FEATURES, width: int = WIDTH
) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "weights_BFV": torch.randn(batch, features, width, generator=generator, dtype=torch.float64),
        "momentum_BFV": torch.randn(batch, features, width, generator=generator, dtype=torch.float64),
        "features_BCF": unit_rows(batch, tokens, features, seed=seed + 1),
        "values_BCV": unit_rows(batch, tokens, width, seed=seed + 2),
        "theta_BC": torch.rand(batch, tokens, generator=generator, dtype=torch.float64) * 5,
        "eta_B": torch.rand(batch, generator=generator, dtype=torch.float64),
        "alpha_B": torch.rand(batch, generator=generator, dtype=torch.float64),
    }


def drifted(case: dict[str, Tensor]) -> Tensor:
    """P: where forgetting and momentum alone would lead."""
    kept = (1 - case["alpha_B"])[:, None, None] * case["weights_BFV"]
    return kept + case["eta_B"][:, None, None] * case["momentum_BFV"]


def close(a: Tensor, b: Tensor, tolerance: float = 1e-10) -> bool:
    return torch.allclose(a, b, rtol=tolerance, atol=tolerance)


def all_finite(written: WriteResult) -> bool:
    return all(bool(t.isfinite().all()) for t in written)


@pytest.mark.parametrize("shape", [(2, 12, 20, 7), (1, 30, 8, 3), (3, 1, 6, 1)])
def test_a_step_lands_on_the_solution_of_the_normal_equations(shape: tuple[int, int, int, int]) -> None:
    """(A^T diag(theta) A + I) W = A^T diag(theta) V + P, also with more tokens than features."""
    case = random_case(3, *shape)
    a, theta = case["features_BCF"], case["theta_BC"][..., None]
    left = a.mT @ (theta * a) + torch.eye(a.shape[-1], dtype=torch.float64)
    direct = torch.linalg.solve(left, a.mT @ (theta * case["values_BCV"]) + drifted(case))
    assert close(implicit_step(**case).weights_BFV, direct)


def test_a_step_lands_where_the_stated_objective_is_least() -> None:
    """sum_i theta_i |W^T phi_i - v_i|^2 + |W - P|^2 is stationary there, and larger anywhere near."""
    case = random_case(4)
    base = drifted(case)

    def objective(w: Tensor) -> Tensor:
        errors = (case["features_BCF"] @ w - case["values_BCV"]).square().sum(-1)
        return (case["theta_BC"] * errors).sum() + (w - base).square().sum()

    landed = implicit_step(**case).weights_BFV.requires_grad_()
    least = objective(landed)
    (gradient,) = torch.autograd.grad(least, landed)
    assert gradient.abs().max() < 1e-10
    generator = torch.Generator().manual_seed(5)
    for size in (1e-3, 0.1, 10.0):
        step = size * torch.randn(landed.shape, generator=generator, dtype=torch.float64)
        assert objective(landed.detach() + step) > least


def test_momentum_is_what_the_weights_moved_by_beyond_forgetting() -> None:
    case = random_case(6)
    written = implicit_step(**case)
    kept = (1 - case["alpha_B"])[:, None, None] * case["weights_BFV"]
    assert close(written.momentum_BFV, written.weights_BFV - kept)


def test_surprise_is_the_squared_error_before_the_write() -> None:
    case = random_case(7)
    error = case["values_BCV"] - case["features_BCF"] @ drifted(case)
    assert close(implicit_step(**case).surprise_BC, error.square().sum(-1))


def test_tokens_with_theta_zero_are_as_if_they_were_not_there() -> None:
    case = random_case(8)
    padding = torch.zeros(BATCH, 5, dtype=torch.float64)
    padded = case | {
        "features_BCF": torch.cat([case["features_BCF"], unit_rows(BATCH, 5, FEATURES, seed=9)], 1),
        "values_BCV": torch.cat([case["values_BCV"], unit_rows(BATCH, 5, WIDTH, seed=10)], 1),
        "theta_BC": torch.cat([case["theta_BC"], padding], 1),
    }
    short, long = implicit_step(**case), implicit_step(**padded)
    assert close(short.weights_BFV, long.weights_BFV, 1e-14)
    assert close(short.momentum_BFV, long.momentum_BFV, 1e-14)
    assert close(short.surprise_BC, long.surprise_BC[:, :TOKENS], 1e-14)


def test_what_a_token_with_theta_zero_says_changes_not_a_bit() -> None:
    case = random_case(11)
    case["theta_BC"][:, -4:] = 0
    other = case | {"features_BCF": case["features_BCF"].clone(), "values_BCV": case["values_BCV"].clone()}
    other["features_BCF"][:, -4:] = unit_rows(BATCH, 4, FEATURES, seed=12)
    other["values_BCV"][:, -4:] = unit_rows(BATCH, 4, WIDTH, seed=13)
    a, b = implicit_step(**case), implicit_step(**other)
    assert torch.equal(a.weights_BFV, b.weights_BFV)
    assert torch.equal(a.momentum_BFV, b.momentum_BFV)


def test_a_segment_with_theta_zero_throughout_only_drifts() -> None:
    case = random_case(14)
    case["theta_BC"].zero_()
    assert torch.equal(implicit_step(**case).weights_BFV, drifted(case))


@pytest.mark.parametrize("theta", [1e-6, 0.3, 1.0, 54.6, 1e6])
def test_a_lone_token_gets_theta_over_one_plus_theta_of_its_error(theta: float) -> None:
    case = random_case(15, tokens=1)
    case["theta_BC"].fill_(theta)
    base, a = drifted(case), case["features_BCF"]
    error = case["values_BCV"] - a @ base
    moved = a @ (implicit_step(**case).weights_BFV - base)
    assert close(moved, theta / (1 + theta) * error)


def test_a_memory_without_momentum_keeps_what_stands_in_its_place() -> None:
    case = random_case(2, 5, 16, 3)
    none = torch.zeros(2, 1, 1, dtype=torch.float64)
    written = implicit_step(**(case | {"momentum_BFV": none}))
    assert written.momentum_BFV is none
    still = implicit_step(**(case | {"momentum_BFV": torch.zeros_like(case["momentum_BFV"])}))
    assert torch.equal(written.weights_BFV, still.weights_BFV)


def test_a_step_without_gradients_leaves_what_it_was_given_as_it_was() -> None:
    case = random_case(2, 5, 16, 3)
    before = {name: tensor.clone() for name, tensor in case.items()}
    with torch.no_grad():
        quiet = implicit_step(**case)
    assert all(torch.equal(case[name], before[name]) for name in case)
    assert close(quiet.weights_BFV, implicit_step(**case).weights_BFV)


def test_a_first_write_without_gates_is_ridge_regression_and_its_own_momentum() -> None:
    """Zero memory, alpha 0, eta 0: nothing but the pairs themselves."""
    case = random_case(16)
    for name in ("weights_BFV", "momentum_BFV", "eta_B", "alpha_B"):
        case[name] = torch.zeros_like(case[name])
    written = implicit_step(**case)
    a, theta = case["features_BCF"], case["theta_BC"][..., None]
    ridge = torch.linalg.inv(a.mT @ (theta * a) + torch.eye(FEATURES, dtype=torch.float64)) @ a.mT
    assert close(written.weights_BFV, ridge @ (theta * case["values_BCV"]))
    assert torch.equal(written.weights_BFV, written.momentum_BFV)
    assert close(written.surprise_BC, torch.ones(BATCH, TOKENS, dtype=torch.float64))


def test_alpha_one_and_eta_zero_forget_everything() -> None:
    case = random_case(17)
    case["alpha_B"], case["eta_B"] = torch.ones_like(case["alpha_B"]), torch.zeros_like(case["eta_B"])
    blank = case | {n: torch.zeros_like(case[n]) for n in ("weights_BFV", "momentum_BFV", "alpha_B")}
    forgotten, fresh = implicit_step(**case), implicit_step(**blank)
    assert all(torch.equal(a, b) for a, b in zip(forgotten, fresh, strict=True))


gate = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1))


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 3),
    st.integers(1, 24),
    st.integers(1, 16).map(lambda n: 2 * n),
    st.integers(1, 9),
    st.floats(-16, 16),
    st.booleans(),
    gate,
    gate,
    st.integers(0, 2**32 - 1),
)
def test_a_step_is_finite_whatever_the_gates_and_shapes(
    batch: int,
    tokens: int,
    features: int,
    width: int,
    log_theta: float,
    same: bool,
    eta: float,
    alpha: float,
    seed: int,
) -> None:
    """Theta up to e^16, gates at and between 0 and 1, keys that all agree or do not, some tokens masked."""
    case = random_case(seed, batch, tokens, features, width)
    if same:
        case["features_BCF"] = case["features_BCF"][:, :1].expand(-1, tokens, -1)
    case["theta_BC"] = math.exp(log_theta) * (case["theta_BC"] > 1)
    case["eta_B"], case["alpha_B"] = torch.full_like(case["eta_B"], eta), torch.full_like(case["alpha_B"], alpha)
    assert all_finite(implicit_step(**case))


@settings(deadline=None, max_examples=30)
@given(st.floats(-16, LOG_THETA_LIMIT), st.booleans(), gate, gate, st.integers(0, 2**32 - 1))
def test_a_step_is_finite_in_single_precision_up_to_the_limit_of_theta(
    log_theta: float, same: bool, eta: float, alpha: float, seed: int
) -> None:
    """What the memory really runs in: a whole segment of 128 tokens in fp32, the same key throughout at worst."""
    case = {name: t.float() for name, t in random_case(seed, 1, 128, 64, 8).items()}
    if same:
        case["features_BCF"] = case["features_BCF"][:, :1].expand(-1, 128, -1)
    case["theta_BC"].fill_(math.exp(log_theta))
    case["eta_B"], case["alpha_B"] = torch.full_like(case["eta_B"], eta), torch.full_like(case["alpha_B"], alpha)
    assert all_finite(implicit_step(**case))


def test_a_repeated_key_stays_bounded_where_the_explicit_step_explodes() -> None:
    """One key for a whole segment, theta e^4, again and again: theta times the largest eigenvalue is far above 2."""
    tokens, theta = 128, math.exp(LOG_THETA_LIMIT)
    a = unit_rows(1, 1, 32, seed=18).expand(1, tokens, 32)
    v = unit_rows(1, tokens, 8, seed=19)
    zero = torch.zeros(1, dtype=torch.float64)
    implicit = explicit = momentum = torch.zeros(1, 32, 8, dtype=torch.float64)
    for _ in range(20):
        implicit, momentum, _ = implicit_step(
            implicit, momentum, a, v, torch.full((1, tokens), theta, dtype=torch.float64), zero, zero
        )
        explicit = explicit - theta * a.mT @ (a @ explicit - v)
    assert implicit.norm() <= v.norm(dim=-1).max()
    assert close(
        (a @ implicit)[0, 0], v.mean((0, 1)), 1e-3
    )  # and it has learned what can be: the mean of what was said
    assert explicit.norm() > 1e50


def test_the_outer_gradient_is_right_for_every_input() -> None:
    """gradcheck, with some tokens masked to theta 0 as padding is."""
    mask = torch.tensor([[1, 1, 0, 1, 0]], dtype=torch.float64)

    def step(w: Tensor, s: Tensor, a: Tensor, v: Tensor, theta: Tensor, eta: Tensor, alpha: Tensor) -> WriteResult:
        return implicit_step(w, s, a, v, theta.exp() * mask, eta.sigmoid(), alpha.sigmoid())

    inputs = tuple(t.requires_grad_() for t in random_case(20, batch=1, tokens=5, features=4, width=3).values())
    assert torch.autograd.gradcheck(step, inputs)


def test_theta_zero_gives_no_nan_gradient() -> None:
    case = {name: t.requires_grad_() for name, t in random_case(21).items()}
    theta = case["theta_BC"] * (torch.arange(TOKENS) < 5)
    written = implicit_step(**(case | {"theta_BC": theta}))
    gradients = torch.autograd.grad(torch.stack([t.square().sum() for t in written]).sum(), list(case.values()))
    assert all(bool(g.isfinite().all()) for g in gradients)
    assert bool((gradients[4][:, 5:] == 0).all())
    assert bool((gradients[4][:, :5] != 0).any())


def test_streams_of_a_batch_do_not_touch_one_another() -> None:
    case = random_case(22)
    together = implicit_step(**case)
    for i in range(BATCH):
        alone = implicit_step(**{name: t[i : i + 1] for name, t in case.items()})
        assert all(close(a, b[i : i + 1], 1e-12) for a, b in zip(alone, together, strict=True))
