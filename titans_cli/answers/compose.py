"""The answer: sentences with numbered citations, each quote found verbatim in the retained text, or an honest no."""

from __future__ import annotations

import time
from collections.abc import Sequence

from titans_cli.answers.evidence import gather
from titans_cli.answers.extract import Candidate, Question, candidates, select, titles_of
from titans_cli.answers.overview import Theme, is_overview, themes
from titans_cli.errors import DamagedError
from titans_cli.memory import MemoryState
from titans_cli.model.engine import Engine, Recollection
from titans_cli.records import Answer, Citation, SourceRecord
from titans_cli.store import Episodes

NOTHING = "Nothing in this session answers that."
BLOCKS = 16  # blocks whose sentences are looked at
THEMES = 6
LEAST_CONFIDENCE = 0.7  # below this a recollection is noise: it is not told and takes no part
UNKNOWN = "unknown"  # what the model was trained to say of what it never read


def answer(
    question: str,
    *,
    episodes: Episodes,
    engine: Engine,
    state: MemoryState,
    session: str,
    snapshot: int,
    sentences: int = 3,
) -> Answer:
    """Answer from one session's memory and retained text. Changes neither."""
    begun = time.monotonic()
    sources = {s.id: s for s in episodes.sources()}
    found: list[Theme] = []
    chosen: Sequence[Candidate] = []
    recalled = None
    if is_overview(question):
        found, texts = themes(episodes, engine, THEMES)
        chosen = [theme.sentence for theme in found]
        years = sorted(t.year for t in texts if t.year is not None)
    else:
        recalled = _worth_telling(engine.recall(state, question))
        terms = Question(question, episodes)
        evidence = gather(question, episodes, engine, recalled, BLOCKS)
        chosen = select(terms, candidates(terms, evidence, titles_of(list(sources.values())), recalled), sentences)
    citations = tuple(_cite(n, c, sources, episodes) for n, c in enumerate(chosen, start=1))
    if not citations:
        text = NOTHING
    elif found:
        text = _tell(found, len(sources), years)
    else:
        text = " ".join(f"{_one_line(c.quote)} [{c.number}]" for c in citations)
    support = "evidence" if citations else "none"
    return Answer(question, support, text, citations, recalled, session, snapshot, time.monotonic() - begun)


def _worth_telling(recollection: Recollection) -> str | None:
    said = recollection.text.strip()
    return said if said and said != UNKNOWN and recollection.confidence >= LEAST_CONFIDENCE else None


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _cite(number: int, chosen: Candidate, sources: dict[int, SourceRecord], episodes: Episodes) -> Citation:
    """Raises DamagedError if the quote is not, character for character, in the retained page."""
    block = chosen.block
    page = episodes.page(block.source_id, block.page)
    if page[chosen.start : chosen.end] != chosen.text:
        raise DamagedError(
            f"block {block.id} does not match its page", subject=str(episodes.path), hint="Ingest the source anew."
        )
    source = sources[block.source_id]
    return Citation(
        number,
        source.display,
        source.uri,
        block.page,
        chosen.start,
        chosen.end,
        chosen.text,
        block.surprise,
        chosen.score,
    )


def _tell(found: Sequence[Theme], documents: int, years: Sequence[int]) -> str:
    span = f" from {years[0]} to {years[-1]}" if years and years[0] != years[-1] else ""
    lines = [f"Across {documents} documents{span}:"]
    for number, theme in enumerate(found, start=1):
        counts = (
            f"{theme.early[0]} of the {theme.early[1]} earlier, {theme.late[0]} of the {theme.late[1]} later documents"
        )
        lines.append(f"- {theme.direction}: {theme.phrase} ({counts}). {_one_line(theme.sentence.text)} [{number}]")
    return "\n".join(lines)
