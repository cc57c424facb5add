"""What the promotion gate found, and long-term memory entries, to text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from titans_cli.cli.options import Output
from titans_cli.cli.render import document, line, note, out, table
from titans_cli.wording import plural

if TYPE_CHECKING:
    from titans_cli.records import EntryInfo
    from titans_cli.sessions.gate import Gate
    from titans_cli.sessions.lifecycle import EntryDiff


def gate(found: Gate, refused: bool, output: Output) -> None:
    """The probes on stderr, before anybody is asked. As JSON they are part of the entry, and stand alone only when
    there will be none."""
    if output.json:
        if refused:
            document("gate", asdict(found) | {"passed": found.passed})
    elif refused or not output.quiet:
        for probe in found.probes:
            note("  ".join(_probe(asdict(probe))).rstrip())
        for suspicion in found.suspicions:
            note(_suspicion(asdict(suspicion)))


def _probe(probe: Mapping[str, Any]) -> list[str]:
    figure, bound = probe.get("figure"), probe.get("bound")
    told = "" if figure is None else _number(figure)
    limit = "" if bound is None or figure is None else f"at most {_number(bound)}"
    verdict = "FAILED" if not probe.get("passed") else "passed" if probe.get("measured", True) else "unknown"
    return [str(probe.get("name", "")).ljust(9), verdict, told.ljust(5), limit.ljust(12), str(probe.get("said", ""))]


def _number(figure: Any) -> str:
    """Counts and surprises: 3, 0.28."""
    if not isinstance(figure, int | float):
        return str(figure)
    return f"{figure:.0f}" if float(figure).is_integer() else f"{figure:.2f}"


def _suspicion(suspicion: Mapping[str, Any]) -> str:
    where = f"{suspicion.get('source')}, {suspicion.get('unit', 'page')} {suspicion.get('page')}"
    return f'warning: {where} {suspicion.get("why")}: "{suspicion.get("quote")}"'


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
        table([["PROBE", "", "FIGURE", "BOUND", ""], *(_probe(probe) for probe in i.probes)])
    for suspicion in i.suspicions:
        line(_suspicion(suspicion))
    out()
    table([["SOURCE", "SHA-256"], *([str(s.get("uri", "")), str(s.get("sha256", ""))[:16]] for s in i.sources)])


def _verdict(i: EntryInfo) -> str:
    failed = ", ".join(str(probe.get("name")) for probe in i.probes if not probe.get("passed"))
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
    told = [("created", a.created, b.created), ("tokens", f"{a.position:,}", f"{b.position:,}")]
    told += [("model", a.fingerprint[:12], b.fingerprint[:12]), ("gate", _verdict(a), _verdict(b))]
    probes = [{str(p.get("name")): p for p in entry.probes} for entry in (a, b)]
    names = {**probes[0], **probes[1]}
    return [*told, *((name, _figure(probes[0].get(name)), _figure(probes[1].get(name))) for name in names)]


def _figure(probe: Mapping[str, Any] | None) -> str:
    if probe is None:
        return "-"
    return " ".join(part.strip() for part in _probe(probe)[1:3])
