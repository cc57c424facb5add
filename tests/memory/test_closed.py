"""The closed form of a memory: the same function, on rounded keys, in few bytes."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import normalize

from titans_cli.memory.closed import RIDGE, ClosedMemory, closed, columns, cosines, fits, keys_of, opened, outlined
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


def test_a_memory_of_one_key_is_closed_and_opened(features: FourierFeatures) -> None:
    _, weights = learned(features, some_keys(1))
    again = opened(closed(weights, some_keys(1), PARTS, features), PARTS, features)
    assert torch.cosine_similarity(again.flatten(), weights.flatten(), dim=0) > 0.95


@pytest.mark.parametrize("width", [23, 27])
def test_widths_that_cannot_be_packed_are_refused(features: FourierFeatures, width: int) -> None:
    with pytest.raises(ValueError, match=f"packed: {width}"):
        closed(torch.zeros(512, width), some_keys(4), PARTS, features)


def losses(memory: ClosedMemory, features: FourierFeatures) -> list[float]:
    """What the objective of the ridge loses where one row is left out and the others are fitted anew, by doing it."""
    a, weights = features(keys_of(memory, PARTS)).double(), opened(memory, PARTS, features).double()

    def least(kept: list[int]) -> float:
        some = a[kept]
        rows = torch.linalg.solve(some @ some.mT + RIDGE * torch.eye(len(kept)), some @ weights)
        return float((some.mT @ rows - weights).square().sum() + RIDGE * rows.square().sum())

    every = list(range(len(a)))
    return [least([j for j in every if j != i]) - least(every) for i in every]


def of_unequal_worth(features: FourierFeatures, count: int = 16) -> ClosedMemory:
    """The values differ in size; the second key is nearly the first, and so are their values."""
    keys = some_keys(count)
    keys[1] = some_keys(count)[0] + 0.02 * some_keys(count, seed=5)[0]
    keys[1] = torch.cat([normalize(keys[1, : PARTS[0]], dim=0), normalize(keys[1, PARTS[0] :], dim=0)])
    order = torch.randperm(count - 2, generator=torch.Generator().manual_seed(2)).float()
    sizes = torch.cat([torch.tensor([30.0, 30.0]), 1.4**order])
    values = sizes[:, None] * normalize(torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(3)), dim=1)
    values[1] = values[0]
    return closed(features(keys).mT @ values, keys, PARTS, features)


@pytest.mark.parametrize("most", [1, 5, 8, 13])
def test_an_outline_keeps_the_rows_without_which_most_is_lost(features: FourierFeatures, most: int) -> None:
    memory = of_unequal_worth(features)
    worth = losses(memory, features)
    best = sorted(sorted(range(len(worth)), key=lambda i: -worth[i])[:most])
    fitted = closed(opened(memory, PARTS, features), keys_of(memory, PARTS)[best], PARTS, features)
    outline = outlined(memory, most, PARTS, features)
    assert all(torch.equal(a, b) for a, b in zip(outline, fitted, strict=True))


def test_what_another_row_says_as_well_goes_before_what_stands_alone(features: FourierFeatures) -> None:
    """Of rows as large as the two that are nearly one, and of some smaller ones, more would be lost."""
    memory = of_unequal_worth(features)
    keys, kept = keys_of(memory, PARTS), keys_of(outlined(memory, 8, PARTS, features), PARTS)
    rows = [i for i, key in enumerate(keys) if any(torch.equal(key, k) for k in kept)]
    assert len(rows) == 8
    assert not {0, 1} & set(rows)
    sizes = memory.coefficients.shape[1] * memory.coefficient_scales[:, 0]
    assert sizes[rows].min() < sizes[:2].min()


@pytest.mark.parametrize(("most", "rows"), [(0, 0), (16, 16), (17, 16)])
def test_an_outline_of_all_rows_has_all_of_them_and_of_none_none(
    features: FourierFeatures, most: int, rows: int
) -> None:
    memory = of_unequal_worth(features)
    outline = outlined(memory, most, PARTS, features)
    assert fits(outline, PARTS, WIDTH)
    assert torch.equal(outline.keys, memory.keys[:rows])


def test_a_part_of_the_keys_is_cut_out_as_it_is_packed(features: FourierFeatures) -> None:
    kept = closed(torch.zeros(512, WIDTH), some_keys(8), PARTS, features)
    first, second = columns(kept, PARTS, 0), columns(kept, PARTS, 1)
    assert first is not None
    assert second is not None
    assert (first.shape, second.shape) == ((8, 8), (8, 16))
    assert torch.equal(torch.cat([first, second], dim=1), kept.keys)
    third = columns(kept, (16, 16, 16), 1)
    assert third is not None
    assert torch.equal(third, kept.keys[:, 8:16])


@pytest.mark.parametrize(("parts", "part"), [((16, 31, 1), 1), ((15, 33), 0), ((15, 32, 1), 1), ((9, 9, 30), 1)])
def test_a_part_that_does_not_begin_and_end_with_a_byte_is_not_cut_out(
    features: FourierFeatures, parts: tuple[int, ...], part: int
) -> None:
    kept = closed(torch.zeros(512, WIDTH), some_keys(8), PARTS, features)
    assert columns(kept, parts, part) is None


def test_cosines_of_packed_rows_are_those_of_the_rows(features: FourierFeatures) -> None:
    kept = closed(torch.zeros(512, WIDTH), some_keys(30), (sum(PARTS),), features)
    direction = normalize(torch.randn(sum(PARTS), generator=torch.Generator().manual_seed(4)), dim=0)
    expected = torch.cosine_similarity(keys_of(kept, (sum(PARTS),)), direction[None])
    assert torch.allclose(cosines(kept.keys, direction), expected, atol=1e-6)


def test_the_cosine_of_a_row_of_nothing_is_zero_and_of_the_smallest_row_is_whole() -> None:
    nothing, least = [0x88, 0x88], [0x88, 0x98]  # 8 stands for 0
    packed = torch.tensor([nothing, least], dtype=torch.uint8)
    assert cosines(packed, torch.tensor([0.0, 0.0, 1.0, 0.0])).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("field", ClosedMemory._fields)
def test_tensors_of_another_shape_or_kind_do_not_fit(features: FourierFeatures, field: str) -> None:
    kept = closed(torch.zeros(512, WIDTH), some_keys(8), PARTS, features)
    assert fits(kept, PARTS, WIDTH)
    own = getattr(kept, field)
    for other in (own[:-1], own[:, :0], own.float(), torch.empty(0), torch.tensor(1)):
        assert not fits(kept._replace(**{field: other}), PARTS, WIDTH)


def test_rows_that_say_as_much_stay_in_their_order(features: FourierFeatures) -> None:
    memory = closed(torch.zeros(512, WIDTH), some_keys(200), PARTS, features)
    assert torch.equal(outlined(memory, 80, PARTS, features).keys, memory.keys[:80])
