"""titans ingest --name, --dry-run and --watch; titans ltm export and import."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Done, Titans
from tests.sessions.samples import child_environment, write_document
from titans_cli.store import Home

MINUTES = b"# Minutes\n\nWe met on Monday, and the weir was discussed.\n"


def test_standard_input_has_the_name_and_the_format_that_it_is_given(titans: Titans) -> None:
    assert titans("ingest", "-", "--name", "minutes.md", stdin=MINUTES).code == 0
    again = titans("ingest", "-", "--name", "minutes.md", stdin=MINUTES)
    assert "already read, unchanged" in again.err
    changed = titans("ingest", "-", "--name", "minutes.md", stdin=MINUTES.replace(b"Monday", b"Tuesday"))
    assert "changed since" in changed.err
    (source,) = titans("sources", "--json").document["sources"]
    assert (source["source"], source["kind"], source["title"]) == ("minutes.md", "md", "Minutes")
    assert "Tuesday" in titans("show", "minutes.md", "-q").out
    assert titans("ingest", "-", stdin=b"No name, and so a document of its own.").code == 0
    assert len(titans("sources", "--json").document["sources"]) == 2


def test_a_name_without_standard_input_is_2(titans: Titans, tmp_path: Path) -> None:
    write_document(tmp_path / "a.txt")
    assert titans("ingest", tmp_path / "a.txt", "--name", "b.txt").code == 2
    assert titans("ingest", "-", "--name", " ", stdin=MINUTES).code == 2


def test_a_dry_run_says_what_would_be_read_and_makes_no_session(titans: Titans, home: Home, tmp_path: Path) -> None:
    write_document(tmp_path / "docs" / "a.txt")
    (tmp_path / "docs" / "bad.txt").write_bytes(b"")
    done = titans("ingest", tmp_path / "docs", "--dry-run")
    assert done.code == 3
    assert "would read 1 file, 1 failing into a new session: 1 page" in done.out
    assert "of disk" in done.out
    assert "bad.txt" in done.err
    preview = titans("ingest", tmp_path / "docs" / "a.txt", "--dry-run", "--json").document
    assert (preview["schema"], preview["read"], preview["session"]) == ("titans.ingest.preview/1", 1, None)
    assert not home.session_names()


def test_what_cannot_be_followed_is_2(titans: Titans, tmp_path: Path) -> None:
    write_document(tmp_path / "a.txt")
    for more in (["--engine", "ray"], ["--session-per", "folder"], ["-"], ["--files-from", tmp_path / "a.txt"]):
        assert titans("ingest", tmp_path, "--watch", *more).code == 2, more


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.slow
def test_ctrl_c_ends_a_watch_in_order(titans: Titans, home: Home, tmp_path: Path) -> None:
    write_document(tmp_path / "docs" / "a.txt")
    command = [sys.executable, "-m", "titans_cli", "ingest", str(tmp_path / "docs"), "--watch"]
    lines = list[str]()
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=child_environment(), text=True) as child:
        assert child.stderr is not None
        for line in child.stderr:
            lines.append(line)
            if "Ctrl-C stops" in line:
                child.send_signal(signal.SIGINT)
    assert child.returncode == 130
    assert "stopped following" in lines[-1]
    assert titans("check", "--read-data").code == 0
    assert len(titans("sources", "--json").document["sources"]) == 1


@pytest.mark.usefixtures("papers")
def test_an_entry_goes_to_a_file_and_comes_back(
    titans: Titans, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert titans("session", "promote", "--as", "kept", "--yes", "--force").code == 0
    file = tmp_path / "kept.ltm"
    assert "would export LTM entry kept" in titans("ltm", "export", "kept", file, "--dry-run").out
    assert titans("ltm", "export", "kept", file).code == 0
    assert titans("ltm", "export", "kept", file).code == 2
    assert titans("ltm", "import", file).code == 2  # it is here already
    monkeypatch.setenv("TITANS_HOME", str(tmp_path / "elsewhere"))
    done: Done = titans("ltm", "import", file, "--name", "theirs", "--json")
    assert (done.code, done.document["name"], done.document["session"]) == (0, "theirs", "papers")
    assert titans("ltm", "verify", "theirs").code == 0
    assert titans("session", "new", "heir", "--from", "theirs").code == 0
    assert len(titans("sources", "--json").document["sources"]) == 3
    file.write_bytes(file.read_bytes()[:-2000])
    assert titans("ltm", "import", file, "--name", "cut").code == 13
