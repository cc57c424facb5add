"""Lists of works that lie among the documents: BibTeX, CSL-JSON, and a manifest of one JSON object a line.

A work is an entry of the list's own card; `titans_cli.cards.joined` finds which document of the session it is.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from titans_cli.cards import ENTRY, Entry
from titans_cli.readers.cards.imprint import date_in

MOST_WORKS = 5_000
LONGEST_FIELD = 20_000  # characters: of more authors than any paper has
MOST_OPEN = 20  # fields whose brace is never closed: text that has more of them is no list of works
# Possessive throughout, and nothing is looked at twice: what takes long is text made to take long.
_BIBTEX = re.compile(r"^[ \t]*+@(?!comment|string|preamble)(\w++)\s*+[{(]\s*+([^\s,{}]*+)\s*+,", re.I | re.M)
_HEAD = re.compile(r"\s*+,?\s*+([\w-]++)\s*+=\s*+")
_BARE = re.compile(r"[^,}\s]*+")
_BRACE = re.compile(r"[{}\"]")
_TEX_ACCENT = {"'": "\u0301", "`": "\u0300", '"': "\u0308", "^": "\u0302", "~": "\u0303", "c": "\u0327", "v": "\u030c"}
# The fields of a card, and what they are called in each kind of list, the most telling first.
_CALLED = {
    "title": ("title",),
    "author": ("author", "authors"),
    "date": ("issued", "date", "publication_date", "year"),
    "venue": ("container-title", "journal", "journaltitle", "booktitle", "venue"),
    "volume": ("volume",),
    "issue": ("issue", "number"),
    "doi": ("doi",),
    "url": ("url",),
    "language": ("language",),
    "file": ("file", "filename", "path"),
}


def works(kind: str, text: str) -> list[Entry]:
    """The works that a text lists; none when it is no list of works."""
    records: Iterator[Mapping[str, Any]] = iter(())
    if kind == "jsonl":
        records = _json_lines(text)
    elif text.lstrip().startswith(("[", "{")):
        records = _json(text)
    elif _BIBTEX.search(text):
        records = _bibtex(text)
    listed = (work for record in records if (work := _work(record)).get("title"))
    return [Entry(ENTRY, json.dumps(work, ensure_ascii=False), "bibliography") for work in islice(listed, MOST_WORKS)]


def _json_lines(text: str) -> Iterator[Mapping[str, Any]]:
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and "title" in value and {"doi", "DOI", "file", "authors", "author"} & value.keys():
            yield value


def _json(text: str) -> Iterator[Mapping[str, Any]]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return
    items = value.get("items", []) if isinstance(value, dict) else value
    yield from (i for i in items if isinstance(i, dict) and "title" in i) if isinstance(items, list) else ()


def _work(record: Mapping[str, Any]) -> dict[str, list[str]]:
    lower = {str(key).lower(): value for key, value in record.items()}
    work: dict[str, list[str]] = {}
    for field, names in _CALLED.items():
        value = next((lower[n] for n in names if lower.get(n)), None)
        if value is None:
            continue
        texts = _names(value) if field == "author" else [_text(value)]
        if field == "date":
            texts = [d for t in texts if (d := date_in(t))]
        if field == "file":
            texts = [re.split(r"[/\\]", t.split(":")[0] or t.strip(":").split(":")[0])[-1] for t in texts]
        work[field] = [t for t in texts if t]
    return work


def _text(value: Any) -> str:
    if isinstance(value, dict) and "date-parts" in value:
        parts = value["date-parts"]
        first = parts[0] if isinstance(parts, list) and parts and isinstance(parts[0], list) else []
        return "-".join(f"{int(p):02}" if n else str(p) for n, p in enumerate(first) if str(p).isdigit())
    if isinstance(value, list):
        return _text(value[0]) if value else ""
    return " ".join(str(value).split())[:500]


def _names(value: Any) -> list[str]:
    if isinstance(value, str):
        return [turned(n) for n in re.split(r" and | ?; ?", " ".join(value.split())) if n.strip()]
    names = value if isinstance(value, list) else [value]
    return [n for v in names if (n := _name(v))]


def _name(value: Any) -> str:
    if isinstance(value, dict):
        parts = (value.get("given"), value.get("non-dropping-particle"), value.get("family"))
        return " ".join(str(p) for p in parts if p) or str(value.get("literal") or value.get("name") or "")
    return turned(str(value))


def turned(name: str) -> str:
    """ "Wright, Alicia" is "Alicia Wright"; a name with more commas stays as it is."""
    family, comma, given = (part.strip() for part in " ".join(name.split()).partition(","))
    return f"{given} {family}" if comma and given and "," not in given else " ".join(name.split())


def _bibtex(text: str) -> Iterator[Mapping[str, Any]]:
    end = still_open = 0
    for start in _BIBTEX.finditer(text):
        if start.start() < end:  # within a field of the one before
            continue
        fields: dict[str, str] = {}
        at: int | None = start.end()
        while at is not None and (head := _HEAD.match(text, at)) and head.end() < len(text):
            value, at = _value(text, head.end())
            if at is not None:
                fields[head[1].lower()], end = _bibtex_text(value), at
            elif (still_open := still_open + 1) > MOST_OPEN:
                return
        yield fields


def _value(text: str, at: int) -> tuple[str, int | None]:
    """A field's value from here, and where it ends; None for one that does not end."""
    opening = text[at]
    if opening not in '{"':
        bare = _BARE.match(text, at)
        return (bare.group(), bare.end()) if bare else ("", at)
    depth = 0
    for brace in _BRACE.finditer(text, at + 1, at + LONGEST_FIELD):
        if not depth and brace[0] == ("}" if opening == "{" else '"'):
            return text[at + 1 : brace.start()], brace.end()
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
    return "", None


def _bibtex_text(tex: str) -> str:
    """Without braces and commands; accents as letters have them."""
    text = re.sub(r"\\(['`\"^~cv])\s*\{?\\?([a-zA-Z])\}?", lambda m: m[2] + _TEX_ACCENT[m[1]], tex)
    text = unicodedata.normalize("NFC", text)
    return " ".join(re.sub(r"\\([&%$#_])|\\[a-zA-Z]+\s*|[{}]", lambda m: m[1] or "", text).replace("~", " ").split())
