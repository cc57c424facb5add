"""Citations of a session's retained text, and which documents an answer was made from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from titans_cli.answers.corpus import year_of
from titans_cli.answers.dates import written_on
from titans_cli.answers.evidence import ScoredBlock
from titans_cli.answers.extract import Candidate
from titans_cli.cards import Card
from titans_cli.errors import DamagedError
from titans_cli.places import place
from titans_cli.records import Citation, Evidence, SourceRecord
from titans_cli.store import Episodes


class Citer:
    """Makes citations. `made_from`: the sources that were quoted, or shown to whoever wrote the answer."""

    def __init__(self, episodes: Episodes, cards: Mapping[int, Card]) -> None:
        self.episodes, self.cards, self.sources = episodes, cards, {s.id: s for s in episodes.sources()}
        self.made_from = set[int]()

    def cite(self, number: int, chosen: Candidate) -> Citation:
        """Raises DamagedError if the quote is not, character for character, in the retained page."""
        self.made_from.add(chosen.block.source_id)
        return cited(number, chosen, self.sources, self.episodes)

    def year(self, chosen: Candidate) -> int | None:
        source = self.sources[chosen.block.source_id]
        return year_of(source, self.episodes.blocks_of(source.id), self.cards.get(source.id))

    def day(self, chosen: Candidate) -> date | None:
        """The day its document was written, as it says at its beginning; of what was told, the day it was told."""
        source = self.sources[chosen.block.source_id]
        if source.origin == "told":
            return date.fromisoformat(source.read_at[:10])
        return written_on(self.episodes.page(source.id, 1))

    def evidence(self, scored: ScoredBlock) -> Evidence:
        b = scored.block
        source = self.sources[b.source_id]
        where = place(source.kind, b.page, self.episodes.page(b.source_id, b.page), b.start)
        return Evidence(b.id, source.display, b.page, b.start, b.end, scored.score, where)


def cited(number: int, chosen: Candidate, sources: dict[int, SourceRecord], episodes: Episodes) -> Citation:
    """Raises DamagedError if the quote is not, character for character, in the retained page."""
    block = chosen.block
    page = episodes.page(block.source_id, block.page)
    if page[chosen.start : chosen.end] != chosen.text:
        raise DamagedError(
            f"block {block.id} does not match its page", subject=str(episodes.path), hint="Ingest the source anew."
        )
    source = sources[block.source_id]
    where = place(source.kind, block.page, page, chosen.start)
    span = (source.display, source.uri, block.page, chosen.start, chosen.end)
    return Citation(number, *span, chosen.text, block.surprise, round(chosen.support, 4), where)
