"""What a large population of dated abstracts says about trends, and how well what is told of a sample holds there.

A phrase is a run of stems, as a list of them and as one word: "pre-trained", "pretrained" and "pre-training" are the
same. It is in a document or it is not. Its trend is the Cochran-Armitage z of that against the year; |z| >= 4 in the
population, without the sample, is the truth. A phrase is generic if more than 15% of the population have it, or more
than 2% of 8,000 pieces of encyclopaedia and textbooks.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import snowballstemmer
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from titans_cli.train.corpus import read_jsonl

YEARS = range(2016, 2022)
CERTAIN = 4.0  # |z| in the population
GENERIC = 0.15  # share of the population
GENERAL = 0.02  # share of general text
LEAST = 50  # documents of the population with a phrase that recall is measured on
STRONGEST = 30  # of each direction
SAME = 0.5  # Jaccard index of the documents of two phrases that are one matter
LONGEST = 3  # words of a phrase that recall is measured on
_ID = re.compile(r"acl_abstracts/(?:(\d{4})\.|[A-Z](\d\d)-)")
_BREAK = re.compile(r"[^\w\s'’-]+|\s[-–—]\s")
_WORD = re.compile(r"[^\W_]+")
_STEMMER = snowballstemmer.stemmer("english")
Stems = tuple[str, ...]
Documents = npt.NDArray[np.int32]  # numbers, ascending


class Claim(NamedTuple):
    """Something told of a pile: that a phrase, or the phrases of a topic, rise or fall."""

    direction: str  # "rising", "falling"
    phrases: tuple[str, ...]


@lru_cache(maxsize=500_000)
def _stem(word: str) -> str:
    return str(_STEMMER.stemWord(word))


def runs(text: str) -> list[list[str]]:
    """Words in lower case between marks of punctuation; a hyphen parts words and is no such mark."""
    return [_WORD.findall(piece.lower()) for piece in _BREAK.split(text)]


def key_of(phrase: str) -> Stems:
    return tuple(_stem(w) for w in _WORD.findall(phrase.lower()))


def phrases_of(text: str) -> set[Stems]:
    """Runs of one to three stems that hold no stop word and no number."""
    found: set[Stems] = set()
    for run in runs(text):
        plain = ["" if w in ENGLISH_STOP_WORDS or len(w) < 2 or not w[0].isalpha() else _stem(w) for w in run]
        for i in range(len(plain)):
            for j in range(i + 1, min(i + LONGEST, len(plain)) + 1):
                if not plain[j - 1]:
                    break
                found.add(tuple(plain[i:j]))
    return found


class Strong(NamedTuple):
    """One matter of the population: its strongest phrase, and others that are the same."""

    z: float
    phrases: tuple[Stems, ...]


class Population:
    """All dated abstracts of the data folder."""

    def __init__(self, data: Path) -> None:
        self.records = []
        years = []
        for record in read_jsonl(data / "text" / "acl_abstracts.jsonl.zst"):
            if match := _ID.match(record["id"]):
                year = int(match[1] or f"20{match[2]}")
                if year in YEARS:
                    self.records.append(record)
                    years.append(year)
        self.years = np.array(years)
        self._flat = [" | ".join(" ".join(map(_stem, r)) for r in runs(x["text"])) for x in self.records]
        holders: dict[str, list[int]] = defaultdict(list)
        forms: dict[str, Counter[Stems]] = defaultdict(Counter)
        for number, record in enumerate(self.records):
            for joined, key in {"".join(key): key for key in sorted(phrases_of(record["text"]))}.items():
                holders[joined].append(number)
                forms[joined][key] += 1
        # of a joined key how it is parted most often: ("pre", "train") of "pretrain"
        self.forms: dict[str, Stems] = {j: max(f, key=lambda key: (f[key], key)) for j, f in forms.items()}
        self.holders = {j: np.array(h, dtype=np.int32) for j, h in holders.items() if len(h) >= LEAST}
        general: Counter[str] = Counter()
        pieces = [r["text"][:3000] for name in ("wikipedia", "openstax") for r in read_jsonl(_path(data, name))][:8000]
        for text in pieces:
            general.update({"".join(key) for key in phrases_of(text)})
        self.general = {j for j, n in general.items() if n > GENERAL * len(pieces)}

    def sample(self, seed: int, a_year: int) -> list[int]:
        """Numbers of documents, so many of every year."""
        rng = random.Random(seed)
        return [n for year in YEARS for n in sorted(rng.sample(np.flatnonzero(self.years == year).tolist(), a_year))]

    def documents(self, phrase: str) -> Documents:
        key = key_of(phrase)
        found = self.holders.get("".join(key))
        if found is not None:
            return found
        wanted = f" {' '.join(key)} "
        return np.array([n for n, flat in enumerate(self._flat) if wanted in f" {flat} "], dtype=np.int32)

    def z(self, holders: Documents, without: npt.NDArray[np.bool_]) -> float:
        """Of the trend, in the population without the sample."""
        years = self.years[~without]
        spread = float(((years - years.mean()) ** 2).sum())
        mine = holders[~without[holders]]
        share = len(mine) / len(years)
        if not 0 < share < 1:
            return 0.0
        return float((self.years[mine] - years.mean()).sum() / np.sqrt(share * (1 - share) * spread))

    def generic(self, phrase: str) -> bool:
        joined = "".join(key_of(phrase))
        return joined in self.general or len(self.documents(phrase)) > GENERIC * len(self.records)

    def strongest(self, without: npt.NDArray[np.bool_]) -> dict[str, list[Strong]]:
        """The thirty matters of each direction that change most surely, none of them generic."""
        zs = [
            (self.z(holders, without), joined)
            for joined, holders in self.holders.items()
            if joined not in self.general and len(holders) <= GENERIC * len(self.records)
        ]
        found = {}
        for direction, sign in (("rising", 1), ("falling", -1)):
            heads: list[tuple[float, str, list[Stems]]] = []
            for z, joined in sorted(((sign * z, j) for z, j in zs if sign * z >= CERTAIN), reverse=True):
                head = next((h for h in heads if self._same(joined, h[1])), None)
                if head is not None:
                    head[2].append(self.forms[joined])
                elif len(heads) < STRONGEST:
                    heads.append((sign * z, joined, [self.forms[joined]]))
            found[direction] = [Strong(z, tuple(keys)) for z, _, keys in heads]
        return found

    def _same(self, joined: str, head: str) -> bool:
        if related(self.forms[joined], self.forms[head]):
            return True
        a, b = self.holders[joined], self.holders[head]
        if min(len(a), len(b)) < SAME * max(len(a), len(b)):
            return False
        both = len(np.intersect1d(a, b, assume_unique=True))
        return both >= SAME * (len(a) + len(b) - both)


def related(a: Stems, b: Stems) -> bool:
    """Whether one is the other, or stands in it."""
    short, long = sorted((a, b), key=len)
    if "".join(a) == "".join(b):
        return True
    return any(long[i : i + len(short)] == short for i in range(len(long) - len(short) + 1))


class Score(NamedTuple):
    told: int
    right: int
    strong: int  # matters of the population that are the strongest
    found: int
    wrong: tuple[str, ...]  # what was told and is not so, or not surely


def score(population: Population, sample: Sequence[int], claims: Iterable[Claim]) -> Score:
    without = np.zeros(len(population.records), dtype=bool)
    without[list(sample)] = True
    right: list[Claim] = []
    wrong: list[str] = []
    for claim in claims:
        holders = [population.documents(phrase) for phrase in claim.phrases]
        union = np.unique(np.concatenate(holders)) if holders else np.empty(0, dtype=np.int32)
        z = population.z(union.astype(np.int32), without)
        if (z if claim.direction == "rising" else -z) >= CERTAIN:
            right.append(claim)
        else:
            wrong.append(f"{claim.direction} {', '.join(claim.phrases)} ({z:.1f})")
    strong = population.strongest(without)
    told = {
        d: [key_of(p) for c in right if c.direction == d for p in c.phrases if not population.generic(p)]
        for d in strong
    }
    found = sum(
        any(related(key, other) for key in told[d] for other in matter.phrases) for d in strong for matter in strong[d]
    )
    count = sum(map(len, strong.values()))
    return Score(len(right) + len(wrong), len(right), count, found, tuple(wrong))


def _path(data: Path, name: str) -> Path:
    return data / "text" / f"{name}.jsonl.zst"
