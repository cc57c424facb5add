"""An error as text and as JSON: what happened, to what, and what to do next, in the words of the command line.

Which exit code it has is decided in `titans_cli.errors`, and that the command ends with it in `main`.
"""

from __future__ import annotations

from titans_cli.cli.render.console import Output, document, note, verbose
from titans_cli.errors import TitansError
from titans_cli.steps import in_shell


def message(problem: TitansError) -> str:
    """The whole message, in the words of the command line."""
    return problem.said(in_shell)


def error(problem: TitansError, output: Output) -> None:
    if output.json:
        fields = {"kind": problem.kind, "subject": problem.subject, "message": problem.what, "hint": problem.hint}
        document("error", {**fields, "exit_code": problem.exit_code})
    note(f"titans: {message(problem)}")
    cause = problem.__cause__
    while cause is not None:
        verbose(f"  because of {type(cause).__name__}: {cause}")
        cause = cause.__cause__
