"""Serving over standard input and output."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import anyio
import mcp_types as types
from anyio import from_thread
from anyio.lowlevel import EventLoopToken, current_token
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage

from titans_cli.server.tools import TitansServer

PIECE = 65536
LONGEST_LINE = 64 << 20  # bytes; the longest text with every character escaped is an eighth of it
_BOM = b"\xef\xbb\xbf"
_GONE = (BrokenPipeError, anyio.BrokenResourceError, anyio.ClosedResourceError)


class Stdio:
    """Ends when its input does, or when `end` is called. Nothing but the protocol goes to standard output: what else
    writes there meanwhile writes to standard error (the SDK sees to that).

    Every line that is a request, or was meant as one, is answered: the SDK passes over what it cannot read, and its
    caller would wait for good. So lines are looked at here before the SDK gets them.
    """

    def __init__(self, server: TitansServer) -> None:
        self.server = server
        self._nowhere = os.open(os.devnull, os.O_WRONLY)
        self._write_end = -1
        self._answers: Any = None  # the stream to the client
        self._token: EventLoopToken | None = None
        self._serving = threading.Event()

    def run(self) -> None:
        """The SDK waits for input in a thread that nothing can wake up. So its input is a pipe of ours: a thread that
        may be left behind fills it from the real one, and its end is the server's. A client that has gone ends it."""
        real = os.dup(sys.stdin.fileno())
        read_end, self._write_end = os.pipe()
        os.dup2(read_end, sys.stdin.fileno())
        os.close(read_end)
        threading.Thread(target=self._fill, args=(real,), daemon=True).start()
        try:
            anyio.run(self._serve)
        except BaseExceptionGroup as group:
            if (others := group.split(_GONE)[1]) is not None:
                raise others from None
        except _GONE:
            pass
        finally:
            self.end()

    async def _serve(self) -> None:
        lowlevel = self.server._lowlevel_server
        async with stdio_server() as (read, write):
            self._answers, self._token = write, current_token()
            self._serving.set()
            await lowlevel.run(read, write, lowlevel.create_initialization_options())

    def end(self) -> None:
        """May be called by a signal's handler."""
        self.server.keeper.stop()
        if self._write_end >= 0:
            os.dup2(self._nowhere, self._write_end)  # as closing it, but its number cannot become another file's

    def _fill(self, real: int) -> None:
        with suppress(OSError):  # nobody reads any more
            for line in _lines(real):
                if (problem := fault(line)) is not None:
                    self._answer(problem)
                    continue
                while line:
                    line = line[os.write(self._write_end, line) :]
        self.end()

    def _answer(self, problem: types.JSONRPCError) -> None:
        self._serving.wait()
        with suppress(*_GONE, RuntimeError):  # the server has ended
            from_thread.run(self._answers.send, SessionMessage(problem), token=self._token)


def _lines(real: int) -> Iterator[bytes]:
    """Lines with their ends, without a byte order mark before the first; one that is too long is cut."""
    rest, first = b"", True
    while piece := os.read(real, PIECE):
        rest += piece
        *lines, rest = rest.split(b"\n")
        if len(rest) > LONGEST_LINE:
            lines, rest = [*lines, rest[:LONGEST_LINE]], b""
        for line in lines:
            yield (line.removeprefix(_BOM) if first else line) + b"\n"
            first = False
    if rest:
        yield rest.removeprefix(_BOM) if first else rest


def fault(line: bytes) -> types.JSONRPCError | None:
    """The protocol's error for a line that the SDK cannot read or would not answer; None for all others."""
    if not line.strip():
        return None
    try:
        message = json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        return _error(types.PARSE_ERROR, f"this line is no JSON: {str(error)[:200]}", None)
    if isinstance(message, list):
        return _error(types.INVALID_REQUEST, "batches are not taken: send one message a line", None)
    given = message.get("id") if isinstance(message, dict) else None
    known = given if isinstance(given, int | str) and not isinstance(given, bool) else None
    if isinstance(known, str) and not _is_text(known):
        known = None
    if isinstance(message, dict) and "id" in message and "method" in message and known is None:
        return _error(types.INVALID_REQUEST, "the id has to be a text or a whole number", None)
    try:
        types.jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValueError:
        text = _is_text(json.dumps(message, ensure_ascii=False))
        why = "this is no message of JSON-RPC 2.0" if text else "it holds half a character (a lone surrogate)"
        return _error(types.INVALID_REQUEST if text else types.PARSE_ERROR, why, known)
    return None


def _is_text(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _error(code: int, message: str, known: int | str | None) -> types.JSONRPCError:
    return types.JSONRPCError(jsonrpc="2.0", id=known, error=types.ErrorData(code=code, message=message))
