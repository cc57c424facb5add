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
from titans_cli.memory import MemoryState
from titans_cli.memory.session import ModelOutputs, rows_of, shares_of
from titans_cli.model.attach import PAD, AttachedModel
from titans_cli.model.generation import GREEDY
from titans_cli.model.hubtokens import HubTokenizer
from titans_cli.model.interface import (
    BATCH,
    FOCUS,
    LONGEST_ANSWER,
    NEAREST,
    UNTRAINED,
    Cell,
    ReadResult,
    Recollection,
    ShelvedCell,
    named_tensors,
    nearness,
)
from titans_cli.model.network import absorb, has_successor
from titans_cli.model.session import SessionReader
from titans_cli.model.surprise import KeyedInputs, first_unknown, keyed, unknown
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
        blank = self.initial_state()
        names = named_tensors(blank)  # of all but the share, which is not always there
        state = Cell(*(tensors.get(name, torch.empty(0)) for name in names))
        same = all(a.dtype == b.dtype and a.shape[1:] == b.shape[1:] for a, b in zip(state[:3], blank[:3], strict=True))
        share = tensors.get("memory.share")
        try:
            if share is not None:
                list(shares_of(share, self.tokenizer.vocab_size))
        except ValueError as error:
            raise IncompatibleError(f"what the snapshot's document wrote cannot be read ({error})") from error
        state = state._replace(share=share)
        if not same or state.weights.shape != blank.weights.shape or state.momentum.shape != blank.momentum.shape:
            raise IncompatibleError("the snapshot's memory has another layout than this model's")
        return state

    def topics_of(self, tensors: dict[str, Tensor]) -> Tensor:
        return self.from_tensors(tensors).topics

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

    def _rows(self, rows: Sequence[Sequence[int]]) -> Tensor:
        tokens = torch.full((len(rows), self.spec.segment_length), PAD)
        for i, row in enumerate(rows):
            tokens[i, : len(row)] = torch.tensor(row)
        return tokens.to(self.attached.device)

    def _landmarks(self, x: Tensor, tokens: Tensor) -> Tensor:
        """A unit vector a row [N, T]: its topic, were it one sentence."""
        real = tokens >= 0
        whole = real[:, None, :].expand(-1, tokens.shape[1], -1)
        middle = real.sum(1) // 2  # of no weight: a topic reaches as far as a segment, evenly before training
        topics = self.adapter.memory.topics(x, self.attached.words(tokens), whole)
        return topics[torch.arange(len(tokens), device=tokens.device), middle].float().cpu()

    @torch.inference_mode()
    def read(self, state: Cell, segments: Sequence[Segment]) -> ReadResult:
        surprises, landmarks, refused = list[float](), list[Tensor](), dict[int, str]()
        adapter, device = self.adapter, self.attached.device
        memory = self._here(state)
        topics, looked = [state.topics], list[ModelOutputs]()
        shares = [] if state.share is None else [state.share]
        for start in range(0, len(segments), BATCH):
            tokens = self._rows([s.tokens for s in segments[start : start + BATCH]])
            x = adapter.seen(self.attached.below(tokens))
            inputs = self.attached.memory_inputs(x, tokens)
            bound = has_successor(tokens >= 0)
            memory, surprise, no = absorb(adapter.memory, memory, inputs, self.spec.rehearsals)
            sound = torch.tensor([i not in no for i in range(len(tokens))], device=device)
            surprises += ((surprise * bound).sum(1) / bound.sum(1).clamp(min=1)).tolist()
            refused |= {start + i: reason for i, reason in no.items()}
            topics.append(adapter.memory.noted_topics(inputs, (tokens >= 0) & sound[:, None]).half().cpu())
            landmarks.append(self._landmarks(x, tokens))
            if self.session is not None:
                text = [token for segment in segments[start : start + BATCH] for token in segment.tokens]
                looked.append(self.session.seen(self.session.look(text)))
                shares.append(rows_of(looked[-1].share))
        cell = Cell(
            memory.weights.cpu(), memory.momentum.cpu(), torch.cat(topics), torch.cat(shares) if shares else None
        )
        return ReadResult(cell, surprises, torch.cat(landmarks), refused, tuple(looked))

    @torch.inference_mode()
    def surprise(self, state: Cell, segments: Sequence[Segment]) -> list[float]:
        found, memory = list[float](), self._here(state)
        for start in range(0, len(segments), BATCH):
            found += unknown(memory, self._keyed(segments[start : start + BATCH]))
        return found

    @torch.inference_mode()
    def first_surprise(self, segments: Sequence[Segment]) -> list[float]:
        batches = (self._keyed(segments[start : start + BATCH]) for start in range(0, len(segments), BATCH))
        return first_unknown(self.adapter.memory, self._here(self.initial_state()), batches, self.spec.rehearsals)

    def _here(self, state: Cell) -> MemoryState:
        """A cell's memory, on the model's device; cells are kept off it."""
        return MemoryState(*(t.to(self.attached.device) for t in state.memory))

    def _keyed(self, segments: Sequence[Segment]) -> KeyedInputs:
        tokens = self._rows([s.tokens for s in segments])
        seen = self.adapter.seen(self.attached.below(tokens))
        return keyed(self.adapter.memory, self.attached.memory_inputs(seen, tokens))

    # ---- asking

    @torch.inference_mode()
    def landmark(self, text: str) -> Tensor:
        tokens = self._rows([self.tokenizer.encode(text)[: self.spec.segment_length] or [self.tokenizer.end]])
        return self._landmarks(self.adapter.seen(self.attached.below(tokens)), tokens)[0]

    @torch.inference_mode()
    def recall(self, cells: Sequence[ShelvedCell], question: str) -> Recollection:
        cells = cells or [self.initial_state()]
        asked = self.tokenizer.encode(question)[: self.spec.segment_length // 2]
        prompt = torch.tensor([self.tokenizer.question(asked)], device=self.attached.device)
        x = self.adapter.seen(self.attached.below(prompt))
        topic = self.adapter.memory.topic_of(self.attached.long_queries(x, prompt, prompt.shape[1] - 1)[0, -1]).cpu()
        near = nearness(topic, cells)
        chosen = near.topk(min(NEAREST, len(cells))).indices
        weights = [cells[i].opened().weights[0].to(self.attached.device) for i in chosen.tolist()]
        return self._generated(prompt, weights, (FOCUS * near[chosen]).to(self.attached.device))

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
        said, text, sure = out.sequences[0, ids.shape[1] :].tolist(), "", list[Tensor]()
        for n, (token, logits) in enumerate(zip(said, out.logits, strict=True), start=1):
            sure.append(logits[0].float().log_softmax(-1)[token])
            text = self.tokenizer.decode([t for t in said[:n] if t != self.tokenizer.end])
            if token == self.tokenizer.end or (text and "\n" in self.tokenizer.backend.decode(said[:n]).lstrip()):
                break
        return Recollection(text.split("\n")[0].strip(), float(torch.stack(sure).mean().exp()))
