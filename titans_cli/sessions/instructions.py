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
from titans_cli.sentences import sentence_spans

MOST = 100  # warnings; who planted more has made the point
_LONGEST = 200  # characters of a sentence that are shown

_DROP = r"(?:ignore|disregard|forget|override)\s+"
_WHICH = r"(?:(?:all|any|of|the|your|these|those|my)\s+)*"
_EARLIER = r"(?:previous|prior|above|earlier|preceding|foregoing|existing|other)\s+"
_ORDERS = r"(?:instructions?|prompts?|directions|rules|guidelines|commands)\b"
_HIDE = r"(?:tell|inform|warn|(?:mention|reveal|show)(?:\s+(?:this|it|that))?\s+to)\s+(?:the\s+|your\s+)?"
_PATTERNS: tuple[tuple[str, str], ...] = (
    ("tells the reader to drop its instructions", rf"\b{_DROP}{_WHICH}{_EARLIER}(?:\w+\s+)?{_ORDERS}"),
    ("tells the reader to drop its instructions", rf"\b{_DROP}(?:all\s+)?(?:of\s+)?your\s+(?:\w+\s+)?{_ORDERS}"),
    ("tells the reader who to be", r"\byou are now (?:an?|no longer|free|acting|dan)\b"),
    ("tells the reader who to be", r"\bfrom now on,? you (?:are|will|must)\b|\bact as if you\b"),
    ("speaks of a system prompt", r"\b(?:system|developer) (?:prompt|message)s?\b"),
    ("speaks of a system prompt", r"<\|(?:system|user|assistant|im_start|im_end)\|>|\[/?INST\]|<</?SYS>>"),
    ("speaks to a language model", r"\bas an? (?:ai|artificial intelligence|(?:large )?language model)\b"),
    ("speaks to a language model", r"\b(?:note|attention|message|instructions?) (?:to|for) (?:\w+ )?(?:ais?|llms?)\b"),
    ("asks to keep it from the user", rf"\b(?:do not|don['’]t|never)\s+{_HIDE}(?:user|human|reader|operator)s?\b"),
    ("asks for a verdict", r"\b(?:give|write|recommend) (?:only )?(?:an? )?(?:positive|favou?rable) reviews?\b"),
    ("announces new instructions", r"\b(?:new|updated|real|actual) instructions?\s*:"),
)
_SAID = [(why, re.compile(pattern, re.IGNORECASE)) for why, pattern in _PATTERNS]
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
        for start, end in sentence_spans(page.text):
            sentence = " ".join(page.text[start:end].split())
            if why := _objection(sentence):
                yield Suspicion(source, page.number, why, _shown(sentence), unit)


def _objection(sentence: str) -> str | None:
    if not sentence.isascii() and _HIDDEN.search(sentence):
        return "holds text that cannot be seen"
    return next((why for why, pattern in _SAID if pattern.search(sentence)), None)


def _shown(sentence: str) -> str:
    sign = next((m for _, p in _SAID if (m := p.search(sentence))), None) or _HIDDEN.search(sentence)
    begin = max(0, (sign.start() if sign else 0) - _LONGEST // 2) if len(sentence) > _LONGEST else 0
    cut = sentence[begin : begin + _LONGEST]
    cut = _HIDDEN.sub(lambda match: f"<U+{ord(match[0]):04X}>", cut)
    return f"{'... ' if begin else ''}{cut}{' ...' if begin + _LONGEST < len(sentence) else ''}"
