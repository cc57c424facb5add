"""What happens when a session's database is about to run a statement: a process dies there, a disk is full."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any


def meeting(before: Callable[[str], object]) -> Callable[..., sqlite3.Connection]:
    """`sqlite3.connect`, whose connections tell `before` of each statement that they are about to run."""

    class Told(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            before(sql)
            return super().execute(sql, *values)

    return partial(sqlite3.connect, factory=Told)


def statements_meet(before: Callable[[str], object]) -> None:
    """For the rest of this process, which has to be one that ends: a child of a test."""
    sqlite3.connect = meeting(before)  # type: ignore[assignment]
