"""Attention: what every kind here shares, and the sliding-window kind that MAG and MAL put beside their memory.

A token sees itself, the window - 1 tokens before it, and a prefix (the persistent tokens) that never leaves its view
(SW-Attn* of arXiv 2501.00663, eq. 27). Positions are rotary. In the window only distances count; against the prefix
queries go unrotated, so that it looks the same from everywhere in a stream.

Shapes: B streams (or segments), N tokens of a call, C of a block, P of the prefix, D width, H heads, E width of a head.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

BLOCK = 128  # queries that attend at once: bounds what a long call needs to (window + BLOCK) x BLOCK scores a head


def rotate(x_BHNE: Tensor, positions_N: Tensor) -> Tensor:
    """Rotary position embedding (RoFormer) over the last dimension.

    Angles are computed in the precision of the positions: whole numbers in single, which is enough inside a segment;
    float64 far into a stream, where single precision has no digits left for an angle.
    """
    half = x_BHNE.shape[-1] // 2
    inverse = 10_000.0 ** (-torch.arange(half, device=x_BHNE.device, dtype=torch.float32) / half)
    angle = positions_N[:, None] * inverse
    cos, sin = angle.cos().to(x_BHNE.dtype), angle.sin().to(x_BHNE.dtype)
    left, right = x_BHNE.chunk(2, dim=-1)
    return torch.cat([left * cos - right * sin, right * cos + left * sin], dim=-1)


class Heads(nn.Module):
    """To the queries, keys and values of the heads, and back."""

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.w_q = nn.Linear(d_model, d_model, bias=False)
        self.w_kv = nn.Linear(d_model, 2 * d_model, bias=False)
        self.w_o = nn.Linear(d_model, d_model, bias=False)

    def _split(self, x_BND: Tensor) -> Tensor:
        return torch.unflatten(x_BND, -1, (self.n_heads, -1)).transpose(1, 2)

    def queries(self, x_BND: Tensor) -> Tensor:
        return self._split(self.w_q(x_BND))

    def keys_values(self, x_BND: Tensor) -> tuple[Tensor, Tensor]:
        keys, values = self.w_kv(x_BND).chunk(2, dim=-1)
        return self._split(keys), self._split(values)

    def join(self, x_BHNE: Tensor) -> Tensor:
        out: Tensor = self.w_o(x_BHNE.transpose(1, 2).flatten(2))
        return out


class Window(NamedTuple):
    """What a window carries from one call to the next: bounded, however much was read. A value, never changed."""

    prefix_keys: Tensor  # [B, H, P, E], not rotated
    prefix_values: Tensor  # [B, H, P, E]
    keys: Tensor  # [B, H, fewer than the window, E], rotated
    values: Tensor  # the same shape
    position: int  # tokens read, without the prefix


class WindowAttention(Heads):
    """[B, N, D] to [B, N, D] for any N >= 1, with the same results however a stream is cut into calls."""

    def __init__(self, d_model: int, n_heads: int, window: int) -> None:
        super().__init__(d_model, n_heads)
        if window < 1:
            raise ValueError(f"a window is at least the token itself: {window}")
        self.window = window

    def initial_state(self, prefix_BPD: Tensor) -> Window:
        """The state before the first token, with what every token is to see."""
        keys, values = self.keys_values(prefix_BPD)
        return Window(keys, values, keys[:, :, :0], values[:, :, :0], 0)

    def forward(self, x_BND: Tensor, state: Window) -> tuple[Tensor, Window]:
        parts = []
        for start in range(0, x_BND.shape[1], BLOCK):
            part, state = self._block(x_BND[:, start : start + BLOCK], state)
            parts.append(part)
        return torch.cat(parts, dim=1), state

    def _block(self, x_BCD: Tensor, state: Window) -> tuple[Tensor, Window]:
        new, old = x_BCD.shape[1], state.keys.shape[2]
        at = torch.arange(new, device=x_BCD.device, dtype=torch.float64) + state.position
        queries, (keys, values) = self.queries(x_BCD), self.keys_values(x_BCD)
        keys = torch.cat([state.keys, rotate(keys, at)], dim=2)
        values = torch.cat([state.values, values], dim=2)
        row = torch.arange(old, old + new, device=x_BCD.device)[:, None]  # where each query's own key is
        age = row - torch.arange(old + new, device=x_BCD.device)
        near = (rotate(queries, at) @ keys.mT).masked_fill((age < 0) | (age >= self.window), -torch.inf)
        scores = torch.cat([queries @ state.prefix_keys.mT, near], dim=-1) * queries.shape[-1] ** -0.5
        out = scores.softmax(dim=-1) @ torch.cat([state.prefix_values, values], dim=2)
        kept = max(old + new - (self.window - 1), 0)
        after = state._replace(keys=keys[:, :, kept:], values=values[:, :, kept:], position=state.position + new)
        return self.join(out), after
