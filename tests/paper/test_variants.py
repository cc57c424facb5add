"""The four variants under one interface: MAC, MAG, MAL and LMM read streams, generate, save and load alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM

from tests.paper.calls import generate, in_parts
from tests.tiny import SPEC, write_folder
from titans_cli.errors import ModelError
from titans_cli.model.engine import Engine
from titans_cli.model.generation import CACHE
from titans_cli.model.network import TitansNetwork
from titans_cli.model.spec import VARIANTS, TitansSpec
from titans_cli.model.tokenizer import TitansTokenizer
from titans_cli.paper.hf import TitansConfig, TitansForCausalLM
from titans_cli.paper.variants import StackNetwork, build

LENGTH = 44  # two whole segments and a part, and more than a window
STACKS = VARIANTS[1:]


def spec_of(variant: str, **changes: Any) -> TitansSpec:
    small = replace(SPEC, vocab_size=96, segment_length=16, variant=variant, window=8, memory_expansion=1.5)
    return replace(small, **changes)


def make(variant: str, dtype: torch.dtype = torch.float64, /, **changes: Any) -> TitansForCausalLM:
    """Random weights; but the memory of MAC always computes in fp32."""
    torch.manual_seed(0)
    model = TitansForCausalLM(TitansConfig(**spec_of(variant, **changes).to_dict()))
    for p in model.parameters():
        p.data = p.data.to(dtype)
    model.train(False)
    return model


@pytest.fixture(autouse=True)
def inference() -> Iterator[None]:
    """As models are served; the test of gradients turns them on."""
    with torch.no_grad():
        yield


def tolerance(model: TitansForCausalLM) -> float:
    return 1e-5 if isinstance(model.network, TitansNetwork) else 1e-10


def ids(batch: int = 2, length: int = LENGTH, seed: int = 0) -> Tensor:
    return torch.randint(4, 96, (batch, length), generator=torch.Generator().manual_seed(seed))


def other_than(tokens: Tensor) -> Tensor:
    return 4 + (tokens - 3) % 92


@pytest.fixture(scope="module", params=VARIANTS)
def model(request: pytest.FixtureRequest) -> TitansForCausalLM:
    return make(request.param)


@pytest.fixture(scope="module", params=STACKS)
def stack(request: pytest.FixtureRequest) -> TitansForCausalLM:
    return make(request.param)


# ---- reading


@pytest.mark.parametrize(
    "cuts",
    [[1] * LENGTH, [1, 43], [16, 16, 12], [13, 3, 20, 8], [43, 1]],
    ids=lambda cuts: f"{len(cuts)} calls from {cuts[0]}",
)
def test_prefill_equals_any_split_and_step_by_step_decoding(model: TitansForCausalLM, cuts: list[int]) -> None:
    tokens = ids()
    assert torch.allclose(in_parts(model, tokens, cuts), model(tokens).logits, rtol=0, atol=tolerance(model))


@pytest.mark.parametrize("variant", STACKS)
@pytest.mark.parametrize(
    "changes",
    [{"window": 1}, {"window": 100}, {"persistent_tokens": 0}, {"memory_depth": 1}, {"memory_depth": 3}, {"conv": 1}],
    ids=str,
)
def test_prefill_equals_decoding_at_the_edges_of_the_shape(variant: str, changes: dict[str, Any]) -> None:
    model, tokens = make(variant, **changes), ids(1)
    assert torch.allclose(in_parts(model, tokens, [7] + [1] * 37), model(tokens).logits, rtol=0, atol=1e-10)


def test_single_precision_is_enough(stack: TitansForCausalLM) -> None:
    model = make(stack.config.variant, torch.float32)
    tokens = ids()
    assert torch.allclose(in_parts(model, tokens, [1] * LENGTH), model(tokens).logits, rtol=0, atol=5e-6)


@pytest.mark.parametrize("at", [0, 15, 16, 30, 43])
def test_a_token_changes_no_bit_of_any_logit_before_it(model: TitansForCausalLM, at: int) -> None:
    tokens = ids()
    other = tokens.clone()
    other[:, at] = other_than(other[:, at])
    a, b = model(tokens).logits, model(other).logits
    assert torch.equal(a[:, :at], b[:, :at])
    assert bool((a[:, at] != b[:, at]).any(-1).all())


def test_the_far_past_is_felt_through_the_memory_only(model: TitansForCausalLM) -> None:
    """Past every window and segment; not at all with the memory off."""
    tokens = ids()
    other = torch.cat([other_than(tokens[:, :4]), tokens[:, 4:]], 1)
    a, b = model(tokens).logits, model(other).logits
    assert bool(((a - b)[:, 32:].abs().amax(-1) > 1e-8).all())
    a, b = model(tokens, memory=False).logits, model(other, memory=False).logits
    assert torch.equal(a[:, 32:], b[:, 32:])


def test_persistent_tokens_matter_everywhere(model: TitansForCausalLM) -> None:
    tokens = ids()
    persistent = [p for name, p in model.named_parameters() if name.endswith("persistent")]
    assert persistent
    before, kept = model(tokens).logits, [p.clone() for p in persistent]
    try:
        for p in persistent:
            p.add_(torch.randn(p.shape, generator=torch.Generator().manual_seed(1)))
        after = model(tokens).logits
    finally:
        for p, was in zip(persistent, kept, strict=True):
            p.copy_(was)
    assert bool(((after - before).abs().amax(-1) > 1e-8).all())
    assert torch.equal(model(tokens).logits, before)


def test_streams_of_a_batch_do_not_meet(model: TitansForCausalLM) -> None:
    together = model(ids()).logits
    for i in range(2):
        alone = model(ids()[i : i + 1]).logits
        assert torch.allclose(alone, together[i : i + 1], rtol=0, atol=tolerance(model))


def test_a_cache_can_be_continued_twice(model: TitansForCausalLM) -> None:
    """A state is a value: reading on, with and without writes, leaves it as it was."""
    cache = model(ids())[CACHE]
    first, other, again = (model(ids(2, 20, seed), cache=cache).logits for seed in (1, 2, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_state_does_not_grow_with_the_stream(model: TitansForCausalLM) -> None:
    """At the same place of a segment it holds as many numbers after 26 tokens as after 410."""

    def size(state: Any) -> int:
        return state.numel() if isinstance(state, Tensor) else sum(map(size, state)) if isinstance(state, tuple) else 0

    sizes = [size(model(ids(1, length))[CACHE].state) for length in (26, 410)]
    assert sizes[0] == sizes[1] > 0


def test_a_long_stream_stays_finite(stack: TitansForCausalLM) -> None:
    model = make(stack.config.variant, torch.float32)
    tokens = ids(1, 2000)
    tokens[:, 500:1000] = 7
    assert bool(model(tokens).logits.isfinite().all())


def test_gradients_reach_every_parameter(model: TitansForCausalLM) -> None:
    fresh, tokens = make(model.config.variant), ids()
    with torch.enable_grad():
        out = fresh(tokens, labels=tokens)
    out.loss.backward()
    assert torch.allclose(out.logits, model(tokens).logits, rtol=0, atol=tolerance(model))
    still = {name for name, p in fresh.named_parameters() if p.grad is None or not bool(p.grad.any())}
    elsewhere = "landmark_weight.weight landmark_weight.bias landmark_head.weight memory.log_focus"  # not in a stream
    assert still <= {f"network.{name}" for name in elsewhere.split()}


# ---- generating


@pytest.mark.parametrize("beams", [1, 3])
def test_generating_with_and_without_a_cache_gives_the_same_tokens(model: TitansForCausalLM, beams: int) -> None:
    """Across a segment's end; beams reorder what they remember."""
    options: dict[str, Any] = {"max_new_tokens": 10, "min_new_tokens": 10, "do_sample": False, "num_beams": beams}
    with_cache, without = (generate(model, ids(2, 28), use_cache=use, **options) for use in (True, False))
    assert with_cache.shape == (2, 38)
    assert torch.equal(with_cache, without)


