"""Lines back into paragraphs. A page tells little: how long its lines are, and how they begin and end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

_BULLET = re.compile(r"(?:[•◦▪‣∙●■–—*-] |\(?[0-9a-zA-Z]{1,2}[.)] |\[[0-9]{1,3}\] )")
_HEADING = re.compile(r"(?:[0-9]{1,2}|[A-Z])(?:\.[0-9]{1,2}){0,3}\.? [A-Z]")
_ENDED = re.compile(r"(?<!\b[A-Z])(?<!\bal)(?<!\b[Ff]ig)(?<!\be\.g)(?<!\bi\.e)[.!?:][\"'”’)\]]{0,2}$")
_OPEN_END = re.compile(r"(?:[,;(\[–—-]|\b(?:a|an|and|are|as|at|by|for|from|in|is|of|on|or|that|the|to|with))$")
_SECTION = re.compile(r"(?:Abstract|Summary|Introduction|Statement of [Nn]eed|References|Acknowledge?ments?)$")
_NOTICE = re.compile(r"(?:Copyright\b|©|\(c\) (?:1|2))")  # at the foot of a first page, below half a sentence
_PROSE = 25  # characters; shorter lines say nothing about how wide the column is


def unwrap_page(lines: Sequence[str]) -> str:
    """One page's lines as paragraphs separated by a blank line.

    A blank line ends a paragraph unless a sentence plainly goes on below it; two of them always do. Without one, a
    paragraph ends where a line stops well short of the column and either ends a sentence or looks like a heading, and
    where the next line starts a list item or a numbered heading.
    """
    width = _column_width(lines)
    paragraphs: list[list[str]] = []
    previous, apart = "", 0
    for line in lines:
        if line:
            goes_on = previous and (not apart or (apart == 1 and line[0].islower() and not _ENDED.search(previous)))
            if goes_on and not _breaks(previous, line, width):
                paragraphs[-1].append(line)
            else:
                paragraphs.append([line])
            previous = line
        apart = 0 if line else apart + 1
    return "\n\n".join(" ".join(paragraph) for paragraph in paragraphs)


def _column_width(lines: Sequence[str]) -> int:
    lengths = sorted(len(line) for line in lines if len(line) >= _PROSE)
    return lengths[len(lengths) // 2] if lengths else 0


def _breaks(line: str, after: str, width: int) -> bool:
    if _NOTICE.match(after) or _SECTION.match(line):
        return True
    if _OPEN_END.search(line):
        return False
    if _BULLET.match(after) and (_ENDED.search(line) or not after[0].isalnum() or len(line) < 0.8 * width):
        return True
    if _HEADING.match(after) and len(after) < 0.8 * width and (_ENDED.search(line) or len(line) < 0.8 * width):
        return True
    if _ENDED.search(line):
        return len(line) < 0.85 * width or _is_heading(after, width)
    starts_new = after[0].isupper() or not after[0].isalpha()
    return starts_new and len(line) < 0.7 * width


def _is_heading(line: str, width: int) -> bool:
    """After a finished sentence, a short line that neither ends a sentence nor is cut off."""
    return len(line) < 0.5 * width and line[0].isupper() and not _ENDED.search(line) and not _OPEN_END.search(line)


def unwrap_plain(text: str) -> str:
    """Hard-wrapped plain text as paragraphs; what was not wrapped (logs, tables, verse, code) stays in lines."""
    blocks = [block.split("\n") for block in text.split("\n\n")]
    return "\n\n".join(" ".join(block) if _was_wrapped(block) else "\n".join(block) for block in blocks)


def _was_wrapped(lines: Sequence[str]) -> bool:
    """Whether a program or a person wrapped these lines at a width: no line had room for the next one's first word."""
    if len(lines) < 2:
        return False
    width = max(len(line) for line in lines)
    if not 30 <= width <= 120 or any(not line or _BULLET.match(line) for line in lines[1:]):
        return False
    return all(len(line) + 1 + len(after.partition(" ")[0]) > width for line, after in pairwise(lines))
