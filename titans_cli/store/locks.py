"""One writer per session, across processes: an operating-system lock, and a note that says who holds it.

The lock is on an open file, so it dies with its process: a kill -9 leaves nothing stale and there is no guessing by
age. The note (`lock.json`: host, pid, since, command) is only for the message; whoever gets the lock overwrites it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from titans_cli.errors import LockedError, StorageError
from titans_cli.steps import Hint, Option
from titans_cli.store.files import atomic_write, open_plain, storage_errors
from titans_cli.store.names import shown

LOCK_FILE = "lock"
LOCK_NOTE = "lock.json"


def utc_now() -> str:
    """The time as it is stored everywhere: ISO 8601, UTC, whole seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


@contextmanager
def exclusive(path: Path, timeout: float) -> Iterator[None]:
    """Hold an OS lock on `path` for the block. Raises TimeoutError after `timeout` seconds, StorageError."""
    import filelock  # late: most commands lock nothing

    lock = filelock.FileLock(path, mode=0o600, thread_local=False)
    with storage_errors(path):
        os.stat(path.parent)  # noqa: PTH116 - filelock would make a folder that is gone
        try:
            lock.acquire(timeout=timeout, poll_interval=0.05)
            taken = True
        except filelock.Timeout:  # an OSError, but not a fault of the disk
            taken = False
    if not taken:
        raise TimeoutError(str(path))
    try:
        yield
    finally:
        lock.release()


class WriterLock:
    """The writer's lock of one session folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.note = folder / LOCK_NOTE

    @contextmanager
    def acquire(self, timeout: float = 0, command: str = "") -> Iterator[None]:
        """Hold the lock for the block, waiting up to `timeout` seconds for it.

        Raises LockedError naming the holder; StorageError when the lock file cannot be made (or the folder is gone).
        """
        import socket  # late, as filelock below

        with self._held(timeout):
            mine = json.dumps(
                {"host": socket.gethostname(), "pid": os.getpid(), "since": utc_now(), "command": command}
            ).encode()
            with suppress(StorageError):  # a full disk must not keep anyone from discarding; the lock itself holds
                atomic_write(self.note, [mine])
            try:
                yield
            finally:
                with suppress(OSError):  # the session may just have been discarded, its folder with it
                    if self._noted() == mine:
                        self.note.unlink()

    @contextmanager
    def _held(self, timeout: float) -> Iterator[None]:
        got = False
        try:
            with exclusive(self.folder / LOCK_FILE, timeout):
                got = True
                yield
        except TimeoutError as error:
            if got:  # raised by the block, not by waiting
                raise
            raise LockedError(
                f"another writer holds it ({self.holder()})",
                subject=shown(self.folder.name),
                hint=Hint(
                    "Wait for it, add ",
                    Option("retry_lock", "5m"),
                    " to wait up to five minutes, or use another session",
                ),
            ) from error

    def _noted(self) -> bytes:
        with open_plain(self.note) as file:
            return file.read(65536)

    def holder(self) -> str:
        """Who holds the lock, in words, from the note. A note that is missing or torn only makes the words vaguer."""
        try:
            note = json.loads(self._noted())
            words = f"held by pid {int(note['pid'])} on {note['host']} since {note['since']}"
            return f"{words}: {note['command']}" if note.get("command") else words
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return "held by a process that has not said who it is yet"
