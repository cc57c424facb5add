"""The answer proper without a reader: the few words of a sentence that a question asks for, by what they look like.

A date, a number with its unit, a name: of those that the question does not hold itself, the one whose place and form
speak for it most. A pattern cannot read, so it is told only where it was right in at least 80% of questions of its kind
(`SURE`); everything else is left to the sentence.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from titans_cli.answers.quantities import DATE, MONTHS, phrase_end, quantities
from titans_cli.answers.question import Question, near
from titans_cli.answers.statements import figures
from titans_cli.answers.words import STOP_WORDS, stem

_LOOSE = (
    r"(?:and|or|in|at|on|of|to|from|for|by|with|when|while|as|than|per|about|up"
    r"|within|the|a|is|are|was|were|but|had|has)"
)
# What of the words after a number belongs to it: a unit or the thing counted, and what it is per ("per hour") or of.
_UNIT = re.compile(
    r"(?: (?:percent|per cent)\b"
    rf"|(?: ?[%°][CF]?| [a-zµ]{{1,3}}/[a-z³²]+3?| (?!{_LOOSE}\b)(?:cubic |square )?[A-Za-zµ]+[²³]?)?)"
    r"(?: (?:per|a) (?!the\b|its\b|their\b)[a-z]+(?: [a-z]+)?|(?P<of> of (?!the\b|its\b|their\b)(?=\w)))?",
    re.I,
)
_BEFORE = re.compile(r"\b(?:from|up to|within|about|around|over|nearly) $", re.I)
_JOIN = r"(?: (?:of|the|de|von|van|der|di|da|la|for|and)){0,2}"
_NAME = re.compile(rf"\b[A-Z][\w'’.-]*(?:{_JOIN} [A-Z][\w'’.-]*)*")
_BARE = re.compile(rf" {_LOOSE}$", re.I)
_WORD = re.compile(r"\w+(?:[-'’]\w+)*")
_LEADS = {  # what stands before the name that is asked for
    "who": re.compile(r"\b(?:by|named|called|is|was|are|were)\s+(?:(?:the|a|an)\s+)?(?:[a-z]+\s+){0,3}$"),
    "where": re.compile(r"\b(?:in|at|near|from|to|on|outside|around)\s+(?:the\s+)?$"),
}
_OPENS = re.compile(
    r"^(?:In|On|At|By|During|After|Before|From|Since|For|With|When|While|As|Until|Under|Although|And|But) (?=[A-Z])"
)
FORMS = frozenset({"when", "number", "who", "where", "name"})  # kinds of questions whose answers have a form
_NO_NAME = MONTHS | STOP_WORDS
_SENTENCE_START = re.compile(r"^[\"“‘(\s]*")
# Worths are factors of 1, set by hand on training questions and not fitted (docs/log.md, 2026-11-21).
MEANT = 3.0  # what a figure is worth that measures what is asked for
HALF_NEW = 0.5  # of a name's words: a name that is mostly the question's own is not asked for
RIVAL = 0.75  # of the worth of the best figure, in another of the same unit: which is meant cannot be told
LED = 1.5  # what a name after "by" (who) or "in" (where) is worth
ONE_WORD = 0.6  # what a single word is worth for a person: "American" begins "American singer"
FIRST_WORD = 0.4  # what a name at the start of a sentence is worth: its capital may be the sentence's
DISTANCE = 40  # characters from the question's words at which a span is worth half


class Span(NamedTuple):
    worth: float
    words: str
    measures: bool = False  # of a figure: it counts or measures what is asked for


def short_answer(question: Question, sentence: str, units: set[str] | None = None) -> str | None:
    """The words of `sentence` that answer, as they stand in it; None when the question's form does not say.

    `units`: if given, only a figure in one of them will do, as `statements.figures` names them.
    """
    candidates = spans(question, sentence, units)
    if not candidates:
        return None
    best = max(candidates)
    return (
        None
        if _undecided(question, best.words, [s.words for s in candidates if s.worth >= RIVAL * best.worth])
        else best.words
    )


def sure_answer(question: Question, sentence: str, covers: float) -> str | None:
    """The same, if it is as good as certain: the sentence says what is asked, and has one thing that can be meant.

    `covers`: the share of the question's information in the sentence.
    """
    if covers < LEAST_COVERED or question.kind not in ("number", "when"):
        return None
    candidates = spans(question, sentence)
    if question.kind == "number":
        meant = [s for s in candidates if s.measures]
        return meant[0].words if len(meant) == 1 else None
    return candidates[0].words if len(candidates) == 1 else None


LEAST_COVERED = 0.6  # of the question's information, by the sentence of a sure answer


def _undecided(question: Question, text: str, near_as_good: list[str]) -> bool:
    """Whether another figure of the same unit is among those that are about as good."""
    return question.kind == "number" and any(o != text and _unit(o) == _unit(text) for o in near_as_good)


def spans(question: Question, sentence: str, units: set[str] | None = None) -> list[Span]:
    """All that a question of this form may be answered with, each with its worth, more than 0."""
    if question.kind not in FORMS:
        return []
    asked = set(_without_punctuation(question.text).split())
    anchors = [m.start() for m in _WORD.finditer(sentence) if _asked(stem(m.group().lower()), question)]

    def near_it(start: int, end: int) -> float:
        distance = sum(min(abs(a - start), abs(a - end)) for a in anchors) / max(1, len(anchors))
        return 1 / (1 + distance / DISTANCE)

    choices: list[Span] = []
    if question.kind == "number":
        for q in quantities(sentence):
            before = _BEFORE.search(sentence[: q.start])
            text = _tidy(sentence[before.start() if before else q.start : _with_unit(sentence, q.end)])
            measures = q.measures(question.asked)
            if measures and (counted := q.counted(question.asked)):
                text = _tidy(sentence[before.start() if before else q.start : q.end + counted])
            if (q.year and not measures) or set(_without_punctuation(text).split()) <= asked:
                continue
            if units is not None and not {u for _, u in figures(text)} & units:
                continue
            fits = MEANT if measures else 1 / MEANT if q.is_rate else 1.0
            choices.append(Span(near_it(q.start, q.end) * fits, text, measures))
        return choices
    if question.kind == "when":
        return [
            Span(near_it(*m.span()), text)
            for m in DATE.finditer(sentence)
            if (text := _tidy(m.group())) and not set(_without_punctuation(text).split()) <= asked
        ]
    start = len((_SENTENCE_START.match(sentence) or [""])[0])
    for m in _NAME.finditer(sentence):
        text = _OPENS.sub("", _tidy(m.group()))
        new = _new_share(text, question)
        if not text or new <= HALF_NEW:
            continue
        worth = near_it(*m.span()) * new
        if m.start() == start and " " not in text:
            worth *= FIRST_WORD
        if question.kind == "who" and " " not in text:
            worth *= ONE_WORD
        lead = _LEADS.get(question.kind)
        if lead and lead.search(sentence[: m.start()]):
            worth *= LED
        choices.append(Span(worth, text))
    return choices


def _with_unit(sentence: str, end: int) -> int:
    """Where what belongs to a figure ends that ends itself at `end`."""
    unit = _UNIT.match(sentence, end)
    if unit is None:
        return end
    return phrase_end(sentence, unit.end()) if unit["of"] else unit.end()


def _new_share(name: str, question: Question) -> float:
    """The share of a name's words that the question does not hold; 0 for a month or a word that is no name."""
    parts = [w.lower() for w in _WORD.findall(name)]
    if all(w in _NO_NAME for w in parts):
        return 0.0
    asked = set(_without_punctuation(question.text).split())
    new = [w for w in parts if w not in _NO_NAME and w not in asked and not _asked(stem(w), question)]
    return len(new) / max(1, sum(w not in _NO_NAME for w in parts))


def _unit(text: str) -> str:
    """The first word of a figure's unit."""
    return re.sub(r"^\D*[\d.,]+\s*", "", text).split(" ")[0]


def _asked(word: str, question: Question) -> bool:
    return any(word == term or near(word, term) for term in question.weight)


def _without_punctuation(text: str) -> str:
    return re.sub(r"[^\w\s.]", " ", text.lower())


def _tidy(text: str) -> str:
    before = ""
    while text != before:
        before, text = text, _BARE.sub("", text).strip(" ,.;:-")
    return text
