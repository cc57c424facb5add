"""What a copy of a session takes on the disk, told before any of it is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from titans_cli.store.episodes import Episodes
from titans_cli.store.files import storage_errors

# Is told how many bytes a copy takes at its peak, and raises for too many.
Admit = Callable[[int], None]
# Beside the copied database: its log while it becomes a session's, its index and lock, the folder's small files.
# benchmarks/chaos_room.py compares what is foretold with what was taken.
LOG_SHARE, LOG_LEAST = 0.25, 256 << 10


def anything(size: int) -> None:
    """An `Admit` without a bound."""


def copied_size(episodes: Episodes) -> int:
    """Bytes of a session's cells and database, with what the copying of the database takes for a moment."""
    return with_log(episodes.size()) + sum(cell.size for cell in episodes.snapshots())


def with_log(database: int) -> int:
    """Bytes of a database of so many that is made a session's."""
    return database + int(LOG_SHARE * database) + LOG_LEAST


def file_size(path: Path) -> int:
    """Bytes of a file; 0 if there is none. Raises StorageError."""
    with storage_errors(path):
        return path.stat().st_size if path.exists() else 0
