"""What a session retains of what it read and did: sources, pages, blocks, landmarks, snapshots, events.

One commit writes the row of a snapshot and everything that was read up to it, or none of it. Ids are handed out here,
one after the other, so that a run that was killed and repeated gets the same ones.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from titans_cli.records import Block, Episode, Page, SnapshotInfo, SourceRecord
from titans_cli.store import database
from titans_cli.store.database import database_errors
from titans_cli.store.queries import BLOCK, SNAPSHOT, SOURCE, Queries, marks


class Episodes(Queries):
    """An open `episodes.sqlite`, to be asked and, when opened for writing, added to.

    Every method raises DamagedError, StorageError or LockedError as `database_errors` says; a violated constraint
    (sqlite3.IntegrityError) is a bug of the caller and passes.
    """

    @classmethod
    def create(cls, path: Path) -> Episodes:
        """Make an empty database and open it for writing. The file must not exist."""
        database.create(path)
        return cls.open(path, readonly=False)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with database_errors(self.path), database.transaction(self._db):
            yield

    def commit(
        self,
        *,
        snapshot: SnapshotInfo,
        source: SourceRecord | None = None,
        pages: Iterable[Page] = (),
        blocks: Sequence[Block] = (),
        landmarks: Sequence[bytes] = (),
        events: Iterable[Episode] = (),
        thin: Collection[int] = (),
    ) -> SnapshotInfo:
        """Commit a snapshot's row and all that was read up to it, or nothing; return the row as committed.

        `source` with id 0 is new, otherwise its row is replaced; blocks and events get their ids here, and blocks
        their `source_id`. Pages already retained stay as they are. `landmarks` has one vector (little-endian float32)
        for each block, or none at all. `thin` numbers are marked thinned. Raises ValueError for a mismatch of these.
        """
        if blocks and source is None:
            raise ValueError("blocks need their source")
        if landmarks and len(landmarks) != len(blocks):
            raise ValueError(f"{len(landmarks)} landmarks for {len(blocks)} blocks")
        if snapshot.number in thin:
            raise ValueError("the newest snapshot is never thinned")
        with self._transaction():
            if source is not None:
                source_id = self._put_source(source)
                snapshot = replace(snapshot, source_id=source_id, blocks_done=source.blocks_done)
                self._db.executemany(
                    "INSERT INTO pages (source_id, number, text) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                    [(source_id, page.number, page.text) for page in pages],
                )
                self._put_blocks(source_id, blocks, landmarks)
            self._put_events(events)
            self._put_snapshot(snapshot)
            self._db.executemany("UPDATE snapshots SET thinned = 1 WHERE number = ?", [(n,) for n in thin])
        return snapshot

    def _put_source(self, source: SourceRecord) -> int:
        values = tuple(getattr(source, name.strip()) for name in SOURCE.split(","))[1:]
        if source.id == 0:
            names = SOURCE.removeprefix("id, ")
            done = self._db.execute(f"INSERT INTO sources ({names}) VALUES ({marks(12)})", values)
            return int(done.lastrowid or 0)
        settings = ", ".join(f"{name.strip()} = ?" for name in SOURCE.split(",")[1:])
        if self._db.execute(f"UPDATE sources SET {settings} WHERE id = ?", (*values, source.id)).rowcount != 1:
            raise ValueError(f"there is no source {source.id}")
        return source.id

    def _put_blocks(self, source_id: int, blocks: Sequence[Block], landmarks: Sequence[bytes]) -> None:
        known = self._one("SELECT length(vector) FROM landmarks LIMIT 1")
        sizes = {len(vector) for vector in landmarks} | ({known} if known is not None and landmarks else set())
        if len(sizes) > 1 or any(size == 0 or size % 4 for size in sizes):
            raise ValueError(f"landmark vectors of {sorted(sizes)} bytes: all must be float32 and equally long")
        for index, b in enumerate(blocks):
            names = BLOCK.removeprefix("id, ")
            values = (source_id, b.index, b.page, b.start, b.end, b.text, b.tokens, b.position, b.surprise)
            block_id = self._db.execute(f"INSERT INTO blocks ({names}) VALUES ({marks(9)})", values).lastrowid
            if landmarks:
                vector = bytes(landmarks[index])
                self._db.execute("INSERT INTO landmarks (block_id, vector) VALUES (?, ?)", (block_id, vector))

    def _put_events(self, events: Iterable[Episode]) -> list[Episode]:
        stored = []
        for event in events:
            text = json.dumps(dict(event.data), ensure_ascii=False, sort_keys=True)
            values = (event.at, event.kind, event.text, text)
            done = self._db.execute("INSERT INTO events (at, kind, text, data) VALUES (?, ?, ?, ?)", values)
            stored.append(replace(event, id=int(done.lastrowid or 0)))
        return stored

    def _put_snapshot(self, s: SnapshotInfo) -> None:
        values = (s.number, s.parent, s.position, s.source_id, s.blocks_done, s.sha256, s.size, s.created)
        self._db.execute(f"INSERT INTO snapshots ({SNAPSHOT}) VALUES ({marks(8)})", values)

    def add_events(self, events: Iterable[Episode]) -> list[Episode]:
        """Log what happened, apart from any snapshot; return the events with their ids."""
        with self._transaction():
            return self._put_events(events)

    def rewind(self, number: int, *, forget: Collection[int] = (), forget_events: Collection[int] = ()) -> SnapshotInfo:
        """Go back to snapshot `number`, in one transaction, and be rid of the sources and events to be forgotten.

        What was read after it is taken back: later snapshots, and blocks with their landmarks. Sources that stay keep
        their pages, with `blocks_done` counting what is left: whoever replays needs no file. Forgotten text is gone
        from the file's bytes when this returns, unless a reader is in the middle of a query; then when it closes.
        Raises NotFoundError for a snapshot that is not kept, ValueError for a source that it had already read from.
        """
        target = self.snapshot(number)
        with self._transaction():
            for source_id in forget:
                first = self.first_position(source_id)
                if first is not None and first < target.position:
                    raise ValueError(f"snapshot {number} had already read from source {source_id}")
            self._db.execute("DELETE FROM snapshots WHERE number > ?", (number,))
            self._db.execute("DELETE FROM blocks WHERE position >= ?", (target.position,))
            self._db.executemany("DELETE FROM sources WHERE id = ?", [(i,) for i in forget])
            self._db.executemany("DELETE FROM events WHERE id = ?", [(i,) for i in forget_events])
            self._db.execute(
                "UPDATE sources SET blocks_done = (SELECT count(*) FROM blocks WHERE source_id = sources.id)"
                " WHERE blocks_done > 0"
            )
            for table in ("blocks", "events"):  # deletion only marks the words; a rebuild drops them
                self._db.execute(f"INSERT INTO {table}_fts ({table}_fts) VALUES ('rebuild')")
        self._empty_log()
        return target

    def _empty_log(self) -> None:
        """Move the write-ahead log into the file and cut it to nothing; it still holds what was deleted."""
        self._rows("PRAGMA wal_checkpoint(TRUNCATE)")

    # ------------------------------------------------------------ long-term memory

    def copy_for_entry(self, path: Path) -> None:
        """Write a consistent copy for an LTM entry: one durable file, no write-ahead log, no snapshot rows.

        The last commit is in it whole; an entry has one memory state, so rows about others would point at nothing.
        """
        database.copy(self._db, self.path, path)
        with database_errors(path):
            db = database.connect(path, readonly=False)
            try:
                with database.transaction(db):
                    db.execute("DELETE FROM snapshots")
            finally:
                db.close()

    def inherit(self, entry: str, snapshot: SnapshotInfo, events: Iterable[Episode]) -> None:
        """Turn the copy of an entry's database into that of a session that starts from it with `snapshot`."""
        with database_errors(self.path):
            self._db.execute("PRAGMA journal_mode = WAL")
        with self._transaction():
            self._db.execute("UPDATE sources SET origin = ?", (f"ltm:{entry}",))
            self._db.execute("DELETE FROM snapshots")
            self._put_snapshot(snapshot)
            self._put_events(events)
