"""Training streams: real sentences and invented facts packed into segments, and segments of questions about them.

A stream is what one memory cell reads, T segments of C tokens, then Q segments of questions. Attention does not cross
segments, so an answer can only be predicted through the memory. There are three kinds of question: about invented
facts (tasks.py), about a name or number in a sentence of the prose, whose other words, some left out, are the question,
and from question-answer pairs whose answer is a span of a real sentence.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from titans_cli.model.tokenizer import PAD
from titans_cli.train.corpus import Corpus
from titans_cli.train.outer import warmed_cosine
from titans_cli.train.tasks import Fact, Maker, Relation


class Tokenizer(Protocol):
    """What tasks need of a tokenizer: `TitansTokenizer`, or that of somebody else's model."""

    @property
    def end(self) -> int: ...

    def encode(self, sentence: str) -> list[int]: ...

    def question(self, question: Sequence[int]) -> list[int]: ...

    def texts(self) -> list[str]: ...


UNKNOWN = "unknown"
SALAD = 0.35  # share of the facts that are said in no sentence at all
NOISY = 0.35  # share of the questions with words in them that have nothing to do with it
LONGEST_CLOZE = 8  # tokens of a name or number that is asked for
Asked = tuple[list[int], list[int]]  # question, answer


@dataclass(frozen=True)
class Batch:
    tokens: npt.NDArray[np.int64]  # [B, T + Q, C]
    answer: npt.NDArray[np.bool_]  # tokens that only the memory can predict
    text: npt.NDArray[np.bool_]  # every other real token
    first: npt.NDArray[np.int64]  # [B, T + Q, C]: 1 + running number of the question an answer token belongs to, else 0
    asking: int  # Q


@dataclass(frozen=True)
class Recipe:
    """What a stream holds. `asking` segments of questions follow `segments` segments of text."""

    segments: int
    facts: int
    asking: int = 1
    clozes: int = 4
    spans: int = 2
    unknown: float = 0.03  # share of questions about something never said


@dataclass(frozen=True)
class StreamPlan(ABC):
    """A run on streams. `batch`: how many of eight segments a step has room for. `width`: features in use meanwhile."""

    steps: int
    batch: float
    lr: float
    warmup: int
    width: int = 1024
    seed: int = 0
    save_every: int = 100
    least: ClassVar[float] = 0.03  # share of the rate that is left at the end

    @abstractmethod
    def recipe(self, step: int) -> Recipe: ...

    def batch_size(self, step: int) -> int:
        recipe = self.recipe(step)
        return max(2, round(self.batch * 8 / (recipe.segments + recipe.asking)))

    def rate(self, step: int) -> float:
        return self.lr * warmed_cosine(step, self.steps, warmup=self.warmup, least=self.least)


class Packer:
    """Packs whole sentences into segments; a sentence that does not fit starts the next segment."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.rows: list[list[int]] = [[]]
        self.marks: list[list[int]] = [[]]

    def fits(self, size: int, rows: int) -> bool:
        return len(self.rows) < rows or (len(self.rows) == rows and len(self.rows[-1]) + size <= self.length)

    def add(self, ids: list[int], mark: list[int]) -> None:
        ids, mark = ids[: self.length], mark[: self.length]
        if len(self.rows[-1]) + len(ids) > self.length:
            self.rows.append([])
            self.marks.append([])
        self.rows[-1] += ids
        self.marks[-1] += mark


class Words:
    """Which tokens begin a word, and which words are worth asking for: names and numbers."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        texts = tokenizer.texts()
        self.begins = [t.startswith("Ġ") for t in texts]
        self.rare = [t[1:2].isupper() or t == "Ġ" for t in texts]
        self.solid = [any(c.isalnum() for c in t.removeprefix("Ġ")) for t in texts]
        self.blanks = [tokenizer.encode(t) for t in ("what", "which", "who", "...", "___", "how many", "where")]

    def split(self, ids: Sequence[int]) -> list[list[int]]:
        words: list[list[int]] = []
        for token in ids:
            if self.begins[token] or not words:
                words.append([])
            words[-1].append(token)
        return words

    def cloze(self, ids: Sequence[int], rng: random.Random) -> Asked | None:
        """A question that is the sentence's other words, some of them left out, and the word that answers it."""
        words = self.split(ids)
        able = [i for i, w in enumerate(words) if i and self.rare[w[0]] and any(self.solid[t] for t in w)]
        if not able or len(words) < 6:
            return None
        at = rng.choice(able)
        end = at + 1
        while end < len(words) and end in able and rng.random() < 0.7:  # a name of several words
            end += 1
        answer = [t for w in words[at:end] for t in w]
        while answer and not self.solid[answer[-1]]:
            answer.pop()
        if not 0 < len(answer) <= LONGEST_CLOZE:
            return None
        keep = rng.uniform(0.6, 1.0)
        near = range(max(0, at - rng.randrange(4, 14)), min(len(words), end + rng.randrange(4, 14)))
        rest = [words[i] for i in near if not at <= i < end and rng.random() < keep]
        if rng.random() < 0.3:
            rng.shuffle(rest)
        rest.insert(rng.choice((0, len(rest), min(len(rest), at - near.start))), rng.choice(self.blanks))
        return [t for w in rest for t in w], answer


