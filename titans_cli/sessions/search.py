"""Full text: the passages of what a session read that hold given words and phrases. Needs no model, and so no torch.

Unusual choices: a phrase is looked for in whole pages, so that one which runs over the end of a passage is found; words
are found by their stems, phrases as they are written, but for case and how they are broken into lines.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from titans_cli.cards import label
from titans_cli.errors import UsageError
from titans_cli.places import place
from titans_cli.records import Block, SourceRecord
from titans_cli.sessions.selection import Filter, allowed
from titans_cli.store import Episodes, Home, SessionStore

_QUERY = re.compile(r'["“”„]([^"“”„]+)["“”„]|([^"“”„]+)')
_WORD = re.compile(r"\w+(?:[-'’.]\w+)*")
_MOST_RANKED = 100_000  # passages; more than any session of the benchmarks has (`benchmarks.capacity`: 40,000)
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Terms:
    """What is looked for: words, by their stems, and phrases, as they are written."""

    words: tuple[str, ...]
    phrases: tuple[str, ...]

    @classmethod
    def of(cls, query: str, *, exact: bool = False) -> Terms:
        """Of a query in which phrases stand in quotation marks; `exact`: all of it is one phrase."""
        if exact:
            phrase = " ".join(re.sub(r'["“”„]', " ", query).split())
            return cls((), (phrase,) if phrase else ())
        words, phrases = list[str](), list[str]()
        for quoted, plain in _QUERY.findall(query):
            if quoted.strip():
                phrases.append(" ".join(quoted.split()))
            words += _WORD.findall(plain)
        return cls(tuple(dict.fromkeys(words)), tuple(dict.fromkeys(phrases)))


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage. `text` stands at `start`..`end` of the page; `spans`: where in `text` what was looked for stands."""

    number: int  # of the hit, from 1
    document: int  # its number in the session
    source: str  # as displayed
    uri: str
    label: str  # as a reference has it
    page: int
    place: str  # in words a reader can look it up by
    start: int
    end: int
    text: str
    spans: tuple[Span, ...]
    score: float  # BM25: more is better


@dataclass(frozen=True, slots=True)
class SearchResult:
    """`matched`: "all" when every hit has all that was looked for; "some" when none has, and these have a part."""

    session: str
    query: str
    words: tuple[str, ...]
    phrases: tuple[str, ...]
    matched: str  # "all", "some", "none"
    total: int  # passages that match; `hits` are the best of them
    hits: tuple[Hit, ...]


def search(
    home: Home,
    selector: str | None,
    query: str,
    *,
    exact: bool = False,
    sources: Sequence[str] = (),
    within: Filter | None = None,
    limit: int = 20,
) -> SearchResult:
    """The passages that have every word of `query` and every phrase in it that stands in quotation marks, best first.

    Where none has all the words, those with some (or the phrases alone), which `SearchResult.matched` says; a phrase
    is never given up.
    `exact`: the whole query is one phrase. `sources`: globs; `within`: a whole filter instead. What is withheld is not
    found. Raises UsageError for a query without a word or globs that match nothing, NotFoundError, DamagedError,
    StorageError.
    """
    terms = Terms.of(query, exact=exact)
    if not terms.words and not terms.phrases:
        hint = "Give words of the documents, or a phrase in quotation marks"
        raise UsageError("no words to look for", hint=hint)
    store = SessionStore.open(home, selector)
    store.require_open()
    with store.episodes() as episodes, episodes.frozen():
        only = allowed(episodes, within or Filter(sources=tuple(sources)))
        passages = _Passages(episodes, only)
        blocks, matched = passages.matching(terms)
        ranked = passages.ranked(blocks, terms)[:limit]
        hits = tuple(passages.hits(ranked, terms))
    return SearchResult(store.info.name, query, terms.words, terms.phrases, matched, len(blocks), hits)


