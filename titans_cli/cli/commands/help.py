"""titans help: of which command, and in which form; the forms are `cli/reference.py`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from titans_cli.cli import options, tree
from titans_cli.cli.render.console import Output, document, out
from titans_cli.errors import UsageError

EXAMPLES = (
    "Example: titans help session promote\n\n"
    "Example: titans help --json | jq -r '.commands[].path'\n\n"
    "Example: titans help --man | man -l -"
)


def help(
    called: typer.Context,
    command: Annotated[
        list[str], typer.Argument(metavar="COMMAND", help="E.g. ask, or session promote.", show_default=False)
    ] = [],  # noqa: B006  typer copies it
    markdown: Annotated[bool, typer.Option("--markdown", help="A page of all commands, in Markdown.")] = False,
    man: Annotated[bool, typer.Option("--man", help="A man page of all commands, in troff.")] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show the help of a command; with --json the whole command tree.

    --json tells every command with its arguments, options, types, defaults and examples, the settings, and the exit
    codes. With -q only the names of commands are shown.
    """
    root: Any = called.find_root().command
    chosen, path, context = root, "titans", tree.context(root, "titans")
    for name in command:
        chosen = getattr(chosen, "commands", {}).get(name)
        if chosen is None:
            names = ", ".join(context.command.commands) if hasattr(context.command, "commands") else ""
            hint = f"{path} has: {names}" if names else f"See {path} --help"
            raise UsageError(f"no command {' '.join(command)!r}", hint=hint)
        path = f"{path} {name}"
        context = tree.context(chosen, name, context)
    described = tree.describe(chosen, path)
    output = Output(json, quiet)
    from titans_cli.cli import reference

    if markdown:
        out(reference.markdown(tree.describe(root)))
    elif man:
        out("\n".join(reference.man_page(tree.describe(root))))
    elif output.json:
        document("help", reference.facts(described))
    elif output.quiet:
        for each in described.walk():
            if not each.commands:
                out(each.path)
    else:
        out(chosen.get_help(context))
