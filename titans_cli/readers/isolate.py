"""The parent's side of the worker: start it, feed it, watch the clock, kill it, and go on after a bad page.

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
from typing import Any

from titans_cli.errors import CorruptError, EncryptedError, LimitError, NoTextError, ReadError
from titans_cli.readers.clean import clean_pages, mend_characters, tidy_prose
from titans_cli.readers.encoding import declared_charset, decode
from titans_cli.readers.limits import Limits
from titans_cli.readers.parsed import Parsed
from titans_cli.readers.title import title_of_page
from titans_cli.records import Page

OUT_OF_MEMORY = 7  # the worker's exit code; not imported from it: it runs as __main__ in its own process
_STARTUP_SECONDS = 60.0  # for the interpreter and its imports: a busy machine's fault, not the file's
_MANY_ODDITIES = 10  # most PDFs have a few, and nobody can act on them
_MAX_WARNINGS = 20  # named one by one


def parse_html(data: bytes, display: str, limits: Limits) -> Parsed:
    text, warnings = decode(data, display, declared=declared_charset(data))
    if len(text) > limits.max_text_chars:
        raise _text_limit(display, limits)
    reading = Reading("html", text.encode("utf-8", "replace"), display, limits)
    reading.run()
    clean = tidy_prose(mend_characters("".join(reading.texts.values())))
    if not clean:
        raise reading.no_text()
    title = mend_characters(reading.title).strip() if reading.title else None
    return Parsed(title or None, (Page(1, clean),), (*warnings, *reading.warnings()))


def parse_pdf(data: bytes, display: str, limits: Limits) -> Parsed:
    reading = Reading("pdf", data, display, limits)
    reading.run()
    numbers = sorted(reading.texts)
    raw = [reading.texts[number] for number in numbers]
    pages = tuple(Page(number, text) for number, text in zip(numbers, clean_pages(raw), strict=True))
    if not any(page.text for page in pages):
        raise reading.no_text()
    title = " ".join(mend_characters(reading.title).split()) if reading.title else None
    return Parsed(title or title_of_page(raw[0]), pages, reading.warnings())


class Reading:
    """One file going through as many workers as it takes. `texts` and `bad` grow page by page."""

    def __init__(self, kind: str, data: bytes, display: str, limits: Limits) -> None:
        self.kind = kind
        self.data = data
        self.display = display
        self.limits = limits
        self.deadline = time.monotonic() + limits.seconds
        self.count: int | None = None
        self.title: str | None = None
        self.texts: dict[int, str] = {}
        self.bad: dict[int, tuple[str, str]] = {}  # page: what happened, kind
        self.characters = 0
        self.odd = 0
        self.images = False
        self.finished = False
        self.cut_off_at: int | None = None  # the first page there was no time for

    def run(self) -> None:
        """Read every page; after a worker died or was killed over a page, another goes on with the next page."""
        while not self.finished:
            page = self.next_page()
            if self.count is not None and page > self.count:
                return
            if time.monotonic() >= self.deadline:
                self.cut_off_at = page
                return
            try:
                worker = _Process(self.job(page), self.data)
            except OSError as error:
                raise self.no_worker(f"its parser could not be started: {error.strerror}") from error
            with worker as process:
                outcome = self.listen(process)
            if outcome is not None:
                self.blame(outcome)

    def next_page(self) -> int:
        return max((*self.texts, *self.bad), default=0) + 1

    def job(self, first: int) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "first": first,
            "size": len(self.data),
            "memory_bytes": self.limits.memory_bytes,
            "seconds": self.limits.seconds,
            "max_text_chars": self.limits.max_text_chars,
        }

    def listen(self, process: _Process) -> str | None:
        """Take what the worker says. None when it told all it had to; else how it failed: "time", "memory", "crash"."""
        try:
            message = process.receive(_STARTUP_SECONDS)
        except TimeoutError:
            raise self.no_worker("its parser did not start in time") from None
        if message is None or "started" not in message:
            if message is not None and "error" in message:
                self.take(message)
            return process.fate()
        while True:
            patience = self.deadline - time.monotonic()
            if self.kind != "html":
                patience = min(self.limits.seconds_per_page, patience)
            try:
                message = process.receive(max(patience, 0.0))
            except TimeoutError:
                return "time"
            if message is None:
                return process.fate()
            if self.take(message):
                return None

    def take(self, message: dict[str, Any]) -> bool:
        """Note one message; True when the worker has nothing more to say."""
        if "error" in message:
            raise self.error(str(message["error"]), str(message.get("kind")))
        if "end" in message:
            self.odd += int(message["odd"])
            self.images = self.images or bool(message["images"])
            self.finished = True
        elif "pages" in message:
            self.count = int(message["pages"])
            self.title = self.title or message["title"]
        elif "failed" in message:
            self.bad[int(message["page"])] = (str(message["failed"]), str(message["kind"]))
            return bool(message["kind"] == "memory")
        else:
            text = str(message["text"])
            self.characters += len(text)
            if self.characters > self.limits.max_text_chars:
                raise _text_limit(self.display, self.limits)
            self.texts[int(message["page"])] = text
        return self.finished

    def blame(self, outcome: str) -> None:
        """The worker was lost over the next page, or while it was opening the file."""
        if outcome == "time" and time.monotonic() >= self.deadline:
            if self.count is None or self.kind == "html":
                raise self.error(f"it took more than {self.limits.seconds:g} s", "time")
            self.cut_off_at = self.next_page()
            self.finished = True
            return
        if outcome == "time":
            doing = "opening it" if self.count is None else "it"
            what = f"{doing} took more than {self.limits.seconds_per_page:g} s"
        else:
            what = "it takes too much memory" if outcome == "memory" else "its parser crashed"
        if self.count is None:
            raise self.error(what, outcome)
        self.bad[self.next_page()] = (what, outcome)

    def error(self, what: str, kind: str) -> ReadError:
        if kind == "encrypted":
            hint = "Decrypt it first, e.g. qpdf --decrypt in.pdf out.pdf"
            return EncryptedError("it is encrypted and needs a password", subject=self.display, hint=hint)
        if kind == "text":
            return _text_limit(self.display, self.limits)
        if kind in ("time", "memory"):
            hint = (
                "Split it into smaller files"
                if self.kind == "html"
                else "Split it, e.g. qpdf --split-pages=50 in.pdf out.pdf"
            )
            return LimitError(what, subject=self.display, hint=hint)
        mend = "Mend it, e.g. qpdf in.pdf out.pdf, or download it again" if self.kind == "pdf" else "Download it again"
        return CorruptError(f"it is damaged: {what}", subject=self.display, hint=mend)

    def no_worker(self, what: str) -> ReadError:
        return ReadError(what, subject=self.display, hint="The machine may be too busy; try again")

    def no_text(self) -> ReadError:
        """Why no page gave any text: what went wrong first, or else there is none."""
        if self.bad:
            number, (what, kind) = min(self.bad.items())
            return self.error(what if kind in ("time", "memory") else f"page {number}: {what}", kind)
        if self.cut_off_at is not None:
            return self.error(f"it took more than {self.limits.seconds:g} s", "time")
        if self.images:
            hint = "Run OCR first, e.g. ocrmypdf in.pdf out.pdf"
            return NoTextError("its pages are scanned images without text", subject=self.display, hint=hint)
        return NoTextError("there is no text in it", subject=self.display, hint="Leave it out")

    def warnings(self) -> tuple[str, ...]:
        notes = [f"page {number}: skipped, {what}" for number, (what, _) in sorted(self.bad.items())]
        if len(notes) > _MAX_WARNINGS:
            notes = [*notes[:_MAX_WARNINGS], f"and {len(notes) - _MAX_WARNINGS} more pages skipped"]
        if self.cut_off_at is not None:
            which = f"pages {self.cut_off_at} to" if self.cut_off_at != self.count else "page"
            notes.append(f"{which} {self.count}: skipped, the file took more than {self.limits.seconds:g} s")
        if self.odd >= _MANY_ODDITIES:
            notes.append(f"slightly malformed: the parser passed over {self.odd} oddities")
        return tuple(notes)


def _text_limit(display: str, limits: Limits) -> LimitError:
    what = f"it holds more than {limits.max_text_chars:,} characters of text"
    return LimitError(what, subject=display, hint="Split it into smaller files")


class _Process:
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
        header = json.dumps(job).encode("ascii") + b"\n"
        self.longest = 12 * job["max_text_chars"] + 10_000  # a character is at most two escapes of six bytes
        self.threads = [
            threading.Thread(target=self._feed, args=(header, data), daemon=True),
            threading.Thread(target=self._listen, daemon=True),
        ]

    def __enter__(self) -> _Process:
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
        """The next message, or None when the worker is gone. Raises TimeoutError when it keeps silent."""
        try:
            line = self.lines.get(timeout=patience)
        except queue.Empty:
            raise TimeoutError from None
        if line is None or not line.endswith(b"\n"):
            return None
        try:
            message = json.loads(line)
        except ValueError:
            return None  # it is not itself any more
        return message if isinstance(message, dict) else None

    def fate(self) -> str:
        """How a worker that fell silent ended: "memory", "time" (its processor-time limit) or "crash"."""
        try:
            code = self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "crash"
        if code in (OUT_OF_MEMORY, -_signal("SIGKILL")):  # nobody but the system's memory killer kills it before us
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
