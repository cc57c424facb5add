"""A question's terms, what each is worth in this session, where they stand, and what kind of answer is wanted."""

from __future__ import annotations

import math
import re
from itertools import pairwise

from titans_cli.answers.words import ASKING, STOP_WORDS, stem, stems, words
from titans_cli.store import Episodes

NEAR = 0.8  # what a near form of a word is worth
_HOW = re.compile(r"\bhow (?!do|does|did|is|are|was|were|can|could|should|many|much)\w+\b", re.I)  # "how fast"
_COUNTING = re.compile(
    r"^(how (many|much|long|far|fast|old|high|large)|when|(in )?(what|which) (year|date|number|share|percent))", re.I
)
_SAYS = re.compile(r"^(?:\w+ ){0,3}?([\w.-]+) (?:is|are|was|were|provides|allows|computes|offers|aims|helps)\b")
_KINDS = (  # of the answer wanted; the first that fits
    ("when", r"\bwhen\b|\b(what|which) (year|date|day|month|century|decade)\b"),
    ("number", r"\bhow (many|much|long|far|fast|old|high|large|tall|deep|often|heavy|big|wide|strong|quickly)\b"),
    (
        "number",
        r"\b(what|which) (?!do(?:es)?\b|did\b)((is|are|was|were) )?((the|its|their) )?(\w+ ){0,3}"
        r"(number|share|percent\w*|ratio|density|rate|weight|speed|price|cost|population|volume|length|height|depth|"
        r"size|amount|temperature|optimum|salinity|strength|loss|frequency|accuracy|score|distance|area|age|mean|average)\b",
    ),
    ("number", r"\bwhat (does|do|did) .+ (weigh|cost|measure)\b"),
    ("who", r"\bwho\b|\bwhose\b|\bwhom\b"),
    ("where", r"\bwhere\b|\b(what|which) (country|city|place|town|state|capital)\b"),
    ("name", r"\b(what|which) (was|is|were|are) the name\b|\bwhich\b"),
)
_LEAD = re.compile(r"\W*(?:(?:in|at|on|by|from|to|for|of|since) )?(?:what|which|who\w*|when|where|why|how)\b", re.I)
_LATER = re.compile(r"\b(?:who|whom|whose|when|where)\b", re.I)
# What a sentence has to speak of when a question asks what something costs or weighs: words of it, or its unit.
_ATTRIBUTE = re.compile(r"\b(?:what|how much) (?:does|do|did) .+ (cost|weigh)\b", re.I)
_SPEAKS_OF = {
    "cost": re.compile(r"[$£€¥]|\b(?:cost|price|paid|pays?|spent|expens|dollar|euro)", re.I),
    "weigh": re.compile(
        r"\b(?:weigh|mass)|\d\s*(?:k?g|mg|t|lb|oz|tons?|tonnes?|(?:kilo|milli)?grams?|pounds?)\b", re.I
    ),
}
YEAR = re.compile(r"(?<!\d)(1[0-9]\d\d|20\d\d)(?!\d)")
_NAME = re.compile(r"(?<![.!?] )(?<!^)\b[A-Z][\w'’-]+(?: (?:(?:of|the|de|von|van|and) )?[A-Z][\w'’.-]+)*")
_NUMBER = re.compile(r"\d[\d.,:]*\d|\d")
_WORD = re.compile(r"[\w'’-]+")
_SPELLED = re.compile(
    r"\b(one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|sixty|"
    r"hundred|thousand|million|half|twice)\b",
    re.I,
)


def content_words(question: str) -> str:
    """The question without stop words; what it says about the form of the answer goes too, if anything else is left."""
    found = [w for w in words(_HOW.sub("how ", question)) if w not in STOP_WORDS]
    return " ".join([w for w in found if w not in ASKING] or found)


def _names(question: str) -> set[str]:
    """Stems of the words that are written as names: with a capital within the sentence, or of letters and digits."""
    found = _WORD.findall(question)
    return {
        stem(word.lower())
        for n, word in enumerate(found)
        if len(word) > 1 and ((n > 0 and word[0].isupper()) or _of_digits(word))
    }


def _of_digits(word: str) -> bool:
    """Whether a word has digits and letters, as "Pal-47" has."""
    return any(c.isdigit() for c in word) and any(c.isalpha() for c in word)


SAME = 5  # letters that near stems begin with


def near(a: str, b: str) -> bool:
    """Whether two stems differ only in their ending: five letters in common, and seven tenths of the longer one."""
    least = max(SAME, math.ceil(0.7 * max(len(a), len(b))))
    return a[:least] == b[:least] and len(a) >= least and len(b) >= least


