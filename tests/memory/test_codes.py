"""Codes of topics choose the few that may be near."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

from titans_cli.memory.closed import directions
from titans_cli.memory.codes import coded, likeness, width


def topics(count: int, size: int, seed: int = 0) -> torch.Tensor:
    """Unit rows that point much the same way, as topics do."""
    generator = torch.Generator().manual_seed(seed)
    return normalize(
        2 * normalize(torch.ones(size), dim=0) + 0.1 * torch.randn(count, size, generator=generator), dim=1
    )


def test_a_code_has_a_bit_for_each_number_above_the_centre() -> None:
    centre = torch.tensor([0.1, -0.2, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.3, 0.0])
    rows = torch.tensor([[0.2, -0.3, 0.1, 0.4, -1, -1, -1, 1, 0.4, -0.1], [-9.0] * 10, [9.0] * 10])
    assert coded(rows, centre).tolist() == [[0b10000101, 0b01], [0, 0], [255, 0b11]]
    assert width(10) == 2


def test_likeness_is_the_sum_of_a_topic_s_distances_from_the_centre_with_the_signs_of_the_code() -> None:
    rows, centre = topics(50_000, 20), topics(1, 20, seed=1)[0]
    asked = topics(1, 20, seed=2)[0]
    signs = (rows > centre).float() * 2 - 1
    assert torch.allclose(likeness(coded(rows, centre), asked, centre), signs @ (asked - centre), atol=1e-5)
    assert likeness(coded(rows[:0], centre), asked, centre).shape == (0,)


def test_the_nearest_of_many_topics_is_among_the_likest_hundredth() -> None:
    rows = topics(20_000, 112)
    centre = rows.mean(0)
    for seed in range(1, 21):
        asked = normalize(rows[seed] + 0.03 * topics(1, 112, seed)[0], dim=0)
        nearest = int((rows @ asked).argmax())
        assert nearest in likeness(coded(rows, centre), asked, centre).topk(200).indices.tolist()


def test_packed_rows_have_the_directions_of_their_ints() -> None:
    ints = torch.randint(-7, 8, (30, 12), generator=torch.Generator().manual_seed(3))
    ints[4] = 0
    packed = ((ints[:, ::2] + 8) * 16 + ints[:, 1::2] + 8).to(torch.uint8)
    assert torch.allclose(directions(packed), normalize(ints.float(), dim=1))
