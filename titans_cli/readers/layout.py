"""Words with their places on a PDF page to lines of text: scripts marked, columns in order, blank lines where it shows.

A library's own order of text is kept, which is the file's, except where a file draws two columns row by row. Places
decide what the text alone cannot say: that 108 is 10^8, that two lines lie in different columns, that a line stands
apart from the next. All lengths are in points, y goes up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from titans_cli.readers.scripts import subscript, superscript

# Shares of the size of the type. Typesetters raise an exponent by a third and an index by a seventh of it, in type of
# 0.6 to 0.8 of the size (TeX: 0.36, 0.15 and 0.7; word processors: 0.33, 0.08 to 0.14 and 0.58 to 0.65).
_SMALLER = 0.87
_SHIFTED = (0.06, 0.75)
_TOUCHING = 0.35  # a script stands no farther from its word
_SPACE = 0.15  # the narrowest gap between words
_GUTTER = 1.0  # the narrowest gap between columns; stretched spaces stay below
_LONGEST_SCRIPT = 12  # characters
# Of two columns of prose: rows, words and letters of most lines, share of the width that a full line takes.
_FEWEST_ROWS, _FEWEST_WORDS, _FEWEST_LETTERS, _FILLED = 3, 3, 15, 0.8
_APART = 1.4  # times the usual distance of lines
_OTHER_SIZE = 1.12  # of a heading, at least, or of a note


@dataclass(frozen=True, slots=True)
class TextRun:
    """A word, or a run of words on one baseline. `lead` is what the library puts before it: "", " " or a line break."""

    text: str
    x: float
    end: float
    y: float  # of the baseline
    size: float  # height of the type, all spans measured alike
    lead: str = " "


@dataclass(frozen=True, slots=True)
class Line:
    """What stands on one baseline, or a column's part of that."""

    text: str
    x: float
    end: float
    y: float
    size: float


def lay_out(spans: Sequence[TextRun]) -> list[str]:
    """The lines of a page in reading order; an empty one where the next stands apart."""
    cells = [cell for row in _rows(spans) for cell in row]
    return _set_apart(_by_columns(cells))


# ---------------------------------------------------------------- lines and scripts


def _rows(spans: Sequence[TextRun]) -> Iterator[list[Line]]:
    """What the library has on one line, cut where there is room for a gutter."""
    row: list[Line] = []
    last: TextRun | None = None
    for span in spans:
        line = row[-1] if row else None
        if line is None or last is None:
            row = [_line(span)]
        elif (script := _script(line, last, span)) is not None:
            row[-1] = replace(line, text=line.text + script, end=max(line.end, span.end))
        elif _goes_on(line, last, span):
            if span.x - line.end > _GUTTER * line.size:
                row.append(_line(span))
            else:
                row[-1] = _joined(line, span, " " if _gap(line, span) or _is_mark(line, span) else "")
        else:
            yield row
            row = [_line(span)]
        last = span
    if row:
        yield row


def _line(span: TextRun) -> Line:
    return Line(span.text, span.x, span.end, span.y, span.size)


def _joined(line: Line, span: TextRun, between: str) -> Line:
    main = line if line.size >= _SMALLER * span.size else _line(span)  # a line may begin with a script
    return Line(line.text + between + span.text, line.x, max(line.end, span.end), main.y, main.size)


def _script(line: Line, last: TextRun, span: TextRun) -> str | None:
    """What to write for a script; None for what is none."""
    shift = span.y - line.y
    low, high = (share * line.size for share in _SHIFTED)
    if not (span.size < _SMALLER * line.size and low < abs(shift) < high and len(span.text) <= _LONGEST_SCRIPT):
        return None
    if not -_TOUCHING * line.size < span.x - line.end < _TOUCHING * line.size or line.text[-1:].isspace():
        return None
    if " " in span.lead and span.x - line.end > _SPACE * line.size:
        return None
    if last.size < _SMALLER * line.size and abs(last.y - span.y) < low:
        return span.text  # more of the same script
    if not any(character.isalnum() for character in span.text):
        return span.text  # an asterisk or a dagger is taken for no figure
    return superscript(line.text, span.text) if shift > 0 else subscript(line.text, span.text)


def _goes_on(line: Line, last: TextRun, span: TextRun) -> bool:
    if "\n" not in span.lead:
        return True
    beside = -_TOUCHING * span.size < span.x - line.end < _GUTTER * span.size
    back = abs(span.y - line.y) < _SHIFTED[0] * line.size and last.size < _SMALLER * line.size  # after a script
    return beside and (back or _is_mark(line, span))


