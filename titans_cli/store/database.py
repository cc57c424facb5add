"""The SQLite file of a session: its tables, how it is opened, and what its errors mean.

WAL mode, because readers in other processes must see the last commit while a writer works, and a rollback journal
would make each wait for the other. synchronous=FULL, because a commit that returned must survive a power cut.
secure_delete, because what was deleted must be gone from the file, not merely unlinked inside it. The schema grows by
append-only migrations: MIGRATIONS is only ever added to, and `PRAGMA user_version` counts how many were applied.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from titans_cli.errors import DamagedError, IncompatibleError, LockedError, StorageError, damaged_file
from titans_cli.steps import AGAIN, Hint, NextStep
from titans_cli.store.files import (
    create_private,
    is_read_only,
    storage_error,
    storage_errors,
    sync_file,
    sync_folder,
)
from titans_cli.store.names import shown

BUSY_SECONDS = 15.0

_MIGRATION_1 = (
    """CREATE TABLE sources (
        id INTEGER PRIMARY KEY,
        uri TEXT NOT NULL,
        display TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        size INTEGER NOT NULL,
        kind TEXT NOT NULL,
        title TEXT,
        pages INTEGER NOT NULL,
        blocks_total INTEGER NOT NULL,
        blocks_done INTEGER NOT NULL,
        tokens INTEGER NOT NULL,
        read_at TEXT NOT NULL,
        origin TEXT NOT NULL
    )""",
    "CREATE INDEX sources_uri ON sources (uri)",
    "CREATE INDEX sources_sha256 ON sources (sha256)",
    """CREATE TABLE pages (
        source_id INTEGER NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        text TEXT NOT NULL,
        UNIQUE (source_id, number)
    )""",
    """CREATE TABLE blocks (
        id INTEGER PRIMARY KEY,
        source_id INTEGER NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
        ordinal INTEGER NOT NULL,
        page INTEGER NOT NULL,
        start_char INTEGER NOT NULL,
        end_char INTEGER NOT NULL,
        text TEXT NOT NULL,
        tokens INTEGER NOT NULL,
        position INTEGER NOT NULL,
        surprise REAL NOT NULL,
        UNIQUE (source_id, ordinal)
    )""",
    "CREATE INDEX blocks_position ON blocks (position)",
    """CREATE TABLE landmarks (
        block_id INTEGER PRIMARY KEY REFERENCES blocks (id) ON DELETE CASCADE,
        vector BLOB NOT NULL
    )""",
    """CREATE TABLE snapshots (
        number INTEGER PRIMARY KEY,
        source_id INTEGER NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
        cell INTEGER NOT NULL,
        blocks_done INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        size INTEGER NOT NULL,
        created TEXT NOT NULL,
        UNIQUE (source_id, cell)
    )""",
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    """CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        at TEXT NOT NULL,
        kind TEXT NOT NULL,
        text TEXT NOT NULL,
        data TEXT NOT NULL
    )""",
    # The indexes keep no copy of the text; triggers keep them in step with every way a row can come and go.
    *(
        statement.format(table=table)
        for table in ("blocks", "events")
        for statement in (
            "CREATE VIRTUAL TABLE {table}_fts USING fts5"
            " (text, content='{table}', content_rowid='id', tokenize='porter unicode61')",
            "CREATE TRIGGER {table}_inserted AFTER INSERT ON {table} BEGIN"
            " INSERT INTO {table}_fts (rowid, text) VALUES (new.id, new.text); END",
            "CREATE TRIGGER {table}_deleted AFTER DELETE ON {table} BEGIN"
            " INSERT INTO {table}_fts ({table}_fts, rowid, text) VALUES ('delete', old.id, old.text); END",
            "CREATE TRIGGER {table}_updated AFTER UPDATE OF id, text ON {table} BEGIN"
            " INSERT INTO {table}_fts ({table}_fts, rowid, text) VALUES ('delete', old.id, old.text);"
            " INSERT INTO {table}_fts (rowid, text) VALUES (new.id, new.text); END",
        )
    ),
)

# Items: what the session was told, beside the documents it read. Withheld: what it holds and leaves out of its answers.
_MIGRATION_2 = (
    """CREATE TABLE items (
        source_id INTEGER PRIMARY KEY REFERENCES sources (id) ON DELETE CASCADE,
        key TEXT UNIQUE,
        tags TEXT NOT NULL
    )""",
    """CREATE TABLE withheld (
        source_id INTEGER PRIMARY KEY REFERENCES sources (id) ON DELETE CASCADE,
        why TEXT NOT NULL,
        at TEXT NOT NULL
    )""",
)

# Derived: the sources that an event (an answer, a question) was made from, so that it goes when one of them goes.
# Nobody wrote down what earlier answers were made from: they get the source 0, which is none, and go with any of them.
# Cards: the catalogue card of a document, a value a row, with where it was read. Omissions: what its reader left out.
_MIGRATION_3 = (
    """CREATE TABLE derived (
        event_id INTEGER NOT NULL REFERENCES events (id) ON DELETE CASCADE,
        source_id INTEGER NOT NULL,
        UNIQUE (event_id, source_id)
    )""",
    "CREATE INDEX derived_source ON derived (source_id)",
    "INSERT INTO derived (event_id, source_id) SELECT id, 0 FROM events WHERE kind = 'answered'",
    """CREATE TABLE cards (
        source_id INTEGER NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
        field TEXT NOT NULL,
        ordinal INTEGER NOT NULL,
        value TEXT NOT NULL,
        origin TEXT NOT NULL,
        UNIQUE (source_id, field, ordinal)
    )""",
    """CREATE TABLE omissions (
        source_id INTEGER NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
        kind TEXT NOT NULL,
        count INTEGER NOT NULL,
        UNIQUE (source_id, kind)
    )""",
)

# A block's position counts from where its document begins, and no longer from where the session does: forgetting one
# document had to move all blocks of later ones.
COUNT_POSITIONS = (
    "UPDATE blocks SET position = read.before FROM"
    " (SELECT id, sum(tokens) OVER (PARTITION BY source_id ORDER BY ordinal) - tokens AS before FROM blocks) AS read"
    " WHERE blocks.id = read.id AND blocks.position != read.before"
)
_MIGRATION_4 = ("DROP INDEX IF EXISTS blocks_position", COUNT_POSITIONS)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_MIGRATION_1, _MIGRATION_2, _MIGRATION_3, _MIGRATION_4)


def create(path: Path) -> None:
    """Make an empty database that only its owner can read. Raises StorageError; the file must not exist."""
    with storage_errors(path):
        os.close(create_private(path))
        sync_folder(path.parent)
    with database_errors(path):
        db = sqlite3.connect(path, isolation_level=None)
        try:
            _configure(db, writing=True)
            db.execute("PRAGMA journal_mode = WAL")
            migrate(db)
        finally:
            db.close()


def connect(path: Path, *, readonly: bool, check: bool = False) -> sqlite3.Connection:
    """Open an existing database, bringing its schema up to date when writing.

    Raises DamagedError (missing, empty, not a database; with `check`: any page or index that does not fit),
    IncompatibleError (a newer release wrote it), StorageError, LockedError.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # SQLite would wait for a pipe for ever
            raise _damaged_session(path, "it is not a regular file")
        if status.st_size == 0:  # SQLite would take this for a new database
            raise _damaged_session(path, "it is empty")
    except FileNotFoundError as error:
        raise _damaged_session(path, "the file is missing") from error
    except OSError as error:
        raise storage_error(error, path) from error
    try:
        return _connected(path, status, readonly=readonly, check=check)
    except StorageError:
        if not readonly or os.access(path.parent, os.W_OK):
            raise
    return _connected(path, status, readonly=True, check=check, immutable=_nothing_pending(path))


