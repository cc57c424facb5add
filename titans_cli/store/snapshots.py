"""Snapshot files: the same tensors give the same bytes, and one wrong byte is always noticed.

A file is a plain safetensors file with the state of one cell. Two things are ours: the header is written in one
canonical order (safetensors itself shuffles the metadata from run to run), and the metadata carries the sha256 of the
tensor bytes. There is no time, place or number in it: two cells that learned the same have the same file, wherever they
stand. Torch is imported inside the functions: everything that only lists must work without it.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from titans_cli.errors import DamagedError, IncompatibleError, damaged_file
from titans_cli.records import CLOSED
from titans_cli.steps import Hint, NextStep
from titans_cli.store.files import FILE_MODE, NotAFileError, atomic_write, open_plain, storage_error
from titans_cli.store.manifest import FORMAT, READABLE

if TYPE_CHECKING:
    from torch import Tensor

_MAX_HEADER = 100 << 20  # safetensors' own limit
_SUFFIX = ".safetensors"
OPEN_FORMAT = 2  # of a file in which no cell is closed: its bytes are those of earlier releases


def snapshot_path(folder: Path, number: int) -> Path:
    return folder / snapshot_name(number)


def snapshot_name(number: int) -> str:
    return f"{number:08d}{_SUFFIX}"


def snapshot_number(name: str) -> int | None:
    """The number in the name of a snapshot's file; None for any other file."""
    stem = name.removesuffix(_SUFFIX)
    return int(stem) if name.endswith(_SUFFIX) and stem.isascii() and stem.isdigit() and len(stem) >= 8 else None


def write_snapshot(
    path: Path, tensors: Mapping[str, Tensor], *, fingerprint: str, replace_orphan: bool = False
) -> tuple[str, int]:
    """Write a cell's state durably; return the file's sha256 and size.

    A file that exists is refused (ValueError) unless the caller has seen that the database holds no row for it and
    says so with `replace_orphan`. Raises StorageError.
    """
    if path.exists() and not replace_orphan:
        raise ValueError(f"{path} is there already, and a snapshot is never overwritten")
    header, payload, sha256 = _encoded(tensors, fingerprint)
    atomic_write(path, [header, payload])
    return sha256, len(header) + len(payload)


def encoded_sha256(tensors: Mapping[str, Tensor], *, fingerprint: str) -> str:
    """The sha256 of the file that `write_snapshot` would write."""
    return _encoded(tensors, fingerprint)[2]


def _encoded(tensors: Mapping[str, Tensor], fingerprint: str) -> tuple[bytes, memoryview, str]:
    import safetensors.torch

    data = safetensors.torch.save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    (length,) = struct.unpack_from("<Q", data)
    payload = memoryview(data)[8 + length :]
    described = json.loads(data[8 : 8 + length])
    described.pop("__metadata__", None)
    header = header_bytes(
        described, {"fingerprint": fingerprint, "payload_sha256": hashlib.sha256(payload).hexdigest()}
    )
    digest = hashlib.sha256(header)
    digest.update(payload)
    return header, payload, digest.hexdigest()


