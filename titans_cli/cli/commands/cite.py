"""titans cite: in which form references to what a session read are printed."""

from __future__ import annotations

from typing import Annotated

import typer

from titans_cli.cli import options
from titans_cli.cli.render.cite import references
from titans_cli.errors import UsageError
from titans_cli.store import Home

EXAMPLES = (
    "Example: titans cite --bibtex > survey.bib\n\n"
    "Example: titans ask 'Which papers are about groundwater?' && titans cite --last --bibtex"
)


def cite(
    documents: options.Documents = [],  # noqa: B006
    bibtex: Annotated[bool, typer.Option("--bibtex", help="As BibTeX.")] = False,
    csl: Annotated[bool, typer.Option("--csl", help="As CSL-JSON.")] = False,
    last: Annotated[bool, typer.Option("--last", help="Only what the last answer cites.")] = False,
    session: options.Session = None,
    verbose: options.Verbose = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Print references to the documents, from their catalogue cards.

    A card is what the file states about itself and what its first page prints; -v says where each field was read.
    """
    from titans_cli.sessions import citing

    if bibtex + csl + json > 1:
        raise UsageError("one form at a time", hint="Choose --bibtex, --csl or --json")
    if last and documents:
        raise UsageError("--last and a GLOB exclude each other", hint="Choose one of them")
    home = Home.locate()
    entries = citing.last_cited(home, session) if last else citing.catalogue(home, session, documents)
    form = "json" if json else "bibtex" if bibtex else "csl" if csl else "text"
    references(entries, form, origins=verbose)
