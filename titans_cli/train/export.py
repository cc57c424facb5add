"""From a checkpoint to a model folder: config.json, model.safetensors (fp32), tokenizer.json."""

from __future__ import annotations

from pathlib import Path

from titans_cli.model.hf import TitansConfig, TitansForCausalLM
from titans_cli.train.loop import Trainer


def export(trainer: Trainer, out: Path) -> None:
    """Write the trained network as any transformers model is written, and its tokenizer beside it."""
    model = TitansForCausalLM(TitansConfig(**trainer.network.spec.to_dict()))
    model.network.load_state_dict(trainer.network.state_dict())
    model.save_pretrained(out)
    (out / "tokenizer.json").write_text(trainer.tokenizer.backend.to_str(), encoding="utf-8")
    print(f"wrote {out}: {sum(p.stat().st_size for p in out.iterdir()) / 1e6:.1f} MB")
