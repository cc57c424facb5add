"""Answering in tokens, one after another, by what is read at each: from cells of memory, or from blocks of text.

The two differ in what a query finds. The words are chosen freely from what memory says, and out of given sentences when
there is text: an answer from text is then verbatim in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from titans_cli.memory import NeuralMemory, SegmentInputs, attended
from titans_cli.model.interface import FOCUS, NEAREST, Recollection, Shelved, nearness
from titans_cli.model.network import TitansNetwork
from titans_cli.model.tokenizer import END, PAD, TitansTokenizer

LONGEST_QUOTE = 24  # tokens of an answer in a sentence's own words
Read = Callable[[Tensor], Tensor]  # the queries of new tokens [1, C, K + T] to what they find [1, C, V]
Choose = Callable[[Tensor], int]  # the next token, of the log-probabilities of all [vocabulary]
Arithmetic = Callable[[], AbstractContextManager[object]]


class Cells:
    """Reads the `NEAREST` of many cells, each weighted by how near its topics are and how loud it answers."""

    def __init__(self, memory: NeuralMemory, cells: Sequence[Shelved]) -> None:
        self.memory, self.cells = memory, cells
        self.near, self.weights = torch.zeros(len(cells)), list[Tensor]()

    def __call__(self, queries: Tensor) -> Tensor:
        if not self.weights:  # the whole prompt: its last token has the question's topic
            near = nearness(self.memory.topic_of(queries[0, -1]), self.cells)
            chosen = near.topk(min(NEAREST, len(self.cells))).indices
            self.near, self.weights = near[chosen], [self.cells[i].opened().weights[0] for i in chosen.tolist()]
        return self.memory.route(self.memory.recalled(self.weights, queries), FOCUS * self.near)


class Quoting:
    """Chooses the likeliest token with which the answer still stands in one of the sentences.

    It begins and ends between words, and not between those of a name or a figure: "Left 4 Dead" is not "Left".
    `texts`: of every token, a leading space as Ġ.
    """

    def __init__(self, sentences: Sequence[Sequence[int]], texts: Sequence[str]) -> None:
        self.sentences, self.begun = sentences, False
        self.cuts = [_cuts([texts[t] for t in row]) for row in sentences]
        self.places = [(s, i) for s, cuts in enumerate(self.cuts) for i in cuts if i < len(sentences[s])]

    def __call__(self, scores: Tensor) -> int:
        onward: dict[int, list[tuple[int, int]]] = {}
        for s, i in self.places:
            if i < len(self.sentences[s]):
                onward.setdefault(self.sentences[s][i], []).append((s, i + 1))
        may_end = self.begun and any(i in self.cuts[s] for s, i in self.places)
        best = max([*onward, *([END] if may_end or not onward else [])], key=lambda t: float(scores[t]))
        self.places, self.begun = onward.get(best, []), True
        return best


def _cuts(pieces: Sequence[str]) -> set[int]:
    """The places between a sentence's tokens where an answer may begin or end."""
    cuts, name = {0, len(pieces)}, False
    for i, piece in enumerate(pieces):
        word = piece.removeprefix("Ġ")
        if piece.startswith("Ġ") or not word[:1].isalnum():
            capital = word[:1].isupper() or word[:1].isdigit()
            if not (name and capital):
                cuts.add(i)
            name = capital
    return cuts


def said(
    network: TitansNetwork, arithmetic: Arithmetic, prompt: Sequence[int], read: Read, choose: Choose, longest: int
) -> tuple[list[int], float]:
    """An answer to the prompt, with its `END` if it came to one, and the mean of its tokens' log-probabilities."""
    answer, reads, total = list[int](), list[Tensor](), 0.0
    for _ in range(longest):
        row = torch.tensor([[*prompt, *answer]])
        with arithmetic():
            x = network.trunk(row)
            queries = network.memory_queries(x, row)
        known = sum(r.shape[1] for r in reads)  # a query never depends on later tokens
        found = read(queries[:, known:])
        with arithmetic():
            reads.append(network.memory.spoken(found))
            hidden = network.head(x, torch.cat(reads, dim=1))
            scores = network.logits(hidden[0, -1]).float().log_softmax(-1)
        best = choose(scores)
        total += float(scores[best])
        answer.append(best)
        if best == END:
            break
    return answer, total / len(answer)


class Passages:
    """A few blocks of text, opened for one question: read by attention over all their tokens, nothing compressed."""

    def __init__(
        self,
        network: TitansNetwork,
        arithmetic: Arithmetic,
        tokenizer: TitansTokenizer,
        question: Sequence[int],
        blocks: SegmentInputs,
        landmarks_S: Tensor,
    ) -> None:
        self.network, self.arithmetic, self.tokenizer = network, arithmetic, tokenizer
        self.prompt = tokenizer.question(question)
        self.blocks, self.landmarks = blocks, landmarks_S

    def _read(self, queries: Tensor) -> Tensor:
        with torch.autocast(queries.device.type, enabled=False):
            return attended(queries.flatten(0, 1), self.blocks, self.landmarks).view(*queries.shape[:2], -1)

    @torch.inference_mode()
    def quoted(self, sentences: Sequence[str]) -> Recollection:
        """The words of one of these sentences that answer; none, of confidence 0, if no few of them do."""
        rows = [self.tokenizer.encode(s) for s in sentences]
        answer, mean = said(
            self.network, self.arithmetic, self.prompt, self._read, Quoting(rows, self.tokenizer.texts()), LONGEST_QUOTE
        )
        if answer[-1] != END:
            return Recollection("", 0.0)
        return Recollection(self.tokenizer.decode(answer[:-1]), float(torch.tensor(mean).exp()))

    @torch.inference_mode()
    def likelihood(self, answers: Sequence[str]) -> list[float]:
        """The mean log-probability of the tokens of each answer, none of them empty."""
        rows = [self.tokenizer.encode(a)[:LONGEST_QUOTE] for a in answers]
        start = len(self.prompt)
        tokens = torch.full((len(rows), start + max(map(len, rows))), PAD)
        for i, row in enumerate(rows):
            tokens[i, : start + len(row)] = torch.tensor([*self.prompt, *row])
        with self.arithmetic():
            x = self.network.trunk(tokens)
            queries = self.network.memory_queries(x, tokens)
        found = self._read(queries)
        with self.arithmetic():
            hidden = self.network.head(x, self.network.memory.spoken(found))
            scores = self.network.logits(hidden[:, start - 1 : -1]).float().log_softmax(-1)
        each = scores.gather(2, tokens[:, start:, None]).squeeze(2)
        return [float(each[i, : len(row)].mean()) for i, row in enumerate(rows)]
