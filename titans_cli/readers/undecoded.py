"""Text that came out of a PDF undecoded: codes and names of glyphs in the place of letters.

A font may draw letters without saying which. What comes out then are the names of its glyphs (`/c0/c1`, `(cid:12)`),
codes in the private-use area, or letters that are others than those on the page.
"""

from __future__ import annotations

import re

from charset_normalizer.cd import coherence_ratio

TOO_MUCH = 0.3  # share of a page, by which it is one that cannot be read
_NAMES = re.compile(r"(?:/[A-Za-z]{1,6}\d{1,5}){2,}|\(cid:\d+\)|/uni[0-9A-F]{4}")
_NAME = re.compile(r"[/(]")
_CODES = re.compile("[\ue000-\uf8ff\U000f0000-\U0010ffff\ufffd\x00-\x08\x0e-\x1f\x7f-\x9f]")
_ENOUGH = 200  # letters, by which their frequencies tell
# Of charset_normalizer's likeness to the language it fits best. On 83 pages of 13 papers 0.59 and more; on the same
# pages with every letter's code shifted, by 3 or by 29 as fonts numbered by glyph do, less than 0.50.
_LIKE_LANGUAGE = 0.55
_LONGEST = 5_000  # characters looked at
_SHIFTS = (29, 31, -29, -31, *range(1, 29), *range(-28, 0))  # those of TrueType and of Type 1 fonts first


def without_names(text: str) -> tuple[str, int]:
    """The text without names of glyphs, where these are much of it; and how many these were."""
    if _share(_NAMES, text) <= TOO_MUCH:
        return text, 0
    return _NAMES.sub("", text), sum(len(_NAME.findall(names)) for names in _NAMES.findall(text))


def undecoded(text: str, unmapped: float = 0.0) -> float:
    """Share of a page's words or characters that are none: names or codes of glyphs, or letters that are others'.

    `unmapped`: share of the words whose font does not say what its codes mean. They are believed if they read like a
    language: old fonts number their letters as everybody does.
    """
    share = _share(_NAMES, text) + _share(_CODES, text)
    reads = _reads_like_language(text)
    if reads is False:
        share = 1.0
    elif reads is None and unmapped > TOO_MUCH:
        share = max(share, unmapped)
    return min(1.0, share)


def _reads_like_language(text: str) -> bool | None:
    """By the frequencies of letters (charset_normalizer's, of 40 languages).

    False where it does not and would with all codes shifted by one and the same number: that is what fonts numbered by
    glyph do, and neither figures nor source code. None: too short to tell, in letters other than Latin, or neither.
    """
    text = text[:_LONGEST]
    letters = [character for character in text if character.isalpha()]
    if len(letters) < _ENOUGH or sum(map(str.isascii, letters)) < 0.8 * len(letters):
        return None
    if _likeness(text) >= _LIKE_LANGUAGE:
        return True
    return False if any(_likeness(_shifted(text, by)) >= _LIKE_LANGUAGE for by in _SHIFTS) else None


def _likeness(text: str) -> float:
    return max((likeness for _, likeness in coherence_ratio(text, 0.1)), default=0.0)


def _shifted(text: str, by: int) -> str:
    return "".join(chr(ord(c) + by) if c > " " and 0x20 < ord(c) + by < 0x7F else " " for c in text)


def _share(pattern: re.Pattern[str], text: str) -> float:
    whole = sum(not character.isspace() for character in text)
    return sum(len(run) for run in pattern.findall(text)) / whole if whole else 0.0
