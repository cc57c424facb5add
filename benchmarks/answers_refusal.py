"""Fits when to refuse and how far to believe a reader: `python -m benchmarks.answers_refusal --data DATA --reader R`.

On training questions of documents that the reader was never trained on (one in twelve, `is_kept_aside`), in one session
with these documents and others: each question as it is, and with the document that answers left out. Prints the weights
of `answers/reading.py`: REFUSAL (whether nothing answers, by what its premise and the reader make of it; the two cases
count alike) and BELIEF (whether the reader's answer is an accepted one, exactly).
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import torch

from benchmarks.answers_data import Session, session, write
from benchmarks.answers_evidence import normal
from benchmarks.common import parser
from titans_cli.answers.compose import AskOptions
from titans_cli.answers.facts import search
from titans_cli.answers.reading import passages_of, signals
from titans_cli.model.interface import PassageReader
from titans_cli.sessions.engines import reader_of
from titans_cli.train.calibration import fitted
from titans_cli.train.reading import TEXTS, ReadingQuestion, is_kept_aside, people_asked, running_text

PASSAGES, TOP_K = 3, 16


def tried(
    s: Session, a: ReadingQuestion, reader: PassageReader, only: set[int] | None
) -> tuple[tuple[float, ...], tuple[float, ...], bool]:
    """The signals of refusing and of believing, and whether what the reader says is right."""
    titles = {x.id: x.title for x in s.episodes.sources() if x.title}
    here = {i: t for i, t in titles.items() if only is None or i in only}
    looked = search(a.question, s.episodes, s.engine, here, only, AskOptions(top_k=TOP_K))
    passages = passages_of(looked.found, s.episodes, PASSAGES)
    named = [titles.get(p.blocks[0].source_id, "") for p in passages]
    reading = reader.read(a.question, [p.text for p in passages], named)
    refusing, believing = signals(looked.premise, reading)
    right = reading.text is not None and any(normal(reading.text) == normal(x) for x in a.answers)
    return refusing, believing, right


def main() -> None:
    args = parser(__doc__)
    args.add_argument("--data", type=Path, required=True, help="folder with text/ and qa/train")
    args.add_argument("--reader", required=True, help="a model that reads passages, as of titans ask")
    args.add_argument("--questions", type=int, default=150)
    args.add_argument("--others", type=int, default=250, help="documents that no question is about")
    options = args.parse_args()
    texts = {name: (title, text) for _, name, title, text in running_text(options.data, TEXTS)}
    every = [a for a in people_asked(options.data, texts) if a.title]
    rng = random.Random(9)
    rng.shuffle(every)
    asked = [a for a in every if is_kept_aside(a.title)][: options.questions]
    here = {a.title: a for a in asked}
    for a in every:
        if len(here) < len({x.title for x in asked}) + options.others:
            here.setdefault(a.title, a)
    files = {title: f"{n:04d}.txt" for n, title in enumerate(here)}
    reader = reader_of(options.reader)
    rows: list[tuple[tuple[float, ...], tuple[float, ...], bool, bool]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        documents = write({files[t]: f"{t}\n\n{a.text}" for t, a in here.items()}, folder / "documents")
        with session(folder / "home", documents) as s:
            ids = {Path(x.display).name: x.id for x in s.episodes.sources()}
            for number, a in enumerate(asked):
                rest = set(ids.values()) - {ids[files[a.title]]}
                rows.append((*tried(s, a, reader, None), True))
                rows.append((*tried(s, a, reader, rest), False))
                if number % 25 == 0:
                    print(number, flush=True)
    there = [r for r in rows if r[3]]
    refusal = fitted([r[0] for r in rows], [not r[3] for r in rows])
    belief = fitted([r[1] for r in there], [r[2] for r in there])
    print("REFUSAL =", refusal)
    print("BELIEF =", belief)
    scores = torch.tensor([r[0] for r in rows]) @ torch.tensor(refusal)
    gone = torch.tensor([not r[3] for r in rows])
    print(f"exact, of {len(there)}: {sum(r[2] for r in there) / len(there):.3f}")
    for bound in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8):
        refused = scores.sigmoid() >= bound
        rightly, wrongly = float(refused[gone].float().mean()), float(refused[~gone].float().mean())
        print(f"refused from {bound}: {rightly:.3f} rightly, {wrongly:.3f} wrongly")


if __name__ == "__main__":
    main()
