"""What fixes a memory's shape and arithmetic. Two memories with equal configurations can exchange states."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MemoryConfig:
    """Shape of a `NeuralMemory`.

    d_key      width of the local part of keys and queries: what the tokens just before say
    d_topic    width of their other part: what the whole sentence is about
    span       tokens that a topic reaches at most, backwards and (for what is written) forwards
    features   width of the feature layer, and so the capacity: about one bound token for every two features
    d_value    width of what is stored for a token
    conv       width of the causal convolution that gathers keys and queries over neighbouring tokens
    bandwidth  initial scale of a unit key inside the Fourier features; learned from there
    momentum   ceiling of the momentum gate eta; 0 switches momentum off, and its half of the state with it. Off by
               default: trained freely, eta went to 0.97 and turned into an amplifier of small writes, which served
               short streams and ruined long ones (docs/log.md)
    """

    d_key: int = 48
    d_topic: int = 112
    features: int = 2048
    d_value: int = 128
    conv: int = 4
    span: int = 128
    bandwidth: float = 2.0
    momentum: float = 0.0

    def __post_init__(self) -> None:
        if min(self.d_key, self.d_topic, self.span, self.features, self.d_value, self.conv) < 1 or self.features % 2:
            raise ValueError(f"widths must be positive and features even: {self}")
        if not self.bandwidth > 0:
            raise ValueError(f"bandwidth must be positive: {self.bandwidth}")
        if not 0 <= self.momentum <= 1:
            raise ValueError(f"momentum is a ceiling between 0 and 1: {self.momentum}")
