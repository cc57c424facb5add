"""Codes of the topics of all of a session's cells in a few files: what has to be known of every cell to choose the few
to open.

Each file has the cells of `SOURCES` documents in a row, so that forgetting one document of ten thousand writes one of
forty files anew, and reading on writes the newest. They follow from the cells, so a file may be missing, behind or
damaged: a reader fetches from the cells what it lacks, and keeps it for the next time. A writer takes out what is of
cells that are there no more. Codes are opaque here (`memory/codes.py` makes and compares them, docs/format.md says how
they lie).
"""

from __future__ import annotations

import hashlib
import mmap
import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from titans_cli.errors import DamagedError, StorageError, TitansError, damaged_file
from titans_cli.store import derived
from titans_cli.store.episodes import Episodes
from titans_cli.store.files import (
    NotAFileError,
    atomic_write,
    open_plain,
    remove_file,
    remove_temporaries,
    storage_errors,
)
from titans_cli.store.snapshots import header_bytes, open_header

TOPICS = "topics"  # the folder, within a session's
FORMER = "topics.safetensors"  # where earlier releases kept them
SOURCES = 256  # whose cells are in one file; the numbers of the next ones in the next
BEHIND = 32  # a file that lacks less than one cell in so many is not written anew: fetching these costs less
_DIGEST = 32  # bytes of a sha256
_FLOAT = 4  # bytes
_SUFFIX = ".safetensors"


