"""Running headers and footers of paged text: found by what they are, told by how many there were.

A running line stands apart from the text at the edge of a page, on three pages or more, and is the same on all of
them but for a counter. Lines that differ in any other figure say something each ("Total due: 412 crowns") and stay.
The first of those that run stays as well, so that nothing is lost, unless it is a later page's and the document says it
elsewhere (its title); no sentence goes on across it. Page numbers alone say nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from titans_cli.cards import folded

_DEEPEST = 4  # lines of a block at the edge that may be a header or footer
_FEWEST = 3  # pages
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class _Line:
    index: int  # of its page
    place: int  # in its page
    number: int  # of its page, as the file counts them
    figures: tuple[int, ...]
    words: bool


def drop_running_lines(
    pages: Sequence[Sequence[str]], numbers: Sequence[int] | None = None
) -> tuple[list[list[str]], int]:
    """Pages, an empty line between what stands apart, without their running lines; and how many these were.

    `numbers`: of the pages; without them counted from 1. A page is never emptied. A running line that stays has two
    empty lines on either side, which no paragraph goes over.
    """
    seen: defaultdict[str, list[_Line]] = defaultdict(list)
    for index, page in enumerate(pages):
        number = numbers[index] if numbers else index + 1
        for place in sorted(_edges(page)):
            line = page[place]
            figures = tuple(int(figure[-9:]) for figure in _DIGITS.findall(line))
            words = any(character.isalpha() for character in line)
            seen[_DIGITS.sub("#", line).casefold()].append(_Line(index, place, number, figures, words))
    groups = [running for alike in seen.values() if (running := _running(alike))]
    spoken = {(line.index, line.place) for running in groups for line in running if line.words}
    for running in groups:
        if not running[0].words and not _counts(running):  # the rest of a line that was broken before its figures
            running[:] = [r for r in running if {(r.index, r.place - 1), (r.index, r.place + 1)} & spoken]
    edges = {(line.index, line.place) for running in groups for line in running}
    text = (line for i, page in enumerate(pages) for place, line in enumerate(page) if (i, place) not in edges)
    prose = f" {folded(' '.join(text))} "
    dropped: defaultdict[int, set[int]] = defaultdict(set)
    stays: defaultdict[int, set[int]] = defaultdict(set)
    for lines in filter(None, groups):
        first = min(lines, key=lambda line: (line.index, line.place))
        counter = not first.words and _counts(lines)
        everywhere = counter or (first.index > 0 and f" {folded(pages[first.index][first.place])} " in prose)
        for one in lines:
            (dropped if everywhere or one.index != first.index else stays)[one.index].add(one.place)
    kept = [_left(page, dropped[index], stays[index]) for index, page in enumerate(pages)]
    return [page for page, _ in kept], sum(count for _, count in kept)


def _edges(page: Sequence[str]) -> set[int]:
    """Places of the lines at the top and the bottom, as far in as there is a gap behind them."""
    filled = [i for i, line in enumerate(page) if line]
    gaps = [i for i, (a, b) in enumerate(pairwise(filled), 1) if b > a + 1]  # so many lines stand before it
    top = max((gap for gap in gaps if gap <= _DEEPEST), default=0)
    bottom = max((len(filled) - gap for gap in gaps if len(filled) - gap <= _DEEPEST), default=0)
    return {*filled[:top], *filled[len(filled) - bottom :]}


def _left(page: Sequence[str], dropped: set[int], stays: set[int]) -> tuple[list[str], int]:
    """A page without the lines that are dropped, and how many went: of each block all or none.

    `stays`: the running lines that are kept, set apart from what stands beside them.
    """
    blocks: list[set[int]] = [set()]
    for i, line in enumerate(page):
        if line:
            blocks[-1].add(i)
        elif blocks[-1]:
            blocks.append(set())
    gone = {i for block in blocks if block <= dropped for i in block}
    apart = {i for block in blocks if block <= dropped | stays and block & stays for i in block}
    left = list[str]()
    for i, line in enumerate(page):
        if i in gone:
            continue
        if line:
            left.append(line)
        elif not left or left[-1]:  # what was dropped leaves several in a row
            left += ["", ""] if {i - 1, i + 1} & apart else [""]
    if any(character.isalpha() for line in left for character in line):
        return left, len(gone)
    return list(page), 0


def _running(lines: Sequence[_Line]) -> list[_Line]:
    """Those of lines that are the same but for their figures that run."""
    if not lines[0].words:  # a figure alone: a page's number, or none
        if len({line.figures for line in lines}) == 1 and len(lines) >= _FEWEST:
            return list(lines)
        offsets = [line.figures[0] - line.number for line in lines if len(line.figures) == 1]
        usual = max(set(offsets), key=offsets.count, default=0)
        numbered = [line for line in lines if line.figures == (line.number + usual,)]
        return numbered if len(numbered) >= _FEWEST else []
    if len({line.index for line in lines}) < _FEWEST:
        return []
    for figure in range(len(lines[0].figures)):
        constant = {line.figures[figure] for line in lines}
        counter = {line.figures[figure] - line.number for line in lines}
        if min(len(constant), len(counter)) > 1:
            return []
    return list(lines)


def _counts(lines: Sequence[_Line]) -> bool:
    return len({line.figures for line in lines}) > 1
