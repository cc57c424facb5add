"""Servers as real processes, and the SDK's own client at them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent

from tests.sessions.samples import child_environment

PATIENCE = 600.0  # seconds: a server imports torch before it answers, and a busy machine must not decide a test


@dataclass(frozen=True)
class Place:
    """Where a server is started: its environment, and where its standard error goes."""

    home: Path
    model: Path
    errors: Path
    command: tuple[str, ...] = ("-m", "titans_cli", "mcp")
    more: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return child_environment(TITANS_HOME=str(self.home), TITANS_MODEL=str(self.model), **self.more)


@asynccontextmanager
async def over_stdio(place: Place, *argv: str) -> AsyncIterator[Client]:
    """A server of one's own. Its standard error is appended to `place.errors`."""
    server = StdioServerParameters(command=sys.executable, args=[*place.command, *argv], env=place.environment)
    with place.errors.open("a", encoding="utf-8") as errors:
        async with Client(stdio_client(server, errlog=errors), read_timeout_seconds=PATIENCE) as client:
            yield client


@contextmanager
def http_server(place: Place, *argv: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server on a free port of this machine; its address, and the process, which is stopped in the end."""
    command = [sys.executable, *place.command, "--http", "127.0.0.1:0", "--json", *argv]
    with place.errors.open("a", encoding="utf-8") as errors:
        process = subprocess.Popen(
            command, env=place.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"], process
        finally:
            process.terminate()
            process.wait(120)
            process.stdout.close()


@asynccontextmanager
async def over_http(url: str, token: str | None = None) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=PATIENCE) as http,
        Client(streamable_http_client(url, http_client=http), read_timeout_seconds=PATIENCE) as client,
    ):
        yield client


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """The structured result; AssertionError with the text of an error. The client checks it against the schema."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    return dict(result.structured_content)


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    """What a tool says that cannot do it."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error, result.structured_content
    return text_of(result)


def text_of(result: CallToolResult) -> str:
    return "\n".join(part.text for part in result.content if isinstance(part, TextContent))


async def opened(client: Client, name: str = "papers", **more: str) -> str:
    return str((await call(client, "session_open", name=name, **more))["handle"])


__all__ = ["Place", "call", "http_server", "opened", "over_http", "over_stdio", "refused", "text_of"]
