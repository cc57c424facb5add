"""The native network: what can be seen from where, and that reading a stream does not depend on how it is batched."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.tiny import SPEC
from titans_cli.memory import MemoryState
from titans_cli.model.network import StreamOutput, TitansNetwork
from titans_cli.model.tokenizer import ANSWER, END, QUESTION, TitansTokenizer

STREAMS, SEGMENTS, TOKENS = 2, 4, 16


@pytest.fixture(scope="module", params=[0.0, 0.9], ids=["no momentum", "momentum"])
def network(request: pytest.FixtureRequest) -> TitansNetwork:
    torch.manual_seed(0)
    return TitansNetwork(replace(SPEC, momentum=request.param)).eval().requires_grad_(False)


def stream(seed: int = 1, tokens: int = TOKENS, segments: int = SEGMENTS) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(4, SPEC.vocab_size, (STREAMS, segments, tokens), generator=generator)


def whole(tokens: Tensor) -> Tensor:
    return torch.ones_like(tokens, dtype=torch.bool)


def run(network: TitansNetwork, tokens: Tensor, *, memory: bool = True) -> StreamOutput:
    return network(tokens, whole(tokens), memory=memory)  # type: ignore[no-any-return]


@pytest.mark.parametrize(("segment", "position"), [(0, 0), (0, 7), (1, 0), (2, 5), (3, 15)])
def test_a_token_changes_no_bit_of_any_output_before_it(network: TitansNetwork, segment: int, position: int) -> None:
    """All earlier segments and all earlier positions of its own, with the memory on."""
    tokens = stream()
    other = tokens.clone()
    other[:, segment, position] = 4 + (other[:, segment, position] - 3) % (SPEC.vocab_size - 4)
    a, b = run(network, tokens).hidden, run(network, other).hidden
    assert torch.equal(a[:, :segment], b[:, :segment])
    assert torch.equal(a[:, segment, :position], b[:, segment, :position])
    assert bool((a[:, segment, position] != b[:, segment, position]).any(-1).all())


def test_questions_are_not_learned_and_read_the_cells_of_all_streams(network: TitansNetwork) -> None:
    """What stands in another stream's cell can be recalled; what is asked leaves no trace."""
    tokens = stream()
    out = network(tokens, whole(tokens), asking=1)
    assert torch.equal(out.state.weights, run(network, tokens[:, :-1]).state.weights)
    other = tokens.clone()
    other[1, 0] = stream(2)[1, 0]
    changed = network(other, whole(other), asking=1)
    assert torch.equal(out.hidden[0, :-1], changed.hidden[0, :-1])
    assert not torch.equal(out.hidden[0, -1], changed.hidden[0, -1])


def test_sentences_are_told_apart_by_their_tokens_and_a_question_is_one_with_its_answer(
    tiny_tokenizer: TitansTokenizer,
) -> None:
    network = TitansNetwork(SPEC)
    network.know_sentences(tiny_tokenizer)
    first, second = (tiny_tokenizer.encode(s) for s in ("The data shows 3.5 errors.", "Under the bound it grows."))
    asked = [QUESTION, *tiny_tokenizer.encode("What? Which paper?"), ANSWER, *second, END]
    tokens = torch.tensor([[*first, *second, *asked, *asked]])
    lengths = [len(first), len(second), len(asked), len(asked)]
    number = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    assert torch.equal(network.same_sentence(tokens)[0], number[:, None] == number)


def test_a_stream_changes_no_bit_of_another(network: TitansNetwork) -> None:
    tokens = stream()
    other = tokens.clone()
    other[1] = stream(2)[1]
    a, b = run(network, tokens), run(network, other)
    assert torch.equal(a.hidden[0], b.hidden[0])
    assert torch.equal(a.state.weights[0], b.state.weights[0])
    assert not torch.equal(a.state.weights[1], b.state.weights[1])


def test_without_memory_nothing_crosses_a_segment(network: TitansNetwork) -> None:
    tokens = stream()
    other = tokens.clone()
    other[:, 1] = stream(2)[:, 1]
    a, b = run(network, tokens, memory=False), run(network, other, memory=False)
    for t in (0, 2, 3):
        assert torch.equal(a.hidden[:, t], b.hidden[:, t])
    assert not torch.equal(a.hidden[:, 1], b.hidden[:, 1])
    assert not bool(a.state.weights.any())


def test_with_memory_an_earlier_segment_is_felt_in_every_later_one(network: TitansNetwork) -> None:
    tokens = stream()
    other = tokens.clone()
    other[:, 0] = stream(2)[:, 0]
    difference = (run(network, tokens).hidden - run(network, other).hidden).abs().amax((0, 2, 3))
    assert bool((difference[1:] > 1e-4).all())


def test_the_first_segment_reads_an_empty_memory(network: TitansNetwork) -> None:
    """A memory of zeros reads as zeros; only the attention's context slots tell it from no memory at all."""
    tokens = stream()
    x = network.trunk(tokens[:, 0])
    read = network.read(network.memory.initial_state(), x, tokens[:, 0])
    assert not bool(read.any())
    assert torch.allclose(network.head(x, read), run(network, tokens).hidden[:, 0], atol=1e-6)


def test_persistent_tokens_take_part(network: TitansNetwork) -> None:
    persistent = network.mac.attention.persistent
    assert persistent is not None
    x = network.trunk(stream()[:, 0])
    read = network.read(network.memory.initial_state(), x, stream()[:, 0])
    kept, before = persistent.clone(), (network.head(x, read), network.head(x, None))
    try:
        persistent.add_(1)
        after = (network.head(x, read), network.head(x, None))
    finally:
        persistent.copy_(kept)
    assert all(bool(((a - b).abs().amax(-1) > 1e-6).all()) for a, b in zip(after, before, strict=True))


