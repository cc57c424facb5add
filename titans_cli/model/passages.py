"""Blocks of retained text before the model's eyes: the answers that a question may have, each with how likely it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from titans_cli.memory import SegmentInputs, attended
from titans_cli.model.interface import Likelihood
from titans_cli.model.network import TitansNetwork
from titans_cli.model.tokenizer import END, PAD, TitansTokenizer

LONGEST_SPAN = 24  # tokens of an answer that are looked at


class Passages:
    """A few blocks, opened for one question.

    The network reads them as it reads cells, at every token of question and answer, but by attention over all that
    they hold; what it finds goes the way of a recollection.
    """

    def __init__(
        self,
        network: TitansNetwork,
        arithmetic: Callable[[], AbstractContextManager[object]],
        tokenizer: TitansTokenizer,
        prompt: Sequence[int],
        blocks: SegmentInputs,
        landmarks_S: Tensor,
    ) -> None:
        self.network, self.arithmetic, self.tokenizer = network, arithmetic, tokenizer
        self.prompt, self.blocks, self.landmarks = prompt, blocks, landmarks_S

    def _read(self, queries_NCK: Tensor) -> Tensor:
        with torch.autocast(queries_NCK.device.type, enabled=False):
            found = attended(queries_NCK.flatten(0, 1), self.blocks, self.landmarks)
        return found.view(*queries_NCK.shape[:2], -1)

    @torch.inference_mode()
    def likelihood(self, answers: Sequence[str]) -> list[Likelihood]:
        """Of each answer, none of them empty."""
        rows = [self.tokenizer.encode(a)[:LONGEST_SPAN] for a in answers]
        start = len(self.prompt)
        tokens = torch.full((len(rows), start + max(map(len, rows)) + 1), PAD)
        for i, row in enumerate(rows):
            tokens[i, : start + len(row) + 1] = torch.tensor([*self.prompt, *row, END])
        with self.arithmetic():
            x = self.network.trunk(tokens)
            queries = self.network.memory_queries(x, tokens)
        found = self._read(queries)
        with self.arithmetic():
            hidden = self.network.head(x, self.network.memory.spoken(found))
            scores = self.network.logits(hidden[:, start - 1 : -1]).float().log_softmax(-1)
        each = scores.gather(2, tokens[:, start:, None]).squeeze(2)
        return [Likelihood(float(each[i, : len(r)].mean()), float(each[i, len(r)])) for i, r in enumerate(rows)]
