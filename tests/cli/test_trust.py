"""The commands that undo, copy, check and clean up, as a person or a script meets them."""

from __future__ import annotations

import errno
import os
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.cli.conftest import Done, Titans
from tests.cli.test_exit_codes import holder, kept_files
from tests.sessions.samples import write_document
from titans_cli.store import Home

__all__ = ["holder"]

Memory = Callable[..., str]


@pytest.mark.usefixtures("papers")
def test_forget_says_what_it_forgot_and_needs_a_yes(titans: Titans, documents: list[Path], memory: Memory) -> None:
    before = memory()
    refused = titans("session", "forget", documents[1])
    assert (refused.code, "--yes" in refused.err) == (2, True)
    dry = titans("session", "forget", documents[1], "--dry-run")
    assert (dry.code, "would forget" in dry.out, memory()) == (0, True, before)
    done = titans("session", "forget", documents[1], "--yes", "--json").document
    assert (done["schema"], done["done"], done["left"]) == ("titans.forgotten/1", True, 2)
    assert [s["uri"] for s in done["sources"]] == [str(documents[1].resolve())]
    assert done["memory_sha256"] == memory() != before
    assert titans("session", "forget", documents[1], "--yes").code == 10


@pytest.mark.usefixtures("papers")
def test_what_was_forgotten_can_be_read_again(titans: Titans, documents: list[Path], memory: Memory) -> None:
    before = memory()
    assert titans("session", "forget", documents[2], "-y").code == 0
    assert titans("ingest", *documents).code == 0
    assert memory() == before


@pytest.mark.usefixtures("papers")
def test_rewind_keeps_the_named_document_and_those_before(titans: Titans, documents: list[Path]) -> None:
    assert titans("session", "rewind", "--to", documents[0], "-n").code == 0
    done = titans("session", "rewind", "--to", documents[0], "-y")
    assert (done.code, str(documents[1]) in done.out) == (0, True)
    shown = titans("session", "show", "--json").document
    assert [s["uri"] for s in shown["sources"]] == [str(documents[0].resolve())]


@pytest.mark.usefixtures("papers")
def test_log_tells_what_happened(titans: Titans, documents: list[Path]) -> None:
    events = titans("session", "log", "--json").document["events"]
    assert [e["kind"] for e in events] == ["started", "read", "read", "read"]
    assert len(titans("session", "log", "-n", "2").out.splitlines()) == 2
    assert documents[0].name in titans("session", "log").out


@pytest.mark.usefixtures("papers")
def test_fork_becomes_current_unless_told_otherwise(titans: Titans, home: Home, memory: Memory) -> None:
    assert titans("session", "fork", "aside", "--no-use").code == 0
    assert home.current() == "papers"
    assert titans("session", "fork", "-n").code == 0
    assert titans("session", "fork", "what-if", "--json").document["name"] == "what-if"
    assert home.current() == "what-if"
    assert memory("what-if") == memory("aside") == memory("papers")
    assert set(home.session_names()) == {"papers", "aside", "what-if"}


@pytest.mark.usefixtures("papers")
def test_export_and_import(titans: Titans, home: Home, tmp_path: Path, memory: Memory) -> None:
    file = tmp_path / "papers.titans"
    assert titans("session", "export", file, "--dry-run").code == 0
    assert not file.exists()
    assert titans("session", "export", file, "--json").document["done"]
    assert titans("session", "export", file).code == 2
    assert titans("session", "export", file, "--yes").code == 0
    assert titans("session", "import", file).code == 2  # the name is taken
    assert titans("session", "import", file, "--name", "copy").code == 0
    assert memory("copy") == memory("papers")
    file.write_bytes(file.read_bytes()[:-3000])
    assert titans("session", "import", file, "--name", "torn").code == 13
    assert titans("session", "import", tmp_path / "none").code == 10
    assert set(home.session_names()) == {"papers", "copy"}


def test_gc_discards_what_was_not_used_for_long_and_never_the_current_one(
    titans: Titans, home: Home, monkeypatch: pytest.MonkeyPatch, documents: list[Path]
) -> None:
    from titans_cli.sessions import lifecycle

    for name in ("old", "used", "current"):
        assert titans("session", "new", name).code == 0
    assert lifecycle.discard_old(home, 3600) == ([], [])
    later = datetime.now(UTC) + timedelta(days=40)

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return later

    monkeypatch.setattr(lifecycle, "datetime", Later)
    monkeypatch.setattr("titans_cli.sessions.ask.utc_now", lambda: later.isoformat(timespec="seconds")[:19] + "Z")
    assert titans("ask", "What does the kernel hold?", "-s", "used").code == 0
    refused = titans("session", "gc", "--older-than", "30d")
    assert refused.code == 2
    dry = titans("session", "gc", "--older-than", "30d", "-n", "--json").document
    assert [s["name"] for s in dry["sessions"]] == ["old"]
    assert titans("session", "gc", "--older-than", "30d", "-y").code == 0
    assert set(home.session_names()) == {"used", "current"}
    for time in ("30d", "999999999d"):
        assert titans("session", "gc", "--older-than", time).out == "nothing to discard\n"


