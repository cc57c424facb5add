"""titans chat, and ask with several questions and files."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Titans
from tests.sessions.samples import child_environment
from titans_cli.sessions.markdown import escaped, markdown
from titans_cli.store import Home

TEXT = "The weir at Ostrel failed in 2019. The bridge at Velm was opened in 1931, and it was built by Ruth Castell."


@pytest.fixture
def read(titans: Titans, tmp_path: Path) -> Path:
    (tmp_path / "facts.txt").write_text(TEXT, encoding="utf-8")
    assert titans("ingest", tmp_path / "facts.txt").code == 0
    return tmp_path


@pytest.mark.usefixtures("read")
def test_piped_lines_are_questions_and_each_answer_says_which_it_answers(titans: Titans) -> None:
    done = titans("chat", stdin=b"When did the weir at Ostrel fail?\n\nWhen was the bridge at Velm opened?\n/q\nlost")
    assert done.code == 0
    first, second = done.out.split("> When was the bridge at Velm opened?")
    assert first.startswith("> When did the weir at Ostrel fail?")
    assert "2019" in first
    assert "1931" in second
    assert "lost" not in done.out


@pytest.mark.usefixtures("read")
def test_commands_of_a_chat(titans: Titans) -> None:
    done = titans("chat", stdin=b"When did the weir at Ostrel fail?\n/open 1\n/sources\n/search bridge\n/help\n")
    assert done.code == 0
    assert done.out.count("The weir at Ostrel failed in 2019.") >= 3
    assert "NUMBER" in done.out
    assert "/search WORDS" in done.err


@pytest.mark.usefixtures("read")
def test_one_line_that_fails_keeps_no_other_from_its_answer(titans: Titans) -> None:
    done = titans("chat", stdin=b"/open 1\n/nonsense\n/open x\nWhen did the weir at Ostrel fail?\n")
    assert done.code == 10  # the first that failed: nothing was asked yet
    assert "2019" in done.out
    assert "no such command" in done.err


@pytest.mark.usefixtures("read")
def test_a_chat_in_json_is_an_answer_a_line_and_leaves_episodes_unless_told_not_to(titans: Titans) -> None:
    done = titans("chat", "--json", "--no-log", stdin=b"When did the weir at Ostrel fail?\nWho built the bridge?\n")
    assert [line["schema"] for line in done.lines] == ["titans.answer/1"] * 2
    assert "asked" not in titans("session", "log").out
    titans("chat", "--json", stdin=b"When did the weir at Ostrel fail?\n")
    assert "I was asked: When did the weir at Ostrel fail?" in titans("session", "log", "-q").out


def test_a_chat_without_a_session_is_10_before_it_waits_for_anything(titans: Titans) -> None:
    assert titans("chat", stdin=b"why?\n").code == 10


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal")
@pytest.mark.usefixtures("read")
def test_a_chat_on_a_terminal_prompts_and_ends_with_the_input(home: Home) -> None:
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "titans_cli", "chat", "--plain"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=child_environment(TERM="xterm"),
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    try:
        shown += _until(ours, b"> ")
        os.write(ours, b"When did the weir at Ostrel fail?\n")
        shown += _until(ours, b"paragraph 1")
        os.write(ours, b"\x04")
        assert child.wait(300) == 0
    finally:
        child.kill()
        child.wait()
        os.close(ours)
    assert b"[1]" in shown


def _until(terminal: int, wanted: bytes) -> bytes:
    """What a terminal shows up to some bytes; a test that waits for them in vain fails by what it lacks."""
    shown, begun = b"", time.monotonic()
    while wanted not in shown and time.monotonic() - begun < 300:
        if not select.select([terminal], [], [], 1.0)[0]:
            continue
        try:
            shown += os.read(terminal, 1024)
        except OSError:
            break
    assert wanted in shown
    return shown


# ---------------------------------------------------------------- ask with several questions, and files


@pytest.mark.usefixtures("read")
def test_several_questions_are_answered_under_their_numbers(titans: Titans) -> None:
    two = ("When did the weir at Ostrel fail?", "When was the bridge at Velm opened?")
    done = titans("ask", *two)
    assert done.out.index("1. When did the weir") < done.out.index("2019")
    assert done.out.index("2. When was the bridge") < done.out.index("1931")
    assert [line["question"] for line in titans("ask", *two, "--json").lines] == list(two)
    assert "1. " in titans("ask", *two, "-q").out
    assert "1. " not in titans("ask", two[0]).out


@pytest.mark.usefixtures("read")
def test_words_without_quotation_marks_are_one_question(titans: Titans) -> None:
    done = titans("ask", "When", "did", "the", "weir", "at", "Ostrel", "fail?", "--json")
    assert done.document["question"] == "When did the weir at Ostrel fail?"
    assert "read as one question" in done.err
    assert titans("ask", "-", "When?").code == 2


@pytest.mark.usefixtures("read")
def test_answers_of_run_say_which_is_which(titans: Titans, tmp_path: Path) -> None:
    done = titans("run", tmp_path / "facts.txt", "--ask", "When did the weir fail?", "--ask", "Who built the bridge?")
    assert done.out.index("1. When did the weir fail?") < done.out.index("2. Who built the bridge?")


def test_an_answer_is_written_as_markdown_and_what_it_cites_as_bibtex(titans: Titans, read: Path) -> None:
    files = (read / "a.md", read / "a.bib")
    options = [word for file in files for word in ("-o", str(file))]
    done = titans("ask", "When did the weir at Ostrel fail?", *options, "--json").document
    text = files[0].read_text(encoding="utf-8")
    assert text.startswith("## When did the weir at Ostrel fail?\n")
    assert "[^1]: " in text
    assert done["citations"][0]["quote"] in text
    assert text.count("[^1]") == 2
    assert "## References" in text
    assert files[1].read_text(encoding="utf-8").startswith("@misc{")
    taken = titans("ask", "When did the weir at Ostrel fail?", *options)
    assert (taken.code, "the file exists" in taken.err) == (2, True)
    assert titans("ask", "When was the bridge at Velm opened?", *options, "--yes").code == 0
    assert "1931" in files[0].read_text(encoding="utf-8")


@pytest.mark.usefixtures("read")
def test_a_file_that_says_no_form_or_has_no_folder_is_refused_before_anything_is_asked(
    titans: Titans, tmp_path: Path
) -> None:
    for file, code in (("a.docx", 2), ("a", 2), ("nowhere/a.md", 1), (".", 2)):
        assert titans("ask", "When?", "-o", tmp_path / file).code == code, file
    assert "asked" not in titans("session", "log").out


@pytest.mark.usefixtures("read")
def test_footnotes_of_several_answers_are_told_apart(titans: Titans, tmp_path: Path) -> None:
    two = ("When did the weir at Ostrel fail?", "When was the bridge at Velm opened?")
    assert titans("ask", *two, "-o", tmp_path / "two.md").code == 0
    text = (tmp_path / "two.md").read_text(encoding="utf-8")
    assert text.index("[^1-1]") < text.index("[^2-1]")


def test_foreign_text_is_no_markup() -> None:
    for text in ("# head", "*a* _b_", "<script>", "[x](y)", "- item", "`code`", "a | b", "$x$"):
        shown = escaped(text)
        assert all(shown[i - 1] == "\\" for i, c in enumerate(shown) if c in "#*_<>[]`|$" or (i == 1 and c == "-"))
    assert markdown([]) == "\n"
