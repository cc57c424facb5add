"""`session.json` and `entry.json`: what they say, checked field by field when read.

They are the first thing anything opens, so a wrong byte here must end in a sentence, never in a traceback. Unknown
fields are ignored: a later release may add some without raising the format version.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from titans_cli.errors import DamagedError, IncompatibleError, damaged_file
from titans_cli.steps import Hint, NextStep
from titans_cli.store import names
from titans_cli.store.files import NotAFileError, atomic_write, open_plain, storage_error

if TYPE_CHECKING:
    from titans_cli.records import EntryInfo, SessionInfo

FORMAT = 3
READABLE = (2, FORMAT)  # 2: before cells were closed; such a session may hold closed ones beside them
SESSION_FILE = "session.json"
ENTRY_FILE = "entry.json"
SESSION_SCHEMA = "titans.session"
ENTRY_SCHEMA = "titans.entry"
STATES = ("open", "promoted")
CHECKSUM = "checksum"  # of the other fields: most flipped bits leave JSON that is still JSON
MOST_THREADS = 1024
_LARGEST = 64 << 20  # bytes; an entry lists its sources, so it can be long, but not this long


def write_session(folder: Path, info: SessionInfo) -> None:
    """Write `session.json` durably. Raises StorageError."""
    atomic_write(folder / SESSION_FILE, [session_text(info).encode()])


def session_text(info: SessionInfo) -> str:
    """What `session.json` holds for `info`."""
    return _text(SESSION_SCHEMA, asdict(info))


def write_entry(folder: Path, info: EntryInfo) -> None:
    """Write `entry.json` durably and read-only: entries never change. Raises StorageError."""
    atomic_write(folder / ENTRY_FILE, [_text(ENTRY_SCHEMA, asdict(info)).encode()], mode=0o400)


def _text(schema: str, fields: dict[str, Any]) -> str:
    whole = {"schema": schema, **fields}
    whole[CHECKSUM] = _checksum(whole)
    return json.dumps(whole, ensure_ascii=False, indent=2, sort_keys=True, default=dict) + "\n"


def _checksum(data: Mapping[str, Any]) -> str:
    others = {key: value for key, value in data.items() if key != CHECKSUM}
    return hashlib.sha256(json.dumps(others, sort_keys=True, default=dict).encode()).hexdigest()


def read_session(folder: Path, text: str | None = None) -> SessionInfo:
    """What the session in `folder` says of itself, or `text` says instead of its file; its name is the folder's.

    Raises DamagedError (unreadable), IncompatibleError (another format), StorageError.
    """
    name = names.shown(folder.name)
    repair, discard = NextStep("session repair", session=name), NextStep("session discard", session=name)
    hint = Hint("Restore it: ", repair, "; or remove the session: ", discard)
    fields = _Fields(folder / SESSION_FILE, SESSION_SCHEMA, hint, text)
    from titans_cli.records import SessionInfo

    info = SessionInfo(
        name=fields.text("name"),
        id=fields.ulid("id"),
        created=fields.text("created"),
        state=fields.text("state"),
        format=fields.number("format"),
        fingerprint=fields.text("fingerprint"),
        model=fields.text("model"),
        memory=fields.mapping("memory"),
        threads=fields.threads(),
        origin=fields.optional("origin"),
        promoted_to=fields.optional("promoted_to"),
    )
    if info.state not in STATES:
        raise fields.damaged(f"its state is {info.state!r}")
    return replace(info, name=name)


def read_entry(folder: Path) -> EntryInfo:
    """What the LTM entry in `folder` says of itself; its name is the folder's. Raises as `read_session`."""
    hint = Hint(
        "Restore the file from a backup, or remove the entry: ", NextStep("ltm rm", entry=names.shown(folder.name))
    )
    fields = _Fields(folder / ENTRY_FILE, ENTRY_SCHEMA, hint)
    from titans_cli.records import EntryInfo

    return EntryInfo(
        name=names.shown(folder.name),
        id=fields.ulid("id"),
        created=fields.text("created"),
        format=fields.number("format"),
        fingerprint=fields.text("fingerprint"),
        model=fields.text("model"),
        memory=fields.mapping("memory"),
        threads=fields.threads(),
        session=fields.text("session"),
        session_id=fields.ulid("session_id"),
        parent=fields.optional("parent"),
        note=fields.optional("note"),
        sources=fields.mappings("sources"),
        position=fields.number("position"),
        memory_sha256=fields.text("memory_sha256"),
        episodes_sha256=fields.text("episodes_sha256"),
        memory_bytes=fields.number("memory_bytes") if fields.data.get("memory_bytes") is not None else None,
        episodes_bytes=fields.number("episodes_bytes") if fields.data.get("episodes_bytes") is not None else None,
        promoted_by=fields.optional("promoted_by"),
        forced=fields.data.get("forced") is True,
        probes=fields.mappings("probes") if "probes" in fields.data else (),
        suspicions=fields.mappings("suspicions") if "suspicions" in fields.data else (),
    )


