"""Questions about the whole: which themes rise, fall and stay over the documents, and the sentences that carry them.

It covers every document instead of the few that match the question's words. A theme is a phrase with the phrases that
keep it company; a document has the theme when it has the phrase in its prose.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from titans_cli.answers.corpus import Text
from titans_cli.answers.extract import Candidate
from titans_cli.answers.phrases import RARER_PIECES as WHOLE_WORD
from titans_cli.answers.phrases import Key, Phrase, Pieces, full_form, measured, phrases_in
from titans_cli.answers.words import ASKING, STOP_WORDS, stem, words
from titans_cli.model.interface import SessionModel

LEAST_DOCUMENTS = 4  # below this, "rising" means nothing
MOST = {"rising": 5, "falling": 3, "vanishing": 4, "steady": 2, "frequent": 0}  # themes of a kind that are named
MOST_MAIN = 7  # themes of any kind, for a question about main themes or without years
TOGETHER = 0.3  # of a phrase's sentences with a phrase already chosen: it is the same theme
SAME_DOCUMENTS = 0.4  # ... and of its documents, if they share a word
COMPANY = 0.25  # of a theme's sentences in which a phrase stands that keeps it company
MOST_COMPANY = 3
# Sentences that say that something came, went or stayed make better carriers than those that merely use the phrase.
_CUES = {
    "rising": "now every all introduced introduce universal standard adopted adopts replaced first increasingly became",
    "falling": "abandoned abandon longer stopped dropped leaches leached poisons because instead fell kills cannot "
    "ceased fewer rarely declined",
    "steady": "every always depends depend all still remains throughout each",
}
_CUES["vanishing"] = _CUES["falling"]
_POINTING = re.compile(r"^(This|That|These|Those|It|They|He|She|Such|Both|Here|But|However|Also|Another|Neither)\b")


class Theme(NamedTuple):
    phrase: str  # as it is usually written
    direction: str  # "rising", "falling", "vanishing", "steady", "frequent"
    early: tuple[int, int]  # documents with it, documents
    late: tuple[int, int]
    documents: frozenset[int]  # numbers of the texts that have it
    company: tuple[str, ...]  # other phrases that stand with it
    sentence: Candidate


_OVERVIEW = re.compile(
    r"\b(main|key|central|common|recurring|major) (themes?|topics?|points?|findings|ideas)\b"
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
    found = [w for w in words(question) if w not in STOP_WORDS]
    if not found:
        return False
    if all(w in ASKING for w in found):
        return True
    return bool(_OVERVIEW.search(question)) and all(w in ASKING or w in _OF_THE_WHOLE for w in found)


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
    return "themes" if re.search(r"\b(themes?|topics?|points?|about)\b", question, re.I) else "trends"


_PEOPLE = frozenset("authors author sources source researchers scientists experts people writers whom".split())


def themes(texts: Sequence[Text], engine: SessionModel, kind: str = "trends") -> list[Theme]:
    """What comes first, then what goes, then what stays; for `kind` "themes", the strongest of any direction."""
    if len(texts) < LEAST_DOCUMENTS:
        return []

    @cache
    def pieces(word: str) -> int:
        return WHOLE_WORD if "-" in word else len(engine.tokenizer.encode(word))

    found = measured(texts, pieces)
    room = dict(MOST)
    changes = any(p.direction in ("rising", "falling", "vanishing") for p in found)
    if kind == "themes" or not changes:  # a pile without a time line has themes all the same
        room["steady"], room["frequent"] = 3, MOST_MAIN
    salience = {p.key: p.strength for p in found}
    chosen: list[tuple[Phrase, Theme]] = []
    used: set[tuple[int, int]] = set()
    for phrase in found:
        if room[phrase.direction] == 0 or any(_same(phrase, other) for other, _ in chosen):
            continue
        if kind == "themes" and len(chosen) == MOST_MAIN:
            break
        room[phrase.direction] -= 1
        sentence = _carrier(phrase, salience, used, pieces)
        used.add((sentence.block.source_id, sentence.start))
        company = _company(phrase, found)
        theme = Theme(
            full_form(phrase), phrase.direction, phrase.early, phrase.late, frozenset(phrase.held), company, sentence
        )
        chosen.append((phrase, theme))
    order = list(MOST)
    return sorted((theme for _, theme in chosen), key=lambda t: order.index(t.direction))


def _sentences(phrase: Phrase) -> set[tuple[int, int]]:
    return {(s.block.id, s.start) for group in phrase.held.values() for s in group}


def _same(phrase: Phrase, other: Phrase) -> bool:
    """Whether they mostly stand in the same sentences, or share a word and many documents."""
    mine, theirs = _sentences(phrase), _sentences(other)
    if len(mine & theirs) > TOGETHER * min(len(mine), len(theirs)):
        return True
    if not set(phrase.key) & set(other.key):
        return False
    both = len(phrase.held.keys() & other.held.keys())
    return both > SAME_DOCUMENTS * min(len(phrase.held), len(other.held))


def _company(phrase: Phrase, found: Sequence[Phrase]) -> tuple[str, ...]:
    """Phrases of two words that often stand in the theme's sentences and do not repeat its words."""
    mine = _sentences(phrase)
    near = [
        (len(mine & _sentences(other)) / len(mine), other.form)
        for other in found
        if len(other.key) > 1 and not set(other.key) & set(phrase.key)
    ]
    return tuple(form for share, form in sorted(near, reverse=True) if share >= COMPANY)[:MOST_COMPANY]


def _carrier(phrase: Phrase, salience: dict[Key, float], used: set[tuple[int, int]], pieces: Pieces) -> Candidate:
    """The sentence that says most about the phrase and its direction, later documents first."""
    cues = {stem(w) for w in _CUES.get(phrase.direction, "").split()}

    def worth(number: int, sentence: Candidate) -> float:
        says = sum(min(20.0, salience.get(key, 0.0)) for key in phrases_in(sentence.text, pieces)) / 10
        cued = min(2, len(cues & {stem(w) for w in words(sentence.text)}))
        fresh = 0.0 if (sentence.block.source_id, sentence.start) in used else 5.0
        length = 1 + len(sentence.text) / 150
        about = 1.0 if phrase.form in sentence.text.lower()[: len(phrase.form) + 25] else 0.0  # it begins with it
        points = 1.5 if _POINTING.match(sentence.text) else 0.0
        return fresh + says / length + 2.0 * cued + 0.1 * number + 0.3 * sentence.block.surprise + about - points

    ranked = [(worth(number, s), -s.block.id, s) for number, group in phrase.held.items() for s in group]
    return max(ranked, key=lambda r: r[:2])[2]
