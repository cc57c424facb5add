"""SIGINT and SIGTERM stop an ingest at its next commit, and the same command goes on from there.

The second document comes from stdin, which the test holds back: so the signal always finds the command reading.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.cli.conftest import Titans
from tests.sessions.samples import LONG, child_environment, retained, write_document
from titans_cli.store import Home, SessionStore


class Job(NamedTuple):
    argv: list[str]  # without the session
    piped: bytes


@pytest.fixture
def job(titans: Titans, tmp_path: Path) -> Job:
    """A file, a long document from stdin, a file; sessions `whole` and `stopped`; the first has read all of it."""
    first, last = (write_document(tmp_path / name, seed=seed) for name, seed in (("first.txt", 1), ("last.txt", 2)))
    piped = write_document(tmp_path / "piped.txt", sentences=LONG, seed=3).read_bytes()
    made = Job(["ingest", str(first), "-", str(last), "--json"], piped)
    for name in ("whole", "stopped"):
        assert titans("session", "new", name).code == 0
    assert titans(*made.argv, "-s", "whole", stdin=piped).code == 0
    return made


@contextmanager
def reading(argv: list[str]) -> Iterator[tuple[subprocess.Popen[bytes], list[dict[str, Any]]]]:
    """The command, which has finished its first file and now waits for its stdin, and what it has printed."""
    command = [sys.executable, "-m", "titans_cli", *argv]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=child_environment()
    ) as process:
        try:
            assert process.stdout is not None
            printed: list[dict[str, Any]] = []
            for line in process.stdout:
                printed.append(json.loads(line))
                if printed[-1]["schema"] == "titans.ingest.file-finished/1":
                    break
            yield process, printed
        finally:
            if process.poll() is None:
                process.kill()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_at_a_commit_and_the_same_command_continues(
    titans: Titans, home: Home, job: Job, number: int, code: int
) -> None:
    with reading([*job.argv, "-s", "stopped"]) as (process, _):
        process.send_signal(number)
        out, err = process.communicate(job.piped)
    assert process.returncode == code
    last = json.loads(out.splitlines()[-1])
    assert (last["schema"], last["exit_code"], last["kind"]) == ("titans.error/1", code, "interrupted")
    assert b"Traceback" not in err
    stopped = SessionStore.open(home, "stopped")
    with stopped.episodes() as episodes:
        done = [(s.display, s.complete) for s in episodes.sources()]
    assert [complete for _, complete in done] == [True, False]
    again = titans(*job.argv, "-s", "stopped", stdin=job.piped)
    assert again.code == 0
    assert retained(SessionStore.open(home, "stopped")) == retained(SessionStore.open(home, "whole"))


def test_a_second_signal_stops_at_once_and_what_was_committed_stays(titans: Titans, home: Home, job: Job) -> None:
    with reading([*job.argv, "-s", "stopped"]) as (process, _):
        process.send_signal(signal.SIGTERM)
        while process.poll() is None:  # again, since Python misses those that come just before it blocks in a read
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
        assert process.returncode == 130  # without any input
    with SessionStore.open(home, "stopped").episodes() as episodes:
        assert [s.complete for s in episodes.sources()] == [True]
    assert titans(*job.argv, "-s", "stopped", stdin=job.piped).code == 0
    assert retained(SessionStore.open(home, "stopped")) == retained(SessionStore.open(home, "whole"))


ENDS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGQUIT, 131)]


@pytest.mark.parametrize(("number", "code"), ENDS)
def test_a_stopped_run_leaves_nothing_behind(
    home: Home, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    with reading(["run", *job.argv[1:], "--ask", "What does the kernel hold?"]) as (process, _):
        assert len(home.temporaries()) == 1
        process.send_signal(number)
        _, err = process.communicate(job.piped)
    assert process.returncode == code
    assert b"continues from here" not in err
    assert list(temporary.iterdir()) == home.temporaries() == []


def test_a_killed_run_leaves_nothing_once_anything_is_looked_at(titans: Titans, home: Home, job: Job) -> None:
    with reading(["run", *job.argv[1:], "--ask", "What does the kernel hold?"]) as (process, _):
        (folder,) = home.temporaries()
        assert titans("session", "list").code == 0
        assert (folder / "sessions" / "run").is_dir()  # it is at work
        process.kill()
        process.communicate()
    assert titans("session", "list").code == 0
    assert not folder.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_any_command_told_to_end_clears_up_and_says_so_by_its_code(number: int) -> None:
    script = (
        "import os, signal\n"
        "from titans_cli.cli import app, main\n"
        "class Slow:\n"
        "    def main(self, **_):\n"
        "        try:\n"
        f"            os.kill(os.getpid(), {int(number)})\n"
        "            signal.pause()\n"
        "        finally:\n"
        "            print('cleared', flush=True)\n"
        "app.command_tree = Slow\n"
        "main.main(['ask'])\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, env=child_environment(), check=False, timeout=300)
    assert (done.returncode, done.stdout) == (128 + number, b"cleared\n"), done.stderr


def test_the_handlers_are_put_back() -> None:
    from titans_cli.cli.signals import stop_flag

    before: list[Callable[..., object] | int | None] = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    with stop_flag() as stop:
        assert not stop()
        signal.raise_signal(signal.SIGTERM)
        assert stop()
        assert stop.code == 143
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before
