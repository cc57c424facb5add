"""Killed anywhere and run again, an ingest ends with the bytes of an uninterrupted one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.sessions.samples import (
    LONG,
    child_environment,
    file_hashes,
    memory_of,
    open_session,
    read_into,
    retained,
    start,
    write_document,
    write_documents,
)
from titans_cli.errors import Interrupted
from titans_cli.progress import (
    BlocksRead,
    FileChanged,
    FileFailed,
    FileFinished,
    FileSkipped,
    FileStarted,
    IngestFinished,
)
from titans_cli.sessions.health import check_session
from titans_cli.store import Home


class Job(NamedTuple):
    home: Home
    paths: list[Path]
    whole: dict[str, Any]  # what an uninterrupted run retains
    digest: str


@pytest.fixture
def job(home: Home, tmp_path: Path, tiny_folder: Path) -> Job:
    """A short document, a long one, another short one; read in one go by session `whole`; `killed` is still blank."""
    short = write_documents(tmp_path / "docs", 2)
    paths = [short[0], write_document(tmp_path / "docs" / "long.txt", sentences=LONG, seed=7), short[1]]
    start(home, "whole", tiny_folder)
    read_into(home, "whole", paths, commit_seconds=0)
    start(home, "killed", tiny_folder)
    whole = open_session(home, "whole")
    return Job(home, paths, retained(whole), memory_of(whole))


class Killer:
    """Starts victims and kills them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def _ask(self, line: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def __call__(self, job: Job, moment: str, count: int) -> None:
        pid = self._ask(json.dumps([str(job.home.root), "killed", moment, count, *map(str, job.paths)]))
        assert pid.isdigit(), pid
        os.kill(int(pid), signal.SIGKILL)
        assert self._ask("wait") == "reaped"


@pytest.fixture(scope="module")
def kill() -> Iterator[Killer]:
    command = [sys.executable, "-m", "tests.sessions.victim"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=child_environment(), text=True
    ) as process:
        yield Killer(process)


def blocks_done(job: Job) -> list[tuple[str, int, int]]:
    with open_session(job.home, "killed").episodes() as episodes:
        return [(Path(s.uri).name, s.blocks_done, s.blocks_total) for s in episodes.sources()]


@pytest.mark.parametrize(
    ("moment", "count"),
    [
        ("batch", 1),  # before the first document is committed
        ("batch", 4),  # in the middle of the long one
        ("batch", 9),  # in its last batch or in the last document
        ("commit", 3),  # in the long one, between the snapshot's file and its row
    ],
)
def test_a_killed_ingest_run_again_ends_with_the_same_bytes(job: Job, kill: Killer, moment: str, count: int) -> None:
    kill(job, moment, count)
    assert memory_of(open_session(job.home, "killed")) != job.digest
    read_into(job.home, "killed", job.paths, commit_seconds=0)
    killed = open_session(job.home, "killed")
    assert memory_of(killed) == job.digest
    assert retained(killed) == job.whole
    assert file_hashes(killed.folder / "snapshots") == file_hashes(open_session(job.home, "whole").folder / "snapshots")


def test_a_snapshot_without_a_row_is_not_taken_for_committed(job: Job, kill: Killer) -> None:
    kill(job, "commit", 3)
    killed = open_session(job.home, "killed")
    with killed.episodes() as episodes:
        newest = episodes.newest_snapshot()
        assert (killed.folder / "snapshots" / f"{newest + 1:08d}.safetensors").exists()
        assert [info for info, _ in killed.cells()][-1].number == newest
        assert sum(s.tokens for s in episodes.sources()) == episodes.position()


def test_killed_twice_is_no_different(job: Job, kill: Killer) -> None:
    kill(job, "batch", 3)
    kill(job, "batch", 2)
    read_into(job.home, "killed", job.paths, commit_seconds=0)
    assert retained(open_session(job.home, "killed")) == job.whole


def test_it_continues_where_the_last_commit_was(job: Job, kill: Killer) -> None:
    kill(job, "batch", 5)
    done = {name: done for name, done, total in blocks_done(job) if done < total}
    assert done["long.txt"] > 0
    events = read_into(job.home, "killed", job.paths, commit_seconds=0)
    started = [e for e in events if isinstance(e, FileStarted)]
    assert started[0].source.endswith("long.txt")
    assert started[0].resumed_at == done["long.txt"]
    assert [Path(e.source).name for e in events if isinstance(e, FileSkipped)] == ["00.txt", "long.txt"]


def test_a_begun_document_is_finished_from_the_retained_text_when_its_file_is_gone(job: Job, kill: Killer) -> None:
    kill(job, "batch", 4)
    job.paths[1].unlink()
    events = read_into(job.home, "killed", job.paths, commit_seconds=0)
    assert [Path(e.source).name for e in events if isinstance(e, FileFailed)] == ["long.txt"]
    assert retained(open_session(job.home, "killed")) == job.whole


def test_a_begun_document_is_finished_as_it_was_begun_when_its_file_has_changed(job: Job, kill: Killer) -> None:
    """The new version is read beside it with `append`, and in its place otherwise."""
    kill(job, "batch", 4)
    write_document(job.paths[1], sentences=40, seed=99)
    events = read_into(job.home, "killed", job.paths, commit_seconds=0, append=True)
    assert [e.kept for e in events if isinstance(e, FileChanged)] == [True]
    started = [(Path(e.source).name, e.resumed_at > 0) for e in events if isinstance(e, FileStarted)]
    assert started == [("long.txt", True), ("long.txt", False), ("01.txt", False)]
    read_into(job.home, "whole", job.paths, commit_seconds=0, append=True)
    assert sorted(memories(job, "killed")) == sorted(memories(job, "whole"))


def memories(job: Job, name: str) -> list[str]:
    return [info.sha256 for info, _ in open_session(job.home, name).cells()]


def test_a_begun_document_is_finished_before_anything_else_is_read(job: Job, kill: Killer, tmp_path: Path) -> None:
    kill(job, "batch", 4)
    other = write_document(tmp_path / "other.txt", seed=50)
    read_into(job.home, "killed", [other], commit_seconds=0)
    assert [(name, done == total) for name, done, total in blocks_done(job)] == [
        ("00.txt", True),
        ("long.txt", True),
        ("other.txt", True),
    ]


def test_asking_a_killed_session_answers_from_its_last_commit(job: Job, kill: Killer) -> None:
    from titans_cli.sessions.ask import ask

    kill(job, "batch", 4)
    answer = ask(job.home, "killed", "What does the kernel hold?")
    with open_session(job.home, "killed").episodes() as episodes:
        assert answer.snapshot == episodes.newest_snapshot()


@pytest.mark.parametrize("after", [1, 3, 6])
def test_a_stopped_ingest_commits_what_it_read_and_continues(job: Job, after: int) -> None:
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked >= after

    with pytest.raises(Interrupted):
        read_into(job.home, "killed", job.paths, commit_seconds=1e9, stop=stop)
    assert sum(done for _, done, _ in blocks_done(job)) > 0
    events = read_into(job.home, "killed", job.paths)
    assert any(isinstance(e, BlocksRead) for e in events)
    finished = events[-1]
    assert isinstance(finished, IngestFinished)
    read = sum(isinstance(e, FileFinished) for e in events)
    assert (finished.files_read, finished.files_read + finished.files_skipped) == (read, len(job.paths))
    assert retained(open_session(job.home, "killed")) == job.whole


def test_a_stop_is_heard_while_a_long_document_is_cut_into_segments(
    home: Home, tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text of megabytes takes a while; nothing of it is committed yet, and nothing is lost."""
    start(home, "papers", tiny_folder)
    asked = iter([False] * 5)
    monkeypatch.setattr("titans_cli.sessions.ingest.UNHEARD", 0.0)
    path = write_document(tmp_path / "long.txt", sentences=LONG)
    with pytest.raises(Interrupted):
        read_into(home, "papers", [path], stop=lambda: next(asked, True))
    with open_session(home, "papers").episodes() as episodes:
        assert episodes.sources() == []
    assert check_session(home, "papers", read_data=True).findings == ()
