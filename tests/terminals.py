"""A command line on a pseudo terminal among hostile text, and what of its output a terminal would obey."""

from __future__ import annotations

import os
import pty
import re
import sys
import threading
import traceback
from collections.abc import Sequence

# A link, a title, a bell, a colour, a C1 control, an override, a backspace, a delete, a return, an isolate, a line.
EVIL = "\x1b]8;;evil:\x07E\x1b]8;;\x07\x1b]0;T\x07\x1b[5;35mV\x9b7mI\u202eL\x08\x7f\r\u2066\u2028!"
OWN = re.compile(
    r"\r\n|\n|\t|\x1b\[(?:0|1|2|3|4|3[0-7]|9[0-7]|38;5;\d+)(?:;\d+)*m|\x1b\[\d*[A-DK]|\x1b\[\?25[lh]|\x1b\[2K|\r(?=(?:\x1b\[1A)?\x1b\[2K)"
)
RAW = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]")
THEIRS = re.compile("\x1b\\[5;35m")  # would pass for a colour of ours


def on_a_terminal(argv: Sequence[str]) -> tuple[int | str, str]:
    """The exit code (or the traceback) of a command line of this process on a pseudo terminal, and what came out."""
    from titans_cli.cli.main import run

    master, slave = pty.openpty()
    heard = bytearray()

    def listen() -> None:
        while True:
            try:
                piece = os.read(master, 1 << 16)
            except OSError:
                return
            if not piece:
                return
            heard.extend(piece)

    listener = threading.Thread(target=listen)
    listener.start()
    if argv[0] == "chat":
        os.write(master, b"What about gulls?\n/sources\n/open 1\n/quit\n")
    before = sys.stdin, sys.stdout, sys.stderr
    streams = [os.fdopen(os.dup(slave), mode, encoding="utf-8", errors="backslashreplace") for mode in ("r", "w", "w")]
    sys.stdin, sys.stdout, sys.stderr = streams
    code: int | str
    try:
        code = run(list(argv))
    except SystemExit as left:
        code = left.code or 0
    except BaseException:  # noqa: BLE001 - told by whoever asked
        code = traceback.format_exc()
    finally:
        sys.stdin, sys.stdout, sys.stderr = before
        for stream in streams:
            stream.close()
        os.close(slave)
        listener.join()
        os.close(master)
    return code, heard.decode("utf-8", "replace")


def raw_in(text: str) -> list[str]:
    """The characters of `text` that a terminal would obey, but for this program's own."""
    return [repr(m[0]) for m in THEIRS.finditer(text)] + [repr(c) for c in RAW.findall(OWN.sub("", text))]
