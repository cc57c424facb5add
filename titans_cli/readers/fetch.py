"""Addresses on the network: fetched whole, over http and https only, and only when the user has allowed it.

- **One deadline for the whole exchange**: name, connection, headers, redirections and body. A server that sends a byte
  a second keeps every single read in time; so the exchange runs in a thread, and whoever asked stops waiting.
- **Names are resolved before anything is sent**, and the connection is made to the very address that was looked at:
  what leads into this machine or a private network is refused, after each redirection too, unless that was allowed. A
  page on the internet must not make this program ask the router or a cloud's metadata service.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from titans_cli.errors import LimitError, ReadError
from titans_cli.readers.formats import BY_MEDIA_TYPE
from titans_cli.readers.limits import Limits
from titans_cli.steps import Hint, Option

_SILENCE = 30.0  # seconds without a byte
_PIECE = 1 << 16
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # an IPv4 address in its last 32 bits (RFC 6052)


def fetch(url: str, limits: Limits) -> tuple[bytes, str]:
    """The bytes, and a name whose suffix says what they are. Raises ReadError."""
    if not limits.network:
        raise ReadError(
            "it is an address on the network",
            subject=url,
            hint=Hint("Allow fetching it with ", Option("allow_network")),
        )
    exchange = _Exchange(url, limits)
    thread = threading.Thread(target=exchange.run, name="fetch", daemon=True)
    thread.start()
    late = True
    try:
        thread.join(limits.seconds)
        late = thread.is_alive()  # asked before it is abandoned, which ends a body as if it were whole
    finally:
        exchange.abandon()
    error = TimeoutError() if late else exchange.error
    if error is None:
        return exchange.data, name_of(exchange.address, exchange.kind)
    if isinstance(error, ReadError):
        raise error
    if isinstance(error, urllib.error.HTTPError):
        problem = f"the server answered {error.code} {error.reason}"
        raise ReadError(problem, subject=url, hint="Check the address in a browser") from error
    if isinstance(error, (OSError, http.client.HTTPException, ValueError)):
        raise ReadError(f"it could not be fetched: {_plainly(error)}", subject=url, hint=_hint(error)) from error
    raise error


class _Exchange:
    """One request with its redirections. `data`, `kind` and `address`, or `error`, once `run` has ended."""

    def __init__(self, url: str, limits: Limits) -> None:
        self.url, self.limits = url, limits
        self.deadline = time.monotonic() + limits.seconds
        self.data, self.kind, self.address = b"", "", url
        self.error: BaseException | None = None
        self._sockets: list[socket.socket] = []

    def run(self) -> None:
        try:
            request = urllib.request.Request(self.url, headers={"User-Agent": "titans-cli", "Accept": "*/*"})
            with self._opener().open(request, timeout=min(_SILENCE, self.limits.seconds)) as response:
                self.data = self._body(response)
                self.kind, self.address = response.headers.get_content_type(), response.geturl()
        except urllib.error.HTTPError as error:
            error.close()
            self.error = error
        except urllib.error.URLError as error:
            self.error = error.reason if isinstance(error.reason, ReadError) else error
        except BaseException as error:  # noqa: BLE001 - raised again by whoever asked
            self.error = error

    def abandon(self) -> None:
        """Whoever asked waits no longer: end what is still open, and with it the thread."""
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _body(self, response: Any) -> bytes:
        data = bytearray()
        while piece := response.read1(_PIECE):
            data += piece
            if len(data) > self.limits.max_bytes:
                problem = f"it is larger than {self.limits.max_bytes:,} bytes"
                hint = "Download it yourself, and split it into smaller files"
                raise LimitError(problem, subject=self.url, hint=hint)
            if time.monotonic() > self.deadline:
                raise TimeoutError
        promised = response.headers.get("Content-Length", "")
        if promised.isdecimal() and len(data) < int(promised):
            raise http.client.IncompleteRead(bytes(data))
        return bytes(data)

    # ------------------------------------------------------------ connections

    def _opener(self) -> urllib.request.OpenerDirector:
        """http and https, with the proxies of the environment: no ftp, no file, also not by way of a redirection."""
        opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(),
            urllib.request.UnknownHandler(),
            _http_handler(self),
            _https_handler(self),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPRedirectHandler(),
            urllib.request.HTTPErrorProcessor(),
        ):
            opener.add_handler(handler)
        return opener

    def connection(self, kind: Any, request: urllib.request.Request) -> Any:
        """A maker of connections for a request, which go to addresses that were looked at."""
        through_proxy = request.has_proxy() or getattr(request, "_tunnel_host", None) is not None
        if through_proxy:
            self._check_name(urlsplit(request.full_url).hostname or "")

        def make(host: str, **how: Any) -> Any:
            made = kind(host, **how)
            made._create_connection = self._through if through_proxy else self._straight
            return made

        return make

    def _through(self, address: tuple[str, int], timeout: float | None = None, source: Any = None) -> socket.socket:
        """To a proxy, which the user named and which may stand anywhere."""
        return self._kept(socket.create_connection(address, self._left(timeout), source))

    def _straight(self, address: tuple[str, int], timeout: float | None = None, source: Any = None) -> socket.socket:
        """To the first address of the name that can be reached, if all that it has are allowed."""
        problem: OSError | None = None
        for resolved in self._addresses(*address):
            try:
                return self._kept(socket.create_connection((resolved, address[1]), self._left(timeout), source))
            except OSError as error:
                problem = error
        raise problem or OSError("the name has no address")

    def _kept(self, made: socket.socket) -> socket.socket:
        self._sockets.append(made)
        return made

    def _left(self, timeout: float | None) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return min(left, timeout or _SILENCE)

    def _addresses(self, host: str, port: int) -> list[str]:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(info[4][0]) for info in infos))
        if not self.limits.private:
            for address in addresses:
                if not is_public(address):
                    raise self._refused(host, address)
        return addresses

    def _check_name(self, host: str) -> None:
        """Of a name that a proxy will look up: what it means here, if anything."""
        with suppress(socket.gaierror, UnicodeError):
            self._addresses(host, 0)

    def _refused(self, host: str, address: str) -> ReadError:
        where = host if host == address else f"{host} is {address}"
        problem = f"it leads into this machine or a private network ({where})"
        return ReadError(problem, subject=self.url, hint=Hint("If that is meant, allow it: ", Option("allow_private")))


def _http_handler(exchange: _Exchange) -> urllib.request.HTTPHandler:
    class PlainHandler(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> Any:
            return self.do_open(exchange.connection(http.client.HTTPConnection, req), req)

    return PlainHandler()


def _https_handler(exchange: _Exchange) -> urllib.request.HTTPSHandler:
    class TlsHandler(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> Any:
            return self.do_open(exchange.connection(http.client.HTTPSConnection, req), req)

    return TlsHandler()


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet, and none of this machine, a private network or a link."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inside = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            inside = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inside is not None:
            return inside.is_global and not inside.is_multicast
    return ip.is_global and not ip.is_multicast


def name_of(url: str, kind: str) -> str:
    """A file name for what came from this address with this content type: its suffix decides the reader."""
    name = PurePosixPath(unquote(urlsplit(url).path)).name or "page"
    format_ = BY_MEDIA_TYPE.get(kind)
    return name if format_ is None or name.lower().endswith(format_.suffixes) else f"{name}{format_.suffixes[0]}"


def _plainly(error: Exception) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return "it took too long"
    if isinstance(reason, socket.gaierror):
        return "there is no such server"
    if isinstance(reason, http.client.IncompleteRead):
        return "the connection broke off"
    words = (reason.strerror if isinstance(reason, OSError) else None) or str(reason)
    return " ".join(words.split())[:160] or type(reason).__name__


def _hint(error: Exception) -> str:
    if isinstance(error, ValueError):
        return "Check the address"
    return "Check the address and the connection, then run the same command again"
