"""Any tokenizer of transformers, with the face that segments, tasks and answers need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from titans_cli.errors import ModelError

ASKS, ANSWERS = "Question:", "\nAnswer:"  # of a question that memory alone is to answer


class HubTokenizer:
    """Sentences are encoded one at a time, without special tokens, each as if a space came before it."""

    def __init__(self, backend: Any, vocabulary: int, subject: str | None = None) -> None:
        self.backend = backend
        if len(backend) > vocabulary:
            problem = f"model and tokenizer do not fit together ({len(backend)} tokens, the model knows {vocabulary})"
            raise ModelError(problem, subject=subject)
        self.vocab_size = vocabulary
        plain, whole = self.encode_raw("a"), list(backend("a").input_ids)
        self.bos = whole[: len(whole) - len(plain)] if whole[-len(plain) :] == plain else []
        # a tokenizer that puts a space before everything by itself must not be given another
        self._lead = " " if len(self.encode_raw(" the")) <= len(self.encode_raw("the")) else ""
        newline = self.encode_raw("\n")
        self.end: int = newline[-1] if backend.eos_token_id is None else int(backend.eos_token_id)

    def encode_raw(self, text: str) -> list[int]:
        return list(self.backend(text, add_special_tokens=False, verbose=False).input_ids)

    def encode(self, sentence: str) -> list[int]:
        return self.encode_raw(self._lead + sentence.encode("utf-8", "replace").decode("utf-8"))

    def encode_many(self, sentences: Sequence[str]) -> Iterator[list[int]]:
        clean = [self._lead + s.encode("utf-8", "replace").decode("utf-8") for s in sentences]
        if clean:
            yield from self.backend(clean, add_special_tokens=False, verbose=False).input_ids

    def decode(self, ids: Sequence[int]) -> str:
        return str(self.backend.decode(list(ids), skip_special_tokens=True)).strip()

    def texts(self) -> list[str]:
        """Every token as text, a leading space as Ġ."""
        texts = self.backend.convert_ids_to_tokens(list(range(len(self.backend))))
        return [(text or "").replace("▁", "Ġ") for text in texts] + [""] * (self.vocab_size - len(texts))

    def question(self, question: Sequence[int]) -> list[int]:
        """The tokens that put a question, itself in tokens, to the memory; the answer comes next."""
        return [*self.encode_raw(ASKS), *question, *self.encode_raw(ANSWERS)]

    def sentence_tables(self) -> tuple[Tensor, Tensor, Tensor]:
        """Of every token: may it end a sentence, may it begin one, does it close what was before it for good?"""
        ends, begins, closes = (torch.zeros(self.vocab_size, dtype=torch.bool) for _ in range(3))
        for i, text in enumerate(self.texts()):
            # Ċ is how byte-level tokenizers write a line break: a capital letter, but no beginning
            begins[i] = text.startswith("Ġ") or (text[:1].isupper() and not text.startswith("Ċ"))
            ends[i] = text.rstrip("\")]}'")[-1:] in (".", "?", "!")
        closes[[self.end, *self.bos]] = True
        return ends, begins, closes
