"""Jupyter notebooks: a page for every cell, prose or code, with its short plain-text outputs below it.

Plain JSON on purpose: nbformat is for those who write notebooks and check them against a schema.
"""

from __future__ import annotations

import json
from typing import Any

from titans_cli.errors import CorruptError
from titans_cli.readers.code import tidy_code
from titans_cli.readers.dates import year_in
from titans_cli.readers.markdown import parse_markdown
from titans_cli.readers.parsed import Parsed, short
from titans_cli.records import Page

_OUTPUT_LINES, _OUTPUT_CHARACTERS = 20, 2000  # what is longer is data, not an account of it


def extract_ipynb(data: bytes) -> Parsed:
    notebook = json.loads(data)
    if not isinstance(notebook, dict):
        raise CorruptError("it is JSON but not a notebook")
    title, pages, left_out = None, [], 0
    for number, cell in enumerate(_cells(notebook), 1):
        if not isinstance(cell, dict):
            continue
        kind, source = cell.get("cell_type"), _text(cell.get("source", cell.get("input", "")))
        if kind in ("markdown", "heading"):
            heading, words = parse_markdown(f"# {source}" if kind == "heading" else source)
            title = title or heading
            blocks = [words]
        else:
            shown = [_shown(output) for output in _list(cell.get("outputs"))]
            left_out += sum(not whole for _, whole in shown)
            blocks = [tidy_code(source), *(words for words, _ in shown)]
        text = "\n\n".join(filter(None, blocks))
        if text:
            pages.append(Page(number, text))
    metadata = notebook.get("metadata")
    stated = metadata if isinstance(metadata, dict) else {}
    notes = (f"{left_out} long outputs were cut",) if left_out else ()
    return Parsed(short(_text(stated.get("title"))) or title, tuple(pages), notes, year_in(_text(stated.get("date"))))


def _cells(notebook: dict[str, Any]) -> list[Any]:
    cells = notebook.get("cells")
    if cells is None:  # before 2015: cells stood in worksheets
        sheets = [sheet for sheet in _list(notebook.get("worksheets")) if isinstance(sheet, dict)]
        cells = [cell for sheet in sheets for cell in _list(sheet.get("cells"))] if sheets else None
    if not isinstance(cells, list):
        raise CorruptError("it is JSON but has no cells")
    return cells


def _shown(output: Any) -> tuple[str, bool]:
    """An output as plain text, and whether that is all of it."""
    if not isinstance(output, dict):
        return "", True
    if output.get("output_type") in ("error", "pyerr"):
        return tidy_code(f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}"[:_OUTPUT_CHARACTERS]), True
    bundle = output.get("data")
    text = _text(output.get("text")) or (_text(bundle.get("text/plain")) if isinstance(bundle, dict) else "")
    lines = text[: _OUTPUT_CHARACTERS + 1].splitlines()
    whole = len(text) <= _OUTPUT_CHARACTERS and len(lines) <= _OUTPUT_LINES
    return tidy_code("\n".join(lines[:_OUTPUT_LINES])[:_OUTPUT_CHARACTERS]), whole


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    """The format allows a string or a list of lines."""
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""
