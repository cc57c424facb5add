"""The entry point: the one place where errors become exit codes (docs/commands.md, "Exit codes").

It knows no command: the tree is `app`.
"""

from __future__ import annotations

import gc
import io
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO, cast

from titans_cli.cli.signals import leave_in_order

GARBAGE = (
    100_000,
    20,
    20,
)  # a question makes a million objects and no cycles: looking for these was a tenth of its time


def main(argv: Sequence[str] | None = None) -> None:
    """Console script `titans`."""
    # Before torch is ever imported: spinning threads cost a factor of ten as soon as another process is busy.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    gc.set_threshold(*GARBAGE)
    _prepare_streams()
    leave_in_order()
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def _prepare_streams() -> None:
    """A closed stdin or stderr (`<&-`) leads nowhere, and whoever writes to a closed stdout is told.

    What the encoding of a terminal lacks is escaped, not fatal.
    """
    from titans_cli.cli.terminal import ClosedOutput

    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # also for stdout: its number must not become another file's
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
            if name == "stdout":
                sys.stdout = cast(TextIO, ClosedOutput())
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def run(argv: Sequence[str]) -> int:
    """Run one command line; return its exit code. 141: the reader of our output has gone, as in `titans ... | head`."""
    from titans_cli.cli import terminal
    from titans_cli.errors import OutputError

    try:
        with terminal.guarded():
            return _run(argv)
    except OutputError as error:
        return _without_device(error)
    except BrokenPipeError:
        return _without_reader()
    except SystemExit as leaving:  # typer leaves by itself when a write fails, and after completing a command line
        if isinstance(leaving.__context__, BrokenPipeError):
            return _without_reader()
        raise


def _run(argv: Sequence[str]) -> int:
    import typer

    from titans_cli.cli import app, appearance
    from titans_cli.cli.render import console, errors
    from titans_cli.errors import Interrupted, OutputError, TitansError, UsageError

    output = console.Output(json="--json" in argv)
    appearance.begin(argv)
    begun = time.monotonic()
    try:
        code = app.command_tree().main(args=list(argv), prog_name="titans", standalone_mode=False)
        sys.stdout.flush()
        if code == Interrupted.exit_code:  # what typer makes of a KeyboardInterrupt
            raise KeyboardInterrupt
    except OutputError:
        raise
    except TitansError as error:
        errors.error(error, output)
        return error.exit_code
    except KeyboardInterrupt:
        errors.error(Interrupted("interrupted", hint="What was committed stays; run the same command again"), output)
        return Interrupted.exit_code
    except typer.Abort:
        console.note("titans: nothing was done")
        return 1
    except typer.exceptions.TyperException as error:
        errors.error(UsageError(error.format_message().rstrip("."), hint=_help_for(error)), output)
        return UsageError.exit_code
    finally:
        for applied in appearance.current().applied:
            console.verbose(f"setting {applied}")
        console.verbose(f"took {time.monotonic() - begun:.2f} s")
    return code if isinstance(code, int) else 0


def _without_reader() -> int:
    _lead_nowhere(sys.stdout)
    try:
        sys.stderr.flush()
    except OSError:
        _lead_nowhere(sys.stderr)
    return 128 + 13  # as if by SIGPIPE


def _without_device(error: Exception) -> int:
    """One line, if there is a place for it."""
    from titans_cli.cli.render import console
    from titans_cli.errors import OutputError

    _lead_nowhere(sys.stdout)
    try:
        console.note(f"titans: {error}")
    except (OutputError, OSError):
        _lead_nowhere(sys.stderr)
    return OutputError.exit_code


def _lead_nowhere(stream: TextIO) -> None:
    """What is still buffered must not fail once more when Python exits."""
    with suppress(OSError, ValueError):  # no file beneath it
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _help_for(error: Exception) -> str:
    """Where to read on; for a command that is missing or unknown, which ones there are."""
    context = getattr(error, "ctx", None)
    see = f"See {context.command_path if context else 'titans'} --help"
    commands = getattr(context.command, "commands", {}) if context else {}
    return f"There are: {', '.join(commands)}. {see}" if commands and "command" in str(error) else see
