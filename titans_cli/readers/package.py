"""Zip archives, opened with bounds: as documents made of parts (docx, epub) and as folders of files.

A zip file can claim millions of members, unpack to a thousand times its size, and do so in every part. So nothing is
unpacked before its claim was looked at, and nothing ever reaches the disk.
"""

from __future__ import annotations

import re
from typing import IO
from zipfile import ZipFile, ZipInfo

from titans_cli.errors import CorruptError, EncryptedError, LimitError

MOST_MEMBERS = 5_000
_MOST_AT_ONCE = MOST_MEMBERS * 400  # bytes: an entry is 46 bytes and its name
_LARGEST_PART = 128 << 20
_MOST_INFLATED = 256 << 20  # bytes, of all parts that are read of one document
_HARMLESS, _MOST_RATIO = 32 << 20, 200  # below so many bytes a ratio does not matter; XML packs to a tenth, or less
_CHUNK = 1 << 20

_RELATIONS = "_rels/.rels"
_MAIN_PART = re.compile(rb"<[^<>]*/relationships/officeDocument[\"'][^<>]*>")
_TARGET = re.compile(rb"""\bTarget\s*=\s*["']/?([^"']{1,500})["']""")


class _Bounded:
    """A file of which no more is read at once than a sane table of contents needs: zipfile reads that in one go."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        data = self.file.read(min(size, _MOST_AT_ONCE + 1) if size >= 0 else _MOST_AT_ONCE + 1)
        if len(data) > _MOST_AT_ONCE:
            raise LimitError(f"the archive has more than {MOST_MEMBERS:,} members")
        return data


def open_zip(file: IO[bytes]) -> ZipFile:
    """Raises LimitError for too many members, and whatever zipfile raises on a file that is no sound zip archive."""
    archive = ZipFile(_Bounded(file))
    if len(archive.infolist()) > MOST_MEMBERS:
        archive.close()
        raise LimitError(f"the archive has more than {MOST_MEMBERS:,} members")
    return archive


def unpack(archive: ZipFile, member: ZipInfo, most: int) -> bytes:
    """One member's bytes. Raises EncryptedError, LimitError, and whatever zipfile raises."""
    if member.flag_bits & 1:
        raise EncryptedError("it is encrypted and needs a password")
    if member.file_size > most:
        raise LimitError(f"it unpacks to more than {most / (1 << 20):,.0f} MiB")
    with archive.open(member) as packed:
        return b"".join(iter(lambda: packed.read(_CHUNK), b""))


def _main_part(relations: bytes) -> str:
    """The part with which an office document begins, by whatever name."""
    relation = _MAIN_PART.search(relations)
    target = _TARGET.search(relation[0]) if relation else None
    return target[1].decode("utf-8", "replace") if target else ""


def main_part_of(archive: ZipFile) -> str:
    """The part with which an office document begins; empty for what is none. Raises as `unpack`."""
    if _RELATIONS not in archive.NameToInfo:
        return ""
    return _main_part(unpack(archive, archive.getinfo(_RELATIONS), _LARGEST_PART))


class Package:
    """A document that is a zip archive of parts."""

    def __init__(self, file: IO[bytes]) -> None:
        self.packed = file.seek(0, 2)
        file.seek(0)
        self.inflated = 0
        self.archive = open_zip(file)
        self.names = {info.filename: info for info in self.archive.infolist()}

    def part(self, name: str) -> bytes | None:
        """The part's bytes, or None if there is no such part. Raises LimitError for one part too many, by its claim."""
        info = self.names.get(name)
        if info is None:
            return None
        self.inflated += info.file_size if info.file_size <= _LARGEST_PART else 0  # that is refused for itself
        ratio = self.inflated > max(_HARMLESS, _MOST_RATIO * self.packed)
        if ratio or self.inflated > _MOST_INFLATED:
            raise LimitError(f"its parts unpack to more than {(self.inflated - 1) >> 20:,} MiB")
        return unpack(self.archive, info, _LARGEST_PART)

    def main_part(self, otherwise: str) -> str:
        """The name of an office document's main part. Raises CorruptError when it is not there."""
        relations = self.part(_RELATIONS)
        name = (_main_part(relations) if relations else "") or otherwise
        self.needed(name)
        return name

    def needed(self, name: str) -> bytes:
        data = self.part(name)
        if data is None:
            raise CorruptError(f"its part {name[:100]} is missing")
        return data