def test_sampling_with_and_without_a_cache_gives_the_same_tokens(model: TitansForCausalLM) -> None:
    found = []
    for use in (True, False):
        torch.manual_seed(3)
        options: dict[str, Any] = {"max_new_tokens": 8, "min_new_tokens": 8, "num_return_sequences": 2}
        found.append(generate(model, ids(2, 28), do_sample=True, use_cache=use, **options))
    assert found[0].shape == (4, 36)
    assert torch.equal(*found)


def test_reordering_a_cache_moves_whole_streams(model: TitansForCausalLM) -> None:
    cache, swapped = (model(ids())[CACHE] for _ in range(2))
    swapped.reorder_cache(torch.tensor([1, 0]))
    step = ids(2, 6, seed=5)
    a, b = model(step, cache=cache).logits, model(step.flip(0), cache=swapped).logits
    assert torch.allclose(a, b.flip(0), rtol=0, atol=tolerance(model))


# ---- saving, loading, refusing


def test_saved_and_loaded_it_is_bit_identical(model: TitansForCausalLM, tmp_path: Path) -> None:
    single = make(model.config.variant, torch.float32)
    single.save_pretrained(tmp_path)
    again: Any = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert type(again) is TitansForCausalLM
    assert AutoConfig.from_pretrained(tmp_path).spec == single.config.spec
    before, after = single.state_dict(), again.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    for p in again.parameters():
        p.data = p.data.clone()  # products may round differently where a file's tensors lie askew in memory
    assert torch.equal(single(ids()).logits, again(ids()).logits)


def test_the_config_chooses_the_network() -> None:
    kinds = {v: type(make(v).network) for v in VARIANTS}
    assert kinds == {"mac": TitansNetwork} | dict.fromkeys(STACKS, StackNetwork)
    assert TitansSpec().variant == "mac"
    assert TitansSpec.from_dict({}) == TitansSpec()


@pytest.mark.parametrize("use", [TitansSpec, TitansConfig])
def test_an_unknown_variant_is_refused(use: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match="mac, mag, mal, lmm"):
        use(variant="mat")


def test_variants_have_no_more_parts_than_they_need() -> None:
    def parts(variant: str) -> set[str]:
        network = build(spec_of(variant))
        assert isinstance(network, StackNetwork)
        assert len(network.blocks) == spec_of(variant).n_layers
        return {name for name, _ in nn.ModuleList(network.blocks)[0].named_children()}

    lmm = {"norm_memory", "memory", "norm_mlp", "mlp"}
    assert parts("lmm") == lmm
    assert parts("mal") == lmm | {"norm_attention", "attention"}
    assert parts("mag") == lmm | {"attention", "norm_attended", "norm_read"}


@pytest.mark.parametrize("variant", STACKS)
def test_sessions_refuse_a_variant_they_cannot_serve(
    variant: str, tiny_tokenizer: TitansTokenizer, tmp_path: Path
) -> None:
    folder = write_folder(tmp_path / variant, tiny_tokenizer, replace(SPEC, variant=variant))
    with pytest.raises(ModelError, match=f"variant {variant}") as caught:
        Engine.load(folder)
    assert caught.value.hint
    assert "transformers" in str(caught.value.hint)
    assert caught.value.subject == str(folder)