def test_what_the_memory_says_takes_part_at_its_token_and_after_it_only(network: TitansNetwork) -> None:
    x = network.trunk(stream()[:, 0])
    read = torch.randn(x.shape, generator=torch.Generator().manual_seed(4))
    other = read.clone()
    other[:, 5] += 1
    a, b = network.head(x, read), network.head(x, other)
    assert torch.equal(a[:, :5], b[:, :5])
    assert bool(((a - b)[:, 5:].abs().amax(-1) > 1e-6).all())


def step_by_step(network: TitansNetwork, tokens: Tensor, state: MemoryState) -> StreamOutput:
    """One stream [T, C] as sessions read it: trunk and inputs in one batch, then a segment at a time."""
    x, mask = network.trunk(tokens), whole(tokens)
    inputs = network.memory_inputs(x, tokens, mask)
    hidden, surprise = [], []
    for i in range(len(tokens)):
        one = slice(i, i + 1)
        hidden.append(network.head(x[one], network.read(state, x[one], tokens[one])))
        state, s, _ = network.absorb(state, inputs.slice(i, i + 1))
        surprise.append(s)
    return StreamOutput(torch.cat(hidden), state, torch.cat(surprise), inputs.theta / (1 + inputs.theta))


def test_a_whole_stream_equals_reading_it_step_by_step(network: TitansNetwork) -> None:
    tokens = stream()
    together = run(network, tokens)
    for b in range(STREAMS):
        alone = step_by_step(network, tokens[b], network.memory.initial_state())
        assert torch.allclose(together.hidden[b], alone.hidden, atol=1e-4)
        assert torch.allclose(together.state.weights[b], alone.state.weights[0], atol=1e-5)
        assert torch.allclose(together.state.momentum[b], alone.state.momentum[0], atol=1e-5)
        assert torch.allclose(together.surprise[b], alone.surprise, atol=1e-4)


def test_a_stream_goes_on_from_the_state_alone(network: TitansNetwork) -> None:
    tokens = stream()
    at_once = run(network, tokens)
    first = run(network, tokens[:, :2])
    second = network(tokens[:, 2:], whole(tokens[:, 2:]), first.state)
    assert torch.allclose(at_once.hidden[:, 2:], second.hidden, atol=1e-4)
    assert torch.allclose(at_once.state.weights, second.state.weights, atol=1e-5)


def test_padding_changes_not_a_bit_of_what_is_learned(network: TitansNetwork) -> None:
    """The same padded shape, other tokens in the padding: the same state, and the same outputs on real tokens."""
    tokens = stream()
    mask = torch.arange(TOKENS) < torch.tensor([16, 11, 3, 1])[:, None]
    mask = mask.expand(STREAMS, -1, -1)
    other = torch.where(mask, tokens, stream(2))
    a, b = network(tokens, mask), network(other, mask)
    assert torch.equal(a.state.weights, b.state.weights)
    assert torch.equal(a.state.momentum, b.state.momentum)
    assert torch.equal(a.hidden[mask], b.hidden[mask])


def test_a_shorter_segment_learns_the_same_as_a_padded_one(network: TitansNetwork) -> None:
    tokens = stream(segments=1)
    mask = torch.arange(TOKENS).expand_as(tokens) < 9
    padded, short = network(tokens, mask), run(network, tokens[..., :9])
    assert torch.allclose(padded.state.weights, short.state.weights, atol=1e-5)


def test_every_token_is_bound_to_its_successor_and_the_last_one_to_nothing(network: TitansNetwork) -> None:
    """Never to itself, which could only teach W_V W_K^-1; never across a segment's end or into its padding."""
    tokens = stream()[0]
    mask = torch.arange(TOKENS) < torch.tensor([16, 11, 3, 1])[:, None]
    inputs = network.memory_inputs(network.trunk(tokens), tokens, mask)
    values = network.memory.w_value(network.norm_target(network.embedding(tokens)))
    expected = torch.nn.functional.normalize(values, dim=-1)
    for segment, length in enumerate(mask.sum(1).tolist()):
        assert torch.allclose(inputs.values[segment, : length - 1], expected[segment, 1:length], atol=1e-6)
        assert bool((inputs.theta[segment, : length - 1] > 0).all())
        assert not bool(inputs.theta[segment, length - 1 :].any())


def test_landmarks_are_unit_and_know_nothing_of_padding(network: TitansNetwork) -> None:
    tokens = stream()[0]
    mask = torch.arange(TOKENS).expand_as(tokens) < 10
    other = torch.where(mask, tokens, stream(2)[0])
    a = network.landmarks(network.trunk(tokens), tokens, mask)
    b = network.landmarks(network.trunk(other), other, mask)
    assert a.shape == (SEGMENTS, SPEC.d_landmark)
    assert torch.allclose(a.norm(dim=-1), torch.ones(SEGMENTS), atol=1e-6)
    assert torch.equal(a, b)


def test_gradients_reach_every_parameter_but_the_landmarks() -> None:
    torch.manual_seed(1)
    network, tokens = TitansNetwork(SPEC), stream()
    logits = network.logits(network(tokens, whole(tokens), asking=1).hidden)
    torch.autograd.backward(logits.logsumexp(-1).sum())
    without = {name for name, p in network.named_parameters() if p.grad is None or not bool(p.grad.any())}
    assert without == {n for n, _ in network.named_parameters() if n.startswith("landmark")}
    assert all(bool(p.grad.isfinite().all()) for p in network.parameters() if p.grad is not None)
