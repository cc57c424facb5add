"""Sentences of a document that try to instruct whoever reads it.

What a session read is quoted to people and to programs, and an LTM entry is quoted for years. So whoever promotes one
is told which sentences look like an order to a reader ("ignore previous instructions"). It is a warning, never a
refusal: a paper about such sentences has to quote them, and no list of phrasings is complete. The readers drop most
characters that cannot be seen; the text of an imported session never went through them, so those are looked for too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from titans_cli.records import Page
from titans_cli.sentences import one_line, sentence_spans

MOST = 100  # warnings; who planted more has made the point
_LONGEST = 200  # characters of a sentence that are shown

_DROP = r"(?:ignore|disregard|forget|override)\s+"
_WHICH = r"(?:(?:all|any|of|the|your|these|those|my)\s+)*"
_EARLIER = r"(?:previous|prior|above|earlier|preceding|foregoing|existing|other)\s+"
_ORDERS = r"(?:instructions?|prompts?|directions|rules|guidelines|commands)\b"
_HIDE = r"(?:tell|inform|warn|(?:mention|reveal|show)(?:\s+(?:this|it|that))?\s+to)\s+(?:the\s+|your\s+)?"
_DROPS = (("ignore ", "disregard ", "forget ", "override "),)
# Why, the form, and groups of words: whatever has that form has, in lower case, one of each group. To look for a word
# is a hundredth of the work, and most pages do not have them.
_PATTERNS: tuple[tuple[str, str, tuple[tuple[str, ...], ...]], ...] = (
    ("tells the reader to drop its instructions", rf"\b{_DROP}{_WHICH}{_EARLIER}(?:\w+\s+)?{_ORDERS}", _DROPS),
    (
        "tells the reader to drop its instructions",
        rf"\b{_DROP}(?:all\s+)?(?:of\s+)?your\s+(?:\w+\s+)?{_ORDERS}",
        _DROPS,
    ),
    ("tells the reader who to be", r"\byou are now (?:an?|no longer|free|acting|dan)\b", (("you are now ",),)),
    (
        "tells the reader who to be",
        r"\bfrom now on,? you (?:are|will|must)\b|\bact as if you\b",
        (("from now on", "act as if you"),),
    ),
    (
        "speaks of a system prompt",
        r"\b(?:system|developer) (?:prompt|message)s?\b",
        ((" prompt", " message"), ("system ", "developer ")),
    ),
    (
        "speaks of a system prompt",
        r"<\|(?:system|user|assistant|im_start|im_end)\|>|\[/?INST\]|<</?SYS>>",
        (("<|", "inst]", "sys>>"),),
    ),
    (
        "speaks to a language model",
        r"\bas an? (?:ai|artificial intelligence|(?:large )?language model)\b",
        (("as an ai", "as a ai", "artificial intelligence", "language model"),),
    ),
    (
        "speaks to a language model",
        r"\b(?:note|attention|message|instructions?) (?:to|for) (?:\w+ )?(?:ais?|llms?)\b",
        ((" ai", " llm"), ("note ", "attention ", "message ", "instruction")),
    ),
    (
        "asks to keep it from the user",
        rf"\b(?:do not|don['’]t|never)\s+{_HIDE}(?:user|human|reader|operator)s?\b",
        (("user", "human", "reader", "operator"), ("do not ", "don't ", "don’t ", "never ")),
    ),
    (
        "asks for a verdict",
        r"\b(?:give|write|recommend) (?:only )?(?:an? )?(?:positive|favou?rable) reviews?\b",
        (("positive review", "rable review"),),
    ),
    ("announces new instructions", r"\b(?:new|updated|real|actual) instructions?\s*:", ((" instruction",),)),
)
_SAID = [(why, re.compile(pattern, re.IGNORECASE), signs) for why, pattern, signs in _PATTERNS]
# To a form that is blind to case these letters are an i or an s (Unicode's case folding), in lower case they are not.
_CASELESS = re.compile("[\u0130\u0131\u017f]")
# Zero-width and direction marks, and the tag characters, which spell words that no screen shows. A joiner counts only
# between Latin letters: other scripts need it.
_HIDDEN = re.compile(
    "[\u200b\u2060-\u2064\ufeff\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]|(?<=[A-Za-z])[\u200c\u200d](?=[A-Za-z])"
)


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A sentence that looks like an order to whoever reads it."""

    source: str  # as displayed
    page: int
    why: str
    quote: str  # the sentence, shortened, on one line; what cannot be seen in it is shown as its code point
    unit: str = "page"  # what `page` counts


def suspicions(source: str, pages: list[Page], unit: str = "page") -> Iterator[Suspicion]:
    """The suspicious sentences of a document, each once, in their order."""
    for page in pages:
        if _objection(one_line(page.text)) is None:  # no sentence of it has a form that the whole of it has not
            continue
        for start, end in sentence_spans(page.text):
            sentence = one_line(page.text[start:end])
            if why := _objection(sentence):
                yield Suspicion(source, page.number, why, _shown(sentence), unit)


def _objection(text: str) -> str | None:
    if not text.isascii() and _HIDDEN.search(text):
        return "holds text that cannot be seen"
    plain = None if not text.isascii() and _CASELESS.search(text) else text.lower()
    return next((why for why, form, signs in _SAID if _has(plain, signs) and form.search(text)), None)


def _has(plain: str | None, signs: tuple[tuple[str, ...], ...]) -> bool:
    """Whether a text in lower case has one of each group; of one that cannot be put into it nobody knows."""
    return plain is None or all(any(sign in plain for sign in group) for group in signs)


def _shown(sentence: str) -> str:
    sign = next((m for _, p, _ in _SAID if (m := p.search(sentence))), None) or _HIDDEN.search(sentence)
    begin = max(0, (sign.start() if sign else 0) - _LONGEST // 2) if len(sentence) > _LONGEST else 0
    cut = sentence[begin : begin + _LONGEST]
    cut = _HIDDEN.sub(lambda match: f"<U+{ord(match[0]):04X}>", cut)
    return f"{'... ' if begin else ''}{cut}{' ...' if begin + _LONGEST < len(sentence) else ''}"
