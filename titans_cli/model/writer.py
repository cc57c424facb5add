"""Whoever writes prose: a causal language model on this machine, or an OpenAI-compatible endpoint.

A writer is handed chat messages and gives back text, piece by piece. It knows nothing of sessions and of evidence: what
goes into the messages, and what of the answer is believed, is decided in `answers`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from threading import Event, Thread
from typing import Any, Protocol, TypedDict
from urllib.parse import urlsplit, urlunsplit

from titans_cli.errors import ModelError

KEY_VARIABLE = "TITANS_API_KEY"  # or OPENAI_API_KEY; sent as a bearer token, and nowhere told
TIMEOUT = 120.0  # seconds without a single byte


class Message(TypedDict):
    role: str  # "system", "user", "assistant"
    content: str


class Writer(Protocol):
    """`name` says who writes, for the answer to tell."""

    @property
    def name(self) -> str: ...

    def complete(self, messages: Sequence[Message], max_tokens: int) -> Iterator[str]:
        """The answer to `messages` in pieces of any size, greedily, at most `max_tokens` tokens. Raises ModelError."""


def is_endpoint(model: str) -> bool:
    return model.startswith(("http://", "https://"))


class EndpointWriter:
    """`POST {base}/chat/completions`, streamed. `url` may carry the model's name behind a #: `http://host/v1#name`."""

    def __init__(self, url: str, client: Any = None) -> None:
        from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # httpx, or what took its place

        parts = urlsplit(url)
        self.base = urlunsplit(parts._replace(fragment="")).rstrip("/").removesuffix("/chat/completions")
        self.model = parts.fragment
        self.client = client or httpx.Client(timeout=httpx.Timeout(TIMEOUT, connect=10.0))
        self.errors = httpx.HTTPError

    @property
    def name(self) -> str:
        return f"{self.model or self._only_model()} at {urlsplit(self.base).hostname}"

    @property
    def _headers(self) -> dict[str, str]:
        key = os.environ.get(KEY_VARIABLE) or os.environ.get("OPENAI_API_KEY")
        return {"Authorization": f"Bearer {key}"} if key else {}

    def _only_model(self) -> str:
        """The model that the endpoint serves, when it serves one. Raises ModelError when it has to be named."""
        try:
            reply = self.client.get(f"{self.base}/models", headers=self._headers)
            self._check(reply.status_code, reply.text)
            served = [str(m["id"]) for m in reply.json()["data"]]
        except (self.errors, ValueError, KeyError, TypeError) as error:
            raise self._unreachable(error) from error
        if len(served) != 1:
            what = f"serves {len(served)} models: {', '.join(served[:8])}"
            raise ModelError(what, subject=self.base, hint=f"Name one: {self.base}#MODEL")
        self.model = served[0]
        return self.model

    def complete(self, messages: Sequence[Message], max_tokens: int) -> Iterator[str]:
        body = {
            "model": self.model or self._only_model(),
            "messages": list(messages),
            "max_tokens": max_tokens,
            "temperature": 0,
            "stream": True,
        }
        try:
            where = f"{self.base}/chat/completions"
            with self.client.stream("POST", where, json=body, headers=self._headers) as reply:
                if reply.status_code != 200:
                    reply.read()
                    self._check(reply.status_code, reply.text)
                for line in reply.iter_lines():
                    data = line.removeprefix("data:").strip()
                    if not line.startswith("data:") or not data:
                        continue
                    if data == "[DONE]":
                        return
                    event = json.loads(data)
                    for choice in event.get("choices") or ():
                        if piece := (choice.get("delta") or {}).get("content"):
                            yield str(piece)
        except (self.errors, ValueError, AttributeError, TypeError) as error:
            raise self._unreachable(error) from error

    def _check(self, status: int, text: str) -> None:
        if status in (401, 403):
            raise ModelError(f"refuses the key (HTTP {status})", subject=self.base, hint=f"Set {KEY_VARIABLE}")
        if status != 200:
            told = " ".join(text.split())[:200]
            raise ModelError(f"answers HTTP {status}: {told}", subject=self.base, hint="Check the URL and the model")

    def _unreachable(self, error: Exception) -> ModelError:
        hint = "Give the base of an OpenAI-compatible server, e.g. http://localhost:8000/v1"
        return ModelError(
            f"no usable answer from the endpoint ({error or type(error).__name__})", subject=self.base, hint=hint
        )


class LocalWriter:
    """A causal language model and its tokenizer, both as transformers loads them.

    It ends where it begins to repeat itself, and after `sentences`, if that is given."""

    def __init__(self, model: Any, tokenizer: Any, name: str, sentences: int | None = None) -> None:
        self.model, self.tokenizer, self.sentences = model, tokenizer, sentences
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    def encode(self, messages: Sequence[Message]) -> Any:
        """Token ids [1, N]: by the model's chat template when it has one, or else as plain text with headings."""
        if getattr(self.tokenizer, "chat_template", None):
            text = self.tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
            return self.tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids
        parts = [m["content"] for m in messages] + ["Answer:"]
        return self.tokenizer("\n\n".join(parts), return_tensors="pt").input_ids

    def complete(self, messages: Sequence[Message], max_tokens: int) -> Iterator[str]:
        from transformers import StoppingCriteriaList, TextIteratorStreamer

        from titans_cli.model.loops import without_loops

        ids = self.encode(messages).to(self.model.device)
        longest = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        if longest is not None and ids.shape[1] + max_tokens > longest:
            what = f"the question and its evidence are {ids.shape[1]} tokens, and this model reads {longest}"
            raise ModelError(
                what, subject=self.name, hint="Ask with a smaller --top-k, or a model with a longer context"
            )
        streamer = TextIteratorStreamer(self.tokenizer, skip_prompt=True, skip_special_tokens=True)
        failed: list[Exception] = []
        enough = Event()  # nobody reads on

        def generate() -> None:
            try:
                self.model.generate(
                    input_ids=ids,
                    attention_mask=ids.new_ones(ids.shape),
                    max_new_tokens=max_tokens,
                    do_sample=False,
                    num_beams=1,
                    temperature=None,
                    top_p=None,
                    top_k=None,
                    pad_token_id=self.tokenizer.pad_token_id or self.tokenizer.eos_token_id,
                    streamer=streamer,
                    stopping_criteria=StoppingCriteriaList(
                        [lambda ids, scores, **_: ids.new_full((len(ids),), enough.is_set()).bool()]
                    ),
                )
            except Exception as error:  # noqa: BLE001  told below, in the thread that asked
                failed.append(error)
                streamer.end()  # type: ignore[no-untyped-call]

        thread = Thread(target=generate, daemon=True)
        thread.start()
        try:
            yield from without_loops((piece for piece in streamer if piece), self.sentences)
        finally:
            enough.set()
            thread.join()
        if failed:
            raise ModelError(f"the model failed while writing ({failed[0]})", subject=self.name) from failed[0]
