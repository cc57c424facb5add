"""Long-term memory entries: a list, one with what its gate measured, and two side by side.

What an entry holds and whether it is sound is the use-case's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from titans_cli.cli.render.console import Output, document, line, note, out, table
from titans_cli.cli.render.errors import message
from titans_cli.cli.render.gate import probe, suspicion
from titans_cli.errors import TitansError
from titans_cli.wording import minute, plural

if TYPE_CHECKING:
    from titans_cli.records import EntryInfo
    from titans_cli.sessions.lifecycle import EntryDiff


def listed(infos: Sequence[EntryInfo], problems: Iterable[TitansError], output: Output) -> None:
    if output.json:
        document("ltm-list", {"entries": [asdict(i) for i in infos], "unreadable": [message(p) for p in problems]})
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
        note(f"titans: {message(problem)}")


def details(i: EntryInfo, output: Output) -> None:
    if output.json:
        document("ltm-entry", i)
        return
    if output.quiet:
        line(i.name)
        return
    table(
        [
            ["entry", i.name],
            ["id", i.id],
            ["created", f"{i.created}{f' by {i.promoted_by}' if i.promoted_by else ''}"],
            ["from session", f"{i.session} ({i.session_id})"],
            ["parent", i.parent or "none"],
            ["note", i.note or ""],
            ["model", f"{i.model} ({i.fingerprint[:12]})"],
            ["memory file", f"{i.memory_sha256} after {plural(i.position, 'token')}"],
            ["gate", _verdict(i)],
        ]
    )
    if i.probes:
        out()
        table([["PROBE", "", "FIGURE", "BOUND", ""], *(probe(p) for p in i.probes)])
    for passage in i.suspicions:
        line(suspicion(passage))
    out()
    table([["SOURCE", "SHA-256"], *([str(s.get("uri", "")), str(s.get("sha256", ""))[:16]] for s in i.sources)])


def _verdict(i: EntryInfo) -> str:
    failed = ", ".join(str(p.get("name")) for p in i.probes if not p.get("passed"))
    if not i.probes:
        return "never probed"
    return f"promoted by force, below the bounds of: {failed}" if i.forced else "passed"


def diff(d: EntryDiff, output: Output) -> None:
    if output.json:
        document("ltm-diff", d)
        return
    if output.quiet:  # as diff writes it
        for mark, names in (("<", d.only_a), (">", d.only_b)):
            for name in names:
                line(f"{mark} {name}")
        return
    for label, names in ((f"only in {d.a.name}", d.only_a), (f"only in {d.b.name}", d.only_b), ("in both", d.both)):
        line(f"{label}: {plural(len(names), 'source')}")
        for name in names:
            line(f"  {name}")
    out()
    rows = [["", d.a.name, d.b.name]]
    rows += [[name, one, other] for name, one, other in _figures(d.a, d.b)]
    table(rows)


def _figures(a: EntryInfo, b: EntryInfo) -> Sequence[tuple[str, str, str]]:
    rows = [("created", a.created, b.created), ("tokens", f"{a.position:,}", f"{b.position:,}")]
    rows += [("model", a.fingerprint[:12], b.fingerprint[:12]), ("gate", _verdict(a), _verdict(b))]
    probes = [{str(p.get("name")): p for p in entry.probes} for entry in (a, b)]
    names = {**probes[0], **probes[1]}
    return [*rows, *((name, _figure(probes[0].get(name)), _figure(probes[1].get(name))) for name in names)]


def _figure(measured: Mapping[str, Any] | None) -> str:
    if measured is None:
        return "-"
    return " ".join(part.strip() for part in probe(measured)[1:3])
