"""Lines that are no message of the protocol are answered, and a client that has gone ends the server quietly."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress

import pytest

from tests.server.clients import Place
from titans_cli.server.stdio import fault

PARSE, REQUEST = -32700, -32600


@pytest.mark.parametrize(
    ("line", "code", "known"),
    [
        (b"this is not JSON", PARSE, None),
        (b"{", PARSE, None),
        (b"[" * 100_000, PARSE, None),
        (b'{"jsonrpc": "2.0", "id": 7, "method": "x", "params": {"a": "\\ud800"}}', PARSE, 7),
        (b'{"jsonrpc": "2.0", "id": "\\ud800", "method": "x"}', REQUEST, None),
        (b"[]", REQUEST, None),
        (b'[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', REQUEST, None),
        (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', REQUEST, None),
        (b'{"jsonrpc": "2.0", "id": true, "method": "ping"}', REQUEST, None),
        (b'{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}', REQUEST, None),
        (b'{"jsonrpc": "1.0", "id": 5, "method": "ping"}', REQUEST, 5),
        (b'{"id": 5}', REQUEST, 5),
        (b"7", REQUEST, None),
        (b'"\xff"', REQUEST, None),
        (b"null", REQUEST, None),
    ],
)
def test_what_cannot_be_read_is_an_error_of_the_protocol(line: bytes, code: int, known: int | None) -> None:
    problem = fault(line + b"\n")
    assert problem is not None
    assert (problem.error.code, problem.id) == (code, known)
    assert json.loads(problem.model_dump_json(by_alias=True, exclude_unset=True))["jsonrpc"] == "2.0"


@pytest.mark.parametrize(
    "line",
    [
        b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}',
        b'{"jsonrpc": "2.0", "id": "a", "method": "ping", "params": {"a": "\\ud83d\\ude00"}}',
        b'{"jsonrpc": "2.0", "method": "notifications/initialized"}',
        b'{"jsonrpc": "2.0", "id": 3, "result": {}}',
        b"",
        b"  ",
    ],
)
def test_what_can_be_read_is_left_to_the_server(line: bytes) -> None:
    assert fault(line + b"\n") is None


@pytest.mark.parametrize("begins", [b"\xef\xbb\xbf", b""])
def test_a_client_that_goes_early_ends_it_without_a_traceback(place: Place, begins: bytes) -> None:
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    request = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
    with place.errors.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, *place.command],
            env=place.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        assert process.stdin
        assert process.stdout
        process.stdin.write(begins + json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"] == 1  # a byte order mark before it does no harm
        process.stdout.close()
        for n in range(3):
            try:
                process.stdin.write(json.dumps({"jsonrpc": "2.0", "id": n + 2, "method": "ping"}).encode() + b"\n")
                process.stdin.flush()
            except BrokenPipeError:
                break
        with suppress(BrokenPipeError):
            process.stdin.close()
        assert process.wait(60) in (0, 141)
    assert "Traceback" not in place.errors.read_text()
