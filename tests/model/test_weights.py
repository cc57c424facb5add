"""Weights that are damaged, or none, are said to be so wherever a model is loaded, and never a traceback."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.encoders import write_causal, write_encoder
from titans_cli.errors import DamagedError, ModelError
from titans_cli.model import hub
from titans_cli.model.encoder import load_encoder
from titans_cli.model.engine import Engine
from titans_cli.model.weights import header
from titans_cli.records import Loading
from titans_cli.sessions import models

WEIGHTS = "model.safetensors"
Damage = Callable[[Path], None]


def truncated(folder: Path) -> None:
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data[: len(data) * 2 // 3])


def within_the_header(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:40])


def empty(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(b"")


def pointer(folder: Path) -> None:
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 99\n"
    (folder / WEIGHTS).write_text(text)


def huge_header(folder: Path) -> None:
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", 1 << 62) + data[8:])


def page_of_html(folder: Path) -> None:
    (folder / WEIGHTS).write_text("<!doctype html><title>Sign in</title>" + " " * 4000)


def nested_header(folder: Path) -> None:
    text = b"[" * 200_000
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", len(text)) + text)


def lying_header(folder: Path) -> None:
    text = json.dumps({"a": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4]}}).encode()
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", len(text)) + text + b"\0" * 4)


def not_a_number(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    name = next(n for n, t in sorted(tensors.items()) if t.is_floating_point() and t.dim() > 1)
    tensors[name].view(-1)[0] = torch.nan
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})


def shardless(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "model-00001.safetensors"}}))
    (folder / WEIGHTS).unlink()


def index_of_nothing(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text("[" * 100_000)


def config_is_none(folder: Path) -> None:
    (folder / "config.json").write_text("[]")


FILE = [truncated, within_the_header, empty, pointer, huge_header, page_of_html, nested_header, lying_header]
DAMAGES = [*FILE, not_a_number]
FOLDER = [shardless, index_of_nothing, config_is_none]


@pytest.fixture(scope="session")
def causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(write_causal(tmp_path_factory.mktemp("weights") / "causal"))


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(write_encoder(tmp_path_factory.mktemp("weights") / "encoder"))


def damaged(whole: Path, folder: Path, damage: Damage) -> Path:
    shutil.copytree(whole, folder)
    damage(folder)
    return folder


@pytest.mark.parametrize("damage", [*DAMAGES, *FOLDER], ids=lambda d: d.__name__)
def test_of_somebody_elses_model(damage: Damage, causal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TITANS_HOME", str(tmp_path / "home"))
    folder = damaged(causal, tmp_path / "model", damage)
    for use in (
        lambda: models.verify(str(folder), Loading(device="cpu")),
        lambda: hub.load(hub.find(str(folder)), device="cpu", dtype="fp32"),
    ):
        with pytest.raises((DamagedError, ModelError)) as failed:
            use()
        assert isinstance(failed.value, DamagedError) or damage in FOLDER
        assert failed.value.subject


IN_SIGHT = [damage for damage in (*DAMAGES, *FOLDER) if damage not in (not_a_number, config_is_none)]


@pytest.mark.parametrize("damage", IN_SIGHT, ids=lambda d: d.__name__)
def test_of_a_model_that_is_only_looked_at(
    damage: Damage, causal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TITANS_HOME", str(tmp_path / "home"))
    folder = damaged(causal, tmp_path / "model", damage)
    with pytest.raises((DamagedError, ModelError)):
        models.info(str(folder), Loading())


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda d: d.__name__)
def test_of_a_native_model(damage: Damage, tiny_folder: Path, tmp_path: Path) -> None:
    folder = damaged(tiny_folder, tmp_path / "model", damage)
    with pytest.raises(DamagedError):
        Engine.load(folder)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda d: d.__name__)
def test_of_a_sentence_encoder(damage: Damage, encoder: Path, tmp_path: Path) -> None:
    folder = damaged(encoder, tmp_path / "model", damage)
    with pytest.raises((DamagedError, ModelError)):
        load_encoder(str(folder))


def test_a_sound_file_is_read(causal: Path, tiny_folder: Path, encoder: Path) -> None:
    for folder in (causal, tiny_folder, encoder):
        assert header(folder / WEIGHTS)
