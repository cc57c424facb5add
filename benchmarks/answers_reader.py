"""Short answers of a session that has read everything, by data set (`benchmarks.answers --data DATA --reader READER`).

short.SET.em, .f1       of the answer proper (a sentence where there is none) against the accepted answers
short.SET.holds         an accepted answer stands in the text
short.SET.headline      questions that got an answer proper, rather than a sentence
short.SET.refused       ... of the questions, all of which the documents answer: wrongly
short.SET.left_out      refused when the document that answers is left out: rightly
short.SET.seconds       of processor time a question, retrieval and all
short.ece               expected calibration error (Guo et al. 2017) of all that was told with a probability: an
                        answer proper is right when it is an accepted one, exactly; a refusal when the document was
                        left out. Ten bins of the same width
short.ece.headlines     the same of the answers proper to questions that the documents answer
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.answers_data import Asked, Session
from benchmarks.answers_evidence import f1, normal, plain
from benchmarks.common import Report
from titans_cli.records import Answer

BINS = 10
Judged = tuple[float, bool]  # a probability that was told, and whether it was so


def exact(said: str, accepted: Sequence[str]) -> bool:
    return any(normal(said) == normal(a) for a in accepted)


def calibration_error(judged: Sequence[Judged]) -> float:
    """The mean distance of a bin's probability from its share of what was right, by its size."""
    bins: dict[int, list[Judged]] = {}
    for probability, right in judged:
        bins.setdefault(min(BINS - 1, int(probability * BINS)), []).append((probability, right))
    apart = [abs(sum(p for p, _ in some) - sum(right for _, right in some)) for some in bins.values()]
    return sum(apart) / max(1, len(judged))


def measure(report: Report, name: str, asked: Sequence[Asked], session: Session, every: int = 3) -> list[list[Judged]]:
    """Adds the figures of one data set; gives back what was judged: of headlines, and of everything.

    `every`: of so many questions one is asked again without its document.
    """
    given, begun = [], time.process_time()
    for a in asked:
        given.append(session.ask(a.question))
    seconds = (time.process_time() - begun) / max(1, len(asked))
    said = [g.short or g.text for g in given]
    report.add(f"short.{name}", len(asked))
    shares = {
        "em": sum(exact(s, a.answers) for s, a in zip(said, asked, strict=True)),
        "f1": sum(max(f1(s, x) for x in a.answers) for s, a in zip(said, asked, strict=True)),
        "holds": sum(any(plain(x) in plain(g.text) for x in a.answers) for g, a in zip(given, asked, strict=True)),
        "headline": sum(g.short is not None for g in given),
        "refused": sum(g.support == "none" for g in given),
    }
    for figure, total in shares.items():
        report.add(f"short.{name}.{figure}", total / max(1, len(asked)))
    again = asked[::every]
    names = [s.display for s in session.episodes.sources()]
    left = [session.ask(a.question, sources=[n for n in names if Path(n).name != a.document]) for a in again]
    report.add(f"short.{name}.left_out", sum(g.support == "none" for g in left) / max(1, len(left)))
    report.add(f"short.{name}.seconds", seconds)
    headlines = [
        (g.probability, exact(g.short, a.answers))
        for g, a in zip(given, asked, strict=True)
        if g.short is not None and g.probability is not None
    ]
    return [headlines, headlines + _refusals(given, right=False) + _refusals(left, right=True) + _wrong(left)]


def _refusals(given: Sequence[Answer], *, right: bool) -> list[Judged]:
    return [(g.probability, right) for g in given if g.support == "none" and g.probability is not None]


def _wrong(left: Sequence[Answer]) -> list[Judged]:
    return [(g.probability, False) for g in left if g.short is not None and g.probability is not None]


def calibrated(report: Report, judged: Sequence[list[list[Judged]]]) -> None:
    """Adds the calibration errors over all data sets."""
    report.add("short.ece", calibration_error([j for _, everything in judged for j in everything]))
    report.add("short.ece.headlines", calibration_error([j for headlines, _ in judged for j in headlines]))
