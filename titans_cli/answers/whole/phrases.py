"""Phrases of documents: runs of one to four words between marks of punctuation, by their stems.

What is written apart, with a hyphen or as one word is one phrase ("pre-trained", "pretrained"), and so are an acronym
and what it stands for, where the documents say so. A phrase that mostly stands in one and the same longer phrase is
left to that one.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from titans_cli.answers.background import Key
from titans_cli.answers.whole.terms import WORD, PileTerms
from titans_cli.answers.words import stem

TOGETHER = 0.8  # Jaccard index of the documents of two phrases that always go together
CLOSED = 0.8  # of a phrase's documents that have one and the same longer phrase
_ACRONYM = re.compile(r"\(([A-Z][A-Za-z-]{1,8}s?)\)")


class Phrase(NamedTuple):
    key: Key
    form: str  # as it is written most often
    variants: tuple[str, ...]  # other names of the same: the acronym, or what it stands for
    documents: frozenset[int]  # numbers of the texts that have it


def phrases(terms: PileTerms, least: int) -> list[Phrase]:
    """Those that at least `least` documents have, by their keys."""
    long_of: dict[str, Counter[str]] = defaultdict(Counter)
    for text in terms.texts:
        for sentence in text.sentences:
            for short, long in acronyms(sentence.text):
                long_of["".join(key_of(short))]["".join(key_of(long))] += 1
    holders, written, within = _counted(terms, least, frozenset(long_of).union(*long_of.values()))
    names: dict[str, set[str]] = defaultdict(set)  # of a phrase, the others that are the same
    for short, longs in long_of.items():
        long, count = min(longs.items(), key=lambda item: (-item[1], item[0]))
        if 2 * count > sum(longs.values()) and short in holders and long in holders:
            names[short].add(long)
            names[long].add(short)
    common = []
    for joined, has in holders.items():
        if within[joined] > written[joined].total():
            continue
        every = has.union(*(holders[other] for other in names[joined]))
        if len(every) < least or any((len(holders[o]), o) > (len(has), joined) for o in names[joined]):
            continue
        others = tuple(_usual(written[other])[0] for other in sorted(names[joined]))
        form, key = _usual(written[joined])
        common.append(Phrase(key, form, others, frozenset(every)))
    return _closed(sorted(common))


def _counted(
    terms: PileTerms, least: int, kept: frozenset[str]
) -> tuple[dict[str, set[int]], dict[str, Counter[tuple[str, Key]]], dict[str, int]]:
    """Of runs of words, by their stems written as one: which documents have them, how they are written how often, and
    how often they are but a part of what is written as one, which counts for neither. Of those that at least `least`
    documents have, and of those `kept`."""
    runs = terms.runs(least, kept)
    hashes, group = np.unique(runs.joined, return_inverse=True)
    partial = np.bincount(group[runs.within], minlength=len(hashes))
    whole = np.flatnonzero(~runs.within)
    size = max(1, len(terms.texts))
    places = np.unique(group[whole].astype(np.int64) * size + runs.documents[whole])
    held = np.bincount(places // size, minlength=len(hashes))
    wanted = (held >= least) | (np.isin(hashes, terms.hashed(kept)) & (held > 0))
    whole = whole[wanted[group[whole]]]
    order = np.lexsort((runs.written[whole], group[whole]))  # stable: of those alike the first stays the first
    whole = whole[order]
    firsts = np.flatnonzero(_first(group[whole]) | _first(runs.written[whole]))
    often = np.diff(np.append(firsts, len(whole)))
    joined_of = dict[int, str]()
    written: dict[str, Counter[tuple[str, Key]]] = defaultdict(Counter)
    for i, count in zip(whole[firsts].tolist(), often.tolist(), strict=True):
        form, key = terms.run(int(runs.documents[i]), int(runs.firsts[i]), int(runs.lengths[i]))
        joined = joined_of.setdefault(int(group[i]), "".join(key))
        written[joined][form, key] += count
    places = places[wanted[places // size]]
    groups = places // size
    begins = np.flatnonzero(_first(groups))
    each = zip(groups[begins].tolist(), begins.tolist(), [*begins[1:].tolist(), len(groups)], strict=False)
    holders = {joined_of[g]: set((places[a:b] % size).tolist()) for g, a, b in each}
    return holders, written, {joined: int(partial[g]) for g, joined in joined_of.items()}


def _first(sorted_values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Whether each is another than the one before."""
    return np.append(True, np.diff(sorted_values) != 0)[: len(sorted_values)]


def key_of(phrase: str) -> Key:
    return tuple(stem(w.lower()) for w in WORD.findall(phrase))


def related(a: Key, b: Key) -> bool:
    """Whether one is the other, or stands in it."""
    short, long = sorted((a, b), key=len)
    return any(long[i : i + len(short)] == short for i in range(len(long) - len(short) + 1))


def alike(a: Phrase, b: Phrase) -> bool:
    """Whether two phrases name one matter: they share a word, and half of the documents of one of them."""
    both = len(a.documents & b.documents)
    return bool(set(a.key) & set(b.key)) and 2 * both >= min(len(a.documents), len(b.documents))


def acronyms(text: str) -> Iterator[tuple[str, str]]:
    """("BERT", "Bidirectional Encoder Representations from Transformers"): by the first letters of the words before."""
    for match in _ACRONYM.finditer(text):
        letters = [c.lower() for c in match[1].rstrip("s") if c != "-"]
        words = list(WORD.finditer(text, max(0, match.start() - 120), match.start()))
        for first in range(len(words) - 1, max(-1, len(words) - len(letters) - 3), -1):
            if _spells(letters, [w.group().lower() for w in words[first:]]):
                yield match[1], text[words[first].start() : match.start()].strip()
                break


def _spells(letters: Sequence[str], words: Sequence[str]) -> bool:
    """Whether first letters of the words, the first among them, are the letters; what is left out is short."""
    if words[0][0] != letters[0]:
        return False
    at = 0
    for word in words:
        if at < len(letters) and word[0] == letters[at]:
            at += 1
        elif len(word) > 3:
            return False
    return at == len(letters)


def _usual(written: Counter[tuple[str, Key]]) -> tuple[str, Key]:
    """In lower case, unless it is mostly written otherwise within sentences."""
    (form, key), _ = min(written.items(), key=lambda item: (-item[1], item[0]))
    small = form[:1].lower() + form[1:]
    if form != small and small == form.lower() and 3 * written[small, key] >= written[form, key]:
        form = small
    return " ".join(form.split()), key


def _closed(phrases: Sequence[Phrase]) -> list[Phrase]:
    """Without those that mostly stand in one and the same longer phrase."""
    inside: dict[Key, int] = defaultdict(int)
    for p in phrases:
        for i in range(len(p.key)):
            for j in range(i + 1, len(p.key) + 1):
                if j - i < len(p.key):
                    inside[p.key[i:j]] = max(inside[p.key[i:j]], len(p.documents))
    return [p for p in phrases if inside[p.key] < CLOSED * len(p.documents)]
