"""A reader of passages: what it says is verbatim, and its score is what the model says of those tokens."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from tests.model.backbones import backbone, checkpoint, fast_tokenizer
from titans_cli.errors import IncompatibleError, ModelError
from titans_cli.model import hub
from titans_cli.model.reader import (
    END,
    Reader,
    ReaderSpec,
    adapted,
    load_backbone,
    load_reader,
    merge,
    pieces,
    prompt,
    save_reader,
    sketch,
)
from titans_cli.model.tokenizer import TitansTokenizer

SPEC = ReaderSpec(rank=2, first_layer=1)
PASSAGES = [
    ("The mill", "The old mill at Brixholm was built in 1871 by Anna Kessler, who kept  bees."),
    ("", "Rain fell on nine days of the month."),
    ("Bees", "Honey was sold for 12 crowns a jar at the gate of the mill."),
]


@pytest.fixture(scope="module")
def tokenizer(tiny_tokenizer: TitansTokenizer) -> PreTrainedTokenizerFast:
    fast = fast_tokenizer(tiny_tokenizer)
    fast.add_special_tokens({"additional_special_tokens": ["<|im_start|>", END]})
    return fast


def model_of(tokenizer: PreTrainedTokenizerFast) -> Any:
    model = backbone("llama")
    model.resize_token_embeddings(len(tokenizer))
    return model


def test_a_new_adapter_changes_no_logit(tokenizer: PreTrainedTokenizerFast) -> None:
    model, ids = model_of(tokenizer), torch.arange(20)[None]
    before = model(ids).logits
    adapted(model, SPEC)
    assert torch.equal(model(ids).logits, before)


def test_a_merged_adapter_says_what_the_trained_one_said(tokenizer: PreTrainedTokenizerFast) -> None:
    model, ids = model_of(tokenizer), torch.arange(20)[None]
    named = adapted(model, SPEC)
    with torch.no_grad():
        for p in named.values():
            p.normal_(std=0.1)
    trained, plain = model(ids).logits, model_of(tokenizer)
    merge(plain, {name: p.detach() for name, p in named.items()}, SPEC)
    assert not torch.allclose(trained, model_of(tokenizer)(ids).logits, atol=1e-2)
    assert torch.allclose(plain(ids).logits, trained, atol=1e-4)


def test_layers_before_the_first_are_the_models_own(tokenizer: PreTrainedTokenizerFast) -> None:
    named = adapted(model_of(tokenizer), SPEC)
    assert {name.split(".")[0] for name in named} == {"1", "2", "3"}


def test_a_span_is_verbatim_and_its_score_is_that_of_its_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    model = model_of(tokenizer)
    reader = Reader(model, tokenizer, SPEC)
    question = "Who built the mill?"
    for (title, passage), span in zip(PASSAGES, reader.spans(question, PASSAGES), strict=True):
        text = passage[span.start : span.end]
        assert text
        assert text == text.strip()
        head, tail = prompt(question, title, passage)
        own = tokenizer(" " + passage, add_special_tokens=False, return_offsets_mapping=True)
        inside = [n for n, (a, b) in enumerate(own.offset_mapping) if b - 1 > span.start and a - 1 < span.end]
        answer = [*own.input_ids[inside[0] : inside[-1] + 1], reader.end]
        around = [tokenizer(part, add_special_tokens=False).input_ids for part in (head, tail)]
        before = [*around[0], *own.input_ids, *around[1]]
        logits = model(torch.tensor([before + answer])).logits[0].detach().log_softmax(-1)
        told = sum(float(logits[len(before) - 1 + n, t]) for n, t in enumerate(answer))
        assert math.isclose(span.answer, told, abs_tol=1e-3)
        assert math.isclose(span.nothing, float(logits[len(before) - 1, reader.nothing]), abs_tol=1e-3)


def test_passages_read_together_are_read_as_apart(tokenizer: PreTrainedTokenizerFast) -> None:
    reader = Reader(model_of(tokenizer), tokenizer, SPEC)
    together = reader.spans("What did honey cost?", PASSAGES)
    for passage, span in zip(PASSAGES, together, strict=True):
        alone = reader.spans("What did honey cost?", [passage])[0]
        assert (alone.start, alone.end) == (span.start, span.end)
        assert math.isclose(alone.answer, span.answer, abs_tol=1e-3)


def test_a_sketch_knows_a_quantised_model_and_tells_another(tokenizer: PreTrainedTokenizerFast) -> None:
    model = model_of(tokenizer)
    of, other = sketch(model), backbone("llama", seed=1)
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(1 + 0.05 * torch.randn_like(p))
    assert max(abs(a - b) for a, b in zip(of, sketch(model), strict=True)) < 0.3
    assert max(abs(a - b) for a, b in zip(of, sketch(other), strict=True)) > 1


def test_long_passages_are_read_in_pieces_that_leave_nothing_out() -> None:
    text = " ".join(f"Sentence number {n} tells of the mill." for n in range(60))
    cut = pieces(text, 50)
    assert "".join(text[a:b] for a, b in cut).replace(" ", "") == text.replace(" ", "")
    assert all(len(text[a:b].split()) <= 50 for a, b in cut)
    assert all(text[a:b].endswith(".") for a, b in cut)
    assert pieces("") == []
    assert pieces("one two") == [(0, 7)]


def test_what_a_reader_says_stands_where_it_says(tokenizer: PreTrainedTokenizerFast) -> None:
    texts = [" ".join([PASSAGES[0][1]] * 12), PASSAGES[2][1]]
    sure = replace(SPEC, absent=(0.0, 0.0, 0.0, -9.0))
    reading = Reader(model_of(tokenizer), tokenizer, sure).read("Who built the mill?", texts, ["a", "b"])
    assert reading.text is not None
    assert reading.passage is not None
    assert texts[reading.passage][reading.start : reading.end] == reading.text
    assert 0 <= reading.probability <= 1


def test_a_reader_says_how_likely_nothing_answers(tokenizer: PreTrainedTokenizerFast) -> None:
    never = replace(SPEC, absent=(0.0, 0.0, 0.0, 9.0))
    reader = Reader(model_of(tokenizer), tokenizer, never)
    assert reader.read("Who?", ["Rain fell."]).absent > 0.99
    nothing = reader.read("Who?", [])
    assert (nothing.text, nothing.absent) == (None, 1.0)


def test_a_saved_reader_is_taken_by_its_model_and_refused_by_another(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    model = model_of(tokenizer)
    model.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    of = sketch(model)
    save_reader(tmp_path / "reader.safetensors", adapted(model, SPEC), SPEC, of, {"steps": 1})
    assert load_reader(tmp_path / "model", file=tmp_path / "reader.safetensors").spec == SPEC
    save_reader(tmp_path / "other.safetensors", adapted(model_of(tokenizer), SPEC), SPEC, [x + 3 for x in of], {})
    with pytest.raises(IncompatibleError, match="no reader was trained for this model"):
        load_reader(tmp_path / "model", file=tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_reader(tmp_path / "nowhere")


@pytest.mark.parametrize(("multiplies", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_model_is_read_in_bf16_only_where_the_processor_multiplies_it(
    tmp_path: Path,
    tiny_tokenizer: TitansTokenizer,
    monkeypatch: pytest.MonkeyPatch,
    multiplies: bool,
    dtype: torch.dtype,
) -> None:
    monkeypatch.setattr(hub, "multiplies_bf16", lambda: multiplies)
    model, _ = load_backbone(checkpoint(tmp_path / "model", tiny_tokenizer))
    assert {p.dtype for p in model.parameters()} == {dtype}
