"""Jupyter notebooks: a page for every cell, prose or code, with its outputs below it, cut where they are long.

Plain JSON on purpose: nbformat is for those who write notebooks and check them against a schema.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from titans_cli.errors import CorruptError
from titans_cli.readers.code import tidy_code
from titans_cli.readers.dates import year_in
from titans_cli.readers.html import extract_html
from titans_cli.readers.markdown import parse_markdown
from titans_cli.readers.parsed import ParsedDocument, short, totals
from titans_cli.readers.tables import lines_of_value
from titans_cli.records import Page

# Names of the forms of an output before 2015.
_SHORT = {
    "html": "text/html",
    "latex": "text/latex",
    "json": "application/json",
    "png": "image/png",
    "svg": "image/svg+xml",
}
_IS_OBJECT = re.compile(r"<[\w.]+(?: object)?(?: at 0x[0-9a-f]+)?>")  # how Python writes what it cannot write
_OUTPUT_LINES, _OUTPUT_CHARACTERS = 20, 2000  # what is longer is data, not an account of it


def extract_ipynb(data: bytes) -> ParsedDocument:
    notebook = json.loads(data)
    if not isinstance(notebook, dict):
        raise CorruptError("it is JSON but not a notebook")
    title, pages = None, []
    counts: Counter[str] = Counter()
    for number, cell in enumerate(_cells(notebook), 1):
        if not isinstance(cell, dict):
            continue
        kind, source = cell.get("cell_type"), _text(cell.get("source", cell.get("input", "")))
        if kind in ("markdown", "heading"):
            parsed = parse_markdown(f"# {source}" if kind == "heading" else source)
            title = title or parsed.title
            counts.update(dict(parsed.omissions))
            blocks = [parsed.pages[0].text]
        else:
            blocks = [tidy_code(source), *(_shown(output, counts) for output in _list(cell.get("outputs")))]
        text = "\n\n".join(filter(None, blocks))
        if text:
            pages.append(Page(number, text))
    metadata = notebook.get("metadata")
    stated = metadata if isinstance(metadata, dict) else {}
    title = short(_text(stated.get("title"))) or title
    return ParsedDocument(title, tuple(pages), (), year_in(_text(stated.get("date"))), totals(counts.items()))


def _cells(notebook: dict[str, Any]) -> list[Any]:
    cells = notebook.get("cells")
    if cells is None:  # before 2015: cells stood in worksheets
        sheets = [sheet for sheet in _list(notebook.get("worksheets")) if isinstance(sheet, dict)]
        cells = [cell for sheet in sheets for cell in _list(sheet.get("cells"))] if sheets else None
    if not isinstance(cells, list):
        raise CorruptError("it is JSON but has no cells")
    return cells


def _shown(output: Any, counts: Counter[str]) -> str:
    """An output in words: its plain text, or else what can be made of its richer form. What is left out is counted."""
    if not isinstance(output, dict):
        return ""
    if output.get("output_type") in ("error", "pyerr"):
        counts["traceback line"] += len(_list(output.get("traceback")))
        return _cut(f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}", counts)
    bundle = output.get("data")
    if not isinstance(bundle, dict):  # before 2015 the forms stood in the output itself, under short names
        bundle = {_SHORT[name]: output[name] for name in _SHORT if name in output}
    counts["picture"] += any(str(form).startswith("image/") for form in bundle)
    plain = _text(output.get("text")) or _text(bundle.get("text/plain"))
    if plain and not _IS_OBJECT.fullmatch(plain.strip()):
        return _cut(plain, counts)
    return _rich(bundle, counts) or _cut(plain, counts)


def _rich(bundle: Mapping[str, Any], counts: Counter[str]) -> str:
    """What is shown in a form for people, where plain text says no more than "<IPython.core.display.HTML object>"."""
    if markdown := _text(bundle.get("text/markdown")):
        parsed = parse_markdown(markdown)
        counts.update(dict(parsed.omissions))
        return parsed.pages[0].text
    if html := _text(bundle.get("text/html")):
        page = extract_html(html)
        counts.update(dict(page.omissions))
        return _cut(page.text, counts)
    if latex := _text(bundle.get("text/latex")):
        return _cut(latex, counts)
    if "application/json" in bundle:
        return _cut("\n".join(lines_of_value(bundle["application/json"], "", 0)), counts)
    return ""


def _cut(text: str, counts: Counter[str]) -> str:
    """The first lines of an output, and the number of those that are left out."""
    lines = text[:_OUTPUT_CHARACTERS].splitlines()[:_OUTPUT_LINES]
    counts["output line"] += len(text.splitlines()) - len(lines)
    return tidy_code("\n".join(lines))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    """The format allows a string or a list of lines."""
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""
