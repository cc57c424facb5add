"""titans help: the help of a command, and the whole tree as JSON for programs or as a man page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from titans_cli import __version__
from titans_cli.cli import options, tree
from titans_cli.cli.codes import EXIT_CODES
from titans_cli.cli.render.console import Output, document, out
from titans_cli.errors import UsageError
from titans_cli.settings import CONFIG, SETTINGS

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
    if markdown:
        from titans_cli.cli.reference import markdown as written

        out(written(tree.describe(root)))
    elif man:
        out("\n".join(page(tree.describe(root))))
    elif output.json:
        document("help", facts(described))
    elif output.quiet:
        for each in described.walk():
            if not each.commands:
                out(each.path)
    else:
        out(chosen.get_help(context))


def facts(described: tree.Described) -> dict[str, Any]:
    """Everything that can be known of the command line without running it."""
    common = [asdict(tree.parameter(p)) for p in tree.common_options()]
    settings = [
        {"name": s.name, "variable": s.variable, "type": s.kind, "default": s.default, "flag": s.flag, "help": s.help}
        for s in SETTINGS.values()
    ]
    codes = [{"code": code, "meaning": meaning} for code, meaning in EXIT_CODES.items()]
    more = {"common_options": common, "settings": settings, "exit_codes": codes}
    return {"version": __version__, **asdict(described), **more}


# ---------------------------------------------------------------- the man page


def page(root: tree.Described) -> Iterator[str]:
    """titans(1), in the man macros, a line at a time."""
    yield f'.TH TITANS 1 "" "titans {__version__}" "User Commands"'
    yield from _section("NAME", f"titans \\- {_roff(root.summary.rstrip('.').lower())}")
    yield from _section("SYNOPSIS", r"\fBtitans\fR \fICOMMAND\fR [\fIOPTIONS\fR] [\fIARGUMENTS\fR]")
    yield from _section("DESCRIPTION", *_paragraphs(root.help))
    yield ".SH COMMANDS"
    for described in root.walk():
        if not described.commands:
            yield from _command(described)
    yield ".SH OPTIONS OF EVERY COMMAND"
    for parameter in map(tree.parameter, tree.common_options()):
        yield from _tagged(_synopsis(parameter), parameter.help)
    yield ".SH ENVIRONMENT"
    for setting in SETTINGS.values():
        yield from _tagged(rf"\fB{setting.variable}\fR", f"{setting.help} In the settings file: {setting.name}.")
    yield from _tagged(rf"\fB{CONFIG}\fR", "The settings file.")
    yield ".SH EXIT STATUS"
    for code, meaning in EXIT_CODES.items():
        yield from _tagged(rf"\fB{code}\fR", f"{meaning.replace('`', '')}.")
    yield from _section("FILES", "See titans config path and titans doctor for where settings and sessions are.")


def _command(described: tree.Described) -> Iterator[str]:
    yield f".SS {_roff(described.usage)}"
    yield from _paragraphs(described.help)
    for parameter in (*described.arguments, *described.options):
        yield from _tagged(_synopsis(parameter), f"{parameter.help}{_default(parameter)}")
    for example in described.examples:
        yield from (".PP", "Example:", ".PP", ".EX", _roff(example), ".EE")


def _synopsis(p: tree.Parameter) -> str:
    flags = ", ".join(rf"\fB{_roff(flag)}\fR" for flag in p.flags)
    return f"{flags} {_italic(p.metavar)}".strip() if flags else _italic(p.metavar)


def _default(p: tree.Parameter) -> str:
    return "" if p.type == "flag" or p.default in (None, []) else f" Default: {p.default}."


def _section(name: str, *lines: str) -> Sequence[str]:
    return (f".SH {name}", *lines)


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        yield ".PP"
        yield _roff(" ".join(paragraph.split()))


def _tagged(tag: str, text: str) -> Sequence[str]:
    return (".TP", tag, _roff(text))


def _italic(text: str) -> str:
    return rf"\fI{_roff(text)}\fR" if text else ""


def _roff(text: str) -> str:
    """Text that troff shows as it is: hyphens that can be copied, no request at the beginning of a line."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("`", r"\(ga")
    return rf"\&{escaped}" if escaped.startswith(".") else escaped
