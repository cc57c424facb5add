"""Archives as folders: each member of `papers.zip` is a source of its own, named `papers.zip/notes.txt`.

Nothing is unpacked to disk. Members are looked at one level deep, and a claim to be huge is refused before it is tried.
"""

from __future__ import annotations

import os
import posixpath
import stat
import time
import zlib
from collections.abc import Sequence
from typing import IO
from zipfile import ZipInfo

from titans_cli.errors import CorruptError, EncryptedError, LimitError, ReadError, UnsupportedFormatError
from titans_cli.readers.limits import Limits
from titans_cli.readers.package import open_zip, unpack
from titans_cli.readers.sniff import UNPACK, kind_of_zip

_MOSTUNPACKED = 4 << 30  # bytes, of all members together
_MOST_RATIO = 300  # unpacked to packed; prose packs to a third, a log perhaps to a fortieth
_HARMLESS = 64 << 20  # bytes; below this a ratio does not matter
_PIECE = 1 << 16
_SOUND = "Test it with unzip -t, or download it again"


def is_plain_zip(path: str) -> bool:
    """Whether this file is a zip archive of files, and not a document that happens to be one. Raises ReadError."""
    try:
        with _open(path) as file:
            return kind_of_zip(file)[0] is None
    except Exception as error:
        raise _translated(error, path) from error


def members(path: str, display: str) -> list[tuple[str, ReadError | None]]:
    """The names of an archive's files in bytewise order, each with what speaks against reading it. Raises ReadError."""
    try:
        with _open(path) as file, open_zip(file) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            size = os.fstat(file.fileno()).st_size
    except Exception as error:
        raise _translated(error, display) from error
    total = sum(info.file_size for info in infos)
    if total > _MOSTUNPACKED or (total > _HARMLESS and total > _MOST_RATIO * size):
        problem = f"it unpacks to {total / (1 << 20):,.0f} MiB, {total // max(1, size):,} times its size"
        raise LimitError(problem, subject=display, hint=UNPACK)
    names = [(info.filename, _objection(info.filename, display)) for info in _last_of_each_name(infos)]
    contents = {info.filename: (info.CRC, info.file_size) for info in infos}
    lost = {info.filename for info in infos if (info.CRC, info.file_size) != contents[info.filename]}
    names += [(name, _namesake(name, display)) for name in lost]
    return sorted(names, key=lambda item: item[0].encode("utf-8", "replace"))


def _last_of_each_name(infos: Sequence[ZipInfo]) -> Sequence[ZipInfo]:
    """A member added later under the same name is the one that an archive is unpacked to."""
    return list({info.filename: info for info in infos}.values())


def _namesake(name: str, display: str) -> ReadError:
    shown = f"{display}/{name[:200].encode('unicode_escape').decode('ascii')}"
    problem = "the archive has another member of this name and other content, and only the last one is read"
    return ReadError(problem, subject=shown, hint=UNPACK)


def _objection(name: str, display: str) -> ReadError | None:
    plain = name.isprintable() and not name.startswith("/") and ".." not in name.split("/") and len(name) <= 1000
    if plain and posixpath.normpath(name) == name:
        return None
    shown = f"{display}/{name[:200].encode('unicode_escape').decode('ascii')}"
    return ReadError("its name is no plain path inside the archive", subject=shown, hint=UNPACK)


def split(uri: str) -> tuple[str, str] | None:
    """(archive, member) of a name such as /papers.zip/notes.txt, if there is such an archive."""
    at = uri.rfind("/")
    while at > 0:
        if os.path.isfile(uri[:at]):  # noqa: PTH113 - a path may hold a NUL
            return uri[:at], uri[at + 1 :]
        at = uri.rfind("/", 0, at)
    return None


def read_member(path: str, name: str, display: str, limits: Limits) -> bytes:
    """The bytes of one member. Raises ReadError."""
    try:
        with _open(path) as file, open_zip(file) as archive:
            info = archive.NameToInfo.get(name)
            if info is None:
                hint = f"See what is in it: unzip -l {path}"
                raise ReadError("the archive has no such member", subject=display, hint=hint)
            if info.file_size > _HARMLESS and info.file_size > _MOST_RATIO * max(1, info.compress_size):
                raise LimitError("it unpacks to several hundred times its size")
            return unpack(archive, info, limits.max_bytes)
    except Exception as error:
        raise _translated(error, display) from error


def gunzip(data: bytes, display: str, limits: Limits) -> bytes:
    """The bytes within a gzip file, all of its members one after another. Raises ReadError."""
    out = bytearray()
    most = min(limits.max_bytes, max(_HARMLESS, _MOST_RATIO * len(data)))
    deadline = time.monotonic() + limits.seconds
    at = 0
    try:
        while data.startswith(b"\x1f\x8b", at):  # what else follows is padding, which gzip passes over too
            stream = zlib.decompressobj(wbits=31)
            while not stream.eof and at < len(data):
                piece = data[at : at + _PIECE]
                out += stream.decompress(piece, most - len(out) + 1)
                if len(out) > most:
                    problem = f"it unpacks to more than {most / (1 << 20):,.0f} MiB"
                    raise LimitError(problem, subject=display, hint=UNPACK)
                at += len(piece) - len(stream.unused_data)
            if time.monotonic() > deadline:
                raise LimitError(f"it took more than {limits.seconds:g} s", subject=display, hint=UNPACK)
            if not stream.eof:
                raise CorruptError("it is damaged: the gzip data is cut off", subject=display, hint="Download it again")
    except zlib.error as error:
        raise CorruptError(f"it is damaged: {error}", subject=display, hint="Download it again") from error
    return bytes(out)


def _open(path: str) -> IO[bytes]:
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ReadError("it is not a regular file", subject=path, hint="Name a file")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _translated(error: Exception, display: str) -> ReadError:
    if isinstance(error, ReadError) and error.subject:
        return error
    if isinstance(error, EncryptedError):
        return EncryptedError(error.what, subject=display, hint="Unpack the archive with its password first")
    if isinstance(error, LimitError | MemoryError):
        problem = error.what if isinstance(error, LimitError) else "it takes too much memory"
        return LimitError(problem, subject=display, hint=UNPACK)
    if isinstance(error, OSError) and error.errno:
        return ReadError(f"it could not be read: {error.strerror}", subject=display, hint="Check the file and its disk")
    if isinstance(error, NotImplementedError):
        return UnsupportedFormatError("it is packed in a way that is not known here", subject=display, hint=UNPACK)
    words = " ".join(str(error).split())[:160]
    return CorruptError(f"the archive is damaged: {words or type(error).__name__}", subject=display, hint=_SOUND)
