"""The command tree as one Markdown page: `titans help --markdown`, which is docs/commands.md.

Made from the commands themselves, so it cannot say what they do not; a test compares the page that is kept.
"""

from __future__ import annotations

from collections.abc import Iterator

from titans_cli.cli import tree
from titans_cli.cli.codes import EXIT_CODES
from titans_cli.settings import CONFIG, SETTINGS

_HEAD = """\
# Commands

<!-- made by: titans help --markdown > docs/commands.md -->

Every command also takes [these options](#options-of-every-command). What a command writes to stdout is its result, and
what it writes to stderr is for people. With `--json` stdout is one JSON document (`ingest` and several questions: one a
line), each with a `schema`. [Scripting](scripting.md) has recipes.
"""


def markdown(root: tree.Described) -> str:
    parts = [_HEAD, *(f"- [{d.path}](#{_anchor(d.path)}): {_text(d.summary)}" for d in _leaves(root)), ""]
    for described in _leaves(root):
        parts += _command(described)
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


def _command(described: tree.Described) -> Iterator[str]:
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
