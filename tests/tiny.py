"""A native model small enough to make in a test: random weights, a real tokenizer, the files a model folder has."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from titans_cli.model.spec import TitansSpec
from titans_cli.model.tokenizer import PAD, TitansTokenizer
from titans_cli.paper.hf import TitansConfig, TitansForCausalLM
from titans_cli.records import Segment

SPEC = TitansSpec(
    vocab_size=512,
    d_model=32,
    n_heads=2,
    lower_layers=1,
    upper_layers=1,
    segment_length=64,
    persistent_tokens=2,
    d_landmark=16,
    d_key=16,
    d_topic=16,
    cell_segments=32,
    features=192,
    d_value=24,
)
_WORDS = (
    "memory segment token gradient surprise momentum forgetting kernel feature key value query paper result method "
    "model data stream window reader table figure section theorem proof bound error rate sample curve the a of in on "
    "with from by is was are were shows learns keeps forgets reads writes grows falls holds between under over again"
).split()


def make_sentences(count: int, seed: int = 0) -> list[str]:
    """Sentences of words and numbers, the same for the same seed."""
    rng = random.Random(seed)
    sentences = []
    for _ in range(count):
        words = rng.choices(_WORDS, k=rng.randint(4, 14))
        words.insert(rng.randrange(len(words)), f"{rng.randrange(10_000)}")
        sentences.append(" ".join(words).capitalize() + ".")
    return sentences


def padded(segments: Sequence[Segment], width: int) -> tuple[Tensor, Tensor]:
    """Their tokens [B, width], and which of these are tokens."""
    rows = [[*segment.tokens, *[PAD] * (width - len(segment.tokens))] for segment in segments]
    lengths = torch.tensor([len(segment.tokens) for segment in segments])
    return torch.tensor(rows), torch.arange(width) < lengths[:, None]


def write_folder(folder: Path, tokenizer: TitansTokenizer, spec: TitansSpec = SPEC, seed: int = 0) -> Path:
    """A model folder with random weights, as `titans_cli.train.export` writes one."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = TitansForCausalLM(TitansConfig(**spec.to_dict()))
    model.save_pretrained(folder)
    (folder / "tokenizer.json").write_text(tokenizer.backend.to_str(), encoding="utf-8")
    return folder
