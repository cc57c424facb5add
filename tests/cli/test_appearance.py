"""Colour, bars and what moves: wanted or not, said in one of four ways."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator

import pytest

from tests.cli.conftest import Titans
from titans_cli.cli import appearance
from titans_cli.cli.render.console import Output
from titans_cli.cli.render.ingest import IngestView
from titans_cli.progress import BlocksRead, FileStarted, IngestFinished, IngestStarted, Waiting


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TERM", "xterm")
    appearance.begin()
    yield
    appearance.begin()


@pytest.mark.parametrize(
    ("argv", "variables", "terminal", "colored"),
    [
        ([], {}, True, True),
        ([], {}, False, False),
        ([], {"NO_COLOR": "1"}, True, False),
        ([], {"TERM": "dumb"}, True, False),
        ([], {"TITANS_COLOR": "never"}, True, False),
        ([], {"TITANS_COLOR": "always", "NO_COLOR": "1"}, False, True),
        (["--color", "always"], {"NO_COLOR": "1"}, False, True),
        (["--color", "always"], {"TITANS_COLOR": "never"}, False, True),
        (["--color", "never"], {"TITANS_COLOR": "always"}, True, False),
        (["--color", "auto"], {"TITANS_COLOR": "always"}, False, False),
        (["--plain"], {"TITANS_COLOR": "always"}, True, False),
        ([], {"TITANS_PLAIN": "true"}, True, False),
    ],
)
@pytest.mark.parametrize("place", ["before", "after"])
def test_who_decides_on_colour(
    titans: Titans,
    monkeypatch: pytest.MonkeyPatch,
    argv: list[str],
    variables: dict[str, str],
    terminal: bool,
    colored: bool,
    place: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    command = ["ltm", "list", "-q"]
    done = titans(*argv, *command) if place == "before" else titans(*command, *argv)
    assert done.code == 0
    assert appearance.color_wanted(Terminal() if terminal else io.StringIO()) is colored


def test_a_colour_that_is_none_is_2(titans: Titans) -> None:
    for argv in (["--color", "pink", "ltm", "list"], ["ltm", "list", "--color", "pink"]):
        done = titans(*argv)
        assert done.code == 2
        assert "auto, always or never" in done.err


def test_plain_draws_nothing_and_moves_nothing(titans: Titans, monkeypatch: pytest.MonkeyPatch) -> None:
    for argv, wanted in (([], True), (["--plain"], False)):
        titans("ltm", "list", "-q", *argv)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", Terminal())
            patch.setattr(sys, "stderr", Terminal())
            assert appearance.drawings() is wanted
            assert appearance.lively() is wanted
            assert IngestView(Output()).live is wanted


def test_one_command_line_leaves_nothing_to_the_next(titans: Titans) -> None:
    titans("--plain", "--color", "always", "-v", "ltm", "list")
    assert titans("ltm", "list", "--json").err == ""
    now = appearance.current()
    assert (now.color, now.plain, now.verbose) == ("auto", False, False)


def test_off_a_terminal_a_line_is_due_when_none_was_told_for_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    view = IngestView(Output(), clock=lambda: now)
    assert view.overdue() is None
    now = 10.0
    assert "still making pages and segments" in str(view.overdue())
    view.looked.append("a.pdf")
    assert "1 file looked at; still" in str(view.overdue())
    view.show(FileStarted("/docs/long.txt", 1, 900, 90_000, 0))
    assert "long.txt: 90,000 tokens in 900 segments" in str(view.overdue())
    view.show(BlocksRead("/docs/long.txt", 120, 900, 12_000, 1_000.0, 0.9, 78.0, 0, 3))
    line = str(view.overdue())
    assert "segment 120 of 900" in line
    assert "file 1/3" in line
    assert "about 1m18s left" in line
    view.line(line)
    assert view.overdue() is None
    assert "segment 120" in capsys.readouterr().err


def test_while_a_followed_folder_rests_nothing_is_said_to_be_made(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    view = IngestView(Output(), clock=lambda: now)
    view.show(IngestStarted("papers", 1, 10))
    view.show(IngestFinished("papers", 1, 0, 0, 5, 1.0, None))
    now = 60.0
    assert view.overdue() is None
    view.show(Waiting("papers", 1, 0, None))
    now = 600.0
    assert view.overdue() is None
    view.show(IngestStarted("papers", 1, 10))  # a file has come
    now = 611.0
    assert "still making pages and segments of what is there (11s)" in str(view.overdue())
    assert "following 1 file" in capsys.readouterr().err
