"""A model of `titans_cli.paper` called in parts, and made to generate."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from titans_cli.model.generation import CACHE
from titans_cli.paper.hf import TitansCache, TitansForCausalLM


def generate(model: Any, tokens: Tensor, **options: Any) -> Tensor:
    """`generate` is annotated for classes of transformers' own and for every kind of output; ours gives tokens."""
    found = model.generate(tokens, **options)
    assert isinstance(found, Tensor)
    return found


def in_parts(model: TitansForCausalLM, tokens: Tensor, cuts: list[int]) -> Tensor:
    cache, parts = None, []
    for part in torch.split_with_sizes(tokens, cuts, 1):
        out = model(part, cache=cache)
        cache = out[CACHE]
        parts.append(out.logits)
    assert isinstance(cache, TitansCache)
    assert cache.get_seq_length() == tokens.shape[1]
    return torch.cat(parts, 1)
