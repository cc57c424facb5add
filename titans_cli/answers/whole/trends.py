"""Which of many phrases, or topics, come and go over the years.

A document has a phrase or has it not. The score test for a trend in proportions (Cochran 1954, Armitage 1955) gives z.
Few documents have any one phrase, so z is joined with that of the documents which lack it, weighted by how much they
are about what those that have it are about: a ridge regression of "has it" on the documents' vectors. Where nothing
changes the two are independent, and their sum is normal too (Stouffer's method). Then every slope is shrunk by how much
the slopes of all phrases of the pile spread beyond chance (empirical Bayes by the method of moments; Efron and Morris
1975): phrases of few documents more, and in a pile where nothing changes all of them to nothing. Told is what then
still lies `SURE` deviations from zero. Measured by `python -m benchmarks.synthesis --part trends`; the fitted numbers
were chosen on other samples of the same abstracts (docs/log.md, 2026-11-27).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from titans_cli.answers.whole.background import background
from titans_cli.answers.whole.phrases import Phrase, alike, inseparable

Vector = npt.NDArray[np.float64]
Smoother = Callable[[Vector], Vector]

LEAST = 4  # dated documents
SURE = 2.0  # standard deviations of a slope, given the pile
BORNE = 1.0  # |z| of the phrase's own documents
LOUD = 4.0  # |z| beyond which a phrase adds no more to the spread of all
SMOOTH = 0.7  # weight of the documents about the same, beside those that have it
RIDGE = 1.0
EXCESS, EXCESS_ALONE = 1.0, 2.0  # log of how many times as common as in general English: of the rarest word; a lone one
COMMON, RARE = 0.15, 0.003  # a lone word that more documents have is vocabulary, unless it is rarer in general English
BY_CHANCE = 0.05  # that documents before the first (or after the last) lack it, were it as common there as since
PEAK, PEAKED = 3.5, 8  # z of the curvature of what rises and falls again; documents that have it
MOST_PEAKS = 2
STAYS, DRIFTS, MOST_STEADY = 0.7, 2.0, 2  # share of the documents and |z| of what is steady


class Trend(NamedTuple):
    phrase: Phrase
    direction: str  # "rising", "falling", "vanishing", "peaked", "steady"
    sure: float  # probability of the direction
    change: tuple[float, float, float]  # of the share of documents, first year to last: 2.5%, mean, 97.5%
    first: int | None  # the year in which it arrived, if there were documents enough before
    peak: int | None  # the year around which it was most common, of what peaked


class Slopes(NamedTuple):
    """Of scores over the years, one each: standard normal where nothing changes, and shrunk."""

    direct: Vector
    shrunk: Vector  # posterior mean over posterior deviation
    keep: Vector  # share of a slope that is left after shrinking


def z_of(years: Vector, has: Vector) -> float:
    """Of the trend test; `has` may be any score. 0 when there is nothing to compare."""
    x, y = has - has.mean(), years - years.mean()
    spread = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / spread * math.sqrt(len(x)) if spread > 1e-9 else 0.0


def slopes(years: Vector, has: Vector, smooth: Smoother | None) -> Slopes:
    """`has` [n, N] of n phrases; without `smooth` only the documents that have them are looked at."""
    direct = np.array([z_of(years, row) for row in has])
    joined = direct
    if smooth is not None:
        smoothed = np.array([_smoothed(years, row, smooth) for row in has])
        joined = (direct + SMOOTH * smoothed) / math.hypot(1, SMOOTH)
    information = has.sum(axis=1) * (1 - has.mean(axis=1))
    bounded = np.minimum(direct**2, LOUD**2)  # a few loud phrases say nothing of the many others
    spread = max(0.0, float((bounded - 1).sum())) / max(1e-9, float(information.sum()))
    keep = spread * information / (1 + spread * information)
    return Slopes(direct, joined * np.sqrt(keep), keep)


def _smoothed(years: Vector, has: Vector, smooth: Smoother) -> float:
    about, lacking = smooth(has - has.mean()), has == 0
    return z_of(years[lacking], about[lacking]) if lacking.sum() > 2 else 0.0


def smoother(vectors: Vector) -> Smoother:
    """Makes of any score [N] of documents its ridge regression on their vectors [N, D]."""
    solved = np.linalg.solve(vectors.T @ vectors + RIDGE * np.eye(vectors.shape[1]), vectors.T)
    return lambda score: np.asarray(vectors @ (solved @ score))


def trends(found: Sequence[Phrase], years: Sequence[int | None], vectors: Vector | None) -> list[Trend]:
    """Of phrases that say something, those that change, surest first; one of those that name one matter.

    `vectors` [N, D]: of the documents, unit rows, to smooth by; None for few documents.
    """
    dated = [n for n, year in enumerate(years) if year is not None]
    when = np.array([years[n] for n in dated], dtype=np.float64)
    if len(dated) < LEAST or when.min() == when.max():
        return []
    candidates, rows = [], []
    for p in found:
        row = np.array([float(n in p.documents) for n in dated])
        if row.any() and says_something(p, len(years)):
            candidates.append(p)
            rows.append(row)
    if not candidates:
        return []
    has = np.stack(rows)
    s = slopes(when, has, smoother(vectors[dated]) if vectors is not None else None)
    span = (when.max() - when.min()) / when.std()
    told: list[Trend] = []

    def rank(i: int) -> tuple[float, int, tuple[str, ...]]:  # of equals the longer: it says more
        return -round(abs(float(s.shrunk[i])), 6), -len(candidates[i].key), candidates[i].key

    for i in sorted(range(len(candidates)), key=rank):
        p, z = candidates[i], float(s.direct[i])
        if abs(s.shrunk[i]) < SURE or z * s.shrunk[i] <= 0 or abs(z) < BORNE:
            continue
        if any(alike(p, t.phrase) or inseparable(p, t.phrase) for t in told):
            continue
        unit = math.sqrt(has[i].mean() * (1 - has[i].mean()) / len(when)) * span  # of the share, for one z
        mean, error = s.keep[i] * z * unit, math.sqrt(s.keep[i]) * unit
        change = (mean - 1.96 * error, mean, mean + 1.96 * error)
        sure = 1 - math.erfc(abs(s.shrunk[i]) / math.sqrt(2)) / 2
        told.append(Trend(p, direction_of(z, when, has[i]), sure, change, arrival(when, has[i]), None))
    told += _peaked(candidates, when, has, told)
    return told + _steady(candidates, has, s.direct, told)


def excess(p: Phrase, documents: int) -> float:
    """Log of how many times as common as in general English: a word; of a longer phrase the mean of that and of its
    rarest word's."""
    table, share = background(), len(p.documents) / documents
    return (table.excess(p.key, share) + math.log(share / table.rarest(p.key))) / 2


