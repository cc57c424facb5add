"""The neural memory: pure torch, no files, no logging, no transformers.

    config.py     MemoryConfig: what fixes the memory's shape and arithmetic
    features.py   keys -> features: a fixed random Fourier map, the memory's slow first layer
    rules.py      the write rule: one implicit (proximal) step of surprise, momentum and retention per segment
    memory.py     NeuralMemory: projections, gates, write and read
    guard.py      refuses an update that would poison a memory
    closed.py     a memory that has stopped learning, in its dual form of few bits
    grouped.py    attention over blocks of text that each stand behind a landmark
    session.py    the memory of a whole session on a language model: integers, of fixed size, exact to take away from

and, for memories of any depth, with reads inside a chunk, the whole of the paper's rule:

    reference.py     Titans eq. 13-15, a token at a time, to be read next to the paper; what the rest must equal
    fast.py          the fast network: its backward pass by hand, a token's gradient as two factors; L2 and Huber
    coefficients.py  from the gates of a chunk to the weights of its gradients, by scans
    rule.py          WriteRule: what every rule is, and the walk along the grid of chunks
    gradient.py      GradientRule: eq. 13-14, a chunk as a few matrix products
    implicit.py      ImplicitRule: the step of rules.py behind the same interface
    layer.py         MemoryLayer: projections, convolution, gates and output gate around a rule

Shape suffixes used throughout: B batch, C tokens of a segment, D model width, K key width, F features, V value width.
"""

from titans_cli.memory.config import MemoryConfig
from titans_cli.memory.fast import L2, Huber
from titans_cli.memory.gradient import GradientRule
from titans_cli.memory.grouped import attended, grouped_softmax
from titans_cli.memory.guard import objection
from titans_cli.memory.implicit import ImplicitRule
from titans_cli.memory.layer import LayerState, MemoryLayer
from titans_cli.memory.memory import MemoryState, NeuralMemory, SegmentInputs, gain
from titans_cli.memory.rule import RuleState, Tokens, WriteRule

__all__ = [
    "L2",
    "GradientRule",
    "Huber",
    "ImplicitRule",
    "LayerState",
    "MemoryConfig",
    "MemoryLayer",
    "MemoryState",
    "NeuralMemory",
    "RuleState",
    "SegmentInputs",
    "Tokens",
    "WriteRule",
    "attended",
    "gain",
    "grouped_softmax",
    "objection",
]
