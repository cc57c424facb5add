"""Codes of topics: one bit a number, to find among millions of topics the few that may be near to one.

All topics point much the same way (their mean has a length of 0.87), and what tells them apart is what is left when
that is taken away. A code says of each number of a topic whether it is above the same number of the `centre`, which is
the mean topic of general text and belongs to a model, not to what a session has read. A topic that is asked for is not
rounded: its distance from the centre is summed with the signs of each code (asymmetric distances for binary
embeddings, Gordo et al. 2014). Codes choose; whoever needs a cosine takes it from the topics themselves.

Shape suffixes: N topics, T width of a topic, B bytes of a code.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

BITS = 8
_AT_ONCE = 16_384  # codes: their table entries stay in the processor's cache


def width(topic: int) -> int:
    """Bytes of the code of a topic of so many numbers."""
    return -(-topic // BITS)


def coded(topics_NT: Tensor, centre_T: Tensor) -> Tensor:
    """The codes [N, B] uint8 of unit topics; the bits beyond T are 0."""
    n, t = topics_NT.shape
    above = F.pad((topics_NT.float() > centre_T).to(torch.uint8), (0, BITS * width(t) - t)).view(n, width(t), BITS)
    return above.mul(2 ** torch.arange(BITS, dtype=torch.uint8)).sum(2, dtype=torch.uint8)


def likeness(codes_NB: Tensor, topic_T: Tensor, centre_T: Tensor) -> Tensor:
    """How like each coded topic is to a unit topic [N]: more is nearer, and only the order means anything."""
    from_centre = F.pad((topic_T - centre_T).float(), (0, BITS * codes_NB.shape[1] - len(topic_T))).view(-1, BITS)
    signs = 2.0 * (torch.arange(2**BITS)[:, None] >> torch.arange(BITS) & 1) - 1
    sums = (from_centre @ signs.mT).reshape(-1, 1)  # of each byte, what each of its values is worth
    first = 2**BITS * torch.arange(codes_NB.shape[1], dtype=torch.int32)
    like = torch.empty(len(codes_NB))
    for begin in range(0, len(codes_NB), _AT_ONCE):
        some = codes_NB[begin : begin + _AT_ONCE]
        like[begin : begin + len(some)] = F.embedding_bag(some.int() + first, sums, mode="sum")[:, 0]
    return like
