"""Hints are values: what they name is there on each surface, and no module below a surface holds a command line."""

from __future__ import annotations

import ast
import copy
import inspect
import json
import pickle
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

import titans_cli
from titans_cli import settings
from titans_cli.api import Filter, Session, Workspace
from titans_cli.cli import tree
from titans_cli.cli.app import command_tree
from titans_cli.errors import NotFoundError
from titans_cli.steps import (
    AGAIN,
    COMMANDS,
    KEYWORDS,
    METHODS,
    SETTINGS,
    TOOL_ARGUMENTS,
    TOOLS,
    Hint,
    NextStep,
    Option,
    in_json,
    in_python,
    in_shell,
    in_tools,
)

PACKAGE = Path(titans_cli.__file__).parent
ROOT = tree.describe(command_tree())
LEAVES = {command.path: command for command in ROOT.walk()}
FLAGS = {flag for command in LEAVES.values() for option in command.options for flag in option.flags}
# A command of ours, or an option of ours that no other program has been named for in the same sentence.
COMMAND_LINE = re.compile(rf"\btitans ({'|'.join(sorted(c.path.split()[1] for c in ROOT.commands))})\b")
FLAG = re.compile(rf"(?<![\w-])({'|'.join(sorted(f for f in FLAGS if f.startswith('--')))})(?![\w-])")
OTHERS = re.compile(r"\b(pip|qpdf|ocrmypdf|pandoc|libreoffice|ray|unzip|iconv|python|llama-gguf-split)\b")
# Programs of their own with options of their own (python -m titans_cli.train): they are their own command line.
PROGRAMS = {f"train/{name}.py" for name in ("__main__", "background", "calibration", "reader", "session_memory")}


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Every text in the code that is no docstring."""
    found = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(found) if isinstance(node, ast.Expr)}
    for node in ast.walk(found):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def command_lines(path: Path) -> list[str]:
    return [
        f"{path.name}:{line}: {text}"
        for line, text in strings(path)
        if COMMAND_LINE.search(text) or (FLAG.search(text) and not OTHERS.search(text))
    ]


def below_the_surfaces() -> list[Path]:
    """All modules but those of the command line, and the one that has the words of all surfaces."""
    return [
        path
        for path in sorted(PACKAGE.rglob("*.py"))
        if (name := path.relative_to(PACKAGE).as_posix()) != "steps.py"
        and not name.startswith("cli/")
        and name not in PROGRAMS
    ]


def test_no_command_line_stands_below_the_surfaces() -> None:
    """0 of them; what an operation is called is each surface's own affair."""
    found = [line for path in below_the_surfaces() for line in command_lines(path)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text", ["hint = 'See: titans session list'", "hint = f'add {x} --retry-lock 5m'", "x('Leave --model out')"]
)
def test_a_command_line_is_found_wherever_it_stands(text: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(f'"""titans ask is fine here."""\n{text}\n')
    assert len(command_lines(tmp_path / "module.py")) == 1


def steps_in_the_code() -> list[tuple[str, str, set[str]]]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "NextStep":
                action = node.args[0]
                if isinstance(action, ast.Constant):
                    given = {k.arg for k in node.keywords if k.arg}
                    found.append((f"{path.name}:{node.lineno}", str(action.value), given))
    return found


def test_every_step_in_the_code_is_an_operation_with_arguments_it_has() -> None:
    found = steps_in_the_code()
    assert len(found) >= 50
    named = [step for step in found if step[1] != AGAIN.action]
    assert not [where for where, action, _ in named if action not in COMMANDS]
    assert not [where for where, action, given in named if not given <= set(COMMANDS[action].arguments)]


def test_every_option_in_the_code_is_one_of_the_command_line() -> None:
    named = [
        (f"{path.name}:{node.lineno}", "--" + str(node.args[0].value).replace("_", "-"))
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Option" and isinstance(node.args[0], ast.Constant)
    ]
    assert named
    assert not [(where, flag) for where, flag in named if flag not in FLAGS]


@pytest.mark.parametrize("action", COMMANDS)
def test_the_command_line_has_what_a_step_names(action: str) -> None:
    call = COMMANDS[action]
    command = LEAVES[f"titans {call.name}"]
    places = [a.metavar.removesuffix("...") for a in command.arguments]
    flags = {flag for option in command.options for flag in option.flags}
    for spelt in call.arguments.values():
        assert spelt in (flags if spelt.startswith("-") else places)


@pytest.mark.parametrize("action", TOOLS)
def test_the_server_has_what_a_step_names(action: str) -> None:
    tools = pytest.importorskip("titans_cli.server.tools")
    call = TOOLS[action]
    assert set(call.arguments.values()) <= set(inspect.signature(getattr(tools.Tools, call.name)).parameters)


@pytest.mark.parametrize("action", METHODS)
def test_python_has_what_a_step_names(action: str) -> None:
    call = METHODS[action]
    owner, _, method = call.name.partition(".")
    taken = set(inspect.signature(getattr({"workspace": Workspace}.get(owner, Session), method)).parameters)
    assert {name.lstrip("*") for name in call.arguments.values()} <= taken


def test_the_names_of_options_are_those_of_the_surfaces() -> None:
    tools = pytest.importorskip("titans_cli.server.tools")
    shapes = pytest.importorskip("titans_cli.server.shapes")
    methods = [getattr(tools.Tools, call.name) for call in TOOLS.values()]
    of_tools = {name for method in methods for name in inspect.signature(method).parameters}
    assert set(TOOL_ARGUMENTS.values()) <= of_tools | set(shapes.Within.model_fields)
    methods = [getattr(Session, name) for name in dir(Session) if callable(getattr(Session, name)) and name[0] != "_"]
    taken = {name for method in methods for name in inspect.signature(method).parameters}
    assert set(KEYWORDS.values()) <= taken | set(inspect.signature(Filter).parameters)
    assert {s.name for s in settings.SETTINGS.values() if s.option} == SETTINGS


SAID = [
    (
        Hint("Make it: ", NextStep("session new", name="Größe 2", model=None)),
        "Make it: titans session new 'Größe 2' --model MODEL",
        'Make it: session_open(name="Größe 2")',
        'Make it: Session.new(name="Größe 2", model=...)',
    ),
    (
        Hint("Fetch it: ", NextStep("model pull", model="smollm2")),
        "Fetch it: titans model pull smollm2",
        "Fetch it: titans model pull smollm2 (on the command line of whoever runs this server)",
        "Fetch it: titans model pull smollm2 (on the command line)",
    ),
    (
        Hint("Read some: ", NextStep("ingest", paths="a b.txt", session="x")),
        "Read some: titans ingest 'a b.txt' --session x",
        'Read some: memory_add(paths=["a b.txt"])',
        'Read some: session.ingest("a b.txt")',
    ),
    (
        Hint("Allow more: ", Option("max_room", "5GB")),
        "Allow more: --max-room 5GB",
        "Allow more: the server's setting max_room (5GB)",
        "Allow more: the setting max_room (5GB)",
    ),
    (
        Hint("Say what: ", Option("max_surprise"), "."),
        "Say what: --max-surprise.",
        "Say what: the argument most_surprise.",
        "Say what: most_surprise=....",
    ),
    (
        Hint(AGAIN, ": it goes on"),
        "Run the same command again: it goes on",
        "Make the same call again: it goes on",
        "Make the same call again: it goes on",
    ),
]


@pytest.mark.parametrize(("hint", "shell", "tools", "python"), SAID)
def test_each_surface_says_a_hint_in_its_own_words(hint: Hint, shell: str, tools: str, python: str) -> None:
    assert (in_shell(hint), in_tools(hint), in_python(hint)) == (shell, tools, python)
    assert str(hint) == python


def test_a_command_line_can_be_pasted_into_a_shell() -> None:
    nasty = "it's; rm -rf $HOME"
    line = in_shell(Hint(NextStep("memory update", item=nasty, text=None)))
    assert shlex.split(line) == ["titans", "memory", "update", nasty, "TEXT"]


def test_a_hint_survives_copying_and_the_way_out_of_a_worker() -> None:
    error = NotFoundError("no session has this name", subject="x", hint=Hint("See: ", NextStep("session list")))
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  as multiprocessing does
    assert (str(again), again.hint) == (str(error), error.hint)
    assert copy.deepcopy(error.hint) == error.hint
    assert json.loads(json.dumps({"hint": error.hint}, default=in_json)) == {"hint": "See: titans session list"}
    assert error.said(in_shell) == "x: no session has this name. See: titans session list"


def test_a_hint_of_words_alone_is_the_same_everywhere() -> None:
    assert in_shell("Check the disk") == in_tools("Check the disk") == in_python("Check the disk") == "Check the disk"
    assert not Hint()
    with pytest.raises(TypeError, match="no place in JSON"):
        json.dumps({"x": object()}, default=in_json)
