"""Who writes: an endpoint as it streams, a model of this machine with its chat template, and what goes wrong."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from tests.model.backbones import backbone, fast_tokenizer
from titans_cli.errors import IncompleteReplyError, ModelError, ReplyCutError
from titans_cli.model import writer as writer_module
from titans_cli.model.tokenizer import TitansTokenizer
from titans_cli.model.writer import EndpointWriter, LocalWriter, Message, Writer, without_thoughts

ASKED: list[Message] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]


class _Server(ThreadingHTTPServer):
    asked: dict[str, Any]
    key: str | None
    status = 200
    models = ("one",)
    body: str | None = None  # in place of the usual events


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._send(200, json.dumps({"data": [{"id": m} for m in self.server.models]}))

    def do_POST(self) -> None:
        self.server.asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.key = self.headers.get("Authorization")
        pieces = [{"delta": {"role": "assistant"}}, {"delta": {"content": "Because "}}, {"delta": {"content": "so."}}]
        events = [f"data: {json.dumps({'choices': [p]})}\n\n" for p in pieces]
        usual = ": hello\n\n" + "".join(events) + "data: [DONE]\n\n"
        self._send(self.server.status, usual if self.server.body is None else self.server.body)

    def _send(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[_Server]:
    made = _Server(("127.0.0.1", 0), _Handler)
    thread = Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.fixture
def writer(server: _Server) -> Iterator[EndpointWriter]:
    made = EndpointWriter(f"http://127.0.0.1:{server.server_port}/v1")
    yield made
    made.client.close()


def test_an_endpoint_streams_what_it_writes(
    server: _Server, writer: EndpointWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TITANS_API_KEY", "secret")
    assert list(writer.complete(ASKED, 9)) == ["Because ", "so."]
    assert server.asked["messages"] == ASKED
    assert (server.asked["model"], server.asked["max_tokens"], server.asked["stream"]) == ("one", 9, True)
    assert server.key == "Bearer secret"
    assert writer.name == "one at 127.0.0.1"


def test_an_endpoint_with_several_models_has_to_be_told_which(server: _Server, writer: EndpointWriter) -> None:
    server.models = ("one", "two")  # type: ignore[assignment]
    with pytest.raises(ModelError, match=r"serves 2 models: one, two.*#MODEL"):
        list(writer.complete(ASKED, 9))
    writer.model = "two"
    assert "".join(writer.complete(ASKED, 9)) == "Because so."
    assert server.asked["model"] == "two"


@pytest.mark.parametrize(("status", "told"), [(401, "refuses the key"), (500, "HTTP 500")])
def test_an_endpoint_that_refuses_is_named(server: _Server, writer: EndpointWriter, status: int, told: str) -> None:
    server.status = status
    with pytest.raises(ModelError, match=told):
        list(writer.complete(ASKED, 9))


SAID = 'data: {"choices": [{"delta": {"content": "Because so."}}]}\n\n'
ENDED = 'data: {"choices": [{"delta": {}, "finish_reason": "%s"}]}\n\n'


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("<!doctype html><title>Sign in</title>", "sends no JSON: <!doctype html><title>Sign in"),
        ('{"error": {"message": "no such model", "code": 404}}', "answers with an error: no such model"),
        ('{"object": "error", "message": "too long"}', "answers with an error: too long"),
        (SAID + 'data: {"error": "out of memory"}\n\n', "answers with an error: out of memory"),
        ("data: {'choices': []}\n\n", "sends no JSON"),
        ("data: 7\n\n", "sends no event"),
        ('data: {"choices": 3}\n\ndata: [DONE]\n\n', "the reply is empty"),
        ("data: [DONE]\n\n", "the reply is empty"),
        ("", "the reply is empty"),
        (SAID + ENDED % "length", "the reply was cut at 9 tokens"),
        (ENDED % "content_filter", "withholds the reply"),
        ("[" * 100_000, "sends no JSON"),
    ],
)
def test_what_is_no_whole_answer_is_a_failure(server: _Server, writer: EndpointWriter, body: str, told: str) -> None:
    server.body = body
    with pytest.raises(ModelError) as failed:
        list(writer.complete(ASKED, 9))
    assert told in failed.value.what
    assert isinstance(failed.value, ReplyCutError) == ("was cut" in told)


def test_a_stream_that_ends_early_says_so_after_what_it_wrote(server: _Server, writer: EndpointWriter) -> None:
    server.body = SAID
    assert heard(writer, 9) == ("Because so.", "the reply broke off (the stream ended early)")


@pytest.mark.parametrize(
    "body",
    [SAID + ENDED % "stop", '{"choices": [{"message": {"content": "Because so."}, "finish_reason": "stop"}]}'],
)
def test_a_reply_without_done_or_without_a_stream_is_understood(
    server: _Server, writer: EndpointWriter, body: str
) -> None:
    server.body = body
    assert heard(writer, 9) == ("Because so.", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<think>Hm.\nWhat?</think>So.", "So."),
        ("Hm, what?</think>\nSo.", "\nSo."),  # opened by the prompt
        ("<think>Hm, what", ""),  # never closed
        ("<think>a</think>So <think>b</think>it is.", "So it is."),
        ("So.", "So."),
    ],
)
def test_thoughts_are_no_part_of_a_reply(text: str, said: str) -> None:
    assert without_thoughts(text) == said


class _Endless(BaseHTTPRequestHandler):
    """Sends one thing again and again, until whoever asked has gone."""

    sends = b""
    server_version = sys_version = ""

    def do_POST(self) -> None:
        self.send_response(200)
        self.end_headers()
        with suppress(OSError):
            while True:
                self.wfile.write(self.sends)

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.mark.parametrize(
    ("sends", "told"),
    [
        (b"x" * 65_536, "a line of more than 1 MiB"),
        (b": I am here\n" * 1000, "more than 2 MiB"),
        (SAID.encode() * 100, "more than 2 MiB"),
        (b"{" * 65_536, "a line of more than 1 MiB"),
    ],
)
def test_a_reply_without_end_is_ended(monkeypatch: pytest.MonkeyPatch, sends: bytes, told: str) -> None:
    monkeypatch.setattr(writer_module, "MOST_LINE", 1 << 20)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Sends", (_Endless,), {"sends": sends}))
    server.daemon_threads = True
    (thread := Thread(target=server.serve_forever, daemon=True)).start()
    try:
        with closing(EndpointWriter(f"http://127.0.0.1:{server.server_port}/v1#one").client) as client:
            made = EndpointWriter(f"http://127.0.0.1:{server.server_port}/v1#one", client)
            monkeypatch.setattr(writer_module, "MOST_BYTES", 2 << 20)
            with pytest.raises(ModelError, match=told):
                list(made.complete(ASKED, 9))
            made.model = ""
            with pytest.raises(ModelError, match="no usable answer"):
                _ = made.name
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Dripping(_Endless):
    """Never silent, and never done: neither with its head nor, if `head`, with what follows."""

    head = False

    def do_POST(self) -> None:
        with suppress(OSError):
            self.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"\r\n" + SAID.encode() if self.head else b"X-Slow: "))
            while True:
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.05)


@pytest.mark.parametrize("head", [False, True])
def test_a_reply_that_comes_byte_by_byte_has_a_deadline(monkeypatch: pytest.MonkeyPatch, head: bool) -> None:
    monkeypatch.setattr(writer_module, "DEADLINE", 1.0)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Drips", (_Dripping,), {"head": head}))
    server.daemon_threads = True
    (thread := Thread(target=server.serve_forever, daemon=True)).start()
    try:
        made = EndpointWriter(f"http://127.0.0.1:{server.server_port}/v1#one")
        with pytest.raises(ModelError, match="it was not done after"):
            list(made.complete(ASKED, 9))
        with pytest.raises(ModelError, match="it was not done after"):  # it is not asked again
            list(made.complete(ASKED, 9))
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_password_in_the_address_is_told_to_nobody(server: _Server) -> None:
    server.status = 500
    with closing(EndpointWriter(f"http://ada:lovelace@127.0.0.1:{server.server_port}/v1#one").client) as client:
        made = EndpointWriter(f"http://ada:lovelace@127.0.0.1:{server.server_port}/v1#one", client)
        with pytest.raises(ModelError) as failed:
            list(made.complete(ASKED, 9))
        assert "lovelace" not in f"{failed.value} {made.name}"


def test_nobody_there_is_an_error_that_says_what_to_give() -> None:
    writer = EndpointWriter("http://127.0.0.1:9/v1#x")
    with pytest.raises(ModelError, match="OpenAI-compatible"):
        list(writer.complete(ASKED, 9))
    writer.client.close()


def test_a_local_model_writes_through_its_chat_template(tiny_tokenizer: TitansTokenizer) -> None:
    tokenizer = fast_tokenizer(tiny_tokenizer)
    tokenizer.chat_template = "{% for m in messages %}<{{ m.role }}> {{ m.content }}\n{% endfor %}<assistant>"
    writer = LocalWriter(backbone("llama"), tokenizer, "tiny")
    assert str(tokenizer.decode(writer.encode(ASKED)[0])).endswith("<user> Why?\n<assistant>")
    (text, cut), again = heard(writer, 12), heard(writer, 12)
    assert text
    assert cut == "the reply was cut at 12 tokens"  # random weights know no end
    assert (text, cut) == again  # greedy: the same again


def heard(writer: Writer, most: int) -> tuple[str, str]:
    """What was written, and why it stopped early, if it did."""
    pieces = []
    try:
        for piece in writer.complete(ASKED, most):
            pieces.append(piece)
    except IncompleteReplyError as error:
        return "".join(pieces), error.what
    return "".join(pieces), ""


def test_without_a_template_the_prompt_is_plain_text(tiny_tokenizer: TitansTokenizer) -> None:
    writer = LocalWriter(backbone("gpt2"), fast_tokenizer(tiny_tokenizer), "tiny")
    assert writer.tokenizer.decode(writer.encode(ASKED)[0]) == "Be brief.\n\nWhy?\n\nAnswer:"


def test_evidence_that_does_not_fit_is_refused_before_writing(tiny_tokenizer: TitansTokenizer) -> None:
    writer = LocalWriter(backbone("llama"), fast_tokenizer(tiny_tokenizer), "tiny")
    with pytest.raises(ModelError, match=r"this model reads 4096.*top_k"):
        list(writer.complete(ASKED, 5000))


def test_a_model_that_repeats_itself_is_stopped(tiny_tokenizer: TitansTokenizer) -> None:
    model, calls = backbone("llama"), list[object]()
    model.register_forward_hook(lambda *_: calls.append(None))
    writer = LocalWriter(model, fast_tokenizer(tiny_tokenizer), "tiny")
    told = "".join(writer.complete([{"role": "user", "content": "What does the memory keep?"}], 2000))
    assert len(calls) < 1000
    assert len(told.split()) < 500
