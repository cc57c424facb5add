"""Which of a session's events speak of a document. They go when it is forgotten.

They were made from it, as the session wrote down when it logged them; or, of what people ask in words of their own and
of events older than that record, they name it or quote its text or its catalogue card: six words in a row, a whole
shorter sentence, or a single word that of all that the session holds only this document has. Common words are none of
these: a name or a figure is what betrays a text. What is common is decided by the vocabulary of the embedded model's
tokenizer, whose words are the commonest of the text it was trained on (docs/training.md).

Better one event too many than one sentence of a forgotten document: another document that says the same in the same
words takes its quotations along, and an answer of which nobody wrote down what it was made from goes with any document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from titans_cli.records import SUPERSEDED, Episode, SourceRecord
from titans_cli.sentences import sentence_spans
from titans_cli.store import Episodes

if TYPE_CHECKING:
    from tokenizers import Tokenizer

RUN = 6  # so many words in a row are a quotation
LEAST = 3  # and so is a whole sentence of at least so many
OF_ONE = ("read", "refused", "told")  # events that are about one document, and say its sha256
EXCHANGED = ("asked", "answered")  # events in the words of people and models
_TOKENIZER = Path(__file__).resolve().parent.parent / "weights" / "titans-mini" / "tokenizer.json"
Run = tuple[str, ...]


def events_about(episodes: Episodes, sources: Sequence[SourceRecord], *, named_until: str = "9999") -> list[int]:
    """The ids of the events that were made from any of the sources, name any, until a time, or quote any, in order.

    Until that time, too, those that nobody knows the origin of."""
    if not sources:
        return []
    made = episodes.events_from([source.id for source in sources])
    digests = {source.sha256 for source in sources}
    keys = {source: key for source, key in episodes.keys().items() if not is_common(key.casefold())}
    names = [name for source in sources for name in (*_names(source), *filter(None, [keys.get(source.id)]))]
    named = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in names), re.IGNORECASE)
    events, spoken, exchanged = set[int](), dict[int, set[Run]](), dict[int, set[str]]()
    for event in episodes.events_but(OF_ONE, ids=made, digests=digests):
        in_time = event.at <= named_until
        if event.id in made and (in_time or not made[event.id]):
            events.add(event.id)
        elif event.kind in OF_ONE:  # two documents may have the same file name: here the digest says which it was
            events |= {event.id} if in_time and event.data.get("sha256") in digests else set()
        elif named.search(words := _words_of_event(event)) and in_time:
            events.add(event.id)
        else:
            spoken[event.id] = {run for length in range(LEAST, RUN + 1) for run in _runs(words, length)}
            if event.kind in EXCHANGED:
                exchanged[event.id] = set(_words(words))
    wanted = set[Run]().union(*spoken.values())
    texts = _texts(episodes, sources)
    quoted = {run for text in texts for run in _quotations(text)}
    quoted &= wanted
    events |= {i for i, runs in spoken.items() if not quoted.isdisjoint(runs)}
    telling = _telling(episodes, sources, texts, set[str]().union(*exchanged.values()))
    return sorted(events | {i for i, words in exchanged.items() if not telling.isdisjoint(words)})


def _texts(episodes: Episodes, sources: Sequence[SourceRecord]) -> list[str]:
    """All that is held of documents as text: their pages, and what their cards say beside these."""
    stated = episodes.stated([source.id for source in sources])
    return [
        text
        for source in sources
        for text in (*(page.text for page in episodes.pages(source.id)), source.title or "", *stated.get(source.id, ()))
    ]


def _telling(episodes: Episodes, sources: Sequence[SourceRecord], texts: Iterable[str], words: set[str]) -> set[str]:
    """Those of the words that betray the sources: of all that is held none but these has them, and they are rare."""
    rare = {word for text in texts for word in _words(text) if word in words and not is_common(word)}
    gone = {source.id for source in sources} | episodes.withheld(SUPERSEDED).keys()
    rare = {word for word in rare if episodes.sources_with(word) <= gone}
    if not rare:  # and the cards of all others need not be looked at
        return rare
    stated = episodes.stated()
    others = (source for source in episodes.sources() if source.id not in gone)
    stays = {w for s in others for text in (s.title or "", *stated.get(s.id, ())) for w in _words(text)}
    return rare - stays


@cache
def is_common(word: str) -> bool:
    """Whether it is one token to a tokenizer that knows the few thousand commonest; a figure is one to a digit."""
    return any(_tokenizer().token_to_id(form) is not None for form in (word, f"Ġ{word}"))


@cache
def _tokenizer() -> Tokenizer:
    from titans_cli.model.tokenizer import TitansTokenizer  # late: few commands need it

    return TitansTokenizer.load(_TOKENIZER).backend


def _names(source: SourceRecord) -> Iterator[str]:
    """What a document is called. What is too short or too common to name anything is left out."""
    yield source.sha256
    for name in {source.uri, source.display, PurePath(source.display).name, PurePath(source.uri).name}:
        if len(name) > 3:
            yield name
    if source.title and len(_words(source.title)) >= LEAST:
        yield source.title


def _words_of_event(event: Episode) -> str:
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
