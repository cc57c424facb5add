"""What the memory is worth: the same questions with the session's own memory (.on), without one (.off), and with that
of a session that read other documents (.other). Text, index and everything else stay the same.

open.SET.em, .f1    the answer proper, or the sentence where there is none, against the accepted answers
open.SET.holds      an accepted answer stands in the text
open.SET.refused    of the questions, all of which the documents answer
open.SET.first      the first citation is of the document that answers
closed.SET.em, .f1, .told   by the memory alone; how many were told anything
NAME.f1.gain        on minus off, in points; .low, .high: its 95% interval, by a bootstrap over the questions
researcher.X, locomo.X      the figures of these programs, if named by --also

Answers about the whole (themes, trends, disagreements, summaries) are made of the text alone: the memory has no part in
them, and there is nothing to compare.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks import locomo, researcher
from benchmarks.answers_data import NAME, Asked, Session, load, session, write
from benchmarks.answers_evidence import f1, plain
from benchmarks.answers_reader import exact
from benchmarks.common import Report, parser
from titans_cli.answers.compose import AskOptions
from titans_cli.model.interface import SessionModel
from titans_cli.sessions.engines import reader_of
from titans_cli.sessions.shelf import CellsOnShelf, Shelf
from titans_cli.store import SessionStore

SETS = {"qed_dev": (60, 300), "timeqa": (6, 30)}  # documents with --quick, and without
DRAWS = 2000
PASSES = ("on", "off", "other")
ALSO = ("researcher", "locomo")


@dataclass(frozen=True)
class Foreign(Shelf):
    """The cells of another session, whatever session is asked."""

    store: SessionStore
    own: Shelf

    def cells(self, store: SessionStore, engine: SessionModel, only: frozenset[int] | None = None) -> CellsOnShelf:
        return self.own.cells(self.store, engine)


def passes(own: Session, other: Session) -> Iterator[tuple[str, Session]]:
    """The session with each memory."""
    yield "on", own
    yield "off", replace(own, memory=False)
    yield "other", replace(own, shelf=Foreign(SessionStore.open(other.home, NAME), other.shelf))


def asked_of(asked: Sequence[Asked], s: Session, *, closed: bool) -> dict[str, list[float]]:
    """Of every question, each measure."""
    marks: dict[str, list[float]] = defaultdict(list)
    for a in asked:
        given = s.ask(a.question, AskOptions(closed_book=closed, memory=s.memory))
        refused = given.support == "none"
        said = "" if closed and refused else given.short or given.text
        marks["em"].append(exact(said, a.answers))
        marks["f1"].append(max(f1(said, x) for x in a.answers))
        if closed:
            marks["told"].append(not refused)
            continue
        marks["holds"].append(any(plain(x) in plain(given.text) for x in a.answers))
        marks["refused"].append(refused)
        marks["first"].append(bool(given.citations) and Path(given.citations[0].uri).name == a.document)
    return marks


def interval(gains: Sequence[float], seed: int = 1) -> tuple[float, float]:
    """95% of the means of so many questions drawn anew."""
    rng = random.Random(seed)
    means = sorted(sum(rng.choices(gains, k=len(gains))) / len(gains) for _ in range(DRAWS))
    return means[round(0.025 * (DRAWS - 1))], means[round(0.975 * (DRAWS - 1))]


def answers(report: Report, own: Session, other: Session, asked: dict[str, list[Asked]]) -> None:
    for kind, closed in (("open", False), ("closed", True)):
        for name, some in asked.items():
            marks = {label: asked_of(some, s, closed=closed) for label, s in passes(own, other)}
            for measure in marks["on"]:
                for label in PASSES:
                    report.add(f"{kind}.{name}.{measure}.{label}", sum(marks[label][measure]) / len(some))
            gains = [100 * (a - b) for a, b in zip(marks["on"]["f1"], marks["off"]["f1"], strict=True)]
            report.add(f"{kind}.{name}.f1.gain", sum(gains) / len(gains))
            for label, bound in zip(("low", "high"), interval(gains), strict=True):
                report.add(f"{kind}.{name}.f1.gain.{label}", bound)


def of_researcher(report: Report, data: Path, folder: Path, other: Session, model: Path | None, quick: bool) -> None:
    papers = researcher.papers(data)
    read = researcher.linked(data, papers, folder / "papers")
    with session(folder / "researcher", read, model, other.reader) as s:
        for label, one in passes(s, other):
            part = Report("researcher", {})
            researcher.measure(part, one, papers, quick, ("written", "false"))
            for name, value in part.figures.items():
                report.add(f"researcher.{name}.{label}", value)


def of_locomo(report: Report, data: Path, folder: Path, other: Session, model: Path | None, quick: bool) -> None:
    conversations = json.loads(data.read_text(encoding="utf-8"))
    marks: dict[str, dict[str, list[float]]] = {label: defaultdict(list) for label in PASSES}
    for number, c in enumerate(conversations[1:2] if quick else conversations):
        texts = locomo.write(c["conversation"], folder / f"locomo-{number}-texts")
        with session(folder / f"locomo-{number}", texts, model, other.reader) as s:
            for label, one in passes(s, other):
                locomo.measure(one, c["qa"], marks[label])
    for label in PASSES:
        for name, some in sorted(marks[label].items()):
            report.add(f"locomo.{name}.{label}", sum(some) / len(some))


@contextmanager
def two(
    folder: Path, data: Path, counts: dict[str, int], options: Any
) -> Iterator[tuple[Session, Session, dict[str, list[Asked]]]]:
    """A session of the documents of all sets, one of as many others of these sets, and the questions of the first."""
    texts: dict[str, dict[str, str]] = {"own": {}, "other": {}}
    asked: dict[str, list[Asked]] = {}
    for name, count in counts.items():
        loaded, questions = load(data / "qa" / "dev", [name], 2 * count)
        own = sorted(loaded)[: len(loaded) // 2]
        texts["own"] |= {file: loaded[file] for file in own}
        texts["other"] |= {file: text for file, text in loaded.items() if file not in texts["own"]}
        asked[name] = [a for a in questions if a.document in own]
    reader = reader_of(options.reader) if options.reader else None
    with (
        session(folder / "own", write(texts["own"], folder / "own-texts"), options.model, reader) as own_session,
        session(folder / "other", write(texts["other"], folder / "other-texts"), options.model, reader) as other,
    ):
        yield own_session, other, asked


def main() -> None:
    args = parser(__doc__)
    args.add_argument("--data", type=Path, required=True, help="data folder (qa/dev; pdfs and locomo with --also)")
    args.add_argument("--also", nargs="+", choices=ALSO, default=[], help="programs whose figures are compared too")
    args.add_argument("--model", type=Path, help="model folder (default: the embedded one)")
    args.add_argument("--reader", help="a model that reads passages, as of titans ask (default: none)")
    options = args.parse_args()
    counts = {name: sizes[0 if options.quick else 1] for name, sizes in SETS.items()}
    report = Report("worth", {"documents": counts, "also": options.also, "reader": options.reader})
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with two(folder, options.data, counts, options) as (own, other, asked):
            for name, some in asked.items():
                report.add(f"questions.{name}", len(some))
            answers(report, own, other, asked)
            if "researcher" in options.also:
                of_researcher(report, options.data, folder, other, options.model, options.quick)
            if "locomo" in options.also:
                found = sorted((options.data / "locomo").glob("*.json"))
                of_locomo(report, found[0], folder, other, options.model, options.quick)
    report.print(as_json=options.json)


if __name__ == "__main__":
    main()
