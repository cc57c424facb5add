"""Adapting: only the memory's parts learn, and a resumed run ends where an uninterrupted one does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.model.backbones import VOCABULARY, backbone, fast_tokenizer
from tests.tiny import make_sentences
from titans_cli.errors import IncompatibleError, UsageError
from titans_cli.model import adapter as files
from titans_cli.model.adapter import AdapterSpec, MemoryAdapter
from titans_cli.model.attach import AttachedModel
from titans_cli.model.hubtokens import HubTokenizer
from titans_cli.model.tokenizer import TitansTokenizer
from titans_cli.train.adapt import AdaptationPlan, AdapterTrainer, corpus_of

SPEC = AdapterSpec(width=32, depth=2, segment_length=64, d_key=8, d_topic=8, features=64, d_value=16)


def trainer(tokenizer: TitansTokenizer, out: Path, steps: int = 4, bound_to: str = "b") -> AdapterTrainer:
    torch.manual_seed(3)
    hub = HubTokenizer(fast_tokenizer(tokenizer), VOCABULARY)
    attached = AttachedModel(backbone("llama"), hub, MemoryAdapter(SPEC))
    plan = AdaptationPlan(steps, batch=1.0, width=64, save_every=2)
    return AdapterTrainer(attached, bound_to, corpus_of([" ".join(make_sentences(250))], hub), out, plan)


def test_a_resumed_run_ends_in_the_same_bytes_and_the_backbone_is_untouched(
    tiny_tokenizer: TitansTokenizer, tmp_path: Path
) -> None:
    whole = trainer(tiny_tokenizer, tmp_path / "whole.safetensors")
    before = {k: v.clone() for k, v in whole.attached.model.state_dict().items()}
    start = {k: v.clone() for k, v in whole.adapter.state_dict().items()}
    assert [p.step for p in whole.train()] == [1, 2, 3, 4]
    assert all(torch.equal(v, before[k]) for k, v in whole.attached.model.state_dict().items())
    learned = {k for k, v in whole.adapter.state_dict().items() if not torch.equal(v, start[k])}
    assert {"gate", "strength", "memory.w_key.weight", "memory.w_query.weight", "memory.gates.weight"} <= learned
    assert not learned & {"x_mean", "x_scale", "memory.features.omega_KF"}

    first = trainer(tiny_tokenizer, tmp_path / "parts.safetensors")
    list(first.train(until=2))
    second = trainer(tiny_tokenizer, tmp_path / "parts.safetensors")
    assert second.resume()
    list(second.train())
    assert (tmp_path / "parts.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()
    assert files.described(tmp_path / "parts.safetensors")["steps"] == 4


def test_a_checkpoint_of_another_model_and_too_little_text_are_refused(
    tiny_tokenizer: TitansTokenizer, tmp_path: Path
) -> None:
    one = trainer(tiny_tokenizer, tmp_path / "a.safetensors")
    one.save()
    with pytest.raises(IncompatibleError, match="of another model"):
        trainer(tiny_tokenizer, tmp_path / "a.safetensors", bound_to="c").resume()
    with pytest.raises(UsageError, match="only 3 sentences"):
        corpus_of([" ".join(make_sentences(3))], one.attached.tokenizer)
