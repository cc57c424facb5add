"""The homes that `benchmarks.fuzz` opens: a session, an LTM entry or an exported session that somebody spoilt.

Files are torn, swapped, deleted and linked elsewhere; and, which no checksum of theirs shows, JSON fields, rows of the
database and headers of tensors are changed and their checksums made to fit again.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import sqlite3
import struct
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks import fuzz_files

SESSION, ENTRY, EXPORT = "papers", "kept", "exported.tar"
CANARY = "outside"  # a folder beside the home, which no command may change
DATABASE = "episodes.sqlite"
SCRAPS: tuple[Any, ...] = (None, True, -1, 0, 2**31, 2**63, 10**40, 1.5, float("inf"), float("nan"), "", "x" * 100_000)
SCRAPS += ("../../../etc/passwd", "\ud800", "a\nb\x1b[31m", [], [[[]]], {}, {"a": {}}, [1], "\0", "/dev/zero", "é")
VALUES: tuple[object, ...] = (
    None,
    -1,
    0,
    1,
    2**63 - 1,
    -(2**63),
    1.5,
    float("inf"),
    "",
    "x",
    "\0",
    "é" * 5000,
    b"",
    b"\xff\xfe",
)
VALUES += ("2026-99-99T00:00:00Z", "{", "[" * 100_000, '{"a": 1e999}', b"\0" * 64, "../../x", "9" * 5000)

# What can be spoilt, and which commands then meet it. Each may refuse; none may fall over.
SESSION_COMMANDS = (
    *(("session", "list", "--json"), ("session", "show", SESSION), ("session", "log", "-s", SESSION)),
    *(("check", SESSION, "--read-data"), ("ask", "Which token is it?", "-s", SESSION, "-v")),
    *(("session", "export", "out.tar", "-s", SESSION, "--yes"), ("session", "fork", "copy", "-s", SESSION)),
    *(("check", SESSION, "--replay"), ("session", "gc", "--older-than", "0s", "--dry-run")),
    *(("session", "forget", "00.txt", "-s", SESSION, "--yes"), ("ingest", "new.txt", "-s", SESSION)),
    *(("session", "repair", SESSION, "--yes"), ("check", SESSION, "--read-data"), ("ingest", "new.txt", "-s", SESSION)),
    *(("session", "promote", SESSION, "--as", "later", "--force", "--yes"), ("session", "discard", SESSION, "--yes")),
)
ENTRY_COMMANDS = (
    *(("ltm", "list"), ("ltm", "show", ENTRY), ("ltm", "verify", ENTRY), ("ltm", "diff", ENTRY, ENTRY)),
    *(("session", "new", "fresh", "--from", ENTRY), ("ask", "Which token is it?", "-s", "fresh")),
    *(("session", "promote", "fresh", "--as", "again", "--force", "--yes"), ("ltm", "rm", ENTRY, "--yes")),
    ("session", "list"),
)
EXPORT_COMMANDS = (
    *(("session", "import", EXPORT, "--name", "fresh"), ("session", "list"), ("check", "fresh", "--read-data")),
    *(
        ("ask", "Which token is it?", "-s", "fresh"),
        ("check", "fresh", "--replay"),
        ("session", "repair", "fresh", "--yes"),
    ),
)

# ---------------------------------------------------------------- files


def tear(path: Path, rng: random.Random) -> str:
    data = path.read_bytes()
    spoil = rng.choice((fuzz_files.cut, fuzz_files.flip, fuzz_files.blank, fuzz_files.drop, fuzz_files.noise))
    put(path, spoil(data, rng) if data else b"x")
    return f"{path.name}: {spoil.__name__}"


def trial_of(path: Path) -> Path:
    """The folder in which the home lies, and the canary beside it."""
    return next(p for p in path.parents if (p / CANARY).exists())


def put(path: Path, data: bytes) -> None:
    mode = path.stat().st_mode if path.exists() else 0o600
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    path.chmod(mode)


def misplace(path: Path, rng: random.Random) -> str:
    """Something else where the file was: nothing, another file, a folder, a link, a pipe."""
    how = rng.choice(
        ("gone", "empty", "other", "folder", "loop", "zero", "dangling", "outside", "pipe", "huge", "unreadable")
    )
    data = path.read_bytes()
    trial = trial_of(path)
    others = sorted(p for p in trial.rglob("*") if p.is_file() and not p.is_symlink() and p != path)
    path.unlink()
    if how == "other":
        path.write_bytes(rng.choice(others).read_bytes())
    elif how == "folder":
        path.mkdir()
        (path / "x").touch()
    elif how == "pipe":
        os.mkfifo(path)
    elif how in ("empty", "huge", "unreadable"):
        path.write_bytes(b"" if how == "empty" else data)
        if how == "huge":
            os.truncate(path, 1 << 40)
        elif how == "unreadable":
            path.chmod(0)
    elif how != "gone":
        outside = trial / CANARY / "kept.txt"
        path.symlink_to({"loop": path, "zero": Path("/dev/zero"), "dangling": Path("nowhere")}.get(how, outside))
    return f"{path.name}: {how}"


def clutter(folder: Path, rng: random.Random) -> str:
    """More than belongs there."""
    name = rng.choice(
        (
            *(".tmp-x", ".new-x", ".gone-x", "lock", "lock.json", "session.json.bak", "current", "\udcff", "a\nb"),
            *(
                "99999999999999999999.safetensors",
                "00000001.safetensors",
                "00000000.safetensors",
                "episodes.sqlite-wal",
            ),
            *("episodes.sqlite-journal", "episodes.sqlite-shm", ".lock", "-n", "snapshots"),
        )
    )
    path = folder / name
    if path.exists() or path.is_symlink():
        return f"{name} is there"
    how = rng.choice(("file", "folder", "link", "pipe"))
    if how == "file":
        path.write_bytes(rng.randbytes(rng.choice((0, 100, 5000))))
    elif how == "folder":
        (path / "deep" / "er").mkdir(parents=True)
    elif how == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(rng.choice((trial_of(folder) / CANARY, Path("/dev/zero"), path)))
    return f"{name!r} added: {how}"


def relink(folder: Path, rng: random.Random) -> str:
    """A whole folder that is a link to itself elsewhere, or is gone."""
    away = folder.with_name(f"{folder.name}-away")
    folder.rename(away)
    how = rng.choice(("link", "loop", "gone", "file"))
    if how == "file":
        folder.write_bytes(b"x")
    elif how != "gone":
        folder.symlink_to(away if how == "link" else folder)
    return f"{folder.name}: {how}"


# ---------------------------------------------------------------- what checksums do not show


def json_fields(path: Path, rng: random.Random) -> str:
    """Other values, and the checksum that goes with them."""
    data = json.loads(path.read_bytes())
    changed = []
    for _ in range(rng.choice((1, 1, 3))):
        holder: Any = data
        key: Any = rng.choice(sorted(data))
        while isinstance(holder[key], dict | list) and holder[key] and rng.random() < 0.7:
            holder = holder[key]
            key = rng.choice(sorted(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
        holder[key] = rng.choice(SCRAPS)
        changed.append(key)
    data.pop("checksum", None)
    text = json.dumps(data, sort_keys=True)
    data["checksum"] = hashlib.sha256(text.encode()).hexdigest()
    whole = json.dumps(data)
    if rng.random() < 0.1:
        whole = rng.choice(("[" * 200_000, "1" * 10_000, whole.replace("{", '{"memory": ' * 5000, 1), "\ufeff" + whole))
    put(path, whole.encode("utf-8", "surrogatepass"))
    return f"{path.name}: fields {changed}"


def rows(path: Path, rng: random.Random) -> str:
    """Other values in the database, or other tables."""
    db = sqlite3.connect(path, isolation_level=None)
    try:
        names = ("sources", "pages", "blocks", "landmarks", "snapshots", "events", "meta")
        table = rng.choice(names)
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        column = rng.choice(columns)
        where = rng.choice(
            ("", f" WHERE rowid = (SELECT rowid FROM {table} ORDER BY rowid LIMIT 1 OFFSET {rng.randrange(3)})")
        )
        changes = (
            *[f"UPDATE OR REPLACE {table} SET {column} = ?{where}"] * 6,
            *(f"DELETE FROM {table}{where}", f"INSERT INTO {table} SELECT * FROM {table} WHERE 0"),
            *(f"ALTER TABLE {table} RENAME COLUMN {column} TO other", f"DROP TABLE {table}"),
            f"CREATE TRIGGER t AFTER INSERT ON {table} BEGIN DELETE FROM pages; END",
            *(
                "PRAGMA user_version = 0",
                "PRAGMA user_version = 99",
                "PRAGMA user_version = -5",
                "PRAGMA page_size = 512",
            ),
            *(
                "PRAGMA journal_mode = DELETE",
                "DROP TABLE blocks_fts",
                "DELETE FROM blocks_fts_data",
                "PRAGMA auto_vacuum = 1",
            ),
            *("CREATE VIEW v AS SELECT * FROM pages", "INSERT INTO blocks_fts (rowid, text) VALUES (999, 'ghost')"),
            "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = 'CREATE TABLE pages (x)' WHERE name = 'pages'",
        )
        change = rng.choice(changes)
        with suppress(sqlite3.Error):  # a constraint, or a value that a column refuses
            for statement in change.split("; "):
                db.execute(statement, (rng.choice(VALUES),) if "?" in statement else ())
        with suppress(sqlite3.Error):
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        db.close()
    return f"{path.name}: {change}"


def header(path: Path, rng: random.Random) -> str:
    """Other sizes, shapes and types in a file of tensors."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    head, payload = json.loads(data[8 : 8 + length]), data[8 + length :]
    how = rng.choice(("length", "offsets", "shape", "dtype", "names", "metadata", "deep", "many", "payload"))
    tensor = rng.choice([key for key in head if key != "__metadata__"])
    if how == "length":
        put(path, struct.pack("<Q", rng.choice((2**63, 2**64 - 1, 2**31, len(data), 0, 1))) + data[8:])
        return f"{path.name}: length"
    if how == "offsets":
        head[tensor]["data_offsets"] = rng.choice(([0, 2**62], [-1, 4], [0, 0], [4], "x", [0, len(payload)]))
    elif how == "shape":
        head[tensor]["shape"] = rng.choice(([2**40, 2**40], [-1], [], [0], "x", None, [1] * 1000, [1.5]))
    elif how == "dtype":
        head[tensor]["dtype"] = rng.choice(("F64", "I8", "BOOL", "F8_E4M3", "", "pickle", None, 7))
    elif how == "names":
        head[rng.choice(("", "../x", "a" * 70_000, "\ud800", "weights "))] = head.pop(tensor)
    elif how == "metadata":
        head["__metadata__"] = rng.choice(({}, None, {"format": "2"}, {"format": "99"}, {"a": 1}, []))
    elif how == "payload":
        payload = bytes(len(payload)) if rng.random() < 0.5 else b"\xff" * len(payload)  # zeros, or not numbers
    text = json.dumps(head)
    if how == "deep":
        text = "[" * 300_000
    elif how == "many":
        text = json.dumps(
            head | {f"t{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(20_000)}
        )
    elif isinstance(head.get("__metadata__"), dict):
        head["__metadata__"]["payload_sha256"] = hashlib.sha256(payload).hexdigest()
        text = json.dumps(head)
    text += " " * (-len(text) % 8)
    raw = text.encode("utf-8", "surrogatepass")
    put(path, struct.pack("<Q", len(raw)) + raw + payload)
    return f"{path.name}: {how}"


def fit_rows(session: Path) -> None:
    """Make the database say what the cells' files now are, as far as it can still be written."""
    with suppress(sqlite3.Error, OSError, ValueError, TypeError):
        db = sqlite3.connect(session / DATABASE, isolation_level=None)
        try:
            for (number,) in db.execute("SELECT number FROM snapshots").fetchall():
                data = _small(session / "snapshots" / f"{number:08d}.safetensors")
                fitting = (hashlib.sha256(data).hexdigest(), len(data), number)
                db.execute("UPDATE snapshots SET sha256 = ?, size = ? WHERE number = ?", fitting)
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            db.close()


def change(path: Path, rng: random.Random) -> str:
    """A change of a kind that fits the file."""
    deeper: dict[str, Callable[[Path, random.Random], str]] = {
        ".json": json_fields,
        ".sqlite": rows,
        ".safetensors": header,
    }
    ways = [tear, misplace, *([deeper[path.suffix]] * 3 if path.suffix in deeper else [])]
    return rng.choice(ways)(path, rng)


# ---------------------------------------------------------------- homes


def spoil_session(home: Path, rng: random.Random) -> str:
    folder = home / "sessions" / SESSION
    if rng.random() < 0.08:
        return clutter(rng.choice((folder, folder / "snapshots", home, home / "sessions", home / "ltm")), rng)
    if rng.random() < 0.04:
        return relink(rng.choice((folder, folder / "snapshots")), rng)
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.stat().st_size)
    how = [change(path, rng) for path in rng.sample(files, rng.choice((1, 1, 1, 2)))]
    if rng.random() < 0.5:
        fit_rows(folder)
        how.append("rows fitted")
    return "session: " + ", ".join(how)


