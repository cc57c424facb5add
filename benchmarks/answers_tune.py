"""Fit the weights of titans_cli/answers/evidence.py to training questions: python -m benchmarks.answers_tune --data D.

A listwise fit: the weighted sum of a question's signals goes through a softmax over its candidate blocks, and the loss
is the negative log of what falls on its evidence. Weights that come out negative are held at zero, so that no signal
counts against a block. The memory is left out. Never run it on the questions that benchmarks/answers.py measures with.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from benchmarks.answers_data import load, session, write
from benchmarks.answers_evidence import evidence_of
from benchmarks.common import parser
from titans_cli.answers.evidence import WEIGHTS, signals
from titans_cli.answers.question import Question
from titans_cli.model.encoder import load_encoder
from titans_cli.sessions.ask import marks_of

TOTAL = 10  # of the weights: only their ratios matter, but for the memory's, which is not fitted
DATASETS = (("nq_open_oracle", 700), ("timeqa", 70))


def fit(questions: list[tuple[torch.Tensor, torch.Tensor]], steps: int = 400) -> torch.Tensor:
    """`questions`: the signals [N, S] of a question's candidates, and which of them are evidence [N]."""
    weights = torch.ones(len(WEIGHTS), requires_grad=True)
    optimiser = torch.optim.Adam([weights], lr=0.1)
    longest = max(len(s) for s, _ in questions)
    x = torch.zeros(len(questions), longest, len(WEIGHTS))
    gold = torch.zeros(len(questions), longest, dtype=torch.bool)
    there = torch.zeros(len(questions), longest, dtype=torch.bool)
    for i, (s, g) in enumerate(questions):
        x[i, : len(s)], gold[i, : len(s)], there[i, : len(s)] = s, g, True
    for _ in range(steps):
        scores = (x @ weights).masked_fill(~there, -1e9)
        loss = (
            scores.logsumexp(1) - scores.masked_fill(~gold, -1e9).logsumexp(1)
        ).mean() + 1e-3 * weights.square().sum()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        with torch.no_grad():
            weights.clamp_(min=0)
    return weights.detach()


def main() -> None:
    args = parser(__doc__)
    args.add_argument("--data", type=Path, required=True)
    args.add_argument("--model", type=Path, help="model folder (default: the embedded one)")
    args.add_argument("--keep", type=Path, help="folder of the session, kept and used again")
    args.add_argument("--landmark-model", help="sentence encoder in place of the model's landmarks: WEIGHTS_ENCODER")
    options = args.parse_args()
    loaded = [load(options.data / "qa" / "train", [n], c // 10 if options.quick else c) for n, c in DATASETS]
    texts = {k: v for t, _ in loaded for k, v in t.items()}
    asked = [a for _, found in loaded for a in found]
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary) / "home"
        documents = write(texts, Path(temporary) / "documents")
        with session(folder, documents, options.model) as s:
            questions = []
            marks = marks_of(
                s.episodes, s.engine, load_encoder(options.landmark_model) if options.landmark_model else None
            )
            for a, gold in zip(asked, evidence_of(asked, s), strict=True):
                found = signals(Question(a.question, s.episodes), s.episodes, marks, None)
                right = torch.tensor([b.id in gold for b, _ in found])
                if right.any():
                    questions.append((torch.tensor([[v[n] for n in WEIGHTS] for _, v in found]), right))
    weights = fit(questions)
    weights = weights / weights.sum() * TOTAL
    print(f"{len(questions)} of {len(asked)} questions have evidence among their candidates")
    for name, weight in zip(WEIGHTS, weights.tolist(), strict=True):
        print(f'    "{name}": {weight:.2f},')


if __name__ == "__main__":
    main()
