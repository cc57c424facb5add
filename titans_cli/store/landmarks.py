"""Landmarks of blocks as safetensors, one file for each encoder that made some: mapped into memory, not read.

They follow from the retained text, so a file that is not there, or is of other blocks than the session has now, is
made again. Readers make it, without the writer's lock; a writer removes what has become stale, so that no vector
outlives the text it was made from.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from titans_cli.errors import TitansError
from titans_cli.store import derived
from titans_cli.store.episodes import Episodes
from titans_cli.store.files import remove_file, remove_temporaries, storage_errors

if TYPE_CHECKING:
    from torch import Tensor

LANDMARKS = "landmarks"  # the folder, within a session's
_OF = "blocks_sha256"  # in a file's metadata
_SUFFIX = ".safetensors"


class Landmarks(NamedTuple):
    ids: Tensor  # [N], of the blocks
    vectors: Tensor  # [N, L], float32


def landmarks(episodes: Episodes, encoder: str, make: Callable[[], Landmarks]) -> Landmarks:
    """The landmarks that `encoder` (its fingerprint) gives the session's blocks, from the file or newly made.

    What was made is kept for the next time, unless the disk refuses, the session has changed meanwhile, or an earlier
    release wrote it and nobody has written to it since.
    Raises what `make` raises, and DamagedError.
    """
    folder = episodes.path.parent / LANDMARKS
    path, wanted = folder / f"{encoder[:32]}{_SUFFIX}", episodes.blocks_sha256()
    mapped = _mapped(path, wanted)
    if mapped is not None:
        return mapped
    made = make()
    if not episodes.is_current():  # a reader does not bring a session up to date; whoever writes to it does
        return made
    with suppress(TitansError):  # the disk refuses, somebody is at work here, or the session is gone: made again then
        _keep(episodes.path, path, made, wanted)
    return made


def sweep_landmarks(folder: Path, episodes: Episodes) -> None:
    """Remove the files in a session's `folder` that are of other blocks than it has now. Raises StorageError."""
    folder = folder / LANDMARKS
    if not folder.is_dir():
        return
    remove_temporaries(folder)
    with storage_errors(folder):
        paths = [path for path in sorted(folder.iterdir()) if path.suffix == _SUFFIX]
        now = episodes.blocks_sha256() if paths else ""  # of ten thousand documents it takes an eighth of a second
        for path in paths:
            if _blocks_of(path) != now:
                remove_file(path)


def _keep(database: Path, path: Path, made: Landmarks, blocks: str) -> None:
    import safetensors.torch

    tensors = {"ids": made.ids.contiguous(), "vectors": made.vectors.float().contiguous()}
    chunks = [safetensors.torch.save(tensors, {_OF: blocks})]
    derived.put(database, path, chunks, lambda episodes: episodes.blocks_sha256() == blocks)


def _mapped(path: Path, blocks: str) -> Landmarks | None:
    """None when there is no such file or it is of other blocks; it is made anew then, damaged or not."""
    import safetensors

    try:
        with safetensors.safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get(_OF) != blocks:
                return None
            kept = Landmarks(file.get_tensor("ids"), file.get_tensor("vectors"))
    except (OSError, safetensors.SafetensorError):
        return None
    return kept if kept.vectors.ndim == 2 and len(kept.ids) == len(kept.vectors) else None


def _blocks_of(path: Path) -> str | None:
    """Which blocks a file is of, by its header alone: no torch is needed to sweep."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(min(length, 1 << 20)))
        return str(header["__metadata__"][_OF])
    except (OSError, ValueError, KeyError, TypeError, struct.error):
        return None
