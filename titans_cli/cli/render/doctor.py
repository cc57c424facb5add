"""What `titans doctor` finds: a line for each thing it looked at, and below it what to do.

What is looked for, and how grave it is, is `sessions/doctor.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from titans_cli.cli.render.console import Output, bold, document, line
from titans_cli.steps import in_shell

if TYPE_CHECKING:
    from titans_cli.sessions.doctor import Diagnosis

_MARKS = {"ok": "ok", "advice": "note", "problem": "FAIL"}


def diagnosis(d: Diagnosis, output: Output) -> None:
    """One, as soon as it is there; with --quiet only what is not in order. JSON is told at the end."""
    if output.json or (output.quiet and d.level == "ok"):
        return
    line(f"{_MARKS[d.level]:<6}{d.name:<13}{d.said}")
    if d.todo:
        line(f"{'':<19}{bold(in_shell(d.todo))}")
    sys.stdout.flush()


def summary(diagnoses: Sequence[Diagnosis], healthy: bool, output: Output) -> None:
    if output.json:
        document("doctor", {"healthy": healthy, "findings": [asdict(d) for d in diagnoses]})
