"""What a session retains of what it read and did: sources, pages, blocks, landmarks, snapshots, events.

One commit writes the rows of one or more cells and everything they learned, or none of it. Ids are handed out here, one
after the other, so that a run that was killed and repeated gets the same ones.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from titans_cli.cards import Card
from titans_cli.errors import LockedError
from titans_cli.records import (
    EXCLUDED,
    SUPERSEDED,
    VERBATIM,
    Block,
    Episode,
    ItemRow,
    Omission,
    Page,
    SnapshotInfo,
    SourceRecord,
)
from titans_cli.steps import AGAIN
from titans_cli.store import database
from titans_cli.store.database import database_errors
from titans_cli.store.names import shown
from titans_cli.store.queries import (
    BLOCK,
    DIGEST,
    EVENT_DIGEST,
    FORGETTINGS,
    KEPT,
    LOGGED,
    PENDING,
    SNAPSHOT,
    UNCLEAN,
    Queries,
    marks,
)
from titans_cli.store.source_queries import CARD, CARD_DIGEST, ITEM_DIGEST, SOURCE, YEAR

# Ids of events, or what tells them once the transaction has begun: until then readers may log more.
Events = Collection[int] | Callable[[], Collection[int]]


class _UndoneError(Exception):
    """Leaves a transaction so that nothing of it happened."""


@dataclass(frozen=True, slots=True)
class Addition:
    """What one commit adds to a source beside its cells, and what goes for it. Raises ValueError when `landmarks` and
    `blocks` do not match.

    Pages that are retained already stay as they are. `landmarks`: one vector (little-endian float32) for each block, or
    none at all. `events` are of the source, and go with it. `forget`, `forget_events`: what is to be forgotten first,
    as `Episodes.forget` does. `item`: the source is one. What it takes the place of, `supersede`, stays, withheld and
    an item no more. `omissions`: what its reader left out. `card`: its catalogue card, in the place of the one it had.
    `forms`: of these cells from now on, with the bytes of their files when they are verbatim.
    """

    pages: Iterable[Page] = ()
    blocks: Sequence[Block] = ()
    landmarks: Sequence[bytes] = ()
    events: Iterable[Episode] = ()
    forget: Collection[int] = ()
    forget_events: Events = ()
    item: ItemRow | None = None
    supersede: Collection[int] = ()
    omissions: Collection[Omission] = ()
    card: Card | None = None
    forms: Mapping[int, tuple[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.landmarks and len(self.landmarks) != len(self.blocks):
            raise ValueError(f"{len(self.landmarks)} landmarks for {len(self.blocks)} blocks")


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

    def is_current(self) -> bool:
        """Whether it has today's tables; opened for writing, one of an earlier release gets them."""
        with database_errors(self.path):
            return database.user_version(self._db) == len(database.MIGRATIONS)

    @contextmanager
    def unchanging(self) -> Iterator[None]:
        """Nobody commits while this lasts. Raises LockedError at once if somebody is about to."""
        self._rows("PRAGMA busy_timeout = 0")
        with self._transaction():
            yield

    def commit(
        self,
        source: SourceRecord,
        addition: Addition | None = None,
        *,
        snapshots: Sequence[SnapshotInfo] = (),
    ) -> SourceRecord:
        """Commit what was read of a source, with its cells' rows, or nothing; return the source as committed.

        `source` with id 0 is new, otherwise its row is replaced; blocks and events get their ids here, blocks and
        snapshots their `source_id`. A snapshot takes the place of an older one of the same cell. Raises ValueError when
        there is no such source, or the vectors are not of one length.
        """
        addition = addition or Addition()
        with self._transaction():
            self._forget(addition.forget, addition.forget_events)
            described = source.id == 0 or addition.card is not None or bool(addition.omissions)
            source = replace(source, id=self._put_source(source))
            if source.year is not None:
                self._set_meta(f"{YEAR}{source.id}", str(source.year))
            self._db.executemany(
                "INSERT INTO pages (source_id, number, text) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                [(source.id, page.number, page.text) for page in addition.pages],
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO omissions (source_id, kind, count) VALUES (?, ?, ?)",
                [(source.id, kind, count) for kind, count in addition.omissions],
            )
            self._put_blocks(source.id, addition.blocks, addition.landmarks)
            self._put_events(addition.events, [source.id])
            self._put_snapshots(source.id, snapshots)
            for cell, (form, whole) in addition.forms.items():
                self._db.execute("DELETE FROM meta WHERE key = ?", (f"{KEPT}{source.id}:{cell}",))
                if form != VERBATIM:
                    self._set_meta(f"{KEPT}{source.id}:{cell}", f"{form}:{whole}")
            self._withhold(addition.supersede, SUPERSEDED, source.read_at)
            if addition.item is not None:
                self._put_item(source.id, addition.item, source.read_at)
            if addition.card is not None:
                self._put_card(source.id, addition.card)
            if described:
                self._seal_card(source.id)
            self._set_meta(f"{DIGEST}{source.id}", self.digest_of(source.id))
        return source

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

    def _put_blocks(
        self, source_id: int, blocks: Sequence[Block], landmarks: Sequence[bytes], first: int | None = None
    ) -> None:
        """`first`: the id of the document's first block, if ids are not to be handed out anew."""
        known = self._one("SELECT length(vector) FROM landmarks LIMIT 1")
        sizes = {len(vector) for vector in landmarks} | ({known} if known is not None and landmarks else set())
        if len(sizes) > 1 or any(size == 0 or size % 4 for size in sizes):
            raise ValueError(f"landmark vectors of {sorted(sizes)} bytes: all must be float32 and equally long")
        for index, b in enumerate(blocks):
            known_id = None if first is None else first + b.index
            values = (known_id, source_id, b.index, b.page, b.start, b.end, b.text, b.tokens, b.position, b.surprise)
            block_id = self._db.execute(f"INSERT INTO blocks ({BLOCK}) VALUES ({marks(10)})", values).lastrowid
            if landmarks:
                vector = bytes(landmarks[index])
                self._db.execute("INSERT INTO landmarks (block_id, vector) VALUES (?, ?)", (block_id, vector))

    def _put_events(self, events: Iterable[Episode], sources: Collection[int] = ()) -> list[Episode]:
        """`sources`: what all of these were made from."""
        stored = []
        for event in events:
            text = json.dumps(dict(event.data), ensure_ascii=False, sort_keys=True)
            values = (event.at, event.kind, event.text, text)
            done = self._db.execute("INSERT INTO events (at, kind, text, data) VALUES (?, ?, ?, ?)", values)
            event_id = int(done.lastrowid or 0)
            rows = [(event_id, source) for source in sorted(set(sources))]
            self._db.executemany("INSERT INTO derived (event_id, source_id) VALUES (?, ?)", rows)
            self._set_meta(f"{EVENT_DIGEST}{event_id}", self.event_digest_of(event_id))
            stored.append(replace(event, id=event_id))
        return stored

    def _put_card(self, source_id: int, card: Card) -> None:
        self._db.execute("DELETE FROM cards WHERE source_id = ?", (source_id,))
        count: Counter[str] = Counter()
        for e in card.entries:
            values = (source_id, e.field, count[e.field], e.value, e.origin)
            self._db.execute(f"INSERT INTO cards ({CARD}) VALUES ({marks(5)})", values)
            count[e.field] += 1

    def _put_snapshots(self, source_id: int, snapshots: Iterable[SnapshotInfo]) -> None:
        for s in snapshots:
            self._db.execute("DELETE FROM snapshots WHERE source_id = ? AND cell = ?", (source_id, s.cell))
            values = (s.number, source_id, s.cell, s.blocks_done, s.sha256, s.size, s.created)
            self._db.execute(f"INSERT INTO snapshots ({SNAPSHOT}) VALUES ({marks(7)})", values)

    def add_events(
        self, events: Iterable[Episode], *, sources: Collection[int] = (), forgettings: int | None = None
    ) -> list[Episode]:
        """Log what happened, apart from any snapshot; return the events with their ids.

        `sources`: what they were made from; they go when any of these is forgotten. `forgettings`: how many there had
        been when that was read. Raises LockedError, and logs nothing, if something was forgotten or superseded since.
        """
        with self._transaction():
            if forgettings is not None and forgettings != self.forgettings():
                problem = "something was forgotten meanwhile, so what was said before is not kept"
                raise LockedError(problem, subject=shown(self.path.parent.name), hint=AGAIN)
            return self._put_events(events, sources)

    def put_item(self, source_id: int, item: ItemRow, at: str, events: Iterable[Episode] = ()) -> None:
        """Give an item another key or other tags, and log it."""
        with self._transaction():
            self._put_item(source_id, item, at)
            self._put_events(events, [source_id])

    def exclude(self, sources: Collection[int], at: str, events: Iterable[Episode] = ()) -> None:
        """Leave sources out of answers until `include`; those that are withheld already stay so."""
        with self._transaction():
            self._withhold([s for s in sources if s not in self.withheld()], EXCLUDED, at)
            self._put_events(events, sources)

    def include(self, sources: Collection[int], events: Iterable[Episode] = ()) -> None:
        """Let sources that were excluded take part in answers again. What is superseded stays so."""
        with self._transaction():
            for source_id in sources:
                self._db.execute("DELETE FROM withheld WHERE source_id = ? AND why = ?", (source_id, EXCLUDED))
                self._seal_item(source_id)
            self._put_events(events, sources)

    def _put_item(self, source_id: int, item: ItemRow, at: str) -> None:
        tags = json.dumps(sorted(item.tags), ensure_ascii=False)
        self._db.execute("DELETE FROM items WHERE source_id = ?", (source_id,))
        self._db.execute("INSERT INTO items (source_id, key, tags) VALUES (?, ?, ?)", (source_id, item.key, tags))
        if item.withheld is not None:
            self._withhold([source_id], item.withheld, at)
        self._seal_item(source_id)

    def _withhold(self, sources: Iterable[int], why: str, at: str) -> None:
        for source_id in sources:
            if why == SUPERSEDED:  # its key goes to what takes its place
                self._count_forgetting()
                self._db.execute("DELETE FROM items WHERE source_id = ?", (source_id,))
            row = (source_id, why, at)
            self._db.execute("INSERT OR REPLACE INTO withheld (source_id, why, at) VALUES (?, ?, ?)", row)
            self._seal_item(source_id)

    def _seal_item(self, source_id: int) -> None:
        self._set_meta(f"{ITEM_DIGEST}{source_id}", self._item_digest(source_id))

    def _seal_card(self, source_id: int) -> None:
        self._set_meta(f"{CARD_DIGEST}{source_id}", self._card_digest(source_id))

    def set_meta(self, key: str, value: str) -> None:
        with self._transaction():
            self._set_meta(key, value)

    def _set_meta(self, key: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))

    # ------------------------------------------------------------ forgetting

    def forget(self, sources: Collection[int], events: Events = ()) -> None:
        """Be rid of documents, their cells, and events, in one transaction.

        With a document go all events that were made from it, and those of which nobody knows what from. Ids stay as
        they are: nobody who holds one ever gets another document by it. The bytes are gone from the file after
        `clean`. Raises ValueError for a source that is not there.
        """
        with self._transaction():
            self._forget(sources, events)

    def _forget(self, sources: Collection[int], events: Events) -> None:
        events = events() if callable(events) else events
        if not sources and not events:
            return
        events = {*events, *(self.events_from(sources) if sources else ())}
        for source_id in sources:
            if self._db.execute("DELETE FROM sources WHERE id = ?", (source_id,)).rowcount != 1:
                raise ValueError(f"there is no source {source_id}")
            for name in (DIGEST, ITEM_DIGEST, CARD_DIGEST, YEAR):
                self._db.execute("DELETE FROM meta WHERE key = ?", (f"{name}{source_id}",))
            self._db.execute("DELETE FROM meta WHERE key GLOB ?", (f"{KEPT}{source_id}:*",))
        self._drop_events(events)
        self._count_forgetting()
        self._set_meta(UNCLEAN, PENDING)

    def _count_forgetting(self) -> None:
        self._set_meta(FORGETTINGS, str(self.forgettings() + 1))

    def _drop_events(self, events: Iterable[int]) -> None:
        for event_id in events:
            self._db.execute("DELETE FROM events WHERE id = ?", (event_id,))
            self._db.execute("DELETE FROM meta WHERE key = ?", (f"{EVENT_DIGEST}{event_id}",))

    def clean(self, *, wait: bool = True) -> None:
        """If something was forgotten since: rewrite the file without what it left behind, and empty the log.

        A deletion only marks words in an index, and pages keep scraps of rows that moved. A reader in the middle of a
        query keeps the log from being emptied; then whoever opens the session next does it. `wait` a while for one.
        """
        mark = self.meta(UNCLEAN)
        if mark is None:
            return
        if mark != LOGGED:
            self._rows(f"PRAGMA mmap_size = {1 << 31}")  # bytes; a fifth less time than reading it page by page
            self._rows("PRAGMA cache_size = -65536")  # KiB
            with self._transaction():
                self._merge_index()
            self._rows("VACUUM")
            self.set_meta(UNCLEAN, LOGGED)
        if self._empty_log(wait):
            with self._transaction():
                self._db.execute("DELETE FROM meta WHERE key = ?", (UNCLEAN,))

    def drop_cells(self, source_id: int) -> None:
        """Be rid of a document's cells and keep its text: they are about to be learned anew."""
        with self._transaction():
            self._db.execute("DELETE FROM snapshots WHERE source_id = ?", (source_id,))

    def restore_blocks(
        self, source_id: int, blocks: Sequence[Block], landmarks: Sequence[bytes], *, dry_run: bool = False
    ) -> bool:
        """Put a document's blocks as its pages make them in the place of damaged ones; True if with them all that is
        retained of it is, bit for bit, what was written. Otherwise, and in a dry run, nothing changes."""
        firsts = {block_id - ordinal for block_id, ordinal in self._block_ids(source_id)}
        if len(firsts) != 1:
            return False  # nothing says which ids they had
        try:
            with self._transaction():
                self._rebuild_index()  # before any block goes: its words, as they stand, must be what the index has
                self._db.execute("DELETE FROM blocks WHERE source_id = ?", (source_id,))
                self._db.execute("DELETE FROM landmarks WHERE block_id NOT IN (SELECT id FROM blocks)")
                self._put_blocks(source_id, blocks, landmarks, firsts.pop())
                self._db.execute(database.COUNT_POSITIONS)
                fits = self.digest_of(source_id) == self.meta(f"{DIGEST}{source_id}")
                if dry_run or not fits:
                    raise _UndoneError
        except _UndoneError:
            return fits
        except (ValueError, sqlite3.IntegrityError):  # other landmarks have another length; an id is another block's
            return False
        return True

    def mend(self) -> None:
        """Put right what follows from the rest: drop rows that refer to missing ones, count positions, index words.

        Events, keys, tags, cards and omissions that are not what was written are dropped too: nothing says what they
        were. What is withheld stays so.
        """
        with self._transaction():
            for table, row, *_ in self._rows("PRAGMA foreign_key_check"):
                self._db.execute(f"DELETE FROM {table} WHERE rowid = ?", (row,))
            self._db.execute(database.COUNT_POSITIONS)
            self._rebuild_index()  # before any event goes: its words, as they stand, must be what the index has
            self._drop_events(self.damaged_events())
            for source_id in self.damaged_items():
                self._db.execute("DELETE FROM items WHERE source_id = ?", (source_id,))
                self._seal_item(source_id)
            for source_id in self.damaged_cards():
                for table in ("cards", "omissions"):
                    self._db.execute(f"DELETE FROM {table} WHERE source_id = ?", (source_id,))
                self._db.execute("DELETE FROM meta WHERE key = ?", (f"{YEAR}{source_id}",))
                self._seal_card(source_id)

    def _merge_index(self) -> None:
        """Merge the segments of each index into one, which has no words of what is gone: a fifth of what making it anew
        takes (FTS5, "The 'optimize' Command"; a mark of deletion is kept only for segments that are older)."""
        for table in ("blocks", "events"):
            self._db.execute(f"INSERT INTO {table}_fts ({table}_fts) VALUES ('optimize')")

    def _rebuild_index(self) -> None:
        for table in ("blocks", "events"):
            self._db.execute(f"INSERT INTO {table}_fts ({table}_fts) VALUES ('rebuild')")

    def _empty_log(self, wait: bool = True) -> bool:
        """Move the write-ahead log into the file and cut it to nothing; False if a reader kept us from it."""
        self._rows(f"PRAGMA busy_timeout = {int(1000 * database.BUSY_SECONDS) if wait else 0}")
        try:
            return bool(self._one("PRAGMA wal_checkpoint(TRUNCATE)") == 0)
        finally:
            self._rows(f"PRAGMA busy_timeout = {int(1000 * database.BUSY_SECONDS)}")

    # ------------------------------------------------------------ long-term memory

    def copy(self, path: Path) -> None:
        """Write a consistent copy, the last commit whole: one durable file, no write-ahead log.

        Of its meta only what is about sources goes with it: the rest is about this session."""
        database.copy(self._db, self.path, path)
        with database_errors(path):
            db = database.connect(path, readonly=False)
            try:
                with database.transaction(db):
                    kept = (f"{DIGEST}*", f"{YEAR}*", f"{KEPT}*")
                    db.execute(f"DELETE FROM meta WHERE {' AND '.join(['key NOT GLOB ?'] * len(kept))}", kept)
            finally:
                db.close()

    def begin(self, events: Iterable[Episode], *, origin: str | None = None, numbered: bool = False) -> None:
        """Turn a copy into the database of a session of its own.

        `origin`: where all its sources come from, if not from reading. `numbered`: number the cells anew from 1.
        """
        with database_errors(self.path):
            self._db.execute("PRAGMA journal_mode = WAL")
        with self._transaction():
            if origin is not None:
                self._db.execute("UPDATE sources SET origin = ?", (origin,))
            if numbered:
                rows = self.snapshots()
                self._db.execute("DELETE FROM snapshots")
                for number, row in enumerate(rows, start=1):
                    self._put_snapshots(row.source_id, [replace(row, number=number)])
            self._put_events(events)
