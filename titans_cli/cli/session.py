"""titans session ..."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from titans_cli.cli import options, render
from titans_cli.cli.options import Output, seconds
from titans_cli.errors import UsageError
from titans_cli.sessions import lifecycle
from titans_cli.store import Home

app = typer.Typer(help="Start, look at, promote or discard sessions.", rich_markup_mode=None)
Name = Annotated[
    str | None, typer.Argument(metavar="[NAME]", help="Session, by name or ID prefix.", show_default=False)
]


@app.command(epilog="Example: titans session new survey --from last-years-papers")
def new(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Letters, digits, . _ -", show_default=False)
    ] = None,
    entry: Annotated[
        str | None, typer.Option("--from", metavar="LTM", help="Start from this LTM entry.", show_default=False)
    ] = None,
    model: options.Model = None,
    precision: options.Precision = None,
    no_use: Annotated[bool, typer.Option("--no-use", help="Do not make it the current session.")] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Start a session from the initial memory, or from a promoted one."""
    info = lifecycle.new_session(Home.locate(), name, entry=entry, model=model, precision=precision, use=not no_use)
    start = f"from {entry}" if entry else "knowing nothing"
    render.named("session-info", info, f"started session {info.name}, {start}", Output(json, quiet))


@app.command("list", epilog="Example: for s in $(titans session list -q); do titans session show $s; done")
def list_(json: options.Json = False, quiet: options.Quiet = False) -> None:
    """List sessions, oldest first; * marks the current one."""
    found, current = lifecycle.list_sessions(Home.locate())
    render.sessions(found.sessions, found.unreadable, current, Output(json, quiet))


@app.command(epilog="Example: titans session show --json | jq .memory_sha256")
def show(
    name: Name = None, session: options.Session = None, json: options.Json = False, quiet: options.Quiet = False
) -> None:
    """Show a session: its sources, its memory's digest, its size."""
    details = lifecycle.show_session(Home.locate(), name or session)
    if quiet and not json:
        render.out(details.info.name)
    else:
        render.session_details(details, Output(json, quiet))


@app.command(epilog="Example: titans session use survey")
def use(
    name: Annotated[str, typer.Argument(help="Session, by name or ID prefix.")],
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Make a session the current one."""
    info = lifecycle.use_session(Home.locate(), name)
    render.named("session-info", info, f"now using session {info.name}", Output(json, quiet))


@app.command(epilog="Example: titans session promote --as survey-2026 --note 'all of 2026' --yes")
def promote(
    name: Name = None,
    entry: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="Name of the entry. Default: the session's.", show_default=False),
    ] = None,
    note: Annotated[str | None, typer.Option("--note", help="Why; kept in the entry.", show_default=False)] = None,
    session: options.Session = None,
    retry_lock: options.RetryLock = "0s",
    yes: options.Yes = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Make what a session learned an immutable long-term memory (LTM) entry, and close the session."""
    home, selector = Home.locate(), name or session
    details = lifecycle.show_session(home, selector)
    target = entry or details.info.promoted_to or details.info.name
    confirm(f"Promote session {details.info.name} to LTM entry {target} and close it?", yes)
    info = lifecycle.promote_session(home, selector, entry, note=note, retry_lock=seconds(retry_lock))
    sentence = f"promoted {info.session} to {info.name}: start from it with titans session new --from {info.name}"
    render.named("ltm-entry", info, sentence, Output(json, quiet))


@app.command(epilog="Example: titans session discard scratch --yes")
def discard(
    name: Name = None,
    session: options.Session = None,
    retry_lock: options.RetryLock = "0s",
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Remove a session and everything it learned. There is no way back."""
    home = Home.locate()
    preview = lifecycle.discard_session(home, name or session, dry_run=True)
    if not dry_run:
        confirm(f"Discard session {preview.name} and the {render.plural(preview.tokens, 'token')} it learned?", yes)
        preview = lifecycle.discard_session(home, preview.name, retry_lock=seconds(retry_lock))
    render.discarded(preview, Output(json, quiet))


def confirm(question: str, yes: bool) -> None:
    """Ask on a terminal; without one `--yes` is needed. Raises UsageError, or Abort for a no."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("this needs a confirmation, and there is no terminal to ask on", hint="Add --yes")
    typer.confirm(question, abort=True, err=True)
