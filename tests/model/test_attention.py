"""Sliding-window attention against a plain masked softmax, whole and in parts, and what its cache holds."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from titans_cli.model.attention import BLOCK, WindowAttention, rotate

WIDTH, HEADS, PREFIX = 16, 2, 3


def make(window: int) -> WindowAttention:
    torch.manual_seed(0)
    return WindowAttention(WIDTH, HEADS, window).double().requires_grad_(False)


def stream(length: int, batch: int = 2, seed: int = 1) -> Tensor:
    return torch.randn(batch, length, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def prefix(rows: int = PREFIX) -> Tensor:
    return stream(rows, seed=2)


def naive(attention: WindowAttention, x: Tensor, before: Tensor) -> Tensor:
    """Query by query, head by head: softmax over the prefix and the last `window` tokens, positions by rotation."""
    size, out = WIDTH // HEADS, torch.zeros_like(x)
    angles = 10_000.0 ** (-torch.arange(size // 2, dtype=torch.float32) / (size // 2)).double()

    def turned(vector: Tensor, position: int) -> Tensor:
        pairs = torch.complex(vector[: size // 2], vector[size // 2 :]) * torch.polar(
            torch.ones_like(angles), angles * position
        )
        return torch.cat([pairs.real, pairs.imag])

    for b in range(len(x)):
        q = attention.w_q(x[b])
        k, v = attention.w_kv(x[b]).chunk(2, dim=-1)
        pk, pv = attention.w_kv(before[b]).chunk(2, dim=-1)
        for h in range(HEADS):
            part = slice(h * size, (h + 1) * size)
            for i in range(x.shape[1]):
                near = range(max(i - attention.window + 1, 0), i + 1)
                scores = [q[i, part] @ row for row in pk[:, part]]
                scores += [turned(q[i, part], i) @ turned(k[j, part], j) for j in near]
                weights = (torch.stack(scores) / size**0.5).softmax(0)
                out[b, i, part] = weights @ torch.cat([pv[:, part], v[near.start : i + 1, part]])
    return out @ attention.w_o.weight.T


@pytest.mark.parametrize("window", [1, 2, 7, 20, 1000])
@pytest.mark.parametrize("rows", [0, PREFIX])
def test_it_is_the_masked_softmax(window: int, rows: int) -> None:
    attention, x, before = make(window), stream(20), prefix(rows)
    y, _ = attention(x, attention.initial_state(before))
    assert torch.allclose(y, naive(attention, x, before), atol=1e-12)


def test_it_is_the_masked_softmax_across_blocks() -> None:
    attention, x, before = make(5), stream(BLOCK + 12, batch=1), prefix()[:1]
    y, _ = attention(x, attention.initial_state(before))
    assert torch.allclose(y, naive(attention, x, before), atol=1e-12)


@pytest.mark.parametrize("window", [1, 2, 7, 40, 1000])
@pytest.mark.parametrize("cuts", [[1] * 40, [39, 1], [1, 39], [6, 7, 8, 19], [20, 20]], ids=str)
def test_outputs_do_not_depend_on_how_a_stream_is_cut(window: int, cuts: list[int]) -> None:
    attention, x = make(window), stream(40)
    state, parts = attention.initial_state(prefix()), []
    for part in torch.split_with_sizes(x, cuts, 1):
        y, state = attention(part, state)
        parts.append(y)
    whole, after = attention(x, attention.initial_state(prefix()))
    assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-12)
    assert torch.allclose(state.keys, after.keys, atol=1e-12)
    assert state.position == after.position == 40


@pytest.mark.parametrize("window", [1, 4, 50])
def test_the_cache_is_bounded_by_the_window(window: int) -> None:
    """Also in bytes: no view that keeps a long stream alive."""
    attention = make(window)
    _, state = attention(stream(3 * BLOCK), attention.initial_state(prefix()))
    for _ in range(2):
        assert state.keys.shape == state.values.shape == (2, HEADS, window - 1, WIDTH // HEADS)
        assert state.keys.untyped_storage().nbytes() <= 2 * (window + BLOCK) * WIDTH * 8
        _, state = attention(stream(1), state)


def test_a_token_is_seen_by_itself_and_the_window_after_it_only() -> None:
    attention, x = make(6), stream(30)
    other = x.clone()
    other[:, 10] += 1
    a, b = (attention(t, attention.initial_state(prefix()))[0] for t in (x, other))
    touched = [i for i in range(30) if not torch.equal(a[:, i], b[:, i])]
    assert touched == list(range(10, 16))


def test_the_prefix_is_seen_from_everywhere() -> None:
    attention, x = make(4), stream(40)
    a, b = (attention(x, attention.initial_state(p))[0] for p in (prefix(), prefix() + 0.1))
    assert bool(((a - b).abs().amax(-1) > 1e-6).all())


@pytest.mark.parametrize("position", [1, 1000, 10_000_000])
def test_only_distances_count_however_far_the_stream_has_gone(position: int) -> None:
    attention, x = make(8), stream(20)
    near = attention.initial_state(prefix())
    far = near._replace(position=position)
    assert torch.allclose(attention(x, near)[0], attention(x, far)[0], atol=1e-7)


def test_a_state_is_a_value() -> None:
    """Two continuations of one state do not meet."""
    attention = make(8)
    _, state = attention(stream(20), attention.initial_state(prefix()))
    kept = [t.clone() for t in state[:4]]
    first, _ = attention(stream(5, seed=3), state)
    attention(stream(5, seed=4), state)
    again, _ = attention(stream(5, seed=3), state)
    assert torch.equal(first, again)
    assert all(torch.equal(a, b) for a, b in zip(state[:4], kept, strict=True))


def test_a_window_holds_at_least_its_token() -> None:
    with pytest.raises(ValueError, match="at least"):
        WindowAttention(WIDTH, HEADS, 0)


def test_rotation_keeps_lengths_and_whole_positions_are_single_precision() -> None:
    x = torch.randn(1, 2, 5, 8)
    at = torch.arange(5)
    assert torch.allclose(rotate(x, at).norm(dim=-1), x.norm(dim=-1), atol=1e-6)
    assert torch.equal(rotate(x, at), rotate(x, at.float()))
