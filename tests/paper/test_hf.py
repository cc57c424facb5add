"""The model under transformers: logits of a stream whichever way it is cut, generation, saving, Auto classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as fn
from transformers import AutoConfig, AutoModelForCausalLM

from tests.paper.calls import generate, in_parts
from tests.tiny import SPEC
from titans_cli.model.engine import Engine
from titans_cli.model.generation import CACHE
from titans_cli.model.spec import TitansSpec
from titans_cli.model.tokenizer import END, PAD
from titans_cli.paper.hf import TitansCache, TitansConfig, TitansForCausalLM, register

LENGTH = 150  # two whole segments and a part


@pytest.fixture(scope="module")
def model(tiny_folder: Path) -> TitansForCausalLM:
    model = AutoModelForCausalLM.from_pretrained(tiny_folder).requires_grad_(False)
    assert isinstance(model, TitansForCausalLM)
    assert not model.training
    return model


def ids(batch: int = 2, length: int = LENGTH, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(4, SPEC.vocab_size, (batch, length), generator=generator)


@pytest.mark.parametrize(
    "cuts",
    [[1, 149], [63, 1, 86], [64, 64, 22], [65, 85], [128, 22], [100, 1, 1, 1, 47], [10] * 15],
    ids=str,
)
def test_logits_do_not_depend_on_how_a_stream_is_cut_into_calls(model: TitansForCausalLM, cuts: list[int]) -> None:
    tokens = ids()
    assert torch.allclose(in_parts(model, tokens, cuts), model(tokens).logits, atol=1e-5)


def test_logits_one_token_at_a_time_equal_the_whole(model: TitansForCausalLM) -> None:
    """Across a segment's end, where the memory is written."""
    tokens = ids(1, 70)
    assert torch.allclose(in_parts(model, tokens, [1] * 70), model(tokens).logits, atol=1e-5)


def test_a_token_changes_no_logit_before_it(model: TitansForCausalLM) -> None:
    tokens = ids()
    other = tokens.clone()
    other[:, 100] = 4 + (other[:, 100] - 3) % (SPEC.vocab_size - 4)
    a, b = model(tokens).logits, model(other).logits
    assert torch.equal(a[:, :100], b[:, :100])
    assert not torch.equal(a[:, 128:], b[:, 128:])  # past its segment, through the memory


