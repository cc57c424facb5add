"""The neural memory: pure torch, no files, no logging, no transformers.

    config.py     MemoryConfig: what fixes the memory's shape and arithmetic
    features.py   keys -> features: a fixed random Fourier map, the memory's slow first layer
    rules.py      the write rule: one implicit (proximal) step of surprise, momentum and retention per segment
    memory.py     NeuralMemory: projections, gates, write and read
    guard.py      refuses an update that would poison a memory
    closed.py     a memory that has stopped learning, in its dual form of few bits
    session.py    the memory of a whole session on a language model: integers, of fixed size, exact to take away from

Shape suffixes used throughout: B batch, C tokens of a segment, D model width, K key width, F features, V value width.
"""

from titans_cli.memory.config import MemoryConfig
from titans_cli.memory.guard import objection
from titans_cli.memory.memory import MemoryState, NeuralMemory, SegmentInputs, gain

__all__ = [
    "MemoryConfig",
    "MemoryState",
    "NeuralMemory",
    "SegmentInputs",
    "gain",
    "objection",
]
