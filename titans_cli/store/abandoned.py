"""Removing what processes that were killed left in a home: `temporary.py` says what there is to remove."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from titans_cli.errors import StorageError
from titans_cli.store.files import TEMPORARY, delete_folder, open_plain, remove_file, storage_error, storage_errors
from titans_cli.store.locks import LOCK_FILE, exclusive

OUTSIDE = "outside"  # the file of a process's folder that names its unfinished file elsewhere


def clear_abandoned(folders: Iterable[Path]) -> list[Path]:
    """Of `folders`, each a process's, remove those that dead ones left, and say what went.

    For whoever holds the home's lock. Raises StorageError.
    """
    gone = []
    for folder in folders:
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
