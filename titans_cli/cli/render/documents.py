"""What a session read: the table of documents, passages that have some words, a page with a quote in bold.

It decides how much of a long page is shown. What was searched, and where a quote stands, came with the record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from titans_cli.cli.render.console import Output, bold, dim, document, line, note, out, shortened, table
from titans_cli.wording import plural

if TYPE_CHECKING:
    from titans_cli.sessions.pages import PageView, SourceTable
    from titans_cli.sessions.search import SearchResult

LONGEST_PAGE, AROUND = 4_000, 1_200  # characters: a longer page is shown around the quote alone
LONGEST_TITLE, LONGEST_NAMES = 60, 30  # characters in a table


def sources(documents: SourceTable, output: Output) -> None:
    if output.json:
        document("sources", documents)
        return
    if output.quiet:
        for s in documents.sources:
            line(s.source)
        return
    rows = [["NUMBER", "YEAR", "AUTHORS", "TITLE", "PAGES", "TOKENS", "SURPRISE", ""]]
    for s in documents.sources:
        state = "" if s.complete else "begun"
        figures = [str(s.pages), f"{s.tokens:,}", f"{s.surprise:.2f}", s.withheld or state]
        names = shortened(_authors(s.authors), LONGEST_NAMES)
        rows.append([str(s.number), str(s.year or ""), names, shortened(s.title, LONGEST_TITLE), *figures])
    if documents.sources:
        table(rows)
    else:
        note("it has read no document yet")
    if documents.items:
        note(f"and {plural(documents.items, 'item')} that it was told: titans memory filter")


def _authors(names: Sequence[str]) -> str:
    from titans_cli.cards import surname

    return f"{surname(names[0])} et al." if len(names) > 2 else " and ".join(map(surname, names))


def passages(result: SearchResult, output: Output) -> None:
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
        line(f"    {_marked(h.text, h.spans)}")
    if result.total > len(result.hits):
        note(f"{len(result.hits)} of {plural(result.total, 'passage')}; more with --limit {min(result.total, 1000)}")


def _marked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """On one line, with what was looked for in bold."""
    parts, at = [], 0
    for start, end in spans:
        parts += [" ".join([text[at:start].replace("\n", " ")]), bold(text[start:end].replace("\n", " "))]
        at = end
    return "".join([*parts, text[at:].replace("\n", " ")]).strip()


def page(v: PageView, output: Output) -> None:
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
