"""Sessions: lists and details of them, their log, and what a command did or would do to one.

It decides which figures a person sees first. How a session is stored and what changed it is the use-case's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from titans_cli.cli.render.console import Output, bars, document, human_bytes, line, note, out, shortened, table
from titans_cli.cli.render.errors import message
from titans_cli.errors import TitansError
from titans_cli.steps import in_shell
from titans_cli.wording import minute, plural

if TYPE_CHECKING:
    from titans_cli.records import Remembered, SessionInfo
    from titans_cli.sessions.health import RepairResult, Report
    from titans_cli.sessions.history import ForgetResult, Log
    from titans_cli.sessions.lifecycle import DiscardResult, SessionDetails
    from titans_cli.store import Export


def listed(infos: Sequence[SessionInfo], problems: Sequence[TitansError], current: str | None, output: Output) -> None:
    if output.json:
        listed = [asdict(i) | {"current": i.name == current} for i in infos]
        document("session-list", {"sessions": listed, "unreadable": [message(p) for p in problems]})
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
            note(f"titans: {message(problem)}")


def details(d: SessionDetails, output: Output) -> None:
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
    cards = [c for c in d.cards if c.authors or c.venue or c.doi]
    if cards:
        out()
        head = ["NUMBER", "YEAR", "AUTHORS", "TITLE"]
        table([head, *([str(c.number), c.year, shortened(", ".join(c.authors), 40), c.title] for c in cards)])


def surprise_line(values: Sequence[float]) -> str:
    """A character for each stretch of what was read, from the least surprising to the most, which are told."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    drawn = bars([(v - low) / (high - low) if high > low else 0.5 for v in values])
    return f"{drawn}  {low:.2f} to {high:.2f}, first read to last" if drawn else ""


def _state(info: SessionInfo) -> str:
    return info.state if info.promoted_to is None else f"promoted to {info.promoted_to}"


def _remembered(r: Remembered) -> list[list[str]]:
    """How much is still held in which form; nothing of a session without a bound, since all is verbatim there."""
    if r.bound is None:
        return []
    forms = [f"{plural(r.verbatim, 'token')} verbatim"]
    forms += [f"{r.outline:,} in outline"] if r.outline or r.text else []
    forms += [f"{r.text:,} only as text"] if r.outline or r.text else []
    return [["remembered", f"{', '.join(forms)}; {human_bytes(r.bytes)} of at most {human_bytes(r.bound)}"]]


def log(history: Log, output: Output) -> None:
    if output.json:
        document("session-log", history)
    elif output.quiet:
        for e in history.events:
            line(" ".join(e.text.split()))
    elif history.events:
        table([[minute(e.at), e.kind, " ".join(e.text.split())] for e in history.events])


def would(deed: str, info: SessionInfo, output: Output) -> None:
    """A dry run of what would make something."""
    if output.json:
        document("dry-run", {"would": deed, "session": info.name})
    elif not output.quiet:
        line(f"would {deed}")


def forgotten(f: ForgetResult, output: Output) -> None:
    if output.json:
        document("forgotten", f)
    elif not output.quiet:
        verb = "forgot" if f.done else "would forget"
        if f.finished:
            line(f"finished an earlier forgetting in session {f.session}, which had been interrupted")
        for source in f.sources:
            from titans_cli.places import unit_of

            pages = plural(source.pages, unit_of(source.kind))
            line(f"{verb} {source.display}: {pages}, {plural(source.tokens, 'token')}")
        left = f"{plural(f.left, 'document')} left in session {f.session}"
        line(f"{verb} {plural(f.events, 'event')} that named or quoted it; {left}" if f.sources else f"nothing; {left}")
    if (f.done or f.finished) and not f.clean:
        note("titans: another command is still reading; the last bytes go with the next command that opens the session")


def discarded(d: DiscardResult, output: Output) -> None:
    if output.json:
        document("discarded", d)
    elif not output.quiet:
        if d.finished:
            out("finished an earlier discarding, which had been interrupted")
            return
        verb, size = "discarded" if d.done else "would discard", human_bytes(d.bytes_on_disk)
        line(f"{verb} {d.name}: {plural(d.sources, 'source')}, {plural(d.tokens, 'token')}, {size}")


def collected(discards: Sequence[DiscardResult], problems: Sequence[TitansError], output: Output) -> None:
    if output.json:
        document("session-gc", {"sessions": [asdict(d) for d in discards], "kept": [message(p) for p in problems]})
        return
    for d in discards:
        discarded(d, output)
    if not discards and not output.quiet:
        line("nothing to discard")
    for problem in problems:
        note(f"titans: {message(problem)}")


def exported(e: Export, dry_run: bool, output: Output, kind: str = "session") -> None:
    if output.json:
        document("exported", asdict(e) | {"done": not dry_run})
    elif output.quiet:
        line(e.file)
    else:
        line(f"{'would export' if dry_run else 'exported'} {kind} {e.session} to {e.file}: {human_bytes(e.size)}")


def repaired(r: RepairResult, output: Output) -> None:
    if output.json:
        document("repaired", r)
        return
    would = "" if r.done else "would be "
    lines = [f"session.json or its copy in the database {would}restored"] if r.session_file else []
    lines += [f"word indexes and positions {would}made anew"] if r.indexes else []
    lines += [f"{s.display}: {would}made anew from the retained text, nothing lost" for s in r.relearned]
    lines += [f"{s.display}: {would}forgotten, its text is damaged; then: titans ingest {s.display}" for s in r.lost]
    for each in [] if output.quiet else lines or [f"session {r.session} needs no repair"]:
        line(each)


def checked(r: Report, output: Output) -> None:
    if output.json:
        document("check", asdict(r) | {"ok": not r.findings})
        return
    for f in r.findings:
        line(f"{f.kind}: {f.subject}: {f.what}. {in_shell(f.hint)}")
    if not output.quiet:
        how = "every cell as its text makes it" if r.replayed else "every byte read" if r.read_data else "sizes only"
        sound = plural(len(r.findings), "finding") if r.findings else f"sound ({how})"
        line(f"session {r.session}: {plural(r.documents, 'document')}, {plural(r.cells, 'cell')}: {sound}")
