"""What a signal does: a long run stops at its next commit, a server ends, anything else leaves at once but in order.

SIGTERM, SIGHUP (the terminal has gone) and SIGQUIT are one and the same: asked to end, a command clears away what it
has half written, and its exit code is 128 and the number of the signal. What the parent chose to ignore stays ignored
(`nohup`).
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from titans_cli.errors import Interrupted

ENDING = tuple(n for name in ("SIGTERM", "SIGHUP", "SIGQUIT") if (n := getattr(signal, name, None)) is not None)


def leave_in_order() -> None:
    """From now on a signal to end unwinds whatever is under way, instead of cutting it off. In the main thread only."""
    for number in ENDING:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _leave)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


class StopFlag:
    """Callable: True once a signal has come. `code` is the exit code it asks for. `tell` is called when it comes."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self.code = 0
        self._tell = tell

    def __call__(self) -> bool:
        return self.code != 0

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.code:
            raise KeyboardInterrupt
        self.code = 128 + number
        self._tell()


@contextmanager
def stop_flag(tell: Callable[[], None] = lambda: None) -> Iterator[StopFlag]:
    """SIGINT and the signals to end ask for a stop; a second one stops at once."""
    flag = StopFlag(tell)
    heard = (signal.SIGINT, *(n for n in ENDING if signal.getsignal(n) is not signal.SIG_IGN))
    before = {n: signal.signal(n, flag._receive) for n in heard}
    try:
        yield flag
    except Interrupted as interrupted:
        interrupted.exit_code = flag.code or interrupted.exit_code  # 130, 143, 129 or 131
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
