"""Files of a session that follow from what it has committed, and that readers make without the writer's lock.

Nothing is lost with one, so it may be missing, stale or damaged at any time, and is made again. What must never happen
is that one is put into the session after something was forgotten that it was made from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from titans_cli.store.episodes import Episodes
from titans_cli.store.files import FOLDER_MODE, atomic_write, storage_errors
from titans_cli.store.home import Home
from titans_cli.store.temporary import temporary


def put(
    database: Path, path: Path, chunks: Iterable[bytes | memoryview], still_true: Callable[[Episodes], bool]
) -> None:
    """Put a file in its place at `path` in a session if it is `still_true` of it, and while nobody can forget anything
    or discard the session.

    Until then it belongs to this process: a kill leaves it to whoever opens the home next, and not in the session.
    Waits for nobody. Raises LockedError, StorageError, DamagedError.
    """
    home = Home(database.parent.parent.parent)
    with temporary(home, wait=0) as own:
        written = own / path.name
        atomic_write(written, chunks)
        with home.lock(0), Episodes.open(database, readonly=False) as episodes, episodes.unchanging():
            if not still_true(episodes):
                return
            with storage_errors(path):
                if path.parent != database.parent:
                    with suppress(FileExistsError):
                        path.parent.mkdir(FOLDER_MODE)  # and nothing above it: a discarded session does not come back
                written.replace(path)