def test_a_cache_can_be_used_twice(model: TitansForCausalLM) -> None:
    """A step returns a new cache and leaves the old one as it was, so that a prompt can be continued in two ways."""
    prompt = model(ids())
    first, other, again = (model(ids(2, 80, seed), cache=prompt[CACHE]).logits for seed in (1, 2, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_memory_can_be_switched_off(model: TitansForCausalLM) -> None:
    """Then the first segment cannot be felt in the last."""
    tokens = ids()
    other = torch.cat([ids(seed=3)[:, :64], tokens[:, 64:]], 1)
    a, b = model(tokens, memory=False).logits, model(other, memory=False).logits
    assert torch.equal(a[:, 64:], b[:, 64:])
    assert not torch.equal(model(tokens).logits[:, 64:], model(other).logits[:, 64:])


def test_streams_of_a_batch_equal_the_streams_alone(model: TitansForCausalLM) -> None:
    together = model(ids()).logits
    for i in range(2):
        assert torch.allclose(model(ids()[i : i + 1]).logits, together[i : i + 1], atol=1e-5)


def test_the_engine_and_the_transformers_model_learn_the_same(model: TitansForCausalLM, tiny_engine: Engine) -> None:
    tokens = ids(1, 128)
    cache = model(tokens)[CACHE]
    with torch.inference_mode():
        grid = tokens.view(1, 2, 64)
        state = tiny_engine.network(grid, torch.ones_like(grid, dtype=torch.bool)).state
    assert isinstance(cache, TitansCache)
    assert torch.equal(cache.state.memory.weights, state.weights)
    assert cache.state.pending.shape == (1, 0)


# ---- generation


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("length", [5, 60, LENGTH])
def test_generating_with_and_without_a_cache_gives_the_same_tokens(
    model: TitansForCausalLM, length: int, beams: int
) -> None:
    """Greedily and by beam search, also across a segment's end; beams reorder what they remember."""
    with_cache, without = (
        generate(
            model, ids(2, length), max_new_tokens=12, min_new_tokens=12, do_sample=False, num_beams=beams, use_cache=use
        )
        for use in (True, False)
    )
    assert with_cache.shape == (2, length + 12)
    assert torch.equal(with_cache, without)


def test_greedy_generation_takes_the_likeliest_token_each_time(model: TitansForCausalLM) -> None:
    tokens = ids(1, 60)
    expected = tokens
    for _ in range(8):
        logits = model(expected).logits[:, -1]
        logits[:, END] = -torch.inf
        expected = torch.cat([expected, logits.argmax(-1, keepdim=True)], 1)
    assert torch.equal(generate(model, tokens, max_new_tokens=8, min_new_tokens=8, do_sample=False), expected)


def test_sampling_repeats_itself_for_a_seed(model: TitansForCausalLM) -> None:
    outputs = []
    for _ in range(2):
        torch.manual_seed(7)
        outputs.append(generate(model, ids(), max_new_tokens=6, do_sample=True, num_return_sequences=2))
    assert outputs[0].shape[0] == 4
    assert torch.equal(*outputs)


def test_generation_can_run_without_memory(model: TitansForCausalLM) -> None:
    """`memory=False` reaches every step: the far past then does not matter."""
    tokens = ids(1, 70)
    other = torch.cat([ids(1, 64, seed=9), tokens[:, 64:]], 1)
    a, b = (
        generate(model, t, max_new_tokens=10, min_new_tokens=10, do_sample=False, memory=False)[:, 70:]
        for t in (tokens, other)
    )
    assert torch.equal(a, b)


# ---- refusals and losses


def test_padding_is_refused(model: TitansForCausalLM) -> None:
    mask = torch.ones(2, LENGTH, dtype=torch.long)
    assert torch.equal(model(ids(), attention_mask=mask).logits, model(ids()).logits)
    mask[0, :3] = 0
    with pytest.raises(ValueError, match="without padding"):
        model(ids(), attention_mask=mask)


def test_a_padded_batch_is_refused_in_generation_too(model: TitansForCausalLM) -> None:
    mask = torch.ones(2, LENGTH, dtype=torch.long)
    mask[0, :3] = 0
    with pytest.raises(ValueError, match="without padding"):
        generate(model, ids(), attention_mask=mask, max_new_tokens=2, do_sample=False)


def test_the_loss_is_that_of_the_next_token(model: TitansForCausalLM) -> None:
    tokens = ids()
    out = model(tokens, labels=tokens)
    log_probability = out.logits[:, :-1].log_softmax(-1).gather(-1, tokens[:, 1:, None])
    assert torch.allclose(out.loss, -log_probability.mean(), atol=1e-6)


def test_labels_of_minus_100_do_not_count(model: TitansForCausalLM) -> None:
    tokens, labels = ids(), ids()
    labels[:, :100] = -100
    out = model(tokens, labels=labels)
    expected = fn.cross_entropy(out.logits[:, 99:-1].flatten(0, 1), tokens[:, 100:].flatten())
    assert torch.allclose(out.loss, expected, atol=1e-6)


# ---- saving and loading


def test_a_model_saved_and_loaded_is_bit_identical(model: TitansForCausalLM, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    again: Any = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert type(again) is TitansForCausalLM
    before, after = model.state_dict(), again.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(model(ids()).logits, again(ids()).logits)


def test_a_saved_config_says_the_whole_spec(tiny_folder: Path) -> None:
    config = AutoConfig.from_pretrained(tiny_folder)
    assert type(config) is TitansConfig
    assert config.spec == SPEC
    assert (config.pad_token_id, config.eos_token_id, config.bos_token_id) == (PAD, END, None)
    assert (config.hidden_size, config.num_attention_heads) == (SPEC.d_model, SPEC.n_heads)
    assert config.num_hidden_layers == 3


def test_a_config_without_arguments_is_the_default_spec() -> None:
    assert TitansConfig().spec == TitansSpec()


def test_a_model_made_from_a_config_is_initialised_as_the_network_is() -> None:
    torch.manual_seed(5)
    model: Any = AutoModelForCausalLM.from_config(TitansConfig(**SPEC.to_dict()))  # type: ignore[no-untyped-call]
    memory = model.network.memory
    assert torch.equal(memory.w_query.weight, memory.w_key.weight)
    assert torch.allclose(memory.gates.bias, torch.tensor([1.0, -4.0, -9.0]))


def test_registering_again_is_safe() -> None:
    register()
    register()
    assert AutoConfig.for_model("titans").spec == TitansSpec()


def test_the_output_layer_is_the_embedding(model: TitansForCausalLM) -> None:
    assert model.get_input_embeddings() is model.network.embedding
    assert not any("lm_head" in name for name in model.state_dict())
