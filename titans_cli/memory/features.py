"""Keys to features: random Fourier features (Rahimi & Recht 2007, "Random Features for Large-Scale Kernel Machines").

    phi(k) = sqrt(2 / F) [cos(s Omega^T k), sin(s Omega^T k)],   Omega ~ N(0, 1) fixed,   s learned
    <phi(k), phi(k')> ~ exp(-s^2 |k - k'|^2 / 2)                 |phi(k)| = 1 exactly

Three properties earn it the place of the first layer. Every feature vector has norm 1, so one gate value means one
step size for every token. Unlike keys are nearly orthogonal (there is no common mode as with rectified features), so
that a fact written later hardly disturbs one written before. And the kernel does not depend on the width: F may be
raised after training, for more capacity, without training again.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class FourierFeatures(nn.Module):
    """phi of the module docstring. `width` features are in use, at most the `features` it was made with."""

    omega_KF: Tensor

    def __init__(self, d_key: int, features: int, bandwidth: float) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(20_501_663)
        self.register_buffer("omega_KF", torch.randn(d_key, features // 2, generator=generator))
        self.log_scale = nn.Parameter(torch.tensor(math.log(bandwidth)))
        self.width = features

    def forward(self, k_BCK: Tensor) -> Tensor:
        """Unit keys [..., C, K] to unit features [..., C, F]."""
        half = self.width // 2
        angle = (k_BCK * self.log_scale.exp()) @ self.omega_KF[:, :half].to(k_BCK.dtype)
        return torch.cat([angle.cos(), angle.sin()], dim=-1).mul_(half**-0.5)
