"""What a session was told and holds: items, passages that bear on a query, events that share its words.

What is withheld or refused is said beside it; why is the use-case's to know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from titans_cli.cli.render.console import Output, bold, dim, document, line, note, out, table
from titans_cli.wording import minute, plural

if TYPE_CHECKING:
    from titans_cli.records import Item
    from titans_cli.sessions.history import EraseResult, RecallResult
    from titans_cli.sessions.items import FilterResult, ItemResult
    from titans_cli.sessions.retrieve import RetrieveResult


def item(t: ItemResult, output: Output) -> None:
    if output.json:
        document("memory-item", t)
        return
    if output.quiet:
        out(t.item.id)
    else:
        line(f"{_outcome(t)}: {_named(t.item)} in session {t.session}, id {t.item.id}")
    if t.finished and not output.quiet:
        note(f"titans: finished an earlier forgetting in session {t.session}, which had been interrupted")
    for why in t.refused:
        note(f"warning: a part was not learned, to keep the memory sound: {why}")
    if t.item.withheld and not output.quiet:
        note("it is excluded from answers; take it back: titans memory filter --include --sources ITEM")
    if t.superseded and not output.quiet:
        old = plural(t.superseded, "old version")
        note(f"{old} withheld: never recalled or cited, and on disk until titans memory gc or anything is forgotten")
    if not t.clean:
        note("titans: another command is still reading; the last bytes go with the next command that opens the session")


def _outcome(t: ItemResult) -> str:
    if t.status == "unchanged":
        return "nothing to learn, known already"
    if t.status == "retagged":
        return f"tagged {', '.join(t.item.tags) or 'with nothing'}"
    learned = f"learned {plural(t.item.tokens, 'token')}, surprise {t.item.surprise:.2f}"
    if t.status == "updated" and t.forgotten_events:
        return f"updated ({learned}; forgot the old text and {plural(t.forgotten_events, 'event')} that spoke of it)"
    return f"{t.status} ({learned})"


def _named(i: Item) -> str:
    return f"{i.label} (key {i.key})" if i.key and i.key != i.label else i.label


def filtered(f: FilterResult, output: Output, *, did: str = "") -> None:
    """`did`: "excluded" or "included", or nothing for a mere list."""
    if output.json:
        document("memory-filter", f)
    elif output.quiet:
        for i in f.items:
            line(i.key or i.id)
    elif f.items:
        rows = [["ID", "KEY", "SOURCE", "TAGS", "TOLD OR READ", "TOKENS", "SURPRISE", ""]]
        for i in f.items:
            tags = ", ".join(i.tags)
            figures = [minute(i.at), f"{i.tokens:,}", f"{i.surprise:.2f}", i.withheld or ""]
            rows.append([i.id, i.key or "", i.label, tags, *figures])
        table(rows)
    if not output.json and not output.quiet and (did or not f.items):
        note(f"{did} {f.changed} of the {len(f.items)} that match" if did else "nothing matches")


def retrieved(r: RetrieveResult, output: Output) -> None:
    if output.json:
        document("memory-retrieved", r)
        return
    if output.quiet:
        for p in r.passages:
            line(" ".join(p.text.split()))
        return
    if r.recalled:
        agrees = "a passage says so too" if r.agrees else "no passage says so"
        line(f"From memory alone (not checked against any text): {bold(r.recalled)} ({agrees})")
    else:
        out("From memory alone: nothing with confidence")
    for p in r.passages:
        out()
        figures = ", ".join([f"score {p.score:.2f}", f"surprise {p.surprise:.2f}", *p.tags])
        line(f"{bold(f'[{p.number}]')} {p.label}, {p.place}  {dim(figures)}")
        line(f"    {' '.join(p.text.split())}")


def recalled(r: RecallResult, output: Output) -> None:
    if output.json:
        document("recalled", r)
    elif r.events:
        table([[minute(e.at), e.kind, " ".join(e.text.split())] for e in r.events])
    elif not output.quiet:
        note("nothing that was experienced speaks of that")


def erased(e: EraseResult, output: Output) -> None:
    if output.json:
        document("memory-gc", e)
    elif not output.quiet:
        if e.finished:
            out(f"finished an earlier erasing in session {e.session}, which had been interrupted")
        out(f"{'erased' if e.done else 'would erase'} {plural(e.versions, 'old version')} in session {e.session}")
