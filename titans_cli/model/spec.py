"""The shape of a native Titans model, free of transformers so that the command line starts fast."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from titans_cli.memory import MemoryConfig


@dataclass(frozen=True, slots=True)
class TitansSpec:
    """Shape of a `TitansNetwork`.

    `segment_length` is part of the model: attention never looks past a segment and the memory is written once per
    segment, so serving with another length than the one trained with degrades it.
    """

    vocab_size: int = 8192
    d_model: int = 192
    n_heads: int = 4
    lower_layers: int = 3
    upper_layers: int = 1
    segment_length: int = 128
    persistent_tokens: int = 8
    d_landmark: int = 128
    d_key: int = 64
    features: int = 4096
    d_value: int = 128
    conv: int = 4
    momentum: float = 0.0

    @property
    def memory(self) -> MemoryConfig:
        return MemoryConfig(
            d_key=self.d_key,
            features=self.features,
            d_value=self.d_value,
            conv=self.conv,
            momentum=self.momentum,
        )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TitansSpec:
        return cls(**{f.name: values[f.name] for f in fields(cls) if f.name in values})
