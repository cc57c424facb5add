"""The closed form of a memory: the same function, on rounded keys, in few bytes."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import normalize

from titans_cli.memory.closed import ClosedMemory, closed, fits, keys_of, opened
from titans_cli.memory.features import FourierFeatures
from titans_cli.memory.rules import implicit_step

PARTS = (16, 32)
WIDTH = 24


@pytest.fixture
def features() -> FourierFeatures:
    return FourierFeatures(sum(PARTS), 512, 1.0).requires_grad_(False)


def some_keys(count: int, seed: int = 0) -> torch.Tensor:
    made = torch.randn(count, sum(PARTS), generator=torch.Generator().manual_seed(seed))
    return torch.cat([normalize(made[:, : PARTS[0]], dim=1), normalize(made[:, PARTS[0] :], dim=1)], dim=1)


def learned(features: FourierFeatures, keys: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Values, and the weights [F, V] that hold them."""
    values = torch.randn(len(keys), WIDTH, generator=torch.Generator().manual_seed(1))
    none = torch.zeros(1, features.width, WIDTH)
    step = implicit_step(
        none,
        torch.zeros(1, 1, 1),
        features(keys)[None],
        values[None],
        torch.full((1, len(keys)), 20.0),
        torch.zeros(1),
        torch.zeros(1),
    )
    return values, step.weights_BFV[0]


def test_what_comes_back_answers_as_the_weights_did(features: FourierFeatures) -> None:
    keys = some_keys(60)
    values, weights = learned(features, keys)
    again = opened(closed(weights, keys, PARTS, features), PARTS, features)
    before, after = (torch.cosine_similarity(features(keys) @ w, values).mean() for w in (weights, again))
    assert after > before - 0.05  # keys of random numbers are the hardest to round
    strange = features(some_keys(60, seed=9))
    assert (strange @ again).norm(dim=1).mean() < 1.3 * (strange @ weights).norm(dim=1).mean()


def test_it_takes_half_a_byte_a_number_and_its_scales(features: FourierFeatures) -> None:
    keys = some_keys(60)
    kept = closed(learned(features, keys)[1], keys, PARTS, features)
    assert sum(t.numel() * t.element_size() for t in kept) == 60 * ((sum(PARTS) + WIDTH) // 2 + 2 * (len(PARTS) + 1))


def test_equal_weights_give_equal_bytes_and_these_equal_weights(features: FourierFeatures) -> None:
    keys = some_keys(40)
    one, two = (closed(learned(features, keys)[1], keys, PARTS, features) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    assert torch.equal(opened(one, PARTS, features), opened(two, PARTS, features))


def test_rounded_keys_are_near_and_rounding_them_again_changes_nothing(features: FourierFeatures) -> None:
    kept = closed(torch.zeros(512, WIDTH), some_keys(40), PARTS, features)
    rounded = keys_of(kept, PARTS)
    assert torch.cosine_similarity(rounded, some_keys(40)).min() > 0.98
    again = closed(torch.zeros(512, WIDTH), rounded, PARTS, features)
    assert torch.equal(again.keys, kept.keys)
    assert torch.equal(again.key_scales, kept.key_scales)


def test_a_memory_of_nothing_is_closed_and_opened(features: FourierFeatures) -> None:
    kept = closed(torch.zeros(512, WIDTH), some_keys(0), PARTS, features)
    assert fits(kept, PARTS, WIDTH)
    assert torch.equal(opened(kept, PARTS, features), torch.zeros(512, WIDTH))


def test_widths_that_cannot_be_packed_are_refused(features: FourierFeatures) -> None:
    with pytest.raises(ValueError, match="packed: 23"):
        closed(torch.zeros(512, 23), some_keys(4), PARTS, features)


@pytest.mark.parametrize("field", ClosedMemory._fields)
def test_tensors_of_another_shape_or_kind_do_not_fit(features: FourierFeatures, field: str) -> None:
    kept = closed(torch.zeros(512, WIDTH), some_keys(8), PARTS, features)
    assert fits(kept, PARTS, WIDTH)
    own = getattr(kept, field)
    for other in (own[:-1], own[:, :0], own.float(), torch.empty(0), torch.tensor(1)):
        assert not fits(kept._replace(**{field: other}), PARTS, WIDTH)
