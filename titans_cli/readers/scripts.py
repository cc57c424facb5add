"""Superscripts and subscripts in a line of plain text: one rule for every format.

A superscript that is flattened bends a number: 10 to the 8th is not 108. So what stands above the line follows a caret,
and what stands below it an underscore, as in LaTeX: 10^8, x^(n+1), CO_2, SO_4^2-.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(r"[+\-−]?[\w.,′'∞]*[+\-−*′]?|[*†‡§¶#°]+")
_LONGEST = 60  # characters; what is longer is a line set small and no exponent


def superscript(before: str, above: str) -> str:
    """What to write for `above`, raised behind the text `before`.

    The letters of an ordinal (1st, 20th) stand in the line, and so does what stands behind nothing. Behind the end of a
    sentence a raised number is the mark of a note: [1].
    """
    words, last = " ".join(above.split()), before[-1:]
    if last.isdigit() and len(words) > 1 and words.isalpha() and words.islower():
        return words
    if last in '.!?;:”’"' and last and words.isdigit():
        return f"[{words}]"
    return _script("^", last, words)


def subscript(before: str, below: str) -> str:
    """What to write for `below`, lowered behind the text `before`."""
    return _script("_", before[-1:], " ".join(below.split()))


def _script(mark: str, last: str, words: str) -> str:
    if not words or not last or last.isspace() or last in "([{|":
        return words
    return f" {words}" if len(words) > _LONGEST else f"{mark}{grouped(words)}"


def grouped(words: str) -> str:
    """In parentheses, unless it is one number, name or sign already, or has some."""
    return (
        words if _TOKEN.fullmatch(words) or (words[:1] == "(" and words.find(")") == len(words) - 1) else f"({words})"
    )
