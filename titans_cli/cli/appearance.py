"""How things are shown in this run: what the options that every command has were set to.

One process has one terminal, so this is a value of the process and not an argument of a hundred functions. `main.run`
begins every command line with a fresh one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TextIO


@dataclass(slots=True)
class Appearance:
    """None: not said on the command line; the settings decide."""

    color: str | None = None  # auto, always, never
    plain: bool | None = None
    verbose: bool = False
    asking_help: bool = False  # then settings that make no sense are no reason to fail
    applied: list[str] = field(default_factory=list)  # the settings that are not at their default, in words


_current = Appearance()


def current() -> Appearance:
    return _current


def begin(argv: Sequence[str] = ()) -> None:
    """Forget what was set by a command line before this one in the same process."""
    global _current
    _current = Appearance(asking_help=bool({"-h", "--help"} & set(argv)))


def dumb() -> bool:
    return os.environ.get("TERM") == "dumb"


def color_wanted(stream: TextIO | None = None) -> bool:
    """Whether to write colour to `stream` (stdout). What is said by `--color` is stronger than NO_COLOR."""
    if _current.plain or _current.color == "never":
        return False
    if _current.color == "always":
        return True
    return (stream or sys.stdout).isatty() and not os.environ.get("NO_COLOR") and not dumb()


def lively() -> bool:
    """Whether something on stderr may move."""
    return not _current.plain and sys.stderr.isatty() and not dumb()


def drawings() -> bool:
    """Whether bars and other drawings made of characters can and may be shown on stdout."""
    return not _current.plain and "utf" in (sys.stdout.encoding or "").lower()
