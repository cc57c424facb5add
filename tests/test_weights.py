"""The embedded model is what its card says: small, whole, and really trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from titans_cli.model.engine import EMBEDDED_PATH, Engine
from titans_cli.records import Page

MOST_BYTES = 40_000_000


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load()


def test_it_is_small_enough_for_the_wheel() -> None:
    assert sum(p.stat().st_size for p in EMBEDDED_PATH.iterdir()) < MOST_BYTES


def test_its_card_names_the_weights_it_describes(engine: Engine) -> None:
    card = (EMBEDDED_PATH / "README.md").read_text(encoding="utf-8")
    assert engine.fingerprint[:12] in card


def test_it_loads_through_the_auto_classes_with_the_same_weights(engine: Engine) -> None:
    from transformers import AutoModelForCausalLM

    from titans_cli.paper import hf

    hf.register()
    model: Any = AutoModelForCausalLM.from_pretrained(EMBEDDED_PATH)
    theirs, ours = model.network.state_dict(), engine.network.state_dict()
    assert theirs.keys() == ours.keys()
    assert all(theirs[name].equal(ours[name]) for name in ours)
    assert json.loads((EMBEDDED_PATH / "config.json").read_text())["model_type"] == "titans"


def test_it_is_less_surprised_the_second_time(engine: Engine) -> None:
    """By a part only: it writes what it holds worth asking for, and leaves most of the rest unwritten."""
    path = Path(__file__).parent.parent / "sample_corpora" / "papers" / "2022-querin-hushmeter.md"
    segments = engine.segments([Page(1, path.read_text(encoding="utf-8"))])
    first = engine.read(engine.initial_state(), segments)
    second = engine.read(first.state, segments)
    assert sum(second.surprise) < 0.85 * sum(first.surprise)