def kind_of(question: str) -> str:
    if lead := _LEAD.match(question):  # "What do they do when ...?" does not ask when
        question = question[: lead.end()] + _LATER.sub(" ", question[lead.end() :])
    return next((kind for kind, pattern in _KINDS if re.search(pattern, question, re.I)), "what")


class Question:
    """A question's terms and what each is worth: rare words of the session weigh more, unknown ones most."""

    def __init__(self, text: str, episodes: Episodes) -> None:
        self.text = " ".join(text.split())
        self.kind = kind_of(self.text)
        self.asks_what = self.text.lower().startswith("what ")
        self.wants_number = self.kind in ("when", "number") or bool(_COUNTING.match(self.text))
        self.years = [int(y) for y in YEAR.findall(self.text)]
        attribute = _ATTRIBUTE.search(self.text)
        self._attribute = _SPEAKS_OF[attribute[1].lower()] if attribute else None
        self.weight: dict[str, float] = {}
        self.bm25: dict[
            int, float
        ] = {}  # of the blocks that hold any term: a sum over terms, so nothing is asked twice
        total = max(1, sum(source.blocks_done for source in episodes.sources()))
        found_words = content_words(self.text).split()
        for word in dict.fromkeys(found_words):
            found = episodes.search_blocks(word, total)
            for block, score in found:
                self.bm25[block] = self.bm25.get(block, 0.0) + score
            # "Pal-47" is a name of its own and no 47; of "self-repair" one part stands for both
            whole = "-" in word and _of_digits(word)
            for part in [stem(word)] if whole else stems(word)[:1] or [word]:
                if YEAR.fullmatch(part) and len(found_words) > len(self.years):
                    continue  # a source rarely repeats the year that is asked about: `at_the_time` looks for it
                self.weight[part] = math.log(1 + (total - len(found) + 0.5) / (len(found) + 0.5))
        self.total = sum(self.weight.values())
        self.names = {t for t in _names(self.text) if t in self.weight}
        self._pairs = set(pairwise(words(self.text)))

    def defines(self, text: str) -> bool:
        """Whether the sentence says what something asked for is or does, for a question that asks that."""
        says = _SAYS.search(text) if self.asks_what else None
        return says is not None and any(near(stem(says[1].lower()), term) for term in self.weight)

    def covered(self, found: set[str]) -> float:
        """Share of the question's information in a set of stems; a near form ("optimal", "optimum") counts in part."""
        if not self.total:
            return 0.0
        heads = {f[:SAME] for f in found}  # most terms are near to nothing, and this says so at once
        here = 0.0
        for term, weight in self.weight.items():
            if term in found:
                here += weight
            elif term[:SAME] in heads and any(near(term, f) for f in found):
                here += weight * NEAR
        return here / self.total

    def pairs(self, text: str) -> float:
        """Share of the question's pairs of neighbouring words, stop words too, that a text holds."""
        return len(self._pairs & set(pairwise(words(text)))) / max(1, len(self._pairs))

    def wanted(self, text: str) -> float:
        """How much a text has of the kind that is asked for and that the question does not hold itself, 0 to 1."""
        asked = self.text.lower()
        if self.kind == "when":
            found = YEAR.findall(text)
        elif self.kind == "number":
            found = _NUMBER.findall(YEAR.sub(" ", text)) + _SPELLED.findall(text)
        elif self.kind in ("who", "where", "name"):
            found = _NAME.findall(text)
        else:
            return 0.0
        new = {f for f in found if f.lower() not in asked}
        return min(1.0, len(new) / 2)

    def speaks_of_it(self, text: str) -> bool:
        """Whether a text speaks of what is asked of the matter, its cost or weight; True for any other question."""
        return self._attribute is None or self._attribute.search(text) is not None

    def is_of_others(self, found: set[str] | frozenset[str]) -> bool:
        """Whether the question names somebody or something, and not one of its names is among these stems."""
        return bool(self.names) and not any(t in found or any(near(t, f) for f in found) for t in self.names)

    def adds(self, text: str) -> int:
        """How many words of a text, stop words apart, the question does not hold: a bare title adds none."""
        asked = set(stems(self.text))
        return sum(s not in asked and not any(near(s, a) for a in asked) for s in set(stems(text)))

    def at_the_time(self, text: str) -> float:
        """How near the years in a text come to the question's; 0 when the question names none."""
        here = [int(y) for y in YEAR.findall(text)]
        if not self.years or not here:
            return 0.0
        return sum(1 / (1 + min(abs(y - h) for h in here)) for y in self.years) / len(self.years)
