"""What sessions and answers ask of a model, whoever it is: the native network, or a memory on somebody else's.

A reader cuts pages into segments, learns them into cells, and says what cells hold. It owns no state of any session:
the memory goes in and comes out of every call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from titans_cli.errors import IncompatibleError
from titans_cli.records import Page, Segment
from titans_cli.sentences import VERSIONS

if TYPE_CHECKING:  # whoever skips what was read asks for no arithmetic, and must not wait for it
    from torch import Tensor

    from titans_cli.memory import MemoryState
    from titans_cli.memory.session import ModelOutputs, SessionState

EMBEDDED = "titans-mini"
EMBEDDED_PATH = Path(__file__).resolve().parent.parent / "weights" / EMBEDDED
PRECISIONS = ("fp32", "bf16")
RULES = 2  # version of calibration and tasks' wording: another one means another fingerprint
# What whoever asks an attached memory has to know until it is trained.
UNTRAINED = (
    "the memory of this model is untrained: its own recall of facts is weak, and what it adds to what the model says "
    "is little until it is trained (docs/models.md)"
)
BATCH = 8  # segments of one trunk pass: part of the arithmetic, since it fixes the shapes of the products
NEAREST = 8  # cells that an answer is read from
FOCUS = 50.0  # of the softmax over them, by the cosine of topics
_AT_ONCE = 4_096  # topics that are unpacked at once: a megabyte of them as floats stays in the processor's cache
LONGEST_ANSWER = 40  # tokens generated from memory alone


class Cell(NamedTuple):
    """What one cell has learned, and the topics of what it holds, to find it by among many; and what its part of the
    document writes into the memory of the session, where there is one."""

    weights: Tensor  # [1, F, V], as of MemoryState
    momentum: Tensor
    topics: Tensor  # [n, T], unit rows, half precision: one for every token whose write was worth it
    share: Tensor | None = None  # [m, 4] int32, rows as of memory/session.py

    @property
    def memory(self) -> MemoryState:
        from titans_cli.memory import MemoryState

        return MemoryState(self.weights, self.momentum)

    def opened(self) -> Cell:
        return self


class ShelvedCell(Protocol):
    """A cell that can be found by its topics, and whose weights may have to be fetched."""

    @property
    def topics(self) -> Tensor:
        """A row each: unit, in half precision, or of any length and packed as by memory/closed.py (uint8)."""

    def opened(self) -> Cell: ...


@runtime_checkable
class ManyCells(Protocol):
    """Cells that are too many to look at the topics of each."""

    def likely(self, topic: Tensor) -> Sequence[ShelvedCell]:
        """Those of them that may be nearest to a unit topic [T]."""


class ReadResult(NamedTuple):
    state: Cell
    surprise: list[float]  # per segment: mean over its tokens of |v - M(k)|^2 before it was written; 1.0 knows nothing
    landmarks: Tensor  # [N, L], unit rows
    refused: dict[int, str]  # segments that were not learned because they would have poisoned the memory, and why
    seen: tuple[
        ModelOutputs, ...
    ] = ()  # what the language model made of each batch, where there is a memory of the session


class Recollection(NamedTuple):
    text: str
    confidence: float  # geometric mean of the tokens' probabilities


@dataclass(frozen=True, slots=True)
class ReaderAnswer:
    """What a reader answered. `text` stands, character for character, at `start` to `end` of passage `passage`; None:
    there was nothing to read."""

    text: str | None
    passage: int | None  # index
    start: int
    end: int
    probability: float  # calibrated: that `text` is right, if anything is
    absent: float  # ... that nothing in the passages answers


class PassageReader(Protocol):
    """A language model that answers from passages put before it."""

    def read(self, question: str, passages: Sequence[str], titles: Sequence[str] = ()) -> ReaderAnswer:
        """`passages`: of 100 to 250 words each, likeliest first; `titles`: of their documents, as many or none."""


class Encoder(Protocol):
    """The face that all tokenizers show here: sentences one at a time, without special tokens."""

    def encode(self, sentence: str) -> list[int]: ...

    def encode_many(self, sentences: Sequence[str]) -> Iterator[list[int]]: ...

    def decode(self, ids: Sequence[int]) -> str: ...


class SessionLearner(Protocol):
    """A language model with a memory of the whole session, which it reads on with."""

    @property
    def vocabulary(self) -> int: ...

    def initial_state(self) -> SessionState: ...

    def read_seen(self, state: SessionState, seen: ModelOutputs) -> Tensor:
        """Nats [n] of a text with the memory, each token predicted before it is written into `state`, in place."""


class SessionModel(Protocol):
    """Everything that `sessions` and `answers` use of a model. All methods run without gradients."""

    fingerprint: str  # of all that decides what is learned and said
    name: str  # to load it by again
    precision: str

    @property
    def tokenizer(self) -> Encoder: ...

    @property
    def cell_segments(self) -> int:
        """How many segments of a document one memory cell takes before the next begins; a multiple of `BATCH`."""

    @property
    def landmark_width(self) -> int: ...

    @property
    def session(self) -> SessionLearner | None:
        """None: this model keeps no memory of the whole session."""

    @property
    def caution(self) -> str | None:
        """What the user has to know of this model's memory before trusting it; None when there is nothing."""

    def configuration(self) -> Mapping[str, Any]:
        """The memory's configuration and all else that a session must keep to load the very same model again."""

    def initial_state(self) -> Cell: ...

    def to_tensors(self, state: Cell) -> dict[str, Tensor]: ...

    def from_tensors(self, tensors: dict[str, Tensor], topics: Tensor | None = None) -> Cell:
        """Of an open cell or a closed one, whose topics need not be made again if they are at hand.

        Raises IncompatibleError for a state of another shape."""

    def topics_of(self, tensors: dict[str, Tensor]) -> Tensor:
        """The topics of `from_tensors` as `ShelvedCell` has them, without what its weights cost.

        Raises IncompatibleError as that."""

    @property
    def closed_token(self) -> int | None:
        """Bytes that a token takes in a closed cell, at most; None: this model's cells stay open."""

    def closed(self, state: Cell, segments: Sequence[Segment]) -> dict[str, Tensor]:
        """What is kept of a cell that learns no more, having learned `segments`: smaller, where the model can.

        The names of a closed form begin with `records.CLOSED`. What answers from then on is what `from_tensors` makes
        of it. A function of the state and the text alone.
        """

    def outlined(self, tensors: dict[str, Tensor], share: float) -> dict[str, Tensor]:
        """A closed cell on the given share of its tokens, those that say most; without any it is silent.

        A function of the cell alone. Raises ValueError for an open one."""

    def segments(
        self, pages: Sequence[Page], pause: Callable[[], None] = lambda: None, version: int = VERSIONS[0]
    ) -> list[Segment]:
        """`pause` is called again and again meanwhile: a long document takes a minute, and whoever is told to stop may
        raise. `version`: of the rules for sentences; a text read by an earlier one must be cut by that again."""

    def read(self, state: Cell, segments: Sequence[Segment]) -> ReadResult:
        """Learn segments in order, `BATCH` in a trunk pass; cut at multiples of it, calls have the bits of one."""

    def surprise(self, state: Cell, segments: Sequence[Segment]) -> list[float]:
        """How little the cell knows of what each segment would bind, without writing: 1.0 nothing, 0.0 all of it."""

    def first_surprise(self, segments: Sequence[Segment]) -> list[float]:
        """The `surprise` of each segment of one cell, in order from its beginning, just before the cell learned it."""

    def landmark(self, text: str) -> Tensor:
        """The landmark [L] of a question."""

    def recall(self, cells: Sequence[ShelvedCell], question: str) -> Recollection:
        """What the memory alone answers, with no retained text in sight. `cells` may be `ManyCells`."""


