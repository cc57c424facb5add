"""The outer loop: losses, evaluation, checkpoints. The same on CPU and GPU; resumable at every checkpoint.

Loss = cross-entropy of what only the memory can predict (answers, repeated sentences)
     + 0.3 x cross-entropy of a sample of all other tokens
     + 0.05 x the mean share of a token that is written, so that what nobody will ask for stays unwritten
     + every fourth step, a contrastive loss of question and passage landmarks (InfoNCE, in-batch negatives).

Every stream is one cell, begun blank, as sessions begin a cell with every document; its questions read the cells of
all streams of the batch, so that the right cell must answer loudest.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from titans_cli.model.network import TitansNetwork
from titans_cli.model.spec import TitansSpec
from titans_cli.model.tokenizer import PAD, TitansTokenizer
from titans_cli.train.corpus import Corpus, load_rows
from titans_cli.train.outer import OuterLoop, smooth
from titans_cli.train.streams import Batch, Recipe, StreamPlan, Streams, Words

TEXT_WEIGHT = 0.3
WRITE_WEIGHT = 0.05
TEXT_SAMPLE = 0.15
LANDMARK_EVERY = 4
LANDMARK_PAIRS = 48
LANDMARK_SCALE = 20.0
EVALUATED = Recipe(segments=16, facts=16, asking=4, clozes=0, spans=0, unknown=0.0)


@dataclass(frozen=True)
class TrainingPlan(StreamPlan):
    """One training run. `width` features are in use while training; the shipped model may use more."""

    batch: float = 4
    lr: float = 1.5e-3
    warmup: int = 100
    save_every: int = 200
    device: str = "cpu"

    def recipe(self, step: int) -> Recipe:
        """In turn: many short cells, which teaches to route among them, a few middling ones, two long ones."""
        match step % 3:
            case 0:
                return Recipe(segments=2, facts=3, clozes=3, spans=1, asking=1)
            case 1:
                return Recipe(segments=6, facts=8, clozes=6, spans=2, asking=2)
            case _:
                return Recipe(segments=14, facts=12, clozes=10, spans=2, asking=3)


class Trainer:
    """`work` holds what `corpus.prepare` wrote; checkpoint.safetensors is kept in `run`, or else there too.

    `network`, if given, is trained instead of a new one of shape `spec`.
    """

    def __init__(
        self,
        work: Path,
        spec: TitansSpec,
        plan: TrainingPlan,
        *,
        network: TitansNetwork | None = None,
        run: Path | None = None,
    ) -> None:
        self.plan = plan
        self.tokenizer = TitansTokenizer.load(work / "tokenizer.json")
        self.corpus = Corpus.load(work / "sentences.npz")
        pairs = np.load(work / "pairs.npz")
        self.spans = load_rows(work / "spans.npz")
        self.words = Words(self.tokenizer)
        self.pairs = (pairs["questions"].astype(np.int64), pairs["passages"].astype(np.int64))
        torch.manual_seed(plan.seed)
        self.network = (network or TitansNetwork(spec)).to(plan.device)
        self.network.memory.features.width = plan.width
        self.network.know_sentences(self.tokenizer)
        decay = [p for n, p in self.network.named_parameters() if p.ndim >= 2]
        plain = [p for n, p in self.network.named_parameters() if p.ndim < 2]
        groups = [{"params": decay, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}]
        self.outer = OuterLoop((run or work) / "checkpoint.safetensors", groups, betas=(0.9, 0.97))
        self.tokens = 0
        self.running: dict[str, float] = {}  # means of what is told of a step

    # ---- checkpoints

    def save(self) -> None:
        record = {"tokens": self.tokens, "seconds": self.outer.seconds, "plan": asdict(self.plan)}
        self.outer.save(self.network.state_dict(), **record)

    def resume(self) -> bool:
        """Continue from the last checkpoint, if there is one. Raises DamagedError."""
        record = self.outer.saved()
        if record is None:
            return False
        trained = self.outer.resume(record)
        # the kernel does not depend on which frequencies were drawn, so a run may go on with more features
        trained |= dict(self.network.memory.features.named_buffers(prefix="memory.features"))
        self.network.load_state_dict(trained)
        self.tokens, self.outer.seconds = int(record["tokens"]), float(record["seconds"])
        return True

    def streams(self, seed: int, *, evaluation: bool = False) -> Streams:
        length = self.network.spec.segment_length
        spans = () if evaluation else self.spans
        return Streams(self.corpus, self.tokenizer, length, seed, spans=spans, words=self.words, evaluation=evaluation)

    # ---- one step

    def losses(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """(loss on answers, loss on text, mean share that was written of what was read)."""
        tokens = torch.from_numpy(batch.tokens).to(self.plan.device)
        out = self.network(tokens, tokens != PAD, asking=batch.asking)
        hidden = out.hidden[:, :, :-1]
        target = tokens[:, :, 1:]
        answer = torch.from_numpy(batch.answer).to(tokens.device)[:, :, 1:]
        text = torch.from_numpy(batch.text).to(tokens.device)[:, :, 1:]
        text = text & (torch.rand(text.shape, generator=generator).to(tokens.device) < TEXT_SAMPLE)
        answer_loss = F.cross_entropy(self.network.logits(hidden[answer]).float(), target[answer])
        text_loss = F.cross_entropy(self.network.logits(hidden[text]).float(), target[text])
        return answer_loss, text_loss, out.gain[:, : -batch.asking, :-1][target[:, : -batch.asking] != PAD].mean()

    def landmark_loss(self, rng: np.random.Generator) -> Tensor:
        rows = rng.choice(len(self.pairs[0]), LANDMARK_PAIRS, replace=False)
        marks = []
        for side in self.pairs:
            tokens = torch.from_numpy(side[rows]).to(self.plan.device)
            marks.append(self.network.landmarks(self.network.trunk(tokens), tokens, tokens != PAD).float())
        scores = marks[0] @ marks[1].T * LANDMARK_SCALE
        same = torch.arange(len(rows), device=scores.device)
        return (F.cross_entropy(scores, same) + F.cross_entropy(scores.T, same)) / 2

    def loss_at(self, step: int, seed: int) -> Tensor:
        batch = self.streams(seed).batch(self.plan.batch_size(step), self.plan.recipe(step))
        with torch.autocast(self.plan.device, torch.bfloat16):
            answer, text, written = self.losses(batch, torch.Generator().manual_seed(seed))
            loss = answer + TEXT_WEIGHT * text + WRITE_WEIGHT * written
            if step % LANDMARK_EVERY == 0:
                landmark = self.landmark_loss(np.random.default_rng(seed))
                loss = loss + landmark
                self.running["landmark"] = float(landmark.detach())
        self.tokens += int(batch.answer.sum() + batch.text.sum())
        smooth(self.running, answer=float(answer.detach()), text=float(text.detach()), written=float(written.detach()))
        return loss

    def _save_and_evaluate(self) -> None:
        self.save()
        print("eval", json.dumps(self.evaluate()), flush=True)

    def train(self, until: int | None = None) -> None:
        """Raises FloatingPointError when a gradient is not finite."""
        for norm in self.outer.run(self.plan, self.loss_at, self._save_and_evaluate, until=until):
            smooth(self.running, norm=norm)
            step, seconds = self.outer.step, self.outer.seconds
            if step % 20 == 0:
                figures = {name: round(value, 3) for name, value in self.running.items()}
                print(step, f"{seconds:.0f}s {self.tokens / seconds:.0f} tok/s", figures, flush=True)

    # ---- evaluation, on phrasings and names never trained on

    @torch.no_grad()
    def evaluate(
        self, width: int | None = None, size: int = 8, recipe: Recipe | None = None, *, held_out: bool = True
    ) -> dict[str, float]:
        """`held_out`: statements and questions in wordings never trained on, or else in those trained on.

        Teacher-forced, so a whole answer counts as recalled exactly when greedy decoding would produce it."""
        network, features = self.network, self.network.memory.features
        before, features.width = features.width, width or features.width
        network.eval()
        recipe = recipe or EVALUATED
        batch = self.streams(12_345, evaluation=held_out).batch(size, recipe)
        tokens = torch.from_numpy(batch.tokens).to(self.plan.device)
        figures: dict[str, float] = {}
        for label, memory in (("on", True), ("off", False)):
            hidden = network(tokens, tokens != PAD, memory=memory, asking=recipe.asking).hidden[:, :, :-1]
            target, answer = tokens[:, :, 1:], torch.from_numpy(batch.answer).to(tokens.device)[:, :, 1:]
            right = network.logits(hidden[answer]).argmax(-1) == target[answer]
            number = torch.from_numpy(batch.first).to(tokens.device)[:, :, 1:][answer]
            stream = torch.arange(size, device=tokens.device)[:, None, None].expand_as(answer)[answer]
            question = stream * 1000 + number
            wrong = set(question[~right].tolist())
            asked = set(question.tolist())
            figures[f"token.{label}"] = round(float(right.float().mean()), 4)
            figures[f"answer.{label}"] = round(1 - len(wrong) / max(1, len(asked)), 4)
            text = torch.from_numpy(batch.text).to(tokens.device)[:, :, 1:]
            figures[f"text.{label}"] = round(float(F.cross_entropy(network.logits(hidden[text]), target[text])), 4)
        network.train()
        features.width = before
        return figures
