"""Words, stems and stop words of English questions and sentences."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from threading import local

from Stemmer import Stemmer

_WORD = re.compile(r"\w+(?:[-'’]\w+)*")
_INDEX = re.compile(r"(?<=[^\W\d_])_(?=\d+$)")
STOP_WORDS = frozenset(
    "take takes took taken come comes came go goes went need needs put puts happen happened "
    "a about above after again against all also although am an and any are as at be because been before being below "
    "between both but by can could did do does doing done down during each either else ever every few for from "
    "further get gets give given had has have having he her here hers him his how however i if in into is it its "
    "itself just let made make makes many may me might more most much must my near neither no nor not now of off "
    "often on once one only or other our out over own per quite rather said same say says shall she should since so "
    "some still such than that the their them then there these they this those though through thus to too two under "
    "until up upon us use used using very via was we well were what when where whether which while who whom whose "
    "why will with within without would yet you your et al fig figure table section paper papers document "
    "documents".split()
)
# What a question says about the answer it wants, rather than about the matter.
ASKING = frozenset(
    "summarize summarise summary overview trend trends theme themes main key point points topic topics finding "
    "findings tell explain describe list show find state name mention mentioned text reported known changed change "
    "changes time overall everything general corpus collection happening going learned learn gist".split()
)
LEAST_OF_A_CLAUSE = 3  # six of the seven types of clauses have three elements or more (Quirk et al. 10.2)


def words(text: str) -> list[str]:
    """In lower case; CO_2, as a subscript is kept, is the word CO2, and several GPUs (or CRF-s) are the word GPU."""
    return [_lower_form(w) for w in _WORD.findall(text)]


def count_of_words(text: str) -> int:
    return len(_WORD.findall(text))


def _lower_form(word: str) -> str:
    if "_" in word:
        word = _INDEX.sub("", word)
    if word[-1:] == "s" and len(word) > 2 and word[:-1].isupper():
        word = word[:-1].rstrip("-'’")
    return word.lower()


class _Own(local):
    """A stemmer keeps what it works on, so every thread has one."""

    def __init__(self) -> None:
        self.stemmer = Stemmer("english")


_OWN = _Own()


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    return str(_OWN.stemmer.stemWord(word.replace("’", "'")))


def stems(text: str) -> list[str]:
    """Stems of the words of `text` that are not stop words, in order; the parts of a hyphenated word count too."""
    return list(_stems(text))


@lru_cache(maxsize=8_192)  # the blocks and sentences of a question are looked at several times
def _stems(text: str) -> tuple[str, ...]:
    return tuple(_cut(text))


def _cut(text: str) -> list[str]:
    return [s for w in _WORD.findall(text) for s in _stems_of_word(w)]


@lru_cache(maxsize=200_000)  # thousands of documents have few words that are new
def _stems_of_word(written: str) -> tuple[str, ...]:
    word = _lower_form(written)
    parts = sorted({word, *word.split("-")}) if "-" in word else (word,)
    return tuple(stem(w) for w in parts if w not in STOP_WORDS)


def with_stems(terms: Collection[str], texts: Mapping[int, str]) -> dict[str, set[int]]:
    """Of each term, the texts that have it among their `stems`. Each word of ten thousand titles is looked at once."""
    wanted = frozenset(terms)
    having = {t: set[int]() for t in wanted}
    if wanted:
        forms = [w for w in set(_WORD.findall("\n".join(texts.values()))) if not wanted.isdisjoint(_cut(w))]
        for i, text in texts.items():
            for t in wanted.intersection(_cut(text)) if any(w in text for w in forms) else ():
                having[t].add(i)
    return having
