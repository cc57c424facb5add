"""Processes to be killed. torch is imported once; each victim is a fork, ready in milliseconds.

It reads a JSON list a line, forks, and the child ingests. At the asked moment the child says its pid and waits for the
kill; the line "wait" reaps it.

[HOME, SESSION, MOMENT, N, PATH...]
    batch N    after the N-th batch of segments went through the memory, before it is committed
    commit N   in the N-th commit, when the snapshot's file is durable and its row is not yet written
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from titans_cli.progress import BlocksRead
from titans_cli.records import SourceRecord
from titans_cli.sessions.ingest import IngestOptions, IngestRequest, ingest
from titans_cli.store import Episodes, Home


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def wait_for_the_kill() -> NoReturn:
    say(os.getpid())
    while True:
        time.sleep(60)


def victim(home: str, session: str, moment: str, count: int, *paths: str) -> None:
    left = count
    commit = Episodes.commit

    def counted(self: Episodes, source: SourceRecord, *added: Any, **cells: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            wait_for_the_kill()
        return commit(self, source, *added, **cells)

    if moment == "commit":
        Episodes.commit = counted  # type: ignore[method-assign]
    for event in ingest(Home(Path(home)), session, IngestRequest(list(paths)), IngestOptions(commit_seconds=0)):
        if moment == "batch" and isinstance(event, BlocksRead):
            left -= 1
            if left == 0:
                wait_for_the_kill()
    say("it ended before it came to that moment")


def main() -> None:
    for line in sys.stdin:
        if line.strip() == "wait":
            os.wait()
            say("reaped")
        elif os.fork() == 0:
            try:
                victim(*json.loads(line))
            finally:
                os._exit(1)


if __name__ == "__main__":
    main()
