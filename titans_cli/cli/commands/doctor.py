"""titans doctor: findings as they come, exit 1 for a problem alone; what is looked for is `sessions/doctor.py`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from titans_cli.cli import options
from titans_cli.cli.render import doctor as view
from titans_cli.cli.render.console import Output

EXAMPLES = "Example: titans doctor --json | jq '.findings[] | select(.level != \"ok\")'"


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
    diagnoses = []
    for each in examine(encoding=sys.stdout.encoding or "ascii", fix=fix):
        diagnoses.append(each)
        view.diagnosis(each, output)
    healthy = all(d.level != "problem" for d in diagnoses)
    view.summary(diagnoses, healthy, output)
    if not healthy:
        raise typer.Exit(1)
