"""What an ingest tells while it goes on: frozen values that use-cases yield and the command line renders."""

from __future__ import annotations

from dataclasses import dataclass

from titans_cli.steps import Hint


@dataclass(frozen=True, slots=True)
class IngestStarted:
    session: str
    files: int
    bytes: int
    caution: str | None = None  # what the user has to know of the model's memory


@dataclass(frozen=True, slots=True)
class FilesLeftOut:
    """Files of the folders and archives that were named, of which no reader knows the kind by their names."""

    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FileSkipped:
    """Nothing to do for this file: already read, `reason` "unchanged"; or "continued", a while ago in this run."""

    source: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class FileChanged:
    """The file is not what the session read under this name. `kept`: the old version stays beside the new one."""

    source: str
    kept: bool
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
    unit: str = "page"  # what the document's pages are


@dataclass(frozen=True, slots=True)
class FileFinished:
    source: str
    pages: int
    blocks: int
    tokens: int
    surprise: float
    snapshot: int  # the number of the newest
    warnings: tuple[str, ...]
    unit: str = "page"  # what the document's pages are
    omissions: tuple[tuple[str, int], ...] = ()  # what its reader left out, by kind
    new: float | None = None  # share of the model's own surprise that the memory of the session left; None: it has none


@dataclass(frozen=True, slots=True)
class FileFailed:
    source: str
    kind: str
    reason: str
    hint: Hint | None


@dataclass(frozen=True, slots=True)
class IngestFinished:
    session: str
    files_read: int
    files_skipped: int
    files_failed: int
    tokens: int
    seconds: float
    snapshot: int | None
    files_left_out: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """Whoever follows folders has nothing to do now, or cannot do it, for the reason `because`."""

    session: str
    files: int  # that lie there
    due: int  # files that are to be read
    because: str | None


IngestEvent = (
    IngestStarted
    | FilesLeftOut
    | FileSkipped
    | FileChanged
    | FileStarted
    | BlocksRead
    | BlockRefused
    | FileFinished
    | FileFailed
    | IngestFinished
)
