"""titans mcp, before it serves: what it refuses, and without the SDK."""

from __future__ import annotations

import sys

import pytest

from tests.cli.conftest import Titans

TOKEN = "a-token-of-many-characters"


@pytest.mark.parametrize(
    ("argv", "variable", "says"),
    [
        (["--http", "0.0.0.0:0"], None, "needs a token"),
        (["--http", "[::]:0"], None, "needs a token"),
        (["--http", "127.0.0.1:0"], "short", "16 or more"),
        (["--http", "127.0.0.1:0"], "", "16 or more"),  # set, and to nothing: no way to say that none is wanted
        (["--http", "127.0.0.1"], None, "HOST:PORT"),
        (["--http", "127.0.0.1:99999"], None, "HOST:PORT"),
        (["--http", "no-such-host.invalid:1"], TOKEN, "cannot listen"),
        (["--http", "127.0.0.1:0", "--token-file", "/not/there"], None, "cannot be read"),
        (["--root", "/not/there"], None, "no folder"),
        (["--json"], None, "--http"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(
    titans: Titans, monkeypatch: pytest.MonkeyPatch, argv: list[str], variable: str | None, says: str
) -> None:
    monkeypatch.delenv("TITANS_MCP_TOKEN", raising=False)
    if variable is not None:
        monkeypatch.setenv("TITANS_MCP_TOKEN", variable)
    done = titans("mcp", *argv)
    assert done.code == 2
    assert says in done.err


def test_without_the_sdk_it_says_how_to_get_it(titans: Titans, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.startswith("titans_cli.server.")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [n for n in sys.modules if n == "mcp" or n.startswith("mcp.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp", None)
    done = titans("mcp")
    assert (done.code, done.out) == (2, "")
    assert "pip install 'titans-cli[mcp]'" in done.err
