"""titans doctor: findings as they come, exit 1 for a problem alone; what is looked for is `sessions/doctor.py`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from titans_cli.cli import options, render
from titans_cli.cli.options import Output
from titans_cli.steps import in_shell

if TYPE_CHECKING:
    from titans_cli.sessions.doctor import Diagnosis

EXAMPLES = "Example: titans doctor --json | jq '.findings[] | select(.level != \"ok\")'"
_MARKS = {"ok": "ok", "advice": "note", "problem": "FAIL"}


def doctor(
    fix: Annotated[
        bool, typer.Option("--fix", help="Let nobody else read the home, and remove what killed runs of 0.1 left.")
    ] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Check that everything titans needs is in order here, and say what to change.

    Versions, settings, terminal, processors, device, disk, permissions, locks, the model, and how fast it reads. Exit
    code 1: something will fail; notes alone leave it 0. With -q only what is not in order is shown.
    """
    from titans_cli.sessions.doctor import examine

    output = Output(json, quiet)
    found = []
    for finding in examine(encoding=sys.stdout.encoding or "ascii", fix=fix):
        found.append(finding)
        if not output.json and not (output.quiet and finding.level == "ok"):
            _show(finding)
    healthy = all(f.level != "problem" for f in found)
    if output.json:
        render.document("doctor", {"healthy": healthy, "findings": [asdict(f) for f in found]})
    if not healthy:
        raise typer.Exit(1)


def _show(finding: Diagnosis) -> None:
    render.line(f"{_MARKS[finding.level]:<6}{finding.name:<13}{finding.said}")
    if finding.todo:
        render.line(f"{'':<19}{render.bold(in_shell(finding.todo))}")
    sys.stdout.flush()
