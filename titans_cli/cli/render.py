"""Records to text. Data goes to stdout, everything else to stderr; nothing animates off a terminal.

All of it goes through `terminal`, which makes foreign text printable.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from titans_cli.cli import look, terminal
from titans_cli.cli.options import Output
from titans_cli.cli.terminal import on_one_line
from titans_cli.errors import TitansError
from titans_cli.steps import in_json, in_shell
from titans_cli.wording import minute, plural

if TYPE_CHECKING:
    from rich.progress import Progress

    from titans_cli.progress import BlocksRead, FileStarted, IngestEvent, IngestStarted, Waiting
    from titans_cli.records import EntryInfo, Remembered, SessionInfo
    from titans_cli.sessions.lifecycle import DamagedEntry, DiscardResult, SessionDetails

EVERY = 10.0  # seconds without a line of an ingest, off a terminal
_MOST_KINDS = 8  # of files left out
_BARS = "▁▂▃▄▅▆▇█"


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


def table(rows: Sequence[Sequence[str]]) -> None:
    """Columns padded to their widest cell; the last one runs free."""
    shown = [[on_one_line(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in shown) for i in range(len(rows[0]))]
    for row in shown:
        out("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip())


def bars(shares: Sequence[float | None]) -> str:
    """A character for each share from 0 to 1, a blank for None; nothing at all where none can or may be drawn."""
    if not look.drawings():
        return ""
    return "".join(" " if s is None else _BARS[round(s * (len(_BARS) - 1))] for s in shares)


def bold(text: str) -> str:
    return terminal.styled(text, 1) if look.color_wanted() else text


def dim(text: str) -> str:
    return terminal.styled(text, 2) if look.color_wanted() else text


def verbose(text: str) -> None:
    if look.current().verbose:
        note(text)


# ---------------------------------------------------------------- errors


def said(problem: TitansError) -> str:
    """The whole message, in the words of the command line."""
    return problem.said(in_shell)


def error(problem: TitansError, output: Output) -> None:
    if output.json:
        fields = {"kind": problem.kind, "subject": problem.subject, "message": problem.what, "hint": problem.hint}
        document("error", {**fields, "exit_code": problem.exit_code})
    note(f"titans: {said(problem)}")
    cause = problem.__cause__
    while cause is not None:
        verbose(f"  because of {type(cause).__name__}: {cause}")
        cause = cause.__cause__


# ---------------------------------------------------------------- ingest


class IngestView:
    """Shows an ingest: JSON lines, a live bar on a terminal, or one line a file, and one whenever `EVERY` seconds have
    gone by without any."""

    def __init__(self, output: Output, clock: Callable[[], float] = time.monotonic) -> None:
        self.output = output
        self.clock = clock
        self.said = clock()  # when a line was last told
        self.latest: FileStarted | BlocksRead | IngestStarted | None = None
        self.idle = False  # all is read, or what follows a folder waits for a file: nothing is being made of anything
        self.begun = clock()
        self.looked: list[str] = []  # files that a dry run has looked at
        self._telling, self._over = threading.Lock(), threading.Event()
        self._ticker: threading.Thread | None = None
        self.live = not output.json and not output.quiet and look.lively()
        self.progress: Progress | None = None
        self.failed = self.kept = 0  # inputs, once the ingest has finished; kept: read now, or known already

    def __enter__(self) -> IngestView:
        if self.live:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            console = Console(file=terminal.beneath(sys.stderr), no_color=not look.color_wanted(sys.stderr))
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

        if self.idle or self.clock() - self.said < EVERY:
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
            self.said = self.clock()

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
            return [line, *(f"  {name}" for name in names if look.current().verbose)]
        case FileFinished(source, pages, _, tokens, surprise, _, warnings, unit, omissions, new):
            line = f"read {source}: {plural(pages, unit)}, {plural(tokens, 'token')}, surprise {surprise:.2f}"
            line += "" if new is None else f", new to the session {new:.2f}"
            skipped = [f"  skipped: {in_words(omissions)}"] if omissions and look.current().verbose else []
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


# ---------------------------------------------------------------- sessions and long-term memory


def _state(info: SessionInfo) -> str:
    return info.state if info.promoted_to is None else f"promoted to {info.promoted_to}"


def sessions(
    infos: Sequence[SessionInfo], problems: Sequence[TitansError], current: str | None, output: Output
) -> None:
    if output.json:
        listed = [asdict(i) | {"current": i.name == current} for i in infos]
        document("session-list", {"sessions": listed, "unreadable": [said(p) for p in problems]})
    elif output.quiet:
        for info in infos:
            line(info.name)
    elif infos:
        rows = [["", "NAME", "STATE", "CREATED", "MODEL", "FROM"]]
        for i in infos:
            mark = "*" if i.name == current else ""
            rows.append([mark, i.name, _state(i), minute(i.created), i.model, i.origin or ""])
        table(rows)
    else:
        note("No sessions yet. Start one: titans ingest PATH")
    if not output.json:
        for problem in problems:
            note(f"titans: {said(problem)}")


def _remembered(r: Remembered) -> list[list[str]]:
    """How much is still held in which form; nothing of a session without a bound, since all is verbatim there."""
    if r.bound is None:
        return []
    forms = [f"{plural(r.verbatim, 'token')} verbatim"]
    forms += [f"{r.outline:,} in outline"] if r.outline or r.text else []
    forms += [f"{r.text:,} only as text"] if r.outline or r.text else []
    return [["remembered", f"{', '.join(forms)}; {human_bytes(r.bytes)} of at most {human_bytes(r.bound)}"]]


def session_details(d: SessionDetails, output: Output) -> None:
    if output.json:
        document("session", d)
        return
    info = d.info
    rows = [
        ["session", f"{info.name}{' (current)' if d.current else ''}"],
        ["id", info.id],
        ["state", _state(info)],
        ["created", info.created],
        ["model", f"{info.model} ({info.fingerprint[:12]}), {plural(info.threads, 'thread')}"],
        ["started from", info.origin or "the initial memory"],
    ]
    if d.memory_sha256 is not None:
        rows += [
            ["memory", f"{d.memory_sha256} after {plural(d.position, 'token')}"],
            ["cells", f"{d.cells}, {human_bytes(d.bytes_on_disk)} on disk"],
        ]
    if d.remembered is not None:
        rows += _remembered(d.remembered)
    if line := surprise_line(d.surprise):
        rows.append(["surprise", line])
    if d.excluded:
        rows.append(["excluded", f"{plural(d.excluded, 'source')}; see titans memory filter --excluded"])
    if d.superseded:
        rows.append(
            ["superseded", f"{plural(d.superseded, 'old version')} still on disk; titans memory gc erases them"]
        )
    table(rows)
    if d.sources:
        out()
        lines = [["NUMBER", "SOURCE", "PAGES", "TOKENS", "SHA-256", "READ"]]
        for s in d.sources:
            done = minute(s.read_at) if s.complete else f"{s.blocks_done} of {s.blocks_total} segments"
            lines.append([str(s.id), s.display, str(s.pages), f"{s.tokens:,}", s.sha256[:12], done])
        table(lines)
    if d.omissions:
        from titans_cli.places import in_words

        out()
        skipped = [[str(s.id), in_words(d.omissions[s.id])] for s in d.sources if s.id in d.omissions]
        table([["NUMBER", "SKIPPED"], *skipped])
    told = [c for c in d.cards if c.authors or c.venue or c.doi]
    if told:
        out()
        head = ["NUMBER", "YEAR", "AUTHORS", "TITLE"]
        table([head, *([str(c.number), c.year, _shortened(", ".join(c.authors), 40), c.title] for c in told)])


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def surprise_line(values: Sequence[float]) -> str:
    """A character for each stretch of what was read, from the least surprising to the most, which are told."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    drawn = bars([(v - low) / (high - low) if high > low else 0.5 for v in values])
    return f"{drawn}  {low:.2f} to {high:.2f}, first read to last" if drawn else ""


