"""The outer loop: losses, evaluation, checkpoints. The same on CPU and GPU; resumable at every checkpoint.

Loss = cross-entropy of what only the memory can predict (answers, repeated sentences)
     + 0.3 x cross-entropy of a sample of all other tokens
     + every fourth step, a contrastive loss of question and passage landmarks (InfoNCE, in-batch negatives).

The memory is carried from step to step, detached, for ever longer stretches (stateful training): streams then begin
with a memory already full of other things, and the gates learn to leave unwritten what nobody will ask for.

Step s draws its data from seed (seed, s) and checkpoints fall where the carried memory begins anew, so a resumed run
sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from titans_cli.memory import MemoryState
from titans_cli.model.network import TitansNetwork
from titans_cli.model.spec import TitansSpec
from titans_cli.model.tokenizer import PAD, TitansTokenizer
from titans_cli.train.corpus import Corpus
from titans_cli.train.streams import Batch, Recipe, Streams

TEXT_WEIGHT = 0.3
TEXT_SAMPLE = 0.15
LANDMARK_EVERY = 4
LANDMARK_PAIRS = 48
LANDMARK_SCALE = 20.0


@dataclass(frozen=True)
class Plan:
    """One training run. `width` features are in use while training; the shipped model may use more."""

    steps: int
    batch: int = 4
    lr: float = 1.5e-3
    warmup: int = 100
    width: int = 1024
    seed: int = 0
    save_every: int = 200
    device: str = "cpu"

    def recipe(self, step: int) -> Recipe:
        """The curriculum: more facts, and every third step a longer stream of fewer of them."""
        share = min(1.0, 0.2 + step / (0.6 * self.steps))
        if step % 3 == 2:
            return Recipe(segments=16, facts=int(32 * share), questions=12, gap=int(5 * share))
        return Recipe(segments=8, facts=max(4, int(24 * share)), questions=10, gap=0)

    def carry(self, step: int) -> int:
        """For how many steps the memory is carried before it begins anew; divides `save_every`."""
        done = step / self.steps
        return 5 if done < 0.35 else 10 if done < 0.55 else 20 if done < 0.75 else 40

    def batch_size(self, step: int) -> int:
        return max(1, self.batch * 8 // self.recipe(step).segments)

    def rate(self, step: int) -> float:
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.steps)))
        return self.lr * min(1.0, (step + 1) / self.warmup) * (0.03 + 0.97 * cosine)


class Trainer:
    """`work` holds what `corpus.prepare` wrote and, after a first save, checkpoint.safetensors."""

    def __init__(self, work: Path, spec: TitansSpec, plan: Plan) -> None:
        self.work, self.plan = work, plan
        self.tokenizer = TitansTokenizer.load(work / "tokenizer.json")
        self.corpus = Corpus.load(work / "sentences.npz")
        pairs = np.load(work / "pairs.npz")
        self.pairs = (pairs["questions"].astype(np.int64), pairs["passages"].astype(np.int64))
        torch.manual_seed(plan.seed)
        self.network = TitansNetwork(spec).to(plan.device)
        self.network.memory.features.width = plan.width
        decay = [p for n, p in self.network.named_parameters() if p.ndim >= 2]
        plain = [p for n, p in self.network.named_parameters() if p.ndim < 2]
        self.optimizer = torch.optim.AdamW(
            [{"params": decay, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}], betas=(0.9, 0.97)
        )
        self.carried: dict[int, MemoryState] = {}  # by batch size
        self.step = 0
        self.tokens = 0
        self.seconds = 0.0

    # ---- checkpoints

    def save(self) -> None:
        tensors = {f"network.{k}": v.detach().cpu() for k, v in self.network.state_dict().items()}
        for i, state in self.optimizer.state_dict()["state"].items():
            for key, value in state.items():
                tensors[f"optimizer.{i}.{key}"] = value.detach().cpu().clone()
        temporary = self.work / "checkpoint.safetensors.tmp"
        meta = {"step": self.step, "tokens": self.tokens, "seconds": self.seconds, "plan": asdict(self.plan)}
        save_file(tensors, temporary, metadata={"run": json.dumps(meta)})
        temporary.replace(self.work / "checkpoint.safetensors")

    def resume(self) -> bool:
        """Continue from the last checkpoint, if there is one."""
        path = self.work / "checkpoint.safetensors"
        if not path.exists():
            return False
        tensors = load_file(path)
        self.network.load_state_dict({k[8:]: v for k, v in tensors.items() if k.startswith("network.")})
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith("optimizer."):
                _, index, name = key.split(".", 2)
                state.setdefault(int(index), {})[name] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        meta = checkpoint_meta(path)
        self.step, self.tokens, self.seconds = int(meta["step"]), int(meta["tokens"]), float(meta["seconds"])
        return True

    # ---- one step

    def losses(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """(loss on answers, loss on text, mean surprise of what was read)."""
        tokens = torch.from_numpy(batch.tokens).to(self.plan.device)
        if self.step % self.plan.carry(self.step) == 0:
            self.carried.clear()
        out = self.network(tokens, tokens != PAD, self.carried.get(len(tokens)))
        self.carried[len(tokens)] = MemoryState(*(t.detach() for t in out.state))
        hidden = out.hidden[:, :, :-1]
        target = tokens[:, :, 1:]
        answer = torch.from_numpy(batch.answer).to(tokens.device)[:, :, 1:]
        text = torch.from_numpy(batch.text).to(tokens.device)[:, :, 1:]
        text = text & (torch.rand(text.shape, generator=generator).to(tokens.device) < TEXT_SAMPLE)
        answer_loss = F.cross_entropy(self.network.logits(hidden[answer]).float(), target[answer])
        text_loss = F.cross_entropy(self.network.logits(hidden[text]).float(), target[text])
        return answer_loss, text_loss, out.surprise[:, :, :-1][target != PAD].mean()

    def landmark_loss(self, rng: np.random.Generator) -> Tensor:
        rows = rng.choice(len(self.pairs[0]), LANDMARK_PAIRS, replace=False)
        marks = []
        for side in self.pairs:
            tokens = torch.from_numpy(side[rows]).to(self.plan.device)
            marks.append(self.network.landmarks(self.network.trunk(tokens), tokens, tokens != PAD).float())
        scores = marks[0] @ marks[1].T * LANDMARK_SCALE
        same = torch.arange(len(rows), device=scores.device)
        return (F.cross_entropy(scores, same) + F.cross_entropy(scores.T, same)) / 2

    def train(self, until: int | None = None) -> None:
        plan = self.plan
        stop = plan.steps if until is None else min(until, plan.steps)
        running: dict[str, float] = {}
        while self.step < stop:
            begun = time.monotonic()
            seed = plan.seed * 1_000_003 + self.step
            streams = Streams(self.corpus, self.tokenizer, self.network.spec.segment_length, seed)
            batch = streams.batch(plan.batch_size(self.step), plan.recipe(self.step))
            for group in self.optimizer.param_groups:
                group["lr"] = plan.rate(self.step)
            with torch.autocast(plan.device, torch.bfloat16):
                answer, text, surprise = self.losses(batch, torch.Generator().manual_seed(seed))
                loss = answer + TEXT_WEIGHT * text
                if self.step % LANDMARK_EVERY == 0:
                    landmark = self.landmark_loss(np.random.default_rng(seed))
                    loss = loss + landmark
                    running["landmark"] = float(landmark)
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            if not math.isfinite(float(norm)):
                raise FloatingPointError(f"step {self.step}: the gradient is not finite; resume with a lower --lr")
            self.optimizer.step()
            self.step += 1
            self.tokens += int(batch.answer.sum() + batch.text.sum())
            self.seconds += time.monotonic() - begun
            for key, value in (("answer", answer), ("text", text), ("surprise", surprise), ("norm", norm)):
                running[key] = 0.95 * running.get(key, float(value)) + 0.05 * float(value)
            if self.step % 20 == 0:
                rate = self.tokens / self.seconds
                print(
                    self.step,
                    f"{self.seconds:.0f}s {rate:.0f} tok/s",
                    {k: round(v, 3) for k, v in running.items()},
                    flush=True,
                )
            if self.step % plan.save_every == 0 or self.step == stop:
                self.save()
                print("eval", json.dumps(self.evaluate()), flush=True)

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
        recipe = recipe or Recipe(segments=12, facts=16, questions=16, repeats=0, unknown=0.0)
        streams = Streams(self.corpus, self.tokenizer, network.spec.segment_length, 12_345, evaluation=held_out)
        batch = streams.batch(size, recipe)
        tokens = torch.from_numpy(batch.tokens).to(self.plan.device)
        figures: dict[str, float] = {}
        for label, memory in (("on", True), ("off", False)):
            hidden = network(tokens, tokens != PAD, memory=memory).hidden[:, :, :-1]
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


def checkpoint_meta(path: Path) -> dict[str, Any]:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as handle:
        meta: dict[str, Any] = json.loads(handle.metadata()["run"])
    return meta
