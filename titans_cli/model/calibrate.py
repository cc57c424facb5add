"""Ready a new adapter for use without training: statistics of the model's own states, over a page of plain prose.

    x_mean, x_scale    every channel of the hidden states centred and of spread 1: a few channels of a language model
                       are a hundred times as large as all others, and would be all that a key is made of
    W_K = W_Q          the leading principal directions of what is left, whitened
    strength           how loud to speak into the output head: whatever predicts the page's second half best, having
                       read the first

The page is the same for every model and every session, so an untrained memory, too, is a function of the model alone.
What this cannot do is find a fact by a question put in other words: that takes training (train/adapt.py).
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from titans_cli.model.adapter import MemoryAdapter
from titans_cli.model.attach import PAD, AttachedModel
from titans_cli.model.tokens import segment_pages
from titans_cli.records import Page

PAGE = Path(__file__).resolve().parent / "calibration.txt"
STRENGTHS = (0.0, 1.0, 2.0, 4.0, 8.0)
LONGEST = 16  # segments of the page that are read
SHRINK = 0.02  # of the mean variance, added to every direction's


def rows(attached: AttachedModel, text: str) -> Tensor:
    """Segments of a text as rows of tokens [N, C], padded."""
    length = attached.adapter.spec.segment_length
    segments = segment_pages([Page(1, text)], attached.tokenizer, length)
    tokens = torch.full((len(segments), length), PAD)
    for i, segment in enumerate(segments):
        tokens[i, : len(segment.tokens)] = torch.tensor(segment.tokens)
    return tokens.to(attached.device)


def loss(attached: AttachedModel, tokens_NC: Tensor, *, memory: bool = True) -> Tensor:
    """Nats of every predicted token of one stream, segment by segment, in order."""
    kept = tokens_NC[:, 1:] >= 0
    if memory:
        logits = attached.stream_segments(tokens_NC[None]).logits[0, :, :-1]
    else:
        logits = attached.logits(tokens_NC)[:, :-1]
    return F.cross_entropy(logits[kept].float(), tokens_NC[:, 1:][kept], reduction="none")


@torch.no_grad()
def calibrate(attached: AttachedModel, *, speak: bool = True) -> MemoryAdapter:
    """Sets the adapter's statistics, its keys and, with `speak`, its strength. Deterministic."""
    adapter, memory = attached.adapter, attached.adapter.memory
    tokens = rows(attached, PAGE.read_text(encoding="utf-8"))[:LONGEST]
    x = torch.cat([attached.below(tokens[i : i + 4])[tokens[i : i + 4] >= 0] for i in range(0, len(tokens), 4)]).float()
    adapter.x_rms.copy_(x.square().mean(-1).sqrt().median())
    flat = F.rms_norm(x, x.shape[-1:])
    adapter.x_mean.copy_(flat.mean(0))
    adapter.x_scale.copy_(1 / flat.std(0).clamp(min=1e-6))
    seen = adapter.seen(x)
    variance, directions = torch.linalg.eigh((seen.T @ seen).double() / len(seen))
    count = min(memory.config.d_key, adapter.spec.width)
    variance, directions = variance[-count:], directions[:, -count:]
    # the sign of an eigenvector is arbitrary: fix it, so that two machines agree
    directions = directions * directions.gather(0, directions.abs().argmax(0)[None]).sign()
    whitening = (directions / (variance + SHRINK * variance.mean()).sqrt()).T.to(memory.w_key.weight.dtype)
    memory.w_key.weight[:count] = whitening
    memory.conv.weight.zero_()
    assert memory.conv.bias is not None
    memory.conv.bias.zero_()
    memory.w_query.weight.copy_(memory.w_key.weight)
    if speak:
        half = len(tokens) // 2
        best: dict[float, float] = {}
        ahead = int((tokens[:half, 1:] >= 0).sum())
        for strength in STRENGTHS:
            adapter.strength.fill_(strength)
            best[strength] = float(loss(attached, tokens)[ahead:].mean())
        adapter.strength.fill_(min(best, key=lambda s: best[s]))
    return adapter
