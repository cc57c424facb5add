"""Which of many phrases come and go over the years.

A document has a phrase or has it not. The score test for a trend in proportions (Cochran 1954, Armitage 1955) gives z.
Few documents have any one phrase, so the documents which lack it say something too: those that are about what its
documents are about, by a ridge regression of "has it" on the documents' vectors.

How far the true z of phrases lie from nothing is estimated from all phrases of the pile, by adaptive shrinkage
(Stephens 2017): a share of them does not change at all, others little, some much. The shares are fitted by likelihood;
the variance of a true z grows with a phrase's documents, and with how much more common it is here than in general
English. A phrase's own z is shrunk by that: in a pile where nothing changes, to nothing. Told are the surest, as many
as may be wrong by the expected share `WRONG` (Efron 2010, ch. 5); what changes by less than `SLIGHT` is no trend. Of
phrases that name one matter, or go together, the surest leads and the others stand with it.

Measured by `python -m benchmarks.synthesis --part trends`; the fitted numbers were chosen on samples that share no
document with the measured ones (docs/log.md, 2026-11-27).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from titans_cli.answers.background import background
from titans_cli.answers.whole.phrases import TOGETHER, Phrase, alike

Vector = npt.NDArray[np.float64]
Holding = npt.NDArray[np.float64] | npt.NDArray[np.bool_]  # whether documents have a phrase, or how much
Smoother = Callable[[Vector], Vector]

LEAST = 4  # dated documents
WRONG = 0.12  # expected share of what is told that is no trend
LEAST_SURE = 0.85  # of every single one, whatever the average allows
SLIGHT = 0.035  # correlation of having a phrase with the year, below which nobody speaks of a trend
BORNE = 1.0  # |z| of the phrase's own documents
HEARD = 0.3  # z that the documents about the same are expected to show, for each of the phrase's true z
RIDGE = 1.0
USUAL = (-4.0, 0.5)  # log variance of a true z per document, and per unit of excess
SCALES = np.array([0.0, 0.25, 1.0, 4.0, 16.0])  # times that: how much phrases change, from not at all to very much
SHARES = np.array([0.05, 0.1, 0.4, 0.4, 0.05])  # of the phrases, as far as nothing is known of the pile
DOUBT = 5.0  # phrases that these shares count as much as
ROUNDS = 50  # of expectation and maximisation
MOST_EXCESS = 6.0
ENGLISH = 0.007  # share of general English: a more common phrase says nothing of a pile
COMMON, RARE = 0.15, 0.0005  # a lone word that more documents have is vocabulary, unless it is rarer in general English
COMMON_PHRASE = 0.25  # ... a longer phrase
BY_CHANCE = 0.05  # that documents before the first (or after the last) lack it, were it as common there as since
WITH, MEETING, MOST_WITH = 0.4, 1.5, 8  # of what stands with another: how sure, z of their meeting, how many
PEAK, PEAKED = 3.5, 8  # z of the curvature of what rises and falls again; documents that have it
MOST_PEAKS = 2
STAYS, DRIFTS, MOST_STEADY = 0.7, 2.0, 2  # share of the documents and |z| of what is steady


class Trend(NamedTuple):
    phrase: Phrase
    direction: str  # "rising", "falling", "vanishing", "peaked", "steady"
    sure: float  # probability that it is a trend of this direction
    change: tuple[float, float, float]  # of the share of documents, first year to last: 2.5%, mean, 97.5%
    first: int | None  # the year in which it arrived, if there were documents enough before
    peak: int | None  # the year around which it was most common, of what peaked
    company: tuple[Phrase, ...] = ()  # phrases that change with it


class Slopes(NamedTuple):
    """Of the phrases, one each."""

    direct: Vector  # z of the documents that have it
    mean: Vector  # of the true z, given the pile
    error: Vector  # its standard deviation
    sure: Vector  # probability that the true z is beyond SLIGHT, in the direction of the mean


def z_of(years: Vector, has: Holding) -> float:
    """Of the trend test; `has` may be any score. 0 when there is nothing to compare."""
    x, y = has - has.mean(), years - years.mean()
    spread = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / spread * math.sqrt(len(x)) if spread > 1e-9 else 0.0


def slopes(years: Vector, has: Holding, excesses: Vector, smooth: Smoother | None) -> Slopes:
    """`has` [n, N] of n phrases, `excesses` [n]; without `smooth` only the documents that have them are looked at."""
    direct = np.array([z_of(years, row) for row in has])
    information = has.sum(axis=1) * (1 - has.mean(axis=1))
    usual = np.maximum(information, 1e-9) * np.exp(USUAL[0] + USUAL[1] * np.clip(excesses, -1.0, MOST_EXCESS))
    variances = SCALES[:, None] * usual  # of the true z of every phrase, [K, n]
    shares = _shares(direct, variances)
    precision, total = 1.0, direct
    if smooth is not None:
        precision += HEARD**2
        total = direct + HEARD * np.array([_smoothed(years, row, smooth) for row in has])
    weights = _posterior(shares, total / precision, variances + 1 / precision)
    shrunk = variances / (variances * precision + 1)  # variance of the true z, given what was seen
    means, errors = shrunk * total, np.sqrt(shrunk)
    mean = (weights * means).sum(axis=0)
    error = np.sqrt((weights * (shrunk + means**2)).sum(axis=0) - mean**2)
    beyond = (np.abs(means) - SLIGHT * math.sqrt(len(years))) / np.maximum(errors, 1e-9)
    sure = (weights * np.vectorize(_normal)(beyond)).sum(axis=0)
    return Slopes(direct, mean, error, sure)


def _shares(direct: Vector, variances: Vector) -> Vector:
    """How many of the phrases change by each of `SCALES` [K], by expectation and maximisation."""
    shares = SHARES
    for _ in range(ROUNDS):
        counted = _posterior(shares, direct, variances + 1).sum(axis=1) + DOUBT * SHARES
        shares = counted / counted.sum()
    return shares


def _posterior(shares: Vector, seen: Vector, variances: Vector) -> Vector:
    """Of every phrase, how likely it changes by each scale [K, n]; `variances` [K, n]: of what was seen of it."""
    log = np.log(shares)[:, None] - np.log(variances) / 2 - seen**2 / (2 * variances)
    weights = np.exp(log - log.max(axis=0))
    return np.asarray(weights / weights.sum(axis=0))


def _normal(z: float) -> float:
    return 1 - math.erfc(z / math.sqrt(2)) / 2


def _smoothed(years: Vector, has: Holding, smooth: Smoother) -> float:
    about, lacking = smooth(has - has.mean()), has == 0
    return z_of(years[lacking], about[lacking]) if lacking.sum() > 2 else 0.0


def smoother(vectors: Vector) -> Smoother:
    """Makes of any score [N] of documents its ridge regression on their vectors [N, D]."""
    solved = np.linalg.solve(vectors.T @ vectors + RIDGE * np.eye(vectors.shape[1]), vectors.T)
    return lambda score: np.asarray(vectors @ (solved @ score))


def trends(phrases: Sequence[Phrase], years: Sequence[int | None], vectors: Vector | None) -> list[Trend]:
    """Of phrases that say something, those that change, surest first; one of those that name one matter.

    `vectors` [N, D]: of the documents, unit rows, to smooth by; None for few documents.
    """
    dated = [n for n, year in enumerate(years) if year is not None]
    place = {n: i for i, n in enumerate(dated)}
    when = np.array([years[n] for n in dated], dtype=np.float64)
    if len(dated) < LEAST or when.min() == when.max():
        return []
    candidates, rows = [], []
    for p in phrases:
        if not place.keys().isdisjoint(p.documents) and tells_apart(p, len(years)):
            candidates.append(p)
            rows.append([place[n] for n in p.documents if n in place])
    if not candidates:
        return []
    has = np.zeros((len(candidates), len(dated)), dtype=np.bool_)  # thousands of phrases by thousands of documents
    for row, holders in zip(has, rows, strict=True):
        row[holders] = True
    excesses = np.array([excess(p, len(years)) for p in candidates])
    s = slopes(when, has, excesses, smoother(vectors[dated]) if vectors is not None else None)
    span = (when.max() - when.min()) / when.std()

    def rank(i: int) -> tuple[float, int, tuple[str, ...]]:  # of equals the longer: it says more
        return -round(float(s.sure[i]), 6), -len(candidates[i].key), candidates[i].key

    borne = [i for i in range(len(candidates)) if s.direct[i] * s.mean[i] > 0 and abs(s.direct[i]) >= BORNE]
    order = sorted(borne, key=rank)
    heads = _surest(order, candidates, s.sure)
    company = _company(order, heads, candidates, s, len(dated))
    chosen: list[Trend] = []
    for i in heads.numbers:
        unit = math.sqrt(has[i].mean() * (1 - has[i].mean()) / len(when)) * span  # of the share, for one z
        low, mean, high = (unit * (float(s.mean[i]) + z * float(s.error[i])) for z in (-1.96, 0.0, 1.96))
        direction = direction_of(float(s.mean[i]), when, has[i])
        beside = tuple(candidates[j] for j in company[i])
        chosen.append(
            Trend(candidates[i], direction, float(s.sure[i]), (low, mean, high), arrival(when, has[i]), None, beside)
        )
    chosen += _peaked(candidates, when, has, chosen)
    return chosen + _steady(candidates, has, s.direct, chosen)


class _Heads:
    """Phrases that lead a trend each, and what others have in common with them: counted for all of them at once."""

    def __init__(self, candidates: Sequence[Phrase]) -> None:
        self.candidates = candidates
        self.numbers: list[int] = []
        self.place = {n: i for i, n in enumerate(sorted(frozenset[int]().union(*(p.documents for p in candidates))))}
        self._holding = np.zeros((len(self.place), 64), dtype=np.bool_)  # whether a document has a head
        self._sizes = np.zeros(64)
        self._with: dict[str, list[int]] = {}  # the heads that have a word

    def add(self, number: int) -> None:
        head, count = self.candidates[number], len(self.numbers)
        if count == len(self._sizes):
            self._holding = np.concatenate([self._holding, np.zeros_like(self._holding)], axis=1)
            self._sizes = np.concatenate([self._sizes, np.zeros_like(self._sizes)])
        self._holding[self._rows(head), count] = True
        self._sizes[count] = len(head.documents)
        for word in set(head.key):
            self._with.setdefault(word, []).append(count)
        self.numbers.append(number)

    def both(self, p: Phrase) -> Vector:
        """How many documents have a phrase and each head."""
        return np.asarray(self._holding[self._rows(p), : len(self.numbers)].sum(axis=0, dtype=np.float64))

    def one_matter(self, p: Phrase, both: Vector) -> npt.NDArray[np.bool_]:
        """Whether it names one matter with each head: the two are `alike`, or nearly all documents of either have
        both, so that what comes or goes is one."""
        size, sizes = len(p.documents), self._sizes[: len(both)]
        share = np.zeros(len(both), dtype=np.bool_)
        share[[i for word in set(p.key) for i in self._with.get(word, ())]] = True
        alike = share & (2 * both >= np.minimum(size, sizes))
        return np.asarray(alike | (both >= TOGETHER * (size + sizes - both)))

    def expected(self, p: Phrase, documents: int) -> Vector:
        """How many would by chance."""
        return np.asarray(self._sizes[: len(self.numbers)] * len(p.documents) / documents)

    def _rows(self, p: Phrase) -> list[int]:
        return [self.place[n] for n in p.documents]


def _surest(order: Sequence[int], candidates: Sequence[Phrase], sure: Vector) -> _Heads:
    """Of every matter the surest phrase, as many as keep the expected share of wrong ones."""
    heads = _Heads(candidates)
    doubt = 0.0
    for i in order:
        if heads.one_matter(candidates[i], heads.both(candidates[i])).any():
            continue
        doubt += 1 - float(sure[i])
        if sure[i] < LEAST_SURE or doubt > WRONG * (len(heads.numbers) + 1):
            break
        heads.add(i)
    return heads


def _company(
    order: Sequence[int], heads: _Heads, candidates: Sequence[Phrase], s: Slopes, documents: int
) -> dict[int, list[int]]:
    """Of every head the phrases that change with it: of the same matter, or more often in its documents than chance."""
    company: dict[int, list[int]] = {i: [] for i in heads.numbers}
    signs = s.mean[heads.numbers]
    room = np.ones(len(signs), dtype=np.bool_)
    for j in order:
        if j in company or s.sure[j] < WITH:
            continue
        p = candidates[j]
        both, chance = heads.both(p), heads.expected(p, documents)
        z = (both - chance) / np.sqrt(chance)
        fits = heads.one_matter(p, both) | ((both > 1) & (z >= MEETING))
        best: tuple[float, int] | None = None
        for place in np.flatnonzero(fits & room & (signs * s.mean[j] >= 0)).tolist():
            if best is None or z[place] > best[0] + 1e-9:
                best = (float(z[place]), place)
        if best is not None:
            here = company[heads.numbers[best[1]]]
            here.append(j)
            room[best[1]] = len(here) < MOST_WITH
    return company


def excess(p: Phrase, documents: int) -> float:
    """Log of how many times as common as in general English: a word; of a longer phrase the mean of that and of its
    rarest word's."""
    table, share = background(), len(p.documents) / documents
    return (table.excess(p.key, share) + math.log(share / table.rarest(p.key))) / 2


