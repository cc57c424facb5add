"""What needs no model imports none: help and lists answer at once."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.sessions.samples import child_environment

HEAVY = ["torch", "transformers", "pypdf", "tokenizers", "safetensors", "selectolax", "markdown_it", "numpy"]


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
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("papers")
def test_no_model_is_imported_for(argv: list[str]) -> None:
    code = (
        "import json, sys\n"
        "from titans_cli.cli.main import run\n"
        f"run({argv!r})\n"
        f"print(json.dumps(sorted(set({HEAVY!r}) & set(sys.modules))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=child_environment(), check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == []
