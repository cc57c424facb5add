"""Tables and records to text that can be quoted: a row or a JSON line is a page "column: value; column: value".

Segments never cross a page, so each row is learned and found as a block of its own. csv.Sniffer is not asked for the
delimiter and the header: it takes quotes in prose for a dialect and any short first row for names.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

from titans_cli.errors import CorruptError
from titans_cli.readers.clean import mend_characters
from titans_cli.readers.parsed import Parsed
from titans_cli.records import Page

_LONGEST_ROW = 10_000  # characters; a table's row is a sentence or two
_LONGEST_RECORD = 200_000  # a record may hold a document
_MOST_COLUMNS = 500
_DEEPEST = 20
_DELIMITERS = ",;\t|"
_SAMPLE_LINES = 100


def extract_csv(data: bytes) -> Parsed:
    """Pages are numbered as a spreadsheet numbers rows: the header and blank rows count too."""
    text = data.decode("utf-8")
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    cells = ((i, [" ".join(cell.split()) for cell in row[:_MOST_COLUMNS]]) for i, row in enumerate(reader, 1))
    filled = ((i, row) for i, row in cells if any(row))
    first = list(islice(filled, _SAMPLE_LINES))
    header = _header([row for _, row in first])
    pages, cut = [], 0
    for number, row in chain(first[1:] if header else first, filled):
        words = mend_characters(_row(row, header)).strip()
        cut += len(words) > _LONGEST_ROW
        if words:
            pages.append(Page(number, words[:_LONGEST_ROW].strip()))
    if header and not pages:
        pages.append(Page(first[0][0], mend_characters("; ".join(cell for cell in header if cell)).strip()))
    return Parsed(None, tuple(pages), tuple(_cut_note(cut, _LONGEST_ROW, "rows")))


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


# ---------------------------------------------------------------- JSON lines


def extract_jsonl(data: bytes) -> Parsed:
    """Pages are numbered by their lines in the file."""
    pages, bad, cut, total = [], 0, 0, 0
    for number, line in enumerate(data.decode("utf-8").split("\n"), 1):
        if not line.strip():
            continue
        total += 1
        try:
            words = mend_characters("; ".join(_told(json.loads(line), "", 0)))
        except (ValueError, RecursionError):
            bad += 1
            continue
        cut += len(words) > _LONGEST_RECORD
        if words.strip():
            pages.append(Page(number, words[:_LONGEST_RECORD].strip()))
    if bad and bad >= 0.5 * total:
        raise CorruptError(f"{bad:,} of its {total:,} lines are not JSON")
    notes = [f"{bad:,} lines skipped: not JSON"] if bad else []
    return Parsed(None, tuple(pages), (*notes, *_cut_note(cut, _LONGEST_RECORD, "records")))


def _told(value: Any, name: str, depth: int) -> Iterator[str]:
    """A JSON value as "name: words"; what is nested has a dotted name."""
    if depth > _DEEPEST:
        raise RecursionError
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _told(inner, f"{name}.{key}" if name else str(key), depth + 1)
    elif isinstance(value, list):
        if all(not isinstance(item, dict | list) for item in value):
            words = ", ".join(_word(item) for item in value if item is not None)
            if words:
                yield f"{name}: {words}" if name else words
        else:
            for item in value:
                yield from _told(item, name, depth + 1)
    elif value is not None and value != "":
        yield f"{name}: {_word(value)}" if name else _word(value)


def _word(value: Any) -> str:
    if isinstance(value, str):
        return "\n\n".join(" ".join(part.split()) for part in value.split("\n\n") if part.strip())
    return json.dumps(value)


def _cut_note(cut: int, longest: int, what: str) -> list[str]:
    return [f"{cut:,} {what} cut to {longest:,} characters"] if cut else []
