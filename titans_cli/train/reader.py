"""Train a reader of passages for a language model: `python -m titans_cli.train.reader`.

Loss of an example = sum of its tokens' cross-entropy / square root of their number: a long answer counts for more than
a short one, but not in proportion. Nothing but the answer is predicted. Data of step s is drawn from seed (seed, s), so
a resumed run sees what an uninterrupted one would have seen. The rate is constant after its warm-up and falls to zero
over the last steps, so that the length of a run can be decided while it runs (--steps).
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from titans_cli.model.reader import (
    END,
    NOTHING,
    ReaderSpec,
    adapted,
    load_backbone,
    prompt,
    save_reader,
    sketch,
)
from titans_cli.train.outer import OuterLoop
from titans_cli.train.reading import (
    TEXTS,
    Example,
    Examples,
    is_kept_aside,
    people_asked,
    running_text,
)

TITLED = 0.8  # share of the examples whose passage has its document's title before it
LONGEST = 280  # tokens of an example; longer ones are left out
SPEC = ReaderSpec()
SAVE_EVERY = 96  # steps
POOLED = 8  # batches whose examples are sorted by length together, so that little is padding


@dataclass(frozen=True, slots=True)
class Schedule:
    """One training run: `steps` of `batch` examples; the last `decay` with a falling rate."""

    steps: int
    batch: int = 16
    lr: float = 6e-4
    warmup: int = 40
    decay: int = 300
    seed: int = 1

    def rate(self, step: int) -> float:
        left = max(0.0, min(1.0, (self.steps - step) / self.decay))
        return self.lr * min(1.0, (step + 1) / self.warmup) * left


@dataclass(frozen=True, slots=True)
class EncodedExample:
    """Token ids before the answer and of it. `kind`: "answer" or "none"."""

    kind: str
    context: list[int]
    target: list[int]


class ExampleEncoder:
    """Examples as token ids, as the reader meets them."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.end: int = tokenizer.convert_tokens_to_ids(END)

    def ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False).input_ids)

    def answering(self, e: Example, titled: bool) -> EncodedExample:
        """The answer is the passage's own run of tokens, which is what decoding allows."""
        head, tail = prompt(e.question, e.title if titled else "", e.passage)
        own = self.tokenizer(" " + e.passage, add_special_tokens=False, return_offsets_mapping=True)
        target, kind = self.ids(" " + NOTHING), "none"
        if e.answer is not None:
            begin, end = e.start + 1, e.start + 1 + len(e.answer)
            inside = [n for n, (a, b) in enumerate(own.offset_mapping) if b > begin and a < end]
            target, kind = own.input_ids[inside[0] : inside[-1] + 1], "answer"
        return EncodedExample(kind, self.ids(head) + own.input_ids + self.ids(tail), [*target, self.end])


def losses(model: Any, batch: Sequence[EncodedExample], end: int) -> tuple[Tensor, Tensor]:
    """Of every example the cross-entropy of its answer, summed, and its number of tokens; both [B]."""
    width = max(len(e.context) + len(e.target) for e in batch) - 1
    ids, labels = torch.full((len(batch), width), end), torch.full((len(batch), width), -100)
    mask = torch.zeros(len(batch), width, dtype=torch.long)
    for row, e in enumerate(batch):
        whole, before = (e.context + e.target)[:-1], len(e.context) - 1
        ids[row, : len(whole)] = torch.tensor(whole)
        mask[row, : len(whole)] = 1
        labels[row, before : before + len(e.target)] = torch.tensor(e.target)
    hidden = model.model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    keep = labels != -100
    each = F.cross_entropy(model.lm_head(hidden[keep]).float(), labels[keep], reduction="none")
    rows = torch.arange(len(batch))[:, None].expand(-1, width)[keep]
    zeros = torch.zeros(len(batch))
    return zeros.index_add(0, rows, each), zeros.index_add(0, rows, torch.ones_like(each))


