"""Sources that say different things of the same matter.

Two signs, neither of which needs a model of language. Two sentences of different documents that share most of their
information and differ in a figure of the same unit, or in a denial. And a document that speaks of a dispute: the
figures it names are looked for in the documents it speaks of. Both find what is said plainly and miss what is implied.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from titans_cli.answers.corpus import Text
from titans_cli.answers.extract import Candidate
from titans_cli.answers.words import STOP_WORDS, stem, stems, words

ALIKE = 0.5  # share of the information of the shorter of two sentences that the other has too
SPOKEN_OF = 0.35  # share of a topic's information in a sentence that speaks of the outcome
NEXT = 2  # sentences
ENOUGH = 3.0  # information in common at which likeness counts half: two short sentences are soon alike
LIKELY = 1.0  # a score from which on a disagreement is told unasked: somebody speaks of it
LEAST_COMMON = 4  # words that two sentences share before a difference of figures says anything
NAMED = 0.7  # share of what a dispute is said to be over, in a sentence that takes a side
DIFFER = 0.03  # relative difference of two figures that is no rounding
MOST_SENTENCES = 400  # that share a unit: beyond this a unit ("percent") is compared within rare terms only
_FIGURE = re.compile(r"(?<![\w.,/])(\d+(?:,\d{3})*(?:\.\d+)?)\s*(%|°C|[A-Za-zµ°]+(?:/[A-Za-z]+)?[³²23]?)")
_POWERS = str.maketrans("²³", "23")
_NO_UNIT = STOP_WORDS | frozenset(
    "january february march april june july august september october november december".split()
)
_DISPUTE = re.compile(
    r"\b(disagree\w*|disput\w+|contradict\w*|contrary to|conflict(s|ing)|controvers\w+|at odds|inconsistent with|"
    r"re-?examin\w+|refut\w+|could not (reproduce|confirm|replicate)|fail(s|ed) to (reproduce|confirm|replicate)|"
    r"in contrast to (the|earlier|previous)|two (different )?values|too (high|low)|correct(s|ed) the)\b",
    re.I,
)
_RESOLVED = re.compile(
    r"\b(resolved|settled|true (value|optimum|rate|figure)|was an error|reconcil\w+|explained by)\b", re.I
)
_OPEN = re.compile(
    r"\b(still open|remains? (open|unresolved|unclear)|not (been )?(settled|resolved)|unresolved|"
    r"until the (disagreement|dispute)|do not claim to have settled)\b",
    re.I,
)
_TALK = set(
    stems("published figures figure question open reported literature values value results studies still between "
          "papers authors disagreement dispute large matters resolved settled differ different earlier previous study "
          "work")
)  # fmt: skip
_DENIES = re.compile(r"\b(no|not|never|neither|cannot|without|fail(s|ed)?|unable|absent|hardly)\b", re.I)
_OPPOSITE = [
    {stem(w) for w in pair.split()}
    for pair in ("increase decrease", "rise fall", "raise lower", "raise reduce", "increase reduce", "improve worsen",
                 "improve impair", "faster slower", "higher lower", "stronger weaker", "safe harmful", "protect harm",
                 "help harm", "enhance inhibit", "promote suppress")
]  # fmt: skip


class Side(NamedTuple):
    text: Text
    sentence: Candidate


class Disagreement(NamedTuple):
    topic: str
    sides: tuple[Side, ...]  # oldest first
    status: str  # "open", "resolved", "unknown"
    about: tuple[Side, ...]
    score: float


def figures(sentence: str) -> set[tuple[float, str]]:
    """(value, unit) of every figure with a unit; the unit is the word after the number."""
    found = set()
    for value, unit in _FIGURE.findall(sentence):
        if unit.lower() not in _NO_UNIT:
            found.add(
                (float(value.replace(",", "")), "percent" if unit == "%" else stem(unit.lower().translate(_POWERS)))
            )
    return found


def contradicts(a: str, b: str, weight: dict[str, float]) -> float:
    """How alike two sentences are that cannot both hold, 0 when they can: other figures of one unit, or a denial."""
    mine, theirs = _information(a), _information(b)
    total = min(sum(weight.get(t, 1.0) for t in terms) for terms in (mine, theirs))
    alike = sum(weight.get(t, 1.0) for t in mine & theirs) / total if total else 0.0
    if alike < ALIKE or len(mine & theirs) < LEAST_COMMON:
        return 0.0
    here, there = figures(a), figures(b)
    if {u for _, u in here} & {u for _, u in there}:
        return alike if other_figures(a, b) else 0.0
    if here or there:
        return 0.0
    opposed = any(
        len(pair & mine) == 1 and len(pair & theirs) == 1 and pair & mine != pair & theirs for pair in _OPPOSITE
    )
    denied = bool(_DENIES.search(a)) != bool(_DENIES.search(b))
    alike = sum(weight.get(t, 1.0) for t in mine & theirs) / sum(weight.get(t, 1.0) for t in mine | theirs)
    return alike if opposed != denied and alike >= ALIKE else 0.0


def other_figures(a: str, b: str) -> bool:
    """Whether two sentences give figures of the same unit, and none in common."""
    here, there = figures(a), figures(b)
    return bool({u for _, u in here} & {u for _, u in there}) and not any(
        abs(x - y) <= DIFFER * max(abs(x), abs(y)) for x, u in here for y, v in there if u == v
    )


def same_figures(a: str, b: str) -> bool:
    """Whether two sentences have a figure with its unit in common."""
    return bool(figures(a) & figures(b))


def _information(sentence: str) -> set[str]:
    return {s for s in stems(sentence) if not s[0].isdigit()}


def disagreements(texts: Sequence[Text], limit: int, least: float = 0.0) -> list[Disagreement]:
    """The best supported first: spoken of as a dispute, alike in all but the figure, oldest side first."""
    weight = _weights(texts)
    found = [_with_status(d, texts, weight) for d in _said_to_differ(texts, weight) + _differing(texts, weight)]
    chosen: list[Disagreement] = []
    for d in sorted(found, key=lambda d: -d.score):
        if d.score >= least and not any(_same(d, other) for other in chosen):
            chosen.append(d)
    return chosen[:limit]


def _weights(texts: Sequence[Text]) -> dict[str, float]:
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update({s for sentence in text.sentences for s in stems(sentence.text)})
    return {term: math.log(1 + len(texts) / count) for term, count in counts.items()}


def _differing(texts: Sequence[Text], weight: dict[str, float]) -> list[Disagreement]:
    """Pairs of sentences that share a unit, or rare terms, and cannot both hold."""
    groups: dict[tuple[str, str], list[Side]] = defaultdict(list)
    for text in texts:
        for sentence in text.sentences:
            terms = sorted(_information(sentence.text), key=lambda t: (-weight.get(t, 0.0), t))
            units = {u for _, u in figures(sentence.text)} or {""}
            for unit in units:
                for term in terms[:6]:
                    groups[unit, term].append(Side(text, sentence))
    best: dict[tuple[int, int], tuple[float, Side, Side]] = {}
    for sides in groups.values():
        for a, b in combinations(sides[:MOST_SENTENCES], 2) if len(sides) <= MOST_SENTENCES else ():
            if a.text is b.text:
                continue
            score = contradicts(a.sentence.text, b.sentence.text, weight)
            if score:
                common = _weight_of(_information(a.sentence.text) & _information(b.sentence.text), weight)
                score *= common / (common + ENOUGH)
            pair = (a.text.source.id, b.text.source.id)
            if score > best.get(pair, (0.0,))[0]:
                best[pair] = (score, a, b)
    return [
        Disagreement(_topic([a, b], weight), _dated([a, b]), "unknown", (), score + (_beside_dispute(a, b) and 1.0))
        for score, a, b in best.values()
    ]


def _beside_dispute(*sides: Side) -> bool:
    """Whether a document speaks of a dispute next to the sentence in which it takes its side."""
    for side in sides:
        sentences = side.text.sentences
        here = next(i for i, s in enumerate(sentences) if s is side.sentence)
        if any(_DISPUTE.search(s.text) for s in sentences[max(0, here - NEXT) : here + NEXT + 1]):
            return True
    return False


def _weight_of(terms: set[str], weight: dict[str, float]) -> float:
    return sum(weight.get(t, 1.0) for t in terms)


def _said_to_differ(texts: Sequence[Text], weight: dict[str, float]) -> list[Disagreement]:
    """Sentences that speak of a dispute, or their neighbours, with two figures of one unit that others state."""
    found = []
    for text in texts:
        for i, sentence in enumerate(text.sentences):
            near = text.sentences[max(0, i - 2) : i + 3]
            named = defaultdict(set)
            for value, unit in {f for s in near for f in figures(s.text)}:
                named[unit].add(value)
            if not _DISPUTE.search(sentence.text):
                continue
            over = _over(Side(text, sentence), texts, weight)
            if over is not None:
                found.append(over)
            around = {t for s in near for t in _information(s.text)}
            for unit, values in named.items():
                sides = [s for v in sorted(values) if (s := _first_to_say(v, unit, around, texts, text, weight))]
                apart = {side.text.source.id: side for side in sides}
                if len(apart) >= 2:
                    spoken = Side(text, sentence)
                    chosen = list(apart.values())[:3]
                    topic = _topic([*chosen, spoken], weight)
                    found.append(Disagreement(topic, _dated(chosen), "unknown", (spoken,), 1.2 + 0.1 * len(apart)))
    return found


def _over(spoken: Side, texts: Sequence[Text], weight: dict[str, float]) -> Disagreement | None:
    """The figures that others give of what a sentence says a dispute is over, if they differ."""
    matter = {t for t in _information(_DISPUTE.sub(" ", spoken.sentence.text)) if t not in _TALK}
    if len(matter) < 2:
        return None
    sides: list[Side] = []
    for text in texts:
        fits = [
            (_weight_of(_information(s.text) & matter, weight), -s.start, s)
            for s in text.sentences
            if figures(s.text) and not _DISPUTE.search(s.text)
        ]
        best = max(fits, key=lambda f: f[:2], default=None)
        new = best is not None and all(other_figures(best[2].text, s.sentence.text) for s in sides)
        if best is not None and new and best[0] >= NAMED * _weight_of(matter, weight):
            sides.append(Side(text, best[2]))
    if len(sides) < 2:
        return None
    return Disagreement(_topic([*sides, spoken], weight), _dated(sides[:3]), "unknown", (spoken,), 2.0)


def _first_to_say(
    value: float, unit: str, around: set[str], texts: Sequence[Text], but: Text, weight: dict[str, float]
) -> Side | None:
    """The earliest other document that states the figure in a sentence of the same matter."""
    for text in texts:
        if text is but or (text.year or 0) > (but.year or 9999):
            continue
        fits = [
            (sum(weight.get(t, 0.0) for t in _information(s.text) & around), -s.start, s)
            for s in text.sentences
            if (value, unit) in figures(s.text)
            and len(_information(s.text) & around) >= 3
            and not _DISPUTE.search(s.text)
        ]
        if fits:
            return Side(text, max(fits, key=lambda f: f[:2])[2])
    return None


def _dated(sides: Sequence[Side]) -> tuple[Side, ...]:
    return tuple(sorted(sides, key=lambda s: (s.text.year is None, s.text.year or 0, s.text.source.id)))


def _topic(sides: Sequence[Side], weight: dict[str, float]) -> str:
    """The words that all sides share, as the first of them writes them, in its order."""
    common = set.intersection(*(_information(s.sentence.text) for s in sides))
    units = {u for s in sides for _, u in figures(s.sentence.text)}
    tokens = [w for w in words(sides[0].sentence.text) if w not in STOP_WORDS and not w[0].isdigit()]
    fits = (w for w in dict.fromkeys(tokens) if len(w) > 2 and stem(w) in common and stem(w) not in units)
    shared = list(fits)
    kept = sorted(sorted(shared, key=lambda w: -weight.get(stem(w), 0.0))[:6], key=shared.index)
    return " ".join(kept)


def _same(a: Disagreement, b: Disagreement) -> bool:
    """Whether two are about one matter: the same two documents, or mostly the same words."""
    documents = [{s.text.source.id for s in d.sides} for d in (a, b)]
    mine, theirs = (set(stems(d.topic)) for d in (a, b))
    overlap = len(mine & theirs) / max(1, min(len(mine), len(theirs)))
    return len(documents[0] & documents[1]) >= 2 or overlap > 0.6 or bool(documents[0] & documents[1] and overlap > 0.3)


def _with_status(d: Disagreement, texts: Sequence[Text], weight: dict[str, float]) -> Disagreement:
    """What is said of it later: settled, or open; the latest word counts."""
    matter = set(stems(d.topic)) or {t for s in d.sides for t in _information(s.sentence.text)}
    newest = max((s.text.year or 0) for s in d.sides)
    spoken = list(d.about)
    status = d.status
    for text in texts:
        if (text.year or 0) < newest:
            continue
        for sentence in text.sentences:
            resolved, still = _RESOLVED.search(sentence.text), _OPEN.search(sentence.text)
            if not (resolved or still) or not _speaks_of(sentence, d, matter, weight):
                continue
            status = "open" if still else "resolved"
            spoken = [*[s for s in spoken if s.text is not text], Side(text, sentence)]
    return d._replace(status=status, about=tuple(spoken[-2:]), score=d.score + (status != "unknown"))


def _speaks_of(sentence: Candidate, d: Disagreement, matter: set[str], weight: dict[str, float]) -> bool:
    mine = _information(sentence.text)
    shared = sum(weight.get(t, 1.0) for t in mine & matter)
    figures_named = figures(sentence.text) & {f for s in d.sides for f in figures(s.sentence.text)}
    return bool(figures_named) or (
        len(mine & matter) >= 2 and shared >= SPOKEN_OF * sum(weight.get(t, 1.0) for t in matter)
    )
