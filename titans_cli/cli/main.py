"""The entry point: the one place where errors become exit codes (docs: README, "Exit codes")."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> None:
    """Console script `titans`."""
    # Before torch is ever imported: spinning threads cost a factor of ten as soon as another process is busy.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def run(argv: Sequence[str]) -> int:
    """Run one command line; return its exit code."""
    import typer

    from titans_cli.cli import render
    from titans_cli.cli.app import app
    from titans_cli.cli.options import Output
    from titans_cli.errors import Interrupted, TitansError, UsageError

    output = Output(json="--json" in argv)
    command = typer.main.get_command(app)
    try:
        code = command.main(args=list(argv), prog_name="titans", standalone_mode=False)
        sys.stdout.flush()
    except TitansError as error:
        render.error(error, output)
        return error.exit_code
    except BrokenPipeError:  # the reader of our output has gone, e.g. `titans ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        render.error(Interrupted("interrupted", hint="What was committed stays; run the same command again"), output)
        return Interrupted.exit_code
    except typer.Abort:
        render.note("titans: nothing was done")
        return 1
    except typer.exceptions.TyperException as error:
        render.error(UsageError(error.format_message().rstrip("."), hint=_help_for(error)), output)
        return UsageError.exit_code
    return code if isinstance(code, int) else 0


def _help_for(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    return f"See {context.command_path if context else 'titans'} --help"
