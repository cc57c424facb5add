"""A checkpoint brings back what was trained and the optimizer's state, bit for bit; a damaged one is told as such."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from titans_cli.errors import DamagedError
from titans_cli.train import checkpoint


def parameters() -> list[Tensor]:
    torch.manual_seed(0)
    return [torch.nn.Parameter(torch.randn(3, 2)), torch.nn.Parameter(torch.randn(4))]


def step(values: list[Tensor], optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    torch.stack([v.square().sum() for v in values]).sum().backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def test_a_step_after_loading_is_the_step_without_stopping(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "checkpoint"
    whole = parameters()
    optimizer = torch.optim.AdamW(whole)
    step(whole, optimizer)
    checkpoint.save(path, {"a": whole[0], "b.c": whole[1]}, optimizer, {"step": 1})
    step(whole, optimizer)

    again = parameters()
    resumed = torch.optim.AdamW(again)
    trained = checkpoint.load(path, resumed)
    assert sorted(trained) == ["a", "b.c"]
    with torch.no_grad():
        again[0].copy_(trained["a"])
        again[1].copy_(trained["b.c"])
    step(again, resumed)
    assert all(torch.equal(x, y) for x, y in zip(whole, again, strict=True))
    assert checkpoint.run_of(path) == {"step": 1}
    assert [p.name for p in path.parent.iterdir()] == ["checkpoint"]


@pytest.mark.parametrize("keep", [0, 5, 100])
def test_a_truncated_checkpoint_is_damaged_and_the_error_names_it(tmp_path: Path, keep: int) -> None:
    path, values = tmp_path / "checkpoint", parameters()
    optimizer = torch.optim.AdamW(values)
    checkpoint.save(path, {"a": values[0]}, optimizer, {"step": 0})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DamagedError, match="no checkpoint"):
        checkpoint.run_of(path)
    with pytest.raises(DamagedError) as told:
        checkpoint.load(path, optimizer)
    assert told.value.subject == str(path)
