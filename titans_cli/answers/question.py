"""A question's terms, what each is worth in this session, where they stand, and what kind of answer is wanted."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from itertools import pairwise

from titans_cli.answers.background import background
from titans_cli.answers.dates import times_in
from titans_cli.answers.intent import asked, facts, language_of
from titans_cli.answers.quantities import YEAR, Quantity, quantities
from titans_cli.answers.words import ASKING, STOP_WORDS, stem, stems, words
from titans_cli.cards import surname
from titans_cli.store import Episodes

NEAR = 0.8  # what a near form of a word is worth
_HOW = re.compile(r"\bhow (?!do|does|did|is|are|was|were|can|could|should|many|much)\w+\b", re.I)  # "how fast"
_NAME = re.compile(r"(?<![.!?] )(?<!^)\b[A-Z][\w'’-]+(?: (?:(?:of|the|de|von|van|and) )?[A-Z][\w'’.-]+)*")
_WORD = re.compile(r"[\w'’-]+")


def content_words(question: str, closed: Collection[str] = STOP_WORDS) -> str:
    """The question without stop words; what it says about the form of the answer goes too, if anything else is left.

    `closed`: the words of its language that say nothing of the matter.
    """
    content = [w for w in words(_HOW.sub("how ", question)) if w not in STOP_WORDS and w not in closed]
    return " ".join([w for w in content if w not in ASKING] or content)


def _names(question: str, capitals: bool) -> set[str]:
    """The words that are written as names, in lower case: with a capital within the word, or of letters and digits, or
    with a capital within the sentence, where `capitals` make names; and the number after such a word ("PEP 441")."""
    tokens = _WORD.findall(question)
    names = [
        len(word) > 1
        and ((capitals and n > 0 and word[0].isupper()) or word[1:] != word[1:].lower() or _of_digits(word))
        for n, word in enumerate(tokens)
    ]
    return {w.lower() for n, w in enumerate(tokens) if names[n] or (n > 0 and names[n - 1] and w.isdigit())}


def _of_digits(word: str) -> bool:
    """Whether a word has digits and letters, as "Pal-47" has."""
    return any(c.isdigit() for c in word) and any(c.isalpha() for c in word)


def parts_of_word(word: str) -> list[str]:
    """The stems of a word; of one in parts ("meta-analysis") those of its parts, which may stand without the hyphen."""
    parts = stems(word)
    return [p for p in parts if "-" not in p] or parts


def term_of(word: str) -> str:
    """The stem that stands for a word: of one in parts that of the part that is rarest in general English; "" for a
    word that says nothing."""
    return min(parts_of_word(word), key=lambda p: background().share((p,)), default="")


SAME = 5  # letters that near stems begin with


def near(a: str, b: str) -> bool:
    """Whether two stems differ only in their ending: five letters in common, and seven tenths of the longer one."""
    least = max(SAME, math.ceil(0.7 * max(len(a), len(b))))
    return a[:least] == b[:least] and len(a) >= least and len(b) >= least


def among(term: str, terms: Collection[str]) -> bool:
    """Whether a stem is one of some, or near one."""
    return term in terms or any(near(term, t) for t in terms)


class Question:
    """A question's terms and what each is worth: rare words of the session weigh more, unknown ones most."""

    def __init__(self, text: str, episodes: Episodes) -> None:
        self.text = " ".join(text.split())
        self.asked = asked(self.text)
        self.kind = self.asked.kind
        self.years = [int(y) for y in YEAR.findall(self.text)]
        self._episodes = episodes
        self._word: dict[str, str] = {}  # of a term, as it stands in the question
        self.weight: dict[str, float] = {}
        self.bm25: dict[int, float] = {}  # of the blocks that hold any term: a sum, so nothing is asked twice
        total = max(1, sum(source.blocks_done for source in episodes.sources()))
        language = language_of(self.text)
        matter = facts(self.asked.language).species.sub(" ", self.text)
        found_words = content_words(matter, language.closed if language else ()).split()
        for word in dict.fromkeys(found_words):
            hits = episodes.search_blocks(word, total)
            for block, score in hits:
                self.bm25[block] = self.bm25.get(block, 0.0) + score
            # "Pal-47" is a name of its own and no 47; of "self-repair" one part stands for both
            whole = "-" in word and _of_digits(word)
            for part in [stem(word)] if whole else [term_of(word) or word]:
                if YEAR.fullmatch(part) and len(found_words) > len(self.years):
                    continue  # a source rarely repeats the year that is asked about: `at_the_time` looks for it
                self._word[part] = word
                self.weight[part] = math.log(1 + (total - len(hits) + 0.5) / (len(hits) + 0.5))
        written = {w for name in _names(self.text, language is None or language.capitals) for w in words(name)}
        self.names = {t for t in self.weight if self._word[t] in written}
        self._pairs = set(pairwise(words(self.text)))

    def as_written(self, term: str) -> str:
        """A term of the question as it stands there, in lower case."""
        return self._word[term]

    def sources_of(self, term: str) -> set[int]:
        """The documents that have a term of the question, by the index."""
        return self._episodes.sources_with(self._word[term])

    def authors_of(self, ids: Collection[int]) -> dict[int, str]:
        """The family names of those who wrote each of these documents, where its card says any."""
        return {i: " ".join(map(surname, names)) for i, names in self._episodes.authors(ids).items()}

    def files_of(self, ids: Collection[int]) -> dict[int, str]:
        """The words of the names of these documents' files."""
        return {s.id: re.sub(r"[\W_]+", " ", s.name) for s in self._episodes.sources() if s.id in ids}

    def covered(self, terms: Collection[str], but: Collection[str] = ()) -> float:
        """Share of the question's information in a set of stems; a near form ("optimal", "optimum") counts in part.

        `but`: of what of it is not among these.
        """
        heads = {f[:SAME] for f in terms}  # most terms are near to nothing, and this says so at once
        here = total = 0.0
        for term, weight in self.weight.items():
            if term in but:
                continue
            total += weight
            if term in terms:
                here += weight
            elif term[:SAME] in heads and any(near(term, f) for f in terms):
                here += weight * NEAR
        return here / total if total else 0.0

    def covers_all(self, terms: Collection[str]) -> bool:
        """Whether every one of some stems is a term of the question, or near one."""
        return all(among(t, self.weight) for t in terms)

    def pairs(self, text: str) -> float:
        """Share of the question's pairs of neighbouring words, stop words too, that a text holds."""
        return len(self._pairs & set(pairwise(words(text)))) / max(1, len(self._pairs))

    def wanted(self, text: str) -> float:
        """How much a text has of the kind that is asked for and that the question does not hold itself, 0 to 1."""
        if self.kind == "when":
            values = [*YEAR.findall(text), *times_in(text)]
        elif self.kind == "number":
            values = [text[q.start : q.end] for q in quantities(text) if not q.year]
        elif self.kind in ("who", "where", "name"):
            values = _NAME.findall(text)
        else:
            return 0.0
        question = self.text.lower()
        new = {f for f in values if f.lower() not in question}
        return min(1.0, len(new) / 2)

    def lacks(self, text: str) -> bool:
        """Whether a text has no figure, time or name at all, of a question how many, when, who or where.

        Nor has one a figure that speaks of the things asked for, and in which every figure counts others: it would
        say how many of them there are beside their name ("students produce 2-3 design reports").
        """
        if self.kind in ("number", "when", "who", "where") and self.wanted(text) == 0:
            return True
        if self.asked.counts is None or self.asked.counts not in stems(text):
            return False
        return all(q.year or q.counts_others(self.asked) or self._stands_for(q, text) for q in quantities(text))

    def _stands_for(self, q: Quantity, text: str) -> bool:
        """Whether a figure is the "one" that stands for something said before (Quirk et al. 6.52-6.56)."""
        return text[q.start : q.end].lower() == "one" and not q.counted(self.asked)

    @property
    def has_a_measure(self) -> bool:
        """Whether it asks for a figure, and says of what: what is counted, or a measure whose units are known."""
        return self.kind == "number" and (self.asked.counts is not None or self.asked.measure not in ("", "count"))

    @property
    def class_of(self) -> str | None:
        """The stem of the kind of thing that is asked for or counted, "vaccine" of "which vaccine", if it says one."""
        return self.asked.counts or next(iter(stems(self.asked.of_kind)), None)

    def measured(self, text: str) -> bool:
        """Whether a text has a figure that measures what is asked for, or counts it, and is not the question's own."""
        question = self.text.lower()
        return any(q.measures(self.asked) and text[q.start : q.end].lower() not in question for q in quantities(text))

    def speaks_of_it(self, text: str) -> bool:
        """Whether a text speaks of what is asked of the matter, its cost or weight; True for any other question."""
        speaks = facts(self.asked.language).speaks.get(self.asked.measure)
        return speaks is None or speaks.search(text) is not None or self.measured(text)

    def is_of_others(self, terms: set[str] | frozenset[str]) -> bool:
        """Whether the question names somebody or something, and not one of its names is among these stems."""
        return bool(self.names) and not any(among(t, terms) for t in self.names)

    def adds(self, text: str) -> int:
        """How many words of a text, stop words apart, the question does not hold: a bare title adds none."""
        asked = set(stems(self.text))
        return sum(not among(s, asked) for s in set(stems(text)))

    def at_the_time(self, text: str) -> float:
        """How near the years in a text come to the question's; 0 when the question names none."""
        here = [int(y) for y in YEAR.findall(text)]
        if not self.years or not here:
            return 0.0
        return sum(1 / (1 + min(abs(y - h) for h in here)) for y in self.years) / len(self.years)
