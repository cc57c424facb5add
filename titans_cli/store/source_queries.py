"""What a session's database says of its sources: their records, cards and items. Nothing here writes.

`queries.Queries` adds what was read of them, the memory's cells and the log. A card is put together here from what a
document says of itself and what others say of it; what a field of a card means is `titans_cli.cards`'.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from titans_cli.cards import Card, Entry, filled, is_sound, joined
from titans_cli.errors import damaged_file
from titans_cli.records import ITEM, Item, Omission, SourceRecord
from titans_cli.steps import Hint, NextStep
from titans_cli.store import database
from titans_cli.store.database import database_errors
from titans_cli.store.rows import R, records

T = TypeVar("T")
SOURCE = "id, uri, display, sha256, size, kind, title, pages, blocks_total, blocks_done, tokens, read_at, origin"
YEAR = "year:"  # in meta, followed by a source's id: the year its file states. Not a column: older entries have none
ITEM_DIGEST = "digest:item:"  # followed by a source's id: of its rows in `items` and `withheld`
CARD_DIGEST = "digest:card:"  # ... of what was read of it beside its text: `cards`, `omissions`, its year
CARD = "source_id, field, ordinal, value, origin"
_STATED = f"(SELECT CAST(value AS INTEGER) FROM meta WHERE key = '{YEAR}' || sources.id)"


class SourceQueries:
    """An open `episodes.sqlite`, to be asked for its sources. Close it, or use it as a context manager.

    Every method raises DamagedError, StorageError or LockedError as `database_errors` says.
    """

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self.path = path
        self._db = db
        self._frozen: dict[Hashable, Any] | None = None  # what was asked of the one commit that is seen

    @classmethod
    def open(cls, path: Path, *, readonly: bool = True, check: bool = False) -> Self:
        """Open an existing one; `check` reads all of it for damage first. Raises IncompatibleError besides."""
        return cls(path, database.connect(path, readonly=readonly, check=check))

    def close(self) -> None:
        with database_errors(self.path):
            self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """See one and the same commit for the whole block, whatever a writer commits meanwhile."""
        with database_errors(self.path):
            self._db.execute("BEGIN")
            self._frozen = {}
            try:
                yield
            finally:
                self._frozen = None
                self._db.rollback()

    def _once(self, key: Hashable, ask: Callable[[], T]) -> T:
        """What `ask` says; of one and the same commit it is asked once: ten thousand documents are many records."""
        if self._frozen is None:
            return ask()
        if key not in self._frozen:
            self._frozen[key] = ask()
        return cast(T, self._frozen[key])

    def _rows(self, sql: str, values: Sequence[object] | Mapping[str, object] = ()) -> list[tuple[Any, ...]]:
        with database_errors(self.path):
            return self._db.execute(sql, values).fetchall()

    def _records(self, kind: type[R], sql: str, values: Sequence[object] = ()) -> list[R]:
        return list(records(kind, self._rows(sql, values), self.path))

    def _one(self, sql: str, values: Sequence[object] = ()) -> Any:
        rows = self._rows(sql, values)
        return rows[0][0] if rows else None

    # ------------------------------------------------------------ sources

    def sources(self) -> list[SourceRecord]:
        """In the order in which they were first committed."""
        sql = f"SELECT {SOURCE}, {_STATED} FROM sources ORDER BY id"
        return list(self._once("sources", lambda: self._records(SourceRecord, sql)))

    def count(self) -> int:
        """How many sources there are, withheld ones too."""
        return int(self._one("SELECT count(*) FROM sources"))

    def source(self, source_id: int) -> SourceRecord | None:
        return self._newest_where("id = ?", source_id)

    def source_by_uri(self, uri: str) -> SourceRecord | None:
        """The latest source with this address: a file that changed may have been read more than once."""
        return self._newest_where("uri = ?", uri)

    def source_by_sha(self, sha256: str) -> SourceRecord | None:
        return self._newest_where("sha256 = ?", sha256)

    def sources_by_sha(self, sha256: str) -> list[SourceRecord]:
        """All of this content, the oldest first."""
        return self._sources_where("sha256 = ?", sha256)[::-1]

    def _newest_where(self, condition: str, value: object) -> SourceRecord | None:
        return next(iter(self._sources_where(condition, value, 1)), None)

    def _sources_where(self, condition: str, value: object, limit: int = -1) -> list[SourceRecord]:
        """The newest first."""
        sql = f"SELECT {SOURCE}, {_STATED} FROM sources WHERE {condition} ORDER BY id DESC LIMIT ?"
        return self._records(SourceRecord, sql, (value, limit))

    def omissions(self) -> dict[int, tuple[Omission, ...]]:
        """What the readers left out, by source and kind, of sources of which something was."""
        by_source: dict[int, tuple[Omission, ...]] = {}
        if self._one("PRAGMA user_version") < 3:  # a session of before it was counted
            return by_source
        for source_id, kind, count in self._rows(
            "SELECT source_id, kind, count FROM omissions ORDER BY source_id, kind"
        ):
            by_source[int(source_id)] = (*by_source.get(int(source_id), ()), (str(kind), int(count)))
        return by_source

    # ------------------------------------------------------------ cards

    def card(self, source_id: int) -> Card:
        """The catalogue card of a document, with what bibliographies among the other documents say of it."""
        return self.cards()[source_id]

    def cards(self, only: Collection[int] | None = None) -> dict[int, Card]:
        """Of every source, by its id. A document that was read by an early release has its title and year alone.

        What is withheld, and what is not among `only`, says nothing of other documents.
        """
        key = "cards", None if only is None else frozenset(only)
        return dict(self._once(key, lambda: self._cards(only)))

    def _cards(self, only: Collection[int] | None) -> dict[int, Card]:
        sources = self.sources()
        rows: dict[int, list[Entry]] = {s.id: [] for s in sources}
        for source_id, entry in self._entries():
            if not is_sound(entry):
                hint = Hint("Be rid of it: ", NextStep("session repair", session=self.path.parent.name))
                raise damaged_file(self.path, f"the card of source {source_id}", hint)
            rows.setdefault(source_id, []).append(entry)
        plain = {
            s.id: [Entry("title", s.title or "", "file"), Entry("date", str(s.year or ""), "file")] for s in sources
        }
        withheld = self.withheld()
        heard = {i: some for i, some in rows.items() if i not in withheld and (only is None or i in only)}
        return joined({s.id: (s.name, filled(rows[s.id], plain[s.id])) for s in sources}, heard)

    def _entries(self, only: Sequence[int] | None = None) -> list[tuple[int, Entry]]:
        """Of all cards, or those of some sources, with their sources, in the order in which they were written."""
        if self._version() < 3:
            return []
        some = "1" if only is None else f"source_id IN ({','.join(map(str, only))})"
        rows = self._rows(f"SELECT {CARD} FROM cards WHERE {some} ORDER BY rowid")
        return [(int(i), Entry(str(field), str(value), str(origin))) for i, field, _, value, origin in rows]

    def authors(self, source_ids: Iterable[int]) -> dict[int, list[str]]:
        """The names that each of these documents states of its authors, in order."""
        names: dict[int, list[str]] = {}
        wanted = ",".join(map(str, sorted(source_ids))) if self._version() >= 3 else ""
        sql = f"SELECT source_id, value FROM cards WHERE field = 'author' AND source_id IN ({wanted}) ORDER BY rowid"
        for source_id, value in self._rows(sql) if wanted else ():
            names.setdefault(int(source_id), []).append(str(value))
        return names

    def stated(self, only: Sequence[int] | None = None) -> dict[int, tuple[str, ...]]:
        """The values of the cards as they were read, by source, or those of some; works that a bibliography lists as
        JSON."""
        by_source: dict[int, tuple[str, ...]] = {}
        for source_id, entry in self._entries(only):
            by_source[source_id] = (*by_source.get(source_id, ()), entry.value)
        return by_source

    # ------------------------------------------------------------ items

    def items(self) -> list[Item]:
        """Everything the session holds, told or read, in the order of reading."""
        items, held = "items", "withheld"
        if not self._has_items():
            items, held = "(SELECT 0 AS source_id, NULL AS key, NULL AS tags)", "(SELECT 0 AS source_id, NULL AS why)"
        rows = self._rows(
            "SELECT s.id, s.uri, s.display, s.kind, told.key, told.tags, s.read_at, s.sha256, s.tokens,"
            " coalesce((SELECT avg(surprise) FROM blocks WHERE source_id = s.id), 0.0), held.why"
            f" FROM sources AS s LEFT JOIN {items} AS told ON told.source_id = s.id"
            f" LEFT JOIN {held} AS held ON held.source_id = s.id ORDER BY s.id"
        )
        return [self._item(*row) for row in rows]

    def keys(self) -> dict[int, str]:
        """The keys of the items that have one, by source."""
        if not self._has_items():
            return {}
        rows = self._rows("SELECT source_id, key FROM items WHERE key IS NOT NULL")
        return {int(source_id): str(key) for source_id, key in rows}

    def _item(self, source_id: int, uri: str, label: str, kind: str, key: str | None, tags: str, *rest: Any) -> Item:
        name = uri.removeprefix(ITEM) if uri.startswith(ITEM) else str(source_id)
        return Item(name, source_id, label, kind, key, self._tags(source_id, tags), *rest)

    def _tags(self, source_id: int, text: str | None) -> tuple[str, ...]:
        if not text:
            return ()
        try:
            tags = json.loads(text)
        except (ValueError, TypeError, RecursionError) as error:
            raise damaged_file(self.path, f"the tags of item {source_id}") from error
        return tuple(map(str, tags)) if isinstance(tags, list) else ()

    def withheld(self, why: str | None = None) -> dict[int, str]:
        """The sources that take no part in answers, or those of them for one reason, and since when."""
        if not self._has_items():
            return {}
        condition, values = ("1", ()) if why is None else ("why = ?", (why,))
        return dict(self._rows(f"SELECT source_id, at FROM withheld WHERE {condition} ORDER BY source_id", values))

    def damaged_items(self) -> list[int]:
        """The sources whose rows in `items` and `withheld` are not what was written."""
        if not self._has_items():
            return []
        ids = self._rows("SELECT source_id FROM items UNION SELECT source_id FROM withheld ORDER BY source_id")
        return [int(i) for (i,) in ids if self.meta(f"{ITEM_DIGEST}{i}") != self._item_digest(i)]

    def damaged_cards(self) -> list[int]:
        """The sources whose card, omissions or year are not what was written; early sessions do not say what was."""
        if self._version() < 3:
            return []
        length = len(CARD_DIGEST)
        written = dict(self._rows(f"SELECT substr(key, {length + 1}), value FROM meta WHERE key GLOB '{CARD_DIGEST}*'"))
        ids = [int(i) for (i,) in self._rows("SELECT id FROM sources ORDER BY id")]
        unsound = {source_id for source_id, entry in self._entries() if not is_sound(entry)}
        return [i for i in ids if i in unsound or (str(i) in written and written[str(i)] != self._card_digest(i))]

    def _card_digest(self, source_id: int) -> str:
        return self._digest(
            source_id,
            "SELECT field, ordinal, value, origin FROM cards WHERE source_id = ? ORDER BY field, ordinal",
            "SELECT kind, count FROM omissions WHERE source_id = ? ORDER BY kind",
            f"SELECT value FROM meta WHERE key = '{YEAR}' || ?",
        )

    def _has_items(self) -> bool:
        """A session of a release before items is read as it is: only a writer brings its tables up to date."""
        return self._version() >= 2

    def _version(self) -> int:
        return int(self._one("PRAGMA user_version"))

    def _item_digest(self, source_id: int) -> str:
        rows = ("SELECT key, tags FROM items WHERE source_id = ?", "SELECT why, at FROM withheld WHERE source_id = ?")
        return self._digest(source_id, *rows)

    def meta(self, key: str) -> str | None:
        """What the session says of itself beside what it read."""
        value = self._one("SELECT value FROM meta WHERE key = ?", (key,))
        return None if value is None else str(value)

    def _digest(self, row_id: int, *queries: str) -> str:
        digest = hashlib.sha256()
        for sql in queries:
            for row in self._rows(sql, (row_id,)):
                for value in row:
                    data = value if isinstance(value, bytes) else json.dumps(value).encode()
                    digest.update(b"%d:" % len(data) + data)
        return digest.hexdigest()
