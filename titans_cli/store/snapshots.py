"""Snapshot files: the same tensors and metadata give the same bytes, and one wrong byte is always noticed.

A file is a plain safetensors file. Two things are ours: the header is written in one canonical order (safetensors
itself shuffles the metadata from run to run), and the metadata carries the sha256 of the tensor bytes. There is no
time in it, so a killed and repeated run ends with the same bytes. Torch is imported inside the functions: everything
that only lists must work without it.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from titans_cli.errors import DamagedError, IncompatibleError
from titans_cli.records import SnapshotInfo
from titans_cli.store.files import atomic_write, storage_error
from titans_cli.store.locks import utc_now
from titans_cli.store.manifest import FORMAT

if TYPE_CHECKING:
    from torch import Tensor

DENSE = 8  # so many of the newest are all kept
RESERVED = frozenset({"format", "fingerprint", "position", "parent", "payload_sha256"})
_MAX_HEADER = 100 << 20  # safetensors' own limit
_SUFFIX = ".safetensors"


def snapshot_path(folder: Path, number: int) -> Path:
    return folder / f"{number:08d}{_SUFFIX}"


def snapshot_number(path: Path) -> int | None:
    """The number in a snapshot's file name; None for any other file."""
    stem = path.name.removesuffix(_SUFFIX)
    return int(stem) if path.name.endswith(_SUFFIX) and stem.isascii() and stem.isdigit() and len(stem) >= 8 else None


def thinned(numbers: Iterable[int]) -> set[int]:
    """Which of these snapshots to keep.

    The newest 8; number 0, the initial state; and of the others, at an age (counted in numbers) from 8 * 2**(k-1) up
    to 8 * 2**k, those divisible by 2**k. What is kept at one step contains what is kept at every later one, so
    thinning after each commit equals thinning once at the end. The gap around an age is at most a quarter of that age
    (so the replay after a rewind is short), and n snapshots keep about 8 + 4 * log2(n / 8).
    """
    ordered = sorted(set(numbers))
    if not ordered:
        return set()
    newest = ordered[-1]
    keep = set(ordered[-DENSE:])
    for number in ordered:
        stride = 1
        while newest - number >= DENSE * stride:
            stride *= 2
        if number % stride == 0:  # number 0 always is
            keep.add(number)
    return keep


def write_snapshot(
    folder: Path,
    *,
    number: int,
    parent: int | None,
    position: int,
    source_id: int | None,
    blocks_done: int,
    fingerprint: str,
    tensors: Mapping[str, Tensor],
    metadata: Mapping[str, str],
    replace_orphan: bool = False,
) -> SnapshotInfo:
    """Write `<number>.safetensors` durably into `folder` and return the row that commits it.

    A file that exists is refused (ValueError) unless the caller has seen that the database holds no row for it and
    says so with `replace_orphan`. `metadata` is the caller's own; the keys in RESERVED are written here (ValueError).
    Raises StorageError.
    """
    path = snapshot_path(folder, number)
    if path.exists() and not replace_orphan:
        raise ValueError(f"{path} is there already, and a snapshot is never overwritten")
    if taken := RESERVED & set(metadata):
        raise ValueError(f"metadata keys that the store writes itself: {', '.join(sorted(taken))}")
    header, payload = _encode(
        tensors,
        {
            **metadata,
            "format": str(FORMAT),
            "fingerprint": fingerprint,
            "position": str(position),
            "parent": "" if parent is None else str(parent),
        },
    )
    digest = hashlib.sha256(header)
    digest.update(payload)
    atomic_write(path, [header, payload])
    return SnapshotInfo(
        number=number,
        parent=parent,
        position=position,
        source_id=source_id,
        blocks_done=blocks_done,
        sha256=digest.hexdigest(),
        size=len(header) + len(payload),
        created=utc_now(),
    )


