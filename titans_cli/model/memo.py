"""Small files that remember what is slow to find out. Losing one costs time, and never more."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

# A file written twice within one tick of its file system's clock keeps its time. Two seconds: FAT's tick, the longest.
TICK = 2_000_000_000  # ns


def recalled(path: Path) -> dict[str, Any]:
    """What was remembered; nothing, where that is no JSON or cannot be read."""
    with suppress(OSError, ValueError, RecursionError):
        values = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(values, dict):
            return values
    return {}


def remember(path: Path, values: dict[str, Any]) -> None:
    """Whole or not at all. A folder that cannot be written remembers nothing, nor does a home that is not there yet:
    looking at a machine must leave none behind."""
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    with suppress(OSError):
        path.parent.mkdir(0o700, exist_ok=True)
        with os.fdopen(os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(values, file)
        temporary.replace(path)


def stamp(status: os.stat_result) -> list[int]:
    """What changes whenever a file's bytes do: its size, its times and its number. The time of its last change of any
    kind cannot be set by hand, as that of its bytes can."""
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def settled(status: os.stat_result) -> bool:
    """Whether a later change of the file is sure to change its `stamp`."""
    return time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > TICK
