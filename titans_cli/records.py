"""Frozen values that travel between the packages. No behaviour beyond what a value knows about itself.

Reading:   Source -> Document(Page...) -> Segment -> Block (a segment once it is stored)
Storing:   SourceRecord, ItemRow, Item, Block, SnapshotInfo, Episode, SessionInfo, EntryInfo
Answering: Citation, Statement, Answer
Progress:  progress.py
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from titans_cli.cards import Card


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a document. `text` is clean and is what is retained: quotes are verbatim in it.

    What a page is depends on the kind: a row of a table, a cell of a notebook, a message of a mailbox
    (`places.place`). What is blank or cannot be read has a number and no page.
    """

    number: int  # counted from 1; formats without pages have one page, number 1
    text: str


@dataclass(frozen=True, slots=True)
class Source:
    """Something to read. `uri` identifies it in the session: an absolute path, or "-" for standard input."""

    uri: str
    display: str  # as the user typed or would type it; shown in messages and citations


Omission = tuple[str, int]  # what a reader left out, as a noun in the singular ("form field"), and how often


@dataclass(frozen=True, slots=True)
class Document:
    """What a reader makes of one source."""

    source: Source
    sha256: str  # of the raw bytes
    size: int  # raw bytes
    kind: str  # "pdf", "txt", "docx", ...: `readers.sniff` knows them all
    title: str | None
    pages: tuple[Page, ...]
    warnings: tuple[str, ...] = ()
    year: int | None = None  # in which it was published or sent, if the file says so about itself
    omissions: tuple[Omission, ...] = ()  # each kind once, in alphabetical order
    card: Card = field(default_factory=Card)


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
    """A segment as the session retains it. `position` is the number of tokens of its document before it."""

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
    origin: str  # "read", "told", or `INHERITED` and the name of the entry that a session inherited it from
    year: int | None = None  # as the file states it about itself

    @property
    def complete(self) -> bool:
        return self.blocks_done == self.blocks_total

    @property
    def name(self) -> str:
        """Of the file alone, without the folders it lies in."""
        return self.display.rsplit("/", 1)[-1]


# What a session experiences, by kind.
EVENTS = ("started", "read", "refused", "told", "asked", "answered", "excluded", "included")
CLOSED = "closed."  # so begin the names of the tensors of a cell that learns no more
INHERITED = "ltm:"  # so begins the origin of what a session has from an entry; the entry's name follows
VERBATIM, OUTLINE, TEXT = "verbatim", "outline", "text"  # how much of a cell is kept
ITEM = "item:"  # so begins the uri of what a session was told; the item's ULID follows
EXCLUDED, SUPERSEDED = "excluded", "superseded"  # why something a session holds takes no part in its answers


@dataclass(frozen=True, slots=True)
class ItemRow:
    """What is kept of an item beside its text."""

    key: str | None  # no two items of a session have the same
    tags: tuple[str, ...]  # sorted
    withheld: str | None = None  # EXCLUDED


@dataclass(frozen=True, slots=True)
class Item:
    """Something a session holds: an item that it was told, or a document that it read."""

    id: str  # an item's ULID, which it keeps when it is updated; a document's number
    source_id: int
    label: str  # as cited
    kind: str  # "item", or of a document "pdf", "txt", ...
    key: str | None
    tags: tuple[str, ...]
    at: str  # when it was told or read
    sha256: str
    tokens: int
    surprise: float  # mean of its blocks, when they were read
    withheld: str | None  # EXCLUDED, SUPERSEDED, or None when it takes part in answers


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """One committed cell: the memory of a stretch of one document. Later cells of the document have higher `cell`s."""

    number: int  # of its file; a newer state of the same cell has a higher one
    source_id: int
    cell: int  # within its document, from 0
    blocks_done: int  # of the document: this cell has learned those from the previous cell's `blocks_done` up to here
    sha256: str  # of the file, which holds nothing but what was learned: equal digests, equal memories
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
class Loading:
    """How somebody else's model is to be loaded; kept by the session."""

    device: str = "auto"  # "cpu", "cuda", "mps"
    dtype: str = "auto"  # "fp32", "bf16", "fp16"
    adapter: str | None = None  # of the memory: a file, the sha256 of one, "untrained"; None: the newest there is
    revision: str | None = None  # of the hub: a commit
    trust_remote_code: bool = False
    session_memory: bool = False  # beside the cells of documents one of the whole session, where one was trained


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a session's memory still holds of what was read, in tokens by form."""

    bound: int | None  # bytes that it may take; None: as much as it wants
    bytes: int  # that it takes, with the topics that a question looks for
    verbatim: int
    outline: int
    text: int  # only found by its words


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
    memory_sha256: str  # of the file with all cells
    episodes_sha256: str
    promoted_by: str | None = None
    forced: bool = False  # promoted below a bound of the gate
    probes: tuple[Mapping[str, Any], ...] = ()  # as measured before; empty for an entry of before there were any
    suspicions: tuple[Mapping[str, Any], ...] = ()  # sentences that try to instruct a reader
    memory_bytes: int | None = None  # sizes of the two files; an early entry does not say
    episodes_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Vetting:
    """What the promotion gate hands to the entry. `memory_sha256`: the session's digest when it was probed."""

    memory_sha256: str
    promoted_by: str | None
    forced: bool
    probes: tuple[Mapping[str, Any], ...]
    suspicions: tuple[Mapping[str, Any], ...]


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
    place: str = ""  # where that is, in words a reader can look it up by: "page 3", "row 12", "cell 4", "line 70"
    label: str = ""  # as a reference has it: "Wright 2019, treesiftr"; empty for what is no publication


