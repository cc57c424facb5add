"""Reading changes the memory and nothing else; asking changes nothing."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

import pytest
import torch

from tests.sessions.samples import (
    LONG,
    file_hashes,
    memory_of,
    open_session,
    read_into,
    start,
    tensor_bytes,
    write_document,
    write_documents,
)
from titans_cli.answers.compose import Answerer
from titans_cli.errors import UsageError
from titans_cli.model import interface as interface_module
from titans_cli.model.engine import Engine
from titans_cli.sessions import ask as ask_module
from titans_cli.sessions import ingest as ingest_module
from titans_cli.sessions.ask import AskRequest, ask
from titans_cli.store import Home


def network_hashes(engine: Engine) -> dict[str, str]:
    """Of every parameter and buffer."""
    state = [*engine.network.named_parameters(), *engine.network.named_buffers()]
    return {name: hashlib.sha256(tensor.detach().numpy().tobytes()).hexdigest() for name, tensor in state}


def table(store_folder: Path, query: str) -> list[tuple[object, ...]]:
    db = sqlite3.connect(store_folder / "episodes.sqlite")
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


def test_ingest_changes_the_memory_and_nothing_else(
    home: Home, tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine.load(tiny_folder)
    store = start(home, "papers", tiny_folder)
    weights, files, before = network_hashes(engine), file_hashes(tiny_folder), memory_of(store)
    monkeypatch.setattr(ingest_module, "engine_of", lambda made: engine)  # the network that reads is the one we hash
    read_into(home, "papers", [*write_documents(tmp_path, 3), write_document(tmp_path / "long.txt", sentences=LONG)])
    assert memory_of(store) != before
    assert network_hashes(engine) == weights
    assert file_hashes(tiny_folder) == files


def test_ingest_leaves_the_documents_as_they_were(home: Home, tmp_path: Path, tiny_folder: Path) -> None:
    start(home, "papers", tiny_folder)
    paths = write_documents(tmp_path / "docs", 2)
    before = file_hashes(tmp_path / "docs")
    read_into(home, "papers", paths)
    assert file_hashes(tmp_path / "docs") == before


def test_the_memory_changes_with_every_document(home: Home, tmp_path: Path, tiny_folder: Path) -> None:
    store = start(home, "papers", tiny_folder)
    digests = [memory_of(store)]
    for path in write_documents(tmp_path, 4):
        read_into(home, "papers", [path])
        digests.append(memory_of(store))
    assert len(set(digests)) == 5


@pytest.mark.parametrize("question", ["What does the kernel hold?", "summarize trends", "zyxwv qqq?", "?!", "the of"])
def test_asking_changes_no_byte_of_any_snapshot(home: Home, tmp_path: Path, tiny_folder: Path, question: str) -> None:
    store = start(home, "papers", tiny_folder)
    read_into(home, "papers", write_documents(tmp_path, 5))
    snapshots, digest = file_hashes(store.folder / "snapshots"), memory_of(store)
    rows = table(store.folder, "SELECT * FROM snapshots") + table(store.folder, "SELECT * FROM blocks")
    ask(home, "papers", question)
    assert file_hashes(store.folder / "snapshots") == snapshots
    assert memory_of(store) == digest
    assert table(store.folder, "SELECT * FROM snapshots") + table(store.folder, "SELECT * FROM blocks") == rows


def test_a_failing_ask_changes_nothing_at_all(
    home: Home, tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = start(home, "papers", tiny_folder)
    read_into(home, "papers", write_documents(tmp_path, 1))
    before = table(store.folder, "SELECT * FROM events"), file_hashes(store.folder / "snapshots")
    with pytest.raises(UsageError):
        ask(home, "papers", " \n ")

    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("in the middle of it")

    monkeypatch.setattr(Answerer, "answer", fails)
    with pytest.raises(RuntimeError):
        ask(home, "papers", "What does the kernel hold?")
    assert (table(store.folder, "SELECT * FROM events"), file_hashes(store.folder / "snapshots")) == before


def test_asking_does_not_change_the_state_in_hand_either(
    home: Home, tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine.load(tiny_folder)
    start(home, "papers", tiny_folder)
    read_into(home, "papers", write_documents(tmp_path, 2))
    weights = network_hashes(engine)
    states, looked = [], []
    kept, topics_of = Engine.from_tensors, Engine.topics_of

    def watched(self: Engine, tensors: dict[str, torch.Tensor], topics: torch.Tensor | None = None) -> object:
        states.append(kept(self, tensors, topics))
        return states[-1]

    def found(self: Engine, tensors: dict[str, torch.Tensor]) -> torch.Tensor:
        looked.append(topics_of(self, tensors))
        return looked[-1]

    store = open_session(home, "papers")
    stored = {engine.from_tensors(tensors).weights.numpy().tobytes() for _, tensors in store.cells()}
    monkeypatch.setattr(Engine, "from_tensors", watched)
    monkeypatch.setattr(Engine, "topics_of", found)
    monkeypatch.setattr(ask_module, "engine_of", lambda made: engine)
    before = tensor_bytes(open_session(home, "papers"))
    ask(home, "papers", "What does the kernel hold?")
    assert {state.weights.numpy().tobytes() for state in states} == stored
    assert tensor_bytes(open_session(home, "papers")) == before
    assert network_hashes(engine) == weights
    assert len(looked) == len(states) == len(before)
    states.clear()
    looked.clear()
    monkeypatch.setattr(interface_module, "NEAREST", 1)
    ask(home, "papers", "What does the kernel hold?")
    assert (len(looked), len(states)) == (len(before), 1)  # of few cells all show their topics, and one is opened


def test_an_answer_becomes_episodes_unless_told_otherwise(home: Home, tmp_path: Path, tiny_folder: Path) -> None:
    store = start(home, "papers", tiny_folder)
    read_into(home, "papers", write_documents(tmp_path, 1))
    before = table(store.folder, "SELECT * FROM events")
    ask(home, "papers", AskRequest("What does the kernel hold?", log=False))
    assert table(store.folder, "SELECT * FROM events") == before
    ask(home, "papers", "What does the kernel hold?")
    logged = table(store.folder, "SELECT kind, text FROM events")[len(before) :]
    assert [kind for kind, _ in logged] == ["asked", "answered"]
    assert "What does the kernel hold?" in str(logged[0][1])


def test_two_asks_of_the_same_give_the_same_answer(home: Home, tmp_path: Path, tiny_folder: Path) -> None:
    start(home, "papers", tiny_folder)
    read_into(home, "papers", write_documents(tmp_path, 3))
    first, second = (ask(home, "papers", "What does the kernel hold under the bound?") for _ in range(2))
    assert (first.text, first.citations, first.recalled) == (second.text, second.citations, second.recalled)
