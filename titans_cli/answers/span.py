"""The answer proper: the few words of a sentence that a question asks for, when its form says what they look like.

A date, a number with its unit, a name: of those that the question does not hold itself, the one that its place, its
sentence and the model that reads them speak for most; without a model, the one nearest to the question's words. A
question of another form gets none, and the sentence stands for itself.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from titans_cli.answers.question import YEAR, Question, near
from titans_cli.answers.statements import figures
from titans_cli.answers.words import STOP_WORDS, stem, words
from titans_cli.model.interface import OpenBook

_MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_DATE = re.compile(
    rf"\b(?:\d{{1,2}} {_MONTH},? \d{{4}}|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}|{_MONTH} \d{{4}}"
    r"|(?:the )?(?:early |mid-?|late )?(?:1[0-9]|20)\d0s|(?:1[0-9]|20)\d\d[/–-]\d{2}"
    r"|(?:the )?(?:early |mid-?|late )?\d{1,2}(?:st|nd|rd|th) century|1[0-9]\d\d|20\d\d)\b"
)
_SPELLED = (
    r"one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|sixty|hundred|thousand"
)
_LOOSE = (
    r"(?:and|or|in|at|on|of|to|from|for|by|with|when|while|as|than|per|about|up"
    r"|within|the|a|is|are|was|were|but|had|has)"
)
_UNIT = (
    r"(?: (?:percent|per cent)\b|(?: (?:million|billion|thousand|hundred))?"
    rf"(?: ?[%°][CF]?| [a-zµ]{{1,3}}/[a-z³²]+3?| (?!{_LOOSE}\b)(?:cubic |square )?[A-Za-zµ]+[²³]?)?)"
)
_RATE = r"(?: (?:per|a|of) (?!the\b|its\b|their\b)[a-z]+(?: [a-z]+)?)?"
_NUMBER = re.compile(
    rf"(?<![\w.,:])(?:(?:from|up to|within|about|around|over|nearly) )?"
    rf"(?:[$£€]?\d[\d.,:]*\d|[$£€]?\d|(?:{_SPELLED})\b){_UNIT}{_RATE}",
    re.I,
)
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
_NO_PERSON = re.compile(
    r"\b(?:War|Wars|Battle|Siege|Olympics?|Games|Championship|League|Cup|Center|Centre|Party|Conference|University|College|School"
    r"|Kingdom|States|Union|Republic|Committee|Council|Ministry|Department|Office|Army|Navy|Movement|Sea|River|City|County|Museum"
    r"|Act|Award|Awards|Prize|Street|Island|Islands|Corporation|Company|Festival|Empire|Day|Church|Hall)\b"
)
# What an answer looks like, by the kind of question; of another kind it may be anything.
FORMS = {"when": _DATE, "number": _NUMBER, "who": _NAME, "where": _NAME, "name": _NAME}
_NO_NAME = frozenset(f"{_MONTH[3:-1].replace('|', ' ')} {' '.join(STOP_WORDS)}".lower().split())
_SENTENCE_START = re.compile(r"^[\"“‘(\s]*")
_SHARE = re.compile(r"\b(?:what|which) (?:share|percentage|percent|proportion|fraction)\b", re.I)
_LABEL = re.compile(
    r"\b(?:fig(?:ure|s)?|table|section|chapter|eq(?:uation)?|appendix|page|step|version|ref)\.? $", re.I
)
_PERCENT = re.compile(r"%|\bper ?cent\b")
_COUNTED = re.compile(r"\bhow many (\w+)", re.I)
_RATE_ASKED = re.compile(r"\bhow fast\b|\b(?:rate|speed|velocity)\b", re.I)
_PER = re.compile(r" (?:per|a) [a-z]|[a-z]/[a-z]")
MEANT = 3.0  # what a figure is worth that measures what is asked for
HALF_NEW = 0.5  # of a name's words: a name that is mostly the question's own is not asked for
RIVAL = 0.75  # of the worth of the best figure, in another of the same unit: which is meant cannot be told
LED = 1.5  # what a name after "by" (who) or "in" (where) is worth
NO_PERSON = 0.3  # what "Battle of the Somme" is worth for a person
ONE_WORD = 0.6  # ... and a single word for a person: "American" begins "American singer"
BETTER = 4.0  # what the log-odds of a span's sentence count, beside the logarithm of its worth
WORDS, END = 0.25, 0.15  # ... and the log-probabilities of its words and of its end
LEAST_END = -4.0  # where the model does not expect an answer to end, a name is cut short or is none: it is not told
MOST_SPANS = 16
FIRST_WORD = 0.4  # what a name at the start of a sentence is worth: its capital may be the sentence's


class Span(NamedTuple):
    worth: float
    said: str


def short_answer(question: Question, sentence: str, units: set[str] | None = None) -> str | None:
    """The words of `sentence` that answer, as they stand in it; None when the question's form does not say.

    `units`: if given, only a figure in one of them will do, as `disagree.figures` names them.
    """
    found = spans(question, sentence, units)
    if not found:
        return None
    worth, said = max(found)
    return None if _undecided(question, said, [s for w, s in found if w >= RIVAL * worth]) else said


def told_by(
    question: Question, sentences: Sequence[str], scores: Sequence[float], book: OpenBook
) -> tuple[int, str] | None:
    """The likeliest answer in any of the sentences, and in which; None if the question's form does not say what it
    looks like, or if nothing is likely.

    Judged by the span's place, by its sentence's score in log-odds, and by the model that reads the `book`.
    """
    found = [(i, span) for i, sentence in enumerate(sentences) for span in spans(question, sentence)]
    found = sorted(found, key=lambda f: -(BETTER * scores[f[0]] + math.log(f[1].worth)))[:MOST_SPANS]
    if not found:
        return None
    likely = book.likelihood([span.said for _, span in found])
    odds = [
        BETTER * scores[i] + math.log(span.worth) + WORDS * p.words + END * p.end
        for (i, span), p in zip(found, likely, strict=True)
    ]
    best = max(range(len(found)), key=lambda n: odds[n])
    i, (_, said) = found[best]
    least = odds[best] + math.log(RIVAL)
    near = [span.said for (j, span), o in zip(found, odds, strict=True) if j == i and o >= least]
    cut = FORMS[question.kind] is _NAME and likely[best].end < LEAST_END
    return None if cut or _undecided(question, said, near) else (i, said)


def _undecided(question: Question, said: str, near: Sequence[str]) -> bool:
    """Whether another figure of the same unit is among those that are about as good."""
    return question.kind == "number" and any(other != said and _unit(other) == _unit(said) for other in near)


def spans(question: Question, sentence: str, units: set[str] | None = None) -> list[Span]:
    """All that a question of this form may be answered with, each with its worth, more than 0."""
    pattern = FORMS.get(question.kind)
    if pattern is None:
        return []
    asked = set(_plain(question.text).split())
    anchors = [m.start() for m in _WORD.finditer(sentence) if _asked(stem(m.group().lower()), question)]
    found: list[Span] = []
    start = len((_SENTENCE_START.match(sentence) or [""])[0])
    for match in pattern.finditer(sentence):
        said = _tidy(match.group())
        if pattern is _NAME:
            said = _OPENS.sub("", said)
        if not said or set(_plain(said).split()) <= asked:
            continue
        if units is not None and not {u for _, u in figures(said)} & units:
            continue
        distance = sum(min(abs(a - match.start()), abs(a - match.end())) for a in anchors) / max(1, len(anchors))
        worth = 1 / (1 + distance / 40)
        if pattern is _NAME:
            new = _new_share(said, question)
            if new <= HALF_NEW:
                continue
            worth *= new
            if match.start() == start and " " not in said:
                worth *= FIRST_WORD
            if question.kind == "who":
                worth *= (1.0 if " " in said else ONE_WORD) * (NO_PERSON if _NO_PERSON.search(said) else 1.0)
            lead = _LEADS.get(question.kind)
            if lead and lead.search(sentence[: match.start()]):
                worth *= LED
        if pattern is _NUMBER:
            if YEAR.search(said) and len(re.findall(r"\d+", said)) == 1:
                continue  # a year, most likely
            if _LABEL.search(sentence[: match.start()]):
                continue
            worth *= _measure(question.text, said)
        found.append(Span(worth, said))
    return found


def _new_share(name: str, question: Question) -> float:
    """The share of a name's words that the question does not hold; 0 for a month or a word that is no name."""
    parts = [w.lower() for w in _WORD.findall(name)]
    if all(w in _NO_NAME for w in parts):
        return 0.0
    asked = set(_plain(question.text).split())
    new = [w for w in parts if w not in _NO_NAME and w not in asked and not _asked(stem(w), question)]
    return len(new) / max(1, sum(w not in _NO_NAME for w in parts))


def _measure(asked: str, said: str) -> float:
    """What a figure is worth for what it measures: a share, a rate or the things counted, if one is asked for."""
    rate, counted = _PER.search(said) is not None, _COUNTED.search(asked)
    if _SHARE.search(asked):
        return MEANT if _PERCENT.search(said) else 1.0
    if counted:
        return MEANT if stem(counted[1].lower()) in map(stem, words(said)) else 1.0
    if _RATE_ASKED.search(asked):
        return MEANT if rate else 1.0
    return 1.0 / MEANT if rate and not _PER.search(asked) else 1.0


def _unit(said: str) -> str:
    """The first word of a figure's unit."""
    return re.sub(r"^\D*[\d.,]+\s*", "", said).split(" ")[0]


def _asked(word: str, question: Question) -> bool:
    return any(word == term or near(word, term) for term in question.weight)


def _plain(text: str) -> str:
    return re.sub(r"[^\w\s.]", " ", text.lower())


def _tidy(said: str) -> str:
    before = ""
    while said != before:
        before, said = said, _BARE.sub("", said).strip(" ,.;:-")
    return said
