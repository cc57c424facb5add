"""Yes or no, as far as a sentence says it.

A question of yes or no is a claim with its verb before its subject. A sentence that speaks of most of it bears it out,
unless it denies something of it: a word within reach of a negator (`claims.Said.denied`), or with a prefix that
negates ("non-permissive" for "permissive"). Whoever asks whether something is not so is told yes when it is not.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache

from titans_cli.answers.claims import ParsedText
from titans_cli.answers.intent import facts
from titans_cli.answers.question import Question, among
from titans_cli.answers.words import stem, stems, words

# Share of the question's information that a sentence has to speak of. Chosen on 8 questions of yes and no about 20
# papers that no benchmark has (docs/log.md, 2026-11-27), for want of a training set with such questions.
LEAST_SPOKEN = 0.5


def verdict(question: Question, sentence: str, naming: Collection[str] = ()) -> str | None:
    """ "Yes" or "No" in the language of the forms; None when the sentence speaks of too little of what is asked.

    `naming`: stems that name the document that is asked about; to name it again says nothing of what is asked of it.
    """
    negated = _negated(question, sentence)
    here = set(stems(sentence)) | negated
    matter = [t for t in question.weight if t not in naming]
    if len(matter) == 1 and not _in_the_same_form(question.as_written(matter[0]), sentence):
        return None  # what "commonly causes" something is not therefore "common"
    of_names = {*naming, *question.names}  # "Rust 2021" alone says nothing of whether Rust has exceptions
    if question.covered(here, naming) < LEAST_SPOKEN or (
        not question.weight.keys() <= of_names and question.covered(here, of_names) < LEAST_SPOKEN
    ):
        return None
    denied = negated | {t for t in question.weight if among(t, ParsedText(sentence).denied or frozenset())}
    asked_so = ParsedText(question.text).denied is not None
    return facts().denial["no" if bool(denied) != asked_so else "yes"]


def _in_the_same_form(word: str, sentence: str) -> bool:
    """Whether a sentence has a word as it is asked, but for the ending of a plural or a prefix that negates, and not
    only in a comparison, which says nothing of how much there is of either."""
    sentence = re.sub(rf"\b(?:{facts().denial['compares']}) {re.escape(word)}\b", " ", sentence, flags=re.I)
    forms = {form for w in words(sentence) for form in (w, _prefix().sub("", w))}
    return bool({word, f"{word}s", word.removesuffix("s")} & forms)


@cache
def _prefix() -> re.Pattern[str]:
    """What negates a word, before it."""
    return re.compile(rf"^(?:{facts().denial['prefixes']})(?=\w{{3}})")


def _negated(question: Question, sentence: str) -> set[str]:
    """The question's terms that the sentence has with a negating prefix, and not without one."""
    prefix = _prefix()
    plain, bare = set[str](), set[str]()
    for word in words(sentence):
        (bare if prefix.match(word) else plain).add(stem(prefix.sub("", word)))
    return {t for t in question.weight if among(t, bare) and not among(t, plain)}
