"""titans show: which pages of a document; what is on them is `sessions/pages.py`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from titans_cli.cli import completion, options
from titans_cli.cli.render import documents as view
from titans_cli.cli.render.console import Output, document, out
from titans_cli.errors import UsageError
from titans_cli.store import Home

EXAMPLES = "Example: titans show wright2019.pdf --page 3"


def show(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A document: path, name, number, hash, or a part of its title.",
            autocompletion=completion.documents,
        ),
    ],
    page: Annotated[int | None, typer.Option("--page", "-p", min=1, help="Which page. Default: the first.")] = None,
    whole: Annotated[bool, typer.Option("--all", help="All its pages.")] = False,
    session: options.Session = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show a page of a document as the session keeps it.

    It is the text that quotes are checked against.
    """
    from titans_cli.sessions import pages

    if whole and page is not None:
        raise UsageError("--page and --all exclude each other", hint="Choose one of them")
    home, output = Home.locate(), Output(json, quiet)
    if not whole:
        view.page(pages.page(home, session, source, page), output)
        return
    views = pages.all_pages(home, session, source)
    if json:
        document("pages", {"pages": [asdict(v) for v in views]})
        return
    for i, v in enumerate(views):
        if i:
            out()
        view.page(v, output)
