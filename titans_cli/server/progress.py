"""What a caller hears while it waits: an ingest's own progress, or that there still is some."""

from __future__ import annotations

import time
from asyncio import CancelledError
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio
from anyio import from_thread
from mcp.server.mcpserver import Context

from titans_cli.progress import BlocksRead, FileFinished, FileStarted, IngestEvent, IngestStarted

BEAT = 2.0  # seconds
APART = 0.2  # seconds between two reports of an ingest


@asynccontextmanager
async def beating(context: Context, doing: str) -> AsyncIterator[None]:
    """While the block runs, tell its caller every now and then for how many seconds it has been `doing` it."""
    begun = time.monotonic()

    async def beat() -> None:
        await context.report_progress(0.0, None, doing)
        while True:
            await anyio.sleep(BEAT)
            seconds = time.monotonic() - begun
            await context.report_progress(seconds, None, f"{doing}, for {seconds:.0f} s")

    failed: Exception | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(beat)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised below: a group would wrap it
            failed = error
        group.cancel_scope.cancel()
    if failed is not None:
        raise failed


class IngestProgress:
    """Tells an ingest's progress in documents, from its worker thread; never backwards, as the protocol wants it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._files = self._done = 0
        self._told, self._at = -1.0, -APART

    def tell(self, event: IngestEvent) -> None:
        match event:
            case IngestStarted():
                self._files = event.files
                self._say(0.0, f"{event.files} to read")
            case FileStarted():
                self._say(self._done, f"{event.source}: segment {event.resumed_at} of {event.blocks}")
            case BlocksRead():
                self._done = event.files_done
                part = event.blocks_done / max(1, event.blocks_total)
                done = f"segment {event.blocks_done} of {event.blocks_total}"
                self._say(self._done + part, f"{event.source}: {done}, {event.tokens_per_s:.0f} tokens/s")
            case FileFinished():
                self._say(self._done + 1.0, f"{event.source}: read")
            case _:
                pass

    def _say(self, done: float, message: str) -> None:
        now = time.monotonic()
        if done <= self._told or now - self._at < APART:
            return
        self._told, self._at = done, now
        total = float(self._files) if done <= self._files else None
        with suppress(CancelledError):  # its caller has gone: the ingest asks for that itself, and ends at a commit
            from_thread.run(self._context.report_progress, done, total, message)
