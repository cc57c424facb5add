"""titans themes, and what it shares with trends: of which documents, how much, and whether it is kept."""

from __future__ import annotations

from typing import Annotated

import typer

from titans_cli.cli import options, values
from titans_cli.cli.render import answer
from titans_cli.cli.render.console import Output
from titans_cli.store import Home

Sources = Annotated[
    list[str], typer.Option("--sources", metavar="GLOB", help="Only documents whose path or name matches one.")
]
Long = Annotated[bool, typer.Option("--long", help="All of them, not a page.")]
NoLog = Annotated[bool, typer.Option("--no-log", help="Leave no episode.")]
EXAMPLES = "Example: titans themes --json | jq '.themes[] | {phrase, members}'"


def themes(
    session: options.Session = None,
    sources: Sources = [],  # noqa: B006
    long: Long = False,
    no_log: NoLog = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Tell what the documents are about, with cited sentences.

    Topics, their share and central documents.
    """
    tell("themes", session, sources, long, no_log, Output(json, quiet))


def tell(kind: str, session: str | None, sources: list[str], long: bool, no_log: bool, output: Output) -> None:
    values.ready(session)
    from titans_cli.sessions.retrieve import SummaryRequest, summary
    from titans_cli.sessions.selection import Filter

    request = SummaryRequest(kind, within=Filter(sources=tuple(sources)), long=long, log=not no_log)
    answer.answer(summary(Home.locate(), session, request), output)