def says_something(p: Phrase, documents: int) -> bool:
    """Whether it, and its rarest word, is far more common here than in general English."""
    table, share = background(), len(p.documents) / documents
    rarest = math.log(share / table.rarest(p.key))
    if len(p.key) > 1:
        return rarest >= EXCESS
    return rarest >= EXCESS_ALONE and (share <= COMMON or table.share(p.key) <= RARE)


def direction_of(z: float, when: Vector, has: Vector) -> str:
    """ "vanishing" if the documents after the last that has it are too many to lack it by chance."""
    if z > 0:
        return "rising"
    last = when[has > 0].max()
    after, share = int((when > last).sum()), float(has[when <= last].mean())
    return "vanishing" if after and (1 - share) ** after <= BY_CHANCE else "falling"


def arrival(when: Vector, has: Vector) -> int | None:
    """The first year that has it, if the documents before are too many to lack it by chance."""
    first = when[has > 0].min()
    before, share = int((when < first).sum()), float(has[when >= first].mean())
    return int(first) if before and (1 - share) ** before <= BY_CHANCE else None


def _peaked(candidates: Sequence[Phrase], when: Vector, has: Vector, told: Sequence[Trend]) -> list[Trend]:
    """What was most common in the middle years, by the curvature that a straight line does not explain."""
    y = (when - when.mean()) / when.std()
    bend = y**2 - np.polyval(np.polyfit(y, y**2, 1), y)
    found: list[Trend] = []
    for z, key, i in sorted((z_of(bend, row), candidates[i].key, i) for i, row in enumerate(has)):
        p = candidates[i]
        if z > -PEAK or len(found) == MOST_PEAKS:
            break
        if len(p.documents) >= PEAKED and key and not any(alike(p, t.phrase) for t in [*told, *found]):
            sure, middle = 1 - math.erfc(-z / math.sqrt(2)), int(np.median(when[has[i] > 0]))
            found.append(Trend(p, "peaked", sure, (0.0, 0.0, 0.0), None, middle))
    return found


def _steady(candidates: Sequence[Phrase], has: Vector, zs: Vector, told: Sequence[Trend]) -> list[Trend]:
    """What most documents have, all the years."""
    found: list[Trend] = []
    for share, key, i in sorted((-row.mean(), candidates[i].key, i) for i, row in enumerate(has)):
        p = candidates[i]
        if -share < STAYS or len(found) == MOST_STEADY:
            break
        if key and abs(zs[i]) <= DRIFTS and not any(alike(p, t.phrase) for t in [*told, *found]):
            found.append(Trend(p, "steady", 1.0, (0.0, 0.0, 0.0), None, None))
    return found
