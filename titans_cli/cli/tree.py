"""The command tree: made whole, and described as a value for `titans help --json`, the man page and the tests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperArgument, TyperGroup

from titans_cli import settings
from titans_cli.cli import lazy_tree, options

# What `titans --help` puts together, in its order; a command that stands nowhere here comes under the last heading.
GROUPS = {
    "Read and ask": ("ingest", "ask", "chat", "themes", "trends", "run", "note", "memory"),
    "Look and keep": ("sources", "search", "show", "open", "recall", "report", "cite", "session", "ltm", "check"),
    "Set up": ("doctor", "config", "model", "mcp", "help"),
}
_BY_FLAG = {s.flag: s for s in settings.SETTINGS.values() if s.flag}


class Grouped(lazy_tree.Sparing, TyperGroup):
    """A group whose help says first sentences whole; the root's shows its commands under the headings of `GROUPS`."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        left = {name: command for name, command in self.commands.items() if not command.hidden}
        width = max(map(len, left))
        groups = grouped(list(left)) if ctx.parent is None else {"Commands": list(left)}
        for heading, names in groups.items():
            with formatter.section(heading):
                formatter.write_dl([(n.ljust(width), left[n].get_short_help_str(1000)) for n in names])


def grouped(names: list[str]) -> dict[str, list[str]]:
    """The root's commands by heading, every one once; headings without a command are left out."""
    under = {heading: [n for n in members if n in names] for heading, members in GROUPS.items()}
    placed = {n for members in under.values() for n in members}
    under[list(under)[-1]] += [n for n in names if n not in placed]
    return {heading: members for heading, members in under.items() if members}


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument or an option. `type` is "flag", "integer", "number", "text", "path", or its metavar in lower case."""

    name: str
    flags: tuple[str, ...]  # of an option
    type: str
    metavar: str
    choices: tuple[str, ...]
    default: Any
    required: bool
    multiple: bool
    variable: str | None
    setting: str | None  # the key of the settings file
    help: str


@dataclass(frozen=True, slots=True)
class Described:
    """A command. `help` is what it says of itself, `summary` its first sentence."""

    path: str  # "titans session list"
    summary: str
    help: str
    usage: str
    arguments: tuple[Parameter, ...]
    options: tuple[Parameter, ...]
    examples: tuple[str, ...]
    commands: tuple[Described, ...]

    def walk(self) -> Iterator[Described]:
        """Itself, and all below it."""
        yield self
        for child in self.commands:
            yield from child.walk()


def whole(app: typer.Typer) -> TyperGroup:
    """The root command of `app`, with the options of `options.everywhere`; below it they are there, and not shown."""
    unseen = common_options()
    for option in unseen:
        option.hidden = True

    def finish(command: Any) -> None:
        common = common_options() if command.name == app.info.name else unseen
        taken = {flag for parameter in command.params for flag in parameter.opts}
        command.params += [option for option in common if not taken & set(option.opts)]

    return lazy_tree.root(app, _in_order, finish)


def _in_order(names: list[str]) -> list[str]:
    return [name for members in grouped(names).values() for name in members]


def common_options() -> list[Any]:
    template = typer.Typer(add_completion=False)
    template.command()(options.everywhere)
    return [p for p in typer.main.get_command(template).params if "--help" not in p.opts]


def defaults(command: Any, values: Mapping[str, settings.Value]) -> dict[str, Any]:
    """The `default_map` of a command tree: for every option with a variable of its own, what `values` says of it."""
    if isinstance(command, TyperGroup):
        return {name: defaults(child, values) for name, child in command.commands.items()}
    known = {s.variable: s.name for s in settings.SETTINGS.values()}
    mine = {p.name: known[p.envvar] for p in command.params if p.envvar in known}
    return {parameter: values[name] for parameter, name in mine.items() if name in values}


def context(command: Any, name: str, parent: typer.Context | None = None) -> typer.Context:
    """To ask a command for its help without running it."""
    return typer.Context(command, info_name=name, parent=parent, help_option_names=["-h", "--help"])


def describe(command: Any, path: str = "titans") -> Described:
    """`command` as a value, with all below it; hidden ones left out."""
    children = getattr(command, "commands", {}).items()
    text = (command.help or "").strip()
    parameters = [parameter(p) for p in command.params if not getattr(p, "hidden", False)]
    return Described(
        path=path,
        summary=command.get_short_help_str(1000),
        help=text,
        usage=" ".join([path, *command.collect_usage_pieces(context(command, path))]),
        arguments=tuple(p for p in parameters if not p.flags),
        options=tuple(p for p in parameters if p.flags),
        examples=examples(command.epilog or ""),
        commands=tuple(describe(child, f"{path} {name}") for name, child in children if not child.hidden),
    )


def examples(epilog: str) -> tuple[str, ...]:
    """The command lines of an epilog, each after "Example:"."""
    return tuple(" ".join(part.split()) for part in re.split(r"Examples?:\s*", epilog)[1:])


def parameter(p: Any) -> Parameter:
    annotation = p.type_descriptor.annotation
    metavar = (p.metavar or "").strip("[]")
    setting = None if isinstance(p, TyperArgument) else next((_BY_FLAG[f] for f in p.opts if f in _BY_FLAG), None)
    flag = bool(getattr(p, "is_flag", False))
    plain = {int: "integer", float: "number"}.get(annotation, "path" if "Path" in str(annotation) else "text")
    default = p.default() if callable(p.default) else p.default
    multiple = bool(getattr(p, "multiple", False) or p.nargs != 1)
    if isinstance(p, TyperArgument):
        metavar = f"{metavar or p.name.upper()}{'...' * multiple}"
    return Parameter(
        name=p.name,
        flags=() if isinstance(p, TyperArgument) else tuple(sorted((*p.opts, *p.secondary_opts), key=len)),
        type="flag" if flag else plain,
        metavar="" if flag else metavar or plain.upper(),
        choices=tuple(metavar.split("|")) if "|" in metavar else (),
        default=default if default is None or isinstance(default, str | int | float | list) else str(default),
        required=bool(p.required),
        multiple=multiple,
        variable=setting.variable if setting else None,
        setting=setting.name if setting else None,
        help=p.help or "",
    )
