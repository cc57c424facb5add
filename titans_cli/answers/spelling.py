"""Misspelled names: a word of a question that the session has nowhere becomes the word of a title or an author's name
that is one slip away from it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from titans_cli.answers.background import background
from titans_cli.answers.intent import ENGLISH, language_of
from titans_cli.answers.words import ASKING, STOP_WORDS, stem
from titans_cli.cards import Card
from titans_cli.store import Episodes

SHORTEST = 4  # letters: of shorter words too many are one letter apart
MOST_UNKNOWN = 0.34  # of the words: a question with more is in another language than the documents
LONG = 8  # letters: two slips are forgiven
_WORD = re.compile(r"[^\W_]+")  # of "UnitTest.jl" and "Kronecker-based" each part


def mended(question: str, episodes: Episodes, cards: Iterable[Card]) -> str:
    """The question, names put right, and in English the words that say how it asks ("waht does it do?")."""
    unknown = [
        m
        for m in _WORD.finditer(question)
        if len(m.group()) >= SHORTEST
        and m.group().lower() not in STOP_WORDS
        and not episodes.search_blocks(m.group(), 1)
    ]
    if not unknown:
        return question
    language = language_of(question)
    english = language is not None and language.name == ENGLISH
    if not english and len(unknown) > MOST_UNKNOWN * len(_WORD.findall(question)):
        return question
    names = {
        w for c in cards for text in (c.title or "", *c.authors) for w in _WORD.findall(text) if len(w) >= SHORTEST
    }
    asking = {w for w in STOP_WORDS | ASKING if len(w) >= SHORTEST} if english else set[str]()
    text = question
    for m in reversed(unknown):
        most = 2 if len(m.group()) >= LONG else 1
        word = stem(m.group().lower()) in background().counts  # "code" is no slip for "come"
        near = [(slips(m.group().lower(), n.lower(), most), n) for n in (names if word else names | asking)]
        best = min((n for n in near if n[0] <= most), default=None)
        if best is not None:
            text = text[: m.start()] + best[1] + text[m.end() :]
    return text


def slips(one: str, other: str, most: int) -> int:
    """Letters left out, put in, exchanged or transposed between two words (Damerau 1964); `most` + 1 for more."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)