def tells_apart(p: Phrase, documents: int) -> bool:
    """Whether it is neither common English nor what most of these documents have anyway."""
    english, share = background().share(p.key), len(p.documents) / documents
    common = COMMON if len(p.key) == 1 else COMMON_PHRASE
    return english <= ENGLISH and (share <= common or english <= RARE)


def direction_of(z: float, when: Vector, has: Holding) -> str:
    """ "vanishing" if the documents after the last that has it are too many to lack it by chance."""
    if z > 0:
        return "rising"
    last = when[has > 0].max()
    after, share = int((when > last).sum()), float(has[when <= last].mean())
    return "vanishing" if after and (1 - share) ** after <= BY_CHANCE else "falling"


def arrival(when: Vector, has: Holding) -> int | None:
    """The first year that has it, if the documents before are too many to lack it by chance."""
    first = when[has > 0].min()
    before, share = int((when < first).sum()), float(has[when >= first].mean())
    return int(first) if before and (1 - share) ** before <= BY_CHANCE else None


def _peaked(candidates: Sequence[Phrase], when: Vector, has: Holding, chosen: Sequence[Trend]) -> list[Trend]:
    """What was most common in the middle years, by the curvature that a straight line does not explain."""
    y = (when - when.mean()) / when.std()
    bend = y**2 - np.polyval(np.polyfit(y, y**2, 1), y)
    peaks: list[Trend] = []
    for z, key, i in sorted((z_of(bend, row), candidates[i].key, i) for i, row in enumerate(has)):
        p = candidates[i]
        if z > -PEAK or len(peaks) == MOST_PEAKS:
            break
        if len(p.documents) >= PEAKED and key and not any(alike(p, t.phrase) for t in [*chosen, *peaks]):
            sure, middle = 1 - math.erfc(-z / math.sqrt(2)), int(np.median(when[has[i] > 0]))
            peaks.append(Trend(p, "peaked", sure, (0.0, 0.0, 0.0), None, middle))
    return peaks


def _steady(candidates: Sequence[Phrase], has: Holding, zs: Vector, chosen: Sequence[Trend]) -> list[Trend]:
    """What most documents have, all the years."""
    steady: list[Trend] = []
    for share, key, i in sorted((-row.mean(), candidates[i].key, i) for i, row in enumerate(has)):
        p = candidates[i]
        if -share < STAYS or len(steady) == MOST_STEADY:
            break
        if key and abs(zs[i]) <= DRIFTS and not any(alike(p, t.phrase) for t in [*chosen, *steady]):
            steady.append(Trend(p, "steady", 1.0, (0.0, 0.0, 0.0), None, None))
    return steady
