"""Weights in safetensors files, looked at before anything else believes them.

A download that broke off, a pointer of Git LFS in the place of the file, a header that claims gigabytes, a shard that
is not there, weights that are no numbers: each is said by name, and none reaches a library that would fall over it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from titans_cli.errors import DamagedError, ModelError, damaged_file

if TYPE_CHECKING:
    from torch import Tensor

LONGEST_HEADER = 100 << 20  # bytes, as safetensors itself has it
_POINTER = b"version https://git-lfs"
_BITS = {"BOOL": 8, "U8": 8, "I8": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32}
_BITS |= {"I64": 64, "U64": 64, "F64": 64, "C64": 64, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F4": 4}


def header(path: Path) -> dict[str, dict[str, Any]]:
    """What each tensor of a file is: `dtype`, `shape`, `data_offsets`. Raises DamagedError, ModelError (unreadable)."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            start = file.read(8)
            if (start + file.read(len(_POINTER) - 8)).startswith(_POINTER):
                hint = "Fetch the file itself: git lfs pull"
                raise DamagedError("is a pointer of Git LFS, not the weights", subject=str(path), hint=hint)
            length = int.from_bytes(start, "little")
            if size < 8 or length > size - 8:
                raise _damaged_weights(path, f"it ends within its header ({size:,} bytes)")
            if length > LONGEST_HEADER:
                raise _damaged_weights(path, f"its header claims {length:,} bytes")
            file.seek(8)
            entries = json.loads(file.read(length))
    except OSError as error:
        why = error.strerror or str(error)
        raise ModelError(f"cannot be read ({why})", subject=str(path), hint="Check the file and its disk") from error
    except (ValueError, RecursionError) as error:
        raise _damaged_weights(path, "its header is no JSON") from error
    if not isinstance(entries, dict):
        raise _damaged_weights(path, "its header is no table of tensors")
    tensors = {name: entry for name, entry in entries.items() if name != "__metadata__"}
    end = max((_end(path, name, entry) for name, entry in tensors.items()), default=0)
    if 8 + length + end != size:
        raise _damaged_weights(path, f"its tensors end at byte {8 + length + end:,}, and the file at {size:,}")
    return tensors


def _end(path: Path, name: str, entry: Any) -> int:
    """Where a tensor ends within the file's data."""
    try:
        begin, end = entry["data_offsets"]
        count = math.prod(entry["shape"])
        sound = all(isinstance(n, int) and n >= 0 for n in (begin, end, *entry["shape"]))
        bits = _BITS.get(entry["dtype"])
    except (TypeError, KeyError, ValueError) as error:
        raise _damaged_weights(path, f"its header does not describe {name[:80]!r}") from error
    if not sound or end < begin or (bits is not None and (end - begin) * 8 != count * bits):
        raise _damaged_weights(path, f"its header contradicts itself about {name[:80]!r}")
    return int(end)


def table(path: Path) -> dict[str, Any]:
    """A JSON file that holds an object. Raises DamagedError, ModelError (unreadable)."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        why = error.strerror or str(error)
        raise ModelError(f"cannot be read ({why})", subject=str(path), hint="Check the file and its disk") from error
    except (ValueError, RecursionError) as error:
        raise _damaged_weights(path, "it is no JSON") from error
    if not isinstance(values, dict):
        raise _damaged_weights(path, "it is no table")
    return values


def shards(index: Path) -> set[str]:
    """The files that a `model.safetensors.index.json` names. Raises DamagedError, ModelError (unreadable)."""
    named = table(index).get("weight_map")
    if not isinstance(named, dict) or not named or not all(isinstance(n, str) for n in named.values()):
        raise _damaged_weights(index, "it names no files")
    return set(named.values())


def require_numbers(tensors: Mapping[str, Tensor] | Iterable[tuple[str, Tensor]], subject: str) -> None:
    """Raises DamagedError when any of them holds a NaN or an infinity."""
    import torch

    for name, tensor in tensors.items() if isinstance(tensors, Mapping) else tensors:
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            hint = "Its training went wrong, or the file did: fetch it again, or choose another"
            raise DamagedError(f"its weights hold what is no number (in {name})", subject=subject, hint=hint)


def _damaged_weights(path: Path, problem: str) -> DamagedError:
    return damaged_file(path, problem, "Fetch or copy it again")
