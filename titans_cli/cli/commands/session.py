"""titans session: which session is meant, and what is asked before one is changed for good."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from titans_cli import settings
from titans_cli.cli import completion, options, values
from titans_cli.cli.confirmation import confirm, require_terminal
from titans_cli.cli.render import gate
from titans_cli.cli.render import session as view
from titans_cli.cli.render.console import Output, line, named
from titans_cli.cli.tree import Grouped
from titans_cli.store import Home
from titans_cli.wording import plural

if TYPE_CHECKING:
    from titans_cli.sessions.gate import Gate
    from titans_cli.sessions.history import ForgetResult

app = typer.Typer(cls=Grouped, help="Start, look at, change, copy, promote or discard sessions.", rich_markup_mode=None)
Name = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME", help="Session, by name or ID prefix.", show_default=False, autocompletion=completion.sessions
    ),
]


@app.command(epilog="Example: titans session new survey --from last-years-papers")
def new(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Letters, digits, spaces, . _ -", show_default=False)
    ] = None,
    entry: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="LTM",
            help="Start from this LTM entry.",
            show_default=False,
            autocompletion=completion.entries,
        ),
    ] = None,
    model: options.Model = None,
    precision: options.Precision = None,
    device: options.Device = "auto",
    dtype: options.Dtype = "auto",
    adapter: options.Adapter = None,
    trust_remote_code: options.Trust = False,
    max_room: options.MaxRoom = None,
    memory: options.MemorySize = None,
    no_use: Annotated[bool, typer.Option("--no-use", help="Do not make it the current session.")] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Start a session from the initial memory, or from a promoted one."""
    if name is not None:
        Home.locate().require_free(name)
    settings.require_choice("precision", precision)
    settings.require_choice("device", device)
    from titans_cli.records import Loading
    from titans_cli.sessions import lifecycle

    loading = Loading(device, dtype, adapter, trust_remote_code=trust_remote_code)
    info = lifecycle.new_session(
        Home.locate(),
        name,
        entry=entry,
        how=lifecycle.SessionOptions(model, precision, loading, values.room(max_room), values.bound(memory)),
        use=not no_use,
    )
    start = f"from {entry}" if entry else "knowing nothing"
    named("session-info", info, f"started session {info.name}, {start}", Output(json, quiet))


@app.command("list", epilog="Example: for s in $(titans session list -q); do titans session show $s; done")
def list_(json: options.Json = False, quiet: options.Quiet = False) -> None:
    """List sessions, oldest first; * marks the current one."""
    from titans_cli.sessions import lifecycle

    table, current = lifecycle.list_sessions(Home.locate())
    view.listed(table.sessions, table.unreadable, current, Output(json, quiet))


@app.command(epilog="Example: titans session show --json | jq .memory_sha256")
def show(
    name: Name = None, session: options.Session = None, json: options.Json = False, quiet: options.Quiet = False
) -> None:
    """Show a session: its sources, its memory's digest, its size."""
    from titans_cli.sessions import lifecycle

    details = lifecycle.show_session(Home.locate(), session if name is None else name)
    if quiet and not json:
        line(details.info.name)
    else:
        view.details(details, Output(json, quiet))


