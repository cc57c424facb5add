"""titans trends: of which documents, how much, and whether it is kept; what a trend is, `answers/whole/` decides."""

from __future__ import annotations

from titans_cli.cli import options
from titans_cli.cli.commands.themes import Long, NoLog, Sources, tell
from titans_cli.cli.render.console import Output

EXAMPLES = "Example: titans trends --long"


def trends(
    session: options.Session = None,
    sources: Sources = [],  # noqa: B006
    long: Long = False,
    no_log: NoLog = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Tell what comes, goes and stays over the years of the documents, with cited sentences.

    A year is that of the catalogue card, or else taken from a file's name, its title or what it states of itself;
    documents without one take no part. Phrases that stand with another change with it, more likely than not.
    """
    tell("trends", session, sources, long, no_log, Output(json, quiet))
