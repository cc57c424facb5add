"""titans search, sources, show, open: what a session read, looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from titans_cli.cli import complete, options
from titans_cli.cli.options import Output
from titans_cli.cli.render import bold, dim, document, line, note, out, table
from titans_cli.errors import UsageError
from titans_cli.store import Home
from titans_cli.wording import plural

if TYPE_CHECKING:
    from titans_cli.sessions.pages import PageView, SourceTable
    from titans_cli.sessions.search import SearchResult

SEARCH = "Example: titans search lattice '\"silicate use\"' --json | jq -r '.hits[].place'"
SOURCES = "Example: titans sources '*2023*' --json | jq '.sources[] | {title, year, pages}'"
SHOW = "Example: titans show wright2019.pdf --page 3"
OPEN = "Example: titans ask 'When did the weir fail?' && titans open 1"
LONGEST_PAGE, AROUND = 4_000, 1_200  # characters: a longer page is shown around the quote alone
LONGEST_TITLE, LONGEST_NAMES = 60, 30  # characters in a table


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
    found(result, Output(json, quiet))


def found(result: SearchResult, output: Output) -> None:
    if output.json:
        document("search", result)
        return
    if output.quiet:
        for h in result.hits:
            line(f"{h.source}, {h.place}")
        return
    if result.matched == "none":
        note("nothing that was read has that")
        return
    if result.matched == "some":
        note("no passage has all of these words; these have some of them")
    for h in result.hits:
        line(f"{bold(f'{h.number}.')} {h.label}, {h.place}  {dim(f'(document {h.document})')}")
        line(f"    {_lit(h.text, h.spans)}")
    if result.total > len(result.hits):
        note(f"{len(result.hits)} of {plural(result.total, 'passage')}; more with --limit {min(result.total, 1000)}")


def _lit(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """On one line, with what was looked for in bold."""
    parts, at = [], 0
    for start, end in spans:
        parts += [" ".join([text[at:start].replace("\n", " ")]), bold(text[start:end].replace("\n", " "))]
        at = end
    return "".join([*parts, text[at:].replace("\n", " ")]).strip()


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

    listed(use_case(Home.locate(), session, documents), Output(json, quiet))


def listed(found: SourceTable, output: Output) -> None:
    if output.json:
        document("sources", found)
        return
    if output.quiet:
        for s in found.sources:
            line(s.source)
        return
    rows = [["NUMBER", "YEAR", "AUTHORS", "TITLE", "PAGES", "TOKENS", "SURPRISE", ""]]
    for s in found.sources:
        state = "" if s.complete else "begun"
        figures = [str(s.pages), f"{s.tokens:,}", f"{s.surprise:.2f}", s.withheld or state]
        names = cut(_authors(s.authors), LONGEST_NAMES)
        rows.append([str(s.number), str(s.year or ""), names, cut(s.title, LONGEST_TITLE), *figures])
    if found.sources:
        table(rows)
    else:
        note("it has read no document yet")
    if found.items:
        note(f"and {plural(found.items, 'item')} that it was told: titans memory filter")


def _authors(names: Sequence[str]) -> str:
    from titans_cli.cards import surname

    return f"{surname(names[0])} et al." if len(names) > 2 else " and ".join(map(surname, names))


def cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3].rstrip()}..."


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
        view(pages.page(home, session, source, page), output)
        return
    found = pages.all_pages(home, session, source)
    if json:
        document("pages", {"pages": [asdict(v) for v in found]})
        return
    for i, v in enumerate(found):
        if i:
            out()
        view(v, output)


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

    view(pages.cited(Home.locate(), session, number), Output(json, quiet))


def view(v: PageView, output: Output) -> None:
    """A page to text: of a long one, what stands around the quote."""
    if output.json:
        document("page", v)
        return
    before, quote, after, cut_off = around(v)
    if not output.quiet:
        number = f"{bold(f'[{v.citation}]')} " if v.citation else ""
        of = f"{v.unit} {v.page} of {max(v.pages)}" if len(v.pages) > 1 else v.place
        line(f"{number}{v.label}, {v.place if v.marked else of}  {dim(v.source)}")
        out()
    out(f"{before}{bold(quote) if quote else ''}{after}")
    if v.citation and not v.marked:
        note("the session does not know the place of the quote; this is its page")
    if cut_off and not output.quiet:
        note(f"the passage alone; the whole {v.unit}: titans show {v.document} --page {v.page}")


def around(v: PageView) -> tuple[str, str, str, bool]:
    """What stands before the quote, the quote, what stands after it, and whether some was left out."""
    if v.marked is None:
        return v.text, "", "", False
    start, end = v.marked
    first, last = (0, len(v.text)) if len(v.text) <= LONGEST_PAGE else (max(0, start - AROUND), end + AROUND)
    before, after = v.text[first:start], v.text[end:last]
    if first:
        before = f"... {before.partition(' ')[2]}"
    if last < len(v.text):
        after = f"{after.rpartition(' ')[0]} ..."
    return before, v.text[start:end], after, first > 0 or last < len(v.text)