def named(schema: str, info: SessionInfo | EntryInfo | DamagedEntry, sentence: str, output: Output) -> None:
    """What a command made or chose: JSON, the bare name, or a sentence."""
    if output.json:
        document(schema, info)
    elif output.quiet:
        line(info.name)
    else:
        line(sentence)


def discarded(d: DiscardResult, output: Output) -> None:
    if output.json:
        document("discarded", d)
    elif not output.quiet:
        if d.finished:
            out("finished an earlier discarding, which had been interrupted")
            return
        verb, size = "discarded" if d.done else "would discard", human_bytes(d.bytes_on_disk)
        line(f"{verb} {d.name}: {plural(d.sources, 'source')}, {plural(d.tokens, 'token')}, {size}")


def entries(infos: Sequence[EntryInfo], problems: Iterable[TitansError], output: Output) -> None:
    if output.json:
        document("ltm-list", {"entries": [asdict(i) for i in infos], "unreadable": [said(p) for p in problems]})
        return
    if output.quiet:
        for info in infos:
            line(info.name)
    elif infos:
        rows = [["NAME", "CREATED", "SOURCES", "TOKENS", "FROM SESSION", "NOTE"]]
        for i in infos:
            rows.append([i.name, minute(i.created), str(len(i.sources)), f"{i.position:,}", i.session, i.note or ""])
        table(rows)
    else:
        note("Nothing promoted yet. Promote a session: titans session promote")
    for problem in problems:
        note(f"titans: {said(problem)}")
