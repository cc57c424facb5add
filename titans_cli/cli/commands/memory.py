"""titans memory: how a text, an item and a filter are given; what is learned and forgotten is `sessions/items.py`."""

from __future__ import annotations

from typing import Annotated

import typer

from titans_cli.cli import options, values
from titans_cli.cli.commands.session import forget
from titans_cli.cli.render import answer
from titans_cli.cli.render import memory as view
from titans_cli.cli.render.console import Output
from titans_cli.cli.tree import Grouped
from titans_cli.store import Home

app = typer.Typer(
    cls=Grouped,
    help="Tell a session things, correct them, take them back, and retrieve what it knows.",
    rich_markup_mode=None,
)
Named = Annotated[str, typer.Argument(metavar="ITEM", help="An item, by key or id.")]
Label = Annotated[
    str | None,
    typer.Option("--source", metavar="LABEL", help="Where it comes from: cited with it.", show_default=False),
]
OfTags = Annotated[
    list[str],
    typer.Option("--tag", metavar="TAG", help="Only items with this tag; repeated: with all.", show_default=False),
]
OfSources = Annotated[
    list[str],
    typer.Option(
        "--sources", metavar="GLOB", help="Only what has such a key, label or path; repeated: any.", show_default=False
    ),
]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="As --since.", show_default=False)]
Least = Annotated[
    float | None,
    typer.Option("--min-surprise", metavar="X", help="At least so surprising when read.", show_default=False),
]
Most = Annotated[float | None, typer.Option("--max-surprise", metavar="X", help="At most.", show_default=False)]
NoLog = Annotated[bool, typer.Option("--no-log", help="Do not keep question and answer as episodes.")]


