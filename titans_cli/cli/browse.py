"""titans search, sources, show, open: what a session read, looked at."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from titans_cli.cli import complete, options
from titans_cli.cli.render import documents as view
from titans_cli.cli.render.console import Output, document, out
from titans_cli.errors import UsageError
from titans_cli.store import Home

SEARCH = "Example: titans search lattice '\"silicate use\"' --json | jq -r '.hits[].place'"
SOURCES = "Example: titans sources '*2023*' --json | jq '.sources[] | {title, year, pages}'"
SHOW = "Example: titans show wright2019.pdf --page 3"
OPEN = "Example: titans ask 'When did the weir fail?' && titans open 1"


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


def show(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A document: path, name, number, hash, or a part of its title.",
            autocompletion=complete.documents,
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
