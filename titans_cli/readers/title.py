"""A PDF without a title in its metadata: the first line of its first page that looks like one."""

from __future__ import annotations

import re

from titans_cli.readers.clean import mend_accents, mend_characters, tidy_lines

_NOT_A_TITLE = re.compile(
    r"https?:|doi\b|arxiv|@|©|\bvol(?:ume)?\b|\bissn\b|proceedings of|published|received|abstract$", re.I
)
_NOTE = re.compile(r"\^[\w,*∗†‡§¶]{1,4}$")  # the raised mark of a note
_GOES_ON = re.compile(r"(?:[:,-]|\b(?:a|an|and|as|at|by|for|from|in|of|on|or|the|to|with))$", re.I)


def title_of_page(raw: str) -> str | None:
    """The first of the page's first lines with two words or more, and its next line where it plainly goes on."""
    lines = [_NOTE.sub("", line) for line in tidy_lines(mend_accents(mend_characters(raw)))[:30] if line][:12]
    for i, line in enumerate(lines):
        if _looks_like_title(line):
            after = lines[i + 1] if i + 1 < len(lines) else ""
            goes_on = bool(after) and (_GOES_ON.search(line) is not None or after[0].islower())
            return f"{line} {after}" if goes_on and len(line) + len(after) < 250 else line
    return None


def _looks_like_title(line: str) -> bool:
    words = [word for word in line.split() if len(word) > 1 and word.isalpha()]
    letters = sum(character.isalpha() for character in line)
    return len(words) >= 2 and 8 <= len(line) <= 160 and letters > 0.7 * len(line) and not _NOT_A_TITLE.search(line)
