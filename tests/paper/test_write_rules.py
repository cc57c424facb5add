"""What holds for every write rule: the grid of chunks, splits, causality, states that are values, streams apart."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from tests.paper.streams import difference, equal, parts, run, stream
from titans_cli.memory.rules import implicit_step
from titans_cli.paper.fast import Huber
from titans_cli.paper.gradient import GradientOptions, GradientRule
from titans_cli.paper.implicit import ImplicitRule
from titans_cli.paper.rule import RuleState, Tokens, WriteRule

WIDTH, CHUNK, TOKENS = 6, 8, 37

RULES: dict[str, Callable[[], WriteRule]] = {
    "gradient, causal": lambda: GradientRule(WIDTH, CHUNK, "causal", depth=3, objective=Huber(0.5)),
    "gradient, start": lambda: GradientRule(WIDTH, CHUNK, "start"),
    "gradient, chunk gates": lambda: GradientRule(WIDTH, CHUNK, "start", how=GradientOptions(gating="chunk")),
    "implicit, causal": lambda: ImplicitRule(WIDTH, CHUNK, "causal", features=24),
    "implicit, start": lambda: ImplicitRule(WIDTH, CHUNK, "start", features=24),
}


@pytest.fixture(params=RULES.values(), ids=list(RULES))
def rule(request: pytest.FixtureRequest) -> WriteRule:
    torch.manual_seed(0)
    made: WriteRule = request.param()
    return made.double().requires_grad_(False)


@pytest.fixture(autouse=True)
def without_gradients() -> object:
    with torch.no_grad():
        yield


def untrained(rule: WriteRule, tokens: int = TOKENS, batch: int = 2, seed: int = 0) -> tuple[Tensor, Tokens]:
    """A stream whose gates are the rule's own."""
    q, written = stream(WIDTH, tokens, batch, seed)
    generator = torch.Generator().manual_seed(seed + 1)
    logits = 3 * torch.randn(batch, tokens, 3, generator=generator, dtype=torch.float64)
    return q, Tokens(written.keys, written.values, *rule.gates(logits + torch.tensor(rule.gate_bias)))


def test_a_stream_cut_on_the_grid_gives_the_same_bits(rule: WriteRule) -> None:
    q, tokens = untrained(rule)
    whole, state = run(rule, q, tokens)
    for cuts in ((8,), (16, 24), (8, 16, 24, 32)):
        split, its = run(rule, q, tokens, cuts)
        assert equal([whole, *parts(state)], [split, *parts(its)])


def test_a_stream_cut_anywhere_gives_the_same_state_bit_for_bit_and_the_same_reads(rule: WriteRule) -> None:
    q, tokens = untrained(rule)
    whole, state = run(rule, q, tokens)
    for cuts in ((1,), (5, 13, 14), (7, 9, 36), tuple(range(1, TOKENS))):
        split, its = run(rule, q, tokens, cuts)
        assert equal(parts(state), parts(its))
        assert difference([split], [whole]) < 1e-12


def test_no_token_leaves_a_bit_in_what_was_read_before_it(rule: WriteRule) -> None:
    """Key, value, gates and query of token j changed: outputs before j are the same bits, and some later one is not."""
    q, tokens = untrained(rule)
    before, _ = run(rule, q, tokens)
    other_q, other = untrained(rule, seed=5)
    for j in range(TOKENS):
        mixed = [torch.cat([a[:, :j], b[:, j : j + 1], a[:, j + 1 :]], 1) for a, b in zip(tokens, other, strict=True)]
        mixed_q = torch.cat([q[:, :j], other_q[:, j : j + 1], q[:, j + 1 :]], 1)
        after, _ = run(rule, mixed_q, Tokens(*mixed))
        assert torch.equal(before[:, :j], after[:, :j])
        assert not torch.equal(before[:, j:], after[:, j:])


def test_a_causal_read_knows_its_own_token_and_a_start_read_nothing_of_its_chunk(rule: WriteRule) -> None:
    q, tokens = untrained(rule)
    before, _ = run(rule, q, tokens)
    values = tokens.values.clone()
    values[:, 11] += 1
    after, _ = run(rule, q, tokens._replace(values=values))
    changed = [t for t in range(TOKENS) if not torch.equal(before[:, t], after[:, t])]
    assert min(changed) == (11 if rule.read == "causal" else 16)


def test_a_state_is_a_value(rule: WriteRule) -> None:
    """No call changes the state it was given, nor the parameters; two continuations of one state do not meet."""
    q, tokens = untrained(rule)
    _, state = run(rule, q[:, :11], tokens.cut(0, 11))
    kept = [t.clone() for t in (*parts(state), *rule.state_dict().values())]
    first = rule(q[:, 11:], tokens.cut(11, TOKENS), state)
    second = rule(q[:, 11:], tokens.cut(11, TOKENS), state)
    assert equal(kept, [*parts(state), *rule.state_dict().values()])
    assert equal([first[0], *parts(first[1])], [second[0], *parts(second[1])])


