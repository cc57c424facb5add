"""Addresses: fetched from a server of this test, only when allowed, and never more than allowed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from titans_cli.errors import LimitError, ReadError, UsageError
from titans_cli.readers import Limits, discover, read
from titans_cli.readers.fetch import name_of
from titans_cli.records import Source

PAGES = {
    "/page": ("text/html; charset=utf-8", b"<!doctype html><title>T</title><p>Words of a page."),
    "/table": ("text/csv", b"year,words\n1990,some words\n"),
    "/notes.md": ("text/plain", b"# Notes\n\nSome *words*.\n"),
    "/binary": ("application/octet-stream", b"\x00\x01\x02" * 99),
}
ALLOWED = Limits(network=True, seconds=20)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path in PAGES:
            kind, body = PAGES[self.path]
            self.answer(200, body, ("Content-Type", kind))
        elif self.path == "/moved":
            self.answer(302, b"", ("Location", "/page"))
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
        read(Source(f"{server}/page", "page"), Limits(network=True, max_bytes=10))


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