@pytest.mark.usefixtures("papers")
def test_check_is_13_when_something_is_damaged_and_repair_puts_it_right(
    titans: Titans, home: Home, memory: Memory
) -> None:
    assert titans("check", "--replay").code == 0
    before = memory()
    cell = max((home.sessions_dir / "papers" / "snapshots").iterdir())
    os.truncate(cell, 100)
    done = titans("check", "papers", "--json")
    assert (done.code, done.document["ok"]) == (13, False)
    (finding,) = done.document["findings"]
    assert finding["subject"] == str(cell)
    assert "titans session repair papers" in finding["hint"]
    assert titans("session", "repair", "--dry-run").code == 0
    assert titans("check").code == 13
    assert "made anew" in titans("session", "repair").out
    assert titans("check", "--replay", "-q").out == ""
    assert memory() == before


@pytest.mark.usefixtures("papers")
def test_a_database_that_cannot_be_opened_is_13_for_check_and_repair(titans: Titans, home: Home) -> None:
    for log in (home.sessions_dir / "papers").glob("episodes.sqlite-*"):
        log.unlink()
    os.truncate(home.sessions_dir / "papers" / "episodes.sqlite", 3000)
    assert titans("check").code == 13
    done = titans("session", "repair")
    assert (done.code, "titans session discard papers" in done.err) == (13, True)


WRITING = [
    ["session", "forget", "1", "-y"],
    ["session", "rewind", "--to", "1", "-y"],
    ["session", "fork", "copy"],
    ["session", "export", "copy.titans"],
    ["session", "repair"],
    ["session", "promote", "-y"],
    ["session", "discard", "-y"],
]


@pytest.mark.parametrize("argv", WRITING, ids=" ".join)
def test_every_command_that_writes_names_the_other_writer_and_can_wait_for_it(
    titans: Titans, holder: object, home: Home, argv: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = kept_files(home)
    done = titans(*argv)
    assert done.code == 11
    for word in (str(holder.pid), "since 2", "--retry-lock"):  # type: ignore[attr-defined]
        assert word in done.err
    assert kept_files(home) == before
    assert titans(*argv, "--retry-lock", "soon").code == 2
    assert "--retry-lock" in titans(*argv[:2], "--help").out


@pytest.mark.parametrize("command", ["forget", "rewind", "export", "import"])
def test_what_is_missing_on_the_command_line_is_2(titans: Titans, papers: Done, command: str) -> None:
    assert titans("session", command).code == 2


@pytest.mark.parametrize(("number", "said"), [(errno.EROFS, "read-only"), (errno.ENOSPC, "the disk is full")])
def test_a_disk_that_takes_nothing_is_a_clear_error_and_the_session_stays(
    titans: Titans,
    papers: Done,
    home: Home,
    tmp_path: Path,
    memory: Memory,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    said: str,
) -> None:
    """As root nothing is read-only: so the system call that would fail does."""
    before, whole = memory(), os.open

    def refusing(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR) and str(home.root) in str(path):
            raise OSError(number, os.strerror(number), str(path))
        return whole(path, flags, *rest, **named)

    new = write_document(tmp_path / "new.txt", seed=9)
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refusing)
        done = titans("ingest", new)
    assert done.code == 1
    assert said in done.err
    assert "Traceback" not in done.err
    assert memory() == before
    assert titans("check", "--replay").code == 0
    assert titans("ingest", new).code == 0


@pytest.mark.usefixtures("papers")
def test_an_imported_session_becomes_current_unless_told_otherwise(titans: Titans, home: Home, tmp_path: Path) -> None:
    file = tmp_path / "papers.titans"
    assert titans("session", "export", file).code == 0
    assert titans("session", "import", file, "--name", "aside", "--no-use").code == 0
    assert home.current() == "papers"
    assert titans("session", "import", file, "--name", "copy").code == 0
    assert home.current() == "copy"


@pytest.mark.usefixtures("papers")
def test_whoever_imports_what_is_there_is_told_how_to_choose_another_name(
    titans: Titans, home: Home, tmp_path: Path
) -> None:
    """With the option that the hint names it goes through, of a session and of an entry, promoted or brought."""
    session, entry = tmp_path / "papers.titans", tmp_path / "kept.ltm"
    assert titans("session", "export", session).code == 0
    assert titans("session", "promote", "--as", "kept", "--yes", "--force").code == 0
    assert titans("ltm", "export", "kept", entry).code == 0
    taken = titans("session", "import", session)
    assert (taken.code, "--name papers-2" in taken.err) == (2, True)
    assert titans("session", "import", session, "--name", "papers-2").code == 0
    taken = titans("session", "promote", "--as", "kept", "--yes", "--force")
    assert (taken.code, "--as NAME" in taken.err) == (2, True)
    assert titans("ltm", "rm", "kept", "--yes").code == 0
    assert titans("session", "promote", "--as", "kept", "--yes", "--force").code == 0  # another one, under its name
    taken = titans("ltm", "import", entry)
    assert (taken.code, "--name kept-2" in taken.err) == (2, True)
    assert titans("ltm", "import", entry, "--name", "kept-2").code == 0
    assert home.entry_names() == ["kept", "kept-2"]