def spoil_entry(home: Path, rng: random.Random) -> str:
    folder = home / "ltm" / ENTRY
    if rng.random() < 0.08:
        return clutter(rng.choice((folder, home / "ltm")), rng)
    how = change(rng.choice(sorted(folder.iterdir())), rng)
    entry = folder / "entry.json"
    if rng.random() < 0.6:
        with suppress(OSError, ValueError, TypeError):  # entry.json may be what was spoilt
            data = json.loads(_small(entry))
            for key, name in (("memory", "memory.safetensors"), ("episodes", DATABASE)):
                raw = _small(folder / name)
                data |= {f"{key}_sha256": hashlib.sha256(raw).hexdigest(), f"{key}_bytes": len(raw)}
            data.pop("checksum", None)
            data["checksum"] = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
            put(entry, json.dumps(data).encode())
            how += ", entry fitted"
    return f"entry: {how}"


def _small(path: Path) -> bytes:
    """Of a file that may have become a pipe or a device. Raises OSError."""
    if not path.is_file() or path.stat().st_size > 1 << 30:
        raise OSError(path)
    return path.read_bytes()


def spoil_export(home: Path, rng: random.Random) -> str:
    """The tar torn; or one of its members changed and packed again with a manifest that fits."""
    file = home / EXPORT
    if rng.random() < 0.3:
        return "export: " + rng.choice((tear, misplace))(file, rng)
    with tarfile.open(file) as packed:
        members = [(m.name, packed.extractfile(m).read()) for m in packed]  # type: ignore[union-attr]
    unpacked = home / "unpacked"
    (unpacked / "snapshots").mkdir(parents=True)
    how = rng.choice(("member", "member", "member", "type", "name", "order", "manifest", "gzip", "size"))
    at = rng.randrange(len(members))
    name, data = members[at]
    if how == "member":
        path = unpacked / name
        path.write_bytes(data)
        kind = {"session.json": json_fields, DATABASE: rows}.get(
            name, header if name.endswith("tensors") else json_fields
        )
        how = f"export: {kind(path, rng)}"
        members[at] = (name, path.read_bytes())
        if name == DATABASE and rng.random() < 0.5:
            members.append(("snapshots/00000099.safetensors", b"x"))
    elif how == "name":
        members[at] = (rng.choice(("../../x", "/etc/x", "", "a\\b", "session.json/x", "snapshots/x", "x" * 300)), data)
    elif how == "order":
        rng.shuffle(members)
    if name != "manifest.json" and rng.random() < 0.8:
        described = [{"name": n, "size": len(d), "sha256": hashlib.sha256(d).hexdigest()} for n, d in members[1:]]
        manifest = {"schema": "titans.session-export", "format": 2, "session": SESSION, "members": described}
        members[0] = ("manifest.json", json.dumps(manifest).encode())
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz" if how == "gzip" else "w", format=rng.choice((0, 1, 2))) as packed:
        for index, (name, data) in enumerate(members):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            if how == "type" and index == at:
                kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE)
                info.type, info.linkname = rng.choice(kinds), "../../../x"
            with suppress(ValueError):  # a name that ustar cannot hold
                packed.addfile(info, io.BytesIO(data))
    whole = bytearray(out.getvalue())
    if how == "size":
        block = 512 * rng.randrange(len(whole) // 512)
        whole[block + 124 : block + 136] = rng.choice(
            (b"77777777777\0", b"\x80" + b"\xff" * 11, b"-0000000001\0", b"zzz")
        )
    put(file, bytes(whole))
    return f"export: {how}"


KINDS = ((spoil_session, SESSION_COMMANDS), (spoil_entry, ENTRY_COMMANDS), (spoil_export, EXPORT_COMMANDS))


def spoil(home: Path, rng: random.Random) -> tuple[str, tuple[tuple[str, ...], ...]]:
    """Spoil something in `home`; how, and the commands that meet it: every other one, in their order."""
    chosen, commands = rng.choices(KINDS, (5, 2, 2))[0]
    kept = sorted(rng.sample(range(len(commands)), (len(commands) + 1) // 2))
    return chosen(home, rng), tuple(commands[i] for i in kept)