def _nothing_pending(path: Path) -> bool:
    """That all commits are in the file itself, where nothing can be written: SQLite may then read it without a log.

    Raises StorageError when some are in the log beside it: those cannot be seen, and the last commit is promised.
    """
    log = path.with_name(f"{path.name}-wal")
    with storage_errors(log):
        pending = log.exists() and log.stat().st_size > 0
    if pending:
        problem = "the file system is read-only, and the last commits still lie in the log beside the database"
        raise StorageError(problem, subject=str(path), hint="Copy the session's folder to where it can be written")
    return True


def _connected(
    path: Path, status: os.stat_result, *, readonly: bool, check: bool, immutable: bool = False
) -> sqlite3.Connection:
    with database_errors(path):
        mode = f"mode={'ro' if readonly else 'rw'}{'&immutable=1' if immutable else ''}"  # never create
        uri = f"{path.absolute().as_uri()}?{mode}"
        db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS)
        try:
            _configure(db, writing=not readonly)
            version = user_version(db)
            if _replaced(path, status):  # SQLite would now read this file with the log of the other
                raise _damaged_session(path, "another file took its place while it was opened")
            if version < 1:
                raise _damaged_session(path, "it has none of the tables it should have")
            if version > len(MIGRATIONS):
                raise IncompatibleError(
                    f"its tables are of version {version}, and this release knows versions up to {len(MIGRATIONS)}",
                    subject=str(path),
                    hint="Upgrade: pip install --upgrade titans-cli",
                )
            if check:
                check_pages(db, path)
            if not readonly:
                migrate(db)
        except BaseException:
            db.close()
            raise
        return db


