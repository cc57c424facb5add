"""Serving over standard input and output."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress

import anyio

from titans_cli.server.tools import TitansServer

PIECE = 65536


class Stdio:
    """Ends when its input does, or when `end` is called. Nothing but the protocol goes to standard output: what else
    writes there meanwhile writes to standard error (the SDK sees to that)."""

    def __init__(self, server: TitansServer) -> None:
        self.server = server
        self._nowhere = os.open(os.devnull, os.O_WRONLY)
        self._write_end = -1

    def run(self) -> None:
        """The SDK waits for input in a thread that nothing can wake up. So its input is a pipe of ours: a thread that
        may be left behind fills it from the real one, and its end is the server's."""
        real = os.dup(sys.stdin.fileno())
        read_end, self._write_end = os.pipe()
        os.dup2(read_end, sys.stdin.fileno())
        os.close(read_end)
        threading.Thread(target=self._fill, args=(real,), daemon=True).start()
        anyio.run(self.server.run_stdio_async)

    def end(self) -> None:
        """May be called by a signal's handler."""
        self.server.keeper.stop()
        if self._write_end >= 0:
            os.dup2(self._nowhere, self._write_end)  # as closing it, but its number cannot become another file's

    def _fill(self, real: int) -> None:
        with suppress(OSError):  # nobody reads any more
            while piece := os.read(real, PIECE):
                while piece:
                    piece = piece[os.write(self._write_end, piece) :]
        self.end()
