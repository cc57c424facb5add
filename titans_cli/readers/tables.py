"""Tables and records to text that can be quoted: a row or a JSON line is a page "column: value; column: value".

Segments never cross a page, so each row is learned and found as a block of its own. csv.Sniffer is not asked for the
delimiter and the header: it takes quotes in prose for a dialect and any short first row for names.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

from titans_cli.errors import CorruptError
from titans_cli.readers.clean import mend_characters
from titans_cli.readers.parsed import ParsedDocument, short, totals
from titans_cli.records import Page

_MOST_LINES = 200  # of a row with line breaks in its cells
_DEEPEST = 20
_DELIMITERS = ",;\t|"
_SAMPLE_LINES = 100


def extract_csv(data: bytes) -> ParsedDocument:
    """Pages are numbered as a spreadsheet numbers rows: the header and blank rows count too."""
    text = data.decode("utf-8")
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    rows = _Rows(text, _delimiter(text))
    cells = ((i, [" ".join(cell.split()) for cell in row]) for i, row in enumerate(rows, 1))
    filled = ((i, row) for i, row in cells if any(row))
    first = list(islice(filled, _SAMPLE_LINES))
    header = _header([row for _, row in first])
    pages = []
    for number, row in chain(first[1:] if header else first, filled):
        if words := mend_characters(_row(row, header)).strip():
            pages.append(Page(number, words))
    if header and not pages:
        pages.append(Page(first[0][0], mend_characters("; ".join(cell for cell in header if cell)).strip()))
    notes = (f"quotation marks in {rows.stray:,} rows open nothing and were taken as they stand",) if rows.stray else ()
    return ParsedDocument(None, tuple(pages), notes)


class _Rows:
    """The rows of a table. A quotation mark that opens a cell and closes none must not swallow the rows after it:
    `stray` counts the rows in which one is taken as it stands.
    """

    def __init__(self, text: str, mark: str) -> None:
        self.lines = text.splitlines(keepends=True) if "\r" in text else text.split("\n")
        self.lines = [line.rstrip("\r\n") for line in self.lines]
        while self.lines and not self.lines[-1]:
            self.lines.pop()
        self.mark = mark
        self.stray = 0
        self.widths: Counter[int] = Counter()  # how many columns the rows have that are no matter of doubt

    def __iter__(self) -> Iterator[list[str]]:
        at = 0
        while at < len(self.lines):
            row, taken = self.row(at)
            at += taken
            yield row

    def row(self, at: int) -> tuple[list[str], int]:
        """The row that begins in a line, and how many lines it takes."""
        line = self.lines[at]
        if '"' not in line:
            cells = line.split(self.mark)
            self.widths[len(cells)] += 1
            return cells, 1
        stop, odd = at + 1, line.count('"') % 2
        while odd and stop < len(self.lines) and stop - at < _MOST_LINES:
            odd ^= self.lines[stop].count('"') % 2
            stop += 1
        row = None if odd else self.parsed(self.lines[at:stop])
        plain = line.split(self.mark)
        if row is not None and stop - at > 1 and self.is_row(plain):
            each = (other.split(self.mark) for other in self.lines[at:stop])
            row = row if self.is_row(row) and not all(map(self.is_row, each)) else None
        if row is None:
            self.stray += 1
            return plain, 1
        self.widths[len(row)] += 1
        return row, stop - at

    def is_row(self, cells: Sequence[str]) -> bool:
        """Whether it has as many columns as most rows so far."""
        return bool(self.widths) and len(cells) == self.widths.most_common(1)[0][0]

    def parsed(self, lines: list[str]) -> list[str] | None:
        try:
            rows = list(csv.reader([f"{line}\n" for line in lines], delimiter=self.mark, strict=True))
        except csv.Error:
            return None
        return rows[0] if len(rows) == 1 else None


def _delimiter(text: str) -> str:
    """The mark that stands equally often in most of the first lines; a comma if none does."""
    lines = [line for line in text[:200_000].splitlines()[:_SAMPLE_LINES] if line.strip()]
    best, best_score = ",", 0.0
    for mark in _DELIMITERS:
        counts = Counter(line.count(mark) for line in lines)
        counts.pop(0, None)
        if counts:
            times, agreeing = max(counts.items(), key=lambda item: (item[1], item[0]))
            score = agreeing / len(lines) + 0.001 * min(times, 100)
            if score > best_score:
                best, best_score = mark, score
    return best


def _header(rows: Sequence[list[str]]) -> list[str] | None:
    """The first row, if it can only be the names of the columns: words, each another, none of them a number."""
    if not rows or len(rows[0]) < 2:
        return None
    first = rows[0]
    names = [cell for cell in first if cell]
    if len(set(names)) < len(names) or len(names) < 0.5 * len(first) or any(len(name) > 100 for name in names):
        return None
    if any(_is_number(name) for name in names):
        return None
    below = rows[1:]
    if not below:
        return first
    columns = range(len(first))
    numeric = any(_mostly_numbers([row[i] for row in below if i < len(row)]) for i in columns)
    spoken = [c for row in below for c in row]
    longer = sum(map(len, spoken)) / max(1, len(spoken)) > 1.3 * sum(map(len, names)) / len(names)
    new = not set(names) & set(spoken)
    return first if new and (numeric or longer or all(n.replace("_", " ").islower() for n in names)) else None


def _mostly_numbers(cells: Sequence[str]) -> bool:
    filled = [cell for cell in cells if cell]
    return bool(filled) and sum(map(_is_number, filled)) > 0.7 * len(filled)


def _is_number(cell: str) -> bool:
    try:
        float(cell.strip("%$€£").replace(",", "")[:50])
    except ValueError:
        return cell[:1].isdigit() and not any(c.isalpha() for c in cell[:50])  # a date, a range
    return True


def _row(row: Sequence[str], header: Sequence[str] | None) -> str:
    if header is None:
        return "; ".join(cell for cell in row if cell)
    names = [*header, *[""] * max(0, len(row) - len(header))]
    return "; ".join(f"{name}: {cell}" if name else cell for name, cell in zip(names, row, strict=False) if cell)


# ---------------------------------------------------------------- JSON


def extract_jsonl(data: bytes) -> ParsedDocument:
    """Pages are numbered by their lines in the file."""
    pages, bad, total = [], 0, 0
    for number, line in enumerate(data.decode("utf-8").split("\n"), 1):
        if not line.strip():
            continue
        total += 1
        try:
            words = mend_characters("; ".join(lines_of_value(_loaded(line), "", 0)))
        except (ValueError, RecursionError):
            bad += 1
            continue
        if words.strip():
            pages.append(Page(number, words.strip()))
    if bad and bad >= 0.5 * total:
        raise CorruptError(f"{bad:,} of its {total:,} lines are not JSON")
    notes = (f"{bad:,} lines skipped: not JSON",) if bad else ()
    return ParsedDocument(None, tuple(pages), notes, omissions=totals((("line", bad),)))


def extract_json(data: bytes) -> ParsedDocument:
    """A page for every entry of the outermost list or object, numbered from 1. Many files hold a JSON value a line."""
    text = data.decode("utf-8")
    try:
        value = _loaded(text)
    except ValueError:
        if "\n" in text.strip():
            return extract_jsonl(data)
        raise
    if isinstance(value, dict):
        entries = [(str(name), inner) for name, inner in value.items()]
    else:
        entries = [("", inner) for inner in value] if isinstance(value, list) else [("", value)]
    title = short(value["title"]) if isinstance(value, dict) and isinstance(value.get("title"), str) else None
    pages = []
    for number, (name, inner) in enumerate(entries, 1):
        if words := mend_characters(_entry(name, inner)).strip():
            pages.append(Page(number, words))
    return ParsedDocument(title, tuple(pages))


def _loaded(text: str) -> Any:
    """JSON in which a name stands twice keeps both values: as a list of single entries."""

    def entries(pairs: list[tuple[str, Any]]) -> Any:
        value = dict(pairs)
        return value if len(value) == len(pairs) else [{name: inner} for name, inner in pairs]

    return json.loads(text, object_pairs_hook=entries)


def _entry(name: str, value: Any) -> str:
    """One entry; the records of a list in it have a line each."""
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        lines = ["; ".join(lines_of_value(item, name, 1)) for item in value]
        return "\n".join(filter(None, lines))
    return "; ".join(lines_of_value(value, name, 0))


def lines_of_value(value: Any, name: str, depth: int) -> Iterator[str]:
    """A JSON value as "name: words"; what is nested has a dotted name."""
    if depth > _DEEPEST:
        raise RecursionError
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from lines_of_value(inner, f"{name}.{key}" if name else str(key), depth + 1)
    elif isinstance(value, list):
        if all(not isinstance(item, dict | list) for item in value):
            words = ", ".join(_word(item) for item in value if item is not None)
            if words:
                yield f"{name}: {words}" if name else words
        else:
            for item in value:
                yield from lines_of_value(item, name, depth + 1)
    elif value is not None and value != "":
        yield f"{name}: {_word(value)}" if name else _word(value)


def _word(value: Any) -> str:
    if isinstance(value, str):
        return "\n\n".join(" ".join(part.split()) for part in value.split("\n\n") if part.strip())
    return json.dumps(value)
