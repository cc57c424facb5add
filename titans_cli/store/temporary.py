"""What belongs to a process and must not outlive it: throw-away homes, and files half written outside the home.

Each has a folder `temporary/<ULID>` in the home, whose `lock` the process holds for as long as it lives. An
operating-system lock dies with its holder, so a folder whose lock is free was left by a kill; whoever opens the home
next removes it, and with it the file elsewhere that its `outside` names. No age has to be guessed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from titans_cli.errors import UsageError
from titans_cli.steps import Hint, Option
from titans_cli.store.abandoned import OUTSIDE
from titans_cli.store.files import (
    TEMPORARY,
    atomic_write,
    delete_folder,
    private_mkdir,
    sync_folder,
    unique_id,
)
from titans_cli.store.home import Home
from titans_cli.store.locks import LOCK_FILE, exclusive


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


def require_new(path: Path, *, replace_file: bool) -> None:
    """Raise UsageError for a file that somebody has already, unless it is to be replaced."""
    if path.exists() and not replace_file:
        hint = Hint("Choose another name, or add ", Option("yes"), " to replace it")
        raise UsageError("the file exists", subject=str(path), hint=hint)


def write_outside(home: Home, path: Path, chunks: Iterable[bytes | memoryview]) -> None:
    """`atomic_write` of a file outside the home: what a kill leaves of it there goes when the home is opened next.

    Where the home takes no writes a kill may leave a `.tmp-` file beside `path`. Raises StorageError.
    """
    unfinished = path.absolute().with_name(f"{TEMPORARY}{path.name}-{os.urandom(6).hex()}")
    if home.root.is_dir() and not os.access(home.root, os.W_OK):
        atomic_write(path, chunks, temporary=unfinished)
        return
    with temporary(home) as folder:
        atomic_write(folder / OUTSIDE, [os.fsencode(unfinished)])
        atomic_write(path, chunks, temporary=unfinished)
