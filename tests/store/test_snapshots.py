"""Snapshot files."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.store.samples import memory
from titans_cli.errors import DamagedError, IncompatibleError
from titans_cli.store.snapshots import (
    join_snapshots,
    read_snapshot,
    snapshot_path,
    split_snapshots,
    write_snapshot,
)


def write(folder: Path, tensors: dict[str, Tensor], *, again: bool = False) -> tuple[str, int]:
    folder.mkdir(exist_ok=True)
    return write_snapshot(snapshot_path(folder, 3), tensors, fingerprint="f", replace_orphan=again)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    tensors = {
        "a": torch.randn(3, 5),
        "half": torch.randn(4).to(torch.bfloat16),
        "long": torch.arange(3),
        "scalar": torch.tensor(2.5),
        "none": torch.empty(0, 4),
        "turned": torch.randn(2, 3).T,
    }
    sha256, size = write(tmp_path, tensors)
    path = snapshot_path(tmp_path, 3)
    assert path.name == "00000003.safetensors"
    assert (sha256, size) == (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)
    read = read_snapshot(path, sha256)
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[name], tensors[name]) for name in tensors)
    assert all(read[name].dtype == tensors[name].dtype for name in tensors)
    assert read_snapshot(path, None).keys() == tensors.keys()
    (length,) = struct.unpack_from("<Q", path.read_bytes())
    metadata = json.loads(path.read_bytes()[8 : 8 + length])["__metadata__"]
    assert metadata.keys() == {"format", "fingerprint", "payload_sha256"}
    assert (metadata["format"], metadata["fingerprint"]) == ("2", "f")


def test_the_same_state_gives_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    tensors = {name: torch.full((3,), float(i)) for i, name in enumerate("abcdef")}
    written = set()
    for turn in range(4):
        order = sorted(tensors, reverse=turn % 2 == 0)
        written.add(write(tmp_path / str(turn), {n: tensors[n] for n in order})[0])
    assert len(written) == 1


def test_a_snapshot_is_never_overwritten_but_an_orphan_is(tmp_path: Path) -> None:
    write(tmp_path, memory(1))
    with pytest.raises(ValueError, match="never overwritten"):
        write(tmp_path, memory(2))
    sha256, _ = write(tmp_path, memory(2), again=True)
    assert torch.equal(read_snapshot(snapshot_path(tmp_path, 3), sha256)["steps"], torch.tensor([2]))


def test_cells_joined_in_one_file_come_apart_as_the_files_they_were(tmp_path: Path) -> None:
    parts = []
    for number in range(12):
        path = snapshot_path(tmp_path, number)
        tensors = memory(number) | {"half": torch.full((number,), 0.5, dtype=torch.bfloat16)}
        parts.append((path, write_snapshot(path, tensors, fingerprint="f")[0]))
    joined = tmp_path / "memory.safetensors"
    sha256 = join_snapshots(joined, parts, fingerprint="f")
    assert sha256 == hashlib.sha256(joined.read_bytes()).hexdigest()
    assert [b"".join(cell) for cell in split_snapshots(joined)] == [path.read_bytes() for path, _ in parts]
    whole = read_snapshot(joined, sha256)  # and it is a safetensors file as any other
    assert torch.equal(whole["000007/layers.0.weight"], memory(7)["layers.0.weight"])
    parts[3][0].write_bytes(parts[4][0].read_bytes())
    with pytest.raises(DamagedError, match="checksum"):
        join_snapshots(tmp_path / "again", parts, fingerprint="f")
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize("checked", [True, False])
def test_every_flipped_byte_is_noticed(tmp_path: Path, checked: bool) -> None:
    sha256, _ = write(tmp_path, memory(1))
    path = snapshot_path(tmp_path, 3)
    good = path.read_bytes()
    (length,) = struct.unpack_from("<Q", good)
    spots = range(0, len(good), 7) if checked else range(8 + length, len(good))
    for at in spots:
        path.write_bytes(good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1 :])
        with pytest.raises((DamagedError, IncompatibleError)) as caught:
            read_snapshot(path, sha256 if checked else None)
        assert caught.value.hint
    path.write_bytes(good)
    read_snapshot(path, sha256)


def test_truncated_and_grown_files_are_damage(tmp_path: Path) -> None:
    sha256, _ = write(tmp_path, memory(1))
    path = snapshot_path(tmp_path, 3)
    good = path.read_bytes()
    for raw in (b"", good[:5], good[:8], good[:100], good[:-1], good + b"\0"):
        path.write_bytes(raw)
        for expected in (sha256, None):
            with pytest.raises(DamagedError):
                read_snapshot(path, expected)


def test_a_header_that_claims_the_moon_is_refused_before_anything_is_allocated(tmp_path: Path) -> None:
    path = tmp_path / "00000001.safetensors"
    entry = {"dtype": "F32", "shape": [1 << 60], "data_offsets": [0, 1 << 62]}
    headers: list[object] = [
        {"__metadata__": {"format": "2"}, "a": entry},
        {"__metadata__": {"format": "2"}, "a": {**entry, "data_offsets": [-4, 0]}},
        {"__metadata__": {"format": "2"}, "a": {**entry, "data_offsets": [True, "x"]}},
        {"__metadata__": {"format": "2"}, "a": {**entry, "data_offsets": [0, 0]}},
        {"__metadata__": {"format": "2"}, "a": {"dtype": "Q9", "shape": [], "data_offsets": [0, 0]}},
        {"__metadata__": {"format": 2}},
        {"a": entry},
        [],
        "x",
    ]
    for header in headers:
        raw = json.dumps(header).encode()
        for length in (len(raw), 1 << 50):
            path.write_bytes(struct.pack("<Q", length) + raw)
            with pytest.raises(DamagedError):
                read_snapshot(path, None)
    path.write_bytes(struct.pack("<Q", 100_000) + b"[" * 100_000)
    with pytest.raises(DamagedError):
        read_snapshot(path, None)


@given(st.binary(max_size=200))
@settings(max_examples=50)
def test_noise_is_damage(raw: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(raw)
        with pytest.raises(DamagedError):
            read_snapshot(path, None)
