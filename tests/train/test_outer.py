"""The outer loop: a step that cannot be made changes nothing, and a run that was stopped goes on as it would have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from titans_cli.train.outer import LONGEST, OuterLoop, warmed_cosine


def loop_of(path: Path) -> tuple[OuterLoop, list[torch.nn.Parameter]]:
    torch.manual_seed(0)
    slow, fast = (torch.nn.Parameter(torch.randn(3)) for _ in range(2))
    return OuterLoop(path, [{"params": [slow]}, {"params": [fast], "times": 5.0}], betas=(0.9, 0.97)), [slow, fast]


def loss_of(parameters: list[torch.nn.Parameter], step: int) -> torch.Tensor:
    return sum(((p - step) ** 2).sum() for p in parameters) * torch.ones(())


def test_a_group_may_go_faster_and_a_long_gradient_is_shortened(tmp_path: Path) -> None:
    outer, parameters = loop_of(tmp_path / "run")
    before = [p.detach().clone() for p in parameters]
    norm = outer.advance(loss_of(parameters, 1000), 0.01)
    assert norm > LONGEST
    left = torch.stack([p.grad.norm() for p in parameters if p.grad is not None])
    assert float(left.norm()) == pytest.approx(LONGEST, rel=1e-4)
    slow, fast = (float((p.detach() - b).abs().mean()) for p, b in zip(parameters, before, strict=True))
    assert fast == pytest.approx(5 * slow, rel=1e-2)  # AdamW's first step is as long as its rate
    assert outer.step == 1


def test_a_gradient_that_is_not_finite_changes_nothing(tmp_path: Path) -> None:
    outer, parameters = loop_of(tmp_path / "run")
    before = [p.detach().clone() for p in parameters]
    with pytest.raises(FloatingPointError, match="step 0"):
        outer.advance(loss_of(parameters, 1) * float("nan"), 0.01)
    assert outer.step == 0
    assert all(torch.equal(p, b) for p, b in zip(parameters, before, strict=True))


@dataclass(frozen=True)
class Plan:
    steps: int = 7
    seed: int = 2
    save_every: int = 3

    def rate(self, step: int) -> float:
        return 0.01


def test_a_run_is_saved_now_and_then_and_at_its_end_before_the_step_is_told(tmp_path: Path) -> None:
    outer, parameters = loop_of(tmp_path / "run")
    saved, norms = list[int](), list[float]()

    def loss_at(step: int, seed: int) -> torch.Tensor:
        return loss_of(parameters, step)

    for norm in outer.run(Plan(), loss_at, lambda: saved.append(outer.step), until=5):
        norms.append(norm)
        assert (outer.step in saved) == (outer.step in {3, 5})
    assert (outer.step, saved, len(norms)) == (5, [3, 5], 5)
    assert list(outer.run(Plan(), loss_at, lambda: saved.append(outer.step), stop=lambda: True)) == []
    assert len(list(outer.run(Plan(), loss_at, lambda: saved.append(outer.step)))) == 2
    assert saved == [3, 5, 6, 7]
    assert outer.seconds > 0


def test_what_a_step_draws_follows_from_its_number_alone(tmp_path: Path) -> None:
    """In one go, or taken up in the middle: torch and the trainer's own generators draw the same."""

    def drawn(outer: OuterLoop, parameters: list[torch.nn.Parameter], until: int) -> list[tuple[int, int, float]]:
        draws = list[tuple[int, int, float]]()

        def loss_at(step: int, seed: int) -> torch.Tensor:
            draws.append((step, seed, float(torch.rand(()))))
            return loss_of(parameters, step)

        assert list(outer.run(Plan(), loss_at, lambda: None, until=until))
        return draws

    whole = drawn(*loop_of(tmp_path / "whole"), until=6)
    outer, parameters = loop_of(tmp_path / "run")
    halves = [drawn(outer, parameters, until=3), drawn(outer, parameters, until=6)]
    assert [*halves[0], *halves[1]] == whole
    assert len({seed for _, seed, _ in whole}) == len({value for *_, value in whole}) == 6


def test_a_run_that_was_stopped_goes_on_as_it_would_have(tmp_path: Path) -> None:
    whole, parameters = loop_of(tmp_path / "whole")
    for step in range(6):
        whole.advance(loss_of(parameters, step), 0.01)
    stopped, some = loop_of(tmp_path / "run")
    for step in range(3):
        stopped.advance(loss_of(some, step), 0.01)
    stopped.save({"slow": some[0], "fast": some[1]}, note="kept")
    resumed, others = loop_of(tmp_path / "run")
    record = resumed.saved()
    assert record == {"step": 3, "note": "kept"}
    trained = resumed.resume(record)
    for p, name in zip(others, ("slow", "fast"), strict=True):
        p.data.copy_(trained[name])
    for step in range(3, 6):
        resumed.advance(loss_of(others, step), 0.01)
    assert all(torch.equal(a, b) for a, b in zip(parameters, others, strict=True))


def test_without_a_checkpoint_there_is_no_record(tmp_path: Path) -> None:
    assert loop_of(tmp_path / "none")[0].saved() is None


def test_the_rate_warms_up_and_ends_at_its_least() -> None:
    rates = [warmed_cosine(step, 100, warmup=10, least=0.05) for step in range(101)]
    assert rates[0] == pytest.approx(0.1, rel=0.01)
    assert max(rates) == rates[9]
    assert rates[-1] == pytest.approx(0.05)
