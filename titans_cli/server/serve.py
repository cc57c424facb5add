"""From what the command line says to a server that is ready to run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from titans_cli.api import Workspace
from titans_cli.errors import UsageError
from titans_cli.server.http import Http, Token, is_loopback
from titans_cli.server.keeper import Keeper
from titans_cli.server.stdio import Stdio
from titans_cli.server.tools import TitansServer
from titans_cli.steps import Hint, Option


@dataclass(frozen=True, slots=True)
class Serving:
    """`http`: HOST:PORT, or None for stdio. `token`: the secret, and where it was said."""

    http: str | None = None
    token: tuple[str, str] | None = None
    roots: Sequence[str] = ()
    names: Sequence[str] = ()
    allow_promote: bool = False


class Runnable(Protocol):
    def run(self) -> None:
        """Returns when the server has ended."""

    def end(self) -> None:
        """Makes it end; may be called by a signal's handler."""


def ready(workspace: Workspace, how: Serving, announce: Callable[[str], None]) -> Runnable:
    """`announce` is called with the address of an HTTP server once it listens.

    Raises UsageError: an address or a token that is none, a root that is no folder, or another address than this
    machine's own without a token.
    """
    token = Token(*how.token) if how.token else None
    place = _place(how.http) if how.http else None
    if place and token is None and not is_loopback(place[0]):
        hint = Hint("Give one: ", Option("token_file", "FILE"), ", or TITANS_MCP_TOKEN; or listen on 127.0.0.1")
        raise UsageError("others can reach this address, so it needs a token", subject=how.http, hint=hint)
    keeper = Keeper(workspace)
    roots = [_root(root) for root in how.roots]
    if place is None:
        return Stdio(TitansServer(keeper, roots=roots, allow_promote=how.allow_promote))
    server = TitansServer(keeper, roots=roots, allow_promote=how.allow_promote, token=token)
    return Http(server, *place, names=how.names, announce=announce)


def _place(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise UsageError("not an address", subject=text, hint="Write HOST:PORT, e.g. 127.0.0.1:8765 or [::1]:8765")
    return host, int(port)


def _root(text: str) -> Path:
    folder = Path(text).expanduser().resolve()
    if not folder.is_dir():
        raise UsageError("this is no folder", subject=text, hint="Name one that the server may read documents from")
    return folder
