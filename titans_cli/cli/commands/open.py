"""titans open: the page that a citation of the last answer stands on."""

from __future__ import annotations

from typing import Annotated

import typer

from titans_cli.cli import options
from titans_cli.cli.render import documents as view
from titans_cli.cli.render.console import Output
from titans_cli.store import Home

EXAMPLES = "Example: titans ask 'When did the weir fail?' && titans open 1"


def open_(
    number: Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="A citation of the last answer.")],
    session: options.Session = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show the page around a citation of the last answer.

    The quote is in bold. The last answer is the last that the session keeps.
    """
    from titans_cli.sessions import pages

    view.page(pages.cited(Home.locate(), session, number), Output(json, quiet))
