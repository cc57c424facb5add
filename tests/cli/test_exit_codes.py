"""Every exit code of the contract, and what is said with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Done, Titans
from tests.pdfmaker import build_pdf, encrypted_pdf, make_pdf, scanned_page
from tests.sessions.samples import child_environment, file_hashes, write_document
from titans_cli.store import Home, SessionStore

Memory = Callable[..., str]


def kept_files(home: Home) -> dict[str, str]:
    """Hashes of all files but SQLite's own, which come and go with readers."""
    return {k: v for k, v in file_hashes(home.root).items() if not k.endswith((".sqlite-wal", ".sqlite-shm"))}


@pytest.mark.parametrize(
    "argv",
    [
        ["bogus"],
        ["session", "bogus"],
        ["--bogus"],
        ["ask"],
        ["ask", ""],
        ["ask", " \n "],
        ["ask", "why?", "--sentences", "0"],
        ["ask", "why?", "--sentences", "many"],
        ["ingest"],
        ["ingest", "-", "--files-from", "-"],
        ["ingest", "--files-from", "no-such-list"],
        ["ingest", ".", "--retry-lock", "soon"],
        ["ingest", ".", "--retry-lock", "-5s"],
        ["run", "."],
        ["session", "new", "papers"],
        ["session", "new", "../papers"],
        ["session", "new", ""],
        ["session", "use"],
        ["session", "promote", "--as", "a/b", "--yes"],
        ["session", "promote", "--retry-lock", "x", "--yes"],
        ["session", "discard", "--retry-lock", "x", "--yes"],
        ["session", "forget"],
        ["session", "rewind"],
        ["session", "gc", "--older-than", "long"],
        ["session", "log", "-n", "0"],
        ["session", "fork", "papers"],
        ["ltm", "show"],
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("papers")
def test_wrong_usage_is_2_and_changes_nothing(titans: Titans, home: Home, argv: list[str]) -> None:
    before = kept_files(home)
    done = titans(*argv)
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("titans: ")
    assert "Traceback" not in done.err
    assert kept_files(home) == before


@pytest.mark.parametrize(
    "argv",
    [
        ["ask", "why?", "-s", "nowhere"],
        ["ingest", ".", "-s", "nowhere"],
        ["session", "show", "nowhere"],
        ["session", "use", "nowhere"],
        ["session", "promote", "nowhere", "--yes"],
        ["session", "discard", "nowhere", "--yes"],
        ["session", "log", "-s", "nowhere"],
        ["session", "forget", "nowhere", "--yes"],
        ["session", "rewind", "--to", "nowhere", "--yes"],
        ["session", "fork", "-s", "nowhere"],
        ["session", "import", "nowhere"],
        ["session", "repair", "nowhere"],
        ["check", "nowhere"],
        ["session", "new", "heir", "--from", "nowhere"],
        ["ltm", "show", "nowhere"],
        ["ltm", "rm", "nowhere", "--yes"],
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("papers")
def test_no_such_session_or_entry_is_10(titans: Titans, home: Home, argv: list[str]) -> None:
    before = kept_files(home)
    done = titans(*argv)
    assert done.code == 10
    assert "nowhere" in done.err
    assert "titans " in done.err.removeprefix("titans: ")  # the next step
    assert kept_files(home) == before


@pytest.mark.parametrize("argv", [["ask", "why?"], ["session", "show"], ["session", "discard", "-y"]], ids=" ".join)
def test_no_current_session_is_10(titans: Titans, home: Home, argv: list[str]) -> None:
    done = titans(*argv)
    assert done.code == 10
    assert "titans ingest" in done.err
    assert not home.root.exists()


def test_one_bad_file_among_good_ones_is_3_and_the_good_ones_are_committed(
    titans: Titans, documents: list[Path]
) -> None:
    folder = documents[0].parent
    (folder / "01a-empty.txt").write_bytes(b" \n")
    done = titans("ingest", folder)
    assert done.code == 3
    assert "01a-empty.txt" in done.err
    shown = titans("session", "show", "--json").document
    assert [s["uri"] for s in shown["sources"]] == [str(p.resolve()) for p in documents]


def test_every_bad_file_is_named_with_its_reason_and_the_next_step(titans: Titans, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    pages = ["The kernel holds the bound. " * 20]
    bad = {
        "encrypted.pdf": ("encrypted", encrypted_pdf(pages)),
        "scanned.pdf": ("no-text", build_pdf([scanned_page()])),
        "truncated.pdf": ("corrupt", make_pdf(pages)[:80]),
        "empty.md": ("no-text", b""),
        "picture.png": ("unsupported", b"\x89PNG\r\n\x1a\n"),
    }
    for name, (_, data) in bad.items():
        (folder / name).write_bytes(data)
    (folder / "good.pdf").write_bytes(make_pdf(pages))
    named = [folder / name for name in [*bad, "good.pdf"]]
    done = titans("ingest", *named, folder / "missing.pdf", "--json")
    assert done.code == 3
    failed = {Path(e["source"]).name: e for e in done.lines if e["schema"] == "titans.ingest.file-failed/1"}
    assert {name: e["kind"] for name, e in failed.items()} == {
        **{name: kind for name, (kind, _) in bad.items()},
        "missing.pdf": "unreadable",
    }
    assert all(e["reason"] and e["hint"] for e in failed.values())
    assert all(name in done.err for name in failed)
    assert [s["kind"] for s in titans("session", "show", "--json").document["sources"]] == ["pdf"]


def test_nothing_but_missing_paths_is_3_and_makes_no_session(titans: Titans, home: Home, tmp_path: Path) -> None:
    done = titans("ingest", tmp_path / "missing.txt")
    assert done.code == 3
    assert "missing.txt" in done.err
    assert home.session_names() == []


def test_an_empty_folder_makes_no_session(titans: Titans, home: Home, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert titans("ingest", tmp_path / "empty").code == 3  # nothing to read is a failure, and says so
    assert home.session_names() == []


@pytest.fixture
def holder(papers: Done, home: Home) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the writer's lock of `papers` until its stdin is closed."""
    code = (
        "import sys\n"
        "from titans_cli.store import Home, SessionStore\n"
        "with SessionStore.open(Home.locate(), 'papers').locked(command='ingest'):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=child_environment(), text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        if process.stdin is not None and not process.stdin.closed:
            process.stdin.close()


def test_another_writer_is_11_and_is_named(
    titans: Titans, holder: subprocess.Popen[str], tmp_path: Path, memory: Memory
) -> None:
    before = memory()
    new = write_document(tmp_path / "new.txt", seed=9)
    for argv in (["ingest", new], ["session", "promote", "--yes"], ["session", "discard", "--yes"]):
        done = titans(*argv)
        assert done.code == 11
        assert str(holder.pid) in done.err
        assert "--retry-lock" in done.err
    assert memory() == before


def test_asking_and_looking_need_no_lock(titans: Titans, holder: subprocess.Popen[str]) -> None:
    assert holder.poll() is None
    assert titans("ask", "What does the kernel hold?").code == 0
    assert titans("session", "show").code == 0
    assert titans("session", "list").code == 0


def test_retry_lock_waits_for_the_other_writer_and_then_succeeds(
    titans: Titans, holder: subprocess.Popen[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleep, waited = time.sleep, []

    def let_go(seconds: float) -> None:
        """While the command waits, the other writer ends."""
        waited.append(seconds)
        if holder.stdin is not None and not holder.stdin.closed:
            holder.stdin.close()
            holder.wait()
        sleep(0)

    monkeypatch.setattr(time, "sleep", let_go)
    done = titans("ingest", write_document(tmp_path / "new.txt", seed=9), "--retry-lock", "1h")
    assert done.code == 0
    assert waited


@pytest.mark.parametrize("file", ["tokenizer.json", "model.safetensors"])
def test_a_session_of_another_model_is_12(
    titans: Titans, documents: list[Path], tiny_folder: Path, tmp_path: Path, file: str
) -> None:
    model = Path(shutil.copytree(tiny_folder, tmp_path / "model"))
    assert titans("ingest", documents[0], "--model", model).code == 0
    changed = model / file
    data = bytearray(changed.read_bytes())
    if file == "tokenizer.json":
        data += b"\n"
    else:
        data[-1] ^= 1
    changed.write_bytes(data)
    for argv in (["ask", "why?"], ["ingest", documents[1], "--model", model]):
        done = titans(*argv)
        assert done.code == 12
        assert "ingest" in done.err
    assert titans("session", "show").code == 0  # it can still be looked at, and discarded
    assert titans("session", "discard", "--yes").code == 0


def test_another_model_named_for_a_session_is_2(
    titans: Titans, papers: Done, documents: list[Path], tiny_folder: Path, tmp_path: Path, memory: Memory
) -> None:
    model = Path(shutil.copytree(tiny_folder, tmp_path / "model"))
    (model / "tokenizer.json").write_text((model / "tokenizer.json").read_text() + "\n")
    before = memory()
    assert titans("ingest", documents[0], "--model", model).code == 2
    assert memory() == before


def test_a_model_that_is_not_there_is_1_and_makes_no_session(titans: Titans, home: Home, documents: list[Path]) -> None:
    done = titans("ingest", documents[0], "--model", "/no/such/model")
    assert done.code == 1
    assert "/no/such/model" in done.err
    assert home.session_names() == []


def newest_snapshot(home: Home) -> Path:
    store = SessionStore.open(home, "papers")
    return max((store.folder / "snapshots").iterdir())


@pytest.mark.parametrize("where", [0, 50, -1], ids=["length", "header", "payload"])
@pytest.mark.usefixtures("papers")
def test_a_flipped_byte_in_the_newest_snapshot_is_13(titans: Titans, home: Home, tmp_path: Path, where: int) -> None:
    path = newest_snapshot(home)
    data = bytearray(path.read_bytes())
    data[where] ^= 1
    path.write_bytes(data)
    new = write_document(tmp_path / "new.txt", seed=9)
    for argv in (["ask", "What does the kernel hold?"], ["session", "promote", "--yes"]):
        done = titans(*argv)
        assert done.code == 13, argv
        assert path.name in done.err
        assert "titans session repair" in done.err
    assert titans("ingest", new).code == 0  # every document has cells of its own: nothing is built on the damaged one
    assert titans("session", "discard", "--yes").code == 0


@pytest.mark.parametrize("file", ["session.json", "episodes.sqlite"])
@pytest.mark.usefixtures("papers")
def test_a_damaged_file_of_the_session_is_13_and_it_can_be_discarded(titans: Titans, home: Home, file: str) -> None:
    folder = home.sessions_dir / "papers"
    for log in folder.glob("episodes.sqlite-*"):
        log.unlink()
    os.truncate(folder / file, 30)
    assert titans("ask", "why?").code == 13
    assert titans("session", "discard", "papers", "--yes").code == 0
    assert not folder.exists()


def test_an_interrupt_at_once_is_130(titans: Titans, papers: Done, monkeypatch: pytest.MonkeyPatch) -> None:
    from titans_cli.sessions import lifecycle

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(lifecycle, "list_sessions", interrupted)
    done = titans("session", "list", "--json")
    assert done.code == 130
    assert done.document["exit_code"] == 130


@pytest.mark.parametrize(
    "argv", [["--help"], ["--version"], [], ["session", "--help"], ["session", "list"], ["ltm", "list"]], ids=" ".join
)
def test_done_is_0(titans: Titans, argv: list[str]) -> None:
    assert titans(*argv).code == 0