@app.command(epilog="Example: titans session use survey")
def use(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="Session, by name or ID prefix.", autocompletion=completion.sessions),
    ],
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Make a session the current one."""
    from titans_cli.sessions import lifecycle

    info = lifecycle.use_session(Home.locate(), name)
    named("session-info", info, f"now using session {info.name}", Output(json, quiet))


@app.command(epilog="Example: titans session promote --as survey-2026 --note 'all of 2026' --yes")
def promote(
    name: Name = None,
    entry: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="Name of the entry. Default: the session's.", show_default=False),
    ] = None,
    note: Annotated[str | None, typer.Option("--note", help="Why; kept in the entry.", show_default=False)] = None,
    force: Annotated[bool, typer.Option("--force", help="Below a bound of the gate too; kept in the entry.")] = False,
    session: options.Session = None,
    max_room: options.MaxRoom = None,
    retry_lock: options.RetryLock = "0s",
    yes: options.Yes = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Make what a session learned an immutable long-term memory (LTM) entry, and close the session.

    The gate measures it first and says what it found; below a bound the exit code is 20, and nothing is promoted.
    """
    from titans_cli.sessions import lifecycle

    home, selector, wait, output = (
        Home.locate(),
        session if name is None else name,
        values.seconds(retry_lock),
        Output(json, quiet),
    )
    details = lifecycle.show_session(home, selector)
    target = entry or details.info.promoted_to or details.info.name
    require_terminal(yes)  # before minutes of measuring

    def approve(measured: Gate) -> None:
        gate.gate(measured, refused=not (measured.passed or force), output=output)
        measured.admit(force)
        forced = "" if measured.passed else ", below the gate's bounds,"
        confirm(f"Promote session {details.info.name}{forced} to LTM entry {target} and close it?", yes)

    room = values.room(max_room)
    how = lifecycle.PromoteOptions(note, force)
    info = lifecycle.promote_session(
        home, details.info.name, entry, how, approve=approve, retry_lock=wait, max_room=room
    )
    sentence = f"promoted {info.session} to {info.name}: start from it with titans session new --from {info.name}"
    named("ltm-entry", info, sentence, output)


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
    from titans_cli.sessions import lifecycle

    home = Home.locate()
    preview = lifecycle.discard_session(home, session if name is None else name, dry_run=True)
    if not (dry_run or preview.finished):
        confirm(f"Discard session {preview.name} and the {plural(preview.tokens, 'token')} it learned?", yes)
        preview = lifecycle.discard_session(home, preview.name, retry_lock=values.seconds(retry_lock))
    view.discarded(preview, Output(json, quiet))


