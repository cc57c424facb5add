"""Many sessions in one go: each folder of documents is read into a session of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from titans_cli.errors import NotFoundError, UsageError
from titans_cli.progress import IngestEvent
from titans_cli.sessions.ingest import IngestOptions, IngestRequest, create_session
from titans_cli.store import Home

Ingest = Callable[[Home, str, IngestRequest, IngestOptions], Iterator[IngestEvent]]


def folders_of(paths: Sequence[str]) -> dict[str, Path]:
    """Session name -> folder: the folders directly inside `paths`, sorted. Raises UsageError when there are none."""
    folders: dict[str, Path] = {}
    for path in map(Path, paths):
        inside = sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith(".")) if path.is_dir() else []
        if not inside:
            hint = "Give a folder of folders; each becomes a session that bears its name"
            raise UsageError("there are no folders in it", subject=str(path), hint=hint)
        for folder in inside:
            if folder.name in folders:
                raise UsageError(f"two folders are called {folder.name}", subject=str(path), hint="Rename one of them")
            folders[folder.name] = folder
    return folders


def ingest_each(
    home: Home,
    request: IngestRequest,
    how: IngestOptions,
    ingest: Ingest,
    *,
    together: int = 1,
    model: str | None = None,
) -> Iterator[IngestEvent]:
    """Read every folder in `what.paths` into the session of its name, made if there is none.

    `together` of them at a time; what happens in one is told when it is finished, in the order of the names. Raises
    as `ingest` does, after the sessions before it were told.
    """
    folders = folders_of(request.paths)
    for name in folders:
        try:
            home.find_session(name)
        except NotFoundError:
            create_session(home, name, model=model)

    def one(name: str) -> list[IngestEvent]:
        return list(ingest(home, name, replace(request, paths=[str(folders[name])]), how))

    if together == 1:
        for name in folders:
            yield from ingest(home, name, replace(request, paths=[str(folders[name])]), how)
        return
    with ThreadPoolExecutor(together) as pool:
        for events in pool.map(one, folders):
            yield from events
