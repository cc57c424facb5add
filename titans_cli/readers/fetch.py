"""Addresses on the network: fetched whole, over http and https only, and only when the user has allowed it."""

from __future__ import annotations

import http.client
import socket
import time
import urllib.error
import urllib.request
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from titans_cli.errors import LimitError, ReadError
from titans_cli.readers.formats import BY_MEDIA_TYPE
from titans_cli.readers.limits import Limits

_SILENCE = 30.0  # seconds without a byte
_PIECE = 1 << 16


def fetch(url: str, limits: Limits) -> tuple[bytes, str]:
    """The bytes, and a name whose suffix says what they are. Raises ReadError."""
    if not limits.network:
        raise ReadError("it is an address on the network", subject=url, hint="Allow fetching it with --allow-network")
    deadline = time.monotonic() + limits.seconds
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "titans-cli", "Accept": "*/*"})
        with _opener().open(request, timeout=min(_SILENCE, limits.seconds)) as response:
            data = bytearray()
            while piece := response.read1(_PIECE):
                data += piece
                if len(data) > limits.max_bytes:
                    what = f"it is larger than {limits.max_bytes:,} bytes"
                    raise LimitError(what, subject=url, hint="Download it yourself, and split it into smaller files")
                if time.monotonic() > deadline:
                    raise TimeoutError
            promised = response.headers.get("Content-Length", "")
            if promised.isdecimal() and len(data) < int(promised):
                raise http.client.IncompleteRead(bytes(data))
            kind, address = response.headers.get_content_type(), response.geturl()
    except urllib.error.HTTPError as error:
        error.close()
        raise ReadError(
            f"the server answered {error.code} {error.reason}", subject=url, hint="Check the address in a browser"
        ) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ReadError(f"it could not be fetched: {_plainly(error)}", subject=url, hint=_hint(error)) from error
    return bytes(data), name_of(address, kind)


def name_of(url: str, kind: str) -> str:
    """A file name for what came from this address with this content type: its suffix decides the reader."""
    name = PurePosixPath(unquote(urlsplit(url).path)).name or "page"
    told = BY_MEDIA_TYPE.get(kind)
    return name if told is None or name.lower().endswith(told.suffixes) else f"{name}{told.suffixes[0]}"


def _opener() -> urllib.request.OpenerDirector:
    """http and https, with the proxies of the environment: no ftp, no file, also not by way of a redirection."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


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
