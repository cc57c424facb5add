"""Addresses: fetched from a server of this test, only when allowed, and never more than allowed."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from titans_cli.errors import LimitError, ReadError, UsageError
from titans_cli.readers import Limits, discover, read, read_ahead
from titans_cli.readers.fetch import fetch, is_public, name_of
from titans_cli.records import Source

PAGES = {
    "/page": ("text/html; charset=utf-8", b"<!doctype html><title>T</title><p>Words of a page."),
    "/table": ("text/csv", b"year,words\n1990,some words\n"),
    "/notes.md": ("text/plain", b"# Notes\n\nSome *words*.\n"),
    "/binary": ("application/octet-stream", b"\x00\x01\x02" * 99),
}
ALLOWED = Limits(network=True, private=True, seconds=20)


class Handler(BaseHTTPRequestHandler):
    server: ThreadingHTTPServer

    def do_GET(self) -> None:
        if self.path in PAGES:
            kind, body = PAGES[self.path]
            self.answer(200, body, ("Content-Type", kind))
        elif self.path == "/moved":
            self.answer(302, b"", ("Location", "/page"))
        elif self.path == "/inside":
            self.answer(302, b"", ("Location", f"http://127.0.0.2:{self.connection.getsockname()[1]}/page"))
        elif self.path == "/to-file":
            self.answer(302, b"", ("Location", "file:///etc/passwd"))
        elif self.path == "/circle":
            self.answer(302, b"", ("Location", "/circle"))
        elif self.path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"only this")
        else:
            self.answer(404, b"gone")

    def answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """In silence."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("path", "kind"), [("/page", "html"), ("/moved", "html"), ("/table", "csv"), ("/notes.md", "md")]
)
def test_an_address_is_read_by_what_the_server_calls_it(server: str, path: str, kind: str) -> None:
    (source,) = discover([server + path], network=True).sources
    document = read(source, ALLOWED)
    assert (document.kind, document.source.uri) == (kind, server + path)
    assert "words" in document.pages[0].text.lower()


def test_nothing_is_fetched_that_was_not_allowed(server: str) -> None:
    with pytest.raises(UsageError, match="--allow-network"):
        discover([f"{server}/page"])
    with pytest.raises(ReadError, match="--allow-network"):
        read(Source(f"{server}/page", "page"))


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/no", "the server answered 404"),
        ("/to-file", "the server answered 302"),
        ("/circle", "the server answered 302"),
        ("/cut", "the connection broke off"),
        ("/binary", "this is binary data"),
    ],
)
def test_what_goes_wrong_is_said_with_the_address(server: str, path: str, reason: str) -> None:
    with pytest.raises(ReadError, match=reason) as caught:
        read(Source(server + path, server + path), ALLOWED)
    assert caught.value.subject == server + path
    assert caught.value.hint


def test_no_more_is_fetched_than_a_file_may_have(server: str) -> None:
    with pytest.raises(LimitError, match="larger than 10 bytes"):
        read(Source(f"{server}/page", "page"), Limits(network=True, private=True, max_bytes=10))


def test_a_server_that_is_not_there_is_said_so(server: str) -> None:
    with pytest.raises(ReadError, match="could not be fetched"):
        read(Source("http://127.0.0.1:9/x", "x"), ALLOWED)
    with pytest.raises(ReadError, match="could not be fetched"):
        read(Source("http://[bad/x", "x"), ALLOWED)


@pytest.mark.parametrize(
    ("url", "kind", "name"),
    [
        ("https://x.org/a/paper.pdf?x=1", "application/pdf", "paper.pdf"),
        ("https://x.org/abs/2501.00663", "text/html", "2501.00663.html"),
        ("https://x.org/show.php", "text/html", "show.php.html"),
        ("https://x.org/a%20b.md", "text/plain", "a b.md"),
        ("https://x.org/", "text/html", "page.html"),
    ],
)
def test_the_content_type_counts_where_it_says_more_than_the_address(url: str, kind: str, name: str) -> None:
    assert name_of(url, kind) == name


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::", True),
        ("127.0.0.1", False),
        ("127.9.9.9", False),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),  # a cloud's metadata service
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::5db8:d822", True),
        ("2002:7f00:1::", False),
        ("no address", False),
    ],
)
def test_which_addresses_are_of_the_internet(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::1]"])
def test_this_machine_is_not_asked_unless_that_was_allowed(server: str, host: str) -> None:
    port = server.rpartition(":")[2]
    with pytest.raises(ReadError, match=r"private network.*--allow-private|no such server|could not be fetched"):
        fetch(f"http://{host}:{port}/page", Limits(network=True, seconds=20))


def test_a_redirection_is_looked_at_as_the_first_address_was(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A public page that leads into the private network: 127.0.0.1 stands for the internet here, 127.0.0.2 does not."""
    monkeypatch.setattr("titans_cli.readers.fetch.is_public", lambda address: address == "127.0.0.1")
    allowed = Limits(network=True, seconds=20)
    assert fetch(f"{server}/moved", allowed)[0].startswith(b"<!doctype")
    with pytest.raises(ReadError, match=r"private network \(127.0.0.2\)"):
        fetch(f"{server}/inside", allowed)


def test_a_name_is_looked_up_once_and_connected_to_as_it_was_looked_at(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that means something else the second time gains nothing by it."""
    port, asked = int(server.rpartition(":")[2]), list[str]()
    real = socket.getaddrinfo

    def lookup(host: str, *rest: object, **how: object) -> object:
        if host == "changing.example":
            asked.append(host)
            host = "93.184.216.34" if len(asked) > 1 else "127.0.0.1"
        return real(host, *rest, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    data, _ = fetch(f"http://changing.example:{port}/page", ALLOWED)
    assert data.startswith(b"<!doctype")
    assert len(asked) == 1


def dripping(parts: list[bytes], pause: float) -> Iterator[int]:
    """A server that sends these again and again, a pause after each; its port."""
    ended = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            connection, _ = listener.accept()
            with connection:
                while not ended.is_set():
                    for part in parts:
                        connection.sendall(part)
                        ended.wait(pause)
        except OSError:
            return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    ended.set()
    listener.close()
    thread.join(5)


@pytest.mark.parametrize(
    "parts",
    [
        [b"H"],  # the status line, a byte at a time
        [b"HTTP/1.0 200 OK\r\n", b"X: y\r\n"] + [b"X"] * 1000,
        [b"HTTP/1.0 200 OK\r\n\r\n"] + [b"x"] * 1000,
    ],
    ids=["status", "headers", "body"],
)
def test_a_deadline_holds_for_the_whole_exchange(parts: list[bytes]) -> None:
    for port in dripping(parts, 0.05):
        begun = time.monotonic()
        with pytest.raises(ReadError, match="it took too long"):
            fetch(f"http://127.0.0.1:{port}/", Limits(network=True, private=True, seconds=0.8))
        assert time.monotonic() - begun < 10  # the machine may be busy


def test_whoever_says_stop_is_heard_while_a_server_keeps_silent() -> None:
    for port in dripping([b""], 0.05):
        source = Source(f"http://127.0.0.1:{port}/", "x")
        limits = Limits(network=True, private=True, seconds=120)
        begun, asked = time.monotonic(), Counter[str]()

        def stop(asked: Counter[str] = asked) -> bool:
            asked["stop"] += 1
            return asked["stop"] > 2

        assert list(read_ahead([source], limits, (), 1, stop)) == []
        assert time.monotonic() - begun < 30
