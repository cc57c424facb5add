"""Every number that was fitted, from `weights.json`, where each set stands with its data, date and command."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from math import exp, log
from typing import Any


@cache
def fits() -> Mapping[str, Mapping[str, Any]]:
    weights: Mapping[str, Mapping[str, Any]] = json.loads(
        files("titans_cli.answers").joinpath("weights.json").read_text(encoding="utf-8")
    )
    return weights


def weights(name: str) -> dict[str, float]:
    """By signal; that of "" is a constant. Raises KeyError for a fit that there is none of."""
    return {signal: float(value) for signal, value in fits()[name]["weights"].items()}


def probability(weights: Sequence[float], signals: Sequence[float]) -> float:
    """Of a logistic model: as many weights as signals."""
    return 1 / (1 + exp(-sum(w * x for w, x in zip(weights, signals, strict=True))))


def log_odds(probability: float) -> float:
    p = min(1 - 1e-4, max(1e-4, probability))
    return log(p / (1 - p))
