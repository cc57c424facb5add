"""Which of a session's events speak of a document: they name it, or they quote it. They go when it is forgotten.

Better one event too many than one sentence of a forgotten document: another document that says the same in the same
words takes its quotations along.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath

from titans_cli.records import Episode, SourceRecord
from titans_cli.sentences import sentence_spans
from titans_cli.store import Episodes

RUN = 6  # so many words in a row are a quotation
LEAST = 3  # and so is a whole sentence of at least so many
OF_ONE = ("read", "refused", "told")  # events that are about one document, and say its sha256
Run = tuple[str, ...]


def events_about(episodes: Episodes, sources: Sequence[SourceRecord], *, named_until: str = "9999") -> list[int]:
    """The ids of the events that name any of the sources, until a time, or quote any, in order."""
    if not sources:
        return []
    digests = {source.sha256 for source in sources}
    names = [name for source in sources for name in _names(source)]
    named = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in names), re.IGNORECASE)
    found, spoken = set[int](), dict[int, set[Run]]()
    for event in episodes.events():
        in_time = event.at <= named_until
        if event.kind in OF_ONE:  # two documents may have the same file name: here the digest says which it was
            found |= {event.id} if in_time and event.data.get("sha256") in digests else set()
        elif named.search(said := _said(event)) and in_time:
            found.add(event.id)
        else:
            spoken[event.id] = {run for length in range(LEAST, RUN + 1) for run in _runs(said, length)}
    wanted = set[Run]().union(*spoken.values())
    quoted = {run for source in sources for page in episodes.pages(source.id) for run in _quotations(page.text)}
    quoted &= wanted
    return sorted(found | {i for i, runs in spoken.items() if not quoted.isdisjoint(runs)})


def _names(source: SourceRecord) -> Iterator[str]:
    """What a document is called. What is too short or too common to name anything is left out."""
    yield source.sha256
    for name in {source.uri, source.display, PurePath(source.display).name, PurePath(source.uri).name}:
        if len(name) > 3:
            yield name
    if source.title and len(_words(source.title)) >= LEAST:
        yield source.title


def _said(event: Episode) -> str:
    """All words of an event, those in its data too, as they were and not as JSON writes them."""
    return " ".join([event.text, *_strings(json.loads(json.dumps(dict(event.data), default=dict)))])


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _strings(inner)
    elif isinstance(value, Iterable):
        for inner in value:
            yield from _strings(inner)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _runs(text: str, length: int) -> Iterator[Run]:
    words = _words(text)
    return (tuple(words[i : i + length]) for i in range(len(words) - length + 1))


def _quotations(text: str) -> Iterator[Run]:
    """Every run of words, and every short sentence, that counts as a quotation where it stands elsewhere."""
    yield from _runs(text, RUN)
    for start, end in sentence_spans(text):
        words = _words(text[start:end])
        if LEAST <= len(words) < RUN:
            yield tuple(words)
