"""A reasoning model drafts, and only what its citations carry is told."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.encoders import write_causal
from titans_cli.answers.extract import Candidate
from titans_cli.answers.reason import Budget, checked, parts_proposed
from titans_cli.cli.values import budget
from titans_cli.errors import ModelError, UsageError
from titans_cli.records import Block
from titans_cli.sessions.ask import AskModels, AskOptions, AskRequest, ask
from titans_cli.store import Home

QUESTION = "Why do glimmer pumps and the quibbleworth anchor matter?"
PLAN = "1. What do glimmer pumps do?\n2. How much does the quibbleworth anchor weigh?\nThat is all."
DELIBERATE = AskOptions(route="deliberate")


class Server:
    """An OpenAI-compatible server on the loopback that says what it is told to, one reply after the other."""

    def __init__(self, replies: Sequence[str]) -> None:
        self.replies, self.asked = list(replies), list[dict[str, Any]]()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._send(json.dumps({"data": [{"id": "sage"}]}))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.asked.append(body)
                text = server.replies.pop(0)
                if callable(text):
                    text = text(body["messages"][-1]["content"])
                pieces = [text[i : i + 7] for i in range(0, len(text), 7)]
                events = [json.dumps({"choices": [{"delta": {"content": p}}]}) for p in pieces]
                self._send("".join(f"data: {e}\n\n" for e in [*events, "[DONE]"]))

            def _send(self, text: str) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                pass

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in [n for n in os.environ if n.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    servers: list[Server] = []

    def start(*replies: Any) -> Server:
        servers.append(Server(replies))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def number_of(prompt: str, words: str) -> str:
    """The number under which the prompt shows the sentence with these words."""
    return next(line.split("]")[0] + "]" for line in prompt.splitlines() if words in line)


def draft(prompt: str) -> str:
    pump, anchor = number_of(prompt, "Glimmer pumps lifted"), number_of(prompt, "quibbleworth anchor weighs")
    return (
        f"Glimmer pumps lifted the water without smoke. {pump} The anchor weighs 413 kilograms {anchor}. "
        f"Pumps were invented by Oswald Pemberton {pump}. The anchor is quite old."
    )


def test_every_claim_is_checked_and_the_rest_sent_back(home: Home, serve: Any) -> None:
    server = serve(PLAN, draft, "There is nothing else.")
    answer = ask(home, "planted", AskRequest(QUESTION, log=False), DELIBERATE, models=AskModels(reasoner=server.url))
    assert answer.text == "Glimmer pumps lifted the water without smoke. [1]"
    assert [c.quote for c in answer.citations] == ["Glimmer pumps lifted the water without any smoke or noise."]
    assert answer.reasoner == "sage at 127.0.0.1"
    assert (answer.route, answer.support) == ("deliberate", "evidence")
    told = server.asked[-1]["messages"][-1]["content"]  # what was wrong, one by one
    for fault in ("413", "Oswald", "it cites nothing"):
        assert fault in told
    names = [s.part for s in answer.steps]
    assert names[0] == "decompose"
    assert names[-2:] == ["draft", "revise"]
    assert "What do glimmer pumps do?" in names


def test_a_revision_that_holds_takes_the_drafts_place(home: Home, serve: Any) -> None:
    seen: list[str] = []

    def first(prompt: str) -> str:
        seen.append(prompt)
        return "The anchor is quite old."

    def revised(_: str) -> str:
        n = number_of(seen[0], "quibbleworth anchor weighs")
        return f"The quibbleworth anchor weighs 412 kilograms {n}."

    server = serve(PLAN, first, revised)
    answer = ask(home, "planted", AskRequest(QUESTION, log=False), DELIBERATE, models=AskModels(reasoner=server.url))
    assert answer.text == "The quibbleworth anchor weighs 412 kilograms. [1]"
    assert "412 kilograms" in answer.citations[0].quote


def test_when_no_claim_holds_the_documents_speak_for_themselves(home: Home, serve: Any) -> None:
    server = serve(PLAN, "It is all a great mystery.", "It is all a great mystery.")
    question = "How much does the quibbleworth anchor weigh?"
    answer = ask(home, "planted", AskRequest(question, log=False), DELIBERATE, models=AskModels(reasoner=server.url))
    assert answer.reasoner is None
    assert "412 kilograms" in answer.text
    assert "it cites nothing" in " ".join(s.note for s in answer.steps)


def test_a_simple_question_is_not_put_to_it(home: Home, serve: Any) -> None:
    server = serve()
    answer = ask(
        home,
        "planted",
        AskRequest("How much does the quibbleworth anchor weigh?", log=False),
        models=AskModels(reasoner=server.url),
    )
    assert (answer.route, server.asked) == ("fast", [])
    assert "one thing" in answer.routed


def test_tokens_bound_what_is_written(home: Home, serve: Any) -> None:
    server = serve(PLAN * 40)
    how = AskOptions(route="deliberate", tokens=12)
    question = "How much does the quibbleworth anchor weigh?"
    answer = ask(home, "planted", AskRequest(question, log=False), how, models=AskModels(reasoner=server.url))
    assert len(server.asked) == 1
    assert server.asked[0]["max_tokens"] == 12
    assert any("budget" in s.note for s in answer.steps)
    assert answer.citations  # the documents' own sentences


def test_a_local_model_is_asked_too(home: Home, tmp_path: Path) -> None:
    """A random one: nothing it writes holds, and nothing of it is told."""
    folder = str(write_causal(tmp_path / "causal"))
    question = "How much does the quibbleworth anchor weigh?"
    how = AskOptions(route="deliberate", tokens=60, top_k=4)
    answer = ask(home, "planted", AskRequest(question, log=False), how, models=AskModels(reasoner=folder))
    assert answer.steps[0].note.endswith(folder)
    assert "412 kilograms" in answer.text


def test_a_reasoner_that_is_not_there_is_named(home: Home, tmp_path: Path) -> None:
    for name in (str(tmp_path / "none"), "http://127.0.0.1:9/v1#x"):
        with pytest.raises(ModelError):
            ask(home, "planted", AskRequest(QUESTION, log=False), DELIBERATE, models=AskModels(reasoner=name))


def evidence(*sentences: str) -> list[Candidate]:
    block = Block(1, 1, 0, 1, 0, 9, "", 1, 0, 0.0)
    return [Candidate(block, 0, 9, s, 0.0, 0.0, 0.0) for s in sentences]


@pytest.mark.parametrize(
    ("draft", "fault"),
    [
        ("The mill burned in 1920 [1].", ""),
        ("In 1920 the mill burned. [1]", ""),
        ("The mill burned in 1921 [1].", "does not say 1921"),
        ("The mill did not burn in 1920 [1].", "denies"),
        ("The mill burned in 1920 [4].", "not there"),
        ("The mill burned in 1920.", "cites nothing"),
        ("The harvest failed for want of rain that summer [1].", "other things"),
    ],
)
def test_what_is_believed_of_a_draft(draft: str, fault: str) -> None:
    (claim,) = checked(draft, evidence("The old mill at Hollmouth burned down in 1920."))
    assert fault in claim.fault
    assert bool(fault) == bool(claim.fault)


def test_a_plan_of_another_matter_is_no_plan() -> None:
    question = "Why did the mill burn?"
    assert parts_proposed("- When did the mill burn?\n- What is love?\nSure!", question) == ["When did the mill burn?"]
    assert parts_proposed("Certainly!", question) == [question]


def test_budgets_of_time_and_tokens() -> None:
    assert [budget(t) for t in (None, "20s", "2m", "2000t")] == [(None, None), (20, None), (120, None), (None, 2000)]
    with pytest.raises(UsageError):
        budget("soon")
    assert Budget(seconds=0).spent()
    assert not Budget().spent()
    assert Budget(tokens=5, written=5).spent()
