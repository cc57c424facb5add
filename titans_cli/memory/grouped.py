"""Attention over blocks of text that each stand behind a landmark (Mohtashami and Jaggi, arXiv 2305.16300, section 3).

What a memory holds of many documents is compressed; what the blocks hold is not. A query that has been led to a few
blocks reads them as it reads the memory, with the same keys and values, but exactly: where M(q) is what the memory made
of all pairs, this is a softmax over the pairs themselves.

Shape suffixes: Q queries, S blocks, N tokens of a block, K key width, V value width.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from titans_cli.memory.memory import SegmentInputs, gain

SHARPNESS = 120.0  # of the softmax over a block's tokens, by cosine; chosen on training questions (docs/log.md)


def grouped_softmax(scores_QSN: Tensor, landmarks_QS: Tensor) -> Tensor:
    """The weight of every token [..., Q, S, N]: its block's by its landmark, times its own among the block's tokens.

    Equations 2 and 3 of the paper: the tokens of a block compete with each other, the landmarks with each other, so
    that a long block gets no more than its landmark is worth. The paper's own group of recent tokens is the segment
    itself here, which other attention looks at. The weights of a query sum to 1. A token of score -inf gets nothing,
    and neither does a block without any other or of landmark -inf; if that is all of them, every weight is 0.
    """
    there_QS = (scores_QSN > -torch.inf).any(-1) & (landmarks_QS > -torch.inf)
    tokens_QSN = _softmax(scores_QSN, there_QS.unsqueeze(-1))
    blocks_QS = _softmax(landmarks_QS.masked_fill(~there_QS, -torch.inf), there_QS.any(-1, keepdim=True))
    return blocks_QS.unsqueeze(-1) * tokens_QSN


def _softmax(scores: Tensor, there: Tensor) -> Tensor:
    """Over the last dimension; 0 where `there` is false, since nothing is left to choose from."""
    return scores.masked_fill(~there, 0.0).softmax(-1).masked_fill(~there, 0.0)


def attended(queries_QK: Tensor, blocks: SegmentInputs, landmarks_S: Tensor, sharpness: float = SHARPNESS) -> Tensor:
    """What S blocks say at each query [Q, V]: the mean of their values by grouped softmax.

    Args:
        queries_QK: of the memory's own making, as are the keys of `blocks`, [S, N, K].
        landmarks_S: the logits of the blocks.

    A token counts for as much as the memory would write of it (`gain`): padding not at all.
    """
    like_QSN = torch.einsum("qk,snk->qsn", F.normalize(queries_QK.float(), dim=-1), F.normalize(blocks.keys, dim=-1))
    written_SN = gain(blocks.theta.float())
    weights = grouped_softmax(sharpness * like_QSN + written_SN.log(), landmarks_S.expand(len(queries_QK), -1))
    return torch.einsum("qsn,snv->qv", weights, blocks.values.float())
