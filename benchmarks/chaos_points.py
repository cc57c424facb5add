"""The moments at which `benchmarks.chaos` strikes: counted inside a child, so that each can be chosen and met again.

line   a line of titans_cli.store or titans_cli.sessions is about to run
call   a call into the file system is about to be made
sql    SQLite has run another few instructions of a statement: inside a transaction, mostly
"""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

KINDS = ("line", "call", "sql")
CALLS = ("write", "fsync", "replace", "rename", "unlink", "rmdir", "mkdir")
FILLING = ("write", "fsync", "mkdir")  # what fails on a full disk
WRITING = ("INSERT", "UPDATE", "DELETE", "COMMIT", "VACUUM")
_EVERY = 50  # SQLite instructions
_WATCHED = (os.path.join("titans_cli", "store"), os.path.join("titans_cli", "sessions"))  # noqa: PTH118


class Countdown:
    """From the `at`-th moment on, `then` is done at each; without `at` they are only counted."""

    def __init__(self, at: int | None, then: Callable[[], None]) -> None:
        self.at, self.then, self.seen = at, then, 0

    def tick(self) -> None:
        self.seen += 1
        if self.at is not None and self.seen >= self.at:
            self.then()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def no_space() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def arm(kind: str, countdown: Countdown) -> None:
    """Have `countdown` tick at every moment of `kind` from here on. There is no way back: only for a child."""
    {"line": _trace_lines, "call": _count_calls, "sql": _count_steps}[kind](countdown)


def _trace_lines(countdown: Countdown) -> None:
    def line(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            countdown.tick()
        return line

    def call(frame: FrameType, event: str, argument: Any) -> Any:
        return line if any(part in frame.f_code.co_filename for part in _WATCHED) else None

    sys.settrace(call)


def _count_calls(countdown: Countdown, names: tuple[str, ...] = CALLS) -> None:
    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def stand_in(*args: Any, **named: Any) -> Any:
            countdown.tick()
            return call(*args, **named)

        return stand_in

    for name in names:
        setattr(os, name, counted(getattr(os, name)))


def _count_steps(countdown: Countdown) -> None:
    connect = sqlite3.connect

    def stand_in(*args: Any, **named: Any) -> sqlite3.Connection:
        db: sqlite3.Connection = connect(*args, **named)
        db.set_progress_handler(countdown.tick, _EVERY)
        return db

    sqlite3.connect = stand_in  # type: ignore[assignment]


def fill_disk(countdown: Countdown) -> None:
    """Make every write from the countdown's end on fail as on a full disk: the process's own, and SQLite's."""
    _count_calls(countdown, FILLING)
    connect = sqlite3.connect

    class Full(sqlite3.Connection):
        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            if sql.startswith(WRITING):
                try:
                    countdown.tick()
                except OSError:
                    error = sqlite3.OperationalError("database or disk is full")
                    error.sqlite_errorcode = sqlite3.SQLITE_FULL
                    raise error from None
            return super().execute(sql, *args)

    def stand_in(*args: Any, **named: Any) -> sqlite3.Connection:
        made: sqlite3.Connection = connect(*args, factory=Full, **named)
        return made

    sqlite3.connect = stand_in  # type: ignore[assignment]
