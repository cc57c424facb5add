"""A little of `python -m benchmarks.chaos`: kills, torn files, races, erasing and full disks, the same every time."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.sessions.samples import child_environment


def test_nothing_is_lost_that_was_committed_and_no_damage_goes_unnoticed() -> None:
    """In a process of its own: it forks, and this one has threads."""
    few = {"--histories": 3, "--erasing": 1, "--handles": 20}
    sizes = few | {"--kills": 10, "--torn": 12, "--sessions": 2, "--races": 5, "--disk": 3, "--seed": 1}
    without = ["--no-terminals", "--no-room"]  # tests/cli/test_terminals.py, tests/sessions/test_room.py
    numbers = (str(x) for pair in sizes.items() for x in pair)
    command = [sys.executable, "-m", "benchmarks.chaos", "--json", *without, *numbers]
    done = subprocess.run(command, env=child_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)["figures"]
    wrong = ("differ", "failed", "undetected", "crashed", "both", "neither", "lost", "left", "wrong")
    assert {k: v for k, v in figures.items() if k.endswith(wrong) and v} == {}, done.stderr
    assert figures["kills"] >= 10
    assert (figures["erasing.histories"], figures["handles"]) == (3, 20)
    assert figures.get("erasing.kills", 6) == 6  # where children can be traced
    assert figures["torn.repaired"] > 0
    assert figures["torn.refused"] > 0
    assert (figures["races"], figures["enospc"] >= 2) == (5, True)
