"""Files and folders that survive a power cut: written whole or not at all, private, and removed for good.

An atomic write is temp file, write, fsync, rename, fsync of the folder; each step is there because leaving it out
loses data on some file system. Removal renames to a tombstone first, so that a half-done removal is never mistaken
for the real thing. Every OSError leaves here as a StorageError that says what to do next.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from titans_cli.errors import StorageError
from titans_cli.steps import AGAIN, Hint

TEMPORARY = ".tmp-"  # a file that is being written
UNFINISHED = ".new-"  # a folder that is being built
TOMBSTONE = ".gone-"  # a file or folder that is being removed

FILE_MODE = 0o600
FOLDER_MODE = 0o700
_CHUNK = 1 << 20

_CONTINUE = Hint(", then ", AGAIN, ": it continues from the last commit")
_HINTS: dict[int, tuple[str, Hint | str]] = {
    errno.ENOSPC: ("the disk is full", Hint("Free some space", _CONTINUE)),
    errno.EDQUOT: ("the disk quota is used up", Hint("Free some space", _CONTINUE)),
    errno.EACCES: ("permission denied", Hint("Make it readable and writable for you", _CONTINUE)),
    errno.EPERM: ("permission denied", Hint("Make it readable and writable for you", _CONTINUE)),
    errno.EROFS: ("the file system is read-only", "Remount it, or set TITANS_HOME to a folder that can be written"),
    errno.ENOENT: ("there is no such file or folder", "Check the name, or make the folder"),
    errno.ENOTDIR: ("a part of its path is no folder", "Check the name, or choose another folder"),
    errno.EIO: ("the disk reported an error", Hint("Check the disk", _CONTINUE)),
    errno.EMFILE: ("too many open files", Hint("Raise the limit (ulimit -n)", _CONTINUE)),
}


def storage_error(error: OSError, subject: Path | str) -> StorageError:
    """The StorageError that tells a person what `error` means for `subject`."""
    usual: Hint | str = "Check the disk and the folder, then retry"
    problem, hint = _HINTS.get(error.errno or 0, (error.strerror or str(error) or "the file system refused", usual))
    return StorageError(problem, subject=str(subject), hint=hint)


@contextmanager
def storage_errors(subject: Path | str) -> Iterator[None]:
    """Translate every OSError of the block to a StorageError about `subject`."""
    try:
        yield
    except OSError as error:
        raise storage_error(error, subject) from error


def is_read_only(path: Path) -> bool:
    """Whether the file system that `path` lies on takes no writes from anybody."""
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except (OSError, AttributeError):  # not on Windows
        return False


def unique_id() -> str:
    """A new ULID. Imported late: listing sessions needs none."""
    from ulid import ULID

    return str(ULID())


def private_mkdir(path: Path) -> None:
    """Make `path` and its missing parents, readable by their owner only. What exists is left as it is."""
    with storage_errors(path):
        for folder in [*reversed(path.parents), path]:
            if not folder.is_dir():
                with suppress(FileExistsError):  # another process was faster
                    folder.mkdir(FOLDER_MODE)
                    folder.chmod(FOLDER_MODE)  # whatever the umask says
                    sync_folder(folder.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable. Raises OSError: callers translate it with the subject they know."""
    if os.name == "nt":  # pragma: no cover - folders cannot be opened there, and renames are journaled
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make the bytes of a file that something else wrote (SQLite, say) durable."""
    with storage_errors(path):
        descriptor = os.open(path, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def create_private(path: Path, mode: int = FILE_MODE) -> int:
    """Open a file that must not exist yet, for writing. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), mode)
    with suppress(AttributeError):
        os.fchmod(descriptor, mode)  # whatever the umask says; not on Windows
    return descriptor


def atomic_write(
    path: Path, chunks: Iterable[bytes | memoryview], *, mode: int = FILE_MODE, temporary: Path | None = None
) -> None:
    """Write `path` durably, or leave what was there. Raises StorageError.

    The temporary file lies in the same folder (a rename cannot cross file systems); a kill leaves it behind, and
    `remove_temporaries` clears it. `temporary`: its name, for a folder that nobody sweeps (`temporary.write_outside`).
    """
    temporary = temporary or path.with_name(f"{TEMPORARY}{path.name}-{os.urandom(6).hex()}")
    try:
        descriptor = create_private(temporary, mode)
        try:
            for chunk in chunks:
                write_all(descriptor, chunk)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)  # noqa: PTH105 - os.* throughout: the crash tests count these calls
        sync_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108
        if isinstance(error, OSError):
            raise storage_error(error, path) from error
        raise


