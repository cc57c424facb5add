"""Answers: the answer first, then what proves it, then what memory alone said.

An answer about the whole is laid out as a lead, themes with a small line of their years, disagreements, and the list of
what is cited. It decides the layout alone: what is true, sure or cited was decided before an answer came here.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from titans_cli.cli import terminal
from titans_cli.cli.render.console import Output, bars, bold, dim, document, line, note, out
from titans_cli.sentences import one_line
from titans_cli.wording import plural

if TYPE_CHECKING:
    from titans_cli.records import Answer, Citation, DisagreementTold, Step, ThemeTold, TrendTold

_WIDTH = 96  # of a line of prose
_WHOLE_WORDS: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}


def answer(result: Answer, output: Output, *, verbose: bool = False, steps_shown: bool = False) -> None:
    """`steps_shown`: whoever waits has seen the steps already."""
    if result.unlogged:
        note(f"titans: the session does not keep this question and its answer: {result.unlogged}")
    if verbose:
        _workings(result, () if steps_shown else result.steps)
    if output.json:
        document("answer", result)
        return
    if result.understood:
        note(f"note: read as {result.understood!r}")
    if result.searched:
        note(f"note: {result.searched}")
    if output.quiet:
        out(_unmarked(result))
    elif result.themes or result.trends or result.kind == "disagreements":
        _whole(result)
    else:
        _matter(result)


def heading(number: int, count: int, question: str, output: Output) -> None:
    """Which question the answer below answers, when there are several."""
    if count > 1 and not output.json:
        if number > 1:
            out()
        out(bold(f"{number}. {' '.join(question.split())}"))


def watched(output: Output) -> bool:
    """Whether somebody reads the answer on a terminal, rather than a program."""
    return not (output.json or output.quiet) and sys.stdout.isatty() and sys.stderr.isatty()


def piece(output: Output) -> Callable[[str], None]:
    """Show what a writer writes as it comes, unchecked, where somebody watches; the checked answer goes to stdout."""
    if output.json or output.quiet or not sys.stderr.isatty():
        return lambda _: None

    def show(text: str) -> None:
        terminal.write(sys.stderr, dim(text))
        sys.stderr.flush()

    return show


def steps(output: Output) -> Callable[[Step], None] | None:
    """What is called with each step of a deliberate answer as it is done, for somebody who waits at a terminal."""
    return None if output.quiet or output.json or not sys.stderr.isatty() else _step


def _step(step: Step) -> None:
    note(f"  {step.part}: {len(step.draft)} drafted, {len(step.kept)} kept; {step.note}")


def spark(theme: ThemeTold | TrendTold) -> str:
    """A character a year: how large a share of its documents has the theme, the largest being the tallest; a blank
    where there are none. Even a subject of much is a tenth of a large pile, and would rise and fall unseen."""
    shares = [has / of if of else None for _, has, of in theme.series]
    tallest = max((share for share in shares if share is not None), default=0.0) or 1.0
    return bars([None if share is None else share / tallest for share in shares])


def _below(text: str, head: str) -> str | None:
    """The lines below the first, if that one says no more than `head`."""
    first, _, rest = text.partition("\n")
    return rest if rest and first.rstrip(":") == head else None


def _matter(result: Answer) -> None:
    if result.support == "memory":
        out(bold(one_line(result.text)))
        line(dim("From memory alone: nothing was looked up, and no text bears it out."))
    elif result.short and result.support != "none":
        sure = dim(f"  ({result.probability:.0%} sure)") if result.probability is not None else ""
        out(f"{bold(result.short)}{sure}")
        if (below := _below(result.text, result.short)) is not None:  # the list that it is the head of
            _prose(below)
        else:
            out()
            _prose(result.text)
    else:
        _prose(result.text)
    if result.reasoner and result.citations:
        line(dim(f"(written by {result.reasoner}; every sentence was checked against what it cites)"))
    if result.citations:
        out()
        text = one_line(_unmarked(result))
        for c in result.citations:
            _cited(c)
            if one_line(c.quote) not in text:  # as an answer in other words than the document's
                _indented(f'"{one_line(c.quote)}"', dim)
    if result.written_by:
        doubt = f"; {len(result.unverified)} of its sentences no passage supports" if result.unverified else ""
        out()
        line(dim(f"Written by {result.written_by}{doubt}."))
    if result.incomplete:
        note(f"warning: the answer is incomplete: {result.incomplete}")
    if result.caution and (result.recalled or result.support in ("memory", "none")):  # also of what it does not recall
        note(f"note: {result.caution}")
    if result.recalled and result.support != "memory":
        agrees = {
            True: "the evidence says so too",
            False: "another passage says so",
            None: "a passage says so",
        }
        out()
        line(f"From memory alone: {result.recalled} ({agrees[result.agrees]})")


def _whole(result: Answer) -> None:
    _prose(result.lead or result.text)
    quotes = {c.number: one_line(c.quote) for c in result.citations}
    for trend in result.trends:
        also = f"; also {', '.join(trend.variants)}" if trend.variants else ""
        when = f", first in {trend.first}" if trend.first else f", most around {trend.peak}" if trend.peak else ""
        company = f"; with {', '.join(trend.company)}" if trend.company else ""
        _series(trend, f"{when}{also}{company}")
        _indented(" ".join(f"{quotes[n]} [{n}]" for n in trend.citations))
    for theme in result.themes:
        share = f", {theme.share:.0%}" if theme.share else ""
        company = f"; with {', '.join(theme.company)}" if theme.company else ""
        _series(theme, f"{share}{company}")
        if theme.central:
            _indented(f"such as: {'; '.join(theme.central[:2])}")
        _indented(" ".join(f"{quotes[n]} [{n}]" for n in theme.citations))
    for dispute in result.disagreements:
        out()
        _dispute(dispute, quotes)
    if result.alone:
        out()
        line(f"In no topic: {', '.join(result.alone)}")
    out()
    for c in result.citations:
        _cited(c)


def _series(theme: ThemeTold | TrendTold, more: str) -> None:
    """Its name, what it does, a character a year, and how many documents."""
    out()
    # a point of a long line is some years together: "2001-2003"
    years = f"{theme.series[0][0].split('-')[0]}-{theme.series[-1][0].split('-')[-1]} " if theme.series else ""
    drawn = f"{years}{spark(theme)}".strip()
    count = plural(theme.documents, "document")
    line(f"{bold(theme.phrase)}  {theme.direction}{f'  {drawn}' if drawn else ''}  {count}{more}")


def _dispute(dispute: DisagreementTold, quotes: dict[int, str]) -> None:
    status = "" if dispute.status == "unknown" else f"  {dispute.status}"
    line(f"{bold(dispute.topic)}  disagreement{status}")
    for year, n in dispute.sides:
        _indented(f"{year or 'undated'}: {quotes[n]} [{n}]")
    for n in dispute.about:
        _indented(f"on this: {quotes[n]} [{n}]")


def _workings(result: Answer, untold: Sequence[Step]) -> None:
    """What was decided and looked at, and what each step of a deliberate answer did; on stderr."""
    why = f" ({result.routed})" if result.routed else ""
    note(f"route {result.route}{why}, {len(result.evidence)} blocks looked at, {result.seconds:.2f} s")
    for step in untold:
        _step(step)
    for c in result.citations:
        if c.label:
            note(f"  [{c.number}] {c.source}")
    for e in result.evidence:
        note(f"  {e.score:.3f} {e.source}, {e.place or f'page {e.page}'}")


def _cited(c: Citation) -> None:
    line(f"{bold(f'[{c.number}]')} {c.label or c.source}, {c.place or f'page {c.page}'}")


def _prose(text: str) -> None:
    """In lines that can be read; the lines of a list stay lines of a list."""
    for paragraph in text.splitlines():
        inner = "  " if paragraph.startswith("- ") else ""
        for row in textwrap.wrap(paragraph, _WIDTH, subsequent_indent=inner, **_WHOLE_WORDS) or [""]:
            line(row)


def _indented(text: str, styled: Callable[[str], str] = str) -> None:
    for row in textwrap.wrap(text, _WIDTH - 4, **_WHOLE_WORDS):
        line(f"    {styled(row)}")


def _unmarked(result: Answer) -> str:
    """The text without the numbers of its citations, which mean nothing where no list of them follows."""
    numbers = "|".join(str(c.number) for c in result.citations)
    return re.sub(rf" \[(?:{numbers})\](?!\w)", "", result.text) if numbers else result.text
