"""Fits whether what is asked is said of what it is asked about: `python -m benchmarks.answers_premise --data DATA`.

On questions of training data (`answers_training`), in one session with all their documents, each three times: as it is;
with the document that answers left out; and asked of another document, whose name takes the place of its own document's
where the question has that. The second and the third have no answer, but for chance. And on questions of 14 papers of
the training text (answers_premise.jsonl), written by hand, half of them of what their paper does not say.

Prints PREMISE of `answers/premise.py`, logistic weights of `Premise.signals`, and for several bounds which share of
each set is refused. Each set counts alike, whatever its size, and so do questions with an answer and without.

Then, of conversations, letters and diaries (answers_conversations.py), REFUSES_SPOKEN: the least of these bounds at
which at most a tenth of their questions with an answer are refused. They take no part in the weights: with them, fewer
false premises about papers are seen through (docs/log.md, 2026-11-28). A third of them is kept out, and shown.
"""

from __future__ import annotations

import json
import random
import re
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch

from benchmarks.answers_conversations import conversations, questions
from benchmarks.answers_data import Session, records, session, write
from benchmarks.answers_training import SEED, Trained, load
from benchmarks.common import parser
from titans_cli.answers.compose import AskOptions
from titans_cli.answers.facts import search
from titans_cli.answers.premise import SPOKEN
from titans_cli.train.corpus import read_jsonl

Row = dict[str, Any]  # the set, whether there is an answer, and the signals
STEPS = 2_000
UNSAID = 6  # of the signals, the first: what is not said
PAPERS = "papers"  # the set of the questions written by hand, and the files that have their papers
QUESTIONS, TEXTS = Path(__file__).with_suffix(".jsonl"), ("scipy_proceedings", "plos_articles")
CONVERSATIONS, HELD = "conversations", "conversations kept out"
BOUNDS = (0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8)
MOST_REFUSED = 0.1  # of what is answered: the floor of issue 21


def tried(s: Session, question: str, only: set[int] | None, titles: dict[int, str]) -> Row:
    """The signals of a question's premise, and whether its document is told in somebody's own words."""
    here = {i: t for i, t in titles.items() if only is None or i in only}
    said = search(question, s.episodes, s.engine, here, only, AskOptions()).premise
    return {"signals": list(said.signals), "spoken": said.spoken > SPOKEN}


def moved(a: Trained, title: str) -> str:
    """The question with another document's name in the place of its own document's, where it has that."""
    name = re.sub(r"\s*\(.*\)$", "", a.title)
    return re.sub(re.escape(name), title, a.question, flags=re.I) if name else a.question


def rows_of(s: Session, asked: list[Trained], every: int) -> list[Row]:
    rng = random.Random(SEED)
    ids = {Path(x.display).name: x.id for x in s.episodes.sources()}
    titles = {x.id: x.title or "" for x in s.episodes.sources()}
    rows: list[Row] = []
    for a in asked[::every]:
        own = ids[a.document]
        other = rng.choice([i for i in ids.values() if i != own])
        for question, only, answered in (
            (a.question, None, True),
            (a.question, set(ids.values()) - {own}, False),
            (moved(a, titles[other]), {other}, False),
        ):
            rows.append({"set": a.kind, "answered": answered, **tried(s, question, only, titles)})
    return rows


def rows_by_hand(s: Session, name: str, asked: list[dict[str, Any]]) -> list[Row]:
    """The same of questions written by hand, of the set `name`."""
    titles = {x.id: x.title or "" for x in s.episodes.sources()}
    return [{"set": name, "answered": q["answered"], **tried(s, q["ask"], None, titles)} for q in asked]


def papers(data: Path) -> dict[str, str]:
    """Their papers, by the name of a file."""
    titles = {q["title"] for q in records(QUESTIONS)}
    found = (r for name in TEXTS for r in read_jsonl(data / "text" / f"{name}.jsonl.zst") if r["title"] in titles)
    return {f"{n:02d}.txt": f"{r['title']}\n\n{r['text']}" for n, r in enumerate(found)}