@app.command(
    epilog="Example: titans memory add 'The weir failed in 2019.' --source 'call with Ito' --tag weir --key weir-1"
)
def add(
    text: options.Text,
    session: options.Session = None,
    key: options.Key = None,
    source: Label = None,
    tag: options.Tags = [],  # noqa: B006
    model: options.Model = None,
    max_room: options.MaxRoom = None,
    retry_lock: options.RetryLock = "0s",
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Memorise a text: learned and cited as a document is. When it returns, it is durable.

    With a key a repeated call learns nothing twice; another text under the same key is refused: see update.
    """
    from titans_cli.sessions import items

    result = items.add(
        Home.locate(),
        session,
        items.ItemRequest(values.text_or_stdin(text), key, source, tag),
        model=model,
        retry_lock=values.seconds(retry_lock),
        max_room=values.room(max_room),
    )
    view.item(result, Output(json, quiet))


@app.command(epilog="Example: titans memory update weir-1 'The weir failed in 2020.' --json")
def update(
    item: Named,
    text: options.Text,
    session: options.Session = None,
    source: Label = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TAG", help="Instead of its tags.", show_default=False)
    ] = None,
    fast: Annotated[
        bool,
        typer.Option(
            "--fast", help="Only withhold the old text: never recalled or cited again, but on disk until memory gc."
        ),
    ] = False,
    max_room: options.MaxRoom = None,
    retry_lock: options.RetryLock = "0s",
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Put a text in the place of an item's. The old one is forgotten exactly, in the commit that brings the new one.

    That rewrites the session's database, so its cost grows with the session; --fast leaves that for later.
    """
    from titans_cli.sessions import items

    result = items.update(
        Home.locate(),
        session,
        item,
        items.ItemRequest(values.text_or_stdin(text), label=source, tags=tag or None),
        fast=fast,
        retry_lock=values.seconds(retry_lock),
        max_room=values.room(max_room),
    )
    view.item(result, Output(json, quiet))


@app.command(epilog="Example: titans memory delete weir-1 --dry-run")
def delete(
    item: Annotated[
        str, typer.Argument(metavar="ITEM", help="An item by key or id, or a document as in session forget.")
    ],
    session: options.Session = None,
    retry_lock: options.RetryLock = "0s",
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Unlearn an item or a document exactly: its memory, its text, and every event that names or quotes it.

    What is left is, bit for bit, what a session holds that was never told it. There is no way back.
    """
    forget(item, session, retry_lock, dry_run, yes, json, quiet)


@app.command(
    epilog="Example: titans memory retrieve 'when did the weir fail' --tag weir --json | jq -r '.passages[].text'"
)
def retrieve(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="What to look for; - reads it from stdin.")],
    session: options.Session = None,
    top_k: Annotated[int, typer.Option("--top-k", min=1, max=200, help="So many passages.")] = 8,
    tag: OfTags = [],  # noqa: B006
    sources: OfSources = [],  # noqa: B006
    since: options.Since = None,
    until: Until = None,
    least: Least = None,
    most: Most = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show what the memory alone recalls, and the passages that bear on it, with scores and places. Changes nothing."""
    values.ready(session)
    from titans_cli.sessions.retrieve import retrieve as use_case
    from titans_cli.sessions.selection import Filter

    within = Filter(tag, sources, since, until, least, most)
    result = use_case(Home.locate(), session, values.text_or_stdin(query), top_k=top_k, within=within)
    view.retrieved(result, Output(json, quiet))


@app.command(epilog="Example: titans memory summary --tag weir --kind disagreements")
def summary(
    about: Annotated[
        str | None, typer.Argument(metavar="[QUESTION]", help="A question of your own.", show_default=False)
    ] = None,
    session: options.Session = None,
    kind: Annotated[
        str, typer.Option("--kind", metavar="trends|themes|disagreements", help="Without a question.")
    ] = "trends",
    tag: OfTags = [],  # noqa: B006
    sources: OfSources = [],  # noqa: B006
    since: options.Since = None,
    until: Until = None,
    least: Least = None,
    most: Most = None,
    sentences: options.Sentences = 8,
    no_log: NoLog = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Summarise what a filter lets through, with citations; of few documents, in their own sentences."""
    values.ready(session)
    from titans_cli.sessions.retrieve import SummaryRequest
    from titans_cli.sessions.retrieve import summary as use_case
    from titans_cli.sessions.selection import Filter

    within = Filter(tag, sources, since, until, least, most)
    question = values.text_or_stdin(about) if about is not None else None
    request = SummaryRequest(kind, question, within, sentences, log=not no_log)
    result = use_case(Home.locate(), session, request)
    answer.answer(result, Output(json, quiet))


@app.command(
    "filter", epilog="Example: titans memory filter --tag rumour --exclude && titans ask 'When did the weir fail?'"
)
def filter_(
    session: options.Session = None,
    tag: OfTags = [],  # noqa: B006
    sources: OfSources = [],  # noqa: B006
    since: options.Since = None,
    until: Until = None,
    least: Least = None,
    most: Most = None,
    exclude: Annotated[bool, typer.Option("--exclude", help="Leave them out of later answers.")] = False,
    include: Annotated[bool, typer.Option("--include", help="Take them back.")] = False,
    excluded: Annotated[bool, typer.Option("--excluded", help="Of those that are excluded now.")] = False,
    retry_lock: options.RetryLock = "0s",
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """List items and documents by tag, source, time or surprise, and exclude them from later answers, or include them.

    What is excluded stays in the session, unrecalled and uncited, until it is included again.
    """
    from titans_cli.sessions import items
    from titans_cli.sessions.selection import Filter

    result = items.filter_items(
        Home.locate(),
        session,
        Filter(tag, sources, since, until, least, most),
        exclude=exclude,
        include=include,
        excluded=excluded,
        retry_lock=values.seconds(retry_lock),
    )
    view.filtered(result, Output(json, quiet), did="excluded" if exclude else "included" if include else "")


@app.command(epilog="Example: titans memory gc --dry-run")
def gc(
    session: options.Session = None,
    retry_lock: options.RetryLock = "0s",
    dry_run: options.DryRun = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Erase what fast updates left behind: text, memory and events of superseded versions."""
    from titans_cli.sessions import history

    done = history.erase(Home.locate(), session, dry_run=dry_run, retry_lock=values.seconds(retry_lock))
    view.erased(done, Output(json, quiet))
