"""From a checkpoint to a model folder: config.json, model.safetensors, tokenizer.json."""

from __future__ import annotations

from pathlib import Path

from titans_cli.train.loop import Trainer


def export(trainer: Trainer, out: Path) -> None:
    raise SystemExit("not yet")