def fit(rows: list[Row]) -> torch.Tensor:
    """Logistic regression of "nothing answers", every set and both cases counting alike."""
    x = torch.tensor([r["signals"] for r in rows])
    y = torch.tensor([float(not r["answered"]) for r in rows])
    sizes: dict[tuple[str, bool], int] = defaultdict(int)
    for r in rows:
        sizes[r["set"], r["answered"]] += 1
    share = torch.tensor([1 / sizes[r["set"], r["answered"]] for r in rows])
    weights = torch.zeros(x.shape[1], requires_grad=True)
    optimiser = torch.optim.Adam([weights], lr=0.05)
    for _ in range(STEPS):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(x @ weights, y, share, reduction="sum")
        loss = loss / share.sum() + 1e-3 * weights.square().sum()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        with torch.no_grad():  # nothing that is unsaid speaks for an answer
            weights[:UNSAID].clamp_(min=0)
    return weights.detach()


def refused(rows: list[Row], name: str, answered: bool, weights: torch.Tensor, bound: float) -> float:
    """The share of a set's questions, with an answer or without, that nothing is at least that likely to answer."""
    some = [r for r in rows if r["set"] == name and r["answered"] is answered]
    p = torch.sigmoid(torch.tensor([r["signals"] for r in some]) @ weights)
    return float((p >= bound).float().mean())


def show(rows: list[Row], weights: torch.Tensor) -> None:
    """The shares that are refused."""
    sets = sorted({r["set"] for r in rows})
    print("refused from  " + "  ".join(f"{s:>13}" for s in sets) + "           mean   (answered/not)")
    for bound in BOUNDS:
        shares = [[refused(rows, s, answered, weights, bound) for answered in (True, False)] for s in sets]
        mean = [sum(p[i] for p in shares) / len(shares) for i in (0, 1)]
        told = "  ".join(f"{a:6.1%} {b:6.1%}" for a, b in [*shares, mean])
        print(f"  {bound}         {told}")


def main() -> None:
    args = parser(__doc__)
    args.add_argument("--data", type=Path, required=True, help="folder with text/ and qa/train")
    args.add_argument("--keep", type=Path, help="folder of the session, kept and used again")
    args.add_argument("--every", type=int, default=1, help="of so many questions one")
    args.add_argument("--rows", type=Path, help="file that the signals are written to, or read from if it is there")
    options = args.parse_args()
    if options.rows and options.rows.exists():
        rows = json.loads(options.rows.read_text())
    else:
        texts, asked = load(options.data)
        with tempfile.TemporaryDirectory() as temporary:
            folder = options.keep or Path(temporary) / "home"
            documents = write(texts, Path(temporary) / "documents")
            with session(folder, documents) as s:
                rows = rows_of(s, asked, options.every * (10 if options.quick else 1))
            every = 10 if options.quick else 1
            by_hand = {
                PAPERS: (papers(options.data), list(records(QUESTIONS))),
                CONVERSATIONS: (conversations(options.data, held=False), questions(held=False)),
                HELD: (conversations(options.data, held=True), questions(held=True)),
            }
            for name, (some, written) in by_hand.items():
                kept = folder.with_name(f"{folder.name}-{name.replace(' ', '-')}")
                with session(kept, write(some, Path(temporary) / name)) as s:
                    rows += rows_by_hand(s, name, written[::every])
        if options.rows:
            options.rows.write_text(json.dumps(rows))
    fitted = [r for r in rows if r["set"] not in (CONVERSATIONS, HELD)]
    weights = fit(fitted)
    print("weights =", tuple(round(w, 4) for w in weights.tolist()))
    show(fitted, weights)
    show([r for r in rows if r["set"] in (CONVERSATIONS, HELD)], weights)
    bounds = [b for b in BOUNDS if refused(rows, CONVERSATIONS, True, weights, b) <= MOST_REFUSED]
    print("bound =", bounds[0] if bounds else f"above {BOUNDS[-1]}")
    for s in sorted({r["set"] for r in rows}):
        spoken = [r["spoken"] for r in rows if r["set"] == s]
        print(f"told in somebody's own words: {sum(spoken)} of {len(spoken)} {s}")


if __name__ == "__main__":
    main()
