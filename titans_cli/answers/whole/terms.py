"""The words of documents, cut and stemmed once, and counted: what phrases, topics and trends are all made from.

A word has a letter first and another character: numbers and initials stand in no phrase, nor do stop words. Of ten
thousand documents no run of words is kept as text: a word is its number and where it stands.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from titans_cli.answers.background import Key
from titans_cli.answers.corpus import Text
from titans_cli.answers.words import STOP_WORDS, stem

LONGEST = 4  # words of a phrase
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_CUT = re.compile(rf"({WORD.pattern})|[^\w\s'’-]+|\s[-–—]\s")  # a word, or a mark of punctuation
_STOP = frozenset(stem(w) for w in STOP_WORDS)
_NONE = -1  # in place of a word's number: a mark of punctuation, or what stands in no phrase
# A hash of characters by which that of two runs is that of both written as one word, modulo 2^64 (Karp and Rabin 1987).
_BASE = 0x9E3779B97F4A7C15
_MIX, _ROOM = np.uint64(0xBF58476D1CE4E5B9), range(16, 28)  # bits of a table of counts
Numbers = npt.NDArray[np.int32]


class Place(NamedTuple):
    """Where a run of words stands in a document."""

    key: Key
    sentence: int
    start: int  # characters of the sentence
    end: int


class DocumentTerms(NamedTuple):
    """The words of one, in order; a mark of punctuation between them counts as one that has no number."""

    words: Numbers
    sentences: Numbers
    starts: Numbers
    ends: Numbers


class PileTerms(NamedTuple):
    texts: Sequence[Text]
    stems: list[str]  # in the order of the alphabet
    forms: list[str]  # how each is usually written, in lower case
    counts: Any  # sparse [N, V]: how often which document has which
    documents: list[DocumentTerms]

    @property
    def held(self) -> npt.NDArray[np.int64]:
        """How many documents have each stem."""
        return np.bincount(self.counts.indices, minlength=len(self.stems))

    def places(self, least: int, kept: frozenset[str]) -> Iterator[tuple[int, Place]]:
        """Every run of at most `LONGEST` words, by document, that at least `least` documents have, or whose stems
        written as one are among `kept`; and a few others.

        What fewer have is most of all that is there, and is not looked at: documents are counted first in a table by
        the run's hash (Park, Chen and Yu 1995).
        """
        hashes, powers = self._hashed()
        size = 8 * LONGEST * sum(len(d.words) for d in self.documents)
        bits = min(max(size.bit_length(), _ROOM[0]), _ROOM[-1])
        table = np.zeros(1 << bits, dtype=np.uint8)
        for document in self.documents:
            met = np.unique(np.concatenate([_slot(h, bits) for _, h in _runs(document.words, hashes, powers)]))
            table[met] += table[met] < 255
        table[_slot(np.array([_hash(joined) for joined in sorted(kept)], dtype=np.uint64), bits)] = 255
        for number, document in enumerate(self.documents):
            for length, (firsts, run_hashes) in enumerate(_runs(document.words, hashes, powers), 1):
                for first in firsts[table[_slot(run_hashes, bits)] >= least].tolist():
                    last = first + length - 1
                    key = tuple(self.stems[w] for w in document.words[first : last + 1].tolist())
                    where = int(document.sentences[first]), int(document.starts[first]), int(document.ends[last])
                    yield number, Place(key, *where)

    def _hashed(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        """Of every stem its hash, and the base to the power of its length."""
        sizes = [len(s.encode()) for s in self.stems]
        powers = [pow(_BASE, n, 1 << 64) for n in range(max(sizes, default=0) + 1)]
        hashes = np.array([_hash(s) for s in self.stems], dtype=np.uint64)
        return hashes, np.array([powers[n] for n in sizes], dtype=np.uint64)


def content(word: str) -> bool:
    """Whether a stem is of no stop word."""
    return word not in _STOP


def usable(key: str) -> bool:
    return len(key) > 1 and key[0].isalpha()


def cut(texts: Sequence[Text]) -> PileTerms:
    from scipy.sparse import csr_matrix

    raw: dict[str, int] = {}
    keys: list[str | None] = []  # of every raw word its stem, if it stands in phrases
    documents = []
    for text in texts:
        columns = array("i"), array("i"), array("i"), array("i")
        words, sentences, starts, ends = columns
        for number, sentence in enumerate(text.sentences):
            for match in _CUT.finditer(sentence.text):
                word = _NONE
                if match.lastindex:
                    written = match.group().lower()
                    if (known := raw.get(written)) is None:
                        known = raw[written] = len(keys)
                        key = stem(written)
                        keys.append(key if usable(key) and content(key) else None)
                    word = known
                words.append(word)
                sentences.append(number)
                starts.append(match.start())
                ends.append(match.end())
            words.append(_NONE)
            for column in columns[1:]:
                column.append(0)
        documents.append(DocumentTerms(*(np.frombuffer(c, dtype=np.int32) for c in columns)))
    stems = sorted({key for key in keys if key is not None})
    place = {key: n for n, key in enumerate(stems)}
    of_raw = np.array([*(_NONE if key is None else place[key] for key in keys), _NONE], dtype=np.int32)
    written_counts = np.zeros(len(of_raw), dtype=np.int64)
    numbered, rows = [], []
    for document in documents:
        np.add.at(written_counts, document.words, 1)  # the last one takes the marks
        numbered.append(document._replace(words=of_raw[document.words]))
        rows.append(np.unique(numbered[-1].words[numbered[-1].words >= 0], return_counts=True))
    ends_of = np.cumsum([0, *(len(columns) for columns, _ in rows)])
    values = np.concatenate([counts for _, counts in rows]) if rows else np.zeros(0, dtype=np.int64)
    places = np.concatenate([columns for columns, _ in rows]) if rows else np.zeros(0, dtype=np.int32)
    counted = csr_matrix((values, places, ends_of), shape=(len(texts), len(stems)))
    return PileTerms(texts, stems, _usual(raw, of_raw, written_counts, len(stems)), counted, numbered)


def _usual(raw: dict[str, int], of_raw: Numbers, counts: npt.NDArray[np.int64], size: int) -> list[str]:
    best: list[tuple[int, str]] = [(0, "")] * size
    for written, number in raw.items():
        if (word := int(of_raw[number])) != _NONE:
            best[word] = min(best[word], (-int(counts[number]), written))
    return [written for _, written in best]


def _runs(
    words: Numbers, hashes: npt.NDArray[np.uint64], powers: npt.NDArray[np.uint64]
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]]:
    """Of every length up to `LONGEST`, where the runs of so many words begin, and their hashes."""
    firsts = np.flatnonzero(words != _NONE)
    joined = hashes[words[firsts]]
    for length in range(1, LONGEST + 1):
        yield firsts, joined
        goes_on = firsts + length < len(words)
        goes_on[goes_on] = words[firsts[goes_on] + length] != _NONE
        firsts = firsts[goes_on]
        following = words[firsts + length]
        joined = joined[goes_on] * powers[following] + hashes[following]


def _hash(joined: str) -> int:
    value = 0
    for byte in joined.encode():
        value = (value * _BASE + byte + 1) % (1 << 64)
    return value


def _slot(hashes: npt.NDArray[np.uint64], bits: int) -> npt.NDArray[np.int64]:
    """Places in a table of 2^bits."""
    mixed = (hashes ^ (hashes >> np.uint64(31))) * _MIX
    return np.asarray(mixed >> np.uint64(64 - bits), dtype=np.int64)


def phrases_in(text: str, plain: Callable[[str], bool], longest: int) -> Iterator[tuple[Key, str]]:
    """Every run of at most `longest` words of one text that are `plain` (asked by stem), and how it is written here."""
    run: list[tuple[int, int, str]] = []
    for match in [*_CUT.finditer(text), None]:
        key = stem(match.group().lower()) if match is not None and match.lastindex else ""
        if match is not None and usable(key) and plain(key):
            run.append((match.start(), match.end(), key))
            continue
        for i, (begin, _, _) in enumerate(run):
            for j in range(i, min(i + longest, len(run))):
                yield tuple(key for _, _, key in run[i : j + 1]), text[begin : run[j][1]]
        run = []
