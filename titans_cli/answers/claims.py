"""Whether a sentence is supported by the texts it cites: one definition, for every answer that a model writes.

Every name, number, date and denial of the sentence has to stand in what it cites, and most of its words. That is less
than proof (two names can change places), and it is what can be checked without another model: nothing that stands in no
source passes.

Unusual choices:

- What is a name is decided by how words are written, not by lists: with a capital within a sentence. The word that
  opens a sentence is a name unless the texts at hand have it in lower case, too, or it is one of the closed class of
  function words. Names that stand side by side have to stand so in the text.
- A denial is compared word by word: what lies within its reach in one may not lie outside it in the other.
- The quote is the shortest run of sentences that supports the claim by itself, so that a reader can check it.

What it cannot see: names in scripts without capitals, and in sentences written in lower case throughout.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from titans_cli.answers.words import STOP_WORDS, stem, stems
from titans_cli.sentences import sentence_spans

LEAST_COVERED = 0.5  # of a claim's words, by what it cites (benchmarks/claims.py, 2026-11-27: docs/log.md)
LONGEST_QUOTE = 4  # sentences, before all of the text is quoted
_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_ENDING = re.compile(r"['’]s?$|(?<=[A-Z])s$")  # possessives, and the plural of what is written in capitals
_WORD_OR_FIGURE = re.compile(r"(?P<figure>\d+(?:[.,:]\d+)*)|[^\W\d_]+|[.;]")
LONGEST_FIGURE = 24  # characters; a longer one is an identifier, and compared as it is written
_GROUPED = re.compile(r"(?<=\d)[,\u00a0\u2009\u202f](?=\d{3}(?!\d))")
_OPENS = re.compile(r"[.!?:;][\"'”’)\]]*\s+[\"'“‘(\[]*$|[\"“‘(\[]$")  # before a word: one that may be written large
_BREAK = re.compile(r"[,;:.!?()\[\]\"“”—–]")
# The closed classes of English that negate (Huddleston & Pullum, The Cambridge Grammar of the English Language, 2002,
# ch. 9, sections 1-3: verbal and non-verbal negators, and the approximate ones that work alike).
_NEGATORS = frozenset(
    "no not never neither nor none nobody nothing nowhere cannot without hardly scarcely barely seldom rarely".split()
)
_EVEN_SO = frozenset("only merely just least".split())  # "not only": no denial
_BEYOND = frozenset("and but although though yet however whereas".split())  # where a denial's reach ends
# English numerals and their values; "one" is left out: it mostly is a pronoun.
_ONES = (
    "zero _ two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen".split()
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()
_NUMERALS = {
    **{w: n for n, w in enumerate(_ONES) if w != "_"},
    **{w: 10 * n for n, w in enumerate(_TENS, start=2)},
    **{w: n for n, w in enumerate(_ORDINALS, start=1)},
}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_MONTHS = {name.lower(): n for names in (calendar.month_name, calendar.month_abbr) for n, name in enumerate(names) if n}
_MONTH = rf"(?P<month>{'|'.join(sorted((m.capitalize() for m in _MONTHS), key=len, reverse=True))})\b\.?"
_DATES = (
    re.compile(rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? {_MONTH}(?:,? (?P<year>\d{{4}}))?\b"),
    re.compile(rf"\b{_MONTH} (?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?!\d)(?:,? (?P<year>\d{{4}}))?"),
    re.compile(rf"\b{_MONTH},? (?P<year>\d{{4}})\b(?P<day>)"),
    re.compile(r"\b(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})\b"),
)


class Date(NamedTuple):
    """Parts that are not said are 0."""

    year: int
    month: int
    day: int


class _Token(NamedTuple):
    text: str  # without the ending of a possessive or of the plural of an abbreviation
    start: int
    end: int
    opens: bool  # a sentence or a quotation: its capital says nothing
    follows: bool  # nothing but a space, a hyphen or the point of an initial stands between the last one and this

    @property
    def large(self) -> bool:
        return any(ch.isupper() for ch in self.text)


@dataclass(frozen=True)
class ParsedText:
    """What a text says, taken apart when it is asked for."""

    text: str

    @cached_property
    def tokens(self) -> tuple[_Token, ...]:
        return tuple(_tokens(self.text))

    @cached_property
    def forms(self) -> frozenset[str]:
        """Every word, as it is written."""
        return frozenset(t.text for t in self.tokens)

    @cached_property
    def small(self) -> frozenset[str]:
        """The words that are written in lower case somewhere."""
        return frozenset(f for f in self.forms if f == f.lower())

    @cached_property
    def folded(self) -> str:
        """All words in lower case, one space between them and around them; a break stands where no name goes on."""
        return " " + " ".join(f"{'' if t.follows else '| '}{t.text.casefold()}" for t in self.tokens) + " "

    @cached_property
    def runs(self) -> tuple[tuple[str, ...], ...]:
        """Words with capitals that stand side by side, in lower case."""
        return tuple(tuple(t.text.casefold() for t in run) for run in _runs(self.tokens))

    @cached_property
    def numbers(self) -> dict[str, str]:
        """Every number by its value, as it is written."""
        return dict(_numbers(self.text))

    @cached_property
    def dates(self) -> tuple[tuple[Date, str], ...]:
        return tuple(dates_in(self.text))

    @cached_property
    def stems(self) -> frozenset[str]:
        return frozenset(stems(self.text))

    @cached_property
    def sentences(self) -> tuple[ParsedText, ...]:
        return tuple(ParsedText(self.text[a:b]) for a, b in sentence_spans(self.text))

    @cached_property
    def denied(self) -> frozenset[str] | None:
        """Of a sentence, the stems within reach of a negator; None without one."""
        return _denied(self)


@dataclass(frozen=True)
class Claim:
    """A sentence to be checked. `small`: words that texts at hand, cited or not, write in lower case."""

    parsed: ParsedText
    small: frozenset[str] = field(default=frozenset())

    @classmethod
    def of(cls, sentence: str, texts: Sequence[str] = ()) -> Claim:
        return cls(ParsedText(sentence), frozenset[str]().union(*(ParsedText(t).small for t in texts)))

    def fault(self, texts: Sequence[str]) -> str:
        """What is wrong with the claim if it cites these texts; empty if nothing is."""
        theirs = ParsedText("\n\n".join(texts))
        missing = [*self._names_not_in(theirs), *self._dates_not_in(theirs), *self._numbers_not_in(theirs)]
        if missing:
            return f"what it cites does not say {', '.join(dict.fromkeys(missing))}"
        mine = self.parsed.stems
        if mine and len(mine & theirs.stems) < LEAST_COVERED * len(mine):
            return "what it cites speaks of other things"
        return "one denies what the other says" if self._denies_otherwise(theirs) else ""

    def quote(self, text: str) -> tuple[int, int] | None:
        """The span of the shortest run of sentences of `text` that supports the claim, or None if none does."""
        if self.fault([text]):
            return None
        spans = sentence_spans(text)
        for size in range(1, min(LONGEST_QUOTE, len(spans)) + 1):
            runs = [(spans[i][0], spans[i + size - 1][1]) for i in range(len(spans) - size + 1)]
            good = [(a, b) for a, b in runs if not self.fault([text[a:b]])]
            if good:
                return max(good, key=lambda s: (len(self.parsed.stems & ParsedText(text[slice(*s)]).stems), -s[0]))
        return spans[0][0], spans[-1][1]

    # ------------------------------------------------------------ what has to stand

    def _names_not_in(self, theirs: ParsedText) -> Iterator[str]:
        for run in _runs(self.parsed.tokens):
            names = run[1:] if run[0].opens and self._is_common(run[0], theirs) else run
            folded = tuple(t.text.casefold() for t in names)
            if names and not _stands(folded, [t.text for t in names], theirs):
                yield self.parsed.text[names[0].start : names[-1].end]

    def _is_common(self, token: _Token, theirs: ParsedText) -> bool:
        """Whether a word that opens a sentence would be written in lower case within one."""
        low = token.text.lower()
        return (
            low in STOP_WORDS
            or low in theirs.small
            or low in self.small
            or stem(low) in {stem(w) for w in theirs.small | self.small}
        )

    def _numbers_not_in(self, theirs: ParsedText) -> Iterator[str]:
        dated = {str(part) for date, _ in self.parsed.dates for part in date}  # checked as dates
        for value, written in self.parsed.numbers.items():
            if value not in theirs.numbers and value not in dated:
                yield written

    def _dates_not_in(self, theirs: ParsedText) -> Iterator[str]:
        for date, written in self.parsed.dates:
            if not any(_agree(date, other, theirs.numbers) for other, _ in theirs.dates):
                yield written

    def _denies_otherwise(self, theirs: ParsedText) -> bool:
        """Whether a word is denied in one and not in the other, by the sentences that speak most of the claim."""
        shared = [(len(self.parsed.stems & s.stems), s) for s in theirs.sentences]
        most = max((n for n, _ in shared), default=0)
        near = [s for n, s in shared if n and 2 * n >= most]
        mine = _denied(self.parsed)
        if mine is not None and all(s.denied is None for s in near):
            return True
        for word in self.parsed.stems:
            ways = {word in (s.denied or ()) for s in near if word in s.stems}
            if ways and (word in (mine or ())) not in ways:
                return True
        return False


def fault(claim: str, texts: Sequence[str], shown: Sequence[str] = ()) -> str:
    """What is wrong with a claim that cites these texts, of all that were `shown`; empty if nothing is."""
    return Claim.of(claim, shown).fault(texts)


# ---------------------------------------------------------------- names


def _tokens(text: str) -> Iterator[_Token]:
    last = 0
    for match in _TOKEN.finditer(text):
        between = text[last : match.start()]
        initial = (
            between in (". ", ".") and last and text[last - 1].isupper() and not text[last - 2 : last - 1].isalpha()
        )
        opens = not last or (bool(_OPENS.search(between)) and not initial) or "\n" in between
        yield _Token(
            _ENDING.sub("", match[0]), match.start(), match.end(), opens, between in (" ", "-", "\n") or bool(initial)
        )
        last = match.end()


def _runs(tokens: Sequence[_Token]) -> Iterator[list[_Token]]:
    """Tokens with capitals that stand side by side; "I" is none."""
    run: list[_Token] = []
    for token in tokens:
        if run and not (token.large and token.follows and not token.opens):
            yield run
            run = []
        if token.large and token.text != "I":
            run.append(token)
    if run:
        yield run


def _stands(name: tuple[str, ...], written: Sequence[str], theirs: ParsedText) -> bool:
    """Whether a text has this name: its words side by side, or one after the other among words with capitals."""
    if len(name) > 1 and f" {' '.join(name)} " in theirs.folded:
        return True
    if any(_within(name, run) for run in theirs.runs):
        return True
    # a word of letters and digits is the same in any case; what a text shouts is no other name
    return len(name) == 1 and any(ch.isdigit() for ch in written[0]) and f" {name[0]} " in theirs.folded


def _within(name: Sequence[str], run: Sequence[str]) -> bool:
    rest = iter(run)
    return all(word in rest for word in name)


# ---------------------------------------------------------------- numbers and dates


def _numbers(text: str) -> Iterator[tuple[str, str]]:
    """(value, as written) of every number: "1,250", "1250" and "twelve hundred and fifty" have one value.

    What is no decimal number ("10:30", "1.2.3") is its own value.
    """
    run: list[tuple[Decimal, str]] = []
    for match in _WORD_OR_FIGURE.finditer(_GROUPED.sub("", text) + " ."):
        word = match[0].lower()
        value = _value(word) if match["figure"] else _NUMERALS.get(word, _SCALES.get(word))
        if value is not None:
            run.append((Decimal(value), word))
        elif match["figure"]:
            yield word, word
        elif not (run and word == "and"):
            yield from _composed(run)
            run = []


def _value(figure: str) -> Decimal | None:
    if ":" in figure or len(re.findall("[.,]", figure)) > 1 or len(figure) > LONGEST_FIGURE:
        return None
    return Decimal(figure.replace(",", "."))


def _composed(run: Sequence[tuple[Decimal, str]]) -> Iterator[tuple[str, str]]:
    """The numbers of words and figures in a row: "two hundred and six" is one, "in 1931 two" are two."""
    value, written = None, list[str]()
    for number, word in run:
        if value is None:
            value, written = number, [word]
        elif word in _SCALES:
            value, written = _scaled(value, number), [*written, word]
        elif not word[0].isdigit() and not written[-1][0].isdigit() and _fits(value, number):
            value, written = value + number, [*written, word]
        else:
            yield _key(value), " ".join(written)
            value, written = number, [word]
    if value is not None:
        yield _key(value), " ".join(written)


def _fits(value: Decimal, number: Decimal) -> bool:
    """Whether a numeral goes on: "twenty" with "five", "hundred" with "six"."""
    return value >= 20 and number > 0 and value % (10 ** len(str(int(number)))) == 0


def _scaled(value: Decimal, scale: Decimal) -> Decimal:
    """ "two hundred" times a thousand; of "three thousand two hundred" only the two are hundreds."""
    low = value % 1000 if scale == 100 and value >= 1000 else value
    return value - low + low * scale


def _key(value: Decimal) -> str:
    plain = f"{value:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def dates_in(text: str) -> Iterator[tuple[Date, str]]:
    """Every date of a text, and as it is written."""
    taken: list[tuple[int, int]] = []
    for pattern in _DATES:
        for match in pattern.finditer(text):
            if any(match.start() < b and a < match.end() for a, b in taken):
                continue
            month = match["month"]
            number = int(month) if month.isdigit() else _MONTHS[month.lower()]
            taken.append(match.span())
            yield Date(int(match["year"] or 0), number, int(match["day"] or 0)), match[0]


def _agree(date: Date, other: Date, numbers: dict[str, str]) -> bool:
    """Whether a text that gives the `other` date says this one; a year may stand elsewhere in it."""
    if date.month != other.month or (date.day and date.day != other.day):
        return False
    return not date.year or date.year == other.year or (not other.year and str(date.year) in numbers)


# ---------------------------------------------------------------- denials


def _denied(parsed: ParsedText) -> frozenset[str] | None:
    """The stems within reach of a negator: what follows it up to a break; before it, if nothing follows."""
    tokens, reach, any_negator = parsed.tokens, set[str](), False
    breaks = [
        0,
        *(n for n, (a, b) in enumerate(pairwise(tokens), start=1) if _BREAK.search(parsed.text[a.end : b.start])),
    ]
    breaks += [n for n, t in enumerate(tokens) if t.text.lower() in _BEYOND] + [len(tokens)]
    breaks = sorted(set(breaks))
    for a, b in pairwise(breaks):
        clause = [t.text for t in tokens[a:b]]
        for n, word in enumerate(clause):
            low = word.lower().replace("’", "'")
            if not (low in _NEGATORS or low.endswith("n't")) or (clause[n + 1 : n + 2] or [""])[0].lower() in _EVEN_SO:
                continue
            any_negator = True
            after = stems(" ".join(clause[n + 1 :]))
            reach.update(after or stems(" ".join(clause[:n])))
    return frozenset(reach) if any_negator else None
