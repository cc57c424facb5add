"""Figures and dates in a sentence: what they measure, and whether that is what a question asks for."""

from __future__ import annotations

import re
from typing import NamedTuple

from titans_cli.answers.intent import TextQuestion, facts
from titans_cli.answers.words import STOP_WORDS, stem, words

YEAR = re.compile(r"(?<!\d)(1[0-9]\d\d|20\d\d)(?!\d)")
_MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
MONTHS = frozenset(_MONTH[3:-1].lower().split("|"))
DATE = re.compile(
    rf"\b(?:\d{{1,2}} {_MONTH},? \d{{4}}|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}|{_MONTH} \d{{4}}"
    r"|(?:the )?(?:early |mid-?|late )?(?:1[0-9]|20)\d0s|(?:1[0-9]|20)\d\d[/–-]\d{2}"
    r"|(?:the )?(?:early |mid-?|late )?\d{1,2}(?:st|nd|rd|th) century|1[0-9]\d\d|20\d\d)\b"
)
_SPELLED = (
    r"one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen"
    r"|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|half|twice"
)
_DIGITS = r"\d[\d.,:]*\d|\d"
_SCALE = r"(?: (?:million|billion|trillion|thousand|hundred))?"
# A number, a span of numbers ("20-25", "30 ms to 40 ms" is two), with what stands before it that belongs to it.
_NUMBER = re.compile(
    rf"(?<![\w.,:/^_])(?P<sign>[$£€¥])?"
    rf"(?P<number>(?:{_DIGITS})(?: ?[–-] ?(?:{_DIGITS}))?|(?:{_SPELLED})(?:-(?:{_SPELLED}))?\b)"
    rf"(?P<scale>{_SCALE})(?=(?P<more>(?:[ -]?(?!\d)[^\s,;:.()]+){{0,5}}))",
    re.I,
)
_LABEL = re.compile(
    r"\b(?:fig(?:ure|s)?|table|section|chapter|eq(?:uation)?|appendix|page|step|version|ref|volume|vol|no)\.? ?$|\[$",
    re.I,
)
_RATE = re.compile(r"^\W*(?:times )?[^\s]*(?: ?/ ?| per | a |-per-)[^\W\d]|^\W*[^\W\d]+/[^\W\d]+|^\W*[kMG]?Hz\b", re.I)
# Between two numbers that are one figure: "1 in 1 million people", "20 to 25 percent", but not "from 20 to 25 percent".
_OF_SO_MANY = re.compile(r" (?:in|(?:out )?of) (?:every |each )?", re.I)
_UP_TO, _FROM = re.compile(r" to ", re.I), re.compile(r"\bfrom (?:\w+ )?$", re.I)
_SIDE_BY_SIDE = re.compile(r"[ -]?([\w'’]+)")
_ORDINAL = re.compile(r"^(?:st|nd|rd|th)\b")


class Quantity(NamedTuple):
    """`start`, `end`: of the figure in its sentence; `after`: the few words that follow it."""

    start: int
    end: int
    sign: str
    after: str
    year: bool = False  # it may be a year

    @property
    def is_rate(self) -> bool:
        return _RATE.search(self.after) is not None

    def counted(self, asked: TextQuestion) -> int:
        """How many characters after the figure the things end that are counted; 0 when it does not count them."""
        if (head := asked.counts) is None:
            return 0
        for n, word in enumerate(re.finditer(r"[\w'’]+", self.after)):
            if self.year and n > 1:
                break
            if stem(word.group().lower()) == head:
                uncounted = facts(asked.language).mass.search(asked.text)  # has no plural to end with
                return phrase_end(self.after, word.start()) if uncounted else word.end()
        return 0

    def counts_others(self, asked: TextQuestion) -> bool:
        """Whether it counts other things than those that are asked for: a plural that its noun phrase ends with."""
        start = re.match(r"[ -]*", self.after)
        end = phrase_end(self.after, start.end() if start else 0)
        last = words(self.after[:end])[-1:]
        return bool(last) and _is_plural(last[0]) and stem(last[0]) != asked.counts

    def measures(self, asked: TextQuestion) -> bool:
        """Whether it measures what is asked for: counts the things, or has a unit of the kind."""
        after = self.after
        match asked.measure:
            case "":
                return False
            case "count":
                return bool(self.counted(asked))
            case _ if self.year:
                return False
            case "rate":
                return self.is_rate
            case "frequency":
                return facts(asked.language).units["frequency"].search(after) is not None
            case _ if self.is_rate:
                return False
        known = facts(asked.language).units
        units = [known[m] for m in asked.measure.split("|") if m in known]
        return any(u.search(after) or (self.sign and u.search(self.sign)) for u in units)


def phrase_end(text: str, start: int) -> int:
    """Where the noun phrase ends that begins at `start`, by the words that stand side by side up to one of a closed
    class or a mark of punctuation.

    The head of an English noun phrase is its last noun, and a text may name a thing by more words than a question: cut
    short, "35 kg of carbon dioxide" would be another thing. Which open word is a verb is not known here, so that the
    end may come too late and not too early, except that a plural is a head unless another follows it.
    """
    end = start
    plural = False
    for word in _SIDE_BY_SIDE.finditer(text, start):
        lowered = word[1].lower()
        ends = _is_plural(lowered)
        if word.start() != end or lowered in STOP_WORDS or (plural and not ends):
            break
        end, plural = word.end(), ends
    return end


def _is_plural(word: str) -> bool:
    return stem(word) != word and word.endswith("s") and not word.endswith("ss")


def quantities(sentence: str) -> list[Quantity]:
    """Every figure of a sentence, without numbers of figures and tables, and ordinals."""
    figures = list[Quantity]()
    for m in _NUMBER.finditer(sentence):
        if _LABEL.search(sentence[: m.start()]) or _ORDINAL.search(m["more"]):
            continue
        year = YEAR.fullmatch(m["number"]) is not None and not m["scale"]
        before = figures[-1] if figures else None
        if before is not None and not (year or before.year) and _are_one(sentence, before, m.start()):
            figures[-1] = before._replace(end=m.end("scale"), after=m["more"])
            continue
        figures.append(Quantity(m.start(), m.end("scale"), m["sign"] or "", m["more"], year))
    return figures


def _are_one(sentence: str, before: Quantity, start: int) -> bool:
    """Whether a figure and the number that begins at `start` are one, by what stands between them."""
    if _OF_SO_MANY.fullmatch(sentence, before.end, start):
        return True
    return bool(_UP_TO.fullmatch(sentence, before.end, start)) and not _FROM.search(sentence[: before.start])
