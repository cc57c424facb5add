"""A little of `python -m benchmarks.fuzz`: hostile files and spoilt homes, the same ones every time."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.sessions.samples import child_environment


def test_hostile_input_is_read_or_refused_and_nothing_else() -> None:
    """In a process of its own: it forks, and this one has threads."""
    command = [sys.executable, "-m", "benchmarks.fuzz", "--json", "--files", "12", "--homes", "5", "--seed", "3"]
    done = subprocess.run(command, env=child_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)["figures"]
    assert {k: v for k, v in figures.items() if k.endswith(("crashed", "unsound", "hung", "memory")) and v} == {}
    assert (figures["files"], figures["homes"]) == (12, 5)
    assert figures["files.read"] > 0
    assert figures["files.refused"] > 0
    assert figures["homes.refused"] > 0
