"""Calibrate a trained reader, and write the file that is shipped: `python -m titans_cli.train.calibration`.

On questions of documents that it was never trained on (`is_kept_aside`), with the passages that BM25 finds among all
documents: once as they are, and once without the document that answers. Two logistic regressions: whether the answer
is right (exactly one of those accepted), and whether nothing in the passages answers.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from titans_cli.model.reader import Reader, ReaderFinding, ReaderSpec, load_backbone, merge, probability, reader_tensors
from titans_cli.train.reading import TEXTS, Pool, ReadingQuestion, is_kept_aside, people_asked, running_text, windows

PASSAGES = 5  # put before the reader
WORDS = 90
RIDGE = 1e-2  # penalty on the square of a weight


@dataclass(frozen=True, slots=True)
class Trial:
    """A question with what the reader made of its passages. `held`: whether one of them holds an accepted answer."""

    finding: ReaderFinding
    right: bool
    held: bool


def normal(text: str) -> list[str]:
    """As SQuAD's evaluation compares answers: lower case, no punctuation, no articles (Rajpurkar et al. 2016)."""
    bare = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", bare).split()


def trials(reader: Reader, asked: Sequence[ReadingQuestion], pool: Pool) -> Iterator[Trial]:
    for number, a in enumerate(asked):
        near = [pool.passages[n] for n in pool.best(a.question, (), 60)]
        for passages in (near[:PASSAGES], [p for p in near if p[0] != a.title][:PASSAGES]):
            span = reader.find(a.question, [text for _, text in passages], [title for title, _ in passages])
            if span is None:
                continue
            chosen = normal(passages[span.passage][1][span.start : span.end])
            held = any(x.lower() in text.lower() for x in a.answers for _, text in passages)
            yield Trial(span, any(chosen == normal(x) for x in a.answers), held)
        if number % 50 == 0:
            print(number, flush=True)


def fitted(rows: Sequence[Sequence[float]], labels: Sequence[bool]) -> tuple[float, ...]:
    """Logistic weights of signals that are scaled to unit spread while they are fitted."""
    x, y = torch.tensor(rows, dtype=torch.float64), torch.tensor(labels, dtype=torch.float64)
    spread = x.std(0).clamp(min=1e-6)
    spread[-1] = 1.0
    w = torch.zeros(x.shape[1], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([w], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = F.binary_cross_entropy_with_logits(x / spread @ w, y) + RIDGE * w[:-1].square().mean()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return tuple(round(v, 4) for v in (w.detach() / spread).tolist())


def calibrated(done: Sequence[Trial], spec: ReaderSpec) -> ReaderSpec:
    held = [t for t in done if t.held]
    right = fitted([t.finding.right for t in held], [t.right for t in held])
    absent = fitted([t.finding.absent for t in done], [not t.held for t in done])
    return replace(spec, right=right, absent=absent)


def figures(done: Sequence[Trial], spec: ReaderSpec) -> dict[str, float]:
    """Shares of what is held and answered exactly, refused wrongly and rightly, and the calibration error."""
    held, without = [t for t in done if t.held], [t for t in done if not t.held]

    def refused(of: Sequence[Trial]) -> float:
        return sum(probability(spec.absent, t.finding.absent) > 0.5 for t in of) / max(1, len(of))

    sure = [(probability(spec.right, t.finding.right), t.right) for t in held]
    bins = [[s for s in sure if n / 10 <= s[0] < (n + 1) / 10] for n in range(10)]
    error = sum(abs(sum(p for p, _ in b) - sum(r for _, r in b)) for b in bins) / max(1, len(sure))
    return {
        "held": len(held),
        "exact": sum(t.right for t in held) / max(1, len(held)),
        "refused.wrongly": refused(held),
        "refused.rightly": refused(without),
        "calibration_error": error,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m titans_cli.train.calibration", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with text/ and qa/")
    parser.add_argument("--model", type=Path, required=True, help="folder of the language model")
    parser.add_argument("--work", type=Path, required=True, help="work folder of the reader's run")
    parser.add_argument("--out", type=Path, default=Path("titans_cli/weights/smollm2/reader.safetensors"))
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    tensors, notes = reader_tensors(args.work / "reader.safetensors")
    model, tokenizer = load_backbone(args.model)
    spec = ReaderSpec()
    merge(model, tensors, spec)
    texts = {name: (title, text) for _, name, title, text in running_text(args.data, TEXTS)}
    asked = people_asked(args.data, texts)
    pool = Pool(list({w: (a.title, w) for a in asked for w in windows(a.text, WORDS)[:60]}.values()))
    aside = [a for a in asked if is_kept_aside(a.title or a.question)]
    random.Random(2).shuffle(aside)
    done = list(trials(Reader(model, tokenizer, spec), aside[: args.questions], pool))
    halves = done[: len(done) // 2], done[len(done) // 2 :]
    print("fitted on one half, measured on the other", figures(halves[1], calibrated(halves[0], spec)))
    spec = calibrated(done, spec)
    print(spec, figures(done, spec))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, args.out, metadata={"reader": json.dumps({**notes, **asdict(spec)})})


if __name__ == "__main__":
    main()
