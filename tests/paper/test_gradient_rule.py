"""The chunk form of the paper's rule: equal to the token loop, however a stream is cut, and never poisoned."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.paper.streams import Gates, difference, fixed_gates, parts, random_gates, run, stream
from titans_cli.paper.fast import L2, Huber, Objective, matrices
from titans_cli.paper.gradient import ETA_LIMIT, THETA_LIMIT, GradientOptions, GradientRule
from titans_cli.paper.reference import learn, surprise
from titans_cli.paper.rule import Read, RuleState, Tokens

WIDTH, TOKENS = 6, 21
READS: tuple[Read, ...] = ("start", "causal")
GATES: dict[str, Gates] = {
    "random": random_gates,
    "no step": fixed_gates(0, 0.5, 0.1),
    "no momentum": fixed_gates(0.2, 0, 0.1),
    "nothing lost": fixed_gates(0.02, 1, 0),
    "nothing kept": fixed_gates(0.2, 0.5, 1),
    "all and nothing": fixed_gates(0.2, 1, 1),
}


def exact(
    chunk: int, read: Read = "causal", depth: int = 2, objective: Objective | None = None, expansion: float = 2.5
) -> GradientRule:
    """The paper's formula and nothing else, in double."""
    torch.manual_seed(0)
    rule = GradientRule(
        WIDTH, chunk, read, depth=depth, expansion=expansion, objective=objective, how=GradientOptions(bounded=False)
    )
    return rule.double().requires_grad_(False)


def against_the_loop(rule: GradientRule, q: Tensor, tokens: Tokens, outputs: Tensor, state: RuleState) -> float:
    """How far outputs and state are from the token loop's; the state has seen full chunks only."""
    worst = 0.0
    full = tokens.length - tokens.length % rule.chunk
    for b in range(len(q)):
        start = [w[b] for w in matrices(rule.blank(len(q))[0])]
        for length in {tokens.length, full} - {0}:
            k, v, *gates = (t[b, :length] for t in tokens)
            looped = learn(
                start,
                q[b, :length],
                k,
                v,
                (gates[0], gates[1], gates[2]),
                objective=rule.objective,
                chunk=rule.chunk,
                read=rule.read,
            )
            if length == tokens.length:
                worst = max(worst, difference([outputs[b]], [looped.outputs_ND]))
            if length == full:
                worst = max(worst, difference([w[b] for w in matrices(state.weights)], looped.weights))
                worst = max(worst, difference([s[b] for s in matrices(state.momentum)], looped.momentum))
    return worst


@pytest.mark.parametrize("objective", [L2(), Huber(0.7)])
@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("chunk", [1, 5, 8])
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_the_chunk_form_is_the_token_loop(depth: int, chunk: int, read: Read, objective: Objective) -> None:
    rule = exact(chunk, read, depth, objective)
    q, tokens = stream(WIDTH, TOKENS)
    for cuts in ((), (3,), (1, 2, 3, 8, 9, 17)):
        assert against_the_loop(rule, q, tokens, *run(rule, q, tokens, cuts)) < 1e-10


@pytest.mark.parametrize("gates", GATES.values(), ids=list(GATES))
@pytest.mark.parametrize("read", READS)
def test_the_chunk_form_is_the_token_loop_for_gates_of_zero_and_one(read: Read, gates: Gates) -> None:
    q, tokens = stream(WIDTH, TOKENS, gates=gates)
    for depth in (1, 2):
        rule = exact(8, read, depth)
        assert against_the_loop(rule, q, tokens, *run(rule, q, tokens, (4, 18))) < 1e-10


def test_with_gradients_recorded_the_numbers_are_the_same() -> None:
    for read in READS:
        for rule in (exact(8, read), GradientRule(WIDTH, 8, read).double()):
            q, tokens = stream(WIDTH, TOKENS)
            recorded, state = run(rule, q, tokens, (3, 11))
            with torch.no_grad():
                plain, its = run(rule, q, tokens, (3, 11))
            assert difference([recorded, *parts(state)], [plain, *parts(its)]) < 1e-12


def test_chunks_as_the_unit_of_time_are_one_step_with_the_mean_gates() -> None:
    torch.manual_seed(0)
    rule = (
        GradientRule(WIDTH, 5, "start", how=GradientOptions(gating="chunk", bounded=False))
        .double()
        .requires_grad_(False)
    )
    q, tokens = stream(WIDTH, 15, batch=1)
    with torch.no_grad():
        _, state = run(rule, q, tokens, (7,))
    weights = [w[0] for w in matrices(rule.blank(1)[0])]
    momentum = [torch.zeros_like(w) for w in weights]
    for start in range(0, 15, 5):
        keys, values, theta, eta, alpha = (t[0] for t in tokens.cut(start, start + 5))
        gradients = [surprise(weights, k, v, rule.objective) for k, v in zip(keys, values, strict=True)]
        for i, gradient in enumerate(zip(*gradients, strict=True)):
            summed = torch.stack([t * g for t, g in zip(theta, gradient, strict=True)]).sum(0)
            momentum[i] = eta.mean() * momentum[i] - summed
            weights[i] = (1 - alpha.mean()) * weights[i] + momentum[i]
    assert difference([w[0] for w in matrices(state.weights)], weights) < 1e-12
    assert difference([s[0] for s in matrices(state.momentum)], momentum) < 1e-12


