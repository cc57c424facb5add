"""titans recall: which words, of which time and kind, are looked for in what the session experienced."""

from __future__ import annotations

from typing import Annotated

import typer

from titans_cli.cli import options, values
from titans_cli.cli.render import memory as view
from titans_cli.cli.render.console import Output
from titans_cli.store import Home

EXAMPLES = "Example: titans recall 'weir' --since 2h --kind told"


def recall(
    words: Annotated[str, typer.Argument(metavar="WORDS", help="Words of what happened; - reads them from stdin.")],
    session: options.Session = None,
    since: options.Since = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="Only started, read, refused, told, asked, answered, excluded or included.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="At most so many.")] = 20,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Search the lines of the session's log for words: what it read, was told, was asked and answered. The best come
    first. What stands in the documents themselves is found by titans ask and titans memory retrieve."""
    from titans_cli.sessions import history

    phrase = values.text_or_stdin(words)
    result = history.recall(Home.locate(), session, phrase, since=since, kind=kind, limit=limit)
    view.recalled(result, Output(json, quiet))
