"""titans search: which words, and whether they are one phrase; what has them is `sessions/search.py`."""

from __future__ import annotations

from typing import Annotated

import typer

from titans_cli.cli import options
from titans_cli.cli.render import documents as view
from titans_cli.cli.render.console import Output
from titans_cli.store import Home

EXAMPLES = "Example: titans search lattice '\"silicate use\"' --json | jq -r '.hits[].place'"


def search(
    words: Annotated[
        list[str], typer.Argument(metavar="WORDS", help='Words of the documents; "a phrase" in double quotes.')
    ],
    session: options.Session = None,
    exact: Annotated[
        bool, typer.Option("--exact", "-x", help="All the words are one phrase, as it is written.")
    ] = False,
    sources: options.Sources = [],  # noqa: B006
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, max=1000, help="At most so many passages.")] = 10,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Find words and exact phrases in what was read.

    Each passage with its document and page. It has all the words (by their stems) and every phrase; where none has all
    the words, passages with some of them are shown, and that is said. The whole page: titans show DOCUMENT --page N.
    """
    from titans_cli.sessions.search import search as use_case

    result = use_case(Home.locate(), session, " ".join(words), exact=exact, sources=sources, limit=limit)
    view.passages(result, Output(json, quiet))
