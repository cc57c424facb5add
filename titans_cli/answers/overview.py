"""Questions about the whole: which phrases rise, fall and stay over the documents, and the sentences that carry them.

A first, plain synthesis: it covers every document instead of the few that match the question's words. A document counts
as mentioning a phrase when the phrase stands in its prose (reference lists are left out).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from titans_cli.answers.extract import Candidate, is_prose
from titans_cli.answers.words import ASKING, STOP_WORDS, stem, words
from titans_cli.model.engine import Engine
from titans_cli.records import Block, SourceRecord
from titans_cli.sentences import sentence_spans
from titans_cli.store import Episodes

LEAST_DOCUMENTS = 4  # below this, "rising" means nothing
# A single word is a theme only if the tokenizer needs so many pieces for it, being no common English: more pieces for a
# word that comes or goes, since common words do so by chance.
RARE_PIECES, RARER_PIECES = 2, 3
RISES, FALLS = 0.4, -0.3  # difference of the shares of later and earlier documents
RARELY = 0.35  # share of the documents in which what comes or goes may stand at its lower end
DRIFTS = 0.25  # change of share that still is steady
STAYS = 0.75  # share of all documents
ALONE = 0.65  # a single word says less than two
TOGETHER = 0.3  # of a phrase's sentences with a phrase already chosen: it is the same theme
_YEAR = re.compile(r"\b(19[5-9]\d|20[0-4]\d)\b")
_REFERENCES = re.compile(r"\b(References|Bibliography|Works cited|Literature cited)\b")
# Sentences that say that something came, went or stayed make better carriers than those that merely use the phrase.
_CUES = {
    "rising": "now every all introduced introduce universal standard adopted adopts replaced first increasingly became",
    "falling": "abandoned abandon longer stopped dropped leaches leached poisons because instead fell kills cannot "
    "ceased",
    "steady": "every always depends depend all still remains throughout each",
}
Key = tuple[str, ...]  # stems of a phrase


class Theme(NamedTuple):
    phrase: str  # as it is usually written
    direction: str  # "rising", "falling", "steady", "frequent"
    early: tuple[int, int]  # documents with it, documents
    late: tuple[int, int]
    sentence: Candidate


class Text(NamedTuple):
    source: SourceRecord
    year: int | None
    sentences: list[Candidate]


def is_overview(question: str) -> bool:
    """Whether the question names no matter of its own: all its content words say what kind of answer is wanted."""
    found = [w for w in words(question) if w not in STOP_WORDS]
    return bool(found) and all(w in ASKING for w in found)


def year_of(source: SourceRecord, blocks: Sequence[Block]) -> int | None:
    """From the file's name, or else the first year on its first page."""
    name = re.search(r"(?<!\d)(19[5-9]\d|20[0-4]\d)(?!\d)", source.display.rsplit("/", 1)[-1])
    if name:
        return int(name.group())
    head = _YEAR.search(blocks[0].text[:600]) if blocks else None
    return int(head.group()) if head else None


def _texts(episodes: Episodes) -> list[Text]:
    texts = []
    for source in episodes.sources():
        blocks = episodes.blocks_of(source.id)
        sentences: list[Candidate] = []
        for block in blocks:
            stop = _REFERENCES.search(block.text) if block.index > len(blocks) // 2 else None
            for a, b in sentence_spans(block.text[: stop.start()] if stop else block.text):
                text = block.text[a:b]
                if is_prose(text):
                    sentences.append(Candidate(block, block.start + a, block.start + b, text, 0.0, 0.0))
            if stop:
                break
        texts.append(Text(source, year_of(source, blocks), sentences))
    if all(t.year is not None for t in texts):
        texts.sort(key=lambda t: (t.year or 0, t.source.id))
    return texts


def _phrases(text: str, pieces: Callable[[str], int]) -> dict[Key, str]:
    """Pairs of neighbouring content words, and single rare words, by their stems, each as it is written here."""
    found: dict[Key, str] = {}
    lowered = text.lower()
    tokens = words(text)
    plain = [w not in STOP_WORDS and w not in ASKING and w[0].isalpha() and len(w) > 2 for w in tokens]
    for i, word in enumerate(tokens):
        if plain[i] and len(word) > 4 and pieces(word) >= RARE_PIECES:
            found[stem(word),] = word
        if plain[i] and plain[i + 1 : i + 2] == [True] and f"{word} {tokens[i + 1]}" in lowered:  # no stop between
            found[stem(word), stem(tokens[i + 1])] = f"{word} {tokens[i + 1]}"
    return found


class _Phrase(NamedTuple):
    key: Key
    form: str
    direction: str
    strength: float
    early: int
    late: int
    held: dict[int, list[Candidate]]  # by document, in order


