"""The topics of all of a session's cells in one file: what has to be known of every cell to choose the few to open.

They follow from the cells, so the file may be missing, behind or damaged: a reader fetches from the cells what it
lacks, and keeps it for the next time. A writer takes out what is of cells that are there no more. Rows are opaque here:
the model's topics as it compares them, in half precision or packed (docs/format.md).
"""

from __future__ import annotations

import hashlib
import mmap
import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from titans_cli.errors import DamagedError, StorageError, TitansError
from titans_cli.store import derived
from titans_cli.store.episodes import Episodes
from titans_cli.store.files import NotAFileError, atomic_write, open_plain, remove_file
from titans_cli.store.snapshots import header_bytes, open_header

if TYPE_CHECKING:
    from torch import Tensor

TOPICS = "topics.safetensors"
BEHIND = 32  # a file that lacks less than one cell in so many is not written anew: fetching these costs less
_KINDS = {"F16": 2, "U8": 1}  # bytes of a number
_DIGEST = 32  # bytes of a sha256


class Rows(NamedTuple):
    """The topics of one cell as they lie in the file."""

    kind: str
    width: int
    height: int  # how many topics
    data: bytes | memoryview

    @classmethod
    def of(cls, topics: Tensor) -> Rows:
        """Of [n, width] in half precision or packed (uint8)."""
        kind = "U8" if topics.element_size() == 1 else "F16"
        return cls(kind, topics.shape[1], len(topics), topics.contiguous().numpy().tobytes())

    def tensor(self) -> Tensor:
        """As they lie in the file, mapped."""
        import torch

        dtype = torch.uint8 if self.kind == "U8" else torch.float16
        if not self.height:
            return torch.empty(0, self.width, dtype=dtype)
        return torch.frombuffer(self.data, dtype=dtype).view(self.height, self.width)


def kept(episodes: Episodes, fingerprint: str) -> dict[str, Rows]:
    """What the session's file says of cells, by the sha256 of their files: nothing if it is damaged or another model's.

    The rows are mapped, and stay as they are when the file is replaced.
    """
    with suppress(DamagedError, StorageError, FileNotFoundError):
        file = _File(episodes.path.parent / TOPICS)
        if file.fingerprint == fingerprint and file.is_sound():
            return file.rows()
    return {}


def keep(episodes: Episodes, fingerprint: str, rows: Mapping[str, Rows]) -> None:
    """Keep these for the next time, unless the disk refuses, somebody is at work here or has forgotten one of the
    cells, or an earlier release wrote the session and nobody has written to it since."""
    if not episodes.is_current():
        return
    path = episodes.path.parent / TOPICS
    with suppress(TitansError):
        derived.put(episodes.path, path, _encoded(rows, fingerprint), lambda now: rows.keys() <= _cells(now))


def sweep_topics(folder: Path, episodes: Episodes, *, whole: bool = False) -> None:
    """Take out of the file in a session's `folder` what is of cells that it has no more; a file that is not sound goes.

    `whole`: its checksum is compared also where nothing is to be taken out. Raises StorageError.
    """
    path = folder / TOPICS
    try:
        file, now = _File(path), _cells(episodes)
        gone = not file.cells() <= now
        if whole or gone:
            rows = file.rows()
            if not file.is_sound():
                remove_file(path)
            elif gone:
                atomic_write(path, _encoded({c: r for c, r in rows.items() if c in now}, file.fingerprint))
    except FileNotFoundError:
        pass
    except DamagedError:
        remove_file(path)
    except StorageError:  # no room for the rest of it: erasing never waits for room
        remove_file(path)


def _cells(episodes: Episodes) -> set[str]:
    return {row.sha256 for row in episodes.snapshots()}


