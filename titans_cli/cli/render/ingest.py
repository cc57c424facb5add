"""An ingest as it goes: a bar that moves, or a line for each file; and what a dry run found.

It decides which events are worth a line, and when silence has lasted too long. It knows nothing of how files are read:
events and figures come from the use-case.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from titans_cli.cli import appearance, terminal
from titans_cli.cli.render.console import Output, document, human_bytes, human_time, line, note
from titans_cli.cli.terminal import on_one_line
from titans_cli.steps import in_shell
from titans_cli.wording import plural

if TYPE_CHECKING:
    from rich.progress import Progress

    from titans_cli.progress import BlocksRead, FileStarted, IngestEvent, IngestStarted, Waiting
    from titans_cli.sessions.preview import Preview

EVERY = 10.0  # seconds without a line of an ingest, off a terminal
_MOST_KINDS = 8  # of files left out


class IngestView:
    """Shows an ingest: JSON lines, a live bar on a terminal, or one line a file, and one whenever `EVERY` seconds have
    gone by without any."""

    def __init__(self, output: Output, clock: Callable[[], float] = time.monotonic) -> None:
        self.output = output
        self.clock = clock
        self.told_at = clock()  # when a line was last told
        self.latest: FileStarted | BlocksRead | IngestStarted | None = None
        self.idle = False  # all is read, or what follows a folder waits for a file: nothing is being made of anything
        self.begun = clock()
        self.looked: list[str] = []  # files that a dry run has looked at
        self._telling, self._over = threading.Lock(), threading.Event()
        self._ticker: threading.Thread | None = None
        self.live = not output.json and not output.quiet and appearance.lively()
        self.progress: Progress | None = None
        self.failed = self.kept = 0  # inputs, once the ingest has finished; kept: read now, or known already

    def __enter__(self) -> IngestView:
        if self.live:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            console = Console(file=terminal.beneath(sys.stderr), no_color=not appearance.color_wanted(sys.stderr))
            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[status]}"))
            self.progress = Progress(*columns, console=console, transient=True)
            self.progress.start()
            self.progress.add_task("reading", total=None, status="")
        elif not self.output.json and not self.output.quiet:
            # a thread, since parsing and cutting a long text tell nothing while they last
            self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)
            self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.progress is not None:
            self.progress.stop()
        if self._ticker is not None:
            self._over.set()
            self._ticker.join()

    def _tick(self) -> None:
        while not self._over.wait(1.0):
            if (text := self.overdue()) is not None:
                self.line(text)

    def overdue(self) -> str | None:
        """What to say when nothing was said for `EVERY` seconds."""
        from titans_cli.progress import BlocksRead, FileStarted

        if self.idle or self.clock() - self.told_at < EVERY:
            return None
        match self.latest:
            case BlocksRead() as b:
                return f"  {_last(b.source)}: segment {b.blocks_done:,} of {b.blocks_total:,}, {_status(b)}"
            case FileStarted(source, _, blocks, tokens, _):
                return f"  {_last(source)}: {plural(tokens, 'token')} in {plural(blocks, 'segment')}, being read"
            case _:
                took = human_time(self.clock() - self.begun)
                seen = f"{plural(len(self.looked), 'file')} looked at; " if self.looked else ""
                return f"  {seen}still making pages and segments of what is there ({took})"

    def line(self, text: str) -> None:
        with self._telling:
            if self.progress is not None:
                self.progress.console.print(on_one_line(text), markup=False, highlight=False)
            else:
                note(text)
            self.told_at = self.clock()

    def show(self, event: IngestEvent | Waiting) -> None:
        from titans_cli.progress import (
            BlocksRead,
            FileFailed,
            FileFinished,
            FileStarted,
            IngestFinished,
            IngestStarted,
            Waiting,
        )

        if isinstance(event, IngestStarted):
            self.begun, self.idle = self.clock(), False
        elif isinstance(event, IngestFinished | Waiting):
            self.idle = True
        if isinstance(event, IngestFinished):
            self.failed += event.files_failed
            self.kept += event.files_read + event.files_skipped
        if self.output.json:
            name = "".join("-" + c.lower() if c.isupper() else c for c in type(event).__name__).lstrip("-")
            document(f"ingest.{name}", event)
        if isinstance(event, FileStarted | BlocksRead):
            self.latest = event
        elif isinstance(event, FileFinished | FileFailed):
            self.latest = None
        if isinstance(event, FileFailed):
            self.line(f"titans: {event.source}: {event.reason}. {in_shell(event.hint) if event.hint else ''}".rstrip())
        elif self.output.json or self.output.quiet:
            return
        elif isinstance(event, BlocksRead):
            self._advance(event)
        else:
            for text in describe(event):
                self.line(text)

    def _advance(self, event: BlocksRead) -> None:
        if self.progress is None:
            return
        name, task = on_one_line(_last(event.source)), self.progress.task_ids[0]
        self.progress.update(
            task, description=name, total=event.blocks_total, completed=event.blocks_done, status=_status(event)
        )


def _last(source: str) -> str:
    return source.rsplit("/", 1)[-1][:40]


def _status(event: BlocksRead) -> str:
    left = f", about {human_time(event.eta_s)} left" if event.eta_s is not None else ""
    file = f"file {min(event.files_done + 1, event.files)}/{event.files}"
    return f"{file}, {event.tokens:,} tokens, {event.tokens_per_s:,.0f}/s{left}"


def describe(event: IngestEvent | Waiting) -> list[str]:
    """The plain lines for an event; none for those not worth one."""
    from titans_cli.places import in_words
    from titans_cli.progress import (
        BlockRefused,
        FileChanged,
        FileFinished,
        FileSkipped,
        FilesLeftOut,
        FileStarted,
        IngestFinished,
        IngestStarted,
        Waiting,
    )

    match event:
        case IngestStarted(session, files, size, caution):
            line = f"session {session}: {plural(files, 'file')}, {human_bytes(size)}"
            return [line, f"note: {caution}"] if caution else [line]
        case Waiting(_, _, due, str(because)):
            return [f"{plural(due, 'file')} to be read, but not now: {because}"]
        case Waiting(session, files, _, None):
            return [f"following {plural(files, 'file')}, session {session} has read them; Ctrl-C stops"]
        case FileSkipped(source, "unchanged", message):
            return [f"skipped {source}: {message}"]
        case FileChanged(source, _, message):
            return [f"{source}: {message}"]
        case FileStarted(source, _, blocks, _, resumed) if resumed:
            return [f"continuing {source} at segment {resumed} of {blocks}"]
        case BlockRefused(source, block, page, reason, unit):
            return [f"warning: {source}: segment {block} ({unit} {page}) was not learned: its update is {reason}"]
        case FilesLeftOut(names):
            line = f"left out {plural(len(names), 'file')} that no reader knows by name: {by_suffix(names)}"
            return [line, *(f"  {name}" for name in names if appearance.current().verbose)]
        case FileFinished(source, pages, _, tokens, surprise, _, warnings, unit, omissions, new):
            line = f"read {source}: {plural(pages, unit)}, {plural(tokens, 'token')}, surprise {surprise:.2f}"
            line += "" if new is None else f", new to the session {new:.2f}"
            skipped = [f"  skipped: {in_words(omissions)}"] if omissions and appearance.current().verbose else []
            return [line, *(f"  warning: {w}" for w in warnings), *skipped]
        case IngestFinished(session, read, skipped, failed, tokens, seconds, _, left_out):
            parts = [f"{plural(read, 'file')} read"]
            parts += [f"{skipped} skipped"] if skipped else []
            parts += [f"{failed} failed"] if failed else []
            parts += [f"{left_out:,} left out"] if left_out else []
            rate = f" ({tokens / seconds:,.0f} tokens/s)" if seconds > 0 and tokens else ""
            where = f" into session {session}" if session else ""
            return [f"{', '.join(parts)}{where}: {plural(tokens, 'token')} in {human_time(seconds)}{rate}"]
    return []


def by_suffix(names: Sequence[str]) -> str:
    """A folder may hold thousands of pictures: kinds with their numbers, and by name what has no suffix."""
    kinds = Counter(PurePath(name).suffix.lower() or PurePath(name).name for name in names)
    shown = [f"{count:,} {kind}" if count > 1 else kind for kind, count in kinds.most_common(_MOST_KINDS)]
    return ", ".join([*shown, *(["..."] if len(kinds) > len(shown) else [])])


def preview(p: Preview, output: Output) -> None:
    if output.json:
        document("ingest.preview", p)
        return
    for f in p.failed:
        note(f"titans: {f.source}: {f.reason}. {in_shell(f.hint) if f.hint else ''}".rstrip())
    if p.left_out:
        note(f"would leave out {plural(len(p.left_out), 'file')} that no reader knows by name: {by_suffix(p.left_out)}")
    if output.quiet:
        return
    aside = [f"{p.changed} changed" if p.changed else "", f"{p.unchanged} skipped" if p.unchanged else ""]
    aside += [f"{len(p.failed)} failing" if p.failed else ""]
    where = f"session {p.session}" if p.session else "a new session"
    files = ", ".join([f"would read {plural(p.read, 'file')}", *filter(None, aside)])
    line(f"{files} into {where}: {plural(p.pages, 'page')}, {plural(p.tokens, 'token')}")
    line(f"about {human_time(p.seconds)} (at {p.tokens_per_s:,.0f} tokens/s, by {p.by})")
    line(f"at most {human_bytes(p.room)} of disk, of which {human_bytes(p.free)} are free")
