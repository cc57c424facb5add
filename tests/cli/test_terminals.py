"""Nothing that comes from outside reaches a terminal or a log as anything but text."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Titans
from tests.sessions.samples import child_environment
from tests.terminals import EVIL, on_a_terminal, raw_in
from titans_cli.cli import appearance, terminal
from titans_cli.cli.render import console, errors
from titans_cli.cli.render.console import Output
from titans_cli.errors import UsageError
from titans_cli.store import Home


def test_without_the_one_place_it_would_be_seen(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check itself can fail."""
    monkeypatch.setenv("TERM", "xterm")
    shown = on_a_terminal(["session", "use", f"no{EVIL}"])
    assert not raw_in(shown[1])
    assert "\\x1b" in shown[1]
    monkeypatch.setattr(terminal, "on_one_line", lambda text: text)
    assert raw_in(on_a_terminal(["session", "use", f"no{EVIL}"])[1])


def test_what_is_escaped() -> None:
    for code in range(0x110000):
        character = chr(code)
        control = unicodedata.category(character) in ("Cc", "Zl", "Zp") or unicodedata.bidirectional(character) in (
            "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
        )  # fmt: skip
        marks = character in "\u061c\u200e\u200f"
        kept = terminal.printable(character) == character
        assert kept == (not (control or marks) or character in "\n\t"), hex(code)
    assert terminal.on_one_line("a\nb\tc\r\x1b[1m\x9b\u202e") == "a\\nb\\tc\\r\\x1b[1m\\x9b\\u202e"


def test_json_keeps_what_it_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    console.document("x", {"name": EVIL})
    out = capsys.readouterr().out
    assert not raw_in(out)
    assert json.loads(out)["name"] == EVIL


def test_a_style_cannot_come_from_outside(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(appearance.current(), "color", "always")
    console.out(f"{console.bold('own')} \x1b[1mtheirs \x0e1:1")
    assert capsys.readouterr().out == "\x1b[1mown\x1b[0m \\x1b[1mtheirs \\x0e1:1\n"


def test_a_name_cannot_pretend_to_be_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    errors.error(UsageError("no such file", subject="a\ntitans: all is well"), Output())
    assert capsys.readouterr().err == "titans: a\\ntitans: all is well: no such file\n"


def test_what_a_library_writes_takes_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with terminal.guarded():
        print(f"warning: {EVIL}", file=sys.stderr)  # noqa: T201
        sys.stdout.writelines(["a\x1b", "b\n"])
        sys.stderr.write("\r 50%")
        sys.stderr.write("\x1b[A")
    assert sys.stdout is out
    assert out.getvalue() == "a\\x1bb\n"
    assert "\x1b]" not in err.getvalue()
    assert err.getvalue().endswith("\n\r 50%\x1b[A")


@pytest.mark.usefixtures("papers")
def test_what_cannot_be_shown_is_not_offered(titans: Titans, tmp_path: Path) -> None:
    from titans_cli.cli import completion

    evil = tmp_path / f"e{EVIL.replace('/', '')}.txt"
    evil.write_text("Gulls nested upon the northern roof while masons rested.\n", encoding="utf-8")
    assert titans("ingest", evil).code == 0
    offered: list[Any] = completion.documents("")
    assert offered
    assert not raw_in("".join(name for name, _ in offered))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    ("redirect", "code", "said"),
    [
        (">/dev/full", 1, "titans: the output cannot be written (No space left on device)"),
        (">&-", 1, "titans: the output cannot be written (it is closed)"),
        (">/dev/full 2>/dev/full", 1, ""),
        ("2>&-", 0, ""),
        ("<&-", 0, ""),
    ],
)
@pytest.mark.parametrize("command", ["help", "config show --json"])
def test_a_full_or_closed_device_is_one_line(
    home: Home, command: str, redirect: str, code: int, said: str, tmp_path: Path
) -> None:
    line = f"'{sys.executable}' -m titans_cli {command} {redirect}"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, env=child_environment(), check=False)
    assert done.returncode == code, done.stderr
    assert len(done.stderr.splitlines()) == bool(said)
    assert done.stderr.startswith(said)