def _encoded(rows: Mapping[str, Rows], fingerprint: str) -> Iterator[bytes | memoryview]:
    """The bytes of the file: for each kind and width of rows the cells, how many rows each has, and the rows."""
    parts = list[tuple[str, str, list[int], list[bytes | memoryview]]]()
    for kind, width in sorted({(r.kind, r.width) for r in rows.values()}):
        own = [(cell, r) for cell, r in sorted(rows.items()) if (r.kind, r.width) == (kind, width)]
        counts = [r.height for _, r in own]
        name = f"{kind}.{width}"
        parts += [
            (f"{name}.counts", "I64", [len(own)], [struct.pack(f"<{len(own)}q", *counts)]),
            (f"{name}.rows", kind, [sum(counts), width], [r.data for _, r in own]),
            (f"{name}.cells", "U8", [len(own), _DIGEST], [bytes.fromhex(cell) for cell, _ in own]),
        ]
    parts.sort(key=lambda part: ["I64", *_KINDS].index(part[1]))  # so that every tensor is aligned
    described, end, digest = dict[str, Any](), 0, hashlib.sha256()
    for name, dtype, shape, chunks in parts:
        begin, end = end, end + sum(len(chunk) for chunk in chunks)
        described[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
        for chunk in chunks:
            digest.update(chunk)
    yield header_bytes(described, {"fingerprint": fingerprint, "payload_sha256": digest.hexdigest()})
    for *_, chunks in parts:
        yield b"".join(chunks)


class _File:
    """The mapped file, in which nothing is believed. Raises DamagedError, StorageError, FileNotFoundError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with open_plain(path) as file:
                described, metadata, base = open_header(path, file)
                # a private mapping: nothing is ever written to it, but torch asks for a buffer that could be
                mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
        except FileNotFoundError:
            raise
        except NotAFileError as error:
            raise self._damaged() from error
        except (OSError, ValueError) as error:
            raise StorageError(str(error), subject=str(path)) from error
        self.fingerprint, self._sha256 = metadata.get("fingerprint", ""), metadata.get("payload_sha256")
        self._payload, self._described = mapped[base:], described

    def is_sound(self) -> bool:
        return hashlib.sha256(self._payload).hexdigest() == self._sha256

    def cells(self) -> set[str]:
        """All that are named, by the sha256 of their files."""
        return {cell for kind in self._kinds() for cell in self._named(kind)}

    def rows(self) -> dict[str, Rows]:
        rows = dict[str, Rows]()
        for prefix in self._kinds():
            (kind, width), begin = self._of(prefix), 0
            data, cells = self._tensor(f"{prefix}.rows", kind), self._named(prefix)
            counts = self._tensor(f"{prefix}.counts", "I64")
            if len(counts) != 8 * len(cells):
                raise self._damaged()
            for cell, (count,) in zip(cells, struct.iter_unpack("<q", counts), strict=True):
                end = begin + count * width * _KINDS[kind]
                if not begin <= end <= len(data):
                    raise self._damaged()
                rows[cell] = Rows(kind, width, count, data[begin:end])
                begin = end
            if begin != len(data):
                raise self._damaged()
        return rows

    def _kinds(self) -> set[str]:
        return {name.rpartition(".")[0] for name in self._described}

    def _of(self, prefix: str) -> tuple[str, int]:
        kind, _, width = prefix.partition(".")
        if kind not in _KINDS or not (width.isascii() and width.isdigit() and 0 < int(width) < 1 << 16):
            raise self._damaged()
        return kind, int(width)

    def _named(self, prefix: str) -> list[str]:
        data = self._tensor(f"{prefix}.cells", "U8")
        if len(data) % _DIGEST:
            raise self._damaged()
        return [data[i : i + _DIGEST].hex() for i in range(0, len(data), _DIGEST)]

    def _tensor(self, name: str, dtype: str) -> memoryview:
        described = self._described.get(name)
        if described is None or described.get("dtype") != dtype:
            raise self._damaged()
        begin, end = described["data_offsets"]
        return self._payload[begin:end]

    def _damaged(self) -> DamagedError:
        return DamagedError("damaged: it is no file of topics", subject=str(self._path))
