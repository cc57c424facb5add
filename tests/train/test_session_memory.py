"""Training the gate of a session's memory: it learns when to speak, is resumable, and is silent where it must be."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import zstandard

from tests.model.backbones import checkpoint
from tests.tiny import make_sentences
from titans_cli.memory.session import SessionGate
from titans_cli.model.reader import load_backbone
from titans_cli.model.session import SessionReader, load_session_reader
from titans_cli.model.tokenizer import TitansTokenizer
from titans_cli.train import session_memory
from titans_cli.train.session_memory import CorpusSlice, change, fit, load, perplexity_changes, prepare, session_of

# Sentences that come again in every document of their kind, and are never heard of in the other's.
KINDS = {"mills": CorpusSlice("mills", 0, 4, 0, 200), "ships": CorpusSlice("ships", 1, 4, 0, 200)}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(session_memory, "KINDS", KINDS)
    monkeypatch.setattr(session_memory, "CELLS", 1 << 14)
    (tmp_path / "text").mkdir()
    for seed, name in enumerate(KINDS):
        same = " ".join(make_sentences(8, seed))
        records = [{"text": f"{same} {' '.join(make_sentences(3, 10 * seed + n))}"} for n in range(6)]
        packed = zstandard.compress("".join(json.dumps(r) + "\n" for r in records).encode())
        (tmp_path / "text" / f"{name}.jsonl.zst").write_bytes(packed)
    return tmp_path


@pytest.fixture
def reader(tmp_path: Path, tiny_tokenizer: TitansTokenizer) -> SessionReader:
    model, tokenizer = load_backbone(checkpoint(tmp_path / "model", tiny_tokenizer))
    return SessionReader(model, tokenizer, SessionGate(), cells=1 << 14)


def test_a_gate_learns_to_read_on_and_to_be_silent_about_what_is_unrelated(data: Path, reader: SessionReader) -> None:
    work = data / "work"
    prepare(data, work, reader)
    kinds = load(work)
    assert {name: len(documents) for name, documents in kinds.items()} == {"mills": 4, "ships": 4}
    sessions = session_memory.sessions_of(reader, kinds)
    assert set(sessions) == {"mills", "ships", "mixed", "unrelated-0", "unrelated-1"}
    gate = fit(list(sessions.values()), steps=40)
    after = perplexity_changes(gate, sessions)
    assert after["mills"] < -5
    assert after["mixed"] < -5
    assert after["unrelated-0"] < 1
    untrained = session_of(reader, kinds["mills"])
    assert float(change(SessionGate(), untrained).detach()) == pytest.approx(0, abs=1e-6)


def test_looking_is_gone_on_with_where_it_was_stopped(data: Path, reader: SessionReader) -> None:
    work = data / "work"
    prepare(data, work, reader)
    files = sorted(work.iterdir())
    kept = {path.name: path.read_bytes() for path in files}
    files[3].unlink()
    before = files[0].stat().st_mtime_ns
    prepare(data, work, reader)
    assert {path.name: path.read_bytes() for path in sorted(work.iterdir())} == kept
    assert files[0].stat().st_mtime_ns == before


def test_the_program_makes_weights_that_load(
    data: Path, reader: SessionReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, work, out = data / "model", data / "work", data / "out.safetensors"
    common = ["--work", str(work), "--model", str(model)]
    monkeypatch.setattr(sys, "argv", ["session_memory", "prepare", "--data", str(data), *common])
    session_memory.main()
    monkeypatch.setattr(sys, "argv", ["session_memory", "run", *common, "--out", str(out), "--steps", "3"])
    session_memory.main()
    assert load_session_reader(model, out).gate.inner.weight.shape[0] == SessionGate().inner.weight.shape[0]
    monkeypatch.setattr(sys, "argv", ["session_memory", "run", "--work", str(data / "none"), *common[2:]])
    with pytest.raises(SystemExit):
        session_memory.main()
