"""A process that forks and kills workers on command: torch is imported once, and each worker starts in milliseconds.

step OPERATION HOME N   run OPERATION, dying (no clean-up runs) just before its N-th call into the file system
loop HOME               commit papers for ever, printing each committed number; the parent sends SIGKILL
wait PID                reap it
"""

from __future__ import annotations

import os
import shlex
import sys
import threading  # noqa: F401 - imported before any fork, as filelock does
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.store.samples import blocks, event, memory, new_session, newest, read_paper, source
from titans_cli.store import Addition, Home, LongTermMemory, SessionStore, StoredCell

CALLS = ("write", "fsync", "replace", "rename", "unlink", "rmdir", "mkdir")


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def create(home: Path) -> None:
    new_session(home, "fresh")


def commit(home: Path) -> None:
    store = SessionStore.open(Home(home), "papers")
    with store.writer():
        read_paper(store, newest(store) + 1)


def carry_on(home: Path) -> None:
    """A newer state of a cell takes the place of the older one, and another cell is begun."""
    store = SessionStore.open(Home(home), "papers")
    with store.writer():
        store.commit(
            source(4, id_=4, done=4, total=4),
            Addition(blocks=[replace(b, index=b.index + 2, position=b.position + 20) for b in blocks(4)]),
            cells=[StoredCell(0, 3, memory(44)), StoredCell(1, 4, memory(45))],
        )


def forget(home: Path) -> None:
    store = SessionStore.open(Home(home), "papers")
    with store.writer():
        store.forget([3], [3])


def discard(home: Path) -> None:
    SessionStore.open(Home(home), "papers").discard()


def promote(home: Path) -> None:
    LongTermMemory(Home(home)).promote(SessionStore.open(Home(home), "papers"), "kept")


def start(home: Path) -> None:
    LongTermMemory(Home(home)).start_session("kept", "fresh", events=[event("x")])


OPERATIONS: dict[str, Callable[[Path], None]] = {
    f.__name__: f for f in (create, commit, carry_on, forget, discard, promote, start)
}


def die_before(count: int) -> None:
    """Make the `count`-th call of any of CALLS end this process at once."""
    left = [count]

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def stand_in(*args: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] <= 0:
                os._exit(9)
            return call(*args, **named)

        return stand_in

    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))


def loop(home: Path) -> None:
    store = SessionStore.open(Home(home), "papers")
    with store.writer():
        while True:
            info = read_paper(store, newest(store) + 1)
            say(info.number)


def main() -> None:
    for line in sys.stdin:
        command, *rest = shlex.split(line)
        if command == "wait":
            os.waitpid(int(rest[0]), 0)
            say("reaped")
            continue
        child = os.fork()
        if child == 0:
            code = 1
            try:
                if command == "loop":
                    say(os.getpid())
                    loop(Path(rest[0]))
                else:
                    die_before(int(rest[2]))
                    OPERATIONS[rest[0]](Path(rest[1]))
                    code = 0
            finally:
                os._exit(code)
        if command == "step":
            say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    main()
