"""The output contract: data on stdout and nothing else, JSON on request, no colour where none is wanted."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import typer

import titans_cli
from tests.cli.conftest import Titans
from tests.sessions.samples import child_environment, retained, write_document
from titans_cli.cli.app import app
from titans_cli.cli.render import answer
from titans_cli.cli.render.console import Output
from titans_cli.records import Answer, Citation
from titans_cli.store import Home, SessionStore

QUESTION = "What does the kernel hold?"
JSON_COMMANDS = [
    ["session", "new", "another"],
    ["session", "list"],
    ["session", "show"],
    ["session", "use", "papers"],
    ["ask", QUESTION],
    ["ask", QUESTION, "-q"],
    ["ask", "summarize trends"],
    ["ask", "zyxwv qqq?"],
    ["ingest", "{new}"],
    ["ingest", "{new}", "-q"],
    ["run", "{new}", "--ask", QUESTION],
    ["session", "log"],
    ["report", "-o", "{new}", "--yes"],
    ["session", "forget", "1", "--yes"],
    ["session", "rewind", "--to", "1", "--yes"],
    ["session", "fork", "copy"],
    ["session", "fork", "--dry-run"],
    ["session", "export", "{new}", "--yes"],
    ["session", "gc", "--older-than", "1d"],
    ["session", "repair"],
    ["check"],
    ["check", "--replay"],
    ["session", "discard", "--dry-run"],
    ["session", "discard", "--yes"],
    ["session", "promote", "--yes"],
    ["ltm", "list"],
]
FAILING = [
    ["bogus"],
    ["ask"],
    ["ask", ""],
    ["ask", QUESTION, "-s", "nowhere"],
    ["ingest", "{missing}"],
    ["ingest", "{new}", "--model", "/no/such/model"],
    ["run", "{new}"],
    ["run", "{missing}", "--ask", QUESTION],
    ["report", "-o", "{new}"],
    ["report", "-o", "-"],
    ["report", "-s", "nowhere"],
    ["session", "promote"],
    ["session", "show", "nowhere"],
    ["session", "forget", "nothing", "--yes"],
    ["session", "rewind", "--to", "nothing", "--yes"],
    ["session", "import", "{missing}"],
    ["check", "nowhere"],
    ["ltm", "show", "nowhere"],
]


def filled(argv: list[str], tmp_path: Path) -> list[str]:
    new = write_document(tmp_path / "new.txt", seed=9)
    return [arg.format(new=new, missing=tmp_path / "missing.txt") for arg in argv]


@pytest.mark.parametrize("argv", JSON_COMMANDS, ids=" ".join)
@pytest.mark.usefixtures("papers")
def test_with_json_every_line_of_stdout_is_a_document_with_a_schema(
    titans: Titans, tmp_path: Path, argv: list[str]
) -> None:
    done = titans(*filled(argv, tmp_path), "--json")
    assert done.code == 0
    assert done.lines
    assert all(re.fullmatch(r"titans\.[a-z.-]+/1", line["schema"]) for line in done.lines)
    assert done.err == ""


@pytest.mark.parametrize("argv", FAILING, ids=" ".join)
@pytest.mark.usefixtures("papers")
def test_with_json_an_error_is_a_document_too(titans: Titans, tmp_path: Path, argv: list[str]) -> None:
    done = titans(*filled(argv, tmp_path), "--json")
    assert done.code != 0
    assert all(line["schema"].endswith("/1") for line in done.lines)
    last = done.lines[-1]
    assert (last["schema"], last["exit_code"]) == ("titans.error/1", done.code)
    assert last["message"]
    assert last["hint"]
    assert last["message"] in done.err


@pytest.mark.usefixtures("papers")
def test_the_documents_of_an_ingest_come_in_order(titans: Titans, tmp_path: Path) -> None:
    done = titans("ingest", write_document(tmp_path / "new.txt", seed=9), "--json")
    kinds = [line["schema"].removeprefix("titans.ingest.").removesuffix("/1") for line in done.lines]
    kinds = [kind for kind, _ in groupby(kinds)]  # as many reports of progress as there are batches
    assert kinds == ["ingest-started", "file-started", "blocks-read", "file-finished", "ingest-finished"]


def test_progress_and_notes_go_to_stderr(titans: Titans, documents: list[Path], tmp_path: Path) -> None:
    done = titans("ingest", *documents, tmp_path / "missing.txt")
    assert done.code == 3
    assert done.out == ""
    assert all(f"read {path}" in done.err for path in documents)
    assert "\r" not in done.err


def test_quiet_says_only_what_failed(titans: Titans, documents: list[Path], tmp_path: Path) -> None:
    done = titans("ingest", *documents, "-q")
    assert (done.code, done.out, done.err) == (0, "", "")
    done = titans("ingest", tmp_path / "missing.txt", "-q")
    assert (done.code, done.out) == (3, "")
    assert "missing.txt" in done.err


@pytest.mark.usefixtures("papers")
def test_a_quiet_answer_is_its_text(titans: Titans) -> None:
    text = titans("ask", QUESTION, "--json").document["text"]
    bare = re.sub(r" \[\d+\]", "", text)  # numbers that no list follows
    assert bare != text
    assert titans("ask", QUESTION, "-q").out == f"{bare}\n"


@pytest.mark.usefixtures("papers")
def test_a_question_comes_from_stdin(titans: Titans) -> None:
    asked = titans("ask", "-", "--json", stdin=f"{QUESTION}\n".encode()).document
    assert asked["question"] == QUESTION
    assert asked["text"] == titans("ask", QUESTION, "--json").document["text"]


@pytest.mark.usefixtures("papers")
def test_quiet_lists_are_bare_names(titans: Titans) -> None:
    assert titans("session", "new", "other", "-q").out == "other\n"
    assert titans("session", "list", "-q").out == "papers\nother\n"
    assert titans("ltm", "list", "-q").out == ""
    assert titans("session", "promote", "papers", "--as", "kept", "--yes", "-q").out == "kept\n"
    assert titans("ltm", "list", "-q").out == "kept\n"


def test_empty_lists_print_nothing_on_stdout(titans: Titans) -> None:
    for group in ("session", "ltm"):
        done = titans(group, "list")
        assert (done.code, done.out) == (0, "")
        assert done.err


@pytest.mark.usefixtures("papers")
def test_the_list_marks_the_current_session(titans: Titans) -> None:
    titans("session", "new", "other", "--no-use")
    listed = titans("session", "list", "--json").document["sessions"]
    assert {s["name"]: s["current"] for s in listed} == {"papers": True, "other": False}
    titans("session", "use", "other")
    listed = titans("session", "list", "--json").document["sessions"]
    assert {s["name"]: s["current"] for s in listed} == {"papers": False, "other": True}


@pytest.mark.usefixtures("papers")
def test_a_unique_prefix_of_the_id_will_do(titans: Titans) -> None:
    ulid = titans("session", "show", "--json").document["info"]["id"]
    assert titans("session", "show", ulid[:20], "-q").out == "papers\n"


@pytest.mark.parametrize("argv", [["session", "discard"], ["session", "promote"]], ids=" ".join)
@pytest.mark.usefixtures("papers")
def test_without_a_terminal_and_without_yes_nothing_is_done(titans: Titans, home: Home, argv: list[str]) -> None:
    before = retained(SessionStore.open(home, "papers"))
    done = titans(*argv, stdin=b"y\n")
    assert done.code == 2
    assert "--yes" in done.err
    assert retained(SessionStore.open(home, "papers")) == before
    assert titans("ltm", "list", "-q").out == ""


@pytest.mark.usefixtures("papers")
def test_removing_an_entry_asks_too(titans: Titans) -> None:
    titans("session", "promote", "--as", "kept", "--yes")
    assert titans("ltm", "rm", "kept").code == 2
    assert titans("ltm", "rm", "kept", "--dry-run").code == 0
    assert titans("ltm", "list", "-q").out == "kept\n"
    assert titans("ltm", "rm", "kept", "--yes").code == 0
    assert titans("ltm", "list", "-q").out == ""


@pytest.mark.usefixtures("papers")
def test_a_dry_run_changes_nothing(titans: Titans, home: Home) -> None:
    before = retained(SessionStore.open(home, "papers"))
    done = titans("session", "discard", "--dry-run", "--json")
    assert (done.code, done.document["done"], done.document["sources"]) == (0, False, 3)
    assert retained(SessionStore.open(home, "papers")) == before


@pytest.mark.usefixtures("papers")
def test_a_promoted_session_says_how_to_go_on(titans: Titans) -> None:
    titans("session", "promote", "--as", "kept", "--yes")
    done = titans("ask", QUESTION, "-s", "papers")
    assert done.code == 2
    assert "titans session new --from kept" in done.err
    assert titans("session", "new", "heir", "--from", "kept").code == 0
    assert titans("ask", QUESTION).code == 0
    assert titans("session", "show", "--json").document["info"]["origin"] == "kept"


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}, {"FORCE_COLOR": "1"}], ids=str)
@pytest.mark.usefixtures("papers")
def test_there_are_no_escapes_off_a_terminal(
    titans: Titans, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    new = write_document(tmp_path / "new.txt", seed=9)
    for argv in (["--help"], ["ingest", "--help"], ["ingest", str(new)], ["ask", QUESTION], ["session", "list"]):
        done = titans(*argv)
        assert "\x1b" not in done.out + done.err, argv


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_no_color_is_honoured_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    cited = Citation(1, "a.txt", "/a.txt", 1, 0, 4, "Four", 0.5, 1.0)
    result = Answer("Four?", "evidence", "Four [1]", (cited,), None, "papers", 1, 0.1)
    shown = {}
    monkeypatch.setenv("TERM", "xterm")
    for name, value in (("plain", "1"), ("coloured", "")):
        monkeypatch.setenv("NO_COLOR", value)
        terminal = Terminal()
        monkeypatch.setattr(sys, "stdout", terminal)
        answer.answer(result, Output())
        shown[name] = terminal.getvalue()
    assert "\x1b[1m" in shown["coloured"]
    assert "\x1b" not in shown["plain"]
    assert re.sub(r"\x1b\[\d+m", "", shown["coloured"]) == shown["plain"]


@pytest.mark.parametrize(
    "argv",
    [
        ["--help"],
        ["session", "list", "-q"],
        ["session", "show", "--json"],
        ["session", "show", "nowhere", "--json"],
        ["ingest", "{new}", "--json"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("both", [False, True], ids=["stdout", "stdout and stderr"])
@pytest.mark.usefixtures("papers")
def test_a_reader_that_has_gone_is_no_reason_for_a_traceback(tmp_path: Path, argv: list[str], both: bool) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "titans_cli", *filled(argv, tmp_path)],
            stdout=writing,
            stderr=writing if both else subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env=child_environment(),
            check=False,
        )
    finally:
        os.close(writing)
    assert done.returncode == 141
    assert b"Traceback" not in (done.stderr or b"")
    assert b"Exception ignored" not in (done.stderr or b"")


def child(*argv: str | bytes, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """`titans` in a process of its own."""
    command = [sys.executable, "-m", "titans_cli", *argv]
    return subprocess.run(command, capture_output=True, check=False, **options)


@pytest.mark.usefixtures("home")
def test_what_the_encoding_of_stdout_lacks_is_escaped(titans: Titans, tmp_path: Path) -> None:
    (tmp_path / "anker.txt").write_text("Der Anker ist größer als das 測定 Gerät und schwerer.\n", encoding="utf-8")
    assert titans("ingest", tmp_path / "anker.txt").code == 0
    environment = child_environment(PYTHONIOENCODING="ascii")
    plain = child("ask", "Wie größer ist der Anker?", "-q", env=environment)
    assert (plain.returncode, b"Anker ist gr\\xf6\\xdfer" in plain.stdout) == (0, True)
    document = json.loads(child("ask", "Wie größer ist der Anker?", "--json", env=environment).stdout)
    assert "größer als das 測定" in document["text"]


@pytest.mark.usefixtures("papers")
def test_a_question_of_any_bytes_is_answered(titans: Titans) -> None:
    done = child("ask", b"What \xff does the \xc3\x28 kernel hold?", "--json", env=child_environment())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["schema"] == "titans.answer/1"


@pytest.mark.usefixtures("papers")
def test_a_note_of_any_bytes_is_kept(titans: Titans) -> None:
    done = child("session", "promote", "--yes", "--note", b"why \xff not", "--json", env=child_environment())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["note"].startswith("why ")


@pytest.mark.parametrize(
    ("argv", "closed", "code"),
    [
        (["session", "list"], ">&-", 1),
        (["session", "show", "nowhere"], "2>&-", 10),
        (["session", "discard"], "<&-", 2),
        (["ask", "-"], "<&-", 2),
    ],
    ids=lambda value: str(value),
)
@pytest.mark.usefixtures("papers")
def test_closed_streams_are_no_reason_for_a_traceback(argv: list[str], closed: str, code: int) -> None:
    shell = ["sh", "-c", f'"$@" {closed}', "sh", sys.executable, "-m", "titans_cli", *argv]
    done = subprocess.run(shell, capture_output=True, env=child_environment(), check=False)
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr


def commands() -> Iterator[tuple[str, Any]]:
    """Every command by its full name."""
    groups: list[tuple[str, Any]] = [("titans", typer.main.get_command(app))]
    while groups:
        name, group = groups.pop()
        for child, command in group.commands.items():
            if hasattr(command, "commands"):
                groups.append((f"{name} {child}", command))
            else:
                yield f"{name} {child}", command


def test_a_command_stands_in_the_file_of_the_first_word_that_is_typed() -> None:
    places = {name: command.callback.__module__ for name, command in commands()}
    assert places == {name: f"titans_cli.cli.commands.{name.split()[1]}" for name in places}


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_every_command_shows_an_example_of_itself(titans: Titans, name: str) -> None:
    done = titans(*name.split()[1:], "--help")
    assert done.code == 0
    assert re.search(rf"Example: .*{name} ?", " ".join(done.out.split()))


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_every_command_offers_json(name: str) -> None:
    (command,) = (c for n, c in commands() if n == name)
    assert "--json" in {option for parameter in command.params for option in parameter.opts}


def test_every_command_that_a_message_names_exists() -> None:
    known = {name for name, _ in commands()}
    groups = {name.split()[1] for name in known if name.count(" ") > 1}
    named = re.compile(rf"\btitans ({'|'.join(sorted(groups))}) ([a-z]+)|(?<=[:`(;] )titans ([a-z]+)")
    strangers = [
        f"{path.name}: {match.group(0)}"
        for path in sorted(Path(titans_cli.__file__).parent.rglob("*.py"))
        for match in named.finditer(re.sub(r'"\s*\n\s*f?"', "", path.read_text(encoding="utf-8")))
        if match.group(3) not in groups and match.group(0) not in known
    ]
    assert not strangers
