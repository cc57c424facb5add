"""Somebody else's model from the command line: the same commands, the same session format, and honest words."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.cli.conftest import Titans
from tests.model.backbones import checkpoint
from tests.tiny import make_sentences
from titans_cli.model import hub
from titans_cli.model.tokenizer import TitansTokenizer
from titans_cli.store import Home


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: TitansTokenizer) -> Path:
    return checkpoint(tmp_path_factory.mktemp("other") / "llama", tiny_tokenizer)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "notes.txt"
    path.write_text(" ".join(make_sentences(260)), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def _no_default_model(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert home
    monkeypatch.delenv("TITANS_MODEL")
    monkeypatch.setenv("HF_HUB_OFFLINE", "")  # or --offline would outlive its test


def test_a_session_of_another_model_reads_asks_forgets_and_checks(
    titans: Titans, documents: list[Path], llama: Path
) -> None:
    assert titans("session", "new", "other", "--model", llama, "--device", "cpu").code == 0
    done = titans("ingest", *documents)
    assert done.code == 0, done.err
    assert "the memory of this model is untrained" in done.err
    shown = titans("session", "show", "--json").document
    assert shown["info"]["memory"]["attached"]["adapter"] == "untrained"
    assert shown["info"]["memory"]["precision"] == hub.dtype_of("auto", "cpu")
    before = shown["memory_sha256"]
    asked = titans("ask", "What does the memory keep?", "--json")
    assert asked.code == 0, asked.err
    assert "untrained" in asked.document["caution"]
    assert titans("check", "--replay").code == 0
    assert titans("session", "forget", documents[-1], "--yes").code == 0
    assert titans("ingest", documents[-1]).code == 0
    assert titans("session", "show", "--json").document["memory_sha256"] == before


def test_a_memory_that_cannot_look_back_ends_in_an_error_and_not_in_an_answer(
    titans: Titans, documents: list[Path], llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert titans("session", "new", "other", "--model", llama, "--device", "cpu").code == 0
    assert titans("ingest", documents[0]).code == 0
    monkeypatch.setattr("titans_cli.model.attach.cache_in", lambda *_: None)
    for command in (["ask", "What does the memory keep?", "--closed-book"], ["ingest", documents[1]]):
        done = titans(*command)
        assert done.code == 1
        assert done.out == ""
        assert f"{llama.resolve()}: with its cache the model does not say what it says without" in done.err
        assert f"LlamaForCausalLM, transformers {version('transformers')}" in done.err
        assert "titans doctor" in done.err


def test_no_notice_of_a_library_reaches_the_user(
    titans: Titans, documents: list[Path], llama: Path, home: Home
) -> None:
    """In a process of its own: libraries give a notice once, perhaps in an earlier test."""
    assert titans("session", "new", "other", "--model", llama, "--device", "cpu").code == 0
    code = "from titans_cli.cli.main import run; run(['ingest', {!r}]); run(['ask', 'Why?', '--closed-book'])"
    command = [sys.executable, "-W", "default", "-c", code.format(str(documents[0]))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    errors = done.stderr.lower()
    assert "the memory of this model is untrained" in errors
    assert not [word for word in ("deprecat", "warning", "transformers", "use `") if word in errors], done.stderr


def test_a_session_keeps_to_its_model(titans: Titans, documents: list[Path], llama: Path, tmp_path: Path) -> None:
    titans("session", "new", "other", "--model", llama, "--dtype", "fp32")
    assert titans("ingest", documents[0], "--dtype", "bf16", "--model", llama).code == 2
    assert titans("ingest", documents[0], "--model", llama).code == 0  # what is not said is as the session keeps it
    assert titans("ingest", documents[0], "--model", llama, "--dtype", "fp32").code == 0
    config = json.loads((llama / "config.json").read_text())
    try:
        (llama / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 0.01}))
        assert titans("ingest", documents[1]).code == 12  # what was read already asks no model
    finally:
        (llama / "config.json").write_text(json.dumps(config))


def test_adapting_can_be_stopped_and_ends_in_an_adapter_that_sessions_take(
    titans: Titans, llama: Path, text: Path, home: Home
) -> None:
    done = titans("model", "adapt", llama, "--corpus", text, "--steps", 2, "--json")
    assert done.code == 0, done.err
    assert [line["step"] for line in done.lines] == [1, 2, 2]
    adapter = Path(done.lines[-1]["adapter"])
    assert adapter.parent == home.root / "models" / "adapters"
    assert titans("model", "info", llama, "--json").document["adapters"] == [str(adapter)]
    assert titans("model", "verify", llama).code == 0
    titans("session", "new", "other", "--model", llama)
    shown = titans("session", "show", "--json").document["info"]["memory"]["attached"]
    assert adapter.stem.endswith(shown["adapter"][:16])
    adapter.write_bytes(b"no adapter")
    assert titans("model", "verify", llama).code != 0


def test_the_embedded_kind_is_described_with_its_card(titans: Titans, tiny_folder: Path) -> None:
    assert titans("model", "info", tiny_folder, "--json").document["kind"] == "titans"
    assert titans("model", "adapt", tiny_folder, "--corpus", tiny_folder).code == 2


@pytest.mark.parametrize(
    ("argv", "code", "told"),
    [
        (["model", "info", "./nowhere"], 1, "no such model"),
        (["model", "info", "some/model", "--offline"], 1, "offline"),
        (["model", "pull", "some/model", "--offline"], 2, "--offline"),
        (["session", "new", "x", "--model", "LLAMA", "--device", "mps"], 1, "no device mps"),
        (["session", "new", "x", "--model", "LLAMA", "--adapter", "nothing"], 1, "missing adapter"),
        (["session", "new", "x", "--model", "LLAMA", "--precision", "bf16"], 2, "--dtype"),
        (["session", "new", "x", "--dtype", "bf16"], 2, "--precision"),
        (["model", "adapt", "LLAMA", "--corpus", "DOCS"], 2, "sentences to train on"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else None,
)
def test_what_cannot_be_done_is_said_with_its_exit_code(
    titans: Titans, llama: Path, documents: list[Path], argv: list[str], code: int, told: str
) -> None:
    done = titans(*({"LLAMA": llama, "DOCS": documents[0]}.get(a, a) for a in argv))
    assert done.code == code, done.err
    assert told in done.err


def test_another_model_writes_and_what_it_says_without_proof_is_marked(
    titans: Titans, llama: Path, tiny_folder: Path, documents: list[Path]
) -> None:
    titans("session", "new", "papers", "--model", tiny_folder)
    assert titans("ingest", *documents).code == 0
    asked = ["ask", "What does the memory keep?", "--answer-model", llama, "--max-tokens", 16]
    done = titans(*asked, "--json")
    assert done.code == 0, done.err
    answer = done.document
    assert answer["written_by"] == str(llama.resolve())
    assert all(s in answer["text"] for s in answer["unverified"])
    assert answer["text"].count("[unverified]") == len(answer["unverified"])
    assert titans("ask", "Why?", "--answer-model", "titans-mini").code == 2


@pytest.fixture
def cached(llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model in the hub's cache, as the hub lays it out; its id."""
    cache, commit = tmp_path / "hub", "0123456789abcdef0123456789abcdef01234567"
    repo = cache / "models--someone--small"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text(commit)
    shutil.copytree(llama, repo / "snapshots" / commit)
    (cache / "models--someone--broken" / "snapshots" / commit).mkdir(parents=True)  # nothing in it
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    return "someone/small"


