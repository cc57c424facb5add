"""What tools take and give: arguments with their bounds, and the results that are not records of a use-case already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from titans_cli.progress import FileFailed, IngestFinished
from titans_cli.records import Episode, Item
from titans_cli.sessions.items import LONGEST_NAME, LONGEST_TEXT, ItemResult
from titans_cli.sessions.lifecycle import SessionDetails
from titans_cli.sessions.pages import SourceLine
from titans_cli.sessions.selection import Filter
from titans_cli.steps import in_tools

MOST_NAMES = 100  # in one list of arguments
LATEST = 5  # events that a status tells
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Names = Annotated[list[Name], Field(max_length=MOST_NAMES)]

# An argument that may be left out is "" and not null: where null may stand, the SDK reads a text as JSON if it is any.
Maybe = Annotated[str, Field(max_length=LONGEST_NAME)]

Handle = Annotated[str, Field(max_length=100, description="Of the session, as session_open gave it.")]
Text = Annotated[str, Field(description=f"At most {LONGEST_TEXT:,} characters.")]
LONGEST_QUESTION = 10_000
Question = Annotated[str, Field(min_length=1, max_length=LONGEST_QUESTION)]
Named = Annotated[str, Field(min_length=1, max_length=4096, description="An item, by its key or id.")]
Paths = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=4096)]],
    Field(max_length=1000, description="Files and folders, absolute or below a folder that the server may read."),
]
Key = Annotated[Maybe, Field(description="A name of your own: telling it again learns nothing twice.")]
Source = Annotated[Maybe, Field(description="Where the text comes from: it is cited by this.")]
Sentences = Annotated[int, Field(ge=1, le=20)]


class Within(BaseModel):
    """What takes part: all that is given must hold."""

    model_config = ConfigDict(extra="forbid")

    tags: Annotated[Names, Field(description="Only items with all of these.")] = []
    sources: Annotated[Names, Field(description="Globs: the key, label, path or file name matches any of them.")] = []
    since: Annotated[Name | None, Field(description="How long ago (2h, 7d), or ISO 8601.")] = None
    until: Annotated[Name | None, Field(description="As since.")] = None
    least_surprise: Annotated[float | None, Field(description="At least so surprising when it was read.")] = None
    most_surprise: float | None = None

    def filter(self) -> Filter:
        bounds = (self.since, self.until, self.least_surprise, self.most_surprise)
        return Filter(self.tags, self.sources, *bounds)


Scope = Annotated[Within | None, Field(description="Only what these let through; null: everything.")]
Act = Literal["list", "exclude", "include"]
Kind = Literal["trends", "themes", "disagreements"]
Route = Literal["auto", "fast", "deliberate"]


@dataclass(frozen=True, slots=True)
class Opened:
    """A session. `state`: "open", or "promoted" when all it knew went to the entry `promoted_to` and it is closed."""

    handle: str
    name: str
    made: bool  # just now; it knows nothing, or what the entry `origin` does
    state: str
    promoted_to: str | None
    origin: str | None
    model: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A document that was not read, why, and what to do about it."""

    source: str
    kind: str
    reason: str
    hint: str | None

    @classmethod
    def of(cls, event: FileFailed) -> Failed:
        return cls(event.source, event.kind, event.reason, in_tools(event.hint) if event.hint else None)


@dataclass(frozen=True, slots=True)
class Added:
    """What was memorised, all of it durable: a text (`told`), or documents (`read`, and `failed` with the reasons)."""

    told: ItemResult | None = None
    read: IngestFinished | None = None
    failed: tuple[Failed, ...] = ()
    left_out: int = 0  # failures beyond those


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A document that was begun: adding it again, or anything by paths, reads on from here."""

    label: str
    blocks_done: int
    blocks_total: int


@dataclass(frozen=True, slots=True)
class Status:
    """What a session holds, as of its last commit."""

    handle: str
    name: str
    state: str
    promoted_to: str | None
    origin: str | None
    documents: int
    items: int  # that it was told
    excluded: int  # of both, that take no part in answers
    superseded: int  # old versions that fast updates left on disk
    tokens: int
    memory_sha256: str | None  # equal digests, equal memories
    bytes_on_disk: int
    unfinished: tuple[Unfinished, ...]
    latest: tuple[Episode, ...]  # what it experienced last, newest last: where it stopped
    calls: int  # of this server, that are working on it or waiting

    @classmethod
    def of(cls, details: SessionDetails, latest: Sequence[Episode], calls: int) -> Status:
        info, sources = details.info, details.sources
        items = sum(source.kind == "item" for source in sources)
        return cls(
            info.id,
            info.name,
            info.state,
            info.promoted_to,
            info.origin,
            len(sources) - items,
            items,
            details.excluded,
            details.superseded,
            details.position,
            details.memory_sha256,
            details.bytes_on_disk,
            tuple(Unfinished(s.display, s.blocks_done, s.blocks_total) for s in sources if not s.complete),
            tuple(latest),
            calls,
        )


@dataclass(frozen=True, slots=True)
class Listed:
    """The items and documents that a filter lets through, as they are now, oldest first."""

    session: str
    total: int
    items: tuple[Item, ...]  # from `offset` on
    offset: int
    changed: int  # of all: excluded or included by this call


@dataclass(frozen=True, slots=True)
class SourcesListed:
    """A page of the documents of a session."""

    session: str
    documents: int  # all of them
    sources: tuple[SourceLine, ...]
    offset: int
    items: int  # that it was told besides


@dataclass(frozen=True, slots=True)
class PageText:
    """A page of a document, from a character on. `pages`: those that have text; `left`: characters that follow."""

    session: str
    document: int
    source: str
    label: str
    unit: str
    page: int
    pages: tuple[int, ...]
    start: int
    text: str
    left: int
