"""The sessions of one server: found by their handles, each used by one call at a time, many side by side.

A handle is the session's id, which is durable; what is kept here (models, topics of cells) only saves loading it again.
A call waits for its session in the event loop and works in a thread. Nothing of SQLite is kept from call to call, so
any thread will do; the number of torch threads is a thread's own and set by the session for each call.
"""

from __future__ import annotations

import re
from asyncio import CancelledError
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from anyio import CapacityLimiter, Lock, from_thread, to_thread

from titans_cli.api import Session, Workspace
from titans_cli.errors import NotFoundError
from titans_cli.store import Home

T = TypeVar("T")
WARM = 8  # sessions whose topics stay in memory: 70 kB a cell: 30 MB for 200 documents of 1,000 tokens
WORKERS = 16  # calls that work at a time, beside those that only look; the rest waits
_HANDLE = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")


@dataclass(slots=True)
class _Slot:
    """A session that is or was asked for."""

    turn: Lock = field(default_factory=Lock)  # first come, first served
    calls: int = 0  # at work or waiting
    session: Session | None = None


class Keeper:
    """`workspace`: where sessions are, and how they are opened; a home alone: with the settings' defaults."""

    def __init__(self, workspace: Workspace | Home, *, warm: int = WARM) -> None:
        self.workspace = workspace if isinstance(workspace, Workspace) else Workspace(workspace)
        self.engines = self.workspace.engines  # made now, before there are threads
        self.home, self.warm = self.workspace.home, warm
        self._slots = OrderedDict[str, _Slot]()  # the one asked for last comes last
        self._opening = Lock()
        self._alone: dict[str, Lock] = {}  # by fingerprint: a memory on somebody else's model does one thing at a time
        self._workers = CapacityLimiter(WORKERS)
        self._stopping = False

    async def open(self, name: str, entry: str | None) -> tuple[Session, bool]:
        """The session of this name, made if there is none; and whether it was. Raises as `Workspace.resume`."""

        def work() -> tuple[Session, bool]:
            made = self.home.named(name) is None
            return self.workspace.resume(name, entry=entry), made

        async with self._opening:
            return await self.thread(work)

    async def call(self, handle: str, work: Callable[[Session], T]) -> T:
        """`work` on a session, in a thread, when all calls that came before have done with it. Raises what it does, and
        NotFoundError for a handle that is none."""
        async with self._slot(handle) as slot, slot.turn:
            session = slot.session
            if session is None:
                session = slot.session = await self.thread(lambda: self._find(handle))
            if "attached" not in session.info.memory:
                return await self.thread(lambda: work(session))
            async with self._alone.setdefault(session.info.fingerprint, Lock()):
                return await self.thread(lambda: work(session))

    async def look(self, handle: str, work: Callable[[Session], T]) -> T:
        """`work` that only reads what is committed, and needs no model: waits for nobody. Raises as `call`."""
        return await to_thread.run_sync(lambda: work(self._find(handle)))

    def calls(self, handle: str) -> int:
        """How many calls are working on a session, or waiting for it."""
        slot = self._slots.get(handle)
        return slot.calls if slot else 0

    async def thread(self, work: Callable[[], T]) -> T:
        """Run in a worker thread; a call that is cancelled is waited for (see `unwanted`)."""
        return await to_thread.run_sync(work, limiter=self._workers)

    def stop(self) -> None:
        """Let long work end at its next commit. May be called by a signal's handler."""
        self._stopping = True

    def unwanted(self) -> bool:
        """Whether the work of the thread that asks should end: its caller has gone, or the server is to stop."""
        try:
            from_thread.check_cancelled()
        except CancelledError:
            return True
        return self._stopping

    def _find(self, handle: str) -> Session:
        hint = "Get one by session_open: it is the same for the same session, also after a restart"
        if not _HANDLE.fullmatch(handle):
            raise NotFoundError("this is not a handle", subject=repr(handle[:40]), hint=hint)
        try:
            session = self.workspace.open(handle)
        except NotFoundError as error:
            raise NotFoundError("no session has this handle; it was discarded", subject=handle, hint=hint) from error
        if session.id != handle:
            raise NotFoundError("no session has this handle", subject=handle, hint=hint)
        return session

    @asynccontextmanager
    async def _slot(self, handle: str) -> AsyncIterator[_Slot]:
        slot = self._slots.setdefault(handle, _Slot())
        self._slots.move_to_end(handle)
        slot.calls += 1
        try:
            yield slot
        finally:
            slot.calls -= 1
            if not slot.calls and slot.session is None:
                del self._slots[handle]
            self._let_go()

    def _let_go(self) -> None:
        """Of the sessions that were asked for longest ago and are idle, until `warm` are left."""
        idle = [handle for handle, slot in self._slots.items() if not slot.calls]
        for handle in idle[: max(0, len(self._slots) - self.warm)]:
            del self._slots[handle]
