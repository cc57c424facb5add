"""The Fourier features: unit norm, a kernel that is a Gaussian of distance, and room to widen."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as fn

from titans_cli.memory.features import FourierFeatures


def keys(count: int, width: int = 16, seed: int = 0) -> Tensor:
    return fn.normalize(torch.randn(count, width, generator=torch.Generator().manual_seed(seed)), dim=-1)


@pytest.mark.parametrize("width", [2, 64, 4096])
@pytest.mark.parametrize("bandwidth", [0.1, 2.0, 20.0])
def test_every_feature_vector_has_norm_one(width: int, bandwidth: float) -> None:
    with torch.no_grad():
        phi = FourierFeatures(16, width, bandwidth)(keys(50))
    assert phi.shape == (50, width)
    assert torch.allclose(phi.norm(dim=-1), torch.ones(50), atol=1e-6)


@pytest.mark.parametrize("bandwidth", [0.5, 2.0])
def test_the_kernel_is_a_gaussian_of_the_distance_of_keys(bandwidth: float) -> None:
    with torch.no_grad():
        phi = FourierFeatures(16, 65_536, bandwidth)(keys(40))
    distance = torch.cdist(keys(40), keys(40))
    assert torch.allclose(phi @ phi.mT, (-(bandwidth**2) * distance**2 / 2).exp(), atol=0.03)


def test_a_learned_scale_is_the_bandwidth_of_the_kernel() -> None:
    made, learned = FourierFeatures(16, 256, 3.0), FourierFeatures(16, 256, 1.0)
    with torch.no_grad():
        learned.log_scale.fill_(math.log(3.0))
        assert torch.allclose(made(keys(5)), learned(keys(5)), atol=1e-6)


def test_widening_keeps_dot_products_near() -> None:
    """The kernel does not depend on the width: more features only sharpen it."""
    features = FourierFeatures(16, 32_768, 2.0)
    with torch.no_grad():
        wide = features(keys(40))
        features.width = 4096
        narrow = features(keys(40))
    assert narrow.shape == (40, 4096)
    assert torch.allclose(narrow.norm(dim=-1), torch.ones(40), atol=1e-6)
    assert torch.allclose(narrow @ narrow.mT, wide @ wide.mT, atol=0.1)


def test_the_same_shape_gives_the_same_features_everywhere() -> None:
    torch.manual_seed(1)
    first = FourierFeatures(8, 32, 2.0)
    torch.manual_seed(2)
    assert torch.equal(first.omega_KF, FourierFeatures(8, 32, 2.0).omega_KF)


def test_features_are_drawn_from_a_normal_distribution_with_the_papers_number_as_seed() -> None:
    """A closed cell keeps keys alone: whoever opens it, on any machine, must draw these features."""
    expected = torch.randn(8, 16, generator=torch.Generator().manual_seed(20_501_663))
    assert torch.equal(FourierFeatures(8, 32, 2.0).omega_KF, expected)
