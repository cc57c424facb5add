"""Killed at any instruction: what was committed stands, and the next command works."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.store.samples import SENTENCE, check_whole, new_session, read_paper
from titans_cli.store import Home, LongTermMemory, SessionStore


class Worker:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def say(self, *words: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the worker ended"
        return line.strip()


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.store.worker"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Worker(process)


def at_every_step(
    worker: Worker, tmp_path: Path, operation: str, base: Path, then: Callable[[Path, bool], None]
) -> int:
    """Run `operation` on a copy of `base`, killed before its 1st, 2nd, ... call, until it ends; check after each."""
    for step in range(1, 500):
        home = tmp_path / f"step{step}"
        shutil.copytree(base, home)
        worker.say("step", operation, home, step)
        code = int(worker.hear())
        assert code in (0, 9)
        then(home, code == 0)
        shutil.rmtree(home)
        if code == 0:
            return step
    raise AssertionError("it never ended")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    store = new_session(tmp_path / "base")
    with store.writer():
        for number in range(1, 13):
            read_paper(store, number)
    return tmp_path / "base"


def no_leftovers(home: Path) -> None:
    assert [p for p in home.rglob("*") if p.name.startswith((".tmp-", ".new-", ".gone-"))] == []


def works(home: Path, name: str = "papers") -> int:
    """The session is whole, and takes another commit; return the number it stood at."""
    store = SessionStore.open(Home(home), name)
    number = check_whole(store)
    with store.writer():
        read_paper(store, number + 1)
        files = {int(p.stem) for p in (store.folder / "snapshots").iterdir()}
    with store.episodes() as episodes:
        assert files == {s.number for s in episodes.snapshots()}
    assert check_whole(store) == number + 1
    return number


def test_a_kill_during_a_commit_leaves_the_old_state_or_the_new(worker: Worker, tmp_path: Path, base: Path) -> None:
    def then(home: Path, done: bool) -> None:
        assert works(home) in ((13,) if done else (12, 13))

    assert at_every_step(worker, tmp_path, "commit", base, then) > 6


@pytest.fixture
def small(tmp_path: Path) -> Path:
    store = new_session(tmp_path / "base")
    with store.writer():
        for number in range(1, 5):
            read_paper(store, number)
    return tmp_path / "base"


def test_a_kill_while_a_cell_is_carried_on_leaves_the_old_state_or_the_new(
    worker: Worker, tmp_path: Path, small: Path
) -> None:
    def then(home: Path, done: bool) -> None:
        store = SessionStore.open(Home(home), "papers")
        with store.episodes() as episodes:
            cells = [(s.number, s.cell, s.blocks_done) for s in episodes.cells_of(4)]
        assert cells in ([(5, 0, 3), (6, 1, 4)], *([] if done else [[(4, 0, 2)]]))
        assert works(home) == cells[-1][0]

    assert at_every_step(worker, tmp_path, "carry_on", small, then) > 8


def test_a_kill_during_forgetting_leaves_the_old_state_or_the_new_and_the_next_writer_cleans_up(
    worker: Worker, tmp_path: Path, small: Path
) -> None:
    def then(home: Path, done: bool) -> None:
        store = SessionStore.open(Home(home), "papers")
        with store.episodes() as episodes:
            ids = [s.id for s in episodes.sources()]
        assert ids in ([1, 2, 4], *([] if done else [[1, 2, 3, 4]]))
        assert works(home) == 4
        held = [p for p in store.folder.rglob("*") if p.is_file() and b"number3" in p.read_bytes()]
        assert bool(held) == (3 in ids)

    assert at_every_step(worker, tmp_path, "forget", small, then) > 1


def test_a_kill_during_creation_leaves_all_of_it_or_nothing(worker: Worker, tmp_path: Path) -> None:
    new_session(tmp_path / "base", "other")

    def then(home: Path, done: bool) -> None:
        there = {s.name for s in SessionStore.list(Home(home)).sessions}
        assert there == {"other", "fresh"} if done else there in ({"other"}, {"other", "fresh"})
        if "fresh" in there:
            works(home, "fresh")
        else:
            new_session(home, "fresh")
        no_leftovers(home)

    assert at_every_step(worker, tmp_path, "create", tmp_path / "base", then) > 10


def test_a_kill_during_discard_leaves_all_of_it_or_nothing(worker: Worker, tmp_path: Path, base: Path) -> None:
    def then(home: Path, done: bool) -> None:
        listed = SessionStore.list(Home(home))
        assert listed.unreadable == ()
        assert not (done and listed.sessions)
        for session in listed.sessions:
            works(home, session.name)
        no_leftovers(home)
        held = [p for p in home.rglob("*") if p.is_file() and SENTENCE.encode() in p.read_bytes()]
        assert bool(held) == bool(listed.sessions)

    assert at_every_step(worker, tmp_path, "discard", base, then) > 10


def test_a_killed_promotion_is_finished_by_repeating_it(worker: Worker, tmp_path: Path, base: Path) -> None:
    def then(home: Path, done: bool) -> None:
        memory = LongTermMemory(Home(home))
        store = SessionStore.open(Home(home), "papers")
        assert store.info.state in (("promoted",) if done else ("open", "promoted"))
        is_open = store.info.state == "open"
        assert check_whole(store) == 12 if is_open else memory.verify("kept").session_id == store.info.id
        assert memory.promote(store, "kept") == memory.verify("kept")
        assert memory.verify("kept").position == 240
        assert {p.name for p in store.folder.iterdir()} <= {"session.json", "lock"}
        no_leftovers(home)
        fresh = memory.start_session("kept", "fresh")
        assert [tensors["steps"].item() for _, tensors in fresh.cells()] == list(range(1, 13))

    assert at_every_step(worker, tmp_path, "promote", base, then) > 15


def test_a_kill_while_starting_from_an_entry_leaves_all_of_it_or_nothing(
    worker: Worker, tmp_path: Path, base: Path
) -> None:
    LongTermMemory(Home(base)).promote(SessionStore.open(Home(base), "papers"), "kept")

    def then(home: Path, done: bool) -> None:
        names = {s.name for s in SessionStore.list(Home(home)).sessions}
        assert "fresh" in names or not done
        if "fresh" not in names:
            LongTermMemory(Home(home)).start_session("kept", "fresh")
        works(home, "fresh")
        LongTermMemory(Home(home)).verify("kept")
        no_leftovers(home)

    assert at_every_step(worker, tmp_path, "start", base, then) > 10


def test_a_session_survives_being_killed_again_and_again(worker: Worker, tmp_path: Path) -> None:
    store = new_session(tmp_path)
    chance = random.Random(20261122)
    for _ in range(8):
        worker.say("loop", tmp_path)
        pid = int(worker.hear())
        heard = 0
        for _ in range(chance.randrange(1, 4)):
            heard = int(worker.hear())
        time.sleep(chance.random() * 0.03)  # wherever this falls, the checks below must hold
        os.kill(pid, signal.SIGKILL)
        worker.say("wait", pid)
        while (line := worker.hear()) != "reaped":
            heard = int(line)
        with store.writer():
            number = check_whole(store)
            assert number >= heard  # what a commit returned is there
            read_paper(store, number + 1)
    assert check_whole(store) > 16
