"""Files that hold a part of a home: an uncompressed tar with a manifest first, which names every other member with its
size and sha256. What comes back is believed in nothing: members that the manifest does not name, links, folders, wrong
sizes and wrong digests are damage.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from titans_cli.errors import DamagedError, IncompatibleError, NotFoundError, StorageError, damaged_file
from titans_cli.steps import Hint, NextStep
from titans_cli.store.manifest import FORMAT, READABLE

MANIFEST = "manifest.json"
PER_MEMBER = 1536  # bytes beside its content: its header and padding, and what the manifest says of it
_LARGEST_MANIFEST = 64 << 20
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class PackedKind:
    """What a file holds: the schema its manifest names, what it is called, its members, and what makes it."""

    schema: str
    noun: str  # "exported session"
    member: re.Pattern[str]
    needed: tuple[str, ...]  # members that are never missing, the first of them first in the file
    export: NextStep  # what writes such a file


def manifest_bytes(kind: PackedKind, name: str, sizes: Mapping[str, int], digests: Mapping[str, str]) -> bytes:
    """`name`: of the session or the entry."""
    members = [{"name": n, "size": sizes[n], "sha256": digests[n]} for n in sizes]
    manifest = {"schema": kind.schema, "format": FORMAT, "session": name, "members": members}
    return json.dumps(manifest, indent=1, sort_keys=True).encode()


def packed(texts: Mapping[str, bytes], paths: Mapping[str, Path]) -> Iterator[bytes]:
    """The bytes of the archive; members carry no time and no owner."""
    total = 0

    def member(name: str, size: int) -> bytes:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        return info.tobuf(tarfile.USTAR_FORMAT)

    def padding(size: int) -> bytes:
        return bytes(-size % tarfile.BLOCKSIZE)

    for name, text in texts.items():
        yield member(name, len(text)) + text + padding(len(text))
        total += len(text)
    for name, path in paths.items():
        with path.open("rb") as opened:
            opened.seek(0, io.SEEK_END)
            size = opened.tell()
            opened.seek(0)
            yield member(name, size)
            while chunk := opened.read(_CHUNK):
                yield chunk
            yield padding(size)
    yield bytes(2 * tarfile.BLOCKSIZE)


class Unpacking:
    """An opened file of a `PackedKind`: its members one after the other, each checked as it is read."""

    def __init__(self, file: Path, kind: PackedKind, archive: tarfile.TarFile, manifest: dict[str, Any]) -> None:
        self.file, self.kind, self.name = file, kind, str(manifest.get("session"))
        self._archive, self._seen = archive, set[str]()
        self._members = _members(file, kind, manifest)

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of every member, by its name, as the manifest says and as they are held to."""
        return {name: size for name, (size, _) in self._members.items()}

    def text(self, name: str) -> str:
        """The next member, which has to be this one."""
        member = self._next()
        if member.name != name:
            raise damaged_export(self.file, f"{name} is not the first member after the manifest")
        if member.size > _LARGEST_MANIFEST:
            raise damaged_export(self.file, f"{name} is far larger than such a file can be")
        return b"".join(self._chunks(member)).decode("utf-8", "replace")

    def rest(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """The other members and their bytes, each of which has to be read before the next is asked for."""
        while len(self._seen) < len(self._members):
            member = self._next()
            yield member.name, self._chunks(member)
        if self._archive.next() is not None:
            raise damaged_export(self.file, "it has more members than its manifest names")

    def _next(self) -> tarfile.TarInfo:
        member = self._archive.next()
        if member is None:
            missing = sorted(self._members.keys() - self._seen)
            raise damaged_export(self.file, f"members are missing: {', '.join(missing[:3])}")
        if member.name not in self._members or member.name in self._seen or not _is_plain_file(member):
            raise damaged_export(self.file, f"it has a member that its manifest does not name: {member.name[:80]!r}")
        if member.size != self._members[member.name][0]:
            raise damaged_export(self.file, f"{member.name} has another size than its manifest says")
        self._seen.add(member.name)
        return member

    def _chunks(self, member: tarfile.TarInfo) -> Iterator[bytes]:
        """The bytes of a member; the last of them come only if all have the digest."""
        digest, content = hashlib.sha256(), _content(self._archive, member)
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
            yield chunk
        if digest.hexdigest() != self._members[member.name][1]:
            raise damaged_export(self.file, f"the bytes of {member.name} are not those that were exported")


@contextmanager
def unpacking(file: Path, kind: PackedKind) -> Iterator[Unpacking]:
    """The file behind its manifest. Everything that a tar can do wrong is DamagedError; besides IncompatibleError,
    NotFoundError, StorageError."""
    try:
        with file.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:") as archive:
            member = archive.next()
            if (
                member is None
                or member.name != MANIFEST
                or not _is_plain_file(member)
                or member.size > _LARGEST_MANIFEST
            ):
                raise damaged_export(file, f"it does not begin with a manifest: it is no {kind.noun}")
            manifest = json.loads(_content(archive, member).read())
            if not isinstance(manifest, dict) or manifest.get("schema") != kind.schema:
                raise damaged_export(file, f"its manifest is not that of an {kind.noun}")
            if manifest.get("format") not in READABLE:
                problem = f"it has format version {manifest.get('format')!r}, and this release knows version {FORMAT}"
                raise IncompatibleError(problem, subject=str(file), hint="Upgrade: pip install --upgrade titans-cli")
            yield Unpacking(file, kind, archive, manifest)
    except FileNotFoundError as error:
        hint = Hint("Give the file that this wrote: ", kind.export)
        raise NotFoundError("there is no such file", subject=str(file), hint=hint) from error
    except (tarfile.TarError, EOFError, ValueError, RecursionError) as error:
        raise damaged_export(file, f"it cannot be read as an {kind.noun} ({error})") from error
    except OSError as error:
        raise StorageError(error.strerror or "it cannot be read", subject=str(file), hint="Check the file") from error


def _members(file: Path, kind: PackedKind, manifest: Mapping[str, Any]) -> dict[str, tuple[int, str]]:
    """Size and sha256 of every member by its name, each of which must be one that the kind has."""
    members: dict[str, tuple[int, str]] = {}
    listed = manifest.get("members")
    for item in listed if isinstance(listed, list) else ():
        name, size, sha256 = (item.get(key) if isinstance(item, dict) else None for key in ("name", "size", "sha256"))
        if not (isinstance(name, str) and kind.member.fullmatch(name) and name not in members):
            raise damaged_export(file, f"its manifest names {str(name)[:80]!r}, which no {kind.noun} has")
        if type(size) is not int or size < 0 or not isinstance(sha256, str):
            raise damaged_export(file, f"its manifest gives {name} no size or no sha256")
        members[name] = (size, sha256)
    if not set(kind.needed) <= members.keys():
        raise damaged_export(file, f"its manifest lacks one of {', '.join(kind.needed)}")
    return members


def _is_plain_file(member: tarfile.TarInfo) -> bool:
    """No link, folder or device; and no sparse file, which a few bytes could make fill the disk."""
    return member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(member)
    assert content is not None  # a plain file
    return content


def damaged_export(path: Path, problem: str) -> DamagedError:
    return damaged_file(path, problem, "Export it again, or use another copy")
