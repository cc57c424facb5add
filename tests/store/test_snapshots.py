"""Snapshot files and thinning."""

from __future__ import annotations

import hashlib
import json
import struct
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.store.samples import memory
from titans_cli.errors import DamagedError, IncompatibleError
from titans_cli.records import SnapshotInfo
from titans_cli.store.snapshots import read_snapshot, snapshot_path, thinned, write_snapshot


def write(
    folder: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None, *, again: bool = False
) -> SnapshotInfo:
    folder.mkdir(exist_ok=True)
    return write_snapshot(
        folder,
        number=3,
        parent=2,
        position=77,
        source_id=1,
        blocks_done=4,
        fingerprint="f",
        tensors=tensors,
        metadata=metadata or {},
        replace_orphan=again,
    )


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    tensors = {
        "a": torch.randn(3, 5),
        "half": torch.randn(4).to(torch.bfloat16),
        "long": torch.arange(3),
        "scalar": torch.tensor(2.5),
        "none": torch.empty(0, 4),
        "turned": torch.randn(2, 3).T,
    }
    info = write(tmp_path, tensors, {"eta": "0.9"})
    path = snapshot_path(tmp_path, 3)
    assert path.name == "00000003.safetensors"
    assert (info.sha256, info.size) == (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)
    read, metadata = read_snapshot(path, info.sha256)
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[name], tensors[name]) for name in tensors)
    assert all(read[name].dtype == tensors[name].dtype for name in tensors)
    assert metadata["eta"] == "0.9"
    assert (metadata["format"], metadata["fingerprint"]) == ("1", "f")
    assert (metadata["position"], metadata["parent"]) == ("77", "2")
    assert read_snapshot(path, None)[0].keys() == tensors.keys()


def test_the_same_state_gives_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    tensors = {name: torch.full((3,), float(i)) for i, name in enumerate("abcdef")}
    metadata = {name: name for name in "zyxwv"}
    written = set()
    for turn in range(4):
        order = sorted(tensors, reverse=turn % 2 == 0)
        some = dict(sorted(metadata.items(), reverse=turn > 1))
        written.add(write(tmp_path / str(turn), {n: tensors[n] for n in order}, some).sha256)
    assert len(written) == 1


def test_a_snapshot_is_never_overwritten_but_an_orphan_is(tmp_path: Path) -> None:
    write(tmp_path, memory(1))
    with pytest.raises(ValueError, match="never overwritten"):
        write(tmp_path, memory(2))
    info = write(tmp_path, memory(2), again=True)
    assert torch.equal(read_snapshot(snapshot_path(tmp_path, 3), info.sha256)[0]["steps"], torch.tensor([2]))


def test_the_stores_own_metadata_cannot_be_forged(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="position"):
        write(tmp_path, memory(1), {"position": "0"})


@pytest.mark.parametrize("checked", [True, False])
def test_every_flipped_byte_is_noticed(tmp_path: Path, checked: bool) -> None:
    info = write(tmp_path, memory(1))
    path = snapshot_path(tmp_path, 3)
    good = path.read_bytes()
    (length,) = struct.unpack_from("<Q", good)
    spots = range(0, len(good), 7) if checked else range(8 + length, len(good))
    for at in spots:
        path.write_bytes(good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1 :])
        with pytest.raises((DamagedError, IncompatibleError)) as caught:
            read_snapshot(path, info.sha256 if checked else None)
        assert caught.value.hint
    path.write_bytes(good)
    read_snapshot(path, info.sha256)


def test_truncated_and_grown_files_are_damage(tmp_path: Path) -> None:
    info = write(tmp_path, memory(1))
    path = snapshot_path(tmp_path, 3)
    good = path.read_bytes()
    for raw in (b"", good[:5], good[:8], good[:100], good[:-1], good + b"\0"):
        path.write_bytes(raw)
        for expected in (info.sha256, None):
            with pytest.raises(DamagedError):
                read_snapshot(path, expected)


def test_a_header_that_claims_the_moon_is_refused_before_anything_is_allocated(tmp_path: Path) -> None:
    path = tmp_path / "00000001.safetensors"
    entry = {"dtype": "F32", "shape": [1 << 60], "data_offsets": [0, 1 << 62]}
    headers: list[object] = [
        {"__metadata__": {"format": "1"}, "a": entry},
        {"__metadata__": {"format": "1"}, "a": {**entry, "data_offsets": [-4, 0]}},
        {"__metadata__": {"format": "1"}, "a": {**entry, "data_offsets": [True, "x"]}},
        {"__metadata__": {"format": "1"}, "a": {**entry, "data_offsets": [0, 0]}},
        {"__metadata__": {"format": "1"}, "a": {"dtype": "Q9", "shape": [], "data_offsets": [0, 0]}},
        {"__metadata__": {"format": 1}},
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


@given(st.integers(1, 3000))
@settings(max_examples=60)
def test_thinning_step_by_step_equals_thinning_once(count: int) -> None:
    kept: set[int] = set()
    for number in range(count):
        kept = thinned(kept | {number})
    assert kept == thinned(range(count))
    assert 0 in kept
    assert set(range(max(0, count - 8), count)) <= kept
    ordered = sorted(kept)
    assert all(b - a <= max(1, (count - 1 - a) / 4) for a, b in pairwise(ordered))


def test_thinning_keeps_few_and_never_invents_any() -> None:
    assert len(thinned(range(100_000))) < 80
    assert thinned([]) == set()
    assert thinned([5]) == {5}
    assert thinned([0, 900]) == {0, 900}
