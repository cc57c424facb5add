"""Titans as the paper has it (arXiv 2501.00663), for those who train their own: no session comes here (docs/paper.md).

reference.py     Titans eq. 13-15, a token at a time, to be read next to the paper; what the rest must equal
fast.py          the fast network: its backward pass by hand, a token's gradient as two factors; L2 and Huber
coefficients.py  from the gates of a chunk to the weights of its gradients, by scans
rule.py          WriteRule: what every rule is, and the walk along the grid of chunks
gradient.py      GradientRule: eq. 13-14, a chunk as a few matrix products, a memory of any depth
implicit.py      ImplicitRule: the step of memory/rules.py behind the same interface
layer.py         MemoryLayer: projections, convolution, gates and output gate around a rule
variants.py      MAG, MAL and LMM: stacks of blocks around a MemoryLayer
hf.py            all four networks, MAC (the shipped one) too, as models of transformers
"""

from titans_cli.paper.fast import L2, Huber
from titans_cli.paper.gradient import GradientRule
from titans_cli.paper.implicit import ImplicitRule
from titans_cli.paper.layer import LayerState, MemoryLayer
from titans_cli.paper.rule import RuleState, Tokens, WriteRule

__all__ = [
    "L2",
    "GradientRule",
    "Huber",
    "ImplicitRule",
    "LayerState",
    "MemoryLayer",
    "RuleState",
    "Tokens",
    "WriteRule",
]
