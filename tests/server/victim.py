"""titans mcp with something done to it: VICTIM=MOMENT.

noise    prints to standard output, in every way there is, while a call is worked on
before   waits for its kill in the commit of an item, when the cell's file is durable and its row is not yet written
after    waits for its kill once the item is committed and nobody has been told
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from titans_cli import Session
from titans_cli.cli.main import main
from titans_cli.store import Episodes


def wait_for_the_kill() -> NoReturn:
    Path(os.environ["VICTIM_SIGN"]).touch()
    while True:
        time.sleep(60)


def at(moment: str) -> None:
    commit, retrieve = Episodes.commit, Session.retrieve

    def committing(self: Episodes, *args: Any, **what: Any) -> Any:
        if moment == "before":
            wait_for_the_kill()
        commit(self, *args, **what)
        wait_for_the_kill()

    def noisy(self: Session, *args: Any, **how: Any) -> Any:
        print("noise")  # noqa: T201
        sys.__stdout__.write("noise\n")  # type: ignore[union-attr]
        os.write(1, b"noise\n")
        os.system("echo noise")
        return retrieve(self, *args, **how)

    if moment == "noise":
        Session.retrieve = noisy  # type: ignore[method-assign]
    else:
        Episodes.commit = committing  # type: ignore[method-assign]


if __name__ == "__main__":
    at(os.environ["VICTIM"])
    main(["mcp", *sys.argv[1:]])