def header_bytes(described: Mapping[str, Any], metadata: Mapping[str, str]) -> bytes:
    """Length and header of a safetensors file in our canonical order."""
    closed = any(name.rpartition("/")[2].startswith(CLOSED) for name in described)
    written = {**metadata, "format": str(FORMAT if closed else OPEN_FORMAT)}
    ordered = {"__metadata__": dict(sorted(written.items())), **dict(sorted(described.items()))}
    text = json.dumps(ordered, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the tensors begin at a multiple of eight
    return struct.pack("<Q", len(text)) + text


def read_snapshot(path: Path, expected_sha256: str | None) -> dict[str, Tensor]:
    """The tensors of a snapshot file.

    Read whole, never mapped: a writer may supersede the file while a reader works with it. Without `expected_sha256`
    the file is checked against the sha256 it carries itself.
    Raises DamagedError on any mismatch, IncompatibleError for another format, StorageError; FileNotFoundError when
    there is no such file, since only the caller knows whether that is damage or a newer commit.
    """
    import safetensors
    import safetensors.torch

    data = _read(path, expected_sha256)
    _take_apart(path, data, checked=expected_sha256 is not None)
    try:
        return safetensors.torch.load(data)
    except (safetensors.SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise _damaged_cell(path, "its tensors cannot be read") from error


def _take_apart(path: Path, data: bytes, *, checked: bool) -> tuple[dict[str, Any], dict[str, str], memoryview]:
    """What the header describes, its metadata, and the tensors' bytes.

    Unless the whole file was `checked` already, these have the checksum written beside them.
    """
    (length,) = struct.unpack_from("<Q", data)
    described = json.loads(data[8 : 8 + length])
    metadata: dict[str, str] = described.pop("__metadata__")
    if metadata.get("format") not in [str(version) for version in READABLE]:
        raise IncompatibleError(
            f"its format version is {metadata.get('format')!r}, and this release knows version {FORMAT}",
            subject=str(path),
            hint="Upgrade: pip install --upgrade titans-cli",
        )
    payload = memoryview(data)[8 + length :]
    if not checked and metadata.get("payload_sha256") != hashlib.sha256(payload).hexdigest():
        raise _damaged_cell(path, "its tensors do not have the checksum written beside them")
    return described, metadata, payload


# ---------------------------------------------------------------- many cells in one file, for long-term memory


def join_snapshots(target: Path, parts: Sequence[tuple[Path, str]], *, fingerprint: str, mode: int = FILE_MODE) -> str:
    """Write the cells of `parts` (file, sha256) into one file, names prefixed by their place; return its sha256.

    One cell at a time is in memory. Raises DamagedError, StorageError.
    """
    described: dict[str, Any] = {}
    payloads, begin = hashlib.sha256(), 0
    for place, (part, sha256) in enumerate(parts):
        tensors, _, payload = _take_apart(part, _read_part(part, sha256), checked=True)
        described |= {f"{place:06d}/{name}": _moved(d, begin) for name, d in tensors.items()}
        payloads.update(payload)
        begin += len(payload)
    header = header_bytes(described, {"fingerprint": fingerprint, "payload_sha256": payloads.hexdigest()})
    digest = hashlib.sha256()

    def chunks() -> Iterator[bytes | memoryview]:
        digest.update(header)
        yield header
        for part, sha256 in parts:
            payload = _take_apart(part, _read_part(part, sha256), checked=True)[2]
            digest.update(payload)
            yield payload

    atomic_write(target, chunks(), mode=mode)
    return digest.hexdigest()


def split_snapshots(path: Path) -> Iterator[list[bytes]]:
    """The cells of a file of `join_snapshots`, each as the bytes of the file it came from, in parts to be written.

    Raises DamagedError, StorageError; whoever knows the cells' checksums compares them.
    """
    try:
        with open_plain(path) as file:
            described, metadata, base = open_header(path, file)
            cells: dict[str, dict[str, Any]] = {}
            for name, description in described.items():
                place, _, rest = name.partition("/")
                cells.setdefault(place, {})[rest] = description
            for place in sorted(cells):
                begin = min(d["data_offsets"][0] for d in cells[place].values())
                end = max(d["data_offsets"][1] for d in cells[place].values())
                file.seek(base + begin)
                payload = file.read(end - begin)
                own = {
                    "fingerprint": metadata.get("fingerprint", ""),
                    "payload_sha256": hashlib.sha256(payload).hexdigest(),
                }
                yield [header_bytes({name: _moved(d, -begin) for name, d in cells[place].items()}, own), payload]
    except NotAFileError as error:
        raise _damaged_cell(path, "it is not a regular file") from error
    except OSError as error:
        raise storage_error(error, path) from error


def _moved(description: Mapping[str, Any], by: int) -> dict[str, Any]:
    begin, end = description["data_offsets"]
    return {**description, "data_offsets": [begin + by, end + by]}


def _read_part(path: Path, sha256: str) -> bytes:
    try:
        return _read(path, sha256)
    except FileNotFoundError as error:
        raise _damaged_cell(path, "the file is missing") from error


# ---------------------------------------------------------------- never trust a header


def open_header(path: Path, file: BinaryIO) -> tuple[dict[str, Any], dict[str, str], int]:
    """What an open file's header describes, its metadata, and where the tensors begin.

    Found to describe exactly as many bytes as there are, before anything is read or allocated by its word.
    """
    size = os.fstat(file.fileno()).st_size
    if size < 8:
        raise _damaged_cell(path, f"it is {size} bytes long")
    (length,) = struct.unpack("<Q", file.read(8))
    if length > min(_MAX_HEADER, size - 8):
        raise _damaged_cell(path, "its header claims more bytes than the file has")
    described, metadata = _check_header(path, file.read(length), payload=size - 8 - length)
    return described, metadata, 8 + length


def _read(path: Path, expected_sha256: str | None) -> bytes:
    """The whole file."""
    try:
        with open_plain(path) as file:
            size = os.fstat(file.fileno()).st_size
            open_header(path, file)
            file.seek(0)
            data = file.read(size + 1)
    except FileNotFoundError:
        raise
    except NotAFileError as error:
        raise _damaged_cell(path, "it is not a regular file") from error
    except OSError as error:
        raise storage_error(error, path) from error
    if len(data) != size:
        raise _damaged_cell(path, "it changed while it was read")
    if expected_sha256 is not None and hashlib.sha256(data).hexdigest() != expected_sha256:
        raise _damaged_cell(path, "its bytes do not have the checksum that was recorded for them")
    return data


def _check_header(path: Path, raw: bytes, *, payload: int) -> tuple[dict[str, Any], dict[str, str]]:
    try:
        header = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _damaged_cell(path, "its header is not valid JSON") from error
    if not isinstance(header, dict):
        raise _damaged_cell(path, "its header is not a JSON object")
    metadata = header.pop("__metadata__", None)
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _damaged_cell(path, "its header has no metadata")
    ends = [_end_of(path, description) for description in header.values()]
    if max(ends, default=0) != payload:
        raise _damaged_cell(path, "its header does not describe as many bytes as the file has")
    return header, metadata


def _end_of(path: Path, description: Any) -> int:
    offsets = description.get("data_offsets") if isinstance(description, dict) else None
    if not (isinstance(offsets, list) and len(offsets) == 2 and all(type(o) is int for o in offsets)):
        raise _damaged_cell(path, "its header has a tensor without offsets")
    begin, end = offsets
    if not 0 <= begin <= end:
        raise _damaged_cell(path, "its header has a tensor of negative size")
    return int(end)


def _damaged_cell(path: Path, problem: str) -> DamagedError:
    repair = NextStep("session repair")
    return damaged_file(
        path, problem, Hint("Learn it anew from the retained text: ", repair, "; or restore the file from a backup")
    )