def _encode(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> tuple[bytes, memoryview]:
    """The header in canonical order, and the tensors' bytes as safetensors lays them out."""
    import safetensors.torch

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    data = safetensors.torch.save(plain)
    (length,) = struct.unpack_from("<Q", data)
    payload = memoryview(data)[8 + length :]
    described = json.loads(data[8 : 8 + length])
    described.pop("__metadata__", None)
    written = {**metadata, "payload_sha256": hashlib.sha256(payload).hexdigest()}
    ordered = {"__metadata__": dict(sorted(written.items())), **dict(sorted(described.items()))}
    text = json.dumps(ordered, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the tensors begin at a multiple of eight
    return struct.pack("<Q", len(text)) + text, payload


def read_snapshot(path: Path, expected_sha256: str | None) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata (ours included) of a snapshot file.

    Read whole, never mapped: a writer may thin the file away while a reader works with it. Without `expected_sha256`
    the file is checked against the sha256 it carries itself.
    Raises DamagedError on any mismatch, IncompatibleError for a newer format, StorageError; FileNotFoundError when
    there is no such file, since only the caller knows whether that is damage or thinning.
    """
    import safetensors
    import safetensors.torch

    data = _read(path, expected_sha256)
    (length,) = struct.unpack_from("<Q", data)
    metadata: dict[str, str] = json.loads(data[8 : 8 + length])["__metadata__"]
    if metadata.get("format") != str(FORMAT):
        raise IncompatibleError(
            f"its format version is {metadata.get('format')!r}, and this release knows version {FORMAT}",
            subject=str(path),
            hint="Upgrade: pip install --upgrade titans-cli",
        )
    payload_sha256 = hashlib.sha256(memoryview(data)[8 + length :]).hexdigest()
    if metadata.get("payload_sha256") != payload_sha256:
        raise _damaged(path, "its tensors do not have the checksum written beside them")
    try:
        return safetensors.torch.load(data), metadata
    except (safetensors.SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise _damaged(path, "its tensors cannot be read") from error


def payload_sha256(path: Path) -> str:
    """What the file says its tensors' sha256 is: equal digests, equal memories.

    Reads the header alone and needs no torch; `read_snapshot` is what checks it. Raises DamagedError, StorageError.
    """
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(min(length, _MAX_HEADER)))
        return str(header["__metadata__"]["payload_sha256"])
    except OSError as error:
        raise storage_error(error, path) from error
    except (struct.error, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(path, "its header cannot be read") from error


def _read(path: Path, expected_sha256: str | None) -> bytes:
    """The whole file, after its header was found to describe exactly as many bytes as there are."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < 8:
                raise _damaged(path, f"it is {size} bytes long")
            (length,) = struct.unpack("<Q", file.read(8))
            if length > min(_MAX_HEADER, size - 8):
                raise _damaged(path, "its header claims more bytes than the file has")
            raw_header = file.read(length)
            _check_header(path, raw_header, payload=size - 8 - length)
            file.seek(0)
            data = file.read(size + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise storage_error(error, path) from error
    if len(data) != size:
        raise _damaged(path, "it changed while it was read")
    if expected_sha256 is not None and hashlib.sha256(data).hexdigest() != expected_sha256:
        raise _damaged(path, "its bytes do not have the checksum that was recorded for them")
    return data


def _check_header(path: Path, raw: bytes, *, payload: int) -> None:
    try:
        header = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "its header is not valid JSON") from error
    if not isinstance(header, dict):
        raise _damaged(path, "its header is not a JSON object")
    metadata = header.pop("__metadata__", None)
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _damaged(path, "its header has no metadata")
    ends = [_end_of(path, description) for description in header.values()]
    if max(ends, default=0) != payload:
        raise _damaged(path, "its header does not describe as many bytes as the file has")


def _end_of(path: Path, description: Any) -> int:
    offsets = description.get("data_offsets") if isinstance(description, dict) else None
    if not (isinstance(offsets, list) and len(offsets) == 2 and all(type(o) is int for o in offsets)):
        raise _damaged(path, "its header has a tensor without offsets")
    begin, end = offsets
    if not 0 <= begin <= end:
        raise _damaged(path, "its header has a tensor of negative size")
    return int(end)


def _damaged(path: Path, what: str) -> DamagedError:
    return DamagedError(
        f"damaged: {what}",
        subject=str(path),
        hint="Restore the file from a backup; or discard the session and ingest again",
    )
