"""Training streams: real sentences and invented facts packed into segments, the questions in the last ones.

A stream is T segments of C tokens. Facts stand anywhere before the question segments; attention does not cross
segments, so an answer token there can only be predicted through the memory.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from titans_cli.model.tokenizer import ANSWER, END, PAD, QUESTION, TitansTokenizer
from titans_cli.train.corpus import Corpus
from titans_cli.train.tasks import Maker

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Batch:
    tokens: npt.NDArray[np.int64]  # [B, T, C]
    answer: npt.NDArray[np.bool_]  # tokens that only the memory can predict
    text: npt.NDArray[np.bool_]  # every other real token
    first: npt.NDArray[np.int64]  # [B, T, C]: 1 + running number of the question an answer token belongs to, else 0


@dataclass(frozen=True)
class Recipe:
    """How full a stream is. `gap` segments without facts stand between the facts and the questions."""

    segments: int
    facts: int
    questions: int
    gap: int = 0
    repeats: int = 2  # sentences of the stream said again at its end, to be continued from memory
    unknown: float = 0.03  # share of questions about something never said


class Packer:
    """Packs whole sentences into segments; a sentence that does not fit starts the next segment."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.rows: list[list[int]] = [[]]
        self.marks: list[list[int]] = [[]]

    def add(self, ids: list[int], mark: list[int]) -> None:
        ids, mark = ids[: self.length], mark[: self.length]
        if len(self.rows[-1]) + len(ids) > self.length:
            self.rows.append([])
            self.marks.append([])
        self.rows[-1] += ids
        self.marks[-1] += mark


class Streams:
    """Draws batches. `evaluation` draws from held-out phrasings."""

    def __init__(
        self, corpus: Corpus, tokenizer: TitansTokenizer, length: int, seed: int, *, evaluation: bool = False
    ) -> None:
        self.corpus, self.tokenizer, self.length = corpus, tokenizer, length
        self.rng = random.Random(seed)
        self.maker = Maker(self.rng, evaluation=evaluation)

    def _prose(self) -> Iterator[list[int]]:
        docs = self.corpus.docs
        while True:
            doc = self.rng.randrange(len(docs) - 1)
            start = self.rng.randrange(int(docs[doc]), int(docs[doc + 1]))
            for i in range(start, int(docs[doc + 1])):
                yield self.corpus.sentence(i)
                if self.rng.random() < 0.02:
                    break

    def _ask(self, packer: Packer, question: str, answer: str, number: int) -> None:
        q = [QUESTION, *self.tokenizer.encode(question), ANSWER]
        a = [*self.tokenizer.encode(answer), END]
        packer.add(q + a, [0] * len(q) + [number] * len(a))

    def stream(self, recipe: Recipe) -> tuple[list[list[int]], list[list[int]]]:
        rng, maker = self.rng, self.maker
        facts, to_ask = [], []
        for _ in range(recipe.facts):
            fact, relation, entity = maker.fact()
            facts.append(fact.statement)
            if rng.random() < 0.12:  # said again later with another value: the latest wins
                newer, _, _ = maker.fact(relation, entity)
                facts.append(newer.statement)
                fact = newer
            to_ask.append((fact.question, fact.answer))
        rng.shuffle(to_ask)
        asked = to_ask[: recipe.questions]
        asked = [(maker.fact()[0].question, UNKNOWN) if rng.random() < recipe.unknown else qa for qa in asked]

        tail = Packer(self.length)
        for number, (question, answer) in enumerate(asked, start=1):
            self._ask(tail, question, answer, number)
        body_segments = max(1, recipe.segments - len(tail.rows) - recipe.gap)
        body = Packer(self.length)
        encoded = [self.tokenizer.encode(f) for f in facts]
        room = body_segments * self.length * 0.86 - sum(map(len, encoded))
        sentences: list[list[int]] = []
        for ids in self._prose():
            if room < len(ids):
                break
            room -= len(ids)
            sentences.append(ids)
        repeated = rng.sample(sentences, min(recipe.repeats, len(sentences)))
        slots = sorted(rng.randrange(len(sentences) + 1) for _ in encoded)  # order kept: the latest wins
        for i in range(len(sentences) + 1):
            while slots and slots[0] == i:
                slots.pop(0)
                ids = encoded.pop(0)
                body.add(ids, [0] * len(ids))
            if i < len(sentences):
                body.add(sentences[i], [0] * len(sentences[i]))
        gap = Packer(self.length)
        while recipe.gap and len(gap.rows) <= recipe.gap:
            for ids in self._prose():
                gap.add(ids, [0] * len(ids))
                if len(gap.rows) > recipe.gap:
                    break
        rows, marks = body.rows, body.marks
        if recipe.gap:
            rows, marks = rows + gap.rows[: recipe.gap], marks + gap.marks[: recipe.gap]
        for ids in repeated:
            mark = [0] * min(5, len(ids)) + [-1] * max(0, len(ids) - 5)
            tail.add(ids, mark)
        rows, marks = rows + tail.rows, marks + tail.marks
        return rows[-recipe.segments :], marks[-recipe.segments :]

    def batch(self, size: int, recipe: Recipe) -> Batch:
        shape = (size, recipe.segments, self.length)
        tokens = np.full(shape, PAD, dtype=np.int64)
        marks = np.zeros(shape, dtype=np.int64)
        for b in range(size):
            rows, row_marks = self.stream(recipe)
            for t, (row, mark) in enumerate(zip(rows, row_marks, strict=True)):
                tokens[b, t, : len(row)] = row
                marks[b, t, : len(mark)] = mark
        real = tokens != PAD
        return Batch(tokens, marks != 0, real & (marks == 0), np.maximum(marks, 0))
