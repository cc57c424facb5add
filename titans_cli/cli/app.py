"""The command tree put together from `commands/`, and what holds for every command: version, settings, defaults.

Which options a command has, and what it does, is its own file's; here stands only that there is one.
"""

from __future__ import annotations

from typing import Annotated

import typer
from typer.core import TyperGroup

from titans_cli import __version__, settings
from titans_cli.cli import appearance, options, tree
from titans_cli.cli.commands import (
    ask,
    chat,
    check,
    cite,
    config,
    doctor,
    help,
    ingest,
    ltm,
    mcp,
    memory,
    model,
    note,
    open,
    recall,
    report,
    run,
    search,
    session,
    show,
    sources,
    themes,
    trends,
)
from titans_cli.cli.render.console import out
from titans_cli.errors import UsageError

app = typer.Typer(
    name="titans",
    cls=tree.Grouped,
    help="Read documents once, ask about all of them.\n\n"
    "A language model with a neural memory reads, and the memory learns while it reads. What it learned lives in a "
    "session and goes with it, unless you promote it.",
    epilog="Start with: titans ingest ./papers && titans ask 'summarize trends'\n\n"
    "Every command has examples in its --help, --json for programs, and defaults of your own in titans config show.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(session.app, name="session")
app.add_typer(memory.app, name="memory")
app.add_typer(ltm.app, name="ltm")
app.add_typer(config.app, name="config")
app.add_typer(model.app, name="model")
app.command(epilog=ingest.EXAMPLES)(ingest.ingest)
app.command(epilog=ask.EXAMPLES)(ask.ask)
app.command(epilog=chat.EXAMPLES)(chat.chat)
app.command(epilog=themes.EXAMPLES)(themes.themes)
app.command(epilog=trends.EXAMPLES)(trends.trends)
app.command(epilog=note.EXAMPLES)(note.note)
app.command(epilog=recall.EXAMPLES)(recall.recall)
app.command(epilog=run.EXAMPLES)(run.run)
app.command(epilog=check.EXAMPLES)(check.check)
app.command(epilog=report.EXAMPLES)(report.report)
app.command(epilog=cite.EXAMPLES)(cite.cite)
app.command(epilog=search.EXAMPLES)(search.search)
app.command(epilog=sources.EXAMPLES)(sources.sources)
app.command(epilog=show.EXAMPLES)(show.show)
app.command("open", epilog=open.EXAMPLES)(open.open_)
app.command(epilog=doctor.EXAMPLES)(doctor.doctor)
app.command(epilog=mcp.EXAMPLES)(mcp.mcp)
app.command(epilog=help.EXAMPLES)(help.help)
MENDERS = {"config", "doctor", "help"}  # they work when the settings make no sense, and say why not


def _version(wanted: bool) -> None:
    if wanted:
        out(f"titans {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Without a command: the help."""
    if context.invoked_subcommand is None:
        out(context.get_help())
        return
    try:
        known = settings.load()
    except UsageError:
        if appearance.current().asking_help or context.invoked_subcommand in MENDERS:
            return
        raise
    in_file = {name: f.value for name, f in known.items() if f.origin == "file"}
    assert isinstance(context.command, tree.Grouped)
    called = context.invoked_subcommand  # no other command needs to be made
    context.default_map = {called: tree.defaults(context.command.commands[called], in_file)} if in_file else {}
    options.apply(known)


def command_tree() -> TyperGroup:
    """All commands, as `main` runs them."""
    return tree.whole(app)