def _replaced(path: Path, status: os.stat_result) -> bool:
    try:
        return not os.path.samestat(path.stat(), status)
    except OSError:
        return True


def _configure(db: sqlite3.Connection, *, writing: bool) -> None:
    db.execute("PRAGMA temp_store = MEMORY")  # no text of a session in the system's temporary folder
    if writing:
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA secure_delete = ON")
    else:
        db.execute("PRAGMA query_only = ON")


def user_version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def migrate(db: sqlite3.Connection, version: int | None = None) -> None:
    """Apply the migrations that are missing, or those up to `version`, each wholly or not at all.

    Raises sqlite3.Error.
    """
    wanted = len(MIGRATIONS) if version is None else version
    while (version := user_version(db)) < wanted:
        with transaction(db):
            if user_version(db) == version:  # no other process did it while we waited
                for statement in MIGRATIONS[version]:
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {version + 1}")


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Everything in the block, or nothing; also when it is left by Ctrl-C. Raises sqlite3.Error."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.rollback()
        raise


def check_pages(db: sqlite3.Connection, path: Path) -> None:
    """Raise DamagedError unless every page and row of the file fits. Reads the whole file."""
    problems = [str(row[0]) for row in db.execute("PRAGMA quick_check(3)")]
    if problems != ["ok"]:
        raise _damaged_session(path, "; ".join(problems))


def check_all(db: sqlite3.Connection, path: Path) -> None:
    """Raise DamagedError unless pages, references and word indexes all fit. Raises sqlite3.Error."""
    check_pages(db, path)
    if db.execute("PRAGMA foreign_key_check").fetchone() is not None:
        raise _damaged_session(path, "a row refers to one that is missing")
    for table in ("blocks", "events"):
        counts = f"SELECT (SELECT count(*) FROM {table}), (SELECT count(*) FROM {table}_fts_docsize)"
        rows, indexed = db.execute(counts).fetchone()
        if rows != indexed:
            raise _damaged_session(path, f"it has {rows} {table} and {indexed} in their word index")
        if not db.execute("PRAGMA query_only").fetchone()[0]:  # FTS5 counts its own check as a write
            db.execute(f"INSERT INTO {table}_fts ({table}_fts) VALUES ('integrity-check')")


def check_schema(db: sqlite3.Connection, path: Path) -> None:
    """Raise DamagedError unless it has the tables and triggers of its version and no others: a trigger is code."""
    everything = "SELECT type, name, tbl_name, sql FROM sqlite_master"
    ours = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrate(ours, user_version(db))
        if set(db.execute(everything)) != set(ours.execute(everything)):
            raise _damaged_session(path, "its tables are not those of a session")
    finally:
        ours.close()


def copy(db: sqlite3.Connection, path: Path, target: Path) -> None:
    """Write what is committed as one new private file at `target`, durably. Raises StorageError, DamagedError."""
    with storage_errors(target):
        os.close(create_private(target))  # empty, as VACUUM INTO wants it, and private from its first byte
    with database_errors(path):
        db.execute("VACUUM INTO ?", (str(target),))
    sync_file(target)


@contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """Translate SQLite's errors. A violated constraint is a bug of the caller and passes as it is."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise
    except UnicodeDecodeError as error:  # SQLite's own message, when it quotes a name that is damaged
        raise _damaged_session(path, "a name in it is not text") from error
    except sqlite3.Error as error:
        raise _translated(error, path) from error


def _translated(error: sqlite3.Error, path: Path) -> DamagedError | StorageError | LockedError:
    code = (getattr(error, "sqlite_errorcode", None) or sqlite3.SQLITE_CORRUPT) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
        return _damaged_session(path, str(error))  # SQLITE_ERROR: a table or column that ought to be there is not
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LockedError("another process is writing to it", subject=str(path), hint=AGAIN)
    if code == sqlite3.SQLITE_FULL:
        again = Hint("Free some space, then ", AGAIN, ": it continues from the last commit")
        return StorageError("the disk is full", subject=str(path), hint=again)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN):
        if is_read_only(path):
            return storage_error(OSError(errno.EROFS, str(error)), path)
        fix = Hint("Make the file and its folder readable and writable for you, then ", AGAIN)
        return StorageError(f"permission denied ({error})", subject=str(path), hint=fix)
    return StorageError(str(error), subject=str(path), hint=Hint("Check the disk, then ", AGAIN))


def _damaged_session(path: Path, problem: str) -> DamagedError:
    remove = NextStep("session discard", session=shown(path.parent.name))
    return damaged_file(path, problem, Hint("Restore it from a backup, or remove its session: ", remove))
