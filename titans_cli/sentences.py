"""Where sentences begin and end. Used to cut segments at sentence ends and to choose sentences for answers.

How text is cut decides what a session's blocks are, so earlier ways of cutting stay: 1 is that of release 0.1. What
came with 2: the full stops of all scripts (those without spaces have none after them), a note's number after a full
stop ("there.[12] Then"), and line breaks that were made on purpose (headings, rows, lines of a log) rather than for
want of room.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

VERSIONS = (2, 1)  # newest first

# A full stop after these does not end a sentence.
_ABBREVIATIONS = frozenset(
    "e.g i.e cf vs etc al fig figs eq eqs sec secs ref refs tab no nos vol vols pp ch ed eds dr mr mrs ms prof st jr "
    "sr approx resp ca dept univ inc ltd co corp jan feb mar apr jun jul aug sep sept oct nov dec u.s u.k ph.d".split()
)
# Unicode 16, PropList.txt: Sentence_Terminal in the Basic Multilingual Plane, without ASCII, U+2024 and U+FF0E (which
# also stand in numbers and names).
_TERMINALS = (
    "\u0589\u061d-\u061f\u06d4\u0700-\u0702\u07f9\u0837\u0839\u083d\u083e\u0964\u0965\u104a\u104b\u1362\u1367\u1368"
    "\u166e\u1735\u1736\u17d4\u17d5\u1803\u1809\u1944\u1945\u1aa8-\u1aab\u1b4e\u1b4f\u1b5a\u1b5b\u1b5e\u1b5f"
    "\u1b7d-\u1b7f\u1c3b\u1c3c\u1c7e\u1c7f\u203c\u203d\u2047-\u2049\u2cf9-\u2cfb\u2e2e\u2e3c\u2e53\u2e54\u2e60\u2e61"
    "\u3002\ua4ff\ua60e\ua60f\ua6f3\ua6f7\ua876\ua877\ua8ce\ua8cf\ua92f\ua9c8\ua9c9\uaa5d-\uaa5f\uaaf0\uaaf1\uabeb"
    "\ufe12\ufe15\ufe16\ufe52\ufe56\ufe57\uff01\uff1f\uff61"
)
_CLOSING = "\"'”’)\\]"
_CLOSING_WIDE = _CLOSING + "」』）】》〉］｣"
_LINES = r"\n\s*\n|\n(?=\s*(?:[-*•|]|\d{1,3}[.)])\s)"
# Possessive, and never from the middle of a run: "......x" costs its length, not its square.
_END = {
    1: re.compile(rf"(?<![.!?])[.!?]++[{_CLOSING}]*+(?=\s)|{_LINES}"),
    2: re.compile(
        rf"(?<![.!?])[.!?]++[{_CLOSING}]*+(?:\^\d[\d,–-]*+|\^?\[\d[\d,–-]*+\])?+(?=\s)|[{_TERMINALS}]++[{_CLOSING_WIDE}]*+|{_LINES}|\n"
    ),
}
_FULL_STOP = re.compile(rf"\.[{_CLOSING}]*+(?:[\^[]|$)")
_LAST_WORD = re.compile(r"[\w.]+$")
_LONGEST_WORD = 20  # characters looked back for an abbreviation
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")
_LIST_NUMBER = re.compile(r"\s*\d{1,3}\s*")
_NARROWEST, _WIDEST = 30, 120  # characters at which programs and people wrap prose


def one_line(text: str) -> str:
    """Its words, a single space between any two."""
    return " ".join(text.split())


def sentence_spans(text: str, version: int = VERSIONS[0]) -> list[tuple[int, int]]:
    """Character spans of the sentences of `text`, in order, without surrounding white space.

    Blank lines always end a sentence, and so does a line break before a bullet or a list number, or one that was made
    on purpose. Abbreviations, initials ("J. Smith", "J.R. Smith"), the number of a list item ("2. Methods") and a
    following lower-case letter do not.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    purposed = _purposed_breaks(text) if version > 1 and "\n" in text else frozenset()
    for match in _END[version].finditer(text):
        if match.start() < start or (text[match.start()] in ".!?" and not _ends_here(text, start, match)):
            continue
        if match.group() == "\n" and version > 1 and match.start() not in purposed and not _starts_item(text, match):
            continue
        _append(spans, text, start, match.end())
        start = match.end()
    _append(spans, text, start, len(text))
    return spans


# What an item of a list begins with: the bullets and numbers of CommonMark 0.31, 5.2, those that word processors
# put for them (Unicode's bullets and dashes), and numbers or letters in parentheses.
ITEM = r"\s*(?:[-+*•▪●–]|\(?\d{1,2}[.)]|\(?[a-z]\))\s+\S"
_ITEM = re.compile(r"\s*(?:[-*•|]|\d{1,3}[.)])\s")  # as of version 2 of these boundaries, which are kept with a session


def _starts_item(text: str, match: re.Match[str]) -> bool:
    return _ITEM.match(text, match.end()) is not None


def _ends_here(text: str, start: int, match: re.Match[str]) -> bool:
    if _FULL_STOP.match(match.group()):
        word = _LAST_WORD.search(text, max(start, match.start() - _LONGEST_WORD), match.start())
        last = word.group().lower().rstrip(".") if word else ""
        if last in _ABBREVIATIONS or (_INITIALS.fullmatch(last) and text[match.start() - 1].isupper()):
            return False
        if _LIST_NUMBER.fullmatch(text, start, match.start()):
            return False
    following = text[match.end() : match.end() + 40].lstrip()
    return not (following[:1].islower() and "\n" not in text[match.end() : match.end() + 2])


def _purposed_breaks(text: str) -> frozenset[int]:
    """Places of the line breaks that end a heading, a row, a line of a log, and not just a full line of prose."""
    breaks: set[int] = set()
    block: list[tuple[int, str]] = []
    start = 0
    for line in (*text.split("\n"), ""):
        if line.strip():
            block.append((start, line.strip()))
        elif block:
            breaks.update(_purposed(block))
            block = []
        start += len(line) + 1
    return frozenset(breaks)


def _purposed(block: Sequence[tuple[int, str]]) -> list[int]:
    """Of lines without a blank one between them: each of prose is broken where it had no room for the next word."""
    width = max(len(line) for _, line in block)
    wrapped = _NARROWEST <= width <= _WIDEST
    if wrapped and all(line[0].isdigit() for _, line in block):
        return [start - 1 for start, _ in block[1:]]  # a log
    breaks = []
    for (_, line), (start, after) in pairwise(block):
        row = any(mark in line and mark in after for mark in ("\t", " | "))
        begins = (
            after[0].isupper() or (after[0].isalpha() and not after[0].islower()) or (wrapped and after[0].isdigit())
        )
        room = not wrapped or len(line) + 1 + len(after.split(None, 1)[0]) <= width
        if row or (begins and room and line[-1] not in "-‐,;(["):
            breaks.append(start - 1)
    return breaks


def _append(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    right = len(piece.rstrip())
    if right > left:
        spans.append((start + left, start + right))
