"""One process, many sessions: a call at a time on each, side by side on several, and none knows of another."""

from __future__ import annotations

import gc
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import anyio
import pytest
from mcp import Client

from tests.server.clients import call, opened
from tests.sessions.samples import LONG, write_document
from tests.tiny import make_sentences
from titans_cli import Session, Workspace
from titans_cli.model.engine import Engine
from titans_cli.model.interface import ReaderAnswer
from titans_cli.server import progress as reports
from titans_cli.server.keeper import Keeper
from titans_cli.server.tools import TitansServer
from titans_cli.sessions.items import ItemResult
from titans_cli.store import Home, SessionStore

pytestmark = pytest.mark.anyio
SOON = 30  # seconds, that something is waited for which happens at once


def texts(seed: int, count: int = 3) -> list[str]:
    return [" ".join(make_sentences(6, seed * 100 + i)) for i in range(count)]


async def tell(client: Client, name: str, told: list[str]) -> None:
    handle = await opened(client, name)
    for i, text in enumerate(told):
        await call(client, "memory_add", handle=handle, text=text, key=f"{i}")
        await call(client, "memory_retrieve", handle=handle, query=text)


async def test_many_sessions_at_once_are_each_as_if_alone(
    keeper: Keeper, tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when they were made to compute with different numbers of threads."""
    names = [f"s{i}" for i in range(4)]
    alone = Home(tmp_path / "alone")
    expected = {}
    for i, name in enumerate(names):
        monkeypatch.setenv("TITANS_THREADS", str(1 + i % 2))
        Session.new(name, home=keeper.home, model=str(tiny_folder))
        session = Session.new(name, home=alone, model=str(tiny_folder))
        for n, text in enumerate(texts(i)):
            session.add(text, key=f"{n}")
        passages = session.retrieve(texts(i)[0]).passages
        expected[name] = (session.status().memory_sha256, [(p.text, p.score) for p in passages])
    server = TitansServer(keeper)
    async with Client(server) as client:
        async with anyio.create_task_group() as group:
            for i, name in enumerate(names):
                group.start_soon(tell, client, name, texts(i))
        for i, name in enumerate(names):
            handle = await opened(client, name)
            status = await call(client, "session_status", handle=handle)
            retrieved = await call(client, "memory_retrieve", handle=handle, query=texts(i)[0])
            got = (status["memory_sha256"], [(p["text"], p["score"]) for p in retrieved["passages"]])
            assert got == expected[name], name


async def test_calls_on_one_session_take_turns_and_none_is_lost(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work, most = 0, 0
    add = Session.add

    def counted(self: Session, text: str, **how: object) -> ItemResult:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        done = add(self, text, **how)  # type: ignore[arg-type]
        at_work -= 1
        return done

    monkeypatch.setattr(Session, "add", counted)
    server = TitansServer(keeper)
    async with Client(server) as one, Client(server) as other:
        handle = await opened(one)
        added = texts(1, 8)
        async with anyio.create_task_group() as group:
            for i, text in enumerate(added):
                client = (one, other)[i % 2]
                group.start_soon(partial(call, client, "memory_add", handle=handle, text=text, key=str(i)))
        listed = await call(one, "memory_filter", handle=handle)
    assert most == 1
    assert sorted(item["key"] for item in listed["items"]) == [str(i) for i in range(8)]


async def test_a_session_at_work_keeps_neither_another_nor_its_own_status_waiting(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    working, enough, waited = threading.Event(), threading.Event(), list[bool]()
    retrieve = Session.retrieve

    def slow(self: Session, *args: object, **how: object) -> object:
        working.set()
        waited.append(enough.wait(SOON))
        return retrieve(self, *args, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(Session, "retrieve", slow)
    async with Client(TitansServer(keeper)) as client:
        handle, other = await opened(client, "slow"), await opened(client, "other")
        with anyio.fail_after(SOON):
            async with anyio.create_task_group() as group:
                group.start_soon(lambda: call(client, "memory_retrieve", handle=handle, query="kernel"))
                await anyio.to_thread.run_sync(working.wait)
                group.start_soon(lambda: call(client, "memory_add", handle=handle, text="It waits for its turn."))
                await call(client, "memory_add", handle=other, text="Another session goes on.")
                while (status := await call(client, "session_status", handle=handle))["calls"] < 2:
                    await anyio.sleep(0)
                assert status["items"] == 0
                enough.set()
            assert (await call(client, "session_status", handle=handle))["items"] == 1
    assert waited == [True]


async def test_the_model_is_loaded_once_and_only_so_many_sessions_stay_warm(
    home: Home, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads = 0
    load = Engine.load

    def counted(path: Path | None = None, precision: str = "fp32") -> Engine:
        nonlocal loads
        loads += 1
        return load(path, precision)

    monkeypatch.setattr(Engine, "load", counted)
    keeper = Keeper(Workspace(home, model=str(tiny_folder)), warm=2)
    async with Client(TitansServer(keeper)) as client:
        handles = [await opened(client, f"s{i}") for i in range(4)]
        for handle in [*handles, handles[0]]:
            await call(client, "memory_add", handle=handle, text="The weir failed.", key="weir")
            gc.collect()
            assert sum(type(o) is Session for o in gc.get_objects()) <= 2
        statuses = [await call(client, "session_status", handle=handle) for handle in handles]
    assert loads == 1
    assert [status["items"] for status in statuses] == [1, 1, 1, 1]


async def test_a_handle_outlives_the_server_and_says_where_a_cancelled_call_stopped(
    keeper: Keeper, home: Home, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that is given up stops at a commit; the same call, of another server, ends with the bytes of one run."""
    monkeypatch.setattr(reports, "APART", 0.0)
    path = write_document(tmp_path / "papers" / "long.txt", sentences=4 * LONG)
    alone = Session.new("alone", home=tmp_path / "alone", model=str(tiny_folder))
    alone.ingest(path)

    async def give_up(progress: float, total: float | None, message: str | None) -> None:
        if 0 < progress < 1:
            scope.cancel()

    async with Client(TitansServer(keeper, roots=[path.parent])) as client:
        handle = await opened(client)
        with anyio.CancelScope() as scope:  # by the time it is felt the call may have ended as interrupted
            await client.call_tool("memory_add", {"handle": handle, "paths": ["."]}, progress_callback=give_up)
    assert scope.cancel_called
    again = Keeper(Workspace(home, model=str(tiny_folder)))
    async with Client(TitansServer(again, roots=[path.parent])) as client:
        (begun,) = (await call(client, "session_status", handle=handle))["unfinished"]
        assert 0 < begun["blocks_done"] < begun["blocks_total"]
        await call(client, "memory_add", handle=handle, paths=["."])
        status = await call(client, "session_status", handle=handle)
    assert status["unfinished"] == []
    assert status["memory_sha256"] == alone.status().memory_sha256


async def test_a_writer_of_another_process_is_said(keeper: Keeper) -> None:
    async with Client(TitansServer(keeper)) as client:
        handle = await opened(client)
        with SessionStore.open(keeper.home, handle).writer(command="ingest"):
            result = await client.call_tool("memory_add", {"handle": handle, "text": "The weir failed."})
            assert result.is_error
            assert "locked" in str(result.content)
            await call(client, "memory_retrieve", handle=handle, query="weir")  # readers never wait
        await call(client, "memory_add", handle=handle, text="The weir failed.")


async def test_a_reader_is_loaded_once_for_all_sessions_of_a_server(
    home: Home, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = list[str]()

    class Sure:
        def read(self, question: str, passages: Sequence[str], titles: Sequence[str] = ()) -> ReaderAnswer:
            at = passages[0].index("in 1911")
            return ReaderAnswer("in 1911", 0, at, at + 7, 0.99, 0.01)

    def load(name: str) -> Sure:
        loaded.append(name)
        return Sure()

    monkeypatch.setattr("titans_cli.sessions.engines.reader_of", load)
    async with Client(TitansServer(Keeper(Workspace(home, model=str(tiny_folder), reader="smollm2")))) as client:
        for name in ("one", "two"):
            handle = await opened(client, name)
            await call(client, "memory_add", handle=handle, text="The weir of Ostmark failed in 1911, they say.")
            answer = await call(client, "memory_ask", handle=handle, question="When did the weir of Ostmark fail?")
            assert answer["short"] == "in 1911"
            assert answer["probability"] > 0.9
    assert loaded == ["smollm2"]
    session = Session.open("one", home=home, reader="smollm2")
    assert session.ask("When did the weir of Ostmark fail?").short == "in 1911"
    assert session.reader is session.reader
    assert loaded == ["smollm2", "smollm2"]
    assert Session.open("one", home=home).ask("When did the weir of Ostmark fail?").probability is None
