"""From a checkpoint to a model folder: config.json, model.safetensors (fp32), tokenizer.json."""

from __future__ import annotations

from pathlib import Path

import torch

from titans_cli.paper.hf import TitansConfig, TitansForCausalLM
from titans_cli.train.loop import Trainer


@torch.no_grad()
def export(trainer: Trainer, out: Path, *, local: float = 0.0, topic: float = 0.0) -> None:
    """Write the trained network as any transformers model is written, and its tokenizer beside it.

    `local` and `topic` are added to the log scales of a key's two parts: a batch in training has sixteen cells at most,
    a session hundreds, and the more sentences there are to tell apart, the sharper a topic has to be.
    """
    model = TitansForCausalLM(TitansConfig(**trainer.network.spec.to_dict()))
    state = trainer.network.state_dict()
    state["memory.scales"] = state["memory.scales"].cpu() + torch.tensor([local, topic])
    model.network.load_state_dict(state)
    model.save_pretrained(out)
    (out / "tokenizer.json").write_text(trainer.tokenizer.backend.to_str(), encoding="utf-8")
    print(f"wrote {out}: {sum(p.stat().st_size for p in out.iterdir()) / 1e6:.1f} MB")
