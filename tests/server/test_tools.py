"""The tools, by the SDK's client in this process: what they do, what they refuse, and what a client is told of them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from tests.server.clients import call, opened, refused
from tests.sessions.samples import LONG, write_document, write_documents
from titans_cli import Session
from titans_cli.server import progress as reports
from titans_cli.server.keeper import Keeper
from titans_cli.server.tools import TitansServer
from titans_cli.sessions.items import LONGEST_TEXT
from titans_cli.store import Home

pytestmark = pytest.mark.anyio
OLD = "The melting point of brunsite is 417 kelvin, as the first survey found."
NEW = "The boiling temperature of brunsite lies near 902 degrees after the recount."
QUESTION = "What is the melting point of brunsite?"


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    write_documents(tmp_path / "papers", 2)
    return tmp_path / "papers"


@pytest.fixture
def server(keeper: Keeper, papers: Path) -> TitansServer:
    return TitansServer(keeper, roots=[papers.resolve()], allow_promote=True)


async def test_every_tool_does_what_its_use_case_does(server: TitansServer, home: Home) -> None:
    async with Client(server) as client:
        first = await call(client, "session_open", name="papers")
        handle = first["handle"]
        assert (first["made"], first["state"]) == (True, "open")
        read = await call(client, "memory_add", handle=handle, paths=["."])
        assert (read["read"]["files_read"], read["told"], read["failed"]) == (2, None, [])
        item = {"text": OLD, "key": "brunsite", "source": "survey", "tags": ["metal"]}
        assert (await call(client, "memory_add", handle=handle, **item))["told"]["status"] == "added"
        assert (await call(client, "memory_add", handle=handle, **item))["told"]["status"] == "unchanged"
        retrieved = await call(client, "memory_retrieve", handle=handle, query=QUESTION, top_k=1)
        assert (
            retrieved["passages"][0] | {"key": "brunsite", "label": "survey", "text": OLD} == retrieved["passages"][0]
        )
        assert "417" in (await call(client, "memory_ask", handle=handle, question=QUESTION))["text"]
        only = {"tags": ["metal"]}
        summary = await call(client, "memory_summary", handle=handle, within=only, log=False)
        assert {c["source"] for c in summary["citations"]} == {"survey"}
        out = await call(client, "memory_filter", handle=handle, within=only, act="exclude")
        assert (out["changed"], out["items"][0]["withheld"]) == (1, "excluded")
        assert not (await call(client, "memory_retrieve", handle=handle, query=QUESTION, within=only))["passages"]
        assert (await call(client, "memory_filter", handle=handle, act="include"))["changed"] == 1
        page = await call(client, "memory_filter", handle=handle, limit=1, offset=1)
        assert (page["total"], len(page["items"]), page["items"][0]["label"][-6:]) == (3, 1, "01.txt")
        fast = await call(client, "memory_update", handle=handle, item="brunsite", text=NEW, fast=True)
        assert (fast["status"], fast["superseded"], fast["item"]["tags"]) == ("updated", 1, ["metal"])
        kept = await call(client, "memory_update", handle=handle, item="brunsite", text=NEW, source="recount", tags=[])
        assert (kept["item"]["label"], kept["item"]["tags"]) == ("recount", [])
        assert (await call(client, "memory_delete", handle=handle, item="01.txt", dry_run=True))["done"] is False
        assert (await call(client, "memory_delete", handle=handle, item="01.txt"))["left"] == 2
        status = await call(client, "session_status", handle=handle)
        assert (status["documents"], status["items"], status["unfinished"]) == (1, 1, [])
        assert status["memory_sha256"] == Session.open("papers", home=home).status().memory_sha256
        assert [event["kind"] for event in status["latest"]][-1] == "told"
        kept = await call(client, "session_promote", handle=handle, entry="kept", note="recounted")
        assert (kept["name"], kept["note"], kept["forced"]) == ("kept", "recounted", False)
        assert (await call(client, "session_promote", handle=handle))["name"] == "kept"  # done before: the same entry
        again = await call(client, "session_open", name="papers")
        assert (again["made"], again["state"], again["promoted_to"]) == (False, "promoted", "kept")
        assert (await call(client, "session_status", handle=handle))["promoted_to"] == "kept"
        assert 'session_open(entry="kept")' in await refused(client, "memory_add", handle=handle, text=OLD)
        heir = await call(client, "session_open", name="heir", entry="kept")
        assert heir["origin"] == "kept"
        assert (await call(client, "memory_retrieve", handle=heir["handle"], query="brunsite"))["passages"][0][
            "text"
        ] == NEW


async def test_what_was_read_can_be_looked_at(server: TitansServer) -> None:
    async with Client(server) as client:
        handle = (await call(client, "session_open", name="papers"))["handle"]
        await call(client, "memory_add", handle=handle, paths=["."])
        await call(client, "memory_add", handle=handle, text=OLD, key="brunsite", source="survey")
        listed = await call(client, "document_list", handle=handle, limit=1, offset=1)
        assert (listed["documents"], len(listed["sources"]), listed["items"]) == (2, 1, 1)
        number = listed["sources"][0]["number"]
        result = await call(client, "memory_search", handle=handle, query='"melting point of brunsite" kelvin')
        assert (result["matched"], result["hits"][0]["label"]) == ("all", "survey")
        page = await call(client, "document_page", handle=handle, document=str(number))
        rest = await call(client, "document_page", handle=handle, document="01.txt", page=1, start=10)
        assert (page["left"], page["page"], page["pages"]) == (0, 1, [1])
        assert rest["text"] == page["text"][10:]
        assert "there are 1" in await refused(client, "document_page", handle=handle, document="01.txt", page=9)


async def test_a_client_is_told_what_each_tool_takes_gives_and_may_do(keeper: Keeper, server: TitansServer) -> None:
    async with Client(server) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        (template,) = (await client.list_resource_templates()).resource_templates
    async with Client(TitansServer(keeper)) as client:
        fewer = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(tools) - set(fewer) == {"session_promote"}
    assert template.uri_template.startswith("titans://sessions/{handle}/episodes")
    for name, tool in tools.items():
        assert tool.description
        assert tool.output_schema
        assert tool.output_schema["properties"]
        assert tool.annotations
        assert tool.annotations.open_world_hint is False
        assert ("handle" in tool.input_schema["required"]) is (name != "session_open")
    reads = {name for name, tool in tools.items() if tool.annotations and tool.annotations.read_only_hint}
    destroys = {name for name, tool in tools.items() if tool.annotations and tool.annotations.destructive_hint}
    once = {name for name, tool in tools.items() if tool.annotations and tool.annotations.idempotent_hint}
    looks = {"memory_search", "document_list", "document_page"}
    assert reads == {"session_status", "memory_retrieve"} | looks
    assert destroys == {"memory_add", "memory_update", "memory_delete", "session_promote"}
    assert set(tools) - once == {"memory_ask", "memory_summary"}
    assert fewer["memory_add"].annotations
    assert fewer["memory_add"].annotations.destructive_hint is False  # without files nothing is replaced


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("memory_add", {"text": OLD, "keyy": "k"}, "keyy"),
    ("memory_add", {}, "text"),
    ("memory_add", {"text": OLD, "paths": ["."]}, "either"),
    ("memory_add", {"paths": ["."], "key": "k"}, "named by its path"),
    ("memory_add", {"text": "x" * (LONGEST_TEXT + 1)}, "longer than 1,000,000 characters"),
    ("memory_add", {"text": OLD, "key": "k" * 201}, "200"),
    ("memory_add", {"text": OLD, "key": "a\nb"}, "key"),
    ("memory_add", {"text": OLD, "tags": ["t"] * 101}, "tags"),
    ("memory_add", {"text": OLD, "tags": "metal"}, "tags"),
    ("memory_add", {"text": " \n "}, "no text"),
    ("memory_add", {"paths": ["x"] * 1001}, "paths"),
    ("memory_update", {"item": "nobody", "text": OLD}, "not-found"),
    ("memory_update", {"item": "00.txt", "text": OLD}, "memory_add"),
    ("memory_delete", {"item": "nobody"}, "memory_filter"),
    ("memory_retrieve", {"query": ""}, "query"),
    ("memory_retrieve", {"query": "q" * 10_001}, "query"),
    ("memory_retrieve", {"query": "q", "top_k": 0}, "top_k"),
    ("memory_retrieve", {"query": "q", "top_k": "many"}, "top_k"),
    ("memory_retrieve", {"query": "q", "within": {"tag": ["metal"]}}, "within.tag"),
    ("memory_retrieve", {"query": "q", "within": {"since": "noon"}}, "not a time"),
    ("memory_filter", {"act": "explode"}, "act"),
    ("memory_filter", {"act": "exclude"}, "everything"),
    ("memory_summary", {"kind": "gossip"}, "kind"),
    ("no_such_tool", {}, "no_such_tool"),
]


async def test_bad_arguments_are_tool_errors_that_say_what_is_wrong(server: TitansServer) -> None:
    async with Client(server) as client:
        handle = await opened(client)
        await call(client, "memory_add", handle=handle, paths=["00.txt"])
        before = await call(client, "session_status", handle=handle)
        for tool, arguments, says in BAD:
            given = arguments if tool == "no_such_tool" else {"handle": handle} | arguments
            assert says in await refused(client, tool, **given), (tool, says)
        assert (await call(client, "session_status", handle=handle)) == before


async def test_what_is_no_handle_opens_nothing(server: TitansServer) -> None:
    async with Client(server) as client:
        await opened(client)
        for handle in ("", "papers", "01", "../papers", "0" * 26, "x" * 100):
            assert "session_open" in await refused(client, "session_status", handle=handle)
            assert "session_open" in await refused(client, "memory_add", handle=handle, text=OLD)
            with pytest.raises(MCPError):
                await client.read_resource(f"titans://sessions/{handle or '-'}/episodes")
            assert not server.keeper.calls(handle)


async def test_no_session_is_named_by_an_id_or_the_beginning_of_one(server: TitansServer) -> None:
    """Whoever named one so would be found in the place of the session whose handle that is."""
    async with Client(server) as client:
        handle = await opened(client)
        for name in (handle, handle[:10]):
            assert "usage" in await refused(client, "session_open", name=name)
        assert "not-found" in await refused(client, "session_open", name="heir", entry="nobody")
        assert "usage" in await refused(client, "session_open", name="../papers")


async def test_a_text_is_a_text_whatever_else_it_could_be(server: TitansServer) -> None:
    async with Client(server) as client:
        handle = await opened(client)
        for text in ("null", "true", '["a", 1]', '{"a": 1}', "123"):
            added = (await call(client, "memory_add", handle=handle, text=text, key=text, source=text))["told"]
            assert (added["status"], added["item"]["key"], added["item"]["label"]) == ("added", text, text)


async def test_nothing_outside_the_roots_is_read(server: TitansServer, papers: Path, tmp_path: Path) -> None:
    secret = write_document(tmp_path / "secret" / "plan.txt", seed=77)
    (papers / "link.txt").symlink_to(secret)
    (papers / "folder").symlink_to(secret.parent)
    (papers / "loop").symlink_to(papers)
    beside = write_document(tmp_path / "papers-of-others" / "a.txt", seed=78)
    os.mkfifo(papers / "pipe.txt")
    async with Client(server) as client:
        handle = await opened(client)
        outside = [str(secret), str(secret.parent), "../secret/plan.txt", "link.txt", "folder", "folder/plan.txt"]
        outside += [str(beside), str(tmp_path), "/", "/etc/passwd", str(tmp_path / "not-there.txt"), "a\0b"]
        for path in outside:
            assert "outside the folders" in await refused(client, "memory_add", handle=handle, paths=["00.txt", path])
        for path in ("-", "https://example.org/a.txt", "x" * 300, "not-there.txt", "pipe.txt"):
            done = await call(client, "memory_add", handle=handle, paths=[path])
            assert (done["read"]["files_read"], len(done["failed"])) == (0, 1)
        assert (await call(client, "session_status", handle=handle))["documents"] == 0  # not even what was inside
        done = await call(client, "memory_add", handle=handle, paths=["."])
        assert done["read"]["files_read"] == 2
        assert [Path(f["source"]).name for f in done["failed"]] == ["link.txt", "folder"]
        assert all("link out of the folders" in f["reason"] for f in done["failed"])
        text = (await client.read_resource(f"titans://sessions/{handle}/episodes")).contents[0]
        assert "plan.txt" not in str(text)


async def test_without_roots_no_file_is_read(keeper: Keeper, papers: Path) -> None:
    async with Client(TitansServer(keeper)) as client:
        handle = await opened(client)
        assert "--root" in await refused(client, "memory_add", handle=handle, paths=[str(papers / "00.txt")])


async def test_long_work_tells_its_progress_and_never_goes_back(
    server: TitansServer, papers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "APART", 0.0)  # which reports are left out between two must not depend on the machine
    heard: list[tuple[float, float | None, str | None]] = []

    async def listen(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    async with Client(server) as client:
        handle = await opened(client)
        arguments = {"handle": handle, "paths": ["."]}
        assert not (await client.call_tool("memory_add", arguments, progress_callback=listen)).is_error
        assert heard[:1] == [(0.0, 2.0, "2 to read")]
        heard.clear()
        await client.call_tool("memory_summary", {"handle": handle}, progress_callback=listen)
        assert heard[:1] == [(0.0, None, "summarising")]
        (papers / "more").mkdir()
        for i in range(4):
            write_document(papers / "more" / f"{i}.txt", sentences=LONG, seed=50 + i)
        heard.clear()
        await client.call_tool("memory_add", arguments, progress_callback=listen)
    steps = [progress for progress, *_ in heard]
    assert steps == sorted(set(steps))
    assert {total for _, total, _ in heard} == {6.0}
    assert any("segment" in (message or "") for *_, message in heard)


async def test_episodes_are_a_resource(server: TitansServer) -> None:
    async with Client(server) as client:
        handle = await opened(client)
        await call(client, "memory_add", handle=handle, text=OLD, key="brunsite")
        await call(client, "memory_ask", handle=handle, question="Who painted the tower?")

        async def episodes(query: str = "") -> list[str]:
            (content,) = (await client.read_resource(f"titans://sessions/{handle}/episodes{query}")).contents
            assert content.mime_type == "application/json"
            return [event["kind"] for event in json.loads(content.model_dump()["text"])["events"]]

        assert await episodes() == ["started", "told", "asked", "answered"]
        assert await episodes("?limit=1") == ["answered"]
        assert await episodes("?words=brunsite&since=2h") == ["told"]
        assert await episodes("?words=tower&kind=asked") == ["asked"]
        for query in ("?kind=asked", "?words=tower&since=noon", "?limit=some"):
            with pytest.raises(MCPError):
                await episodes(query)
