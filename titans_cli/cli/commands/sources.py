"""titans sources: which of the documents that were read are listed."""

from __future__ import annotations

from titans_cli.cli import options
from titans_cli.cli.render import documents as view
from titans_cli.cli.render.console import Output
from titans_cli.store import Home

EXAMPLES = "Example: titans sources '*2023*' --json | jq '.sources[] | {title, year, pages}'"


def sources(
    documents: options.Documents = [],  # noqa: B006
    session: options.Session = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """List what was read: title, authors, year, pages, tokens.

    And how surprising a document was, the mean over its segments when they were read.
    """
    from titans_cli.sessions.pages import sources as use_case

    view.sources(use_case(Home.locate(), session, documents), Output(json, quiet))
