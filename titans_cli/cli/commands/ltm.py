"""titans ltm: what is asked before an entry is removed or written over; the rest is `sessions/lifecycle.py`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from titans_cli.cli import completion, options, values
from titans_cli.cli.confirmation import confirm
from titans_cli.cli.render import ltm as view
from titans_cli.cli.render.console import Output, named
from titans_cli.cli.render.session import exported
from titans_cli.cli.tree import Grouped
from titans_cli.store import Home
from titans_cli.wording import plural

app = typer.Typer(cls=Grouped, help="Look at, copy and remove long-term memory (LTM) entries.", rich_markup_mode=None)
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="LTM entry, by name or ID prefix.", autocompletion=completion.entries)
]


@app.command("list", epilog="Example: titans ltm list -q")
def list_(json: options.Json = False, quiet: options.Quiet = False) -> None:
    """List what was promoted, oldest first."""
    from titans_cli.sessions import lifecycle

    table = lifecycle.list_entries(Home.locate())
    view.listed(table.entries, table.unreadable, Output(json, quiet))


@app.command(epilog="Example: titans ltm show survey-2026 --json | jq .sources")
def show(name: Name, json: options.Json = False, quiet: options.Quiet = False) -> None:
    """Show an entry: where it came from, what the gate measured, what it read."""
    from titans_cli.sessions import lifecycle

    view.details(lifecycle.show_entry(Home.locate(), name), Output(json, quiet))


@app.command(epilog="Example: titans ltm diff survey-2025 survey-2026")
def diff(
    one: Annotated[
        str, typer.Argument(metavar="A", help="LTM entry, by name or ID prefix.", autocompletion=completion.entries)
    ],
    other: Annotated[str, typer.Argument(metavar="B", help="Another.", autocompletion=completion.entries)],
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare two entries: which documents only one of them holds, and what the gate measured of each."""
    from titans_cli.sessions import lifecycle

    view.diff(lifecycle.diff_entries(Home.locate(), one, other), Output(json, quiet))


@app.command(epilog="Example: titans ltm verify survey-2026 && echo sound")
def verify(name: Name, json: options.Json = False, quiet: options.Quiet = False) -> None:
    """Read an entry whole. Exit code 13 unless every byte is as it was promoted."""
    from titans_cli.sessions import lifecycle

    info = lifecycle.verify_entry(Home.locate(), name)
    named("ltm-verified", info, f"{info.name} is as it was promoted on {info.created}", Output(json, quiet))


@app.command(epilog="Example: titans ltm export survey-2026 survey-2026.ltm && scp survey-2026.ltm elsewhere:")
def export(
    name: Name,
    file: options.ExportFile = None,
    written: options.AlsoFile = None,
    dry_run: options.DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Replace FILE if it exists.")] = False,
    max_room: options.MaxRoom = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write an entry to one file, with a checksum for every part of it. Exit code 13 unless all of it is sound."""
    from titans_cli.sessions import lifecycle

    room, target = values.room(max_room), values.one_file(file, written)
    done = lifecycle.export_entry(Home.locate(), name, target, replace_file=yes, dry_run=dry_run, max_room=room)
    exported(done, dry_run, Output(json, quiet), kind="LTM entry")


@app.command("import", epilog="Example: titans ltm import survey-2026.ltm && titans session new --from survey-2026")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of titans ltm export.")],
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the entry. Default: the one it had.", show_default=False)
    ] = None,
    max_room: options.MaxRoom = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Take the entry that a file holds, if every byte of it is as it was promoted. Exit code 13 otherwise."""
    from titans_cli.sessions import lifecycle

    info = lifecycle.import_entry(Home.locate(), file, name, max_room=values.room(max_room))
    named("ltm-imported", info, f"imported LTM entry {info.name}", Output(json, quiet))


@app.command(epilog="Example: titans ltm rm survey-2025 --dry-run")
def rm(
    name: Name,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Remove an entry. Sessions already started from it keep what they have."""
    from titans_cli.sessions import lifecycle

    home = Home.locate()
    info = lifecycle.remove_entry(home, name, dry_run=True)
    if isinstance(info, lifecycle.DamagedEntry) and info.finished:
        named("ltm-removed", info, "finished an earlier removal, which had been interrupted", Output(json, quiet))
        return
    children = lifecycle.started_from(home, info.name)
    if not dry_run:
        content = "damaged" if isinstance(info, lifecycle.DamagedEntry) else plural(len(info.sources), "source")
        confirm(f"Remove LTM entry {info.name} ({content})?{_children(children)}", yes)
        info = lifecycle.remove_entry(home, info.name)
    verb = "would remove" if dry_run else "removed"
    named("ltm-removed", info, f"{verb} {info.name}.{_children(children)}".rstrip("."), Output(json, quiet))


def _children(names: Sequence[str]) -> str:
    """What is said of the sessions that started from an entry."""
    if not names:
        return ""
    one = len(names) == 1
    began = f"{plural(len(names), 'session')} started from it ({', '.join(names)})"
    return f" {began}: {'it keeps' if one else 'they keep'} what came from it, and the gate can no longer compare it."
