"""Serving over streamable HTTP."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import anyio
import uvicorn
from mcp.server.auth.provider import AccessToken
from mcp.server.transport_security import TransportSecuritySettings

from titans_cli.errors import UsageError
from titans_cli.server.tools import TitansServer

PATH = "/mcp"
SHORTEST_TOKEN = 16  # characters
MOST_BODY = 8 * 1024 * 1024  # bytes: the longest text, every character escaped
GRACE = 2  # seconds for requests to end when the server does


class Token:
    """The one bearer token that opens everything; as the SDK asks for it. Raises UsageError for one easily guessed."""

    def __init__(self, secret: str, where: str) -> None:
        if len(secret) < SHORTEST_TOKEN or not secret.isascii() or not secret.isprintable() or " " in secret:
            problem = f"the token has to be {SHORTEST_TOKEN} or more visible ASCII characters without a space"
            hint = "Make one: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
            raise UsageError(problem, subject=where, hint=hint)
        self._secret = secret.encode()

    async def verify_token(self, token: str) -> AccessToken | None:
        if not hmac.compare_digest(token.encode("utf-8", "replace"), self._secret):
            return None
        return AccessToken(token=token, client_id="titans", scopes=[])


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Http:
    """`announce` is called with the address once requests are taken. `names`: more hosts that requests may name."""

    def __init__(
        self, server: TitansServer, host: str, port: int, *, names: Sequence[str], announce: Callable[[str], None]
    ) -> None:
        self.server, self.announce = server, announce
        self._socket = _bound(host, port)
        self.url = f"http://{_bracketed(host)}:{self._socket.getsockname()[1]}{PATH}"
        app = server.streamable_http_app(
            streamable_http_path=PATH,
            transport_security=_allowed(host, self._socket.getsockname()[1], names),
            max_request_body_size=MOST_BODY,
        )
        quiet = {"log_config": None, "log_level": "warning", "access_log": False}
        self._uvicorn = _Uvicorn(
            uvicorn.Config(app, lifespan="on", ws="none", timeout_graceful_shutdown=GRACE, **quiet)  # type: ignore[arg-type]
        )

    def run(self) -> None:
        self.announce(self.url)
        with self._socket:
            anyio.run(self._uvicorn.serve, [self._socket])

    def end(self) -> None:
        """May be called by a signal's handler."""
        self.server.keeper.stop()
        self._uvicorn.ended = True


class _Uvicorn(uvicorn.Server):
    ended = False

    async def on_tick(self, counter: int) -> bool:
        """`should_exit` set while it still starts makes older versions leave without ending the application's lifespan,
        and its traceback is the last that is read."""
        return self.ended or await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the command line's."""
        yield


def _bound(host: str, port: int) -> socket.socket:
    """Listening from here on, so that whoever is told the address can connect. Raises UsageError."""
    try:
        family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, number)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            bound.listen(128)
        except BaseException:
            bound.close()
            raise
    except (OSError, OverflowError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        hint = "Choose another address or port; port 0 takes a free one"
        raise UsageError(f"cannot listen here ({why})", subject=f"{_bracketed(host)}:{port}", hint=hint) from error
    return bound


def _allowed(host: str, port: int, names: Sequence[str]) -> TransportSecuritySettings:
    """Which Host and Origin headers are taken, compared as they are: a page in a browser must not reach us by a name of
    its own, nor a page of another port. `names` may say a port, of a proxy before us, and mean ours or none without."""
    own = ["127.0.0.1", "localhost", "[::1]", _bracketed(host), socket.gethostname(), *map(_bracketed, names)]
    known = [f"{name}:{port}" for name in dict.fromkeys(own) if not _port_of(name)]
    known += own if port == 80 else [_bracketed(name) for name in names]
    return TransportSecuritySettings(
        allowed_hosts=known, allowed_origins=[f"{scheme}://{name}" for name in known for scheme in ("http", "https")]
    )


def _bracketed(host: str) -> str:
    """An IPv6 address in brackets; a name with a port, or in brackets, as it is."""
    return f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host


def _port_of(name: str) -> str:
    return name.rpartition("]")[2].rpartition(":")[2] if ":" in name.rpartition("]")[2] else ""
