"""titans mcp: over which transport sessions are served, to whom, and with which folders open to them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from titans_cli.cli import options
from titans_cli.cli.render.console import Output, document, note
from titans_cli.cli.signals import stop_flag
from titans_cli.cli.values import seconds
from titans_cli.errors import Interrupted, UsageError

TOKEN = "TITANS_MCP_TOKEN"
NEEDED = {"mcp", "mcp_types", "anyio", "pydantic", "starlette", "uvicorn"}  # the extra brings them all
EXAMPLES = "Example: titans mcp --root ./papers\n\nExample: titans mcp --http 127.0.0.1:8765 --token-file token.txt"


def mcp(
    http: Annotated[
        str | None,
        typer.Option(
            "--http", metavar="HOST:PORT", help="Over streamable HTTP instead of stdin and stdout.", show_default=False
        ),
    ] = None,
    root: Annotated[
        list[str],
        typer.Option(
            "--root", metavar="FOLDER", help="Documents may be read from here; may be repeated. Default: none."
        ),
    ] = [],  # noqa: B006
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            help=f"With --http: requests have to bear this token. Default: {TOKEN}, or none on loopback.",
            show_default=False,
        ),
    ] = None,
    allow_host: Annotated[
        list[str],
        typer.Option("--allow-host", metavar="NAME", help="With --http: also take requests made to this host name."),
    ] = [],  # noqa: B006
    allow_promote: Annotated[bool, typer.Option("--allow-promote", help="Let agents promote sessions.")] = False,
    model: options.Model = None,
    reader: options.Reader = None,
    retry_lock: options.RetryLock = "0s",
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Serve sessions to agents over the Model Context Protocol.

    Over stdin and stdout, for a client that starts it, or with --http. Only what --root names can be read from disk.
    Needs: pip install 'titans-cli[mcp]'
    """
    output, wait = Output(json, quiet), seconds(retry_lock)
    if json and http is None:
        raise UsageError("--json without --http", hint="Standard output is the protocol's; leave --json out")
    try:
        from titans_cli.api import Workspace
        from titans_cli.server.serve import Serving, ready
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in NEEDED:
            raise
        raise UsageError("titans mcp needs the MCP SDK", hint="Install it: pip install 'titans-cli[mcp]'") from error

    def listening(url: str) -> None:
        if output.json:
            document("mcp", {"url": url, "token": secret is not None})
        elif not output.quiet:
            note(f"titans: serving on {url}")

    secret = _token(token_file) if http else None
    workspace = Workspace(model=model, reader=reader, retry_lock=wait)
    server = ready(workspace, Serving(http, secret, root, allow_host, allow_promote), listening)
    with stop_flag(server.end) as stop:
        server.run()
    if stop.code:
        interrupted = Interrupted("stopped", hint="What was committed stays")
        interrupted.exit_code = stop.code
        raise interrupted


def _token(file: Path | None) -> tuple[str, str] | None:
    """The token and where it was said. Raises UsageError."""
    if file is None:
        return (os.environ[TOKEN], TOKEN) if TOKEN in os.environ else None  # an empty one is an error, and not none
    try:
        return file.read_text(encoding="utf-8").strip(), str(file)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"the token cannot be read ({why})", subject=str(file), hint="Name another file") from error
