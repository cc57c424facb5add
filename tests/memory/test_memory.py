"""The neural memory: writing changes the state only, reading changes nothing, and what is taught is recalled."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as fn

from titans_cli.memory import MemoryConfig, MemoryState, NeuralMemory, SegmentInputs, objection
from titans_cli.memory.guard import MOST_GROWTH
from titans_cli.memory.memory import FAINT, LOG_THETA_LIMIT, NOTED, gain

WIDTH = 20
CONFIG = MemoryConfig(d_key=12, d_topic=8, features=64, d_value=10, conv=3, span=16, momentum=1.0)
KEY = CONFIG.d_key + CONFIG.d_topic


@pytest.fixture(scope="module", params=[1.0, 0.0], ids=["momentum", "no momentum"])
def memory(request: pytest.FixtureRequest) -> NeuralMemory:
    """All that follows holds with momentum and without it."""
    torch.manual_seed(0)
    return NeuralMemory(WIDTH, replace(CONFIG, momentum=request.param)).eval().requires_grad_(False)


def noise(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def segments(memory: NeuralMemory, count: int, tokens: int = 16, seed: int = 1) -> SegmentInputs:
    x, target = noise(count, tokens, WIDTH, seed=seed), noise(count, tokens, WIDTH, seed=seed + 1)
    return memory.inputs(x, x, target, torch.ones(count, tokens), one_sentence(x))


def one_sentence(x: Tensor) -> Tensor:
    return torch.ones(x.shape[0], x.shape[1], x.shape[1], dtype=torch.bool)


def some_state(memory: NeuralMemory, batch: int, seed: int = 5) -> MemoryState:
    blank = memory.initial_state(batch)
    momentum = noise(*blank.momentum.shape, seed=seed + 1) if memory.config.momentum else blank.momentum
    return MemoryState(noise(*blank.weights.shape, seed=seed), momentum)


def test_a_session_begins_with_a_memory_of_zeros_in_single_precision(memory: NeuralMemory) -> None:
    state = memory.initial_state(3)
    assert state.weights.shape == (3, CONFIG.features, CONFIG.d_value)
    assert all(t.dtype == torch.float32 for t in state)
    assert not any(bool(t.any()) for t in state)
    assert bool((memory.read(state, fn.normalize(noise(3, 4, KEY, seed=2), dim=-1)) == 0).all())


def test_writing_gives_new_tensors_and_leaves_the_old_state_and_the_parameters_as_they_were(
    memory: NeuralMemory,
) -> None:
    state, inputs = some_state(memory, 1), segments(memory, 1)
    kept = [t.clone() for t in (*state, *inputs, *memory.state_dict().values())]
    after, _ = memory.write(state, inputs)
    assert all(torch.equal(a, b) for a, b in zip(kept, (*state, *inputs, *memory.state_dict().values()), strict=True))
    assert after.weights.untyped_storage().data_ptr() != state.weights.untyped_storage().data_ptr()
    assert not torch.equal(state.weights, after.weights)
    assert torch.equal(state.momentum, after.momentum) is (memory.config.momentum == 0)


def test_momentum_switched_off_takes_no_room_and_stays_zero() -> None:
    still = NeuralMemory(WIDTH, replace(CONFIG, momentum=0.0)).requires_grad_(False)
    inputs = segments(still, 1)
    state, _ = still.write(still.initial_state(), inputs)
    assert state.momentum.shape == (1, 1, 1)
    assert not bool(state.momentum.any())
    assert not bool(inputs.eta.any())


def test_the_ceiling_of_momentum_bounds_its_gate() -> None:
    torch.manual_seed(4)
    memory = NeuralMemory(WIDTH, replace(CONFIG, momentum=0.25)).requires_grad_(False)
    memory.gates.bias[1] = 20.0
    assert torch.allclose(segments(memory, 2).eta, torch.full((2,), 0.25))


def test_reading_changes_nothing(memory: NeuralMemory) -> None:
    state, q = some_state(memory, 1), fn.normalize(noise(1, 7, KEY, seed=3), dim=-1)
    kept = [t.clone() for t in (*state, q, *memory.state_dict().values())]
    first, second = memory.read(state, q), memory.read(state, q)
    assert torch.equal(first, second)
    assert all(torch.equal(a, b) for a, b in zip(kept, (*state, q, *memory.state_dict().values()), strict=True))


def test_a_write_keeps_the_precision_of_the_state(memory: NeuralMemory) -> None:
    """State in double, inputs in single, and autocast around: still double."""
    state = MemoryState(*(t.double() for t in some_state(memory, 1)))
    with torch.autocast("cpu", torch.bfloat16):
        inputs = segments(memory, 1)
        after, surprise = memory.write(state, inputs)
    assert {t.dtype for t in (*after, surprise)} == {torch.float64}
    assert memory.read(after, inputs.keys).dtype == torch.float32


def test_autocast_around_it_does_not_change_a_write(memory: NeuralMemory) -> None:
    state, inputs = some_state(memory, 1), segments(memory, 1)
    plain, _ = memory.write(state, inputs)
    with torch.autocast("cpu", torch.bfloat16):
        cast, _ = memory.write(state, inputs)
    assert torch.equal(plain.weights, cast.weights)


def taught(pairs: int, features: int) -> tuple[NeuralMemory, MemoryState, Tensor, Tensor, list[float]]:
    """A memory that was told `pairs` random pairs, 32 a segment, twice over; the mean surprise of each pass."""
    config = MemoryConfig(d_key=16, d_topic=16, features=features, d_value=32)
    torch.manual_seed(0)
    memory = NeuralMemory(32, config).requires_grad_(False)
    keys = fn.normalize(noise(pairs, 32, seed=10), dim=-1)
    values = fn.normalize(noise(pairs, 32, seed=11), dim=-1)
    none = torch.zeros(1)
    state, surprises = memory.initial_state(), []
    for _ in range(2):
        total = 0.0
        for k, v in zip(torch.split(keys, 32), torch.split(values, 32), strict=True):
            theta = torch.full((1, 32), math.exp(LOG_THETA_LIMIT))
            state, surprise = memory.write(state, SegmentInputs(k[None], v[None], theta, none, none))
            total += float(surprise.sum())
        surprises.append(total / pairs)
    return memory, state, keys, values, surprises


def test_a_memory_with_room_recalls_every_pair_it_was_taught() -> None:
    """128 pairs in 2048 features: the nearest of all values to what is read is the right one, for each key."""
    memory, state, keys, values, surprises = taught(128, 2048)
    recalled = memory.read(state, keys[None])[0]
    nearest = fn.normalize(recalled, dim=-1) @ fn.normalize(memory.w_out(values), dim=-1).mT
    assert torch.equal(nearest.argmax(-1), torch.arange(128))
    assert surprises[1] < 0.2 * surprises[0]


def test_an_older_segment_is_still_recalled_after_many_newer_ones() -> None:
    memory, state, keys, values, _ = taught(256, 4096)
    recalled = memory.read(state, keys[None, :32])[0] @ memory.w_out(values).mT
    assert torch.equal(recalled.argmax(-1), torch.arange(32))


def test_more_pairs_than_features_cannot_all_be_recalled() -> None:
    """The other side of the claim above: capacity is finite, so the recall test can fail."""
    memory, state, keys, values, _ = taught(512, 64)
    recalled = memory.read(state, keys[None])[0] @ memory.w_out(values).mT
    assert float((recalled.argmax(-1) == torch.arange(512)).float().mean()) < 0.5


def test_a_segment_read_a_second_time_surprises_less(memory: NeuralMemory) -> None:
    inputs = segments(memory, 1)
    state, first = memory.write(memory.initial_state(), inputs)
    _, second = memory.write(state, inputs)
    assert torch.allclose(first, torch.ones_like(first), atol=1e-5)
    assert bool((second < first).all())


def test_states_of_a_batch_equal_the_states_alone(memory: NeuralMemory) -> None:
    state, inputs = some_state(memory, 2), segments(memory, 2)
    together, surprise = memory.write(state, inputs)
    q = fn.normalize(noise(2, 5, KEY, seed=4), dim=-1)
    reads = memory.read(together, q)
    for i in range(2):
        one = slice(i, i + 1)
        alone, its = memory.write(MemoryState(*(t[one] for t in state)), inputs.slice(i, i + 1))
        assert torch.allclose(alone.weights, together.weights[one], atol=1e-5)
        assert torch.allclose(alone.momentum, together.momentum[one], atol=1e-5)
        assert torch.allclose(its, surprise[one], atol=1e-4)
        assert torch.allclose(memory.read(alone, q[one]), reads[one], atol=1e-4)


def test_a_token_without_successor_writes_nothing(memory: NeuralMemory) -> None:
    """Masked tokens get theta 0, and what follows them in the padding leaves not a bit in the state."""
    x, target = noise(1, 8, WIDTH, seed=6), noise(1, 8, WIDTH, seed=7)
    mask = (torch.arange(8) < 5).float()[None]
    same = one_sentence(x) & mask.bool()[:, None]
    inputs = memory.inputs(x, x, target, mask, same)
    assert bool((inputs.theta[:, 5:] == 0).all())
    assert bool((inputs.theta[:, :5] > 0).all())
    x2, target2 = x.clone(), target.clone()
    x2[:, 6:], target2[:, 5:] = 3.0, -2.0  # token 5 is the last one's successor
    first, _ = memory.write(some_state(memory, 1), inputs)
    second, _ = memory.write(some_state(memory, 1), memory.inputs(x2, x2, target2, mask, same))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_segment_of_one_token_or_none_writes_nothing_and_forgets_nothing(memory: NeuralMemory) -> None:
    x = noise(1, 8, WIDTH, seed=6)
    inputs = memory.inputs(x, x, noise(1, 8, WIDTH, seed=7), torch.zeros(1, 8), one_sentence(x))
    state = some_state(memory, 1)
    after, _ = memory.write(state, inputs)
    assert torch.equal(after.weights, state.weights)


def test_both_parts_of_keys_and_queries_and_values_are_unit_and_gates_in_range(memory: NeuralMemory) -> None:
    x = 50 * noise(3, 9, WIDTH, seed=8)
    inputs = memory.inputs(x, x, x, torch.ones(3, 9), one_sentence(x))
    parts = [inputs.values]
    for rows in (inputs.keys, memory.queries(x, x, one_sentence(x))):
        parts += [rows[..., : CONFIG.d_key], rows[..., CONFIG.d_key :]]
    for part in parts:
        assert torch.allclose(part.norm(dim=-1), torch.ones(3, 9), atol=1e-5)
    assert float(inputs.theta.max()) <= math.exp(LOG_THETA_LIMIT) * (1 + 1e-6)
    assert all(float(g.min()) >= 0 and float(g.max()) <= 1 for g in (inputs.eta, inputs.alpha))


def test_a_query_knows_only_what_came_before_it_in_its_sentence(memory: NeuralMemory) -> None:
    x = noise(1, 10, WIDTH, seed=9)
    other = x.clone()
    other[:, 6] += 1
    same = one_sentence(x)
    a, b = memory.queries(x, x, same), memory.queries(other, other, same)
    assert torch.equal(a[:, :6], b[:, :6])
    assert bool((a[:, 6:] != b[:, 6:]).any(-1).all())
    same[:, 9] = torch.arange(10) >= 9  # the last token is a sentence of its own
    topics = memory.topics(x, x, same), memory.topics(other, other, same)
    assert torch.equal(topics[0][:, 9], topics[1][:, 9])


def test_a_key_knows_the_rest_of_its_sentence_and_its_successor(memory: NeuralMemory) -> None:
    """What is written was read to its end; the same words in another order are the same topic."""
    x = noise(1, 10, WIDTH, seed=9)
    other = x.clone()
    other[:, 6] += 1
    mask, same = torch.ones(1, 10), one_sentence(x)
    a, b = (memory.inputs(t, t, x, mask, same).keys for t in (x, other))
    assert bool((a != b).any(-1).all())


def test_of_many_cells_the_one_that_met_the_key_is_heard(memory: NeuralMemory) -> None:
    """No router beside the memory: a cell that never met a key answers with next to nothing."""
    wide = NeuralMemory(WIDTH, replace(CONFIG, features=512, momentum=0.0)).eval().requires_grad_(False)
    cells = [wide.write(wide.initial_state(), segments(wide, 1, seed=seed))[0].weights[0] for seed in range(20, 26)]
    for i, seed in enumerate(range(20, 26)):
        inputs = segments(wide, 1, seed=seed)
        recalled = wide.recalled(cells, inputs.keys)
        assert bool((recalled.norm(dim=-1).argmax(0) == i).all())
        heard = fn.normalize(wide.route(recalled), dim=-1)
        assert bool(((heard * inputs.values).sum(-1) > 0.5).all())


def test_gradients_reach_every_projection_and_gate_through_a_write_and_a_read() -> None:
    torch.manual_seed(3)
    memory = NeuralMemory(WIDTH, CONFIG)
    state = memory.initial_state()
    x = noise(2, 16, WIDTH, seed=12)
    mask = (torch.arange(16) < 12).float().expand(2, -1)
    inputs = memory.inputs(x, x, noise(2, 16, WIDTH, seed=13), mask, one_sentence(x))
    for i in range(2):
        state, _ = memory.write(state, inputs.slice(i, i + 1))
    recalled = memory.recalled(
        [state.weights[0], state.weights[0] / 2], memory.queries(x[:1], x[:1], one_sentence(x[:1]))
    )
    torch.autograd.backward(memory.spoken(memory.route(recalled)).square().sum())
    for name, p in memory.named_parameters():
        assert p.grad is not None, name
        assert bool(p.grad.isfinite().all()), name
        assert bool(p.grad.any()), name


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"features": 63}, "widths must be positive and features even"),
        *(
            ({width: 0}, "widths must be positive")
            for width in ("d_key", "d_topic", "features", "d_value", "conv", "span")
        ),
        ({"bandwidth": 0.0}, "bandwidth must be positive: 0.0"),
        ({"bandwidth": -1.0}, "bandwidth must be positive: -1.0"),
        ({"momentum": 1.5}, "momentum is a ceiling between 0 and 1: 1.5"),
        ({"momentum": -0.5}, "momentum is a ceiling between 0 and 1: -0.5"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(wrong: dict[str, int], why: str) -> None:
    with pytest.raises(ValueError, match=f"^{why}"):
        MemoryConfig(**wrong)


def test_the_least_and_the_most_that_a_configuration_may_be_are_taken() -> None:
    least = MemoryConfig(d_key=1, d_topic=1, features=2, d_value=1, conv=1, span=1, bandwidth=1e-3)
    assert replace(least, momentum=1.0).momentum == 1.0
    memory = NeuralMemory(2, least).requires_grad_(False)
    assert memory.initial_state().weights.shape == (1, 2, 1)


def test_a_memory_has_these_parameters_and_no_others(memory: NeuralMemory) -> None:
    """A file of weights holds them by name and shape."""
    shapes = {name: tuple(tensor.shape) for name, tensor in memory.named_parameters()}
    assert shapes == {
        "conv.weight": (WIDTH, 1, CONFIG.conv),
        "conv.bias": (WIDTH,),
        "w_key.weight": (CONFIG.d_key, WIDTH),
        "w_query.weight": (CONFIG.d_key, WIDTH),
        "w_next.weight": (CONFIG.d_key + 1, WIDTH),
        "w_topic.weight": (CONFIG.d_topic, 2 * WIDTH),
        "salience.weight": (1, 2 * WIDTH),
        "salience.bias": (1,),
        "reach": (2 * CONFIG.span - 1,),
        "scales": (2,),
        "log_focus": (),
        "w_value.weight": (CONFIG.d_value, WIDTH),
        "w_out.weight": (WIDTH, CONFIG.d_value),
        "gates.weight": (3, WIDTH),
        "gates.bias": (3,),
        "features.log_scale": (),
    }


def test_a_loud_recollection_is_heard_as_one_and_a_faint_one_fainter(memory: NeuralMemory) -> None:
    row = fn.normalize(noise(1, 2, CONFIG.d_value, seed=3), dim=-1)
    loudness = memory.heard(row * torch.tensor([[[1000.0], [FAINT]]])).norm(dim=-1)
    assert torch.allclose(loudness, torch.tensor([[1.0, 0.5]]), atol=1e-3)
    assert not bool(memory.heard(torch.zeros(1, 2, CONFIG.d_value)).any())


def test_of_cells_as_loud_the_nearer_is_heard(memory: NeuralMemory) -> None:
    one, other = noise(1, 1, CONFIG.d_value, seed=3), noise(1, 1, CONFIG.d_value, seed=4)
    both = torch.stack([fn.normalize(one, dim=-1), fn.normalize(other, dim=-1)])
    assert torch.allclose(memory.route(both, torch.tensor([20.0, 0.0])), both[0], atol=1e-5)
    assert torch.allclose(memory.route(both), both.mean(0), atol=1e-5)


def test_a_lone_token_gains_what_the_write_rule_gives_it() -> None:
    assert torch.allclose(gain(torch.tensor([0.0, 1.0, 3.0])), torch.tensor([0.0, 0.5, 0.75]))


def test_topics_are_noted_of_the_tokens_that_are_written_to_and_of_no_others(memory: NeuralMemory) -> None:
    inputs, mask = segments(memory, 1), torch.ones(1, 16, dtype=torch.bool)
    mask[0, 3] = False
    theta = torch.zeros(1, 16)
    theta[0, [2, 3, 5]] = 2.0
    theta[0, 7] = NOTED / (1 - NOTED) * 0.99  # a little less than it takes
    topics = memory.noted_topics(inputs._replace(theta=theta), mask)
    assert torch.equal(topics, memory.topic_of(inputs.keys)[0, [2, 5]])
    assert torch.allclose(topics, fn.normalize(inputs.keys[0, [2, 5], CONFIG.d_key :], dim=-1))


def test_how_much_is_written_of_a_token_goes_by_its_gate_and_by_what_follows_it() -> None:
    torch.manual_seed(4)
    memory = NeuralMemory(WIDTH, CONFIG).eval().requires_grad_(False)
    memory.conv.weight.zero_()
    assert memory.conv.bias is not None
    memory.conv.bias.zero_()
    x, mask = noise(2, 8, WIDTH, seed=5), torch.ones(2, 8)
    mask[1, 5:] = 0
    inputs = memory.inputs(x, x, x, mask, one_sentence(x))
    log_theta, eta, alpha = (x @ memory.gates.weight.mT + memory.gates.bias).unbind(-1)
    following = x.roll(-1, dims=1) @ memory.w_next.weight.mT
    assert torch.allclose(inputs.theta, (log_theta + following[..., -1]).exp() * mask, atol=1e-5)
    for got, gate in ((inputs.eta, eta), (inputs.alpha, alpha)):
        expected = torch.stack([gate[0].sigmoid().mean(), gate[1, :5].sigmoid().mean()])
        assert torch.allclose(got, expected, atol=1e-6)
    local = fn.normalize(x @ memory.w_key.weight.mT + following[..., :-1], dim=-1)
    assert torch.allclose(inputs.keys[..., : CONFIG.d_key], local, atol=1e-5)


def test_a_token_that_is_told_to_write_nothing_still_has_a_step_that_can_be_computed(memory: NeuralMemory) -> None:
    """The write divides by theta."""
    closed = NeuralMemory(WIDTH, memory.config).eval().requires_grad_(False)
    closed.gates.bias[0] = -1000.0
    inputs = segments(closed, 1)
    assert torch.allclose(inputs.theta, torch.full((1, 16), math.exp(-16.0)), rtol=1e-5, atol=0)
    after, _ = closed.write(some_state(closed, 1), inputs)
    assert bool(after.weights.isfinite().all())


def test_a_local_part_is_a_token_and_a_convolution_of_those_before_added_to_it() -> None:
    torch.manual_seed(5)
    memory = NeuralMemory(WIDTH, CONFIG).eval().requires_grad_(False)
    x = noise(1, 6, WIDTH, seed=7)
    assert memory.conv.bias is not None
    for at in range(6):
        back = [x[0, at - by] if by <= at else torch.zeros(WIDTH) for by in reversed(range(CONFIG.conv))]
        around = (torch.stack(back, dim=1) * memory.conv.weight[:, 0]).sum(1) + memory.conv.bias
        assert float(around.norm()) > 0.1
        expected = fn.normalize(memory.w_query.weight @ (x[0, at] + around), dim=-1)
        query = memory.queries(x, x, one_sentence(x))[0, at, : CONFIG.d_key]
        assert torch.allclose(query, expected, atol=1e-5)


def test_before_training_cells_are_weighed_by_sixteen_times_their_loudness() -> None:
    memory = NeuralMemory(WIDTH, CONFIG).requires_grad_(False)
    loud = torch.tensor([0.3, 0.2])
    rows = torch.stack([fn.normalize(noise(1, 1, CONFIG.d_value, seed=seed), dim=-1) for seed in (3, 4)])
    recalled = rows * loud[:, None, None, None]
    weights = (16 * loud).softmax(0)
    assert torch.allclose(memory.route(recalled), (weights[:, None, None, None] * recalled).sum(0), atol=1e-6)


def test_a_topic_is_the_sum_of_words_by_salience_and_reach() -> None:
    torch.manual_seed(6)
    memory = NeuralMemory(WIDTH, CONFIG).eval().requires_grad_(False)
    memory.reach.copy_(noise(2 * CONFIG.span - 1, seed=7))
    memory.salience.weight.copy_(noise(1, 2 * WIDTH, seed=8))
    x, words = noise(1, 5, WIDTH, seed=9), noise(1, 5, WIDTH, seed=10)
    both = torch.cat([x, words], dim=-1)[0]
    weights = fn.softplus(both @ memory.salience.weight[0] + memory.salience.bias + 0.54)
    sums = [
        sum(
            memory.reach[j - i + CONFIG.span - 1].exp() * weights[j] * (memory.w_topic.weight @ both[j])
            for j in range(5)
        )
        for i in range(5)
    ]
    expected = torch.stack([fn.normalize(torch.as_tensor(row), dim=-1) for row in sums])
    assert torch.allclose(memory.topics(x, words, one_sentence(x))[0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("weights", "momentum", "why"),
    [
        (1.0, 0.0, None),
        (math.nan, 0.0, "not finite"),
        (0.0, math.inf, "not finite"),
        (0.99 * 2 * MOST_GROWTH, 0.0, None),
        (1.01 * 2 * MOST_GROWTH, 0.0, "exploding"),
    ],
)
def test_an_update_is_refused_for_what_it_does(weights: float, momentum: float, why: str | None) -> None:
    before = MemoryState(torch.tensor([[[1.0]]]), torch.zeros(1, 1, 1))
    assert objection(before, MemoryState(torch.tensor([[[weights]]]), torch.tensor([[[momentum]]]))) == why