def _is_mark(line: Line, span: TextRun) -> bool:
    """Whether all of the line so far is the raised mark of a note that begins with this span."""
    raised = _SHIFTED[0] < (line.y - span.y) / max(span.size, 1e-9) < _SHIFTED[1]
    return raised and line.size < _SMALLER * span.size and len(line.text) <= _LONGEST_SCRIPT


def _gap(line: Line, span: TextRun) -> bool:
    return " " in span.lead or ("\n" in span.lead and span.x - line.end > _SPACE * line.size)


# ---------------------------------------------------------------- columns


def _by_columns(cells: Sequence[Line]) -> list[Line]:
    """With columns that were drawn row by row put one after the other; all others as they come."""
    out: list[Line] = []
    rows = list(_baselines(cells))
    start = 0
    while start < len(rows):
        stop = _columns_end(rows, start)
        if stop is None:
            out += [_whole(rows[start])]
            start += 1
        else:
            gutter = min(row[-1].x for row in rows[start:stop] if len(row) == 2)
            column = [
                [cell for row in rows[start:stop] for cell in row if (cell.x >= gutter) == right] for right in (0, 1)
            ]
            out += column[0] + column[1]
            start = stop
    return out


def _baselines(cells: Sequence[Line]) -> Iterator[list[Line]]:
    """Cells that follow one another from left to right on one baseline."""
    row: list[Line] = []
    for cell in cells:
        if row and abs(cell.y - row[-1].y) < 0.5 * cell.size and cell.x > row[-1].end:
            row.append(cell)
        else:
            if row:
                yield row
            row = [cell]
    if row:
        yield row


def _whole(row: Sequence[Line]) -> Line:
    text = " ".join(cell.text for cell in row)
    return replace(row[0], text=text, end=row[-1].end, size=max(cell.size for cell in row))


def _columns_end(rows: Sequence[Sequence[Line]], start: int) -> int | None:
    """Where two columns of prose end that begin at this row; None if there are none.

    Tables have columns too; see `_is_prose`.
    """
    if len(rows[start]) != 2:
        return None
    pairs: list[Sequence[Line]] = []
    low = high = rows[start][1].x
    left_end = 0.0
    stop = start
    for i in range(start, len(rows)):
        row = rows[i]
        em = row[0].size
        if len(row) == 2:
            low, high = min(low, row[1].x), max(high, row[1].x)
            left_end = max(left_end, row[0].end)
            if high - low > 2.5 * em or left_end >= low:  # a first line may be indented
                break
            pairs.append(row)
            stop = i + 1
        elif not (len(row) == 1 and (row[0].end < low or row[0].x >= low) and row[0].y < rows[i - 1][0].y):
            break
        else:
            stop = i + 1
    if len(pairs) < _FEWEST_ROWS or not all(_is_prose([row[side] for row in pairs]) for side in (0, 1)):
        return None
    return stop


def _is_prose(column: Sequence[Line]) -> bool:
    """Whether these lines run on: filled, and most of them not begun like a cell, with a capital or a figure."""
    if min(median(len(cell.text.split()) for cell in column) / _FEWEST_WORDS, _letters(column) / _FEWEST_LETTERS) < 1:
        return False
    left, right = min(cell.x for cell in column), max(cell.end for cell in column)
    full = sum(cell.end - left > _FILLED * (right - left) for cell in column)
    begun = sum(cell.text[0].isupper() or cell.text[0].isdigit() for cell in column[1:])
    return full >= 0.6 * len(column) and begun <= 0.6 * (len(column) - 1)


def _letters(column: Sequence[Line]) -> float:
    return median(len(cell.text.replace(" ", "")) for cell in column)


# ---------------------------------------------------------------- what stands apart


def _set_apart(lines: Sequence[Line]) -> list[str]:
    steps = sorted(a.y - b.y for a, b in pairwise(lines) if a.y - b.y > b.size * _SMALLER)
    leading = steps[len(steps) // 4] if steps else 0.0  # short pages have as many gaps as lines
    out: list[str] = []
    for i, line in enumerate(lines):
        if i and _apart(lines[i - 1], line, leading):
            out.append("")
        out.append(line.text)
    return out


def _apart(before: Line, line: Line, leading: float) -> bool:
    small, large = sorted((before.size, line.size))
    return before.y - line.y > _APART * max(leading, small) or large > _OTHER_SIZE * small
