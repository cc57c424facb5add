"""titans report: where the page goes; what stands on it is `titans_cli.report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from titans_cli.cli import options
from titans_cli.cli.render import report as view
from titans_cli.cli.render.console import Output, out
from titans_cli.errors import UsageError
from titans_cli.store import Home

EXAMPLES = "Example: titans report -o survey.html"


def report(
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The file; - for stdout. Default: NAME-report.html.",
            show_default=False,
        ),
    ] = None,
    session: options.Session = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Replace FILE if it exists.")] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write the session as one HTML page.

    It opens with what the documents say and what was asked; then come the sources, and what the memory took up.

    The page needs no network and no other file. The session stays as it is.
    """
    from titans_cli.report.write import report_text, write_report

    if output == "-":
        if json:
            raise UsageError("both the page and its JSON on stdout", hint="Give a file: -o report.html")
        out(report_text(Home.locate(), session)[0].rstrip("\n"))
        return
    written = write_report(Home.locate(), session, None if output is None else Path(output), replace_file=yes)
    view.written(written, Output(json, quiet))
