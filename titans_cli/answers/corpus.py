"""A session as dated documents of plain sentences: what questions about the whole are answered from.

Reference lists, headings, tables, notices of copyright and thanks for money are left out: what a document cites, what
its publisher prints below it and who paid for it is not what it says.

Of a very large session a sample is read: what a pile is about, and what comes and goes in it, thousands of documents
say as well as ten thousand do, and each costs the time to take its sentences apart.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from titans_cli.answers.extract import Candidate, is_notice, is_prose
from titans_cli.answers.references import lists_of_references
from titans_cli.cards import Card
from titans_cli.places import is_year_of_file
from titans_cli.records import Block, SourceRecord
from titans_cli.sentences import sentence_spans
from titans_cli.store import Episodes

_A_YEAR = r"(19[5-9]\d|20[0-4]\d)"
_YEAR = re.compile(rf"\b{_A_YEAR}\b")
_IN_NAME = re.compile(rf"(?<!\d){_A_YEAR}(?!\d)")
_PRINTED = re.compile(
    r"(?:\b(?:Published|Accepted|Received|Submitted|Revised)(?: online)?:?\s+(?:(?:on|in)\s+)?"
    r"|\barXiv:\S+ \[\S+\]\s+|\b[Cc]opyright\s+|©\s*)"
    rf"(?:©\s*)?(?:\d{{1,2}}\.?\s+)?(?:[A-Z][a-z]+\.?,?\s+)?(?:\d{{1,2}},\s+)?{_A_YEAR}\b"
)
FIRST_PAGE = 12_000  # characters of a first page that are looked through for printed dates
HEAD = 600  # characters of the first page in which a year is looked for
SAMPLED = 2_500_000  # tokens of documents that are read: half a minute of a core (docs/log.md, 2026-11-28) ...
LEAST_SAMPLED = 30  # ... and so many documents, however long they are


class Text(NamedTuple):
    source: SourceRecord
    year: int | None
    sentences: list[Candidate]


def year_of(source: SourceRecord, blocks: Sequence[Block], card: Card | None = None) -> int | None:
    """From its catalogue card, if that says when it was published; else from the file's name, its title, what the file
    states of itself, or the first year on its first page.

    A title may name the year of what the document is about, so where a publisher prints dates on a PDF's first page
    ("Published 12 June 2020", "© 2020"), the latest of them comes before it. What a word processor or a PDF's metadata
    states is when the file was made, perhaps from an older one: the last thing to go by.
    """
    if card is not None and card.published is not None:
        return card.published
    if name := _IN_NAME.search(source.name):
        return int(name.group())
    first = [b.text for b in blocks if b.page == blocks[0].page]
    if source.kind == "pdf" and (printed := _PRINTED.findall("\n".join(first)[:FIRST_PAGE])):
        return max(map(int, printed))
    if title := _YEAR.search(source.title or ""):
        return int(title.group())
    if source.year is not None and not is_year_of_file(source.kind):
        return source.year
    head = _YEAR.search(first[0][:HEAD]) if first else None
    return int(head.group()) if head else source.year


def sources_of(episodes: Episodes, only: set[int] | None = None) -> list[SourceRecord]:
    """Every document, or those of the sources `only`."""
    return [source for source in episodes.sources() if only is None or source.id in only]


def sampled(sources: Sequence[SourceRecord]) -> list[SourceRecord]:
    """All of them, if they are no more than `SAMPLED`; else as many as that is, drawn by a digest of what they hold:
    the same ones of the same documents, in whatever order these were read."""
    if sum(source.tokens for source in sources) <= SAMPLED:
        return list(sources)
    drawn, tokens = list[SourceRecord](), 0
    for source in sorted(sources, key=lambda s: (hashlib.sha256(s.sha256.encode()).digest(), s.uri)):
        tokens += source.tokens
        if tokens > SAMPLED and len(drawn) >= LEAST_SAMPLED:
            break
        drawn.append(source)
    return drawn


def texts_of(episodes: Episodes, only: set[int] | None = None) -> list[Text]:
    """Every document, or those of the sources `only`, or a sample of them if they are very many: dated ones first, by
    year, then the others as they were read."""
    texts, cards = [], episodes.cards()
    for source in sampled(sources_of(episodes, only)):
        blocks = episodes.blocks_of(source.id)
        texts.append(Text(source, year_of(source, blocks, cards.get(source.id)), _sentences(blocks)))
    return sorted(texts, key=lambda t: (t.year is None, t.year or 0, t.source.id))


def _sentences(blocks: Sequence[Block]) -> list[Candidate]:
    sentences: list[Candidate] = []
    ends = lists_of_references(blocks)
    for block in blocks:
        for a, b in sentence_spans(block.text[: ends.get(block.id)]):
            a = a + heading_length(block.text[a:b])
            text = block.text[a:b]
            if is_prose(text) and not is_notice(text):
                sentences.append(Candidate(block, block.start + a, block.start + b, text, 0.0, 0.0, 0.0))
    return sentences


_HEADING = re.compile(
    r"(?:\W*\d{1,2}(?:\.\d+)*\.?\s+[A-Z][\w ,:'’-]{2,60}\n+\s*"  # "3. Results", on a line of its own
    r"|#+ [^\n]{2,80}\n+\s*"
    r"|(?:Abstract|Summary|Introduction|Background|Methods|Results|Discussion|Conclusions?)\b(?:\s*[.:—–-]+\s*|\s*\n+\s*))"
    r"(?=[A-Z\"“‘(])"
)


def heading_length(sentence: str) -> int:
    """How many characters at the start of a sentence are a heading that has no full stop of its own."""
    match = _HEADING.match(sentence)
    return match.end() if match else 0
