"""The neural memory: pure torch, no files, no logging, no transformers.

    config.py     MemoryConfig: what fixes the memory's shape and arithmetic
    features.py   keys -> features: a fixed random Fourier map, the memory's slow first layer
    rules.py      the write rule: one implicit (proximal) step of surprise, momentum and retention per segment
    memory.py     NeuralMemory: projections, gates, write and read
    guard.py      refuses an update that would poison a memory

Shape suffixes used throughout: B batch, C tokens of a segment, D model width, K key width, F features, V value width.
"""

from titans_cli.memory.config import MemoryConfig
from titans_cli.memory.guard import objection
from titans_cli.memory.memory import MemoryState, NeuralMemory, SegmentInputs

__all__ = ["MemoryConfig", "MemoryState", "NeuralMemory", "SegmentInputs", "objection"]
