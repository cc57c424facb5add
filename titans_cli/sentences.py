"""Where sentences begin and end. Used to cut segments at sentence ends and to choose sentences for answers."""

from __future__ import annotations

import re

# A full stop after these does not end a sentence.
_ABBREVIATIONS = frozenset(
    "e.g i.e cf vs etc al fig figs eq eqs sec secs ref refs tab no nos vol vols pp ch ed eds dr mr mrs ms prof st jr "
    "sr approx resp ca dept univ inc ltd co corp jan feb mar apr jun jul aug sep sept oct nov dec u.s u.k ph.d".split()
)
# Possessive, and never from the middle of a run: "......x" costs its length, not its square.
_END = re.compile(r"(?<![.!?])[.!?]++[\"'”’)\]]*+(?=\s)|\n\s*\n|\n(?=\s*(?:[-*•|]|\d{1,3}[.)])\s)")
_LAST_WORD = re.compile(r"[\w.]+$")
_LONGEST_WORD = 20  # characters looked back for an abbreviation
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")
_LIST_NUMBER = re.compile(r"\s*\d{1,3}\s*")


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Character spans of the sentences of `text`, in order, without surrounding white space.

    Blank lines always end a sentence, and so does a line break before a bullet or a list number. Abbreviations,
    initials ("J. Smith", "J.R. Smith"), the number of a list item ("2. Methods") and a following lower-case letter do
    not.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _END.finditer(text):
        if match.start() < start or (text[match.start()] in ".!?" and not _ends_here(text, start, match)):
            continue
        _append(spans, text, start, match.end())
        start = match.end()
    _append(spans, text, start, len(text))
    return spans


def _ends_here(text: str, start: int, match: re.Match[str]) -> bool:
    if match.group().strip("\"'”’)]") == ".":
        word = _LAST_WORD.search(text, max(start, match.start() - _LONGEST_WORD), match.start())
        last = word.group().lower().rstrip(".") if word else ""
        if last in _ABBREVIATIONS or (_INITIALS.fullmatch(last) and text[match.start() - 1].isupper()):
            return False
        if _LIST_NUMBER.fullmatch(text, start, match.start()):
            return False
    following = text[match.end() : match.end() + 40].lstrip()
    return not (following[:1].islower() and "\n" not in text[match.end() : match.end() + 2])


def _append(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    right = len(piece.rstrip())
    if right > left:
        spans.append((start + left, start + right))
