"""A session in one file, and a session made from another: export, import, fork.

An export is an uncompressed tar: `manifest.json` first, which names every other member with its size and sha256, then
`session.json`, `episodes.sqlite` and the cells' files. What comes back is believed in nothing: members that the
manifest does not name, links, folders, wrong sizes and wrong digests are refused before a session of this name exists.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from titans_cli.errors import DamagedError, IncompatibleError, NotFoundError, StorageError, UsageError
from titans_cli.records import Episode
from titans_cli.steps import Hint, NextStep, Option
from titans_cli.store.check import findings_of
from titans_cli.store.episodes import Episodes
from titans_cli.store.files import atomic_write, copy_durably, remove_file, sha256_of, storage_errors, sync_folder
from titans_cli.store.home import Home, validate_name
from titans_cli.store.locks import utc_now
from titans_cli.store.manifest import FORMAT, SESSION_FILE, read_session, session_text
from titans_cli.store.session import DATABASE, SNAPSHOTS, SessionStore
from titans_cli.store.snapshots import snapshot_path
from titans_cli.store.temporary import write_outside

SCHEMA = "titans.session-export"
MANIFEST = "manifest.json"
_LARGEST_MANIFEST = 64 << 20
_MEMBER = re.compile(rf"{SESSION_FILE}|{DATABASE}|{SNAPSHOTS}/\d{{8,12}}\.safetensors")
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Export:
    session: str
    file: str
    members: int
    size: int  # of the file, or of what it would hold


def fork_session(store: SessionStore, name: str | None, *, timeout: float = 0) -> SessionStore:
    """A new session that holds what `store` does; from then on neither knows of the other. Raises as `build`."""
    with store.writer(timeout=timeout, command="fork") as episodes:
        event = Episode(0, utc_now(), "started", f"I started as a fork of session {store.info.name}.")

        def fill(folder: Path) -> None:
            for row in episodes.snapshots():
                source = snapshot_path(store.folder / SNAPSHOTS, row.number)
                whole = _size(source) == row.size  # else it may be any size, and fill the disk
                if not whole or copy_durably(source, folder / SNAPSHOTS / source.name) != row.sha256:
                    raise _damaged(source, "it is missing or its bytes are not those that were committed")
            episodes.copy(folder / DATABASE)
            with Episodes.open(folder / DATABASE, readonly=False) as copied:
                copied.begin([event])

        return SessionStore.build(store.home, name, replace(store.info, created=""), fill)


def export_session(
    store: SessionStore, file: Path, *, replace_file: bool = False, dry_run: bool = False, timeout: float = 0
) -> Export:
    """Write the session to `file`, durably and whole or not at all. Raises UsageError if it exists, DamagedError."""
    if file.exists() and not replace_file:
        raise UsageError(
            "the file exists",
            subject=str(file),
            hint=Hint("Choose another name, or add ", Option("yes"), " to replace it"),
        )
    with store.writer(timeout=timeout, command="export") as episodes:
        cells = {f"{SNAPSHOTS}/{snapshot_path(Path(), s.number).name}": s for s in episodes.snapshots()}
        if dry_run:
            with storage_errors(store.folder):
                size = (store.folder / DATABASE).stat().st_size + sum(s.size for s in cells.values())
            return Export(store.info.name, str(file), len(cells) + 2, size)
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
                    raise _damaged(path, "it has another size than was recorded for it")
                digests[name] = sha256_of(path)
                if name in cells and digests[name] != cells[name].sha256:
                    raise _damaged(path, "its bytes do not have the checksum that was recorded for them")
            members = [{"name": n, "size": sizes[n], "sha256": digests[n]} for n in sizes]
            manifest = {"schema": SCHEMA, "format": FORMAT, "session": store.info.name, "members": members}
            head = json.dumps(manifest, indent=1, sort_keys=True).encode()
            write_outside(store.home, file, _tar({MANIFEST: head, SESSION_FILE: text}, paths))
        finally:
            with suppress(OSError):
                remove_file(copied)
    with storage_errors(file):
        return Export(store.info.name, str(file), len(members), file.stat().st_size)


def _size(path: Path) -> int | None:
    """None if there is no such file."""
    with storage_errors(path):
        return path.stat().st_size if path.exists() else None


def _tar(texts: Mapping[str, bytes], paths: Mapping[str, Path]) -> Iterator[bytes]:
    """The bytes of the archive; members carry no time and no owner."""
    total = 0

    def member(name: str, size: int) -> bytes:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        return info.tobuf(tarfile.USTAR_FORMAT)

    def padding(size: int) -> bytes:
        return bytes(-size % tarfile.BLOCKSIZE)

    for name, text in texts.items():
        yield member(name, len(text)) + text + padding(len(text))
        total += len(text)
    for name, path in paths.items():
        with path.open("rb") as opened:
            opened.seek(0, io.SEEK_END)
            size = opened.tell()
            opened.seek(0)
            yield member(name, size)
            while chunk := opened.read(_CHUNK):
                yield chunk
            yield padding(size)
    yield bytes(2 * tarfile.BLOCKSIZE)


def import_session(home: Home, file: Path, name: str | None = None) -> SessionStore:
    """The session that `file` holds, under its own name or `name`, with an id of its own.

    Raises DamagedError unless every byte is as it was exported and everything in it fits; IncompatibleError;
    NotFoundError (no such file); UsageError when the name is taken; StorageError.
    """
    with _opened(file) as (archive, manifest):
        members = _members(file, manifest)
        first = _next(file, archive, members, set())
        if first.name != SESSION_FILE:
            raise _damaged(file, "session.json is not the first member after the manifest")
        text = _read(file, archive, first, members)
        info = read_session(file, text.decode("utf-8", "replace"))
        if info.state != "open":
            raise _damaged(file, "its session is not open")

        def fill(folder: Path) -> None:
            seen = {SESSION_FILE}
            while len(seen) < len(members):
                member = _next(file, archive, members, seen)
                atomic_write(folder / member.name, _chunks(file, archive, member, members))
                seen.add(member.name)
            if archive.next() is not None:
                raise _damaged(file, "it has more members than its manifest names")
            _check(file, folder)

        return SessionStore.build(home, name or _name(file, manifest), info, fill)


def _name(file: Path, manifest: Mapping[str, Any]) -> str:
    try:
        return validate_name(str(manifest.get("session")))
    except UsageError as error:
        raise _damaged(file, error.what) from error


@contextmanager
def _opened(file: Path) -> Iterator[tuple[tarfile.TarFile, dict[str, Any]]]:
    """The archive behind its manifest. Everything that a tar can do wrong is damage."""
    try:
        with file.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:") as archive:
            member = archive.next()
            if member is None or member.name != MANIFEST or not _plain(member) or member.size > _LARGEST_MANIFEST:
                raise _damaged(file, "it does not begin with a manifest: it is no exported session")
            manifest = json.loads(_content(archive, member).read())
            if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
                raise _damaged(file, "its manifest is not that of an exported session")
            if manifest.get("format") != FORMAT:
                what = f"it has format version {manifest.get('format')!r}, and this release knows version {FORMAT}"
                raise IncompatibleError(what, subject=str(file), hint="Upgrade: pip install --upgrade titans-cli")
            yield archive, manifest
    except FileNotFoundError as error:
        hint = Hint("Give the file that this wrote: ", NextStep("session export", file=None))
        raise NotFoundError("there is no such file", subject=str(file), hint=hint) from error
    except (tarfile.TarError, EOFError, ValueError, RecursionError) as error:
        raise _damaged(file, f"it cannot be read as an exported session ({error})") from error
    except OSError as error:
        raise StorageError(error.strerror or "it cannot be read", subject=str(file), hint="Check the file") from error


def _members(file: Path, manifest: Mapping[str, Any]) -> dict[str, tuple[int, str]]:
    """Size and sha256 of every member by its name, each of which must be one that a session has."""
    members: dict[str, tuple[int, str]] = {}
    listed = manifest.get("members")
    for item in listed if isinstance(listed, list) else ():
        name, size, sha256 = (item.get(key) if isinstance(item, dict) else None for key in ("name", "size", "sha256"))
        if not (isinstance(name, str) and _MEMBER.fullmatch(name) and name not in members):
            raise _damaged(file, f"its manifest names {str(name)[:80]!r}, which no session has")
        if type(size) is not int or size < 0 or not isinstance(sha256, str):
            raise _damaged(file, f"its manifest gives {name} no size or no sha256")
        members[name] = (size, sha256)
    if not {SESSION_FILE, DATABASE} <= members.keys():
        raise _damaged(file, "its manifest lacks session.json or the database")
    return members


def _plain(member: tarfile.TarInfo) -> bool:
    """No link, folder or device; and no sparse file, which a few bytes could make fill the disk."""
    return member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()


def _next(
    file: Path, archive: tarfile.TarFile, members: Mapping[str, tuple[int, str]], seen: set[str]
) -> tarfile.TarInfo:
    member = archive.next()
    if member is None:
        raise _damaged(file, f"members are missing: {', '.join(sorted(members.keys() - seen)[:3])}")
    if member.name not in members or member.name in seen or not _plain(member):
        raise _damaged(file, f"it has a member that its manifest does not name: {member.name[:80]!r}")
    if member.size != members[member.name][0]:
        raise _damaged(file, f"{member.name} has another size than its manifest says")
    return member


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(member)
    assert content is not None  # a plain file
    return content


def _chunks(
    file: Path, archive: tarfile.TarFile, member: tarfile.TarInfo, members: Mapping[str, tuple[int, str]]
) -> Iterator[bytes]:
    """The bytes of a member; the last of them come only if all have the digest."""
    digest, content = hashlib.sha256(), _content(archive, member)
    while chunk := content.read(_CHUNK):
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != members[member.name][1]:
        raise _damaged(file, f"the bytes of {member.name} are not those that were exported")


def _read(
    file: Path, archive: tarfile.TarFile, member: tarfile.TarInfo, members: Mapping[str, tuple[int, str]]
) -> bytes:
    if member.size > _LARGEST_MANIFEST:
        raise _damaged(file, f"{member.name} is far larger than such a file can be")
    return b"".join(_chunks(file, archive, member, members))


def _check(file: Path, folder: Path) -> None:
    """The database is one of ours, and every cell it names is there with the bytes it says."""
    try:
        with Episodes.open(folder / DATABASE, readonly=False, check=True) as episodes:
            episodes.check_schema()
            episodes.begin([Episode(0, utc_now(), "started", "I came from an exported session.")])
            episodes.check()
            unsound = next(findings_of(file.name, folder / SNAPSHOTS, episodes, read_data=False), None)
            if unsound is not None:
                raise _damaged(file, f"{unsound.subject}: {unsound.what}")
            rows = {snapshot_path(Path(), s.number).name: s.sha256 for s in episodes.snapshots()}
    except DamagedError as error:
        raise _damaged(file, f"its database is damaged ({error.what})") from error
    with storage_errors(folder):
        there = {path.name: sha256_of(path) for path in (folder / SNAPSHOTS).iterdir()}
        sync_folder(folder / SNAPSHOTS)
    if there != rows:
        raise _damaged(file, "its cells are not those that its database names")


def _damaged(path: Path, what: str) -> DamagedError:
    return DamagedError(f"damaged: {what}", subject=str(path), hint="Export the session again, or use another copy")