class _Passages:
    """The blocks of one commit, as a search sees them."""

    def __init__(self, episodes: Episodes, only: frozenset[int] | None) -> None:
        self.episodes = episodes
        self.sources: dict[int, SourceRecord] = {s.id: s for s in episodes.sources() if only is None or s.id in only}
        self.narrowed = only is not None
        self.phrases: dict[int, list[Span]] = {}  # by block: where on its page a phrase stands that begins in it

    def matching(self, terms: Terms) -> tuple[set[int], str]:
        held = [self._with_phrase(phrase) for phrase in terms.phrases]
        having = [self.episodes.blocks_with(word) for word in terms.words]
        blocks = self._narrow(set.intersection(*held, *having))
        if blocks or not having:
            return blocks, "all" if blocks else "none"
        blocks = self._narrow(set.intersection(*held) if held else set.union(*having))
        return blocks, "some" if blocks else "none"

    def _narrow(self, ids: set[int]) -> set[int]:
        if not self.narrowed:
            return ids
        return {b.id for b in self.episodes.blocks(sorted(ids)) if b.source_id in self.sources}

    def _with_phrase(self, phrase: str) -> set[int]:
        """The blocks in which the phrase begins."""
        pattern, blocks = as_written(phrase), set[int]()
        for source, page in self.episodes.pages_with(_WORD.findall(phrase) or [phrase]):
            if source not in self.sources:
                continue
            for match in pattern.finditer(self.episodes.page(source, page)):
                if (block := self.episodes.block_at(source, page, match.start())) is not None:
                    self.phrases.setdefault(block.id, []).append(match.span())
                    blocks.add(block.id)
        return blocks

    def ranked(self, ids: set[int], terms: Terms) -> list[tuple[int, float]]:
        scores = dict(self.episodes.search_blocks(" ".join((*terms.words, *terms.phrases)), _MOST_RANKED))
        return sorted(((i, scores.get(i, 0.0)) for i in ids), key=lambda pair: (-pair[1], pair[0]))

    def hits(self, ranked: Sequence[tuple[int, float]], terms: Terms) -> list[Hit]:
        ids = [i for i, _ in ranked]
        words = self.episodes.words_in(" ".join(terms.words), ids)
        cards, scores = self.episodes.cards(), dict(ranked)
        made = []
        for number, block in enumerate(self.episodes.blocks(ids), start=1):
            source, page = self.sources[block.source_id], self.episodes.page(block.source_id, block.page)
            held = self.phrases.get(block.id, [])
            end = max([block.end, *(stop for _, stop in held)])
            text = page[block.start : end]
            spans = self._spans(block, text, held, words, terms)
            where = place(source.kind, block.page, page, (spans[0][0] if spans else 0) + block.start)
            made.append(
                Hit(
                    number,
                    source.id,
                    source.display,
                    source.uri,
                    label(cards[source.id], source.name),
                    block.page,
                    where,
                    block.start,
                    end,
                    text,
                    spans,
                    round(scores[block.id], 4),
                )
            )
        return made

    def _spans(
        self, block: Block, text: str, held: Sequence[Span], words: Mapping[int, Sequence[Span]], terms: Terms
    ) -> tuple[Span, ...]:
        places = [(a - block.start, b - block.start) for a, b in held]
        if text.startswith(block.text):
            places += words.get(block.id, ())
        places += [m.span() for word in terms.words if not word.isascii() for m in re.finditer(re.escape(word), text)]
        return merged(places)


def as_written(phrase: str) -> re.Pattern[str]:
    """A phrase whatever its case and line breaks; a word at its ends is no part of a longer one where spaces part
    words."""
    parts = [re.escape(word) for word in phrase.split()]
    head = r"(?<![^\W_])" if phrase[0].isascii() and phrase[0].isalnum() else ""
    tail = r"(?![^\W_])" if phrase[-1].isascii() and phrase[-1].isalnum() else ""
    return re.compile(head + r"\s+".join(parts) + tail, re.IGNORECASE)


def merged(places: Sequence[Span]) -> tuple[Span, ...]:
    """Places in order, those that touch or overlap as one."""
    spans = list[Span]()
    for start, end in sorted(p for p in places if p[0] < p[1]):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return tuple(spans)
