"""What is asked before something is changed for good: on a terminal, or not at all without --yes.

Whether a change needs it is decided by the command.
"""

from __future__ import annotations

import sys

import typer

from titans_cli.cli.terminal import on_one_line
from titans_cli.errors import UsageError


def confirm(question: str, yes: bool) -> None:
    """Ask on a terminal; without one `--yes` is needed. Raises UsageError, or Abort for a no."""
    require_terminal(yes)
    if not yes:
        typer.confirm(on_one_line(question), abort=True, err=True)


def require_terminal(yes: bool) -> None:
    """Raise UsageError when nobody said yes and nobody can be asked."""
    if not (yes or (sys.stdin.isatty() and sys.stderr.isatty())):
        raise UsageError("this needs a confirmation, and there is no terminal to ask on", hint="Add --yes")
