"""A loaded native model and what sessions ask of it: segment, read, mark, recall.

The engine owns no state of any session: the memory goes in and comes out of every call.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from titans_cli.errors import IncompatibleError, ModelError
from titans_cli.memory import NeuralMemory, gain
from titans_cli.memory.closed import ClosedMemory, closed, columns, fits, keys_of, opened, outlined
from titans_cli.memory.memory import NOTED
from titans_cli.model import backbone
from titans_cli.model.backbone import Rows, SegmentStates, batches
from titans_cli.model.interface import (
    BATCH,
    EMBEDDED,
    EMBEDDED_PATH,
    FOCUS,
    LONGEST_ANSWER,
    PRECISIONS,
    Cell,
    ReadResult,
    Recollection,
    ShelvedCell,
    cell_of,
    named_tensors,
    nearest,
    nearness,
)
from titans_cli.model.network import TitansNetwork
from titans_cli.model.spec import TitansSpec
from titans_cli.model.surprise import KeyedInputs, keyed
from titans_cli.model.tokenizer import ANSWER, END, PAD, QUESTION, TitansTokenizer
from titans_cli.model.tokens import segment_pages
from titans_cli.model.weights import header, require_numbers, table
from titans_cli.records import CLOSED, Page, Segment
from titans_cli.sentences import VERSIONS
from titans_cli.steps import Hint, Option

__all__ = [
    "BATCH",
    "EMBEDDED",
    "EMBEDDED_PATH",
    "PRECISIONS",
    "Cell",
    "Engine",
    "ReadResult",
    "Recollection",
    "nearness",
]
KEPT = 2  # batches of segments of which the engine keeps what it made of them: a text, and another one in turn with it
_HINT = Hint("Give a folder written by save_pretrained of a native model, or leave ", Option("model"), " out")
_HINT_VARIANT = "Use it through transformers (titans_cli.paper.hf), or give the folder of a model of the variant mac"


class Engine:
    """Load with `Engine.load`; every method runs without gradients, on the CPU.

    `precision` is that of the trunk's products, "fp32" or "bf16"; the memory always computes in fp32.
    """

    def __init__(
        self,
        network: TitansNetwork,
        tokenizer: TitansTokenizer,
        fingerprint: str,
        name: str,
        precision: str = "fp32",
    ) -> None:
        self.network = network.eval().requires_grad_(False)
        self.precision = precision
        self.tokenizer = tokenizer
        self.fingerprint = fingerprint
        self.name = name
        # the gate puts one text to many cells, in turn with their own; the report one to a cell as it was and as it is
        self.states = lru_cache(maxsize=KEPT)(self._look)
        self.keyed = lru_cache(maxsize=KEPT)(self._key)

    @classmethod
    def load(cls, path: Path | None = None, precision: str = "fp32") -> Engine:
        """The embedded model, or the model folder at `path` (config.json, model.safetensors, tokenizer.json).

        Raises ModelError when something is missing or does not fit together.
        """
        folder = EMBEDDED_PATH if path is None else path
        if (folder / "config.json").is_file() and (folder / "model.safetensors").is_file():
            table(folder / "config.json")
            header(folder / "model.safetensors")
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            tensors = load_file(folder / "model.safetensors")
            spec = TitansSpec.from_dict(config)
            if spec.variant != "mac":
                problem = f"sessions need memory as context (mac), and this model is of the variant {spec.variant}"
                raise ModelError(problem, subject=str(folder), hint=_HINT_VARIANT)
            network = TitansNetwork(spec)
            network.load_state_dict({k.removeprefix("network."): v.float() for k, v in tensors.items()})
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise ModelError(f"cannot load the model ({error})", subject=str(folder), hint=_HINT) from error
        require_numbers(tensors, str(folder / "model.safetensors"))
        if spec.segment_length < LONGEST_ANSWER + 8:
            problem = f"its segments of {spec.segment_length} tokens are too short to answer in"
            raise ModelError(problem, subject=str(folder), hint=_HINT)
        tokenizer = TitansTokenizer.load(folder / "tokenizer.json")
        if tokenizer.vocab_size > spec.vocab_size:
            sizes = f"the tokenizer has {tokenizer.vocab_size} tokens, the model {spec.vocab_size}"
            raise ModelError(f"model and tokenizer do not fit together ({sizes})", subject=str(folder), hint=_HINT)
        digest = hashlib.sha256(json.dumps(spec.to_dict(), sort_keys=True).encode())
        for name in ("model.safetensors", "tokenizer.json"):
            digest.update(hashlib.sha256((folder / name).read_bytes()).digest())
        name = EMBEDDED if path is None else str(path.resolve())
        return cls(network, tokenizer, digest.hexdigest(), name, precision)

    def arithmetic(self, precision: str | None = None) -> torch.autocast:
        """The context in which the trunk computes: in the engine's precision, or in another."""
        return torch.autocast("cpu", torch.bfloat16, enabled=(precision or self.precision) == "bf16")

    def faster_precision(self) -> str:
        """The precision in which this machine runs the trunk faster right now, by measurement."""
        tokens = torch.full((BATCH, self.spec.segment_length), END)
        best: dict[str, float] = {}
        for _ in range(4):  # the first round warms up
            for precision in PRECISIONS:
                begun = time.perf_counter()
                with torch.inference_mode(), self.arithmetic(precision):
                    self.network.trunk(tokens)
                best[precision] = min(best.get(precision, math.inf), time.perf_counter() - begun)
        return min(PRECISIONS, key=lambda p: best[p])

    @property
    def spec(self) -> TitansSpec:
        return self.network.spec

    @property
    def cell_segments(self) -> int:
        """How many segments of a document one memory cell takes before the next begins; a multiple of `BATCH`."""
        return self.spec.cell_segments

    @property
    def landmark_width(self) -> int:
        return self.spec.d_landmark

    @property
    def session(self) -> None:
        return None  # one is kept beside language models that predict well

    @property
    def caution(self) -> str | None:
        return None

    def configuration(self) -> dict[str, Any]:
        return self.spec.to_dict() | {"precision": self.precision}

    # ---- the memory's state, by name, for the store

    def initial_state(self) -> Cell:
        return Cell(*self.network.memory.initial_state(), torch.empty(0, self.spec.d_topic, dtype=torch.float16))

    @staticmethod
    def to_tensors(state: Cell) -> dict[str, Tensor]:
        return named_tensors(state)

    def from_tensors(self, tensors: dict[str, Tensor], topics: Tensor | None = None) -> Cell:
        """Of an open cell or a closed one, whose topics need not be made again if they are at hand.

        Raises IncompatibleError for a state of another shape.
        """
        blank = self.initial_state()
        if (kept := self._closed_in(tensors)) is not None:
            with torch.inference_mode():
                weights = opened(kept, self._parts, self.network.memory.features)
            return Cell(weights.unsqueeze(0), blank.momentum, self._topics_in(kept) if topics is None else topics)
        state = cell_of(tensors, blank)
        if state.share is not None:  # of the memory of a session, which this model has not
            raise IncompatibleError("the snapshot's memory has another layout than this model's")
        return state

    # ---- the closed form

    @property
    def _parts(self) -> tuple[int, int]:
        """Widths of the parts of a key, each rounded in its own scale."""
        return self.spec.memory.d_key, self.spec.memory.d_topic

    @property
    def closed_token(self) -> int | None:
        """Two numbers a byte, and a scale in half precision for each part of a key and for the coefficients."""
        packed = sum(self._parts) + self.spec.memory.d_value
        return None if self.spec.memory.momentum else packed // 2 + 2 * (len(self._parts) + 1)

    @torch.inference_mode()
    def closed(self, state: Cell, segments: Sequence[Segment]) -> dict[str, Tensor]:
        """The dual form of a cell that has learned `segments`, on the tokens that left their topics in it.

        The state itself where that cannot be: where there is momentum, which a dual form has not; and where the
        topics are not those of the segments, to the bit: another machine has read a part of them.
        """
        noted = None if self.spec.memory.momentum else self._noted_keys(state, segments)
        if noted is None:
            return self.to_tensors(state)
        kept = closed(state.weights[0], noted, self._parts, self.network.memory.features)
        return {CLOSED + name: tensor for name, tensor in kept._asdict().items()}

    @torch.inference_mode()
    def outlined(self, tensors: dict[str, Tensor], share: float) -> dict[str, Tensor]:
        kept = self._closed_in(tensors)
        if kept is None:
            raise ValueError("a cell that is open has no outline")
        most = math.ceil(share * len(kept.keys))
        small = outlined(kept, most, self._parts, self.network.memory.features)
        return {CLOSED + name: tensor for name, tensor in small._asdict().items()}

    def _noted_keys(self, state: Cell, segments: Sequence[Segment]) -> Tensor | None:
        """The keys [N, K + T] whose topics the state holds; a segment that was refused has left none there."""
        keys, known = [torch.empty(0, sum(self._parts))], 0
        for rows in batches(segments):
            inputs = self.states(rows).inputs  # as it was read
            for i in range(inputs.keys.shape[0]):
                own = inputs.keys[i][gain(inputs.theta[i]) > NOTED].float()
                topics = self.network.memory.topic_of(own).half()
                if torch.equal(topics, state.topics[known : known + len(topics)]):
                    keys.append(own)
                    known += len(topics)
        return torch.cat(keys) if known == len(state.topics) else None

    def _closed_in(self, tensors: dict[str, Tensor]) -> ClosedMemory | None:
        """None: these are those of an open cell. Raises IncompatibleError."""
        if not any(name.startswith(CLOSED) for name in tensors):
            return None
        names = [CLOSED + field for field in ClosedMemory._fields]
        kept = ClosedMemory(*(tensors.get(name, torch.empty(0)) for name in names))
        if set(tensors) != set(names) or not fits(kept, self._parts, self.spec.memory.d_value):
            raise IncompatibleError("the snapshot's memory has another layout than this model's")
        return kept

    def _topics_in(self, kept: ClosedMemory) -> Tensor:
        return self.network.memory.topic_of(keys_of(kept, self._parts)).half()

    def topics_of(self, tensors: dict[str, Tensor]) -> Tensor:
        """The topics of `from_tensors`, without what its weights cost: as they are packed, where they are.

        Raises IncompatibleError as that."""
        kept = self._closed_in(tensors)
        if kept is None:
            return self.from_tensors(tensors).topics
        packed = columns(kept, self._parts, 1)
        return self._topics_in(kept) if packed is None else packed.contiguous()

    # ---- reading

    def segments(
        self, pages: Sequence[Page], pause: Callable[[], None] = lambda: None, version: int = VERSIONS[0]
    ) -> list[Segment]:
        return segment_pages(pages, self.tokenizer, self.spec.segment_length, pause, version)

    def _pad(self, rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        tokens = torch.full((len(rows), self.spec.segment_length), PAD)
        for i, row in enumerate(rows):
            tokens[i, : len(row)] = torch.tensor(row)
        lengths = torch.tensor([len(row) for row in rows])
        return tokens, torch.arange(tokens.shape[1]) < lengths[:, None]

    def read(self, state: Cell, segments: Sequence[Segment]) -> ReadResult:
        return backbone.read(self, state, segments)

    def surprise(self, state: Cell, segments: Sequence[Segment]) -> list[float]:
        return backbone.surprise(self, state, segments)

    def first_surprise(self, segments: Sequence[Segment]) -> list[float]:
        return backbone.first_surprise(self, self.initial_state(), segments)

    @property
    def memory(self) -> NeuralMemory:
        return self.network.memory

    @property
    def rehearsals(self) -> int:
        return self.spec.rehearsals

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    def _look(self, rows: Rows) -> SegmentStates:
        tokens, mask = self._pad(rows)
        with self.arithmetic():
            x = self.network.trunk(tokens)
            return SegmentStates(x, tokens, mask, self.network.memory_inputs(x, tokens, mask))

    def _key(self, rows: Rows) -> KeyedInputs:
        return keyed(self.memory, self.states(rows).inputs)

    def marks(self, states: SegmentStates) -> Tensor:
        with self.arithmetic():
            return self.network.landmarks(states.x, states.tokens, states.mask).float()

    # ---- asking

    @torch.inference_mode()
    def landmark(self, text: str) -> Tensor:
        """The landmark [L] of a question."""
        ids = self.tokenizer.encode(text)[: self.spec.segment_length]
        tokens, mask = self._pad([ids])
        with self.arithmetic():
            return self.network.landmarks(self.network.trunk(tokens), tokens, mask)[0].float()

    @torch.inference_mode()
    def recall(self, cells: Sequence[ShelvedCell], question: str) -> Recollection:
        """What the memory alone answers, greedily decoded, with no retained text in sight.

        The question's topic is compared with those of every cell (landmarks of the memory's own making); the `NEAREST`
        are then opened and read, each weighted by how near it is and how loud it answers.
        """
        prompt = self.tokenizer.encode(question)[: self.spec.segment_length - LONGEST_ANSWER - 2]
        tokens = [QUESTION, *prompt, ANSWER]
        answer: list[int] = []
        memory, cells = self.network.memory, cells or [self.initial_state()]
        near = torch.zeros(len(cells))
        reads, weights = list[Tensor](), list[Tensor]()
        log_probability = 0.0
        for _ in range(LONGEST_ANSWER):
            row = torch.tensor([tokens + answer])
            with self.arithmetic():
                x = self.network.trunk(row)
                queries = self.network.memory_queries(x, row)
            if not answer:
                topic = memory.topic_of(queries[0, -1])
                near, cells = nearest(topic, cells)
                weights = [cell.opened().weights[0] for cell in cells]
            known = sum(r.shape[1] for r in reads)  # a query never depends on later tokens
            recalled = memory.recalled(weights, queries[:, known:])
            with self.arithmetic():
                reads.append(memory.spoken(memory.route(recalled, FOCUS * near)))
                hidden = self.network.head(x, torch.cat(reads, dim=1))
                scores = self.network.logits(hidden[0, -1]).float().log_softmax(-1)
            best = int(scores.argmax())
            log_probability += float(scores[best])
            answer.append(best)
            if best == END:
                break
        text = self.tokenizer.decode([t for t in answer if t != END])
        return Recollection(text, float(torch.tensor(log_probability / len(answer)).exp()))