@dataclass(frozen=True, slots=True)
class Codes:
    """Codes of cells, one after the other. `counts`: how many, by the sha256 of each cell's file, in that order."""

    centre: bytes  # what they are told from, float32
    counts: Mapping[str, int] = field(default_factory=dict)
    data: memoryview = field(default_factory=lambda: memoryview(b""))  # writable, or torch would warn

    @property
    def width(self) -> int:
        """Bytes of a code: a bit for each number of the centre."""
        return -(-len(self.centre) // _FLOAT // 8)

    def stretches(self, gone: Collection[str]) -> Iterator[memoryview]:
        """The codes of all cells but `gone`, as they lie: what stays together is one piece."""
        width, begin, end = self.width, 0, 0
        for cell, count in self.counts.items():
            if cell in gone:
                yield self.data[begin:end]
                begin = end + width * count
            end += width * count
        yield self.data[begin:end]

    def changed(self, gone: Collection[str] = (), new: Mapping[str, bytes] | None = None) -> Codes:
        """Without some cells and with others, in rising order of the cells."""
        ends = [self.width * n for n in accumulate(self.counts.values(), initial=0)]
        parts: dict[str, bytes | memoryview] = {
            cell: self.data[a:b] for cell, (a, b) in zip(self.counts, pairwise(ends), strict=True) if cell not in gone
        }
        parts |= new or {}
        counts = {cell: len(parts[cell]) // self.width for cell in sorted(parts)}
        return Codes(self.centre, counts, memoryview(bytearray().join(parts[cell] for cell in counts)))


def shard_of(source_id: int) -> int:
    """Which file has the cells of a source."""
    return source_id // SOURCES


def path_of(folder: Path, shard: int) -> Path:
    """In a session's `folder`; called by the first source that it may be about."""
    return folder / TOPICS / f"{shard * SOURCES:08d}{_SUFFIX}"


def kept(episodes: Episodes, fingerprint: str, shard: int) -> Codes | None:
    """What the session's file holds: None if there is none, or it is damaged or another model's.

    The codes are mapped, and stay as they are when the file is replaced.
    """
    with suppress(DamagedError, StorageError, FileNotFoundError):
        file = _File(path_of(episodes.path.parent, shard))
        if file.fingerprint == fingerprint and file.is_sound():
            return file.codes()
    return None


def keep(episodes: Episodes, fingerprint: str, shard: int, codes: Codes) -> None:
    """Keep these for the next time, unless the disk refuses, somebody is at work here or has forgotten one of the
    cells, or an earlier release wrote the session and nobody has written to it since."""
    if not episodes.is_current():
        return
    sources = range(shard * SOURCES, (shard + 1) * SOURCES)
    with suppress(TitansError):
        derived.put(
            episodes.path,
            path_of(episodes.path.parent, shard),
            _encoded(codes, fingerprint),
            lambda now: codes.counts.keys() <= now.snapshot_digests(sources),
        )


def sweep_topics(folder: Path, episodes: Episodes, *, whole: bool = False) -> None:
    """Take out of the files in a session's `folder` what is of cells that it has no more; a file that is not sound
    goes.

    `whole`: the checksums are compared also where nothing is to be taken out. Raises StorageError.
    """
    with storage_errors(folder):
        remove_file(folder / FORMER)
        folder = folder / TOPICS
        if not folder.is_dir():
            return
        remove_temporaries(folder)
        now = episodes.snapshot_digests()
        for path in sorted(folder.iterdir()):
            _sweep_file(path, now, whole=whole)


def _sweep_file(path: Path, now: Collection[str], *, whole: bool) -> None:
    try:
        file = _File(path)
        gone = file.cells().difference(now)
        if whole or gone:
            codes = file.codes()
            if len(gone) == len(codes.counts) or not file.is_sound():
                remove_file(path)
            elif gone:
                atomic_write(path, _encoded(codes, file.fingerprint, gone))
    except FileNotFoundError:
        pass
    except DamagedError:
        remove_file(path)
    except StorageError:  # no room for the rest of it: erasing never waits for room
        remove_file(path)


def _encoded(codes: Codes, fingerprint: str, gone: Collection[str] = ()) -> Iterator[bytes | memoryview]:
    """The bytes of the file with all cells but `gone`."""
    kept = {cell: count for cell, count in codes.counts.items() if cell not in gone}
    counts, cells = list(kept.values()), b"".join(map(bytes.fromhex, kept))
    parts: list[tuple[str, str, list[int], Sequence[bytes | memoryview]]] = [
        ("counts", "I64", [len(counts)], [struct.pack(f"<{len(counts)}q", *counts)]),
        ("centre", "F32", [len(codes.centre) // _FLOAT], [codes.centre]),
        ("cells", "U8", [len(counts), _DIGEST], [cells]),
        ("codes", "U8", [sum(counts), codes.width], list(codes.stretches(gone))),
    ]
    described, end, digest = dict[str, Any](), 0, hashlib.sha256()
    for name, dtype, shape, pieces in parts:
        begin, end = end, end + sum(map(len, pieces))
        described[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
        for piece in pieces:
            digest.update(piece)
    yield header_bytes(described, {"fingerprint": fingerprint, "payload_sha256": digest.hexdigest()})
    yield from (piece for *_, pieces in parts for piece in pieces)


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
        return set(self._named())

    def codes(self) -> Codes:
        counts, cells, centre = self._tensor("counts", "I64"), self._named(), self._tensor("centre", "F32")
        data = self._tensor("codes", "U8")
        if not len(centre) or len(centre) % _FLOAT or len(counts) != 8 * len(cells) or len(set(cells)) < len(cells):
            raise self._damaged()
        numbers = [n for (n,) in struct.iter_unpack("<q", counts)]
        codes = Codes(bytes(centre), dict(zip(cells, numbers, strict=True)), data)
        if min(numbers, default=0) < 0 or codes.width * sum(numbers) != len(data):
            raise self._damaged()
        return codes

    def _named(self) -> list[str]:
        data = self._tensor("cells", "U8")
        if len(data) % _DIGEST:
            raise self._damaged()
        digits = data.hex()
        return [digits[i : i + 2 * _DIGEST] for i in range(0, len(digits), 2 * _DIGEST)]

    def _tensor(self, name: str, dtype: str) -> memoryview:
        described = self._described.get(name)
        if described is None or described.get("dtype") != dtype:
            raise self._damaged()
        begin, end = described["data_offsets"]
        return self._payload[begin:end]

    def _damaged(self) -> DamagedError:
        return damaged_file(self._path, "it is no file of topics")
