"""The words of documents, cut and stemmed once, and counted: what phrases, topics and trends are all made from.

A word has a letter first and another character: numbers and initials stand in no phrase, nor do stop words. No run of
words is kept as text: a word is its number and where it stands, and runs are told apart by hashes of 64 bits.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from titans_cli.answers.background import Key
from titans_cli.answers.corpus import Text
from titans_cli.answers.words import STOP_WORDS, stem

LONGEST = 4  # words of a phrase
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_MARK = re.compile(r"[^\w\s'’-]+|\s[-–—]\s")  # of punctuation
_CUT = re.compile(rf"({WORD.pattern})|{_MARK.pattern}")
_SPLIT = re.compile(rf"({WORD.pattern})")  # text to what stands before, between and behind its words, and these
# Before a word: "trained" of "pre-trained", "jl" of "Flux.jl", a part of an address. What can tell is short.
_WITHIN = re.compile(r"-$|[^\W_][./@\\:_]+$")
_TELLING = 3  # characters
_BETWEEN = "\0"  # sentences: a mark
_STOP = frozenset(stem(w) for w in STOP_WORDS)
_NONE = -1  # in place of a word's number: a mark of punctuation, or what stands in no phrase
# A hash of characters by which that of two runs is that of both written as one word, modulo 2^64 (Karp and Rabin 1987).
_BASE = 0x9E3779B97F4A7C15
_MIX, _ROOM = np.uint64(0xBF58476D1CE4E5B9), range(16, 28)  # bits of a table of counts
Numbers = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]
Hashes = npt.NDArray[np.uint64]


class DocumentTerms(NamedTuple):
    """The words of one, in order."""

    words: Numbers  # their stems
    written: Numbers  # as they stand there
    gaps: Numbers  # what stands between each and the next
    goes_on: Flags  # whether that is no mark of punctuation
    within: Flags  # whether it is but a part of what is written as one: of an address, of a word with a hyphen
    sentences: Numbers
    starts: Numbers  # characters of the sentence
    ends: Numbers


class Runs(NamedTuple):
    """Runs of words of several documents: which words (alike of all that are the same when written as one), exactly as
    written, and where."""

    joined: Hashes
    written: Hashes
    documents: Numbers
    firsts: Numbers
    lengths: Numbers
    within: Flags  # of the first word


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

    def runs(self, least: int, kept: frozenset[str]) -> Runs:
        """Every run of at most `LONGEST` words that at least `least` documents have, or whose stems written as one are
        among `kept`; and a few others. By document, and there by length.

        What fewer have is most of all that is there, and is not looked at: documents are counted first in a table by
        the run's hash (Park, Chen and Yu 1995).
        """
        hashes, powers = self._hashed()
        size = 8 * LONGEST * sum(len(d.words) for d in self.documents)
        bits = min(max(size.bit_length(), _ROOM[0]), _ROOM[-1])
        table = np.zeros(1 << bits, dtype=np.uint8)
        for document in self.documents:
            met = np.unique(np.concatenate([_slot(h, bits) for _, h, _ in _runs(document, hashes, powers)]))
            table[met] += table[met] < 255
        table[_slot(self.hashed(kept), bits)] = 255
        parts: list[tuple[Any, ...]] = []
        for number, document in enumerate(self.documents):
            for length, (firsts, joined, written) in enumerate(_runs(document, hashes, powers), 1):
                common = table[_slot(joined, bits)] >= least
                at = firsts[common]
                same = (np.full(len(at), n, dtype=np.int32) for n in (number, length))
                parts.append((joined[common], written[common], *same, at, document.within[at]))
        if not parts:
            return Runs(*(np.zeros(0, dtype=t) for t in (np.uint64, np.uint64, *3 * [np.int32], np.bool_)))
        joined, written, documents, lengths, firsts, within = (np.concatenate(c) for c in zip(*parts, strict=True))
        return Runs(joined, written, documents, firsts.astype(np.int32), lengths, within)

    def run(self, document: int, first: int, length: int) -> tuple[str, Key]:
        """A run as it is written, and its stems."""
        d, last = self.documents[document], first + length - 1
        sentence = self.texts[document].sentences[d.sentences[first]].text
        key = tuple(self.stems[w] for w in d.words[first : last + 1].tolist())
        return sentence[d.starts[first] : d.ends[last]], key

    @staticmethod
    def hashed(joined: frozenset[str]) -> Hashes:
        """As `Runs.joined` has them, of stems written as one."""
        return np.array(sorted(map(_hash, joined)), dtype=np.uint64)

    def _hashed(self) -> tuple[Hashes, Hashes]:
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


class _Numbered(dict[str, int]):
    """Numbers what it is asked for in the order in which it is met."""

    def __missing__(self, key: str) -> int:
        self[key] = number = len(self)
        return number


def cut(texts: Sequence[Text]) -> PileTerms:
    from scipy.sparse import csr_matrix

    written, gaps = _Numbered(), _Numbered()
    cut_up = [_pieces(text, written, gaps) for text in texts]
    lower = [w.lower() for w in written]
    stem_of = {w: stem(w) for w in dict.fromkeys(lower)}
    stems = sorted({key for key in stem_of.values() if usable(key) and content(key)})
    place = {key: n for n, key in enumerate(stems)}
    of_written = np.array([place.get(stem_of[w], _NONE) for w in lower], dtype=np.int32)
    marks = np.array([_MARK.search(gap) is not None for gap in gaps], dtype=np.bool_)
    inner = np.array([_WITHIN.search(f"a{gap}"[-_TELLING:]) is not None for gap in gaps], dtype=np.bool_)
    counts = np.zeros(len(lower), dtype=np.int64)
    documents, rows = list[DocumentTerms](), []
    for numbers, before, sentences, starts, ends in cut_up:
        words, behind = of_written[numbers], before[1:]
        documents.append(
            DocumentTerms(words, numbers, behind, ~marks[behind], inner[before[:-1]], sentences, starts, ends)
        )
        np.add.at(counts, numbers, 1)
        rows.append(np.unique(words[words >= 0], return_counts=True))
    ends_of = np.cumsum([0, *(len(columns) for columns, _ in rows)])
    values = np.concatenate([n for _, n in rows]) if rows else np.zeros(0, dtype=np.int64)
    places = np.concatenate([columns for columns, _ in rows]) if rows else np.zeros(0, dtype=np.int32)
    counted = csr_matrix((values, places, ends_of), shape=(len(texts), len(stems)))
    return PileTerms(texts, stems, _usual(lower, of_written, counts, len(stems)), counted, documents)


def _pieces(text: Text, written: _Numbered, gaps: _Numbered) -> tuple[Numbers, Numbers, Numbers, Numbers, Numbers]:
    """Of a document's words, the numbers; of what stands before each and behind the last; and of the words again, the
    sentence, and where in it they begin and end."""
    pieces = _SPLIT.split(_BETWEEN.join([s.text for s in text.sentences]))
    sizes = np.fromiter(map(len, pieces), dtype=np.int32, count=len(pieces))
    ends = np.cumsum(sizes, dtype=np.int32)
    count = len(pieces) // 2
    numbers = np.fromiter(map(written.__getitem__, pieces[1::2]), dtype=np.int32, count=count)
    before = np.fromiter(map(gaps.__getitem__, pieces[0::2]), dtype=np.int32, count=count + 1)
    begins = np.cumsum([0, *(len(s.text) + len(_BETWEEN) for s in text.sentences)], dtype=np.int32)
    last = ends[1::2]
    first = last - sizes[1::2]
    sentences = np.searchsorted(begins, first, "right").astype(np.int32) - 1
    return numbers, before, sentences, first - begins[sentences], last - begins[sentences]


def _usual(lower: Sequence[str], of_written: Numbers, counts: npt.NDArray[np.int64], size: int) -> list[str]:
    """How each stem is written most often, in lower case."""
    total, word_of = Counter[str](), dict[str, int]()
    for written, word, count in zip(lower, of_written.tolist(), counts.tolist(), strict=True):
        if word != _NONE:
            total[written] += count
            word_of[written] = word
    best: list[tuple[int, str]] = [(0, "")] * size
    for written, word in word_of.items():
        best[word] = min(best[word], (-total[written], written))
    return [written for _, written in best]


def _runs(
    document: DocumentTerms, hashes: Hashes, powers: Hashes
) -> Iterator[tuple[npt.NDArray[np.int64], Hashes, Hashes]]:
    """Of every length up to `LONGEST`, where the runs of so many words begin, and their hashes, as stems and as
    written."""
    words, known = document.words, document.words != _NONE
    goes_on = document.goes_on & known & np.append(known[1:], False)
    firsts = np.flatnonzero(known)
    joined, written = hashes[words[firsts]], document.written[firsts].astype(np.uint64)
    for length in range(1, LONGEST + 1):
        yield firsts, joined, written
        further = goes_on[firsts + length - 1]
        firsts = firsts[further]
        following, gaps = firsts + length, document.gaps[firsts + length - 1].astype(np.uint64)
        joined = joined[further] * powers[words[following]] + hashes[words[following]]
        written = (written[further] * _MIX + gaps) * _MIX + document.written[following].astype(np.uint64)


def _hash(joined: str) -> int:
    value = 0
    for byte in joined.encode():
        value = (value * _BASE + byte + 1) % (1 << 64)
    return value


def _slot(hashes: Hashes, bits: int) -> npt.NDArray[np.int64]:
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
