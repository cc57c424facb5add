"""When somebody lived, as reference works put it behind a name: "Mario Bava (31 July 1914 - 27 April 1980) was ...".

Such a sentence says when he was born and when he died, without those words.
"""

from __future__ import annotations

import re
from functools import lru_cache

from titans_cli.answers.lexicons import tables
from titans_cli.answers.quantities import MONTHS
from titans_cli.answers.words import stem

_MONTH = "|".join(m.capitalize() for m in sorted(MONTHS))
_DAY = rf"(?:\d{{1,2}} (?:{_MONTH}),? \d{{3,4}}|(?:{_MONTH}) \d{{1,2}},? \d{{3,4}}|\d{{3,4}})"
_ABOUT = r"(?:(?:c\.|after|before) )?"
# A name opens a line or the sentence, its words with capitals or short ones between them, and the parenthesis is behind
# it; what stands before the dates is another name, or that they are those of a birth.
_NAMED = r"\W*(?:[A-Z][^\s(),]*[ ,]+(?:[a-z]{1,3} )?){0,7}[A-Z][^\s(),]*"
_BEFORE = r"(?:[^()]{0,80}?[;,] |(?:born|b\.) )?"
_LIFE = re.compile(
    rf"^{_NAMED} ?\({_BEFORE}{_ABOUT}(?P<born>{_DAY}) ?[–—-] ?{_ABOUT}(?P<died>{_DAY})[^()]{{0,40}}\)", re.M
)


@lru_cache(maxsize=8_192)
def life_terms(text: str) -> frozenset[str]:
    """Stems of what a text says by the dates of a life, "born" and "died" among them; none of another text."""
    if "(" not in text or _LIFE.search(text) is None:
        return frozenset()
    forms = tables()["english"]["life"]
    return frozenset(map(stem, (*forms["born"], *forms["died"])))


def life_date(sentence: str, terms: frozenset[str]) -> str | None:
    """The day or year of the birth or of the death, whichever the `terms` of a question speak of; None of both."""
    match = _LIFE.search(sentence)
    if match is None:
        return None
    forms = tables()["english"]["life"]
    asked = [name for name in ("born", "died") if not terms.isdisjoint(map(stem, forms[name]))]
    return match[asked[0]] if len(asked) == 1 else None