def named_tensors(state: Cell) -> dict[str, Tensor]:
    """A cell's state by name, for the store. Without a memory of the session there is no share, nor a name for it."""
    return {f"memory.{name}": tensor for name, tensor in state._asdict().items() if tensor is not None}


def cell_of(tensors: Mapping[str, Tensor], blank: Cell) -> Cell:
    """An open cell by the names of `named_tensors`. Raises IncompatibleError for one of another shape than `blank`."""
    import torch

    state = Cell(*(tensors.get(f"memory.{name}", torch.empty(0)) for name in ("weights", "momentum", "topics")))
    same = all(a.dtype == b.dtype for a, b in zip(state[:3], blank[:3], strict=True))
    same &= state.weights.shape == blank.weights.shape and state.momentum.shape == blank.momentum.shape
    if not same or state.topics.shape[1:] != blank.topics.shape[1:]:
        raise IncompatibleError("the snapshot's memory has another layout than this model's")
    return state._replace(share=tensors.get("memory.share"))


def nearest(topic_T: Tensor, cells: Sequence[ShelvedCell]) -> tuple[Tensor, Sequence[ShelvedCell]]:
    """The `NEAREST` cells to a topic, and how near each is [S]. Cells that are many say themselves which to look at."""
    cells = cells.likely(topic_T) if isinstance(cells, ManyCells) else cells
    near, places = nearness(topic_T, cells).topk(min(NEAREST, len(cells)))
    return near, [cells[i] for i in places.tolist()]


def nearness(topic_T: Tensor, cells: Sequence[ShelvedCell]) -> Tensor:
    """Of each cell, the cosine of its nearest topic to the one asked for [S]; 0 for a cell without any."""
    import torch

    from titans_cli.memory.closed import cosines

    near, topics = torch.zeros(len(cells)), [c.topics for c in cells]
    for dtype in {t.dtype for t in topics}:
        places = [i for i, t in enumerate(topics) if t.dtype == dtype and len(t)]
        if places:
            rows = torch.cat([topics[i] for i in places])
            some = [rows[i : i + _AT_ONCE] for i in range(0, len(rows), _AT_ONCE)]
            products = [cosines(r, topic_T) if dtype == torch.uint8 else r.float() @ topic_T for r in some]
            lengths = torch.tensor([len(topics[i]) for i in places])
            near[places] = torch.segment_reduce(torch.cat(products), "max", lengths=lengths)
    return near
