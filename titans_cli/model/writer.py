"""Whoever writes prose: a causal language model on this machine, or an OpenAI-compatible endpoint.

A writer is handed chat messages and gives back text, piece by piece. It knows nothing of sessions and of evidence: what
goes into the messages, and what of the answer is believed, is decided in `answers`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread, Timer
from typing import Any, Protocol, TypedDict
from urllib.parse import urlsplit, urlunsplit

from titans_cli.errors import IncompleteReplyError, ModelError, ReplyCutError
from titans_cli.steps import Hint, Option

KEY_VARIABLE = "TITANS_API_KEY"  # or OPENAI_API_KEY; sent as a bearer token, and nowhere told
TIMEOUT = 120.0  # seconds without a single byte
DEADLINE = 3600.0  # seconds for a whole reply: 4,096 tokens, at little more than one a second
MOST_BYTES = 64 << 20  # of a reply: 100,000 tokens with the 300 to 600 bytes that an event of one takes
MOST_LINE = 1 << 22  # bytes of one
MOST_PLAIN = 1 << 20  # characters of a reply that is no stream
MOST_TOLD = 200  # characters of what an endpoint says instead of an answer
_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.S)


class Message(TypedDict):
    role: str  # "system", "user", "assistant"
    content: str


class Writer(Protocol):
    """`name` says who writes, for the answer to tell."""

    @property
    def name(self) -> str: ...

    def complete(self, messages: Sequence[Message], max_tokens: int) -> Iterator[str]:
        """The answer to `messages` in pieces of any size, greedily, at most `max_tokens` tokens.

        Raises ModelError, and IncompleteReplyError after the last piece of a reply that is not complete.
        """


def without_thoughts(text: str) -> str:
    """A reply without what a reasoning model thought aloud: `<think>`, also when it is opened by the prompt or never
    closed."""
    return _THOUGHT.sub("", text).rpartition("</think>")[2]


def is_endpoint(model: str) -> bool:
    return model.startswith(("http://", "https://"))


class EndpointWriter:
    """`POST {base}/chat/completions`, streamed. `url` may carry the model's name behind a #: `http://host/v1#name`."""

    def __init__(self, url: str, client: Any = None) -> None:
        import httpx2

        parts = urlsplit(url)
        self.base = urlunsplit(parts._replace(fragment="")).rstrip("/").removesuffix("/chat/completions")
        self.address = urlunsplit(urlsplit(self.base)._replace(netloc=parts.netloc.rpartition("@")[2]))  # no password
        self.model = parts.fragment
        self.client = client or httpx2.Client(timeout=httpx2.Timeout(TIMEOUT, connect=10.0))
        self.errors = httpx2.HTTPError

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
            with self._asked("GET", "models") as reply:
                text = "\n".join(_Lines(MOST_PLAIN).of(reply))
                self._check(reply.status_code, text)
            served = [str(m["id"]) for m in json.loads(text)["data"]]
        except (self.errors, _EndlessError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise self._unreachable(error) from error
        if len(served) != 1:
            problem = f"serves {len(served)} models: {', '.join(served[:8])}"
            raise ModelError(problem, subject=self.address, hint=f"Name one: {self.address}#MODEL")
        self.model = served[0]
        return self.model

    @contextmanager
    def _asked(self, method: str, where: str, **more: Any) -> Iterator[Any]:
        """The reply to a request, head and all, cut off at the deadline: the client's own timeout is for one wait, and
        what comes byte by byte is never late for it. Raises _EndlessError, and as the client does."""
        late = _EndlessError(f"it was not done after {DEADLINE / 60:.0f} minutes")
        if self.client.is_closed:  # by an earlier request's deadline
            raise late
        watch = Timer(DEADLINE, self.client.close)
        watch.daemon = True
        watch.start()
        try:
            with self.client.stream(method, f"{self.base}/{where}", headers=self._headers, **more) as reply:
                yield reply
        except Exception as error:
            if self.client.is_closed and not isinstance(error, ModelError):  # whatever a closed socket raises
                raise late from error
            raise
        finally:
            watch.cancel()

    def complete(self, messages: Sequence[Message], max_tokens: int) -> Iterator[str]:
        body = {
            "model": self.model or self._only_model(),
            "messages": list(messages),
            "max_tokens": max_tokens,
            "temperature": 0,
            "stream": True,
        }
        events = _Events(self.address)
        try:
            with self._asked("POST", "chat/completions", json=body) as reply:
                if reply.status_code != 200:
                    self._check(reply.status_code, "\n".join(_Lines(MOST_PLAIN).of(reply)))
                for line in _Lines(MOST_BYTES).of(reply):
                    yield from events.pieces(line)
                    if events.done:
                        break
        except (self.errors, _EndlessError) as error:
            if events.written:
                raise IncompleteReplyError(f"the reply broke off ({_plainly(error)})", subject=self.address) from error
            raise self._unreachable(error) from error
        yield from events.end(max_tokens)

    def _check(self, status: int, text: str) -> None:
        if status in (401, 403):
            raise ModelError(f"refuses the key (HTTP {status})", subject=self.address, hint=f"Set {KEY_VARIABLE}")
        if status != 200:
            problem = f"answers HTTP {status}: {_shortly(text)}"
            raise ModelError(problem, subject=self.address, hint="Check the URL and the model")

    def _unreachable(self, error: Exception) -> ModelError:
        hint = "Give the base of an OpenAI-compatible server, e.g. http://localhost:8000/v1"
        return ModelError(f"no usable answer from the endpoint ({_plainly(error)})", subject=self.address, hint=hint)


class _EndlessError(Exception):
    """A reply that takes longer, or is longer, than any that somebody could want."""


class _Lines:
    """The lines of a reply, as they come: no line and no reply is without end, whatever the other side is.

    `most`: bytes of the whole.
    """

    def __init__(self, most: int) -> None:
        self.most = most

    def of(self, reply: Any) -> Iterator[str]:
        """Raises _EndlessError, and as the client does."""
        size, rest = 0, bytearray()
        for chunk in reply.iter_bytes():
            size += len(chunk)
            if size > self.most:
                raise _EndlessError(f"it sends more than {self.most >> 20} MiB")
            first, *others = chunk.split(b"\n")
            rest += first
            if len(rest) > MOST_LINE:
                raise _EndlessError(f"it sends a line of more than {MOST_LINE >> 20} MiB")
            for other in others:
                yield rest.decode("utf-8", "replace").rstrip("\r")
                rest = bytearray(other)
        if rest:
            yield rest.decode("utf-8", "replace")


class _Events:
    """The events of one streamed reply, line by line: what was written, and whether anything went wrong.

    A server that does not stream is understood, too: its reply is one JSON object.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.written = self.done = False
        self.reason: str | None = None  # why the model stopped, as the endpoint calls it
        self._other = list[str]()  # lines that are no event
        self._room = MOST_PLAIN  # characters that may still be added to them

    def pieces(self, line: str) -> Iterator[str]:
        """Raises ModelError for an event that tells of an error, or is none."""
        if not line.startswith("data:"):
            if line and self._room > 0 and not line.startswith((":", "event:", "id:", "retry:")):
                self._other.append(line)
                self._room -= len(line)
            return
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            self.done = True
        elif data:
            yield from self._choices(self._parsed(data), "delta")

    def end(self, max_tokens: int) -> Iterator[str]:
        """What a server wrote that does not stream. Raises ModelError when the reply is none, or not complete."""
        plain = "\n".join(self._other).strip()
        if plain and not self.written:
            yield from self._choices(self._parsed(plain), "message")
            self.done = True
        hint = "Ask again, or choose another model"
        if self.reason == "length":
            problem = f"the reply was cut at {max_tokens} tokens"
            more = Hint("Allow more: ", Option("max_tokens"), "; or ask for less")
            raise ReplyCutError(problem, subject=self.address, hint=more)
        if self.reason == "content_filter":
            raise ModelError("withholds the reply (content_filter)", subject=self.address, hint=hint)
        if not self.written:
            raise ModelError("the reply is empty", subject=self.address, hint=hint)
        if not self.done and self.reason is None:
            raise IncompleteReplyError("the reply broke off (the stream ended early)", subject=self.address, hint=hint)

    def _parsed(self, text: str) -> dict[str, Any]:
        hint = "Give the base of an OpenAI-compatible server, e.g. http://localhost:8000/v1"
        try:
            event = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ModelError(f"sends no JSON: {_shortly(text)}", subject=self.address, hint=hint) from error
        if not isinstance(event, dict):
            raise ModelError(f"sends no event: {_shortly(text)}", subject=self.address, hint=hint)
        problem = event.get("error") or (event.get("message") if event.get("object") == "error" else None)
        if problem:
            message = problem.get("message") if isinstance(problem, dict) else None
            raise ModelError(
                f"answers with an error: {_shortly(str(message or problem))}",
                subject=self.address,
                hint="Check the model",
            )
        return event

    def _choices(self, event: dict[str, Any], part: str) -> Iterator[str]:
        choices = event.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if not isinstance(choice, dict):
                continue
            message = choice.get(part)
            piece = message.get("content") if isinstance(message, dict) else None
            reason = choice.get("finish_reason")
            self.reason = reason if isinstance(reason, str) else self.reason
            if isinstance(piece, str) and piece:
                self.written = self.written or bool(piece.strip())
                yield piece


def _shortly(text: str) -> str:
    return " ".join(text.split())[:MOST_TOLD] or "nothing"


def _plainly(error: Exception) -> str:
    return _shortly(str(error) or type(error).__name__)


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
            problem = f"the question and its evidence are {ids.shape[1]} tokens, and this model reads {longest}"
            raise ModelError(
                problem,
                subject=self.name,
                hint=Hint("Ask with a smaller ", Option("top_k"), ", or a model with a longer context"),
            )
        streamer = TextIteratorStreamer(self.tokenizer, skip_prompt=True, skip_special_tokens=True)
        failed: list[Exception] = []
        made: list[Any] = []  # ids [1, N + at most max_tokens]
        enough = Event()  # nobody reads on

        def generate() -> None:
            try:
                ids_and_more = self.model.generate(
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
                made.append(ids_and_more)
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
        if made[0].shape[1] - ids.shape[1] >= max_tokens and int(made[0][0, -1]) not in self._ends():
            # not a failure, as it is of an endpoint: a model without a chat template often knows no end
            raise IncompleteReplyError(f"the reply was cut at {max_tokens} tokens", subject=self.name)

    def _ends(self) -> set[int]:
        """The ids that end a reply."""
        ends = self.model.generation_config.eos_token_id
        return set(ends) if isinstance(ends, list) else {ends}
