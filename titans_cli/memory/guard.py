"""Refuse an update that would poison a memory.

A session reads for hours; one bad segment must not cost it. The rules cannot produce such an update from finite inputs,
but inputs come from a network that was never shown everything, other rules are explicit, and memory can be damaged.
"""

from __future__ import annotations

import math

import torch

from titans_cli.memory.memory import MemoryState

MOST_GROWTH = 1000.0  # of |M| by one segment, relative to 1 + |M|; healthy segments stay below 10


def objection(before: MemoryState, after: MemoryState) -> str | None:
    """Why `after` must not replace `before`: "not finite" or "exploding"; None when it may."""
    # a norm is finite only if every number is, and takes a fraction of the time of looking at each
    grown, moving = (float(torch.linalg.vector_norm(part)) for part in after)
    if not (math.isfinite(grown) and math.isfinite(moving)):
        return "not finite"
    return "exploding" if grown > MOST_GROWTH * (1 + float(torch.linalg.vector_norm(before.weights))) else None
