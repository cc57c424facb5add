"""The forms every result is made of: lines, tables, JSON documents, bold and dim, sizes and durations.

It decides what goes to stdout (data) and what to stderr (the rest), and that all of it goes through `terminal`, which
makes foreign text printable. It knows no record: how one is laid out is decided in the file of its noun.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, is_dataclass
from typing import TYPE_CHECKING, Any

from titans_cli.cli import appearance, terminal
from titans_cli.cli.terminal import on_one_line
from titans_cli.steps import in_json

if TYPE_CHECKING:
    from titans_cli.records import EntryInfo, SessionInfo
    from titans_cli.sessions.lifecycle import DamagedEntry

_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Output:
    """What the command line asks of it: one JSON document for a program, or only the result."""

    json: bool = False
    quiet: bool = False


def out(text: str = "") -> None:
    terminal.write(sys.stdout, text + "\n")


def line(text: str) -> None:
    """The same on one line, whatever a name in it holds."""
    terminal.write(sys.stdout, text, line=True)


def note(text: str) -> None:
    """A line on stderr."""
    terminal.write(sys.stderr, text, line=True)
    sys.stderr.flush()


def document(schema: str, value: Any) -> None:
    """One JSON document on one line, flushed: also a line of a newline-delimited stream."""
    body = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    out(
        terminal.in_json(
            json.dumps({"schema": f"titans.{schema}/1", **body}, ensure_ascii=not unicode, default=in_json)
        )
    )
    sys.stdout.flush()


def table(rows: Sequence[Sequence[str]]) -> None:
    """Columns padded to their widest cell; the last one runs free."""
    shown = [[on_one_line(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in shown) for i in range(len(rows[0]))]
    for row in shown:
        out("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip())


def named(schema: str, info: SessionInfo | EntryInfo | DamagedEntry, sentence: str, output: Output) -> None:
    """What a command made or chose: JSON, the bare name, or a sentence."""
    if output.json:
        document(schema, info)
    elif output.quiet:
        line(info.name)
    else:
        line(sentence)


def bars(shares: Sequence[float | None]) -> str:
    """A character for each share from 0 to 1, a blank for None; nothing at all where none can or may be drawn."""
    if not appearance.drawings():
        return ""
    return "".join(" " if s is None else _BARS[round(s * (len(_BARS) - 1))] for s in shares)


def bold(text: str) -> str:
    return terminal.styled(text, 1) if appearance.color_wanted() else text


def dim(text: str) -> str:
    return terminal.styled(text, 2) if appearance.color_wanted() else text


def verbose(text: str) -> None:
    if appearance.current().verbose:
        note(text)


def shortened(text: str, most: int) -> str:
    """`text`, or its first characters and dots: `most` characters in all."""
    return text if len(text) <= most else f"{text[: most - 3].rstrip()}..."


def human_bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError


def human_time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"
