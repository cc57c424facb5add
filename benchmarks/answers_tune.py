"""Fit what blocks and sentences are judged by to training questions: python -m benchmarks.answers_tune --data D.

Three fits, each printed as it stands in titans_cli/answers: WEIGHTS of evidence.py (which block carries the answer),
WEIGHTS of extract.py (which sentence holds it), and SUPPORT there (whether the session speaks of the matter at all: the
same questions, asked with and without the document that answers them). The questions are those of
`answers_training` that have an answer in their document's words. The first two are listwise: the weighted sum of
the signals goes through a softmax over a question's candidates, and the loss is the negative log of what falls on the
right ones. Weights that come out negative are held at zero, so that no signal counts against a candidate. What memory
recalled is left out. --told answers all of the questions instead, by the weights as they stand, and prints how many are
right: what cannot be fitted this way was chosen by that. Never run it on the questions that benchmarks/answers.py
measures with.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from benchmarks.answers_data import Asked, Session, session, write
from benchmarks.answers_evidence import evidence_of, plain, told
from benchmarks.answers_training import Trained, load
from benchmarks.common import parser
from titans_cli.answers import evidence, extract
from titans_cli.answers.compose import AskOptions
from titans_cli.answers.landmarks import Marks
from titans_cli.answers.premise import subjects
from titans_cli.answers.question import Question
from titans_cli.model.encoder import load_encoder
from titans_cli.sessions.ask import marks_of

TOTAL = 10  # of the blocks' weights: only their ratios matter, but for the memory's, which is not fitted
OTHER_WORDS = {"glossary"}  # sets whose answers stand in their document in other words
MORE = 8  # blocks gathered on top of those that an answer looks at, so that as many are left without the document
NOT_FITTED = ("memory", "recalled")
# Of each question the signals [N, S] of its candidates, and which of them are right [N].
Listed = list[tuple[torch.Tensor, torch.Tensor]]
Sentences = list[tuple[extract.Candidate, dict[str, float]]]


def fit(questions: Listed, steps: int = 400) -> torch.Tensor:
    questions = [q for q in questions if q[1].any()]
    size, longest = questions[0][0].shape[1], max(len(s) for s, _ in questions)
    weights = torch.ones(size, requires_grad=True)
    optimiser = torch.optim.Adam([weights], lr=0.1)
    x = torch.zeros(len(questions), longest, size)
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


def fit_support(there: Sequence[Sequence[float]], gone: Sequence[Sequence[float]]) -> torch.Tensor:
    """Logistic regression: the weight of each signal of the best sentence, and the constant last."""
    x = torch.tensor([[*row, 1.0] for row in (*there, *gone)])
    y = torch.tensor([1.0] * len(there) + [0.0] * len(gone))
    weights = torch.zeros(x.shape[1], requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=500, line_search_fn="strong_wolfe")

    def step() -> torch.Tensor:
        optimiser.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(x @ weights, y) + 1e-4 * weights.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(step)  # type: ignore[no-untyped-call]
    return weights.detach()


def _asked(a: Trained) -> Asked:
    return Asked(a.question, a.answers, a.document)


def blocks(asked: Sequence[Trained], s: Session, marks: Marks) -> Listed:
    questions = []
    for a, gold in zip(asked, evidence_of([_asked(a) for a in asked], s), strict=True):
        found = evidence.signals(Question(a.question, s.episodes), s.episodes, marks, None)
        rows = [[f.values[n] for n in evidence.WEIGHTS] for f in found]
        questions.append((torch.tensor(rows), torch.tensor([f.block.id in gold for f in found])))
    return questions


def sentences(a: Trained, s: Session, marks: Marks, document: int) -> tuple[Sentences, Sentences]:
    """The sentences an answer is chosen from, and those it would be chosen from had `document` never been read."""
    question, size = Question(a.question, s.episodes), AskOptions().top_k
    named, naming = subjects(question, {x.id: x.title or "" for x in s.episodes.sources()})
    found = evidence.gather(question, s.episodes, s.engine, None, size + MORE, named or None, marks=marks)
    others = [f for f in found if f.block.source_id != document]

    def of(blocks: Sequence[evidence.ScoredBlock]) -> Sentences:
        return [
            c
            for f in blocks[:size]
            for c in extract.signals(question, f, None, naming if f.block.source_id in named else ())
        ]

    return of(found), of(others)


def show(name: str, weights: torch.Tensor, of: Mapping[str, float]) -> None:
    print(f"{name}")
    for signal, weight in zip(of, weights.tolist(), strict=True):
        print(f'    "{signal}": {weight:.2f},' + ("  (not fitted)" if signal in NOT_FITTED else ""))


def main() -> None:
    args = parser(__doc__)
    args.add_argument("--data", type=Path, required=True)
    args.add_argument("--model", type=Path, help="model folder (default: the embedded one)")
    args.add_argument("--keep", type=Path, help="folder of the session, kept and used again")
    args.add_argument("--landmark-model", help="sentence encoder in place of the model's landmarks: WEIGHTS_ENCODER")
    args.add_argument("--sentences", action="store_true", help="leave the blocks' weights as they are")
    args.add_argument("--told", action="store_true", help="fit nothing: answer, and print how many are right")
    options = args.parse_args()
    texts, every = load(options.data)
    asked = [a for a in every if a.answers and a.kind not in OTHER_WORDS][:: 10 if options.quick else 1]
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary) / "home"
        documents = write(texts, Path(temporary) / "documents")
        with session(folder, documents, options.model) as s:
            if options.told:
                print({name: round(value, 4) for name, value in told([_asked(a) for a in asked], s).items()})
                return
            encoder = load_encoder(options.landmark_model) if options.landmark_model else None
            marks = marks_of(s.episodes, s.engine, encoder)
            found = [] if options.sentences else blocks(asked, s, marks)
            sources = {Path(x.uri).name: x.id for x in s.episodes.sources()}
            there, gone = zip(*(sentences(a, s, marks, sources[a.document]) for a in asked), strict=True)
    if found:
        print(f"{sum(bool(g.any()) for _, g in found)} of {len(asked)} questions have evidence among their candidates")
        weights = fit(found)
        show("evidence.WEIGHTS", weights / weights.sum() * TOTAL, evidence.WEIGHTS)
    rows = []
    for a, of in zip(asked, there, strict=True):
        right = [
            c.block.source_id == sources[a.document] and any(plain(x) in plain(c.text) for x in a.answers)
            for c, _ in of
        ]
        rows.append((torch.tensor([list(v.values()) for _, v in of]).view(len(of), -1), torch.tensor(right)))
    weights = fit([(s, g) for s, g in rows if len(s)])
    show("extract.WEIGHTS", weights, extract.WEIGHTS)
    first = [g[int((s @ weights).argmax())] for s, g in rows if len(s)]
    print(f"first sentence right: {sum(map(bool, first)) / len(rows):.1%} of {len(rows)}")
    judge(
        [of for of in there if of], [of for of in gone if of], dict(zip(extract.WEIGHTS, weights.tolist(), strict=True))
    )


def judge(there: Sequence[Sentences], gone: Sequence[Sentences], by: Mapping[str, float]) -> None:
    """Fit SUPPORT to scores by these weights of sentences, and print what bounds on the probability would do."""
    signals = [n for n in extract.SUPPORT if n and n != "score"]

    def best(of: Sentences) -> list[float]:
        scored = [(sum(by[n] * v for n, v in values.items()), values) for _, values in of]
        score, values = max(scored, key=lambda x: x[0])
        return [score, *(values[n] for n in signals)]

    yes, no = ([best(of) for of in some if of] for some in (there, gone))
    weights = fit_support(yes, no)
    show("extract.SUPPORT", weights, {"score": 0, **dict.fromkeys(signals, 0.0), "": 0})
    x, y = (torch.sigmoid(torch.tensor([[*r, 1.0] for r in rows]) @ weights) for rows in (yes, no))
    for bound in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8):
        answered, wrongly = (int((p >= bound).sum()) for p in (x, y))
        print(
            f"bound {bound}: answered {answered / len(there):.1%}, "
            f"with the document never read {wrongly / len(gone):.1%}"
        )


if __name__ == "__main__":
    main()
