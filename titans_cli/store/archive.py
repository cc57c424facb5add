"""A session in one file, and a session made from another: export, import, fork.

An export (`packed`) has `session.json` behind its manifest, then `episodes.sqlite` and the cells' files. What was
tampered with is refused before a session of its name exists.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from titans_cli.errors import DamagedError, UsageError
from titans_cli.records import Episode
from titans_cli.steps import NextStep, Option
from titans_cli.store.check import findings_of
from titans_cli.store.copies import Admit, anything, copied_size, with_log
from titans_cli.store.episodes import Episodes
from titans_cli.store.files import atomic_write, copy_durably, remove_file, sha256_of, storage_errors, sync_folder
from titans_cli.store.home import Home, validate_name
from titans_cli.store.locks import utc_now
from titans_cli.store.manifest import SESSION_FILE, read_session, session_text
from titans_cli.store.packed import MANIFEST, PER_MEMBER, PackedKind, damaged_export, manifest_bytes, packed, unpacking
from titans_cli.store.session import DATABASE, SNAPSHOTS, SessionStore
from titans_cli.store.snapshots import snapshot_path
from titans_cli.store.temporary import require_new, write_outside

SESSION = PackedKind(
    "titans.session-export",
    "exported session",
    re.compile(rf"{SESSION_FILE}|{DATABASE}|{SNAPSHOTS}/\d{{8,12}}\.safetensors"),
    (SESSION_FILE, DATABASE),
    NextStep("session export", file=None),
)


@dataclass(frozen=True, slots=True)
class Export:
    session: str
    file: str
    members: int
    size: int  # of the file, or of what it would hold


def fork_session(store: SessionStore, name: str | None, *, timeout: float = 0, admit: Admit = anything) -> SessionStore:
    """A new session that holds what `store` does; from then on neither knows of the other.

    Raises as `build` and as `admit`.
    """
    with store.writer(timeout=timeout, command="fork") as episodes:
        admit(copied_size(episodes))
        event = Episode(0, utc_now(), "started", f"I started as a fork of session {store.info.name}.")

        def fill(folder: Path) -> None:
            for row in episodes.snapshots():
                source = snapshot_path(store.folder / SNAPSHOTS, row.number)
                whole = _size(source) == row.size  # else it may be any size, and fill the disk
                if not whole or copy_durably(source, folder / SNAPSHOTS / source.name) != row.sha256:
                    raise damaged_export(source, "it is missing or its bytes are not those that were committed")
            episodes.copy(folder / DATABASE)
            with Episodes.open(folder / DATABASE, readonly=False) as copied:
                copied.begin([event])

        return SessionStore.build(store.home, name, replace(store.info, created=""), fill)


def export_session(
    store: SessionStore,
    file: Path,
    *,
    replace_file: bool = False,
    dry_run: bool = False,
    timeout: float = 0,
    admit: Admit = anything,
) -> Export:
    """Write the session to `file`, durably and whole or not at all.

    Raises UsageError if it exists, DamagedError, as `admit`.
    """
    require_new(file, replace_file=replace_file)
    with store.writer(timeout=timeout, command="export") as episodes:
        cells = {f"{SNAPSHOTS}/{snapshot_path(Path(), s.number).name}": s for s in episodes.snapshots()}
        if dry_run:
            with storage_errors(store.folder):
                size = (store.folder / DATABASE).stat().st_size + sum(s.size for s in cells.values())
            return Export(store.info.name, str(file), len(cells) + 2, size)
        admit(copied_size(episodes) + episodes.size() + (len(cells) + 4) * PER_MEMBER)
        copied = store.folder / f".tmp-export-{DATABASE}"  # the next writer removes it should we be killed
        with suppress(OSError):
            remove_file(copied)
        try:
            episodes.copy(copied)
            paths = {DATABASE: copied, **{name: store.folder / name for name in cells}}
            text = session_text(store.info).encode()
            with storage_errors(store.folder):
                sizes = {SESSION_FILE: len(text), **{name: path.stat().st_size for name, path in paths.items()}}
            digests = {SESSION_FILE: hashlib.sha256(text).hexdigest()}
            for name, path in paths.items():
                if name in cells and sizes[name] != cells[name].size:
                    raise damaged_export(path, "it has another size than was recorded for it")
                digests[name] = sha256_of(path)
                if name in cells and digests[name] != cells[name].sha256:
                    raise damaged_export(path, "its bytes do not have the checksum that was recorded for them")
            head = manifest_bytes(SESSION, store.info.name, sizes, digests)
            write_outside(store.home, file, packed({MANIFEST: head, SESSION_FILE: text}, paths))
        finally:
            with suppress(OSError):
                remove_file(copied)
    with storage_errors(file):
        return Export(store.info.name, str(file), len(sizes), file.stat().st_size)


def _size(path: Path) -> int | None:
    """None if there is no such file."""
    with storage_errors(path):
        return path.stat().st_size if path.exists() else None


def import_session(home: Home, file: Path, name: str | None = None, *, admit: Admit = anything) -> SessionStore:
    """The session that `file` holds, under its own name or `name`, with an id of its own.

    Raises DamagedError unless every byte is as it was exported and everything in it fits; IncompatibleError;
    NotFoundError (no such file); UsageError when the name is taken; StorageError; as `admit`.
    """
    with unpacking(file, SESSION) as opened:
        database = opened.sizes[DATABASE]
        admit(with_log(database) + sum(opened.sizes.values()) - database)
        info = read_session(file, opened.text(SESSION_FILE))
        if info.state != "open":
            raise damaged_export(file, "its session is not open")

        target = name or _name(file, opened.name)
        home.require_free(target, Option("name", f"{target}-2"))  # and before hundreds of megabytes are unpacked

        def fill(folder: Path) -> None:
            for member, chunks in opened.rest():
                atomic_write(folder / member, chunks)
            _check(file, folder)

        return SessionStore.build(home, target, info, fill)


def _name(file: Path, name: str) -> str:
    try:
        return validate_name(name)
    except UsageError as error:
        raise damaged_export(file, error.what) from error


def _check(file: Path, folder: Path) -> None:
    """The database is one of ours, and every cell it names is there with the bytes it says."""
    try:
        with Episodes.open(folder / DATABASE, readonly=False, check=True) as episodes:
            episodes.check_schema()
            episodes.begin([Episode(0, utc_now(), "started", "I came from an exported session.")])
            episodes.check()
            unsound = next(findings_of(file.name, folder / SNAPSHOTS, episodes, read_data=False), None)
            if unsound is not None:
                raise damaged_export(file, f"{unsound.subject}: {unsound.what}")
            rows = {snapshot_path(Path(), s.number).name: s.sha256 for s in episodes.snapshots()}
    except DamagedError as error:
        raise damaged_export(file, f"its database is damaged ({error.what})") from error
    with storage_errors(folder):
        there = {path.name: sha256_of(path) for path in (folder / SNAPSHOTS).iterdir()}
        sync_folder(folder / SNAPSHOTS)
    if there != rows:
        raise damaged_export(file, "its cells are not those that its database names")
