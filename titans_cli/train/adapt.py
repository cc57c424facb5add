"""The outer loop for somebody else's model: the memory's projections, gates and speech learn, the backbone is frozen.

Tasks are those the embedded model is trained on (streams.py, tasks.py): the user's sentences and invented facts, in
segments that attention does not cross, then questions about them. So an answer can come from the memory alone.

Loss = cross-entropy of answers + that of a sample of the text + 0.05 x the mean share that is written. Text counts from
the second segment on, where there is something to recall: that teaches the memory when to be silent.

The checkpoint lies beside the adapter; the adapter itself is written at every checkpoint, and is usable from the first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from titans_cli.errors import IncompatibleError, UsageError
from titans_cli.model import adapter as files
from titans_cli.model.attach import PAD, AttachedModel
from titans_cli.model.hubtokens import HubTokenizer
from titans_cli.sentences import sentence_spans
from titans_cli.steps import Hint, Option
from titans_cli.train.corpus import LONGEST_SENTENCE, Corpus
from titans_cli.train.outer import OuterLoop, smooth
from titans_cli.train.streams import Batch, Recipe, StreamPlan, Streams, Words

TEXT_WEIGHT, WRITE_WEIGHT, TEXT_SAMPLE = 1.0, 0.05, 0.25
LEAST_SENTENCES = 200
BEGIN_STRENGTH = 4.0  # of speech, at least: what is not heard is not learned
# Of a key's local part and its topic, as logarithms: a topic must find its sentence before the local part, which knows
# nothing yet of what a question looks like, can learn to find the word in it.
BEGIN_SCALES = (-0.7, 0.3)
Spans = list[tuple[list[int], list[int], list[int]]]


@dataclass(frozen=True)
class AdaptationPlan(StreamPlan):
    """One run. `width` features are in use while training; all of them when it is done."""

    batch: float = 3.0
    lr: float = 3e-3
    warmup: int = 20
    save_every: int = 50
    least: ClassVar[float] = 0.05

    def recipe(self, step: int) -> Recipe:
        """In turn: many short cells, which teach to route among them; a few that are full; and, one step in four, cells
        of running prose, where what is recalled is seldom what comes next."""
        if step % 2 == 0:
            return Recipe(segments=2, facts=6, clozes=2, spans=1, asking=2)
        if step % 4 == 3:
            return Recipe(segments=8, facts=2, clozes=3, spans=1, asking=1)
        return Recipe(segments=6, facts=12, clozes=3, spans=2, asking=4)


@dataclass(frozen=True)
class Progress:
    step: int
    steps: int
    answer: float  # nats a token of answers, running mean
    text: float
    seconds: float


def corpus_of(texts: Iterable[str], tokenizer: HubTokenizer) -> Corpus:
    """Raises UsageError when there is too little text to train on."""
    tokens, lengths, docs = list[int](), list[int](), [0]
    for text in texts:
        sentences = [text[a:b].replace("\n", " ") for a, b in sentence_spans(text)]
        for ids in tokenizer.encode_many(sentences):
            if 3 <= len(ids) <= LONGEST_SENTENCE:
                tokens += ids
                lengths.append(len(ids))
        if len(lengths) > docs[-1]:
            docs.append(len(lengths))
    if len(lengths) < LEAST_SENTENCES:
        hint = "Give more text; some hundred pages serve better than some"
        raise UsageError(f"only {len(lengths)} sentences to train on, at least {LEAST_SENTENCES} are needed", hint=hint)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Corpus(np.asarray(tokens, dtype=np.uint32), starts, np.asarray(docs, dtype=np.int64))


COMMON, RARE = -4.0, 2.5  # salience, before its softplus, of the corpus' most common token and of rare ones
RARER = 6.0  # nats rarer than the most common is rare enough: such are the syllables of names


@torch.no_grad()
def weigh_by_rarity(attached: AttachedModel, corpus: Corpus) -> None:
    """Let salience begin as inverse frequency, by ridge regression from the tokens' embeddings: it is where training
    takes it anyway, and before that no topic tells one sentence from another."""
    count = torch.from_numpy(np.bincount(corpus.tokens, minlength=attached.tokenizer.vocab_size)).float()
    count[attached.tokenizer.question([])] = count.max()  # what surrounds every question tells none from another
    rarity = -((count + 1) / (count.sum() + 1)).log()
    wanted = COMMON + (RARE - COMMON) * ((rarity - rarity.min()) / RARER).clamp(max=1.0)
    words = attached.words(torch.arange(len(count), device=attached.device)).cpu()
    weight = count[:, None] / count.mean() + 0.1  # as they come in text, the rare ones a little
    known = torch.cat([words, torch.ones(len(words), 1)], dim=1)
    gram = (known * weight).T @ known
    solved = torch.linalg.solve(
        gram + 1e-3 * gram.diagonal().mean() * torch.eye(len(gram)), (known * weight).T @ wanted
    )
    salience = attached.adapter.memory.salience
    salience.weight.zero_()
    salience.weight[0, -words.shape[1] :] = solved[:-1].to(salience.weight.device)
    salience.bias.fill_(float(solved[-1]))


class AdapterTrainer:
    """`out` is the adapter's file; its checkpoint lies beside it."""

    def __init__(
        self,
        attached: AttachedModel,
        backbone: str,
        corpus: Corpus,
        out: Path,
        plan: AdaptationPlan,
        spans: Spans | None = None,
    ) -> None:
        self.attached, self.backbone, self.corpus, self.out, self.plan = attached, backbone, corpus, out, plan
        self.adapter = attached.adapter.train().requires_grad_(True)
        weigh_by_rarity(attached, corpus)
        self.adapter.strength.data.clamp_(min=BEGIN_STRENGTH)
        self.adapter.memory.scales.data.copy_(torch.tensor(BEGIN_SCALES))
        self.words, self.spans = Words(attached.tokenizer), spans or []
        self.mean: dict[str, float] = {}  # nats a token, of this run's steps so far
        memory = self.adapter.memory
        loud = [self.adapter.strength, self.adapter.loudness, memory.log_focus, memory.scales]
        matrices = [p for p in self.adapter.parameters() if p.ndim >= 2]
        rest = [p for p in self.adapter.parameters() if p.ndim < 2 and not any(p is q for q in loud)]
        groups = [
            {"params": matrices, "weight_decay": 0.01},
            {"params": rest, "weight_decay": 0.0},
            {"params": loud, "weight_decay": 0.0, "times": 5.0},  # single numbers that have far to go
        ]
        self.outer = OuterLoop(out.with_name(out.name + ".checkpoint"), groups, betas=(0.9, 0.97))

    def save(self) -> str:
        """Adapter and checkpoint; returns the adapter's sha256."""
        plan = asdict(self.plan)
        self.outer.save(self.adapter.state_dict(), backbone=self.backbone, plan=plan)
        return files.save(self.adapter, self.out, self.backbone, steps=self.outer.step, plan=plan)

    def resume(self) -> bool:
        """Continue from the last checkpoint, if any. Raises IncompatibleError for another model's, DamagedError."""
        record = self.outer.saved()
        if record is None:
            return False
        if record["backbone"] != self.backbone:
            hint = Hint("Write to another file with ", Option("out"), ", or remove it")
            raise IncompatibleError("this checkpoint is of another model", subject=str(self.outer.path), hint=hint)
        self.adapter.load_state_dict(self.outer.resume(record))
        return True

    def streams(self, seed: int, *, evaluation: bool = False) -> Streams:
        length = self.adapter.spec.segment_length
        spans = () if evaluation else self.spans
        return Streams(
            self.corpus,
            self.attached.tokenizer,
            length,
            seed,
            spans=spans,
            words=self.words,
            evaluation=evaluation,
            pad=PAD,
        )

    def losses(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """(loss on answers, loss on text, mean share that was written of what was read)."""
        tokens, answer, text = (
            torch.from_numpy(part).to(self.attached.device) for part in (batch.tokens, batch.answer, batch.text)
        )
        text &= (torch.rand(text.shape, generator=generator) < TEXT_SAMPLE).to(text.device)
        text[:, 0] = text[:, -batch.asking :] = False
        ahead = torch.zeros_like(answer)  # a token is predicted at the one before it
        ahead[..., :-1] = (answer | text)[..., 1:]
        out = self.attached.stream_segments(tokens, keep_BTC=ahead, asking=batch.asking)
        following = torch.cat([tokens[..., 1:], tokens[..., :1]], dim=-1)[ahead]
        loss = F.cross_entropy(out.logits.float(), following, reduction="none")
        asked = torch.cat([answer[..., 1:], answer[..., :1]], dim=-1)[ahead]
        real = tokens[:, : -batch.asking] >= 0
        return loss[asked].mean(), loss[~asked].mean(), out.gain[:, : -batch.asking][real].mean()

    def loss_at(self, step: int, seed: int) -> Tensor:
        plan, features = self.plan, self.adapter.memory.features
        batch = self.streams(seed).batch(plan.batch_size(step), plan.recipe(step))
        whole, features.width = features.width, min(plan.width, features.width)
        self.adapter.train()
        with torch.autocast(self.attached.device.type, torch.bfloat16):
            answer, text, written = self.losses(batch, torch.Generator().manual_seed(seed))
            loss = answer + TEXT_WEIGHT * text + WRITE_WEIGHT * written
        features.width = whole
        smooth(self.mean, answer=float(answer.detach()), text=float(text.detach()))
        return loss

    def train(self, until: int | None = None, stop: Callable[[], bool] = lambda: False) -> Iterator[Progress]:
        """Yields after every step. Raises FloatingPointError when a gradient is not finite."""
        begun = time.monotonic()
        for _ in self.outer.run(self.plan, self.loss_at, self.save, until=until, stop=stop):
            seconds = time.monotonic() - begun
            yield Progress(self.outer.step, self.plan.steps, self.mean["answer"], self.mean["text"], seconds)
        self.adapter.eval()

    @torch.no_grad()
    def recalled(self, size: int = 6) -> float:
        """Share of answers wholly right, in wordings never trained on; teacher-forced, all features in use."""
        self.adapter.eval()
        recipe = Recipe(segments=7, facts=10, asking=3, clozes=0, spans=0, unknown=0.0)
        batch = self.streams(12_345, evaluation=True).batch(size, recipe)
        tokens, first = torch.from_numpy(batch.tokens).to(self.attached.device), torch.from_numpy(batch.first)
        ahead = torch.zeros_like(tokens, dtype=torch.bool)
        ahead[..., :-1] = torch.from_numpy(batch.answer)[..., 1:].to(tokens.device)
        out = self.attached.stream_segments(tokens, keep_BTC=ahead, asking=batch.asking)
        right = (out.logits.argmax(-1) == tokens.roll(-1, -1)[ahead]).cpu()
        asked = (torch.arange(size)[:, None, None] * 1000 + first).roll(-1, -1)[ahead.cpu()]
        return 1 - len(set(asked[~right].tolist())) / max(1, len(set(asked.tolist())))
