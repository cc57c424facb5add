"""Other people's checkpoints: found, told apart, and refused with a reason and a next step. No network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.model.backbones import checkpoint
from titans_cli.errors import (
    IncompatibleError,
    MemoryTooSmallError,
    ModelError,
    NoSuchModelError,
    UsageError,
    WrongArchitectureError,
)
from titans_cli.model import adapter as files
from titans_cli.model import hub
from titans_cli.model.adapter import MemoryAdapter
from titans_cli.model.assemble import assemble, spec_for
from titans_cli.model.known import Places
from titans_cli.model.tokenizer import TitansTokenizer
from titans_cli.records import Loading


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: TitansTokenizer) -> Path:
    return checkpoint(tmp_path_factory.mktemp("hub") / "llama", tiny_tokenizer)


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "model"))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "models")


def edit(folder: Path, change: Callable[[dict[str, object]], object]) -> None:
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


def test_a_folder_is_a_model_with_a_fingerprint_of_its_content(folder: Path, tmp_path: Path) -> None:
    found = hub.find(str(folder))
    memo = tmp_path / "digests.json"
    before = hub.fingerprint(found, memo)
    assert hub.fingerprint(found, memo) == hub.fingerprint(found) == before
    edit(folder, lambda c: c.update(rms_norm_eps=1e-4))
    assert hub.fingerprint(found, memo) != before


def test_the_same_model_and_adapter_make_the_same_engine(folder: Path, places: Places) -> None:
    one, two = (assemble(str(folder), Loading(), places) for _ in range(2))
    assert one.fingerprint == two.fingerprint
    assert one.configuration() == two.configuration()
    state = one.attached.adapter.state_dict()
    assert all(torch.equal(t, state[k]) for k, t in two.attached.adapter.state_dict().items())
    assert Loading(**one.configuration()["attached"]).adapter == "untrained"


def test_the_newest_adapter_of_a_model_is_used_and_kept_by_its_content(folder: Path, places: Places) -> None:
    backbone = hub.fingerprint(hub.find(str(folder)))
    adapter = MemoryAdapter(spec_for(4, 32))
    digest = files.save(adapter, places.root / "new.safetensors", backbone, steps=3)
    untrained = assemble(str(folder), Loading(), places)
    trained = assemble(str(folder), Loading(adapter=str(places.root / "new.safetensors")), places)
    assert trained.adapted
    assert trained.fingerprint != untrained.fingerprint
    (places.root / "new.safetensors").unlink()
    again = assemble(str(folder), Loading(**trained.configuration()["attached"]), places)
    assert (again.fingerprint, again.kept["adapter"]) == (trained.fingerprint, digest)
    assert assemble(str(folder), Loading(), places).fingerprint == trained.fingerprint
    assert assemble(str(folder), Loading(adapter="untrained"), places).fingerprint == untrained.fingerprint


def test_an_adapter_of_another_model_is_refused(folder: Path, places: Places) -> None:
    files.save(MemoryAdapter(spec_for(4, 32)), places.root / "a.safetensors", "0" * 64)
    with pytest.raises(IncompatibleError, match="made for another model"):
        assemble(str(folder), Loading(adapter=str(places.root / "a.safetensors")), places)
    with pytest.raises(NoSuchModelError, match=r"missing adapter.*titans model adapt"):
        assemble(str(folder), Loading(adapter="nowhere.safetensors"), places)


@pytest.mark.parametrize("name", ["./nowhere", "no such thing", "/nowhere/at/all"])
def test_no_such_model(name: str) -> None:
    with pytest.raises(NoSuchModelError, match="no such model"):
        hub.find(name)


def test_offline_takes_only_what_is_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(NoSuchModelError, match=r"offline.*titans model pull some/model"):
        hub.find("some/model", local_only=True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="offline"):
        hub.pull("some/model")


def test_weights_that_could_run_code_are_not_read(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="no safetensors"):
        hub.load(hub.find(str(folder)), device="cpu", dtype="fp32")


def test_code_that_comes_with_a_model_is_not_run(folder: Path) -> None:
    def strange(config: dict[str, object]) -> None:
        config["model_type"] = "strange"
        config["auto_map"] = {"AutoConfig": "code.Config", "AutoModelForCausalLM": "code.Model"}

    edit(folder, strange)
    (folder / "code.py").write_text("raise SystemExit('it ran')\n")
    with pytest.raises(ModelError, match=r"code of its own.*--trust-remote-code"):
        hub.load(hub.find(str(folder)), device="cpu", dtype="fp32")


def test_a_model_that_is_too_large_is_refused_before_it_is_loaded(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "room", lambda _: 1000)
    with pytest.raises(MemoryTooSmallError, match=r"needs about .* GB in fp32"):
        hub.load(hub.find(str(folder)), device="cpu", dtype="fp32")


def test_what_is_no_causal_language_model_is_refused(folder: Path) -> None:
    edit(folder, lambda c: c.update(model_type="vit"))
    with pytest.raises(WrongArchitectureError, match="vit is no causal language model"):
        hub.load(hub.find(str(folder)), device="cpu", dtype="fp32")


def test_devices_and_layers_that_are_not_there() -> None:
    missing = next(d for d in ("cuda", "mps") if not (torch.cuda.is_available() if d == "cuda" else False))
    with pytest.raises(ModelError, match=f"no device {missing}"):
        hub.device_of(missing)
    with pytest.raises(UsageError, match="layers 0 to 3"):
        spec_for(4, 32, depth=4)


@pytest.mark.parametrize(("flags", "dtype"), [("fpu amx_bf16 sse2", "bf16"), ("avx512_bf16", "bf16"), ("avx2", "fp32")])
def test_a_processor_computes_in_bf16_if_it_has_instructions_for_it(
    flags: str, dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpuinfo, really = tmp_path / "cpuinfo", hub.multiplies_bf16
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    monkeypatch.setattr(hub, "multiplies_bf16", lambda: really(cpuinfo))
    assert hub.dtype_of("auto", "cpu") == dtype
    assert (hub.dtype_of("auto", "cuda"), hub.dtype_of("fp32", "cpu")) == ("bf16", "fp32")