class ReaderTrainer:
    """The outer loop over one work folder: checkpoint.safetensors, and the reader as it stands."""

    def __init__(
        self,
        data: Path,
        folder: Path,
        work: Path,
        schedule: Schedule,
        spec: ReaderSpec = SPEC,
        *,
        compiled: bool = True,
    ) -> None:
        torch.manual_seed(schedule.seed)
        self.data, self.work, self.schedule, self.spec = data, work, schedule, spec
        self.model, tokenizer = load_backbone(folder, attention="eager")
        self.sketch = sketch(self.model)
        self.named = adapted(self.model, self.spec)
        for layer in self.model.model.layers if compiled else ():
            layer.compile(dynamic=True)  # twice as fast on a processor, after a minute
        self.encoder = ExampleEncoder(tokenizer)
        groups = [{"params": list(self.named.values()), "weight_decay": 0.0}]
        self.outer = OuterLoop(work / "checkpoint.safetensors", groups, betas=(0.9, 0.98))
        self.drawn = 0
        self.examples = self._examples()

    def _examples(self) -> Examples:
        texts = {name: (title, text) for _, name, title, text in running_text(self.data, TEXTS)}
        asked = [a for a in people_asked(self.data, texts) if not is_kept_aside(a.title or a.question)]
        print(f"{len(asked)} questions", flush=True)
        return Examples(asked, seed=self.schedule.seed)

    def save(self) -> None:
        self.outer.save(self.named, drawn=self.drawn)
        save_reader(self.work / "reader.safetensors", self.named, self.spec, self.sketch, {"steps": self.outer.step})

    def resume(self) -> bool:
        """Continue from the last checkpoint, if there is one. Raises DamagedError."""
        record = self.outer.saved()
        if record is None:
            return False
        for name, tensor in self.outer.resume(record).items():
            self.named[name].data.copy_(tensor)
        self.drawn = record["drawn"]
        return True

    def batches(self) -> list[list[EncodedExample]]:
        """The next `POOLED` batches, of examples of like length each, in an order drawn anew."""
        rng = random.Random(f"{self.schedule.seed} {self.outer.step}")
        pool = []
        for _ in range(POOLED * self.schedule.batch):
            e = self.examples[self.drawn]
            self.drawn += 1
            encoded = self.encoder.answering(e, rng.random() < TITLED)
            if len(encoded.context) + len(encoded.target) <= LONGEST:
                pool.append(encoded)
        pool.sort(key=lambda e: len(e.context))
        size = self.schedule.batch
        parts = [pool[n : n + size] for n in range(0, len(pool), size)]
        rng.shuffle(parts)
        return parts

    def train(self) -> None:
        self.train_until(self.schedule.steps)
        self.save()

    def train_until(self, last: int) -> None:
        """On to a step; saves on the way."""
        running: dict[str, float] = {}
        begun, tokens, saved = time.monotonic(), 0, self.outer.step
        while self.outer.step < last:
            for batch in self.batches():
                total, count = losses(self.model, batch, self.encoder.end)
                self.outer.advance((total / count.sqrt()).mean(), self.schedule.rate(self.outer.step))
                tokens += len(batch) * max(len(e.context) + len(e.target) for e in batch)
                for e, x in zip(batch, total.tolist(), strict=True):
                    running[e.kind] = 0.99 * running.get(e.kind, x) + 0.01 * x
                if self.outer.step % 20 == 0:
                    seconds = time.monotonic() - begun
                    means = {k: round(v, 3) for k, v in sorted(running.items())}
                    print(self.outer.step, means, f"{seconds:.0f} s {tokens / seconds:.0f} tok/s", flush=True)
            if self.outer.step - saved >= SAVE_EVERY:
                saved = self.outer.step
                self.save()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m titans_cli.train.reader", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with text/ and qa/")
    parser.add_argument("--model", type=Path, required=True, help="folder of the language model")
    parser.add_argument("--work", type=Path, required=True, help="work folder: checkpoint, reader")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.threads)
    trainer = ReaderTrainer(args.data, args.model, args.work, Schedule(args.steps))
    print("resumed at" if trainer.resume() else "starting at", trainer.outer.step, flush=True)
    trainer.train()


if __name__ == "__main__":
    main()