@app.command(epilog="Example: titans session log -n 20 --json | jq -r '.events[].text'")
def log(
    session: options.Session = None,
    limit: Annotated[
        int | None, typer.Option("-n", "--limit", min=1, help="Only the newest so many.", show_default=False)
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show what the session went through: what it read, was asked and answered, oldest first."""
    from titans_cli.sessions import history

    view.log(history.session_log(Home.locate(), session, limit), Output(json, quiet))


@app.command(epilog="Example: titans session forget papers/retracted.pdf --yes")
def forget(
    document: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="Path, displayed name, hash prefix or number.", autocompletion=completion.documents
        ),
    ],
    session: options.Session = None,
    retry_lock: options.RetryLock = "0s",
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Forget a document: its memory, its text, and every event that names or quotes it. There is no way back.

    What is left is, bit for bit, what a session holds that never read the document.
    """
    from titans_cli.sessions import history

    home, wait = Home.locate(), values.seconds(retry_lock)

    def question(preview: ForgetResult) -> str | None:
        return f"Forget {preview.sources[0].display} in session {preview.session}?" if preview.sources else None

    act = partial(history.forget, home, session, document)
    view.forgotten(_agreed(act, question, wait, yes=yes, dry_run=dry_run), Output(json, quiet))


@app.command(epilog="Example: titans session rewind --to papers/005.pdf --dry-run")
def rewind(
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="DOCUMENT",
            help="The last document to keep: path, name, hash or number.",
            autocompletion=completion.documents,
        ),
    ],
    session: options.Session = None,
    retry_lock: options.RetryLock = "0s",
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Forget everything that was read after a document. There is no way back: fork the session first to keep it."""
    from titans_cli.sessions import history

    home, wait = Home.locate(), values.seconds(retry_lock)

    def question(preview: ForgetResult) -> str:
        return f"Forget {plural(len(preview.sources), 'document')} that session {preview.session} read after {to}?"

    act = partial(history.rewind, home, session, to)
    view.forgotten(_agreed(act, question, wait, yes=yes, dry_run=dry_run), Output(json, quiet))


def _agreed(
    act: Callable[..., ForgetResult],
    question: Callable[[ForgetResult], str | None],
    wait: float,
    *,
    yes: bool,
    dry_run: bool,
) -> ForgetResult:
    """What was done, or would be: a preview first, and its question; whoever has agreed wants no second look at ten
    thousand documents. `question`: None where there is nothing to do."""
    if yes and not dry_run:
        return act(retry_lock=wait)
    preview = act(dry_run=True)
    asked = None if dry_run else question(preview)
    if asked is None:
        return preview
    confirm(asked, yes)
    return act(retry_lock=wait)


@app.command(epilog="Example: titans session fork what-if && titans ingest ./rumours")
def fork(
    new: Annotated[
        str | None, typer.Argument(metavar="NEW", help="Name of the new session.", show_default=False)
    ] = None,
    session: options.Session = None,
    no_use: Annotated[bool, typer.Option("--no-use", help="Do not make it the current session.")] = False,
    max_room: options.MaxRoom = None,
    retry_lock: options.RetryLock = "0s",
    dry_run: options.DryRun = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Start a session that knows all that this one knows; from then on they never share anything."""
    from titans_cli.sessions import lifecycle

    home = Home.locate()
    if dry_run:
        details = lifecycle.show_session(home, session)
        view.would(f"fork session {details.info.name}", details.info, Output(json, quiet))
        return
    wait, room = values.seconds(retry_lock), values.room(max_room)
    info = lifecycle.fork(home, session, new, use=not no_use, retry_lock=wait, max_room=room)
    named("session-info", info, f"started session {info.name} as a fork", Output(json, quiet))


@app.command(epilog="Example: titans session export survey.titans && scp survey.titans elsewhere:")
def export(
    file: options.ExportFile = None,
    written: options.AlsoFile = None,
    session: options.Session = None,
    max_room: options.MaxRoom = None,
    retry_lock: options.RetryLock = "0s",
    dry_run: options.DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Replace FILE if it exists.")] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write the session to one file, with a checksum for every part of it."""
    from titans_cli.sessions import lifecycle

    done = lifecycle.export(
        Home.locate(),
        session,
        values.one_file(file, written),
        replace_file=yes,
        dry_run=dry_run,
        retry_lock=values.seconds(retry_lock),
        max_room=values.room(max_room),
    )
    view.exported(done, dry_run, Output(json, quiet))


@app.command("import", epilog="Example: titans session import survey.titans --name survey-copy")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of titans session export.")],
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the session. Default: the one it had.", show_default=False)
    ] = None,
    no_use: Annotated[bool, typer.Option("--no-use", help="Do not make it the current session.")] = False,
    use: Annotated[bool, typer.Option("--use", hidden=True, help="What it does without --no-use; for 0.1.")] = False,
    max_room: options.MaxRoom = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Make the session that a file holds, if every byte of it is as it was exported. Exit code 13 otherwise."""
    from titans_cli.sessions import lifecycle

    info = lifecycle.import_(Home.locate(), file, name, use=use or not no_use, max_room=values.room(max_room))
    named("session-info", info, f"imported session {info.name}", Output(json, quiet))


@app.command(epilog="Example: titans session gc --older-than 30d --dry-run")
def gc(
    older_than: Annotated[str, typer.Option("--older-than", metavar="TIME", help="Unused for so long, e.g. 30d.")],
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Discard sessions in which nothing happened for a long time. The current one always stays."""
    from titans_cli.sessions import lifecycle

    home, age = Home.locate(), values.seconds(older_than)
    old, problems = lifecycle.discard_old(home, age, dry_run=True)
    if not dry_run and old:
        confirm(f"Discard {', '.join(d.name for d in old)}?", yes)
        old, problems = lifecycle.discard_old(home, age)
    view.collected(old, problems, Output(json, quiet))


@app.command(epilog="Example: titans session repair --dry-run")
def repair(
    name: Name = None,
    session: options.Session = None,
    compact: Annotated[
        bool, typer.Option("--compact", help="Also read anew what an earlier release kept in ten times the room.")
    ] = False,
    retry_lock: options.RetryLock = "0s",
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Put a damaged session right, and say what was lost.

    Cells are learned anew from the retained text; a document whose text is damaged is forgotten.
    """
    from titans_cli.sessions import health

    home, wait, selector = Home.locate(), values.seconds(retry_lock), session if name is None else name
    repair = health.repair_session(home, selector, dry_run=True, compact=compact, retry_lock=wait)
    if not dry_run:
        if repair.lost:
            confirm(f"Forget {plural(len(repair.lost), 'document')} whose text is damaged?", yes)
        repair = health.repair_session(home, selector, compact=compact, retry_lock=wait)
    view.repaired(repair, Output(json, quiet))