def test_a_token_s_gradient_is_clipped_and_small_ones_are_left_alone() -> None:
    """Bounded equals unbounded while gradients are short and step sizes small, and only then."""
    q, tokens = stream(WIDTH, 16)
    gentle = tokens._replace(values=tokens.values * 0.02, theta=tokens.theta * 0.1, eta=tokens.eta * 0.1)
    rough = tokens._replace(values=tokens.values * 50)
    for read in READS:
        free = exact(4, read)
        for weight in free.initial:
            weight.mul_(0.05)
        bounded = GradientRule(WIDTH, 4, read, expansion=2.5).double().requires_grad_(False)
        bounded.load_state_dict(free.state_dict())
        assert difference([run(free, q, gentle)[0]], [run(bounded, q, gentle)[0]]) < 1e-12
        assert difference([run(free, q, rough)[0]], [run(bounded, q, rough)[0]]) > 1e-3


def test_repeated_keys_make_the_formula_diverge_and_the_bounded_rule_learn() -> None:
    """32 times the same key a chunk, theta 1: 32 times the error is corrected."""
    q, tokens = stream(WIDTH, 32 * 40, batch=1, gates=fixed_gates(1, 0, 0))
    key, value = tokens.keys[:, :1], tokens.values[:, :1]
    same = tokens._replace(keys=key.expand_as(q), values=value.expand_as(q))
    for depth in (1, 2):
        torch.manual_seed(1)
        free = GradientRule(WIDTH, 32, "start", depth=depth, how=GradientOptions(bounded=False))
        bounded = GradientRule(WIDTH, 32, "start", depth=depth)
        bounded.load_state_dict(free.state_dict())
        asked = same.keys.float()
        with torch.no_grad():
            for rule in (free, bounded):
                output, _ = run(rule, asked, Tokens(*(t.float() for t in same)))
                error = (output[0, -1] - value[0, 0]).norm()
                assert bool(error < 0.1 * value.norm()) is (rule is bounded)


@given(
    depth=st.integers(1, 4),
    chunk=st.integers(1, 9),
    length=st.integers(1, 40),
    read=st.sampled_from(READS),
    theta=st.sampled_from([0.0, 0.5, THETA_LIMIT]),
    eta=st.sampled_from([0.0, ETA_LIMIT, 1.0]),
    alpha=st.sampled_from([0.0, 0.5, 1.0]),
    size=st.sampled_from([0.0, 1.0, 1e4]),
    objective=st.sampled_from([L2(), Huber(0.7)]),
    data=st.data(),
)
@settings(max_examples=80, deadline=None)
def test_no_shape_length_or_gate_gives_a_nan(
    depth: int,
    chunk: int,
    length: int,
    read: Read,
    theta: float,
    eta: float,
    alpha: float,
    size: float,
    objective: Objective,
    data: st.DataObject,
) -> None:
    """In single precision, and the gradients through it are finite too; cut anywhere, it is the same stream."""
    torch.manual_seed(0)
    rule = GradientRule(WIDTH, chunk, read, depth=depth, objective=objective)
    q, tokens = stream(WIDTH, length, batch=1, gates=fixed_gates(theta, eta, alpha))
    single = Tokens(*(t.float() for t in tokens))
    single = single._replace(values=size * single.values)
    cut = data.draw(st.integers(0, length - 1))
    outputs, state = run(rule, q.float(), single, (cut,) if cut else ())
    assert all(bool(t.isfinite().all()) for t in (outputs, *parts(state)))
    gradients = torch.autograd.grad(outputs.square().mean(), list(rule.initial))
    assert all(bool(g.isfinite().all()) for g in gradients)
    rule.double()
    with torch.no_grad():
        whole, its = run(rule, q, tokens)
        split, other = run(rule, q, tokens, (cut,) if cut else ())
    assert difference([whole, *parts(its)], [split, *parts(other)]) < 1e-9


@pytest.mark.parametrize("bounded", [False, True])
@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("depth", [1, 3])
def test_the_outer_gradient_is_right(depth: int, read: Read, bounded: bool) -> None:
    """gradcheck through two chunks and a half, for every input and the initial network."""
    torch.manual_seed(0)
    rule = GradientRule(
        3, 2, read, depth=depth, expansion=1, objective=Huber(0.7), how=GradientOptions(bounded=bounded)
    ).double()
    q, tokens = stream(3, 5, batch=1)

    def outputs(*inputs: Tensor) -> tuple[Tensor, ...]:
        weights = inputs[6:]
        fresh = rule.initial_state(1)
        state = RuleState(tuple(w.unsqueeze(0) for w in weights), fresh.momentum, fresh.pending)
        read_out, after = run(rule, inputs[0], Tokens(*inputs[1:6]), (3,), state)
        return read_out, *after.weights, *after.momentum

    inputs = [t.detach().clone().requires_grad_() for t in (q, *tokens, *rule.initial)]
    assert torch.autograd.gradcheck(outputs, inputs)


@pytest.mark.parametrize("read", READS)
def test_bfloat16_products_stay_close(read: Read) -> None:
    torch.manual_seed(0)
    rules = [
        GradientRule(32, 16, read, how=GradientOptions(gemm_dtype=dtype)).requires_grad_(False)
        for dtype in (None, torch.bfloat16)
    ]
    rules[1].load_state_dict(rules[0].state_dict())
    q, tokens = stream(32, 200)
    with torch.no_grad():
        single, low = (run(rule, q.float(), Tokens(*(t.float() for t in tokens)), (90,)) for rule in rules)
    assert {t.dtype for t in parts(low[1])} == {torch.float32}
    for a, b in zip([low[0], *low[1].weights], [single[0], *single[1].weights], strict=True):
        assert float((a - b).norm() / b.norm()) < 0.02


def test_a_rule_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="no reads inside"):
        GradientRule(8, 4, "causal", how=GradientOptions(gating="chunk"))
    with pytest.raises(ValueError, match="needs a layer"):
        GradientRule(8, 4, depth=0)
    with pytest.raises(ValueError, match="positive"):
        GradientRule(8, 0)
