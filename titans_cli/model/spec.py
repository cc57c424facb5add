"""The shape of a native Titans model, free of transformers so that the command line starts fast."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from titans_cli.memory import MemoryConfig

VARIANTS = ("mac", "mag", "mal", "lmm")


@dataclass(frozen=True, slots=True)
class TitansSpec:
    """Shape of a native model: of `TitansNetwork` (variant mac), or of a `StackNetwork` (mag, mal, lmm).

    A memory cell takes `cell_segments` segments of one document, then the next one begins: so capacity grows with what
    is read, and what one document wrote no other can overwrite.

    The up to eight segments that are read at a time are rehearsed `rehearsals` times: written again, in the same order.

    `segment_length` is part of the model: the memory is written once per segment, and in MAC attention never looks past
    one, so serving with another length than the one trained with degrades it.

    A stack has lower_layers + 1 + upper_layers blocks alike, each with its own memory: a network of `memory_depth`
    layers, `memory_expansion` times as wide inside. `window` is for the attention of MAG and MAL. `d_landmark`,
    `d_key`, `features`, `d_value` and `momentum` are MAC's alone.
    """

    vocab_size: int = 8192
    d_model: int = 192
    n_heads: int = 4
    lower_layers: int = 3
    upper_layers: int = 1
    segment_length: int = 128
    persistent_tokens: int = 8
    d_landmark: int = 128
    d_key: int = 48
    d_topic: int = 112
    features: int = 2048
    d_value: int = 128
    conv: int = 4
    momentum: float = 0.0
    variant: str = "mac"
    window: int = 256
    cell_segments: int = 8
    rehearsals: int = 1
    memory_depth: int = 2
    memory_expansion: float = 2.0

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise ValueError(f"no variant {self.variant!r}; there are {', '.join(VARIANTS)}")

    @property
    def n_layers(self) -> int:
        return self.lower_layers + 1 + self.upper_layers

    @property
    def memory(self) -> MemoryConfig:
        return MemoryConfig(
            d_key=self.d_key,
            d_topic=self.d_topic,
            span=self.segment_length,
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