class Streams:
    """Draws batches. `evaluation` draws facts in held-out phrasings and asks for nothing else."""

    def __init__(
        self,
        corpus: Corpus,
        tokenizer: Tokenizer,
        length: int,
        seed: int,
        *,
        spans: Sequence[tuple[list[int], list[int], list[int]]] = (),
        words: Words | None = None,
        evaluation: bool = False,
        pad: int = PAD,
    ) -> None:
        self.pad = pad
        self.corpus, self.tokenizer, self.length = corpus, tokenizer, length
        self.rng = random.Random(seed)
        self.maker = Maker(self.rng, evaluation=evaluation)
        self.words = words or Words(tokenizer)
        self.spans = spans

    def _prose(self) -> Iterator[list[int]]:
        docs = self.corpus.docs
        while True:
            doc = self.rng.randrange(len(docs) - 1)
            start = self.rng.randrange(int(docs[doc]), int(docs[doc + 1]))
            for i in range(start, int(docs[doc + 1])):
                yield self.corpus.sentence(i)
                if self.rng.random() < 0.02:
                    break

    def _facts(self, recipe: Recipe) -> tuple[list[list[int]], list[Asked]]:
        rng, maker, encode = self.rng, self.maker, self.tokenizer.encode
        statements, asked = [], list[Asked]()
        for _ in range(recipe.facts):
            fact, relation, entity = maker.fact()
            salad = not maker.evaluation and rng.random() < SALAD
            statements.append(self._salad(fact, relation, entity) if salad else encode(fact.statement))
            if rng.random() < 0.1:  # said again later with another value: the latest wins
                fact = maker.fact(relation, entity)[0]
                statements.append(encode(fact.statement))
            if rng.random() < recipe.unknown:
                asked.append((encode(maker.fact()[0].question), encode(UNKNOWN)))
            else:
                asked.append((self._noisy(encode(fact.question)), encode(fact.answer)))
        return statements, asked

    def _noisy(self, question: list[int]) -> list[int]:
        """Now and then with words of the prose in it: what a question says besides must not count for its topic."""
        rng = self.rng
        if self.maker.evaluation or rng.random() > NOISY:
            return question
        words = self.words.split(question)
        for word in rng.sample(prose := self.words.split(next(self._prose())), min(len(prose), rng.randrange(1, 4))):
            words.insert(rng.choice((0, 0, rng.randrange(len(words) + 1))), word)
        return [t for word in words for t in word]

    def _salad(self, fact: Fact, relation: Relation, entity: str) -> list[int]:
        """The fact among words of the prose, in any order: a value must be known by its own look, not by a wording."""
        rng = self.rng
        words = self.words.split(next(self._prose()))[: rng.randrange(3, 16)]
        for part in (fact.answer, relation.attribute, entity):
            if part:
                words.insert(rng.randrange(len(words) + 1), self.tokenizer.encode(part))
        return [t for word in words for t in word][: self.length]

    def stream(self, recipe: Recipe) -> tuple[list[list[int]], list[list[int]]]:
        rng = self.rng
        statements, asked = self._facts(recipe)
        for _ in range(recipe.spans if self.spans else 0):
            question, sentence, answer = self.spans[rng.randrange(len(self.spans))]
            statements.insert(rng.randrange(len(statements) + 1), sentence)
            asked.append((question, answer))
        room = recipe.segments * self.length * 0.86 - sum(map(len, statements))
        sentences: list[list[int]] = []
        for ids in self._prose():
            if room < len(ids):
                break
            room -= len(ids)
            sentences.append(ids)
        rng.shuffle(picked := list(sentences))
        clozes = (c for ids in picked if (c := self.words.cloze(ids, rng)))
        asked += [c for c, _ in zip(clozes, range(recipe.clozes))]  # noqa: B905  the shorter decides

        body = Packer(self.length)
        slots = sorted(rng.randrange(len(sentences) + 1) for _ in statements)  # order kept: the latest wins
        for i in range(len(sentences) + 1):
            while slots and slots[0] == i:
                slots.pop(0)
                ids = statements.pop(0)
                body.add(ids, [0] * len(ids))
            if i < len(sentences):
                body.add(sentences[i], [0] * len(sentences[i]))
        rows, marks = body.rows[: recipe.segments], body.marks[: recipe.segments]
        blank: list[list[int]] = [[] for _ in range(recipe.segments - len(rows))]
        tail = Packer(self.length)
        rng.shuffle(asked)
        for number, (question, answer) in enumerate(asked, start=1):
            q, a = self.tokenizer.question(question), [*answer, self.tokenizer.end]
            if tail.fits(len(q + a), recipe.asking):
                tail.add(q + a, [0] * len(q) + [number] * len(a))
        short: list[list[int]] = [[] for _ in range(recipe.asking - len(tail.rows))]
        return rows + blank + tail.rows + short, marks + blank + tail.marks + short

    def batch(self, size: int, recipe: Recipe) -> Batch:
        shape = (size, recipe.segments + recipe.asking, self.length)
        tokens = np.full(shape, self.pad, dtype=np.int64)
        marks = np.zeros(shape, dtype=np.int64)
        for b in range(size):
            rows, row_marks = self.stream(recipe)
            for t, (row, mark) in enumerate(zip(rows, row_marks, strict=True)):
                tokens[b, t, : len(row)] = row
                marks[b, t, : len(mark)] = mark
        real = tokens != self.pad
        return Batch(tokens, marks != 0, real & (marks == 0), np.maximum(marks, 0), recipe.asking)
