"""Landmarks: a vector per block, which a question is compared with to jump to the few blocks that matter.

They are the model's own, or those of a sentence encoder put in its place (`ask --landmark-model`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from titans_cli.model.interface import SessionModel
from titans_cli.store import Episodes


class Marks(NamedTuple):
    """The landmarks of a session's blocks, and how a question is put among them."""

    ids: Tensor  # [N], of the blocks
    vectors: Tensor  # [N, L], unit rows; may be mapped from a file
    embed: Callable[[str], Tensor]  # a question to [L]
    own: bool = True  # made by the session's model, not by another encoder

    def scores(self, question: str) -> dict[int, float]:
        """The cosine of every block's landmark with the question's."""
        if not len(self.ids):
            return {}
        return dict(zip(self.ids.tolist(), (self.vectors @ self.embed(question)).tolist(), strict=True))


def own_vectors(episodes: Episodes, engine: SessionModel) -> tuple[Tensor, Tensor]:
    """Ids [N] and landmarks [N, L] as the session's model left them while it read."""
    ids, width, raw = episodes.landmarks()
    if not ids or width != engine.landmark_width:
        return torch.empty(0, dtype=torch.long), torch.empty(0, engine.landmark_width)
    return torch.tensor(ids), torch.frombuffer(bytearray(raw), dtype=torch.float32).view(len(ids), width)


def own_marks(episodes: Episodes, engine: SessionModel) -> Marks:
    return Marks(*own_vectors(episodes, engine), engine.landmark)
