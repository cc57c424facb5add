"""Phrases of a corpus, and which of them come, go and stay over its years.

A document has a phrase or has it not. The score test for a trend in proportions (Cochran 1954, Armitage 1955) says how
surely the share of documents rises or falls with the years: z = r * sqrt(n), r being the correlation of "has it" with
the year. It needs no halves or bins. Hundreds of phrases are tried at once, so the bound on z is the one that keeps the
expected share of phrases named by chance below a few percent (Benjamini and Hochberg 1995).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from titans_cli.answers.corpus import Text
from titans_cli.answers.extract import Candidate
from titans_cli.answers.words import ASKING, STOP_WORDS, stem, words

Pieces = Callable[[str], int]  # into how many pieces the tokenizer cuts a word: common English words are whole
Key = tuple[str, ...]  # stems
# A single word is a theme only if the tokenizer needs so many pieces for it, being no common English: more pieces for a
# word that comes or goes, since common words do so by chance; fewer again for one that does so beyond doubt.
RARE_PIECES, RARER_PIECES = 2, 3
BEYOND_DOUBT = 1.3  # times the bound on z
BY_CHANCE = 0.03  # expected share of chance among the phrases said to change
# ... but never more than this times the root of the number of documents: no trend in a few documents is beyond doubt,
# so there the likeliest are told, with their counts.
PER_ROOT = 0.68
CHANGES = 0.3  # least difference of the shares in the later and the earlier half
STAYS = 0.7  # share of all documents
DRIFTS = 2.0  # |z| that still is steady
GONE = 0.25  # of the documents, the last ones: what none of them has, has vanished
ALONE = 0.75  # a single word says less than two ...
ALONE_STILL = 0.35  # ... and little if it does not even come or go: "accessible" is in most papers
LONGER = 0.6  # share of a phrase's sentences in which it stands in one and the same longer phrase


class Phrase(NamedTuple):
    key: Key
    form: str  # as it is usually written
    direction: str  # "rising", "falling", "vanishing", "steady", "frequent"
    z: float
    strength: float
    early: tuple[int, int]  # documents with it, documents: the earlier half of those with a year
    late: tuple[int, int]
    held: dict[int, list[Candidate]]  # by document, in order


def phrases_in(text: str, pieces: Pieces) -> dict[Key, str]:
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


def trend(years: Sequence[float], has: Sequence[bool]) -> float:
    """z of the trend test; 0 when there is nothing to compare."""
    n = len(years)
    mean_x, mean_y = sum(has) / max(1, n), sum(years) / max(1, n)
    var_x, var_y = mean_x * (1 - mean_x), sum((y - mean_y) ** 2 for y in years) / max(1, n)
    if not var_x or not var_y:
        return 0.0
    covariance = sum((y - mean_y) * (h - mean_x) for y, h in zip(years, has, strict=True)) / n
    return covariance / math.sqrt(var_x * var_y) * math.sqrt(n)


def measured(texts: Sequence[Text], pieces: Pieces) -> list[Phrase]:
    """Every phrase that stands in enough documents, with what it does over the years, strongest first."""
    held: dict[Key, dict[int, list[Candidate]]] = defaultdict(lambda: defaultdict(list))
    written: dict[Key, Counter[str]] = defaultdict(Counter)
    for number, text in enumerate(texts):
        for sentence in text.sentences:
            for key, form in phrases_in(sentence.text, pieces).items():
                held[key][number].append(sentence)
                written[key][form] += 1
    dated = [n for n, t in enumerate(texts) if t.year is not None]
    enough = {key: holders for key, holders in held.items() if len(holders) >= max(3, len(texts) // 12)}
    years = [texts[n].year or 0 for n in dated]
    zs = {key: trend(years, [n in holders for n in dated]) for key, holders in enough.items()}
    sure = min(bound([abs(z) for z in zs.values()]), PER_ROOT * math.sqrt(len(dated)))
    # "defines" is cut in two and "define" is not: a verb everybody uses
    common = {stem(w) for w in {w for t in texts for s in t.sentences for w in words(s.text)} if pieces(w) == 1}
    found = []
    for key, holders in enough.items():
        form = min(written[key], key=lambda f: (-written[key][f], f))
        phrase = _judged(key, form, holders, len(texts), dated, zs[key], sure)
        rare = RARE_PIECES if phrase.direction in ("steady", "frequent") else RARER_PIECES
        if len(key) == 1 and pieces(form) < (RARE_PIECES if abs(phrase.z) >= BEYOND_DOUBT * sure else rare):
            continue
        if phrase.direction == "frequent" and len(key) == 1 and key[0] in common:
            continue
        found.append(phrase)
    return sorted(found, key=lambda p: (-p.strength, p.key))


def bound(zs: Sequence[float]) -> float:
    """The least |z| that is called a trend: of the last p-value in order that lies below its share of the line."""
    ordered = sorted(zs, reverse=True)
    passed = [z for rank, z in enumerate(ordered, start=1) if math.erfc(z / math.sqrt(2)) <= BY_CHANCE * rank / len(zs)]
    return min(passed, default=math.inf)


def _judged(
    key: Key, form: str, holders: dict[int, list[Candidate]], texts: int, dated: Sequence[int], z: float, sure: float
) -> Phrase:
    half = len(dated) // 2
    early = sum(n in holders for n in dated[:half]), half
    late = sum(n in holders for n in dated[half:]), len(dated) - half
    before, after = (has / max(1, of) for has, of in (early, late))
    share = len(holders) / texts
    if abs(z) >= sure and abs(after - before) >= CHANGES:
        last = dated[-max(2, round(GONE * len(dated))) :]
        gone = not any(n in holders for n in last)
        direction = "rising" if z > 0 else "vanishing" if gone else "falling"
    else:
        direction = "steady" if dated and share >= STAYS and abs(z) <= DRIFTS else "frequent"
    mass = math.log1p(min(60, sum(map(len, holders.values()))))
    strength = mass * (abs(z) if direction in ("rising", "falling", "vanishing") else 3 * share)
    if len(key) == 1:
        strength *= ALONE_STILL if direction == "frequent" else ALONE
    return Phrase(key, form, direction, z, strength, early, late, holders)


def full_form(phrase: Phrase) -> str:
    """The longer phrase in which this one mostly stands ("neural network" in "graph neural networks"), or itself."""
    longer: Counter[str] = Counter()
    size = len(phrase.form.split())
    sentences = [s for group in phrase.held.values() for s in group]
    for sentence in sentences:
        tokens = words(sentence.text)
        found = [stem(w) for w in tokens]
        for i in range(len(tokens) - size + 1):
            if tuple(found[i : i + size]) == phrase.key:
                around = ((i - 1, i + size), (i, i + size + 1))
                for a, b in around:
                    extra = tokens[a] if a == i - 1 else tokens[b - 1] if b <= len(tokens) else ""
                    plain = len(extra) > 2 and extra[0].isalpha() and extra not in STOP_WORDS | ASKING
                    plain = plain and not (b == i + size + 1 and extra.endswith("ed"))  # a verb, most likely
                    form = " ".join(tokens[max(0, a) : b])
                    if a >= 0 and plain and form in sentence.text.lower():
                        longer[form] += 1
                break
    if not longer:
        return phrase.form
    best, count = min(longer.items(), key=lambda f: (-f[1], f[0]))
    return best if count >= LONGER * len(sentences) else phrase.form
