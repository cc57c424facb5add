"""Codes of a model's topics, to choose among many cells those that may be near (`memory/codes.py`)."""

from __future__ import annotations

from importlib.resources import files

import torch
from torch import Tensor

from titans_cli.memory.closed import directions
from titans_cli.memory.codes import coded, likeness
from titans_cli.model.interface import SessionModel
from titans_cli.records import Page

__all__ = ["centre_of", "codes_of", "likeness"]
CENTRE_STEPS = 256  # of the centre's numbers, in 1: the same codes whatever the number of threads
GENERAL = "general.txt"  # ten sentences of different kinds; twenty give no better a centre (docs/log.md, 2026-11-28)


def centre_of(engine: SessionModel) -> Tensor:
    """The mean topic [T] of general text: a model's own, so that nothing of a document is in it."""
    text = files("titans_cli.model").joinpath(GENERAL).read_text(encoding="utf-8")
    segments = engine.segments([Page(1, text)])[: engine.cell_segments]
    topics = engine.read(engine.initial_state(), segments).state.topics.float()
    mean = topics.mean(0) if len(topics) else topics.new_zeros(topics.shape[1])
    return mean.mul(CENTRE_STEPS).round().div(CENTRE_STEPS)


def codes_of(topics: Tensor, centre_T: Tensor) -> Tensor:
    """The codes [N, B] of topics as `ShelvedCell` has them."""
    return coded(directions(topics) if topics.dtype == torch.uint8 else topics.float(), centre_T)