def test_models_in_the_hubs_cache_are_listed_and_pinned_by_their_commit(
    titans: Titans, cached: str, documents: list[Path]
) -> None:
    listed = titans("model", "list", "--json").document["models"]
    assert [m["name"] for m in listed] == ["titans-mini", cached]
    assert (listed[1]["kind"], listed[1]["revision"][:6]) == ("llama", "012345")
    assert listed[1]["parameters"] > 0
    assert titans("model", "list", "-q").out.split() == ["titans-mini", cached]
    assert "llama" in titans("model", "list").out
    assert titans("ingest", documents[0], "--model", cached, "--offline").code == 0
    kept = titans("session", "show", "--json").document["info"]
    assert (kept["model"], kept["memory"]["attached"]["revision"]) == (cached, listed[1]["revision"])


def test_a_session_whose_own_model_reads_passages_takes_it_as_its_reader(
    titans: Titans, documents: list[Path], llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    from titans_cli.errors import IncompatibleError
    from titans_cli.model import reader
    from titans_cli.sessions.engines import own_reader
    from titans_cli.store import SessionStore

    folder = Path(shutil.copytree(llama, tmp_path / "reads"))
    titans("session", "new", "other", "--model", folder)
    made = SessionStore.open(Home.locate(), "other").info
    assert own_reader(made) is None  # what is shipped is of another shape
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    sketch = reader.sketch(model)
    spec = reader.ReaderSpec(rank=2, first_layer=1)
    reader.save_reader(folder / reader.FILE, reader.adapted(model, spec), spec, sketch, {})
    loaded = list[Path]()

    def load(at: Path) -> reader.Reader:
        loaded.append(at)
        return really(at)

    really = reader.load_reader
    monkeypatch.setattr(reader, "load_reader", load)
    assert own_reader(made) is not None
    assert loaded == [folder]
    monkeypatch.setattr(reader, "load_reader", lambda at: (_ for _ in ()).throw(IncompatibleError("another model")))
    assert own_reader(made) is None
