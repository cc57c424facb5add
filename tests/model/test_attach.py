"""A memory on models of many families: it adds nothing before it knows something; how a stream is cut is no matter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.model.backbones import FAMILIES, VOCABULARY, backbone, fast_tokenizer
from tests.tiny import make_sentences
from titans_cli.errors import WrongArchitectureError
from titans_cli.model.adapter import AdapterSpec, MemoryAdapter
from titans_cli.model.attach import PAD, AttachedModel
from titans_cli.model.attached import AttachedEngine
from titans_cli.model.hubtokens import HubTokenizer
from titans_cli.model.interface import named_tensors
from titans_cli.model.structure import anatomy
from titans_cli.model.tokenizer import TitansTokenizer
from titans_cli.records import Page

SPEC = AdapterSpec(width=32, depth=2, segment_length=64, d_key=8, d_topic=8, features=64, d_value=16)
Attach = Callable[..., AttachedModel]


@pytest.fixture
def attach(tiny_tokenizer: TitansTokenizer) -> Iterator[Attach]:
    made: list[AttachedModel] = []

    def attached(family: str = "llama", *, speaking: bool = False, bos: bool = False, depth: int = 2) -> AttachedModel:
        tokenizer = HubTokenizer(fast_tokenizer(tiny_tokenizer), VOCABULARY)
        if bos:
            tokenizer.bos = [2]
        with torch.random.fork_rng():
            torch.manual_seed(1)
            spec = AdapterSpec(width=32, depth=depth, segment_length=64, d_key=8, d_topic=8, features=64, d_value=16)
            adapter = MemoryAdapter(spec)
            if speaking:
                nn.init.normal_(adapter.gate)
                nn.init.constant_(adapter.strength, 4.0)
                nn.init.normal_(adapter.to_hidden.weight, std=0.3)
                nn.init.normal_(adapter.to_output.weight, std=0.3)
        made.append(AttachedModel(backbone(family), tokenizer, adapter.requires_grad_(False).eval()))
        return made[-1]

    yield attached
    for one in made:
        one.detach()


def tokens(rows: int, count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(4, VOCABULARY, (rows, count), generator=generator)


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_a_new_memory_leaves_every_logit_as_it_was_bit_for_bit(attach: Attach, family: str) -> None:
    ids = tokens(2, 64)
    plain = backbone(family)(input_ids=ids).logits
    attached = attach(family)
    assert torch.equal(attached.model(input_ids=ids).logits, plain)
    assert torch.equal(attached.logits(ids), plain)
    # ... also when the memory has read, and is read, as long as its gate is zero
    read = attached.stream_segments(torch.stack([tokens(2, 64, seed=5), ids], 1))
    assert read.state.weights.abs().sum() > 0
    assert torch.equal(read.logits[:, 1], plain)


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_a_trained_memory_that_has_read_nothing_changes_nothing(attach: Attach, family: str) -> None:
    attached, ids = attach(family, speaking=True), tokens(2, 40)
    plain = backbone(family)(input_ids=ids).logits
    with attached.remembering([attached.adapter.memory.initial_state().weights[0]]) as model:
        assert torch.equal(model(input_ids=ids).logits, plain)


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_streaming_in_any_split_equals_the_whole(attach: Attach, family: str) -> None:
    attached, ids = attach(family, speaking=True), tokens(2, 200)
    whole, end = attached.stream(ids, attached.initial_state(2))
    for cuts in ([1, 63, 64, 72], [100, 100], [7] * 28 + [4]):
        state, parts = attached.initial_state(2), []
        for part in torch.split(ids, cuts, dim=1):
            logits, state = attached.stream(part, state)
            parts.append(logits)
        assert torch.allclose(torch.cat(parts, 1), whole, atol=2e-4)
        assert torch.allclose(state.memory.weights, end.memory.weights, atol=1e-5)
        assert torch.equal(state.pending, end.pending)
    assert not torch.allclose(whole[:, 64:], attached.logits(ids[:, 64:128]).repeat(1, 3, 1)[:, :136], atol=1e-2)


@torch.no_grad()
def test_no_logit_depends_on_a_later_token(attach: Attach) -> None:
    attached, ids = attach(speaking=True), tokens(1, 150)
    other = ids.clone()
    other[:, 140:] = (other[:, 140:] + 7) % 400 + 4
    before, after = (attached.stream(row, attached.initial_state())[0] for row in (ids, other))
    assert torch.equal(before[:, :140], after[:, :140])


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_generate_with_a_memory_is_what_the_logits_say(attach: Attach, family: str) -> None:
    """Through the ordinary interface, with its cache, a token at a time; also with beams."""
    attached, ids = attach(family, speaking=True), tokens(2, 50)
    learned = attached.stream_segments(tokens(1, 64, seed=9)[None]).state.weights[0]
    with attached.remembering([learned]) as model:
        said = model.generate(input_ids=ids, min_new_tokens=30, max_new_tokens=30, do_sample=False, pad_token_id=0)
        whole = model(input_ids=said).logits
        whole[..., 1] = -torch.inf  # the end, which generate() was told not to say
        assert torch.equal(whole[:, 49:-1].argmax(-1), said[:, 50:])
        beams = model.generate(input_ids=ids, max_new_tokens=6, num_beams=3, do_sample=False, pad_token_id=0)
    assert beams.shape[1] <= 56
    plain = model(input_ids=said).logits
    assert not torch.allclose(plain[..., 2:], whole[..., 2:], atol=1e-2)


@torch.no_grad()
def test_a_padded_batch_generates_what_each_row_does_alone(attach: Attach) -> None:
    attached, ids = attach(speaking=True), tokens(1, 40)
    learned = attached.stream_segments(tokens(1, 64, seed=9)[None]).state.weights[0]
    padded = torch.cat([torch.zeros(1, 9, dtype=torch.long), ids], 1)
    mask = (torch.arange(49) >= 9).long()[None]
    places = (torch.arange(49) - 9).clamp(min=0)[None]
    with attached.remembering([learned]) as model:
        alone = model(input_ids=ids).logits
        both = model(input_ids=padded, attention_mask=mask, position_ids=places).logits[:, 9:]
    # the last half segments begin elsewhere, so queries look back less far here and there
    assert torch.allclose(alone[:, :20], both[:, :20], atol=1e-4)


@torch.no_grad()
def test_what_comes_before_every_text_is_seen_by_the_model_and_not_by_the_memory(attach: Attach) -> None:
    with_bos, without = attach(bos=True), attach()
    ids = tokens(1, 20)
    assert with_bos.below(ids).shape == without.below(ids).shape == (1, 20, 32)
    assert not torch.equal(with_bos.below(ids), without.below(ids))
    expected = with_bos.model(input_ids=torch.cat([torch.tensor([[2]]), ids], 1)).logits[:, 1:]
    assert torch.equal(with_bos.logits(ids), expected)


@torch.no_grad()
def test_padding_behind_a_segment_changes_nothing(attach: Attach) -> None:
    attached, ids = attach(speaking=True), tokens(1, 30)
    padded = torch.cat([ids, torch.full((1, 10), PAD)], 1)
    a, b = (attached.stream_segments(row[None]).state.weights for row in (ids, padded))
    assert torch.allclose(a, b, atol=1e-6)


def test_detaching_leaves_the_model_as_it_was(attach: Attach) -> None:
    attached = attach()
    attached.detach()
    hooks = [m for m in attached.model.modules() if m._forward_hooks or m._forward_pre_hooks]
    assert not hooks
    assert not [p for p in attached.model.parameters() if p.requires_grad]


def test_what_has_no_stack_of_layers_is_refused_by_name() -> None:
    class Odd(nn.Module):
        config = type("C", (), {"get_text_config": lambda _self, **_: type("T", (), {"num_hidden_layers": 3})()})()

        def get_input_embeddings(self) -> Any:
            return nn.Embedding(4, 4)

        def get_output_embeddings(self) -> Any:
            return nn.Linear(4, 4)

    with pytest.raises(WrongArchitectureError, match="no stack of 3 layers found in Odd"):
        anatomy(Odd())


def test_the_engine_learns_what_it_reads_and_says_it_is_untrained(attach: Attach) -> None:
    engine = AttachedEngine(attach("qwen3", speaking=True), "f", "n", "fp32", {}, adapted=False)
    segments = engine.segments([Page(1, " ".join(make_sentences(60)))])
    blank = engine.initial_state()
    result = engine.read(blank, segments[:16])
    one, two = engine.read(blank, segments[:8]), None
    two = engine.read(one.state, segments[8:16])
    a, b = named_tensors(two.state), named_tensors(result.state)
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)
    knows, knew = engine.surprise(result.state, segments[:16]), engine.surprise(blank, segments[:16])
    assert sum(knows) < 0.9 * sum(knew)
    assert result.landmarks.shape == (16, engine.landmark_width)
    again = engine.from_tensors(engine.to_tensors(result.state))
    asked = "What does the memory keep?"
    assert engine.recall([result.state], asked) == engine.recall([again], asked)
    assert "untrained" in (engine.caution or "")
