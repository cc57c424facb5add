"""Frozen values that travel between the packages. No behaviour beyond what a value knows about itself.

Reading:   Source -> Document(Page...) -> Segment -> Block (a segment once it is stored)
Storing:   SourceRecord, Block, SnapshotInfo, Episode, SessionInfo, EntryInfo
Answering: Citation, Statement, Answer
Progress:  the *Event classes at the end; use-cases yield them, the command line renders them
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a document. `text` is clean and is what is retained: quotes are verbatim in it."""

    number: int  # counted from 1; formats without pages have one page, number 1
    text: str


@dataclass(frozen=True, slots=True)
class Source:
    """Something to read. `uri` identifies it in the session: an absolute path, or "-" for standard input."""

    uri: str
    display: str  # as the user typed or would type it; shown in messages and citations


@dataclass(frozen=True, slots=True)
class Document:
    """What a reader makes of one source."""

    source: Source
    sha256: str  # of the raw bytes
    size: int  # raw bytes
    kind: str  # "pdf", "txt", "md", "html"
    title: str | None
    pages: tuple[Page, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of whole sentences of one page, at most the model's segment length in tokens."""

    index: int  # within its document, from 0
    page: int
    start: int  # character offsets into the page's text
    end: int
    text: str
    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A segment as the session retains it. `position` is the number of tokens read before it in the session."""

    id: int
    source_id: int
    index: int
    page: int
    start: int
    end: int
    text: str
    tokens: int
    position: int
    surprise: float


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """One document of a session. `blocks_done` of `blocks_total` are committed; equal once it is wholly read."""

    id: int
    uri: str
    display: str
    sha256: str
    size: int
    kind: str
    title: str | None
    pages: int
    blocks_total: int
    blocks_done: int
    tokens: int
    read_at: str  # ISO 8601, UTC
    origin: str  # "read", or "ltm:<entry>" for what a session inherited

    @property
    def complete(self) -> bool:
        return self.blocks_done == self.blocks_total


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """One committed memory state. `source_id` is the last source that had been (partly) read."""

    number: int
    parent: int | None
    position: int  # tokens
    source_id: int | None
    blocks_done: int  # of that source
    sha256: str  # of the file
    size: int
    created: str


@dataclass(frozen=True, slots=True)
class Episode:
    """Something the session experienced."""

    id: int
    at: str
    kind: str  # "read", "asked", "answered", "started", "promoted", ...
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """What `session.json` says."""

    name: str
    id: str  # ULID
    created: str
    state: str  # "open", "promoted"
    format: int
    fingerprint: str  # of the model
    model: str  # its name, or the path it was loaded from
    memory: Mapping[str, Any]  # the memory's configuration
    threads: int  # torch threads: part of what fixes the bits
    origin: str | None  # the LTM entry it started from
    promoted_to: str | None = None


@dataclass(frozen=True, slots=True)
class EntryInfo:
    """What an LTM entry's `entry.json` says."""

    name: str
    id: str
    created: str
    format: int
    fingerprint: str
    model: str
    memory: Mapping[str, Any]
    threads: int
    session: str  # name of the session it was promoted from
    session_id: str
    parent: str | None  # the entry that session had started from
    note: str | None
    sources: tuple[Mapping[str, Any], ...]  # uri, sha256, tokens, title
    position: int  # tokens
    memory_sha256: str
    episodes_sha256: str


@dataclass(frozen=True, slots=True)
class Citation:
    """A quote that was found, character for character, in the retained text."""

    number: int
    source: str  # as displayed
    uri: str
    page: int
    start: int  # offsets into the page's text
    end: int
    quote: str
    surprise: float
    score: float


@dataclass(frozen=True, slots=True)
class Answer:
    """`support` is "evidence" when the retained text carries it, "none" when nothing in the session answers."""

    question: str
    support: str
    text: str  # sentences with [n] markers, or the sentence saying that nothing answers
    citations: tuple[Citation, ...]
    recalled: str | None  # what the memory alone generated; never evidence
    session: str
    snapshot: int
    seconds: float


# ---------------------------------------------------------------- progress


@dataclass(frozen=True, slots=True)
class IngestStarted:
    session: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class FileSkipped:
    """Nothing to do for this file: already read, unchanged. `reason` is "unchanged" or "changed"."""

    source: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class FileStarted:
    source: str
    pages: int
    blocks: int
    tokens: int
    resumed_at: int  # block; 0 when read from its beginning


@dataclass(frozen=True, slots=True)
class BlocksRead:
    """A batch of blocks went through the memory. Counters are totals of this run."""

    source: str
    blocks_done: int
    blocks_total: int
    tokens: int
    tokens_per_s: float
    surprise: float
    eta_s: float | None
    files_done: int
    files: int


@dataclass(frozen=True, slots=True)
class BlockRefused:
    """A segment whose update would have poisoned the memory: rolled back, retained as text, not learned."""

    source: str
    block: int
    page: int
    reason: str  # "not finite", "exploding"


@dataclass(frozen=True, slots=True)
class FileFinished:
    source: str
    pages: int
    blocks: int
    tokens: int
    surprise: float
    snapshot: int
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FileFailed:
    source: str
    kind: str
    reason: str
    hint: str | None


@dataclass(frozen=True, slots=True)
class IngestFinished:
    session: str
    files_read: int
    files_skipped: int
    files_failed: int
    tokens: int
    seconds: float
    snapshot: int | None


IngestEvent = (
    IngestStarted | FileSkipped | FileStarted | BlocksRead | BlockRefused | FileFinished | FileFailed | IngestFinished
)
