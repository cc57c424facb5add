"""What a report tells of a session: plain values, gathered once, drawn without a second look at the session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from titans_cli.records import DisagreementTold, Episode, SessionInfo, SourceRecord, ThemeTold, TrendTold
from titans_cli.sessions.gate import Probe
from titans_cli.sessions.instructions import Suspicion


@dataclass(frozen=True, slots=True)
class Stretch:
    """A run of the stream: one segment, or as many as make the stream fit a chart. Surprise as the reading noted it."""

    start: int  # tokens before it
    end: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PageTold:
    number: int
    surprise: float  # mean over its segments
    begins: str  # its first words


@dataclass(frozen=True, slots=True)
class DocumentTold:
    """A document and what became of it. `first` and `now` are None where none of its passages was measured."""

    number: int  # as the session counts
    name: str  # its title, or else its file's name
    by: str  # its authors and the year, as far as its card has them
    source: SourceRecord
    start: int  # tokens read before it
    end: int
    surprise: float  # mean, as the reading noted it
    pages: tuple[PageTold, ...]  # empty once the report has listed as many as it may
    passages: int  # measured
    first: float | None  # mean surprise of those to their cell just before it learned them; 1.0: it knew nothing
    now: float | None  # and to the cell as it is
    skipped: str = ""  # what its reader left out, in words
    year: int | None = None
    label: str = ""  # as it is cited: "Wright 2019, treesiftr"


@dataclass(frozen=True, slots=True)
class AbsorbedPassage:
    """A segment put to its own cell, as the cell was just before learning it and as it is now."""

    source: int
    index: int
    page: int
    text: str
    first: float
    now: float


@dataclass(frozen=True, slots=True)
class Quote:
    """A passage as it stands in the retained text, with some of what stands around it."""

    number: int  # as the answer cites it
    document: int  # of the report; 0 when it is not in the session any more
    source: str  # as displayed
    page: int
    before: str
    text: str  # empty when the words that were quoted are not known any more
    after: str


@dataclass(frozen=True, slots=True)
class LoggedQuestion:
    at: str
    text: str
    answer: str
    quotes: tuple[Quote, ...]
    headline: str = ""  # the short answer, if there was one


@dataclass(frozen=True, slots=True)
class PileSummary:
    """The answer to "summarize trends", in parts."""

    lead: str
    themes: tuple[ThemeTold, ...]
    disagreements: tuple[DisagreementTold, ...]
    alone: tuple[str, ...]
    quotes: tuple[Quote, ...]
    trends: tuple[TrendTold, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportFacts:
    session: SessionInfo
    forgettings: int  # that the session had been through when it was looked at
    made: str
    version: str
    memory_sha256: str
    tokens: int
    pages: int
    cells: int
    segments: int
    stream: tuple[Stretch, ...]
    documents: tuple[DocumentTold, ...]
    passages: tuple[AbsorbedPassage, ...]
    probes: tuple[Probe, ...]
    suspicions: tuple[Suspicion, ...]
    whole: PileSummary
    questions: tuple[LoggedQuestion, ...]  # the newest
    asked: int  # all of them
    episodes: tuple[Episode, ...]  # the newest, oldest first
    kinds: Mapping[str, int]  # how many episodes of each kind there are