@dataclass(frozen=True, slots=True)
class Evidence:
    """A block that was looked at for an answer."""

    block: int  # its id in the session
    source: str
    page: int
    start: int  # offsets into the page's text
    end: int
    score: float
    place: str = ""  # as a citation's


@dataclass(frozen=True, slots=True)
class ThemeTold:
    """A topic of the whole. `series`: (year or span of years, documents of it, documents), oldest first."""

    phrase: str  # the first of its names
    direction: str  # "rising", "falling", "vanishing", "steady", "frequent"
    documents: int
    series: tuple[tuple[str, int, int], ...]
    company: tuple[str, ...]  # its other names
    citations: tuple[int, ...]  # numbers
    share: float = 0.0  # of all documents
    central: tuple[str, ...] = ()  # titles of the documents that are most about it
    members: tuple[str, ...] = ()  # all its documents as displayed, most central first
    terms: tuple[str, ...] = ()  # its most typical words


@dataclass(frozen=True, slots=True)
class TrendTold:
    """A phrase that comes, goes or stays over the years; `series` as of a theme."""

    phrase: str
    variants: tuple[str, ...]  # other names of the same
    direction: str  # "rising", "falling", "vanishing", "peaked", "steady"
    documents: int
    series: tuple[tuple[str, int, int], ...]
    sure: float  # probability of the direction
    change: tuple[float, float, float]  # of the share of documents, first year to last: 2.5%, mean, 97.5%
    first: int | None  # the year it arrived, if documents enough before lack it
    peak: int | None  # the year it was most common, of what peaked
    citations: tuple[int, ...]
    company: tuple[str, ...] = ()  # phrases of the same matter, or of the same documents, that change with it


@dataclass(frozen=True, slots=True)
class DisagreementTold:
    """Sources that say different things of one matter; a side is (its year or None, the number of its citation)."""

    topic: str
    sides: tuple[tuple[int | None, int], ...]
    status: str  # "open", "resolved", "unknown"
    about: tuple[int, ...]  # citations that speak of the disagreement itself


@dataclass(frozen=True, slots=True)
class Step:
    """What a deliberate answer did: for one part of its question, or in one round with a reasoning model."""

    part: str
    draft: tuple[str, ...]  # sentences proposed
    kept: tuple[str, ...]  # those that their evidence supports
    note: str


@dataclass(frozen=True, slots=True)
class Answer:
    """`support`: "evidence" when the retained text carries it, "card" when a catalogue card says it and no page does,
    "memory" when only the memory was asked, or "none"."""

    question: str
    support: str
    text: str  # sentences with [n] markers, or the sentence saying that nothing answers
    citations: tuple[Citation, ...]
    recalled: str | None  # what the memory alone generated, if it is sure enough to be told; never evidence
    session: str
    snapshot: int
    seconds: float
    kind: str = "fact"  # "fact", "trends", "themes", "disagreements", "change", "summary", "card", "pile"
    short: str | None = None  # the answer proper, a few words of the first citation, if they could be told
    agrees: bool | None = None  # whether what memory surely said stands in what is cited; None when it was not sure
    memory: str | None = None  # what the memory alone generated, however unsure; None when it was not asked
    confidence: float | None = None  # of that: the geometric mean of its tokens' probabilities
    lead: str = ""  # of an answer about the whole: its first paragraph
    themes: tuple[ThemeTold, ...] = ()
    trends: tuple[TrendTold, ...] = ()
    disagreements: tuple[DisagreementTold, ...] = ()
    alone: tuple[str, ...] = ()  # documents in no topic
    evidence: tuple[Evidence, ...] = ()
    route: str = "fast"  # "fast", "deliberate"
    routed: str = ""  # why this route
    steps: tuple[Step, ...] = ()
    written_by: str | None = None  # the model that wrote the text; None: it is sentences of the documents
    unverified: tuple[str, ...] = ()  # sentences of the text that what they cite does not support
    incomplete: str | None = None  # why the model that wrote stopped before its reply was complete, if it did
    caution: str | None = None  # what the user has to know of the model's memory
    reasoner: str | None = None  # the model that drafted the text, if another one did
    probability: float | None = None  # by a reader: that `short` is right, or of a refusal, that nothing answers
    understood: str | None = None  # the question as it was read, if a name in it was misspelled
    searched: str | None = None  # why the question was searched for by its words alone, if it was
    about: int | None = None  # the source that it is about, if it is one alone: what "it" means in a next question
    made_from: tuple[int, ...] = ()  # numbers of the sources without which the text would be another
    unlogged: str | None = None  # why the session does not keep it, though it was to be kept


# ---------------------------------------------------------------- progress
