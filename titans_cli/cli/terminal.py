"""The one way out to a terminal or a log: text made printable, and our own styles.

File names, notes, documents, questions, what endpoints say: all of it is foreign, and some of it holds characters that
a terminal obeys instead of showing (C0 and C1 controls, of which ESC begins colours, titles and links; DEL) or that
show text in another order than it has (Unicode's Bidi_Control characters, CVE-2021-42574). They are shown as escapes:
`\\x1b`, `\\u202e`. Lines and tabs stay; of what has to be one line, they are escaped too (`on_one_line`).

Styles are put in as marks that no text can hold by chance, since they carry a number drawn anew by every process, and
become colours when they are written. So nothing that comes from outside is ever taken for a style of ours.

While a command line runs, `guarded` puts a stream of this kind in the place of stdout and stderr: whatever a library
writes there (a warning, a traceback, the prompt of a question) takes the same way.
"""

from __future__ import annotations

import errno
import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from titans_cli.errors import OutputError

_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # the property Bidi_Control
_UNPRINTABLE = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029{_BIDI}]")
_BREAKS = re.compile(r"[\t\n]")
_NONCE = os.urandom(8).hex()
_MARK = re.compile(rf"\x0e{_NONCE}:([012])")
_UP = "\x1b[A"  # with a leading "\r" all that a library's progress bar needs


def printable(text: str) -> str:
    """`text` without a character that a terminal obeys; lines and tabs stay."""
    return _UNPRINTABLE.sub(lambda m: _escape(m[0]), text)


def on_one_line(text: str) -> str:
    """The same with lines and tabs escaped: a name cannot pretend to be a line of ours."""
    return _BREAKS.sub(lambda m: {"\n": "\\n", "\t": "\\t"}[m[0]], printable(text))


def in_json(text: str) -> str:
    """A JSON text, of which strings alone can hold such characters, with these as JSON's own escapes."""
    return _UNPRINTABLE.sub(lambda m: f"\\u{ord(m[0]):04x}", text)


def styled(text: str, code: int) -> str:
    """`text` in bold (1) or dim (2), once it is written."""
    return f"\x0e{_NONCE}:{code}{text}\x0e{_NONCE}:0"


def write(stream: TextIO, text: str, *, line: bool = False) -> None:
    """Write text that may be foreign, and our own styles; with `line` as one line, which this ends."""
    shown = on_one_line if line else printable
    parts = _MARK.split(text)  # text, code, text, code, ... text
    whole = "".join(f"\x1b[{part}m" if n % 2 else shown(part) for n, part in enumerate(parts))
    with _output():
        beneath(stream).write(whole + "\n" if line else whole)


class Printable:
    """A text stream that writes nothing but printable text. `raw`: the one beneath, for what moves a cursor itself."""

    def __init__(self, raw: TextIO) -> None:
        self.raw = raw

    def write(self, text: str) -> int:
        if text == _UP or (text.startswith("\r") and "\r" not in text[1:]):
            self.raw.write(text if text == _UP else f"\r{printable(text[1:])}")
        else:
            write(self.raw, text)
        return len(text)

    def flush(self) -> None:
        with _output():
            self.raw.flush()

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)


@contextmanager
def _output() -> Iterator[None]:
    """A device that is full or closed is an OutputError; a reader that has gone stays a BrokenPipeError."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        hint = "What was committed stays; give the output another place"
        raise OutputError(f"the output cannot be written ({error.strerror or error})", hint=hint) from error


class ClosedOutput(io.TextIOBase):
    """In the place of a standard output that was closed (`>&-`): what would be told there is not lost unnoticed."""

    def write(self, text: str, /) -> int:
        if text:
            raise OSError(errno.EBADF, "it is closed")
        return 0


@contextmanager
def guarded() -> Iterator[None]:
    """stdout and stderr write printable text alone while this lasts."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, s if isinstance(s, Printable) else Printable(s)) for s in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def beneath(stream: TextIO) -> TextIO:
    """The stream itself: for a library that draws, and is given printable text alone."""
    return stream.raw if isinstance(stream, Printable) else stream


def _escape(character: str) -> str:
    code = ord(character)
    return {"\r": "\\r", "\0": "\\0"}.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
