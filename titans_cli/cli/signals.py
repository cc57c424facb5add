"""SIGINT and SIGTERM ask a long run to stop at its next commit, or a server to end; a second one stops it at once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from titans_cli.errors import Interrupted


class StopFlag:
    """Callable: True once a signal has come. `code` is the exit code it asks for. `told` is called when it comes."""

    def __init__(self, told: Callable[[], None]) -> None:
        self.code = 0
        self._told = told

    def __call__(self) -> bool:
        return self.code != 0

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.code:
            raise KeyboardInterrupt
        self.code = 128 + number
        self._told()


@contextmanager
def stop_flag(told: Callable[[], None] = lambda: None) -> Iterator[StopFlag]:
    flag = StopFlag(told)
    before = {n: signal.signal(n, flag._receive) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield flag
    except Interrupted as interrupted:
        interrupted.exit_code = flag.code or interrupted.exit_code  # 130 or 143
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
