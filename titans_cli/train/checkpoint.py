"""Checkpoints: what is trained, the optimizer's state and a record of the run, in one safetensors file.

It is replaced as a whole, so that a run stopped at any moment goes on from the last one. What the tensors mean is the
trainer's own matter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from titans_cli.errors import DamagedError

TRAINED, OPTIMIZER = "trained.", "optimizer."


def save(path: Path, trained: Mapping[str, Tensor], optimizer: torch.optim.Optimizer, run: Mapping[str, Any]) -> None:
    """Write `trained` by name, the optimizer's state, and `run`, which must be JSON."""
    state = optimizer.state_dict()["state"]
    tensors = {f"{TRAINED}{name}": value for name, value in trained.items()}
    tensors |= {f"{OPTIMIZER}{n}.{name}": value for n, of in state.items() for name, value in of.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{path.name}")
    copies = {name: value.detach().cpu().clone() for name, value in tensors.items()}  # none may share memory
    save_file(copies, temporary, metadata={"run": json.dumps(dict(run))})
    temporary.replace(path)


def run_of(path: Path) -> dict[str, Any]:
    """The record of the run that was saved. Raises DamagedError."""
    try:
        with safe_open(path, framework="pt") as handle:
            run: dict[str, Any] = json.loads((handle.metadata() or {})["run"])
    except (SafetensorError, KeyError, ValueError) as error:
        raise _damaged_checkpoint(path, error) from error
    return run


def load(path: Path, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What was trained, by name; `optimizer` continues from its saved state. Raises DamagedError."""
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise _damaged_checkpoint(path, error) from error
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith(OPTIMIZER):
            number, name = key.removeprefix(OPTIMIZER).split(".", 1)
            state.setdefault(int(number), {})[name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    return {key.removeprefix(TRAINED): value for key, value in tensors.items() if key.startswith(TRAINED)}


def _damaged_checkpoint(path: Path, error: Exception) -> DamagedError:
    hint = "Remove it to begin the training again, or give another file"
    return DamagedError(f"this is no checkpoint that can be read: {error}", subject=str(path), hint=hint)
