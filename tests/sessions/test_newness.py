"""The memory of a whole session: new documents are told from known ones, and the promises of the store hold for it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.model.backbones import checkpoint
from tests.model.gates import believing
from tests.sessions.samples import LONG, read_into, start, stop_after, write_document, write_documents
from titans_cli.errors import DamagedError, IncompatibleError, Interrupted
from titans_cli.memory.session import SessionState
from titans_cli.model.reader import load_backbone, sketch
from titans_cli.model.session import SESSION_WEIGHTS, save_gate
from titans_cli.model.tokenizer import TitansTokenizer
from titans_cli.progress import FileFinished, IngestEvent
from titans_cli.records import SnapshotInfo
from titans_cli.sessions.engines import engine_of
from titans_cli.sessions.health import check_session
from titans_cli.sessions.history import forget
from titans_cli.sessions.lifecycle import PromoteOptions, export, fork, import_, new_session, promote_session
from titans_cli.sessions.newness import SessionMemory
from titans_cli.store import Home, SessionStore


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: TitansTokenizer) -> Path:
    """A tiny language model with a gate of its own, which takes what the memory names for likelier."""
    folder = checkpoint(tmp_path_factory.mktemp("models") / "llama", tiny_tokenizer)
    save_gate(folder / SESSION_WEIGHTS.name, believing(), sketch(load_backbone(folder)[0]), {})
    return folder


@pytest.fixture(autouse=True)
def wanted(monkeypatch: pytest.MonkeyPatch, home: Home) -> None:
    monkeypatch.setenv("TITANS_SESSION_MEMORY", "true")
    monkeypatch.setenv("TITANS_HOME", str(home.root))


def memory_of(store: SessionStore) -> SessionState:
    session = engine_of(store.info).session
    assert session is not None
    with store.episodes() as episodes:
        return SessionMemory(session, store, episodes).state


def same(a: SessionState, b: SessionState) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def new(events: list[IngestEvent]) -> list[float | None]:
    return [event.new for event in events if isinstance(event, FileFinished)]


def test_what_a_session_read_before_is_less_new(home: Home, tmp_path: Path, model: Path) -> None:
    start(home, "papers", model)
    first, other = write_documents(tmp_path / "docs", 2)
    again = tmp_path / "again.txt"
    again.write_text(first.read_text(encoding="utf-8") + "And no more.\n", encoding="utf-8")
    before, unrelated, known = new(read_into(home, "papers", [first, other, again]))
    assert before is not None
    assert unrelated is not None
    assert known is not None
    assert known < before - 0.2
    assert known < unrelated - 0.2
    with SessionStore.open(home, "papers").episodes() as episodes:
        told = [event.data["new"] for event in episodes.events() if event.kind == "read"]
    assert told == pytest.approx([before, unrelated, known], abs=1e-3)


def test_forgetting_is_exact_and_the_order_of_reading_does_not_matter(home: Home, tmp_path: Path, model: Path) -> None:
    one, two, three = write_documents(tmp_path / "docs", 3)
    whole, fewer = start(home, "whole", model), start(home, "fewer", model)
    read_into(home, "whole", [one, two, three])
    read_into(home, "fewer", [three, one])
    assert not same(memory_of(whole), memory_of(fewer))
    forget(home, "whole", str(two))
    assert same(memory_of(whole), memory_of(fewer))
    for path in (one, three):
        forget(home, "whole", str(path))
    assert not any(part.any() for part in memory_of(whole))


def test_a_changed_file_takes_the_place_of_its_share(home: Home, tmp_path: Path, model: Path) -> None:
    store, plain = start(home, "papers", model), start(home, "plain", model)
    path = write_document(tmp_path / "a.txt", seed=1)
    old = new(read_into(home, "papers", [path]))
    write_document(path, seed=1)
    path.write_text(path.read_text(encoding="utf-8") + "One more.\n", encoding="utf-8")
    (changed,) = new(read_into(home, "papers", [path]))
    assert changed == pytest.approx(old[0], abs=0.05)  # the old version does not count as known
    read_into(home, "plain", [path])
    assert same(memory_of(store), memory_of(plain))


def test_what_was_interrupted_ends_with_the_same_bytes(home: Home, tmp_path: Path, model: Path) -> None:
    path = write_document(tmp_path / "long.txt", sentences=LONG)
    whole, halved = start(home, "whole", model), start(home, "halved", model)
    read_into(home, "whole", [path])
    with pytest.raises(Interrupted):
        read_into(home, "halved", [path], stop=stop_after(2))
    assert not same(memory_of(halved), memory_of(whole))
    read_into(home, "halved", [path])
    assert whole.memory_sha256() == halved.memory_sha256()
    assert same(memory_of(halved), memory_of(whole))


def test_an_export_carries_it_and_a_check_reads_it_again(home: Home, tmp_path: Path, model: Path) -> None:
    store = start(home, "papers", model)
    read_into(home, "papers", write_documents(tmp_path / "docs", 2))
    export(home, "papers", tmp_path / "papers.tar")
    import_(home, tmp_path / "papers.tar", "copy")
    assert same(memory_of(SessionStore.open(home, "copy")), memory_of(store))
    assert not check_session(home, "papers", read_data=True, replay=True).findings


def test_a_fork_carries_it_and_a_promoted_session_passes_it_on(home: Home, tmp_path: Path, model: Path) -> None:
    store = start(home, "papers", model)
    read_into(home, "papers", write_documents(tmp_path / "docs", 2))
    before = memory_of(store)
    fork(home, "papers", "twin")
    assert same(memory_of(SessionStore.open(home, "twin")), before)
    promote_session(home, "papers", "kept", PromoteOptions(force=True))
    new_session(home, "heir", entry="kept")
    assert same(memory_of(SessionStore.open(home, "heir")), before)


def test_a_share_that_is_none_is_damage_and_says_what_to_do(
    home: Home, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = start(home, "papers", model)
    read_into(home, "papers", write_documents(tmp_path / "docs", 1))
    load = store.load

    def spoilt(info: SnapshotInfo) -> dict[str, torch.Tensor]:
        tensors = load(info)
        return tensors | {"memory.share": tensors["memory.share"] + 100_000}

    monkeypatch.setattr(store, "load", spoilt)
    with pytest.raises(DamagedError, match="no share of a session's memory"):
        memory_of(store)


def test_a_session_without_one_has_the_cells_it_always_had(
    home: Home, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = start(home, "with", model)
    monkeypatch.setenv("TITANS_SESSION_MEMORY", "false")
    without = start(home, "without", model)
    assert store.info.fingerprint != without.info.fingerprint
    documents = write_documents(tmp_path / "docs", 1)
    assert new(read_into(home, "without", documents)) == [None]
    read_into(home, "with", documents)  # as it was made, whatever is set now
    (bare, full) = ([tensors for _, tensors in s.cells()] for s in (without, store))
    assert [set(b) ^ set(f) for b, f in zip(bare, full, strict=True)] == [{"memory.share"}] * len(full)
    assert all(torch.equal(b[name], f[name]) for b, f in zip(bare, full, strict=True) for name in b)


def test_it_is_refused_for_a_model_it_was_not_trained_for(
    home: Home, tmp_path: Path, tiny_tokenizer: TitansTokenizer
) -> None:
    with pytest.raises(IncompatibleError, match="another model's"):
        start(home, "papers", checkpoint(tmp_path / "other", tiny_tokenizer))
