"""A running worker: start it, feed it, hear it, watch its memory, kill it.

A new process for every file, started from a fresh interpreter: forking is unsafe beside torch's threads, and
a parser that was led astray by one file must not touch the next.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

OUT_OF_MEMORY = 7  # the worker's exit code; not imported from it: it runs as __main__ in its own process
_GLANCE, _GLANCES = 1.0, 3  # seconds; a silent worker that is out of memory at so many glances in a row is stuck
_LAST_SCRAPS = 2 << 20  # bytes; malloc asks the system for a megabyte at least


class Process:
    """A running worker. Two threads move the bytes, so that nothing a worker does or fails to do blocks us."""

    def __init__(self, job: dict[str, Any], data: bytes) -> None:
        # -P and absolute paths: the worker sees the modules its parent sees, and never one that happens to lie
        # in the folder being read. One thread for any numerical library that might be pulled in.
        path = os.pathsep.join(entry for entry in sys.path if os.path.isabs(entry))  # noqa: PTH117
        environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-P", "-W", "ignore", "-m", "titans_cli.readers.worker"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
        self.lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.ceiling: int | None = None
        header = json.dumps(job).encode("ascii") + b"\n"
        self.longest = 12 * job["max_text_chars"] + 10_000  # a character is at most two escapes of six bytes
        self.threads = [
            threading.Thread(target=self._feed, args=(header, data), daemon=True),
            threading.Thread(target=self._listen, daemon=True),
        ]

    def __enter__(self) -> Process:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for thread in self.threads:
            thread.join()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def receive(self, patience: float) -> dict[str, Any] | None:
        """The next message, or None when the worker is gone.

        Raises TimeoutError when it keeps silent, and MemoryError when it is silent and out of memory: without any
        left, CPython 3.11 was seen spinning for good in the handling of its own MemoryError.
        """
        line = self._next_line(time.monotonic() + patience)
        if line is None or not line.endswith(b"\n"):
            return None
        try:
            message = json.loads(line)
        except ValueError:
            return None  # it is not itself any more
        if isinstance(message, dict) and "ceiling" in message:
            self.ceiling = message["ceiling"]
        return message if isinstance(message, dict) else None

    def _next_line(self, deadline: float) -> bytes | None:
        glances = 0
        while True:
            left = deadline - time.monotonic()
            try:
                return self.lines.get(timeout=min(max(left, 0.0), _GLANCE))
            except queue.Empty:
                glances = glances + 1 if self._is_full() else 0
                if glances == _GLANCES:
                    raise MemoryError from None
                if left <= _GLANCE:
                    raise TimeoutError from None

    def _is_full(self) -> bool:
        """Whether the worker has mapped all the memory that it may."""
        try:
            pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return False  # not Linux, or gone
        return self.ceiling is not None and pages * os.sysconf("SC_PAGE_SIZE") > self.ceiling - _LAST_SCRAPS

    def fate(self) -> str:
        """How a worker that fell silent ended: "memory", "time" (its processor-time limit) or "crash"."""
        try:
            code = self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "crash"
        # Nobody but the system's memory killer kills it before us, and PDFium aborts when it gets no memory.
        if code in (OUT_OF_MEMORY, -_signal("SIGKILL"), -_signal("SIGABRT")):
            return "memory"
        return "time" if code == -_signal("SIGXCPU") else "crash"

    def _feed(self, header: bytes, data: bytes) -> None:
        pipe = self.process.stdin
        assert pipe is not None
        with contextlib.suppress(OSError):  # the worker died; the listener will notice
            pipe.write(header)
            pipe.write(data)
            pipe.flush()  # and stays open: the worker takes the end of its input for the end of its parent

    def _listen(self) -> None:
        for line in self._read_lines():
            self.lines.put(line)
        self.lines.put(None)

    def _read_lines(self) -> Iterator[bytes]:
        pipe = self.process.stdout
        assert pipe is not None
        while line := pipe.readline(self.longest):
            yield line


def _signal(name: str) -> int:
    return int(getattr(signal, name, 0)) or 1 << 16  # a number no process ends with, where there is no such signal
