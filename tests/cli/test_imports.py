"""What needs no model imports none: help and lists answer at once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.cli.conftest import Titans
from tests.sessions.samples import child_environment
from titans_cli.cli.app import command_tree
from titans_cli.cli.options import everywhere
from titans_cli.errors import UsageError

HEAVY = ["torch", "transformers", "pypdf", "tokenizers", "safetensors", "selectolax", "markdown_it", "numpy"]


def imported(argv: list[str], names: list[str]) -> list[str]:
    """Those of the packages that a command imports, in a process of its own."""
    code = (
        "import json, sys\n"
        "from titans_cli.cli.main import run\n"
        f"run({argv!r})\n"
        f"print(json.dumps(sorted(set({names!r}) & set(sys.modules))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=child_environment(), check=True
    )
    return list(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "argv",
    [
        ["--help"],
        ["--version"],
        ["ingest", "--help"],
        ["session", "list"],
        ["session", "show"],
        ["session", "show", "--json"],
        ["session", "use", "papers"],
        ["session", "log"],
        ["report", "--help"],
        ["report", "--output", __file__],  # is there, and refused
        ["session", "forget", "1", "--yes"],
        ["session", "rewind", "--to", "1", "--yes"],
        ["session", "fork", "copy"],
        ["session", "gc", "--older-than", "1d"],
        ["check", "--read-data"],
        ["session", "repair"],
        ["session", "discard", "--dry-run"],
        ["memory", "filter", "--exclude", "--sources", "*.txt"],
        ["memory", "delete", "1", "--yes"],
        ["memory", "gc"],
        ["recall", "kernel"],
        ["ltm", "list"],
        ["mcp", "--help"],
        ["config", "show"],
        ["config", "path"],
        ["help", "--json"],
        ["help", "--man"],
        ["bogus"],
        ["ask"],
        ["ask", ""],
        ["ask", "why", "-s", "nosuch"],
        ["ask", "why", "--sources", ""],
        ["ask", "why", "--route", "nosuch"],
        ["chat", "--sources", ""],
        ["chat", "--route", "nosuch"],
        ["chat", "-s", "nosuch"],
        ["ask", "why", "--budget", "nosuch"],
        ["themes", "-s", "nosuch"],
        ["memory", "retrieve", "x", "-s", "nosuch"],
        ["memory", "summary", "-s", "nosuch"],
        ["session", "new", "no/name"],
        ["session", "new", "papers"],
        ["session", "new", "more", "--from", "nosuch"],
        ["session", "new", "more", "--precision", "nosuch"],
        ["ingest", "PAPER"],
        ["ingest", "PAPER", "-s", "nosuch"],
        ["ingest", "PAPER", "--model", "smollm2"],
        ["note", "x", "--model", "smollm2"],
        ["config", "set", "route", "nosuch"],
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("papers")
def test_no_model_is_imported_for(argv: list[str], documents: list[Path]) -> None:
    """Nor for what is refused: a name, a session, a model that is not the session's; nor to skip what was read."""
    argv = [str(documents[0]) if word == "PAPER" else word for word in argv]
    assert imported(argv, HEAVY) == []


REST = ["transformers", "sklearn", "scipy", "pandas", "huggingface_hub", "pypdf", "pypdfium2", "rich.progress"]


@pytest.mark.usefixtures("papers")
def test_an_answer_of_a_native_model_imports_no_more_than_it_needs() -> None:
    assert imported(["ask", "What is the true optimum?"], REST) == []


@pytest.mark.usefixtures("papers")
@pytest.mark.parametrize(
    "argv", [["session", "new", "no/name"], ["session", "list"], ["ingest", "PAPER"], ["search", "kernel"], ["ask", ""]]
)
def test_values_that_need_no_conversion_import_no_converter(argv: list[str], documents: list[Path]) -> None:
    argv = [str(documents[0]) if word == "PAPER" else word for word in argv]
    assert imported(argv, ["pydantic"]) == []


def test_only_the_commands_on_the_way_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made = list[str]()

    def counted(own: Callable[..., Any], info: Any, **how: Any) -> Any:
        made.append(str(info.name if isinstance(info.name, str) else info.callback and info.callback.__name__))
        return own(info, **how)

    for name in ("get_command_from_info", "get_group_from_info"):
        monkeypatch.setattr(typer.main, name, partial(counted, getattr(typer.main, name)))
    root = command_tree()
    made.clear()
    with pytest.raises(UsageError):
        root.main(args=["session", "new", "no/name"], prog_name="titans", standalone_mode=False)
    assert [name for name in made if name != everywhere.__name__] == ["session", "new"]


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["search", "x", "--limit", "0"], 2, "greater than or equal to 1"),
        (["search", "x", "--limit", "many"], 2, "valid integer"),
        (["ask", "x", "--memory", "maybe"], 2, "maybe"),
        (["search"], 2, "Missing argument"),
    ],
)
def test_what_needs_conversion_is_converted(titans: Titans, argv: list[str], code: int, said: str) -> None:
    done = titans(*argv)
    assert done.code == code
    assert said in done.err
