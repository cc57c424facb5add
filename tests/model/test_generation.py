"""Caches under either name; and a cache that is not found is an error, never a wrong answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM
from transformers.cache_utils import Cache

from tests.model.backbones import FAMILIES, VOCABULARY, backbone, fast_tokenizer
from titans_cli.errors import ModelError
from titans_cli.model.adapter import AdapterSpec, MemoryAdapter
from titans_cli.model.attach import AttachedModel
from titans_cli.model.generation import CACHE
from titans_cli.model.hubtokens import HubTokenizer
from titans_cli.model.tokenizer import TitansTokenizer
from titans_cli.paper.hf import TitansCache, TitansForCausalLM

SPELLINGS = ["cache", "past_key_values"]


class Spelled(dict[str, Any]):
    """An output that names the cache as another release does."""

    release: Any


def spell(model: Any, name: str) -> list[set[str]]:
    """From here on, this model's calls and outputs name the cache `name` only. Returns the arguments it was given."""
    family, given = type(model), list[set[str]]()

    class Other(family):  # type: ignore[misc, valid-type]
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            if CACHE in kwargs:
                kwargs[name] = kwargs.pop(CACHE)
            given.append({key for key, value in kwargs.items() if value is not None})
            return super().__call__(*args, **kwargs).release

        def forward(self, **kwargs: Any) -> Any:
            if name in kwargs:
                kwargs[CACHE] = kwargs.pop(name)
            release = super().forward(**kwargs)
            output = Spelled({name if key == CACHE else key: value for key, value in release.items()})
            output.release = release
            return output

    model.__class__ = Other
    return given


def attach(model: Any, tokenizer: TitansTokenizer) -> AttachedModel:
    """With a memory that speaks up."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        spec = AdapterSpec(width=32, depth=2, segment_length=64, d_key=8, d_topic=8, features=64, d_value=16)
        adapter = MemoryAdapter(spec)
        nn.init.normal_(adapter.gate)
        nn.init.constant_(adapter.strength, 4.0)
        nn.init.normal_(adapter.to_hidden.weight, std=0.3)
        nn.init.normal_(adapter.to_output.weight, std=0.3)
    hub = HubTokenizer(fast_tokenizer(tokenizer), VOCABULARY)
    return AttachedModel(model, hub, adapter.requires_grad_(False).eval())


def tokens(rows: int, count: int, seed: int = 0) -> Tensor:
    return torch.randint(4, VOCABULARY, (rows, count), generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def native(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> TitansForCausalLM:
    monkeypatch.setattr(TitansForCausalLM, "cache_works", False)
    model = AutoModelForCausalLM.from_pretrained(tiny_folder).requires_grad_(False)
    assert isinstance(model, TitansForCausalLM)
    return model


# ---- a memory on a model


@pytest.mark.parametrize("family", ["llama", "mistral", "gpt2"])
@pytest.mark.parametrize("name", SPELLINGS)
@torch.no_grad()
def test_a_memory_looks_back_whatever_the_cache_is_called(
    name: str, family: str, tiny_tokenizer: TitansTokenizer
) -> None:
    model, ids = backbone(family), tokens(2, 20)
    given = spell(model, name)
    attached = attach(model, tiny_tokenizer)
    learned = attached.stream_segments(tokens(1, 64, seed=9)[None]).state.weights[0]
    with attached.remembering([learned]) as model:
        said = model.generate(input_ids=ids, min_new_tokens=12, max_new_tokens=12, do_sample=False, pad_token_id=0)
        whole = model(input_ids=said).logits
    whole[..., 1] = -torch.inf  # the end, which generate() was told not to say
    assert torch.equal(whole[:, 19:-1].argmax(-1), said[:, 20:])
    (other,) = set(SPELLINGS) - {name}
    assert any(name in one for one in given)
    assert not any(other in one for one in given)


@pytest.mark.parametrize("family", FAMILIES)
def test_hooks_that_do_not_find_the_cache_are_an_error_and_are_taken_off_again(
    family: str, tiny_tokenizer: TitansTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = backbone(family)
    monkeypatch.setattr("titans_cli.model.attach.cache_in", lambda *_: None)
    with pytest.raises(ModelError, match=r"with its cache .* transformers \d.*titans doctor"):
        attach(model, tiny_tokenizer)
    assert not [m for m in model.modules() if m._forward_hooks or m._forward_pre_hooks]


def test_a_memory_that_forgets_what_was_cached_is_an_error(
    tiny_tokenizer: TitansTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache is found, but holds nothing for the memory: as if a release copied its layers one by one."""
    monkeypatch.setattr("titans_cli.model.attach.CachedStates.update", lambda *_: None)
    with pytest.raises(ModelError, match="with its cache"):
        attach(backbone("qwen3"), tiny_tokenizer)


def test_a_model_whose_own_cache_is_lost_is_an_error(tiny_tokenizer: TitansTokenizer) -> None:
    """Only the newest token is given at each step, and nothing of what came before."""
    model = backbone("llama")
    prepare = model.prepare_inputs_for_generation

    def lost(*args: Any, **kwargs: Any) -> dict[str, Any]:
        return {k: v for k, v in prepare(*args, **kwargs).items() if not isinstance(v, Cache)}

    model.prepare_inputs_for_generation = lost
    with pytest.raises(ModelError, match="with its cache"):
        attach(model, tiny_tokenizer)


def test_a_model_that_fails_with_a_cache_is_an_error_that_says_so(tiny_tokenizer: TitansTokenizer) -> None:
    model = backbone("llama")

    def failing(input_ids: Tensor, attention_mask: Tensor | None = None, **_: Any) -> dict[str, Any]:
        raise TypeError("no such argument")

    model.prepare_inputs_for_generation = failing
    with pytest.raises(ModelError, match="generating with a cache fails \\(no such argument\\)"):
        attach(model, tiny_tokenizer)


# ---- the native model


@pytest.mark.parametrize("name", SPELLINGS)
@torch.no_grad()
def test_the_native_model_takes_a_cache_by_either_name(native: TitansForCausalLM, name: str) -> None:
    ids = tokens(2, 90)
    cache = native(ids[:, :70])[CACHE]
    assert torch.allclose(native(ids[:, 70:], **{name: cache}).logits, native(ids).logits[:, 70:], atol=1e-5)
    prepared = native.prepare_inputs_for_generation(ids, **{name: cache})
    assert prepared["input_ids"].shape == (2, 20)
    assert isinstance(prepared[CACHE], TitansCache)


def test_the_native_model_says_when_it_cannot_use_its_cache(
    native: TitansForCausalLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("titans_cli.paper.hf.cache_in", lambda *_: None)
        for _ in range(2):  # not only the first time
            with pytest.raises(ModelError, match=r"with its cache .*TitansForCausalLM, transformers"):
                native.generate(tokens(1, 8), max_new_tokens=2, do_sample=False)
    assert native.generate(tokens(1, 8), max_new_tokens=2, min_new_tokens=2, do_sample=False).shape == (1, 10)
    assert not native._forward_pre_hooks