@pytest.mark.usefixtures("papers")
@pytest.mark.parametrize(
    ("before", "command"),
    [
        (["session", "show"], ["session", "export"]),
        (["session", "promote", "--as", "kept", "--yes", "--force"], ["ltm", "export", "kept"]),
    ],
    ids=["session", "ltm"],
)
def test_an_export_names_its_file_by_output_too_and_replaces_none_unasked(
    titans: Titans, tmp_path: Path, before: list[str], command: list[str]
) -> None:
    assert titans(*before).code == 0
    file = tmp_path / "all.out"
    assert "--output FILE" in titans(*command).err
    assert titans(*command, file, "-o", file).code == 2
    assert not file.exists()
    assert titans(*command, "-o", file).code == 0
    written = file.read_bytes()
    refused = titans(*command, "-o", file)
    assert (refused.code, "--yes" in refused.err, file.read_bytes()) == (2, True, written)
    file.write_bytes(b"mine")
    assert titans(*command, "-o", file, "-y").code == 0
    assert len(file.read_bytes()) == len(written)


@pytest.mark.usefixtures("papers")
def test_a_removed_entry_is_said_to_have_heirs_and_their_promotion_claims_no_comparison(
    titans: Titans, tmp_path: Path
) -> None:
    assert titans("session", "promote", "--as", "kept", "--yes", "--force").code == 0
    for name in ("heir", "other heir"):
        assert titans("session", "new", name, "--from", "kept").code == 0
    dry = titans("ltm", "rm", "kept", "--dry-run").out
    assert "2 sessions started from it (heir, other heir)" in dry
    done = titans("ltm", "rm", "kept", "--yes").out
    assert "they keep what came from it, and the gate can no longer compare it" in done
    errors = titans("session", "promote", "-s", "heir", "--as", "next", "--yes", "--force").err
    (probe,) = [line for line in errors.splitlines() if line.startswith("inherited")]
    assert ("unknown" in probe, "passed" in probe, "gone" in probe) == (True, False, True)
    shown = titans("ltm", "show", "next").out
    (kept,) = [line for line in shown.splitlines() if line.startswith("inherited")]
    assert ("unknown" in kept, "passed" in kept) == (True, False)
    page = tmp_path / "r.html"
    assert titans("report", "-s", "other heir", "-o", page).code == 0
    assert '<dt>inherited</dt><dd><span class="">unknown</span>' in page.read_text()


@pytest.mark.usefixtures("papers")
def test_an_heir_that_keeps_nothing_of_its_entry_claims_no_comparison(
    titans: Titans, documents: list[Path], tmp_path: Path
) -> None:
    assert titans("session", "promote", "--as", "kept", "--yes", "--force").code == 0
    assert titans("session", "new", "heir", "--from", "kept").code == 0
    assert titans("ingest", write_document(tmp_path / "own.txt", seed=9)).code == 0
    for document in documents:
        assert titans("session", "forget", document, "--yes").code == 0
    errors = titans("session", "promote", "--yes", "--force").err
    (probe,) = [line for line in errors.splitlines() if line.startswith("inherited")]
    assert ("unknown" in probe, "passed" in probe) == (True, False)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_sessions_and_documents_are_found_however_their_accents_are_typed(
    titans: Titans, home: Home, tmp_path: Path, form: Literal["NFC", "NFD"]
) -> None:
    other: Literal["NFC", "NFD"] = "NFD" if form == "NFC" else "NFC"
    document = tmp_path / unicodedata.normalize(form, "Größe é.txt")
    write_document(document)
    typed = unicodedata.normalize(other, str(document))
    assert titans("session", "new", unicodedata.normalize(form, "Größe und é")).code == 0
    named = unicodedata.normalize(other, "GRÖSSE UND É".replace("SS", "ß"))
    assert titans("ingest", typed, "-s", named).code == 0
    assert titans("session", "use", named).code == 0
    assert home.current() == "Größe und é"
    base = unicodedata.normalize(other, document.name)
    assert titans("show", base, "--page", "1").code == 0
    word = max(document.read_text().split(), key=len).strip(".,")
    assert titans("search", word, "--sources", base, "--json").document["hits"]
    assert titans("session", "forget", base, "--dry-run").code == 0
    assert titans("session", "forget", typed, "--yes").code == 0
    assert titans("session", "discard", named.lower(), "-y").code == 0


@pytest.mark.usefixtures("papers")
@pytest.mark.parametrize(
    "command",
    [["session", "export", "-o"], ["report", "-o"], ["ask", "What is a weir?", "--no-log", "-o"]],
    ids=" ".join,
)
def test_a_folder_that_is_not_there_is_said_to_be_missing(titans: Titans, tmp_path: Path, command: list[str]) -> None:
    done = titans(*command, tmp_path / "nosuch" / "a.md")
    assert done.code == 1
    assert "nosuch" in done.err
    assert "there is no such file or folder. Check the name, or make the folder" in done.err
    (tmp_path / "plain").write_text("a file")
    assert "no folder" in titans(*command, tmp_path / "plain" / "a.md").err
