"""Sentence encoders: pooled as their own files say, or refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from tests.encoders import write_encoder
from titans_cli.errors import ModelError
from titans_cli.model.encoder import load_encoder

TEXTS = ["A memory reads the stream.", "The curve falls under the bound of the theorem again and again."]


def configure(folder: Path, pooling: dict[str, object], *more: str) -> Path:
    modules = [{"path": "", "type": "sentence_transformers.models.Transformer"}]
    modules += [{"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]
    modules += [{"path": f"2_{name}", "type": f"sentence_transformers.models.{name}"} for name in more]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_encoder(tmp_path / "encoder")


def by_hand(folder: Path, text: str, pooling: str) -> torch.Tensor:
    from transformers import AutoModel, AutoTokenizer

    inputs = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    with torch.inference_mode():
        states = AutoModel.from_pretrained(folder).eval()(**inputs).last_hidden_state[0]
    pooled = {"mean": states.mean(0), "cls": states[0], "max": states.amax(0), "lasttoken": states[-1]}[pooling]
    return torch.nn.functional.normalize(pooled, dim=-1)


def test_tokens_are_averaged_when_nothing_is_said(folder: Path) -> None:
    vectors = load_encoder(str(folder)).passages(TEXTS)
    for vector, text in zip(vectors, TEXTS, strict=True):  # in a batch, padded, and alone
        torch.testing.assert_close(vector, by_hand(folder, text, "mean"), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("kind", "pooling"),
    [
        ("cls", {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}),
        ("max", {"pooling_mode_max_tokens": True}),
        ("lasttoken", {"pooling_mode": "lasttoken"}),
    ],
)
def test_pooling_is_the_checkpoints_own(folder: Path, kind: str, pooling: dict[str, object]) -> None:
    configure(folder, pooling, "Normalize")
    for vector, text in zip(load_encoder(str(folder)).passages(TEXTS), TEXTS, strict=True):
        torch.testing.assert_close(vector, by_hand(folder, text, kind), atol=1e-5, rtol=0)


def test_prompts_tell_questions_from_passages(folder: Path) -> None:
    configure(folder, {"pooling_mode_mean_tokens": True})
    prompts = {"prompts": {"query": "the query: ", "document": ""}}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    encoder = load_encoder(str(folder))
    torch.testing.assert_close(encoder.question(TEXTS[0]), by_hand(folder, "the query: " + TEXTS[0], "mean"))
    torch.testing.assert_close(encoder.passages(TEXTS[:1])[0], by_hand(folder, TEXTS[0], "mean"))


def test_another_encoder_has_another_fingerprint(folder: Path, tmp_path: Path) -> None:
    same = load_encoder(str(shutil.copytree(folder, tmp_path / "copy"))).fingerprint
    other = load_encoder(str(write_encoder(tmp_path / "other", seed=1))).fingerprint
    assert load_encoder(str(folder)).fingerprint == same != other
    assert load_encoder(str(configure(folder, {"pooling_mode": "cls"}))).fingerprint != same


def test_what_cannot_be_followed_is_refused(folder: Path) -> None:
    configure(folder, {"pooling_mode_mean_tokens": True}, "Dense")
    with pytest.raises(ModelError, match="Dense"):
        load_encoder(str(folder))


@pytest.mark.parametrize("pooling", [{"pooling_mode_weightedmean_tokens": True}, {}])
def test_a_pooling_that_is_not_known_is_refused(folder: Path, pooling: dict[str, object]) -> None:
    with pytest.raises(ModelError, match="pooling"):
        load_encoder(str(configure(folder, pooling)))


def test_a_folder_without_a_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot load the sentence encoder") as caught:
        load_encoder(str(tmp_path))
    assert caught.value.subject == str(tmp_path)


def test_weights_that_are_pickled_are_not_loaded(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="cannot load"):
        load_encoder(str(folder))
