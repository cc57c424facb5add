"""Where nothing can be written, everything that only looks works, and the rest says what the matter is."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sessions.samples import start
from titans_cli.errors import StorageError
from titans_cli.report.write import write_report
from titans_cli.sessions.ask import AskRequest, ask
from titans_cli.sessions.health import check_session
from titans_cli.sessions.history import forget, recall, session_log
from titans_cli.sessions.items import ItemRequest, add, filter_items
from titans_cli.sessions.lifecycle import export, list_sessions, show_session
from titans_cli.sessions.retrieve import retrieve
from titans_cli.sessions.selection import Filter
from titans_cli.store import Home

TOLD = "The vault code of Brixholm depot is 731846."
CODE = "What is the vault code of Brixholm depot?"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    where = tmp_path / "disk"
    where.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "titans-test", str(where)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting is not permitted here")
    yield where
    subprocess.run(["umount", str(where)], check=True)


def freeze(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


@pytest.fixture
def frozen(disk: Path, tiny_folder: Path) -> Home:
    """A home that has a session, where nothing can be written any more."""
    home = Home(disk / "home")
    start(home, "papers", tiny_folder)
    add(home, "papers", ItemRequest(TOLD, key="vault"))
    home.set_current("papers")
    freeze(disk)
    return home


def test_all_that_only_looks_works(frozen: Home, tmp_path: Path) -> None:
    assert [s.name for s in list_sessions(frozen)[0].sessions] == ["papers"]
    assert len(show_session(frozen, None).sources) == 1
    answer = ask(frozen, None, AskRequest(CODE, log=False))
    assert "731846" in answer.text
    assert retrieve(frozen, None, CODE).passages[0].text == TOLD
    assert [e.kind for e in recall(frozen, None, "Brixholm").events] == ["told"]
    assert len(session_log(frozen, None).events) == 2
    assert [i.key for i in filter_items(frozen, None, Filter()).items] == ["vault"]
    assert check_session(frozen, None, read_data=True, replay=True).findings == ()
    assert forget(frozen, None, "vault", dry_run=True).left == 0
    write_report(frozen, None, tmp_path / "out.html")
    assert "731846" in (tmp_path / "out.html").read_text()


def test_an_answer_is_told_though_it_cannot_be_kept(frozen: Home) -> None:
    answer = ask(frozen, None, CODE)
    assert "731846" in answer.text
    assert answer.unlogged == "the file system is read-only"


def test_what_has_to_write_names_the_read_only_file_system(frozen: Home, tmp_path: Path) -> None:
    for write in (
        lambda: add(frozen, None, "More."),
        lambda: forget(frozen, None, "vault"),
        lambda: export(frozen, None, tmp_path / "out.tar"),
        lambda: frozen.set_current("papers"),
    ):
        with pytest.raises(StorageError, match="read-only"):
            write()


def test_commits_that_a_kill_left_in_the_log_are_seen_or_said_to_be_there(disk: Path, tiny_folder: Path) -> None:
    """SQLite needs the -shm file beside a log; a copy of the folder may lack it."""
    home = Home(disk / "home")
    store = start(home, "papers", tiny_folder)
    with store.episodes():  # keeps the log, which the last to close would empty
        add(home, "papers", ItemRequest(TOLD, key="vault"))
        log, index = (store.folder / f"episodes.sqlite-{name}" for name in ("wal", "shm"))
        kept = {path: path.read_bytes() for path in (log, index)}
    for path, data in kept.items():
        path.write_bytes(data)
    freeze(disk)
    assert [i.key for i in filter_items(home, "papers", Filter()).items] == ["vault"]
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    index.unlink()
    freeze(disk)
    with pytest.raises(StorageError, match="last commits still lie in the log"):
        show_session(home, "papers")