def test_a_state_holds_less_than_a_chunk_of_tokens_and_does_not_grow(rule: WriteRule) -> None:
    q, tokens = untrained(rule)
    state = rule.initial_state(2)
    sizes = set()
    for t in range(TOKENS):
        _, state = rule(q[:, t : t + 1], tokens.cut(t, t + 1), state)
        assert state.pending.length == (t + 1) % CHUNK
        assert state.pending.keys.untyped_storage().nbytes() <= 2 * CHUNK * WIDTH * 8
        sizes.add(tuple(w.shape for w in (*state.weights, *state.momentum)))
    assert len(sizes) == 1


def test_streams_of_a_batch_do_not_touch_one_another(rule: WriteRule) -> None:
    q, tokens = untrained(rule, batch=3)
    together, state = run(rule, q, tokens, (5,))
    for i in range(3):
        one = slice(i, i + 1)
        alone, its = run(rule, q[one], Tokens(*(t[one] for t in tokens)), (5,))
        assert difference([alone, *parts(its)], [together[one], *(t[one] for t in parts(state))]) < 1e-12


def test_the_rule_learns_what_it_is_told(rule: WriteRule) -> None:
    """Told the same few pairs over and over, it gives each key's value back better than it did."""
    _, few = untrained(rule, 4, batch=1)
    tokens = Tokens(*(t.repeat(1, 200, *[1] * (t.dim() - 2)) for t in few))
    gates = rule.gates(torch.tensor(rule.gate_bias).double().expand(1, 800, 3))
    reads, _ = run(rule, tokens.keys, Tokens(tokens.keys, tokens.values, *gates))
    error = (reads - tokens.values).norm(dim=-1)
    assert float(error[:, -4:].mean()) < 0.5 * float(error[:, :4].mean())


def test_autocast_around_it_does_not_change_a_rule(rule: WriteRule) -> None:
    q, tokens = untrained(rule)
    plain, state = run(rule.float(), q.float(), Tokens(*(t.float() for t in tokens)))
    with torch.autocast("cpu", torch.bfloat16):
        cast, its = run(rule, q.float(), Tokens(*(t.float() for t in tokens)))
    assert equal([plain, *parts(state)], [cast, *parts(its)])


def test_gates_are_bounded_whatever_the_logits(rule: WriteRule) -> None:
    theta, eta, alpha = rule.gates(torch.tensor([[[-1e6] * 3, [0.0] * 3, [1e6] * 3]]))
    assert bool((theta >= 0).all())
    assert float(theta.max()) <= (1 if isinstance(rule, GradientRule) else 55)
    assert float(eta.max()) <= 0.9 + 1e-6
    assert float(alpha.max()) <= 1
    assert all(float(gate.min()) >= 0 for gate in (eta, alpha))


def test_the_implicit_rule_reads_inside_a_chunk_what_a_chunk_ended_there_would_have_left() -> None:
    rule = ImplicitRule(WIDTH, CHUNK, "causal", features=24).double()
    q, tokens = untrained(rule)
    reads, _ = run(rule, q, tokens)
    for t in range(TOKENS):
        begun = t - t % CHUNK
        state: RuleState = rule.initial_state(2)
        if begun:
            _, state = run(rule, q[:, :begun], tokens.cut(0, begun))
        k, v, theta, eta, alpha = tokens.cut(begun, t + 1)
        after = implicit_step(
            state.weights[0], state.momentum[0], rule.features(k), v, theta, eta.mean(1), alpha.mean(1)
        )
        expected = rule.features(q[:, t : t + 1]) @ after.weights_BFV
        assert difference([reads[:, t : t + 1]], [expected]) < 1e-10


def test_the_implicit_rule_has_finite_outer_gradients_where_a_token_writes_nothing() -> None:
    rule = ImplicitRule(WIDTH, CHUNK, "causal", features=24).double()
    q, tokens = untrained(rule)
    with torch.enable_grad():
        inputs = [t.detach().clone().requires_grad_() for t in (q, *tokens)]
        silent = inputs[3] * (torch.arange(TOKENS) % 3 > 0)
        reads, _ = run(rule, inputs[0], Tokens(inputs[1], inputs[2], silent, inputs[4], inputs[5]))
        for gradient in torch.autograd.grad(reads.square().sum(), [*inputs, rule.features.log_scale]):
            assert bool(gradient.isfinite().all())


def test_a_rule_owns_what_it_learns_with() -> None:
    assert [n for n, _ in GradientRule(WIDTH, depth=2).named_parameters()] == ["initial.0", "initial.1"]
    assert [n for n, _ in ImplicitRule(WIDTH).named_parameters()] == ["features.log_scale"]
    with pytest.raises(ValueError, match="in pairs"):
        ImplicitRule(WIDTH, features=7)
    assert isinstance(GradientRule(WIDTH), nn.Module)
