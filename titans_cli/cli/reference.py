"""The command tree as a document: one Markdown page (docs/commands.md), a man page, and everything as JSON.

All three are made from the commands themselves, so they cannot say what these do not; a test compares the page that is
kept. How a single command's help looks is typer's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from titans_cli.cli import tree
from titans_cli.cli.exit_codes import EXIT_CODES
from titans_cli.settings import CONFIG, SETTINGS
from titans_cli.version import __version__

_HEAD = """\
# Commands

<!-- made by: titans help --markdown > docs/commands.md -->

Every command also takes [these options](#options-of-every-command). What a command writes to stdout is its result, and
what it writes to stderr is for people. With `--json` stdout is one JSON document (`ingest` and several questions: one a
line), each with a `schema`. [Scripting](scripting.md) has recipes.
"""


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


# ---------------------------------------------------------------- Markdown


def markdown(root: tree.Described) -> str:
    parts = [_HEAD, *(f"- [{d.path}](#{_anchor(d.path)}): {_text(d.summary)}" for d in _leaves(root)), ""]
    for described in _leaves(root):
        parts += _markdown_command(described)
    parts += ["## Options of every command", "", *_table(map(tree.parameter, tree.common_options())), ""]
    parts += ["## Settings", "", "| setting | variable | flag | what |", "|---|---|---|---|"]
    for s in SETTINGS.values():
        flag = f"`{s.flag}`" if s.flag else ""
        parts.append(f"| `{s.name}` | `{s.variable}` | {flag} | {_cell(s.help)} |")
    parts += ["", f"`{CONFIG}` names the settings file; `titans config path` says where it is.", ""]
    parts += ["## Exit codes", "", "| code | meaning |", "|---|---|"]
    parts += [f"| {code} | {_cell(meaning)} |" for code, meaning in EXIT_CODES.items()]
    return "\n".join(parts)


def _leaves(root: tree.Described) -> Iterator[tree.Described]:
    return (d for d in root.walk() if not d.commands)


def _markdown_command(described: tree.Described) -> Iterator[str]:
    yield from (f"## {described.path}", "", "```text", described.usage, "```", "")
    for paragraph in described.help.split("\n\n"):
        yield from (_text(" ".join(paragraph.split())), "")
    if described.arguments or described.options:
        yield from (*_table((*described.arguments, *described.options)), "")
    yield from ("```sh", *described.examples, "```", "")


def _table(parameters: Iterator[tree.Parameter] | tuple[tree.Parameter, ...]) -> Iterator[str]:
    yield from ("| option | what | default |", "|---|---|---|")
    for p in parameters:
        name = ", ".join(f"`{flag}`" for flag in p.flags) or ""
        shown = f"{name} `{p.metavar}`".strip() if p.metavar else name
        default = "" if p.type == "flag" or p.default in (None, []) else f"`{p.default}`"
        yield f"| {_cell(shown, code=True)} | {_cell(p.help)} | {default} |"


def _anchor(path: str) -> str:
    return path.replace(" ", "-")


def _text(text: str) -> str:
    """Words of the help as Markdown shows them."""
    return text.replace("<", "&lt;").replace("*", r"\*").replace("_", r"\_")


def _cell(text: str, *, code: bool = False) -> str:
    """In a table; what stands in code marks already keeps its signs."""
    return (text if code else text.replace("<", "&lt;")).replace("|", r"\|")


# ---------------------------------------------------------------- the man page


def man_page(root: tree.Described) -> Iterator[str]:
    """titans(1), in the man macros, a line at a time."""
    yield f'.TH TITANS 1 "" "titans {__version__}" "User Commands"'
    yield from _man_section("NAME", f"titans \\- {_roff(root.summary.rstrip('.').lower())}")
    yield from _man_section("SYNOPSIS", r"\fBtitans\fR \fICOMMAND\fR [\fIOPTIONS\fR] [\fIARGUMENTS\fR]")
    yield from _man_section("DESCRIPTION", *_man_paragraphs(root.help))
    yield ".SH COMMANDS"
    for described in root.walk():
        if not described.commands:
            yield from _man_command(described)
    yield ".SH OPTIONS OF EVERY COMMAND"
    for parameter in map(tree.parameter, tree.common_options()):
        yield from _man_tagged(_man_synopsis(parameter), parameter.help)
    yield ".SH ENVIRONMENT"
    for setting in SETTINGS.values():
        yield from _man_tagged(rf"\fB{setting.variable}\fR", f"{setting.help} In the settings file: {setting.name}.")
    yield from _man_tagged(rf"\fB{CONFIG}\fR", "The settings file.")
    yield ".SH EXIT STATUS"
    for code, meaning in EXIT_CODES.items():
        yield from _man_tagged(rf"\fB{code}\fR", f"{meaning.replace('`', '')}.")
    yield from _man_section("FILES", "See titans config path and titans doctor for where settings and sessions are.")


def _man_command(described: tree.Described) -> Iterator[str]:
    yield f".SS {_roff(described.usage)}"
    yield from _man_paragraphs(described.help)
    for parameter in (*described.arguments, *described.options):
        yield from _man_tagged(_man_synopsis(parameter), f"{parameter.help}{_man_default(parameter)}")
    for example in described.examples:
        yield from (".PP", "Example:", ".PP", ".EX", _roff(example), ".EE")


def _man_synopsis(p: tree.Parameter) -> str:
    flags = ", ".join(rf"\fB{_roff(flag)}\fR" for flag in p.flags)
    return f"{flags} {_italic(p.metavar)}".strip() if flags else _italic(p.metavar)


def _man_default(p: tree.Parameter) -> str:
    return "" if p.type == "flag" or p.default in (None, []) else f" Default: {p.default}."


def _man_section(name: str, *lines: str) -> Sequence[str]:
    return (f".SH {name}", *lines)


def _man_paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        yield ".PP"
        yield _roff(" ".join(paragraph.split()))


def _man_tagged(tag: str, text: str) -> Sequence[str]:
    return (".TP", tag, _roff(text))


def _italic(text: str) -> str:
    return rf"\fI{_roff(text)}\fR" if text else ""


def _roff(text: str) -> str:
    """Text that troff shows as it is: hyphens that can be copied, no request at the beginning of a line."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("`", r"\(ga")
    return rf"\&{escaped}" if escaped.startswith(".") else escaped
