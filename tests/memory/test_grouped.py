"""Attention over blocks behind landmarks: equal to its definition, and every query's weights sum to 1."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from titans_cli.memory import SegmentInputs, attended, grouped_softmax

DOUBLE = torch.float64


def scores(queries: int, blocks: int, tokens: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    make = torch.Generator().manual_seed(seed)
    return (
        torch.randn(queries, blocks, tokens, generator=make, dtype=DOUBLE) * 5,
        torch.randn(queries, blocks, generator=make, dtype=DOUBLE) * 5,
    )


def by_definition(rows: list[list[float]], marks: list[float]) -> list[list[float]]:
    """A token and a block at a time, as the paper says it."""
    there = [any(s > -math.inf for s in row) and mark > -math.inf for row, mark in zip(rows, marks, strict=True)]
    of_all = sum(math.exp(mark) for mark, t in zip(marks, there, strict=True) if t)
    return [
        [math.exp(mark) / of_all * math.exp(s) / sum(map(math.exp, row)) if t else 0.0 for s in row]
        for row, mark, t in zip(rows, marks, there, strict=True)
    ]


@given(
    st.integers(1, 4).flatmap(
        lambda tokens: st.lists(
            st.tuples(
                st.one_of(st.floats(-30, 30), st.just(-math.inf)),
                st.lists(st.one_of(st.floats(-30, 30), st.just(-math.inf)), min_size=tokens, max_size=tokens),
            ),
            min_size=1,
            max_size=5,
        )
    )
)
def test_it_is_what_the_definition_says(blocks: list[tuple[float, list[float]]]) -> None:
    landmarks, rows = [mark for mark, _ in blocks], [row for _, row in blocks]
    weights = grouped_softmax(torch.tensor([rows], dtype=DOUBLE), torch.tensor([landmarks], dtype=DOUBLE))[0]
    assert torch.allclose(weights, torch.tensor(by_definition(rows, landmarks), dtype=DOUBLE), atol=1e-12)
    anything = any(mark > -math.inf and max(row) > -math.inf for mark, row in blocks)
    assert float(weights.sum()) == pytest.approx(1.0 if anything else 0.0)


def test_the_weights_of_every_query_sum_to_one() -> None:
    weights = grouped_softmax(*scores(7, 5, 11))
    assert torch.allclose(weights.sum((-1, -2)), torch.ones(7, dtype=DOUBLE), atol=1e-12)
    assert bool((weights >= 0).all())


def test_a_block_gets_what_its_landmark_is_worth_however_many_tokens_it_has() -> None:
    tokens, marks = scores(3, 4, 6)
    longer = torch.cat([tokens, tokens[:, :1].expand(-1, 4, -1)], dim=-1)
    for some in (tokens, longer):
        assert torch.allclose(grouped_softmax(some, marks).sum(-1), marks.softmax(-1), atol=1e-12)


def test_one_block_is_plain_attention() -> None:
    tokens, marks = scores(3, 1, 6)
    assert torch.allclose(grouped_softmax(tokens, marks)[:, 0], tokens[:, 0].softmax(-1), atol=1e-12)


def test_a_block_without_tokens_leaves_the_others_as_they_are() -> None:
    tokens, marks = scores(2, 3, 4)
    with_none = torch.cat([tokens, torch.full((2, 1, 4), -math.inf, dtype=DOUBLE)], dim=1)
    weights = grouped_softmax(with_none, torch.cat([marks, marks.new_full((2, 1), 50.0)], dim=1))
    assert torch.equal(weights[:, 3], torch.zeros(2, 4, dtype=DOUBLE))
    assert torch.allclose(weights[:, :3], grouped_softmax(tokens, marks), atol=1e-12)


@pytest.mark.parametrize("hidden", [False, True])
def test_its_gradients_are_right(hidden: bool) -> None:
    tokens, marks = scores(2, 3, 4)
    if hidden:
        tokens[0, 1, 2] = tokens[1, 0, :2] = -math.inf
        there = (tokens > -math.inf).to(DOUBLE)
        free = tokens.nan_to_num(neginf=0.0).requires_grad_()
        give = lambda t, m: grouped_softmax(t.masked_fill(there == 0, -math.inf), m)  # noqa: E731
    else:
        free, give = tokens.requires_grad_(), grouped_softmax
    assert torch.autograd.gradcheck(give, (free, marks.requires_grad_()))


def blocks(seed: int = 0) -> SegmentInputs:
    make = torch.Generator().manual_seed(seed)
    keys, values = torch.randn(3, 5, 8, generator=make), torch.randn(3, 5, 4, generator=make)
    theta = torch.rand(3, 5, generator=make) + 0.1
    theta[1, 3:] = 0.0  # padding
    return SegmentInputs(keys, values, theta, torch.zeros(3), torch.zeros(3))


def test_a_sharp_query_finds_the_value_of_its_key() -> None:
    b = blocks()
    found = attended(b.keys[2, 1:3], b, torch.zeros(3), sharpness=1000.0)
    # every block has its say, by its landmark: a third of it is what the key is bound to
    rest = attended(b.keys[2, 1:3], b, torch.tensor([0.0, 0.0, -torch.inf]), sharpness=1000.0) * 2 / 3
    assert torch.allclose(found - rest, b.values[2, 1:3] / 3, atol=1e-4)
    alone = attended(b.keys[2, 1:3], b, torch.tensor([-torch.inf, -torch.inf, 0.0]), sharpness=1000.0)
    assert torch.allclose(alone, b.values[2, 1:3], atol=1e-4)


def test_padding_is_not_attended_to() -> None:
    b, other = blocks(), blocks()
    other.keys[1, 3:], other.values[1, 3:] = 7.0, 9.0
    query = torch.ones(2, 8)
    assert torch.equal(attended(query, b, torch.zeros(3)), attended(query, other, torch.zeros(3)))
    changed = blocks()
    changed.values[1, 2] += 1.0
    assert not torch.equal(attended(query, b, torch.zeros(3)), attended(query, changed, torch.zeros(3)))


def test_what_is_written_more_weighs_more() -> None:
    b = blocks()
    flat = b._replace(keys=torch.ones_like(b.keys))
    weight = flat.theta / (1 + flat.theta)
    mean = (weight[:, :, None] * flat.values).sum(1) / weight.sum(1)[:, None]
    assert torch.allclose(attended(torch.ones(1, 8), flat, torch.zeros(3))[0], mean.mean(0), atol=1e-5)
