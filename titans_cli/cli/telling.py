"""Answers to text: the answer first, then what proves it, then what memory alone said.

An answer about the whole is laid out as a lead, themes with a small line of their years, disagreements, and the list of
what is cited.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Sequence

from titans_cli.cli.options import Output
from titans_cli.cli.render import bars, bold, dim, document, note, out
from titans_cli.records import Answer, Citation, DisagreementTold, Step, ThemeTold, TrendTold

_WIDTH = 96  # of a line of prose


def answer(result: Answer, output: Output, *, verbose: bool = False, told: bool = False) -> None:
    """`told`: whoever waits has seen the steps already."""
    if verbose:
        _workings(result, () if told else result.steps)
    if output.json:
        document("answer", result)
    elif output.quiet:
        out(result.text)
    elif result.themes or result.trends or result.kind == "disagreements":
        _whole(result)
    else:
        _matter(result)


def piece(output: Output) -> Callable[[str], None]:
    """Show what a writer writes as it comes, unchecked, where somebody watches; the checked answer goes to stdout."""
    if output.json or output.quiet or not sys.stderr.isatty():
        return lambda _: None

    def show(text: str) -> None:
        sys.stderr.write(dim(text))
        sys.stderr.flush()

    return show


def steps(output: Output) -> Callable[[Step], None] | None:
    """What is called with each step of a deliberate answer as it is done, for somebody who waits at a terminal."""
    return None if output.quiet or output.json or not sys.stderr.isatty() else _step


def _step(step: Step) -> None:
    note(f"  {step.part}: {len(step.draft)} drafted, {len(step.kept)} kept; {step.note}")


def spark(told: ThemeTold | TrendTold) -> str:
    """A character a year: how large a share of its documents has the theme; a blank where there are none."""
    return bars([has / of if of else None for _, has, of in told.series])


def _matter(result: Answer) -> None:
    if result.short and result.citations:
        out(bold(result.short))
        out()
    out(result.text)
    if result.reasoner and result.citations:
        out(dim(f"(written by {result.reasoner}; every sentence was checked against what it cites)"))
    if result.citations:
        out()
        for c in result.citations:
            _cited(c)
            out(dim(f'    "{_one_line(c.quote)}"'))
    if result.written_by:
        doubt = f"; {len(result.unverified)} of its sentences stand in no passage" if result.unverified else ""
        out()
        out(dim(f"Written by {result.written_by}{doubt}."))
    if result.caution and (result.recalled or result.support == "memory"):
        note(f"note: {result.caution}")
    if result.recalled and result.support != "memory":
        agrees = {
            True: "the evidence says so too",
            False: "another passage says so",
            None: "a passage says so",
        }
        out()
        out(f"From memory alone: {result.recalled} ({agrees[result.agrees]})")


def _whole(result: Answer) -> None:
    for line in textwrap.wrap(result.lead or result.text, _WIDTH):
        out(line)
    quotes = {c.number: _one_line(c.quote) for c in result.citations}
    for trend in result.trends:
        also = f"; also {', '.join(trend.variants)}" if trend.variants else ""
        when = f", first in {trend.first}" if trend.first else f", most around {trend.peak}" if trend.peak else ""
        _line(trend, f"{when}{also}")
        _indented(" ".join(f"{quotes[n]} [{n}]" for n in trend.citations))
    for theme in result.themes:
        share = f", {theme.share:.0%}" if theme.share else ""
        company = f"; with {', '.join(theme.company)}" if theme.company else ""
        _line(theme, f"{share}{company}")
        if theme.central:
            _indented(f"such as: {'; '.join(theme.central[:2])}")
        _indented(" ".join(f"{quotes[n]} [{n}]" for n in theme.citations))
    for dispute in result.disagreements:
        out()
        _dispute(dispute, quotes)
    if result.alone:
        out()
        out(f"In no topic: {', '.join(result.alone)}")
    out()
    for c in result.citations:
        _cited(c)


def _line(told: ThemeTold | TrendTold, more: str) -> None:
    """Its name, what it does, a character a year, and how many documents."""
    out()
    # a point of a long line is some years together: "2001-2003"
    years = f"{told.series[0][0].split('-')[0]}-{told.series[-1][0].split('-')[-1]} " if told.series else ""
    line = f"{years}{spark(told)}".strip()
    count = f"{told.documents} document{'' if told.documents == 1 else 's'}"
    out(f"{bold(told.phrase)}  {told.direction}{f'  {line}' if line else ''}  {count}{more}")


def _dispute(told: DisagreementTold, quotes: dict[int, str]) -> None:
    status = "" if told.status == "unknown" else f"  {told.status}"
    out(f"{bold(told.topic)}  disagreement{status}")
    for year, n in told.sides:
        _indented(f"{year or 'undated'}: {quotes[n]} [{n}]")
    for n in told.about:
        _indented(f"on this: {quotes[n]} [{n}]")


def _workings(result: Answer, untold: Sequence[Step]) -> None:
    """What was decided and looked at, and what each step of a deliberate answer did; on stderr."""
    why = f" ({result.routed})" if result.routed else ""
    note(f"route {result.route}{why}, {len(result.evidence)} blocks looked at, {result.seconds:.2f} s")
    for step in untold:
        _step(step)
    for e in result.evidence:
        note(f"  {e.score:.3f} {e.source}, {e.place or f'page {e.page}'}")


def _cited(c: Citation) -> None:
    out(f"{bold(f'[{c.number}]')} {c.source}, {c.place or f'page {c.page}'}")


def _indented(text: str) -> None:
    for line in textwrap.wrap(text, _WIDTH - 4):
        out(f"    {line}")


def _one_line(text: str) -> str:
    return " ".join(text.split())