def write_all(descriptor: int, chunk: bytes | memoryview) -> None:
    """os.write may write less than it was given. Raises OSError."""
    rest = memoryview(chunk).cast("B") if len(chunk) else memoryview(b"")
    while len(rest):
        rest = rest[os.write(descriptor, rest) :]


class NotAFileError(OSError):
    """A folder, pipe or device stands where a file should be."""


def open_plain(path: Path) -> BinaryIO:
    """Open a regular file for reading: nothing that blocks or has no end. Raises OSError, NotAFileError."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotAFileError(errno.EINVAL, "it is not a regular file")
    return os.fdopen(descriptor, "rb")


def read_chunks(path: Path) -> Iterator[bytes]:
    """The bytes of a file, a megabyte at a time. Raises OSError."""
    with open_plain(path) as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file's bytes. Raises StorageError."""
    digest = hashlib.sha256()
    with storage_errors(path):
        for chunk in read_chunks(path):
            digest.update(chunk)
    return digest.hexdigest()


def copy_durably(source: Path, target: Path, *, mode: int = FILE_MODE) -> str:
    """Copy a file; return the sha256 of what was copied. Raises StorageError."""
    digest = hashlib.sha256()

    def copied() -> Iterator[bytes]:
        for chunk in read_chunks(source):
            digest.update(chunk)
            yield chunk

    atomic_write(target, copied(), mode=mode)
    return digest.hexdigest()


def remove_temporaries(folder: Path) -> None:
    """Remove what killed writers left in a folder. Only for whoever holds the lock that covers the folder."""
    with storage_errors(folder):
        for name in os.listdir(folder):  # noqa: PTH208
            if name.startswith(TEMPORARY):
                remove_file(folder / name)


def remove_file(path: Path) -> None:
    """Unlink, content with its being gone already. Raises OSError."""
    with suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108


def rename_new(source: Path, target: Path) -> bool:
    """Move a finished folder to its name and make that durable; False when the name is taken. Raises StorageError.

    A rename replaces an *empty* folder silently and refuses a full one; ours are never empty.
    """
    with storage_errors(target):
        if os.path.lexists(target):
            return False
        try:
            os.rename(source, target)  # noqa: PTH104
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                return False
            raise
        sync_folder(target.parent)
    return True


def remove_tree(path: Path) -> None:
    """Remove a folder and all in it, so that a kill leaves either all of it or a tombstone. Raises StorageError.

    The bytes are unlinked, not overwritten: on journaling and copy-on-write file systems overwriting promises nothing.
    """
    tombstone = path.with_name(f"{TOMBSTONE}{unique_id()}")
    with storage_errors(path):
        os.rename(path, tombstone)  # noqa: PTH104
        sync_folder(tombstone.parent)
        delete_folder(tombstone)
        sync_folder(tombstone.parent)


def delete_folder(path: Path) -> None:
    """Delete a folder that is already marked as going away. Raises OSError.

    SQLite readers may still add their side files while we delete; so a folder found not empty is tried again.
    """
    with suppress(FileNotFoundError):
        if not stat.S_ISDIR(path.lstat().st_mode):  # rmtree would open a pipe, and wait
            path.unlink()
    for _ in range(8):
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        if not os.path.lexists(path):
            return
    shutil.rmtree(path)


def leftovers(folder: Path) -> list[Path]:
    """Folders that a kill left half built or half removed. A folder that does not exist has none."""
    try:
        return sorted(p for p in folder.iterdir() if p.name.startswith((UNFINISHED, TOMBSTONE)))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise storage_error(error, folder) from error


def clear_leftovers(folder: Path) -> list[Path]:
    """Finish what a kill interrupted, and say what. Only under the lock that covers building and removing here."""
    paths = leftovers(folder)
    for path in paths:
        with storage_errors(path):
            delete_folder(path)
    return paths
