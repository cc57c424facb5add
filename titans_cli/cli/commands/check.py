"""titans check: which session, and how thoroughly; what is damage is `sessions/health.py`."""

from __future__ import annotations

from typing import Annotated

import typer

from titans_cli.cli import completion, options
from titans_cli.cli.render import session as view
from titans_cli.cli.render.console import Output
from titans_cli.errors import DamagedError
from titans_cli.store import Home

EXAMPLES = "Example: titans check survey --replay --json | jq .findings"


def check(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="SESSION", help="By name or ID prefix.", show_default=False, autocompletion=completion.sessions
        ),
    ] = None,
    session: options.Session = None,
    read_data: Annotated[bool, typer.Option("--read-data", help="Read every byte, not only sizes.")] = False,
    replay: Annotated[
        bool, typer.Option("--replay", help="Read all text again and compare every cell of the memory.")
    ] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Look for damage: every reference, every checksum. Changes nothing.

    Exit code 13: something is damaged; beside it stands what to do.
    """
    from titans_cli.sessions import health

    report = health.check_session(Home.locate(), session if name is None else name, read_data=read_data, replay=replay)
    view.checked(report, Output(json, quiet))
    if report.findings:
        raise typer.Exit(DamagedError.exit_code)
