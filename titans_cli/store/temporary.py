"""What belongs to a process and must not outlive it: throw-away homes, and files half written outside the home.

Each has a folder `temporary/<ULID>` in the home, whose `lock` the process holds for as long as it lives. An
operating-system lock dies with its holder, so a folder whose lock is free was left by a kill; whoever opens the home
next removes it, and with it the file elsewhere that its `outside` names. No age has to be guessed.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from titans_cli.errors import StorageError
from titans_cli.store.files import (
    TEMPORARY,
    atomic_write,
    delete_folder,
    open_plain,
    private_mkdir,
    remove_file,
    storage_error,
    storage_errors,
    sync_folder,
    unique_id,
)
from titans_cli.store.home import Home
from titans_cli.store.locks import LOCK_FILE, exclusive

OUTSIDE = "outside"


@contextmanager
def temporary(home: Home, *, wait: float = 60) -> Iterator[Path]:
    """A private folder for the block, in the home. Raises LockedError after `wait` seconds, StorageError."""
    folder = home.temporary_dir / unique_id()
    with ExitStack() as held:
        with home.lock(wait):  # so that nobody takes it for a dead process's before it is locked
            home.clear()
            private_mkdir(folder)
            held.enter_context(exclusive(folder / LOCK_FILE, 0))
        try:
            yield folder
        finally:
            with suppress(OSError):
                delete_folder(folder)
                sync_folder(home.temporary_dir)


def write_outside(home: Home, path: Path, chunks: Iterable[bytes | memoryview]) -> None:
    """`atomic_write` of a file outside the home: what a kill leaves of it there goes when the home is opened next.

    Where the home takes no writes a kill may leave a `.tmp-` file beside `path`. Raises StorageError.
    """
    unfinished = path.absolute().with_name(f"{TEMPORARY}{path.name}-{secrets.token_hex(6)}")
    if home.root.is_dir() and not os.access(home.root, os.W_OK):
        atomic_write(path, chunks, temporary=unfinished)
        return
    with temporary(home) as folder:
        atomic_write(folder / OUTSIDE, [os.fsencode(unfinished)])
        atomic_write(path, chunks, temporary=unfinished)


def clear_abandoned(home: Home) -> list[Path]:
    """Remove what dead processes left, and say what. For whoever holds the home's lock. Raises StorageError."""
    gone = []
    for folder in home.temporaries():
        with ExitStack() as held:
            try:
                held.enter_context(exclusive(folder / LOCK_FILE, 0))
            except TimeoutError:
                continue  # it lives
            except StorageError:
                if folder.is_dir():
                    raise
                continue  # it has just ended
            with storage_errors(folder):
                if (outside := _outside(folder)) is not None:
                    remove_file(outside)
                    gone.append(outside)
                delete_folder(folder)
            gone.append(folder)
    return gone


def _outside(folder: Path) -> Path | None:
    """The unfinished file that it names; nothing that could be anything else."""
    try:
        with open_plain(folder / OUTSIDE) as file:
            named = Path(os.fsdecode(file.read(65536)))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_error(error, folder / OUTSIDE) from error
    try:
        whole = named.is_absolute() and named.name.startswith(TEMPORARY) and named.is_file() and not named.is_symlink()
    except ValueError:  # a NUL
        whole = False
    return named if whole else None
