"""An update that would poison the memory is rolled back where it happens, said, and survived."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.tiny import SPEC
from titans_cli.memory import MemoryState, objection
from titans_cli.model.engine import Cell, Engine
from titans_cli.records import Page


def poisoned(engine: Engine, texts: list[str], value: float) -> tuple[Engine, dict[int, str], Cell]:
    """Read `texts`, the embedding of one token of the second being `value`."""
    segments = [engine.segments([Page(1, text)])[0] for text in texts]
    only = (set(segments[1].tokens) - set(segments[0].tokens) - set(segments[2].tokens)).pop()
    with torch.no_grad():
        engine.network.embedding.weight[only] = value
    result = engine.read(engine.initial_state(), segments)
    return engine, result.refused, result.state


def test_a_segment_that_is_not_finite_is_left_out_and_named(tiny_folder: Path) -> None:
    texts = ["Alpha was here.", "Zebra quux jumped.", "Alpha was here again."]
    engine, refused, state = poisoned(Engine.load(tiny_folder), texts, float("nan"))
    assert refused == {1: "not finite"}
    sound = [engine.segments([Page(1, text)])[0] for text in (texts[0], texts[2])]
    again = engine.read(engine.initial_state(), sound)
    assert not again.refused
    assert torch.allclose(state.weights, again.state.weights, atol=1e-6)
    assert torch.isfinite(state.weights).all()


def test_an_exploding_update_is_refused() -> None:
    before = MemoryState(torch.ones(1, 4, 4), torch.zeros(1, 1, 1))
    assert objection(before, MemoryState(before.weights * 1e6, before.momentum)) == "exploding"
    assert objection(before, MemoryState(before.weights * 5, before.momentum)) is None


def test_momentum_is_watched_too() -> None:
    before = MemoryState(torch.zeros(1, 2, 2), torch.zeros(1, 2, 2))
    assert objection(before, before._replace(momentum=torch.full((1, 2, 2), torch.inf))) == "not finite"


def test_the_shape_used_here_is_the_tiny_one(tiny_engine: Engine) -> None:
    assert tiny_engine.spec == SPEC
