"""The outer loop, whatever is trained: steps of an optimizer that are counted, seeded, bounded and saved as they are.

What a step's loss is, and what the tensors mean, is the trainer's own matter.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from titans_cli.train import checkpoint

LONGEST = 1.0  # norm of a step's gradient; a longer one is shortened to that


def smooth(means: dict[str, float], **figures: float) -> None:
    """Move running means a twentieth of the way to what a step gave; what was not there yet begins with it."""
    for name, now in figures.items():
        means[name] = 0.95 * means.get(name, now) + 0.05 * now


class RunPlan(Protocol):
    """What of a run's plan the loop goes by."""

    @property
    def steps(self) -> int: ...

    @property
    def seed(self) -> int: ...

    @property
    def save_every(self) -> int: ...

    def rate(self, step: int) -> float: ...


class OuterLoop:
    """`groups`: of parameters, as AdamW takes them; one may say how many `times` the rate is its own.

    `path`: the checkpoint. `step`: how many steps were made. `seconds`: what those of `run` took.
    """

    def __init__(self, path: Path, groups: Iterable[dict[str, Any]], *, betas: tuple[float, float]) -> None:
        self.path, self.step, self.seconds = path, 0, 0.0
        self.optimizer = torch.optim.AdamW(list(groups), betas=betas)

    def advance(self, loss: Tensor, rate: float) -> float:
        """One step down the gradient of `loss`; returns the gradient's norm. Raises FloatingPointError where that is
        not finite: then nothing has changed."""
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        norm = float(torch.nn.utils.clip_grad_norm_(parameters, LONGEST))
        if not math.isfinite(norm):
            raise FloatingPointError(f"step {self.step}: the gradient is not finite; resume with a lower rate")
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group.get("times", 1.0)
        self.optimizer.step()
        self.step += 1
        return norm

    def run(
        self,
        plan: RunPlan,
        loss_at: Callable[[int, int], Tensor],
        save: Callable[[], object],
        *,
        until: int | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[float]:
        """Step by step to the plan's end, or to `until`; yields each gradient's norm. `save` is called every so many
        steps and at the end, before the step is told.

        `loss_at`: of a step and the seed of all that it draws, which torch has too. It follows from the step alone, so
        a resumed run sees what an uninterrupted one would have seen. Raises FloatingPointError as `advance`.
        """
        last = plan.steps if until is None else min(until, plan.steps)
        while self.step < last and not stop():
            begun, seed = time.monotonic(), plan.seed * 1_000_003 + self.step
            torch.manual_seed(seed)
            norm = self.advance(loss_at(self.step, seed), plan.rate(self.step))
            self.seconds += time.monotonic() - begun
            if self.step % plan.save_every == 0 or self.step == last:
                save()
            yield norm

    def save(self, trained: Mapping[str, Tensor], **record: Any) -> None:
        """`record`: what else a run needs to go on, or to tell that it is another; must be JSON."""
        checkpoint.save(self.path, trained, self.optimizer, {"step": self.step} | record)

    def saved(self) -> dict[str, Any] | None:
        """The record of the last checkpoint, if there is one. Raises DamagedError."""
        return checkpoint.run_of(self.path) if self.path.exists() else None

    def resume(self, record: Mapping[str, Any]) -> dict[str, Tensor]:
        """What was trained, by name; optimizer and step go on from there. Raises DamagedError."""
        trained = checkpoint.load(self.path, self.optimizer)
        self.step = int(record["step"])
        return trained


def warmed_cosine(step: int, steps: int, *, warmup: int, least: float) -> float:
    """Share of the highest rate: up to it within `warmup` steps, and down to `least` of it by half a cosine."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
    return min(1.0, (step + 1) / warmup) * (least + (1 - least) * cosine)
