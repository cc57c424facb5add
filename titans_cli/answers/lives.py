"""When somebody lived, as reference works put it behind a name: "Mario Bava (31 July 1914 - 27 April 1980) was ...".

Such a sentence says when he was born and when he died, without those words.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from titans_cli.answers.lexicons import tables
from titans_cli.answers.quantities import MONTHS
from titans_cli.answers.words import stem

_MONTH = "|".join(m.capitalize() for m in sorted(MONTHS))
_DAY = rf"(?:\d{{1,2}} (?:{_MONTH}),? \d{{3,4}}|(?:{_MONTH}) \d{{1,2}},? \d{{3,4}}|\d{{3,4}})"
# A name opens a line or the sentence, its words with capitals or short ones between them.
_NAMED = r"\W*(?:[A-Z][^\s(),]*[ ,]+(?:[a-z]{1,3} )?){0,7}[A-Z][^\s(),]*"


@cache
def _life() -> re.Pattern[str]:
    """The parenthesis behind a name; what stands before its dates is another name, or that they begin with a birth."""
    forms = tables()["english"]["life"]
    before, about = rf"(?:[^()]{{0,80}}?[;,] |(?:{forms['marks_birth']}) )?", rf"(?:(?:{forms['about']}) )?"
    dates = rf"{about}(?P<born>{_DAY}) ?[–—-] ?{about}(?P<died>{_DAY})"
    return re.compile(rf"^{_NAMED} ?\({before}{dates}[^()]{{0,40}}\)", re.M)


@cache
def _asked_by() -> dict[str, frozenset[str]]:
    """The stems by which a birth, and a death, is asked for."""
    forms = tables()["english"]["life"]
    return {name: frozenset(map(stem, forms[name])) for name in ("born", "died")}


@lru_cache(maxsize=8_192)
def life_terms(text: str) -> frozenset[str]:
    """Stems of what a text says by the dates of a life, "born" and "died" among them; none of another text."""
    if "(" not in text or _life().search(text) is None:
        return frozenset()
    return frozenset().union(*_asked_by().values())


def life_date(sentence: str, terms: frozenset[str]) -> str | None:
    """The day or year of the birth or of the death, whichever the `terms` of a question speak of; None of both."""
    match = _life().search(sentence)
    asked = [name for name, stems in _asked_by().items() if not terms.isdisjoint(stems)]
    return match[asked[0]] if match is not None and len(asked) == 1 else None
