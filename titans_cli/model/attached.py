"""A memory on somebody else's model, as sessions use one: `SessionModel` over an `AttachedModel`.

Ingesting runs the layers below the memory and nothing else, `BATCH` segments at a time. Asking the memory alone is the
model's own `generate()`, reading the nearest cells at every token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from titans_cli.errors import IncompatibleError
from titans_cli.memory import NeuralMemory
from titans_cli.memory.session import rows_of, shares_of
from titans_cli.model import backbone
from titans_cli.model.attach import PAD, AttachedModel
from titans_cli.model.backbone import Rows, SegmentStates, batches
from titans_cli.model.generation import GREEDY
from titans_cli.model.hubtokens import HubTokenizer
from titans_cli.model.interface import (
    FOCUS,
    LONGEST_ANSWER,
    UNTRAINED,
    Cell,
    ReadResult,
    Recollection,
    ShelvedCell,
    cell_of,
    named_tensors,
    nearest,
)
from titans_cli.model.session import SessionReader
from titans_cli.model.surprise import KeyedInputs, keyed
from titans_cli.model.tokens import segment_pages
from titans_cli.records import Page, Segment
from titans_cli.sentences import VERSIONS


class AttachedEngine:
    """`kept`: what the session has to record beside the adapter's shape, to load the same again."""

    def __init__(
        self,
        attached: AttachedModel,
        fingerprint: str,
        name: str,
        precision: str,
        kept: Mapping[str, Any],
        *,
        adapted: bool,
        session: SessionReader | None = None,
    ) -> None:
        self.attached, self.fingerprint, self.name, self.precision = attached, fingerprint, name, precision
        self.kept, self.adapted, self._session = kept, adapted, session
        self.adapter = attached.adapter.eval().requires_grad_(False)
        self.spec = attached.adapter.spec

    @property
    def tokenizer(self) -> HubTokenizer:
        return self.attached.tokenizer

    @property
    def cell_segments(self) -> int:
        return self.spec.cell_segments

    @property
    def landmark_width(self) -> int:
        return self.spec.d_topic

    @property
    def session(self) -> SessionReader | None:
        return self._session

    @property
    def caution(self) -> str | None:
        return None if self.adapted else UNTRAINED

    def configuration(self) -> dict[str, Any]:
        return asdict(self.spec) | {"precision": self.precision, "attached": dict(self.kept)}

    # ---- the memory's state

    def initial_state(self) -> Cell:
        weights, momentum = (t.cpu() for t in self.adapter.memory.initial_state())
        return Cell(weights, momentum, torch.empty(0, self.spec.d_topic, dtype=torch.float16))

    def to_tensors(self, state: Cell) -> dict[str, Tensor]:
        return named_tensors(state)

    def from_tensors(self, tensors: dict[str, Tensor], topics: Tensor | None = None) -> Cell:
        state = cell_of(tensors, self.initial_state())
        try:
            if state.share is not None:
                list(shares_of(state.share, self.tokenizer.vocab_size))
        except ValueError as error:
            raise IncompatibleError(f"what the snapshot's document wrote cannot be read ({error})") from error
        return state

    def topics_of(self, tensors: dict[str, Tensor]) -> Tensor:
        return self.from_tensors(tensors).topics

    def outlined(self, tensors: dict[str, Tensor], share: float) -> dict[str, Tensor]:
        raise ValueError("a cell that is open has no outline")

    @property
    def closed_token(self) -> None:
        return None

    def closed(self, state: Cell, segments: Sequence[Segment]) -> dict[str, Tensor]:
        return self.to_tensors(state)  # of an attached memory no closed form is known yet

    # ---- reading

    def segments(
        self, pages: Sequence[Page], pause: Callable[[], None] = lambda: None, version: int = VERSIONS[0]
    ) -> list[Segment]:
        return segment_pages(pages, self.tokenizer, self.spec.segment_length, pause, version)

    def _padded(self, rows: Sequence[Sequence[int]]) -> Tensor:
        tokens = torch.full((len(rows), self.spec.segment_length), PAD)
        for i, row in enumerate(rows):
            tokens[i, : len(row)] = torch.tensor(row)
        return tokens.to(self.attached.device)

    @torch.inference_mode()
    def read(self, state: Cell, segments: Sequence[Segment]) -> ReadResult:
        result = backbone.read(self, state, segments)
        if self.session is None:
            return result
        texts = ([token for row in rows for token in row] for rows in batches(segments))
        seen = tuple(self.session.seen(self.session.look(text)) for text in texts)
        shares = [] if state.share is None else [state.share]
        share = torch.cat([*shares, *(rows_of(outputs.share) for outputs in seen)])
        return result._replace(state=result.state._replace(share=share), seen=seen)

    def surprise(self, state: Cell, segments: Sequence[Segment]) -> list[float]:
        return backbone.surprise(self, state, segments)

    def first_surprise(self, segments: Sequence[Segment]) -> list[float]:
        return backbone.first_surprise(self, self.initial_state(), segments)

    @property
    def memory(self) -> NeuralMemory:
        return self.adapter.memory

    @property
    def rehearsals(self) -> int:
        return self.spec.rehearsals

    @property
    def device(self) -> torch.device:
        return self.attached.device

    def states(self, rows: Rows) -> SegmentStates:
        tokens = self._padded(rows)
        x = self.adapter.seen(self.attached.below(tokens))
        return SegmentStates(x, tokens, tokens >= 0, self.attached.memory_inputs(x, tokens))

    def keyed(self, rows: Rows) -> KeyedInputs:
        return keyed(self.memory, self.states(rows).inputs)

    def marks(self, states: SegmentStates) -> Tensor:
        return self._landmarks(states.x, states.tokens)

    def _landmarks(self, x: Tensor, tokens: Tensor) -> Tensor:
        """A unit vector a row [N, T]: its topic, were it one sentence."""
        real = tokens >= 0
        whole = real[:, None, :].expand(-1, tokens.shape[1], -1)
        middle = real.sum(1) // 2  # of no weight: a topic reaches as far as a segment, evenly before training
        topics = self.memory.topics(x, self.attached.words(tokens), whole)
        return topics[torch.arange(len(tokens), device=tokens.device), middle].float().cpu()

    # ---- asking

    @torch.inference_mode()
    def landmark(self, text: str) -> Tensor:
        tokens = self._padded([self.tokenizer.encode(text)[: self.spec.segment_length] or [self.tokenizer.end]])
        return self._landmarks(self.adapter.seen(self.attached.below(tokens)), tokens)[0]

    @torch.inference_mode()
    def recall(self, cells: Sequence[ShelvedCell], question: str) -> Recollection:
        cells = cells or [self.initial_state()]
        asked = self.tokenizer.encode(question)[: self.spec.segment_length // 2]
        prompt = torch.tensor([self.tokenizer.question(asked)], device=self.attached.device)
        x = self.adapter.seen(self.attached.below(prompt))
        topic = self.adapter.memory.topic_of(self.attached.long_queries(x, prompt, prompt.shape[1] - 1)[0, -1]).cpu()
        near, cells = nearest(topic, cells)
        weights = [cell.opened().weights[0].to(self.attached.device) for cell in cells]
        return self._generated(prompt, weights, (FOCUS * near).to(self.attached.device))

    def _generated(self, prompt: Tensor, weights: Sequence[Tensor], near: Tensor) -> Recollection:
        before = torch.tensor([self.tokenizer.bos], dtype=torch.long, device=prompt.device)
        ids = torch.cat([before, prompt], dim=1)
        with self.attached.remembering(weights, near) as model:
            out = model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=LONGEST_ANSWER,
                eos_token_id=self.tokenizer.end,
                pad_token_id=self.tokenizer.end,
                output_logits=True,
                return_dict_in_generate=True,
                **GREEDY,
            )
        written, text, sure = out.sequences[0, ids.shape[1] :].tolist(), "", list[Tensor]()
        for n, (token, logits) in enumerate(zip(written, out.logits, strict=True), start=1):
            sure.append(logits[0].float().log_softmax(-1)[token])
            text = self.tokenizer.decode([t for t in written[:n] if t != self.tokenizer.end])
            if token == self.tokenizer.end or (text and "\n" in self.tokenizer.backend.decode(written[:n]).lstrip()):
                break
        return Recollection(text.split("\n")[0].strip(), float(torch.stack(sure).mean().exp()))
