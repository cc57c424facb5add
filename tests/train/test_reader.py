"""Training a reader: it learns, it can be stopped anywhere between saves, and calibration writes what `ask` loads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import zstandard
from transformers import PreTrainedTokenizerFast

from tests.model.backbones import backbone, fast_tokenizer
from titans_cli.model.reader import END, ReaderFinding, ReaderSpec, load_reader, probability
from titans_cli.model.tokenizer import TitansTokenizer
from titans_cli.train.calibration import Trial, calibrated, figures, normal
from titans_cli.train.reader import ReaderTrainer, Schedule

SPEC = ReaderSpec(rank=4, first_layer=1)
NAMES = ("Anna", "Boris", "Clara", "Dorin", "Edda", "Falk")


def write(path: Path, records: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    asked = [
        {"question": f"Who keeps mill {n}?", "answers": [name], "context": f"Mill {n}. The mill is kept by {name} now."}
        for n, name in enumerate(NAMES * 4)
    ]
    write(folder / "qa/train/nq_open_oracle.jsonl", asked)
    for name in ("timeqa_docs", "timeqa", "factbook", "openstax_glossary", "openstax_exercises"):
        write(folder / f"qa/train/{name}.jsonl", [])
    (folder / "text").mkdir()
    for name in ("factbook", "openstax"):
        (folder / f"text/{name}.jsonl.zst").write_bytes(zstandard.compress(b""))
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: TitansTokenizer) -> Path:
    folder, fast = tmp_path_factory.mktemp("backbone"), fast_tokenizer(tiny_tokenizer)
    assert isinstance(fast, PreTrainedTokenizerFast)
    fast.add_special_tokens({"additional_special_tokens": ["<|im_start|>", END]})
    made = backbone("llama")
    made.resize_token_embeddings(len(fast))
    made.save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


def trainer(data: Path, model: Path, work: Path, steps: int) -> ReaderTrainer:
    work.mkdir(exist_ok=True)
    return ReaderTrainer(data, model, work, Schedule(steps, batch=4, decay=4, warmup=1), SPEC, compiled=False)


def test_a_run_that_was_stopped_ends_as_one_that_was_not(data: Path, model: Path, tmp_path: Path) -> None:
    whole = trainer(data, model, tmp_path / "whole", 16)
    whole.train()
    stopped = trainer(data, model, tmp_path / "parts", 16)
    stopped.train_until(8)
    stopped.save()
    resumed = trainer(data, model, tmp_path / "parts", 16)
    assert resumed.resume()
    assert resumed.outer.step == 8
    resumed.train()
    for name, p in whole.named.items():
        assert torch.equal(p, resumed.named[name]), name


def test_what_is_saved_is_loaded_into_the_model(data: Path, model: Path, tmp_path: Path) -> None:
    made = trainer(data, model, tmp_path, 8)
    made.train()
    reader = load_reader(model, file=tmp_path / "reader.safetensors")
    assert reader.spec == SPEC
    assert reader.find("Who keeps mill 3?", ["The mill is kept by Dorin now."]) is not None


def test_calibration_tells_the_right_from_the_wrong() -> None:
    done = [
        Trial(ReaderFinding(0, 0, 1, (-n / 10, -5.0, 3.0, 1.0), (5.0 if held else -5.0, -1.0, -1.0, 1.0)), n < 10, held)
        for n in range(20)
        for held in (True, False)
    ]
    spec = calibrated(done, ReaderSpec())
    assert probability(spec.right, (-0.1, -5.0, 3.0, 1.0)) > 0.8
    assert probability(spec.right, (-1.9, -5.0, 3.0, 1.0)) < 0.2
    told = figures(done, spec)
    assert (told["refused.wrongly"], told["refused.rightly"], told["exact"]) == (0.0, 1.0, 0.5)


def test_answers_are_compared_without_articles_case_and_punctuation() -> None:
    assert normal("The  Mill, of Brixholm.") == normal("mill of brixholm")
