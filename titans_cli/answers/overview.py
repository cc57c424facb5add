"""Which questions are about the whole of a session, and of which kind."""

from __future__ import annotations

import re

from titans_cli.answers.words import ASKING, STOP_WORDS, words

_OVERVIEW = re.compile(
    r"\b(main|key|central|common|recurring|major) (themes?|topics?|points?|findings|ideas)\b"
    r"|\b(?:have|has) in common\b"
    r"|\btrends?\b|\boverview\b"
    r"|\b(what|which)\b.*\b(vanish|disappear|emerg|abandon|adopt|declin|gain|lost|r[io]se|f[ae]ll|gr[eo]w)\w*"
    r"|\bsumm?ari[sz]e\b|\bwhat (are|is) (these|this|the) (\w+ )?(papers?|documents?|corpus|collection|texts?) about\b",
    re.I,
)
_OF_THE_WHOLE = frozenset(
    "emerged appeared visible field research literature work area years year recent emerging major common recurring "
    "central corpus texts studies study session read ideas directions past decade here provide please identify rising "
    "falling declining growing vanishing steady important biggest methods techniques approaches practices ideas things "
    "vanished disappeared declined rose rise fell fall grew popular popularity ground gained lost abandoned "
    "adopted".split()
)
_DISAGREE = re.compile(
    r"\b(dis(agree\w*|put\w+)|contradict\w*|conflict\w*|controvers\w+|at odds|inconsisten\w+|debated?|"
    r"differ(ing)? (results|values))\b",
    re.I,
)


def is_overview(question: str) -> bool:
    """Whether the question names no matter of its own: all its content words say what kind of answer is wanted."""
    content = [w for w in words(question) if w not in STOP_WORDS]
    if not content:
        return False
    if all(w in ASKING for w in content):
        return True
    return bool(_OVERVIEW.search(question)) and all(w in ASKING or w in _OF_THE_WHOLE for w in content)


def kind_of_whole(question: str) -> str | None:
    """ "disagreements", "themes", or "trends" for a question about the whole; None for one about a matter."""
    matter = [
        w
        for w in words(_DISAGREE.sub(" ", question))
        if w not in STOP_WORDS and w not in ASKING and w not in _OF_THE_WHOLE and w not in _PEOPLE
    ]
    if _DISAGREE.search(question) and not matter:
        return "disagreements"
    if not is_overview(question):
        return None
    return "themes" if re.search(r"\b(themes?|topics?|points?|about|in common)\b", question, re.I) else "trends"


_PEOPLE = frozenset("authors author sources source researchers scientists experts people writers whom".split())
