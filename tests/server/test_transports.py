"""Servers as processes of their own, over stdio and over HTTP: who may connect, what they say, and how they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import httpx2
import pytest
from mcp import Client

from tests.server.clients import Place, call, http_server, opened, over_http, over_stdio, refused
from tests.sessions.samples import write_documents
from titans_cli import Session

pytestmark = pytest.mark.anyio
TOKEN = "a-token-of-many-characters"
OLD = "The melting point of brunsite is 417 kelvin, as the first survey found."
NEW = "The boiling temperature of brunsite lies near 902 degrees after the recount."
SOON = 30  # seconds, that something is waited for which happens at once
QUESTION = "What is the melting point of brunsite?"


@asynccontextmanager
async def connected(transport: str, place: Place, *argv: str) -> AsyncIterator[Client]:
    if transport == "stdio":
        async with over_stdio(place, *argv) as client:
            yield client
    else:
        with http_server(place, *argv) as (url, _):
            async with over_http(url) as client:
                yield client


@pytest.mark.parametrize("transport", ["stdio", "http"])
async def test_every_tool_works_over_each_transport_and_handles_survive_restarts(
    transport: str, place: Place, tmp_path: Path
) -> None:
    write_documents(tmp_path / "papers", 1)
    argv = ["--root", str(tmp_path / "papers"), "--allow-promote"]
    async with connected(transport, place, *argv) as client:
        handle = await opened(client)
        assert (await call(client, "memory_add", handle=handle, paths=["."]))["read"]["files_read"] == 1
        assert "outside" in await refused(client, "memory_add", handle=handle, paths=["../errors.txt"])
        await call(client, "memory_add", handle=handle, text=OLD, key="brunsite", tags=["metal"])
        before = await call(client, "session_status", handle=handle)
    async with connected(transport, place, *argv) as client:
        assert await call(client, "session_status", handle=handle) == before
        assert await opened(client) == handle
        assert "417" in (await call(client, "memory_ask", handle=handle, question=QUESTION))["text"]
        retrieved = await call(client, "memory_retrieve", handle=handle, query=QUESTION)
        assert retrieved["passages"][0]["key"] == "brunsite"
        assert (await call(client, "memory_summary", handle=handle, within={"tags": ["metal"]}))["citations"]
        assert (await call(client, "memory_filter", handle=handle))["total"] == 2
        assert (await call(client, "memory_update", handle=handle, item="brunsite", text=NEW))["status"] == "updated"
        assert (await call(client, "memory_delete", handle=handle, item="brunsite"))["done"]
        (episodes,) = (await client.read_resource(f"titans://sessions/{handle}/episodes")).contents
        assert "I read" in episodes.model_dump()["text"]
        assert (await call(client, "session_promote", handle=handle, entry="kept"))["name"] == "kept"
    errors = place.errors.read_text()
    assert "Traceback" not in errors, errors


async def test_several_clients_share_one_server_and_sessions_do_not_mix(place: Place) -> None:
    with http_server(place) as (url, _):

        async def agent(name: str, key: str) -> None:
            async with over_http(url) as client:
                handle = await opened(client, name)
                await call(client, "memory_add", handle=handle, text=f"{name} was told {key}. {OLD}", key=key)

        async with anyio.create_task_group() as group:
            for i in range(6):
                group.start_soon(agent, f"s{i % 2}", f"k{i}")
        async with over_http(url) as client:
            for name in ("s0", "s1"):
                listed = await call(client, "memory_filter", handle=await opened(client, name))
                assert sorted(item["key"] for item in listed["items"]) == [f"k{i}" for i in range(int(name[1]), 6, 2)]


async def test_a_token_is_asked_for_and_a_strange_host_is_not_served(place: Place, tmp_path: Path) -> None:
    (tmp_path / "token.txt").write_text(f"{TOKEN}\n")
    knock = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    with http_server(place, "--token-file", str(tmp_path / "token.txt")) as (url, _):
        async with httpx2.AsyncClient() as http:

            async def status(**headers: str) -> int:
                accepted = {"Accept": "application/json, text/event-stream"}
                return (await http.post(url, json=knock, headers=accepted | headers)).status_code

            assert await status() == 401
            assert await status(Authorization=f"Bearer {TOKEN}x") == 401
            assert await status(Authorization=f"Basic {TOKEN}") == 401
            allowed = {"Authorization": f"Bearer {TOKEN}"}
            assert await status(**allowed, Host="evil.example") == 421
            assert await status(**allowed, Origin="http://evil.example") == 403
            port = url.split(":")[2].split("/")[0]
            for host in (
                f"localhost:{int(port) % 65535 + 1}",
                "localhost",
                f"localhost:{port}x",
                f"localhost:{port}.evil",
            ):
                assert await status(**allowed, Host=host) == 421, host
                assert await status(**allowed, Origin=f"http://{host}") == 403, host
            own = {"Host": f"localhost:{port}", "Origin": f"http://127.0.0.1:{port}"}
            assert await status(**allowed, **own) == 400  # let in, and told that this is no way to begin
            too_much = b" " * (8 * 1024 * 1024 + 1)
            headers = {**allowed, "Content-Type": "application/json"}
            assert (await http.post(url, content=too_much, headers=headers)).status_code == 413
        async with over_http(url, TOKEN) as client:
            assert "session_status" in {tool.name for tool in (await client.list_tools()).tools}
    assert TOKEN not in place.errors.read_text()


@contextmanager
def stdio_server(place: Place) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """One that has answered `initialize`, and what it answered."""
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    begin = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
    with (
        place.errors.open("a") as errors,
        subprocess.Popen(
            [sys.executable, *place.command],
            env=place.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(begin) + "\n")
        process.stdin.flush()
        yield process.stdout.readline(), process


def test_standard_output_carries_the_protocol_and_nothing_else(place: Place) -> None:
    """Whatever prints meanwhile. Malformed lines are survived, and the end of the input is the end."""
    noisy = replace(place, command=("-m", "tests.server.victim"), more={"VICTIM": "noise"})
    Session.new("papers", home=place.home, model=str(place.model)).add(OLD)
    handle = Session.open("papers", home=place.home).id
    with stdio_server(noisy) as (hello, process):
        assert process.stdin
        assert process.stdout

        def send(message: dict[str, object]) -> None:
            assert process.stdin
            process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            process.stdin.flush()

        answers = [hello]
        send({"method": "notifications/initialized"})
        process.stdin.write("this is not JSON\n{\n[]\n")
        arguments = {"handle": handle, "query": "brunsite"}
        send({"id": 2, "method": "tools/call", "params": {"name": "memory_retrieve", "arguments": arguments}})
        send({"id": None, "method": "ping"})
        process.stdin.write('{"jsonrpc": "2.0", "id": 3, "method": "ping", "params": {"a": "\\ud800"}}\n')
        while json.loads(answers[-1]).get("id") != 2:
            answers.append(process.stdout.readline())
        process.stdin.close()
        answers += process.stdout.readlines()
        assert process.wait(SOON) == 0
    messages = [json.loads(line) for line in answers]
    assert all(message["jsonrpc"] == "2.0" for message in messages)
    wrong = [(m["id"], m["error"]["code"]) for m in messages if "error" in m]
    assert wrong == [(None, -32700), (None, -32700), (None, -32600), (None, -32600), (3, -32700)]
    assert "417" in json.dumps(next(m for m in messages if m.get("id") == 2)["result"]["structuredContent"])
    assert place.errors.read_text().count("noise") >= 3


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_a_signal_ends_it_while_its_input_stays_open(
    place: Place, transport: str, number: signal.Signals, code: int
) -> None:
    with stdio_server(place) if transport == "stdio" else http_server(place) as (_, process):
        process.send_signal(number)
        assert process.wait(SOON) == code
    assert "Traceback" not in place.errors.read_text()


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_killed_within_memory_add_the_item_is_wholly_there_or_not_at_all(
    place: Place, tmp_path: Path, tiny_folder: Path, moment: str
) -> None:
    session = Session.new("papers", home=place.home, model=str(tiny_folder))
    empty = session.status().memory_sha256
    sign = tmp_path / "sign"
    victim = replace(place, command=("-m", "tests.server.victim"), more={"VICTIM": moment, "VICTIM_SIGN": str(sign)})
    arguments = {"handle": session.id, "text": OLD, "key": "brunsite"}
    with http_server(victim) as (url, process):

        async def be_cut_off() -> None:
            async with over_http(url) as client, anyio.create_task_group() as group:
                group.start_soon(client.call_tool, "memory_add", arguments)
                with anyio.fail_after(SOON):
                    while not sign.exists():
                        await anyio.sleep(0.01)
                os.kill(process.pid, signal.SIGKILL)
                process.wait(SOON)
                raise ConnectionError

        with pytest.raises(BaseException):  # noqa: B017, PT011 - however the client puts it
            await be_cut_off()
    alone = Session.new("alone", home=tmp_path / "alone", model=str(tiny_folder))
    alone.add(OLD)
    whole = alone.status().memory_sha256
    assert session.status().memory_sha256 == (whole if moment == "after" else empty)
    async with over_stdio(place) as client:
        again = (await call(client, "memory_add", **arguments))["told"]
        assert again["status"] == ("unchanged" if moment == "after" else "added")
    assert session.status().memory_sha256 == whole
