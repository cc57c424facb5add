"""What a command changed or would change, to text: forgotten, logged, copied, collected, checked, repaired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from titans_cli.cli.options import Output
from titans_cli.cli.render import discarded, document, human_bytes, line, note, said, table
from titans_cli.errors import TitansError
from titans_cli.steps import in_shell
from titans_cli.wording import minute, plural

if TYPE_CHECKING:
    from titans_cli.records import SessionInfo
    from titans_cli.sessions.health import RepairResult, Report
    from titans_cli.sessions.history import ForgetResult, Log
    from titans_cli.sessions.lifecycle import DiscardResult
    from titans_cli.store import Export


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


def log(found: Log, output: Output) -> None:
    if output.json:
        document("session-log", found)
    elif output.quiet:
        for e in found.events:
            line(" ".join(e.text.split()))
    elif found.events:
        table([[minute(e.at), e.kind, " ".join(e.text.split())] for e in found.events])


def exported(e: Export, dry_run: bool, output: Output, what: str = "session") -> None:
    if output.json:
        document("exported", asdict(e) | {"done": not dry_run})
    elif output.quiet:
        line(e.file)
    else:
        line(f"{'would export' if dry_run else 'exported'} {what} {e.session} to {e.file}: {human_bytes(e.size)}")


def collected(found: Sequence[DiscardResult], problems: Sequence[TitansError], output: Output) -> None:
    if output.json:
        document("session-gc", {"sessions": [asdict(d) for d in found], "kept": [said(p) for p in problems]})
        return
    for d in found:
        discarded(d, output)
    if not found and not output.quiet:
        line("nothing to discard")
    for problem in problems:
        note(f"titans: {said(problem)}")


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