def looks_like_ulid(text: str) -> bool:
    return len(text) == 26 and may_start_ulid(text)


def may_start_ulid(text: str) -> bool:
    """Whether `text` (any case) could begin a ULID, whose alphabet leaves out I, L, O and U."""
    return set(text.upper()) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")


class _Fields:
    """The fields of one JSON file, each read with the type it must have. Every method raises DamagedError."""

    def __init__(self, path: Path, schema: str, hint: Hint, text: str | None = None) -> None:
        self.path = path
        self.hint = hint
        self.data = self._load(text)
        if self.data.get("schema") != schema:
            raise self.damaged(f'its "schema" is not "{schema}"')
        if (version := self.number("format")) not in READABLE:
            newer = "Upgrade: pip install --upgrade titans-cli"
            older = f"Read the documents into a new session, and remove this folder: {path.parent}"
            raise IncompatibleError(
                f"it has format version {version}, and this release knows version {FORMAT}",
                subject=str(path),
                hint=newer if version > FORMAT else older,
            )
        if CHECKSUM in self.data and self.data[CHECKSUM] != _checksum(self.data):
            raise self.damaged("its fields do not have the checksum that was written with them")

    def _load(self, text: str | None) -> dict[str, Any]:
        try:
            data = json.loads(self._bytes() if text is None else text)
            json.dumps(data, ensure_ascii=False).encode()  # "\\ud800" is JSON, and no text that can be written again
        except FileNotFoundError as error:
            raise self.damaged("the file is missing") from error
        except NotAFileError as error:
            raise self.damaged("it is not a regular file") from error
        except OSError as error:
            raise storage_error(error, self.path) from error
        except (ValueError, RecursionError) as error:
            raise self.damaged("it is not valid JSON") from error
        if not isinstance(data, dict):
            raise self.damaged("it is not a JSON object")
        return data

    def _bytes(self) -> bytes:
        with open_plain(self.path) as file:
            data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise self.damaged("it is far larger than such a file can be")
        return data

    def damaged(self, problem: str) -> DamagedError:
        return damaged_file(self.path, problem, self.hint)

    def text(self, key: str) -> str:
        value = self.data.get(key)
        if not isinstance(value, str):
            raise self.damaged(f'"{key}" is not a text')
        return value

    def optional(self, key: str) -> str | None:
        return None if self.data.get(key) is None else self.text(key)

    def ulid(self, key: str) -> str:
        value = self.text(key)
        if not looks_like_ulid(value):
            raise self.damaged(f'"{key}" is not a ULID')
        return value

    def number(self, key: str) -> int:
        value = self.data.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.damaged(f'"{key}" is not a whole number')
        return value

    def threads(self) -> int:
        threads = self.number("threads")
        if not 0 < threads <= MOST_THREADS:
            raise self.damaged(f'"threads" is not a number from 1 to {MOST_THREADS}')
        return threads

    def mapping(self, key: str) -> Mapping[str, Any]:
        value = self.data.get(key)
        if not isinstance(value, dict):
            raise self.damaged(f'"{key}" is not an object')
        return value

    def mappings(self, key: str) -> tuple[Mapping[str, Any], ...]:
        value = self.data.get(key)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.damaged(f'"{key}" is not a list of objects')
        return tuple(value)