def _measured(texts: Sequence[Text], pieces: Callable[[str], int]) -> list[_Phrase]:
    """Every phrase that rises, falls, stays or is merely frequent, strongest first."""
    held: dict[Key, dict[int, list[Candidate]]] = defaultdict(lambda: defaultdict(list))
    written: dict[Key, Counter[str]] = defaultdict(Counter)
    for number, text in enumerate(texts):
        for sentence in text.sentences:
            for key, form in _phrases(sentence.text, pieces).items():
                held[key][number].append(sentence)
                written[key][form] += 1
    count, half = len(texts), len(texts) // 2
    measured = []
    for key, holders in held.items():
        early = sum(1 for n in holders if n < half)
        late = len(holders) - early
        change = late / (count - half) - early / half
        if len(holders) < max(3, count // 8):
            continue
        rarer = min(late / (count - half), early / half)
        if rarer <= RARELY and (change > RISES or change < FALLS):
            direction = "rising" if change > 0 else "falling"
        else:
            direction = "steady" if len(holders) >= STAYS * count and abs(change) <= DRIFTS else "frequent"
        form = min(written[key], key=lambda f: (-written[key][f], f))
        if len(key) == 1 and direction != "steady" and pieces(form) < RARER_PIECES:
            continue
        mass = min(40, sum(map(len, holders.values()))) ** 0.5
        strength = mass * (abs(change) if direction in ("rising", "falling") else 0.4 * (len(holders) / count) ** 2)
        strength *= ALONE if len(key) == 1 else 1.0
        measured.append(_Phrase(key, form, direction, strength, early, late, holders))
    return sorted(measured, key=lambda p: (-p.strength, p.key))


def themes(episodes: Episodes, engine: Engine, limit: int) -> tuple[list[Theme], list[Text]]:
    """Up to `limit` themes: half of them rising, a third falling, the rest steady or frequent. No two say the same."""
    texts = _texts(episodes)
    if len(texts) < LEAST_DOCUMENTS:
        return [], texts

    @cache
    def pieces(word: str) -> int:
        return RARER_PIECES if "-" in word else len(engine.tokenizer.encode(word))

    measured = _measured(texts, pieces)
    salience = {p.key: p.strength for p in measured}
    room = {"rising": max(1, limit // 2), "falling": max(1, limit // 3), "steady": max(1, limit // 6), "frequent": 0}
    changing = sum(p.direction in ("rising", "falling") for p in measured)
    room["frequent"] = max(0, limit - 1 - min(changing, limit))  # a pile without a time line has themes all the same
    half = len(texts) // 2
    chosen: list[tuple[_Phrase, Theme]] = []
    used: set[tuple[int, int]] = set()
    for phrase in measured:
        if room[phrase.direction] == 0 or any(_same(phrase, other) for other, _ in chosen):
            continue
        room[phrase.direction] -= 1
        sentence = _carrier(phrase, salience, used, pieces)
        used.add((sentence.block.source_id, sentence.start))
        counts = (phrase.early, half), (phrase.late, len(texts) - half)
        chosen.append((phrase, Theme(phrase.form, phrase.direction, *counts, sentence)))
    order = {"rising": 0, "falling": 1, "steady": 2, "frequent": 3}
    return sorted((theme for _, theme in chosen), key=lambda t: order[t.direction])[:limit], texts


def _same(phrase: _Phrase, other: _Phrase) -> bool:
    """Whether they share a word, or mostly stand in the same sentences."""
    if set(phrase.key) & set(other.key):
        return True
    mine, theirs = ({s.text for group in p.held.values() for s in group} for p in (phrase, other))
    return len(mine & theirs) > TOGETHER * min(len(mine), len(theirs))


def _carrier(
    phrase: _Phrase, salience: dict[Key, float], used: set[tuple[int, int]], pieces: Callable[[str], int]
) -> Candidate:
    """The sentence that says most about the phrase and its direction, later documents first."""
    cues = {stem(w) for w in _CUES.get(phrase.direction, "").split()}

    def worth(number: int, sentence: Candidate) -> float:
        says = sum(salience.get(key, 0.0) for key in _phrases(sentence.text, pieces))
        cued = min(2, len(cues & {stem(w) for w in words(sentence.text)}))
        fresh = 0.0 if (sentence.block.source_id, sentence.start) in used else 5.0
        length = 1 + len(sentence.text) / 200
        return fresh + says / length + 2.0 * cued + 0.1 * number + 0.3 * sentence.block.surprise

    ranked = [(worth(number, s), -s.block.id, s) for number, group in phrase.held.items() for s in group]
    return max(ranked, key=lambda r: r[:2])[2]
