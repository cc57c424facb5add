"""Everything a session's database can be asked. Nothing here writes; `episodes.Episodes` adds what does."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from titans_cli.errors import NotFoundError, damaged_file
from titans_cli.records import OUTLINE, TEXT, Block, Episode, Page, SnapshotInfo
from titans_cli.steps import Hint, NextStep
from titans_cli.store import database, unspaced
from titans_cli.store.database import database_errors
from titans_cli.store.names import shown
from titans_cli.store.source_queries import SourceQueries

BLOCK = "id, source_id, ordinal, page, start_char, end_char, text, tokens, position, surprise"
SNAPSHOT = "number, source_id, cell, blocks_done, sha256, size, created"
UNCLEAN = "unclean"  # in meta: something was forgotten, and its bytes may still be in the file ...
PENDING, LOGGED = "1", "log"  # ... as scraps in pages and indexes, or only because the log could not be emptied yet
FORGETTINGS = "forgettings"  # in meta: how often something was forgotten or superseded
UNKNOWN = 0  # in derived: what an answer of an earlier release was made from, nobody wrote down
DIGEST = "digest:"  # in meta, followed by a source's id: of all that is retained of it, as it was written
EVENT_DIGEST = "digest:event:"
KEPT = "kept:"  # followed by a source's id, a colon and a cell: its form if it is not verbatim, and how large that was
EVENT = "id, at, kind, text, data"
_KEPT = re.compile(rf"({OUTLINE}|{TEXT}):(\d{{1,15}})")
_INDEX = re.compile(r"(?<=[^\W\d_])(?=\d+$)")  # where one may begin: H2, x1
_BEGIN, _END = "\ue000", "\ue001"  # private characters (Unicode's Private Use Area), which no clean page has
_MOST_WORDS = 128  # of a query; FTS5 refuses expressions that are too deep
_AT_ONCE = 500  # values in one statement; old SQLite allows 999


def match_any(words: str) -> str:
    """An FTS5 query that finds any of the words: each quoted, so nothing in them is syntax. Empty for no words.

    CO2 also finds CO_2, which is how a subscript is kept and two words to FTS5, and the other way round.
    """
    terms = dict.fromkeys(word.casefold() for word in re.findall(r"\w+", words))
    spelled = (form for word in terms for form in (word, word.replace("_", ""), _INDEX.sub("_", word)) if form)
    return " OR ".join(f'"{word}"' for word in list(dict.fromkeys(spelled))[:_MOST_WORDS])


def _marked(text: str) -> list[tuple[int, int]]:
    """The places of what is marked in a text, in the text without its marks."""
    places, length = [], 0
    for i, part in enumerate(re.split(f"[{_BEGIN}{_END}]", text)):
        if i % 2:
            places.append((length, length + len(part)))
        length += len(part)
    return places


def marks(count: int) -> str:
    return ", ".join("?" * count)


class Queries(SourceQueries):
    """An open `episodes.sqlite`, to be asked for all it has. Close it, or use it as a context manager."""

    # ------------------------------------------------------------ pages and blocks

    def page(self, source_id: int, number: int) -> str:
        """The whole retained text of a page. Raises NotFoundError."""
        text = self._one("SELECT text FROM pages WHERE source_id = ? AND number = ?", (source_id, number))
        if text is None:
            raise NotFoundError(f"source {source_id} has no page {number}", subject=str(self.path))
        return str(text)

    def pages(self, source_id: int) -> list[Page]:
        return self._records(Page, "SELECT number, text FROM pages WHERE source_id = ? ORDER BY number", (source_id,))

    def blocks(self, ids: Iterable[int]) -> list[Block]:
        """In the order of `ids`; an id that is not there is left out."""
        wanted = list(ids)
        by_id: dict[int, Block] = {}
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            blocks = self._records(Block, f"SELECT {BLOCK} FROM blocks WHERE id IN ({marks(len(some))})", some)
            by_id.update((block.id, block) for block in blocks)
        if {block.source_id for block in by_id.values()} - {row[0] for row in self._rows("SELECT id FROM sources")}:
            repair = NextStep("session repair", session=shown(self.path.parent.name))
            hint = Hint("See what can be saved: ", repair)
            raise damaged_file(self.path, "segments of a document that is not there", hint)
        return [by_id[i] for i in wanted if i in by_id]

    def blocks_of(self, source_id: int) -> list[Block]:
        sql = f"SELECT {BLOCK} FROM blocks WHERE source_id = ? ORDER BY ordinal"
        return self._records(Block, sql, (source_id,))

    def first_blocks(self, source_ids: Iterable[int]) -> list[Block]:
        """The block that each of these sources begins with."""
        sql = f"SELECT {BLOCK} FROM blocks WHERE source_id = ? ORDER BY ordinal LIMIT 1"
        return [block for i in sorted(source_ids) for block in self._records(Block, sql, (i,))]

    def blocks_sha256(self) -> str:
        """Of which blocks may be found, and of which documents: what was derived from them is stale when it differs."""
        sql = (
            "SELECT sources.id, sha256, count(*), min(blocks.id), max(blocks.id) FROM sources"
            " JOIN blocks ON source_id = sources.id"
            f" WHERE {self._shown('blocks.id')} GROUP BY sources.id ORDER BY sources.id"
        )
        return hashlib.sha256(json.dumps(self._rows(sql)).encode()).hexdigest()

    def every_block(self) -> Iterator[Block]:
        """Blocks in the order in which they were read, without holding them all in memory."""
        order = "source_id, ordinal"
        sql = f"SELECT {BLOCK} FROM blocks WHERE ({order}) > (?, ?) ORDER BY {order} LIMIT {_AT_ONCE}"
        after = (-1, -1)
        while blocks := self._records(Block, sql, after):
            yield from blocks
            after = (blocks[-1].source_id, blocks[-1].index)

    def counts_by_document(self) -> bool:
        """Whether a block's position counts from where its document begins; before, from where the session did."""
        return self._version() >= 4

    def surprises(self) -> list[tuple[int, int, int, float]]:
        """Source, page, tokens and surprise of every block, in the order of reading."""
        return self._rows("SELECT source_id, page, tokens, surprise FROM blocks ORDER BY source_id, ordinal")

    def consolidated(self) -> dict[tuple[int, int], tuple[str, int]]:
        """The form of each cell, by source and number, that is not verbatim, and the bytes of its file when it was."""
        forms = dict[tuple[int, int], tuple[str, int]]()
        for key, value in self._rows(f"SELECT key, value FROM meta WHERE key GLOB '{KEPT}*'"):
            place = re.fullmatch(rf"{KEPT}(\d+):(\d+)", str(key))
            form = _KEPT.fullmatch(str(value))
            if place and form:
                forms[int(place[1]), int(place[2])] = form[1], int(form[2])
        return forms

    def uses(self) -> dict[int, int]:
        """By source, how many of the answers that are kept were made from it."""
        if self._version() < 3:
            return {}
        return dict(
            self._rows(
                "SELECT source_id, count(*) FROM derived JOIN events ON events.id = event_id"
                " WHERE kind = 'answered' GROUP BY source_id"
            )
        )

    def position(self) -> int:
        """How many tokens the session has read."""
        return int(self._one("SELECT coalesce(sum(tokens), 0) FROM blocks"))

    def search_blocks(self, match: str, limit: int) -> list[tuple[int, float]]:
        """Block ids that share a word (by its stem) with `match`, best first, each with its BM25 score: more is better.

        `match` is plain words, never a query language. Ties are in the order of reading. What is withheld is not found.
        """
        query = match_any(match)
        if not query or limit <= 0:
            return []
        sql = (
            "SELECT rowid, -bm25(blocks_fts) AS score FROM blocks_fts"
            f" WHERE blocks_fts MATCH ? AND {self._shown('rowid')} ORDER BY score DESC, rowid LIMIT ?"
        )
        scores = {int(i): float(score) for i, score in self._rows(sql, (query, limit))}
        for i, score in self._search_unspaced("blocks", match, self._shown("id")).items():
            scores[i] = scores.get(i, 0.0) + score
        return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]

    def _search_unspaced(self, table: str, match: str, condition: str) -> dict[int, float]:
        """Scores of rows by the words of `match` that no space parts from others (`unspaced`)."""
        wanted = unspaced.pairs(match)
        if not wanted:
            return {}
        holds = " OR ".join(["instr(text, ?) > 0"] * len(wanted))
        texts = dict(self._rows(f"SELECT id, text FROM {table} WHERE ({holds}) AND {condition}", wanted))
        ((total, length),) = self._rows(f"SELECT count(*), coalesce(avg(length(text)), 0.0) FROM {table}")
        return unspaced.bm25(wanted, texts, int(total), float(length))

    def blocks_with(self, word: str) -> set[int]:
        """The blocks that have a word, by its stem; in scripts without spaces, its very characters. Without what is
        withheld."""
        condition, values = self._having(word)
        return {int(i) for (i,) in self._rows(f"SELECT id FROM blocks WHERE {condition}", values)}

    def pages_with(self, words: Iterable[str]) -> list[tuple[int, int]]:
        """The pages, as (source, number), that have all of the words somewhere. Without what is withheld."""
        places: set[tuple[int, int]] | None = None
        for word in words:
            condition, values = self._having(word)
            rows = set(self._rows(f"SELECT DISTINCT source_id, page FROM blocks WHERE {condition}", values))
            places = rows if places is None else places & rows
        return sorted(places or ())

    def _having(self, word: str) -> tuple[str, list[str]]:
        """The condition that a block has a word, and its values."""
        holds, values = ["0"], list[str]()
        if query := match_any(word):
            holds.append("id IN (SELECT rowid FROM blocks_fts WHERE blocks_fts MATCH ?)")
            values.append(query)
        if unspaced.pairs(word):
            holds.append("instr(text, ?) > 0")
            values.append(word)
        return f"({' OR '.join(holds)}) AND {self._shown('id')}", values

    def block_at(self, source_id: int, page: int, position: int) -> Block | None:
        """The last block of a page that begins at or before a character of it."""
        condition = "source_id = ? AND page = ? AND start_char <= ? ORDER BY start_char DESC LIMIT 1"
        blocks = self._records(Block, f"SELECT {BLOCK} FROM blocks WHERE {condition}", (source_id, page, position))
        return blocks[0] if blocks else None

    def words_in(self, words: str, ids: Sequence[int]) -> dict[int, list[tuple[int, int]]]:
        """Where in these blocks' texts any of `words` stand, by their stems: (start, end) in characters, in order."""
        query, spans = match_any(words), dict[int, list[tuple[int, int]]]()
        for first in range(0, len(ids) if query else 0, _AT_ONCE):
            some = ids[first : first + _AT_ONCE]
            sql = (
                f"SELECT rowid, highlight(blocks_fts, 0, '{_BEGIN}', '{_END}') FROM blocks_fts"
                f" WHERE blocks_fts MATCH ? AND rowid IN ({marks(len(some))})"
            )
            spans |= {int(i): _marked(text) for i, text in self._rows(sql, [query, *some])}
        return spans

    def mean_surprises(self) -> dict[int, float]:
        """The mean surprise of its blocks, by source."""
        return dict(self._rows("SELECT source_id, avg(surprise) FROM blocks GROUP BY source_id"))

    def sources_with(self, word: str) -> set[int]:
        """The sources that have a word, by its stem, in what was read of them; withheld ones too."""
        sql = (
            "SELECT DISTINCT source_id FROM blocks_fts JOIN blocks ON blocks.id = blocks_fts.rowid"
            " WHERE blocks_fts MATCH ?"
        )
        query = match_any(word)
        return {int(i) for (i,) in self._rows(sql, (query,))} if query else set()

    def _shown(self, block: str) -> str:
        """The condition that a block's source is not withheld."""
        if not self.withheld():
            return "1"
        return f"{block} NOT IN (SELECT id FROM blocks WHERE source_id IN (SELECT source_id FROM withheld))"

    def _block_ids(self, source_id: int) -> list[tuple[int, int]]:
        """Id and place in the document."""
        rows = self._rows("SELECT id, ordinal FROM blocks WHERE source_id = ?", (source_id,))
        return [(int(i), int(ordinal)) for i, ordinal in rows]

    def landmarks_of(self, source_id: int) -> int:
        """How many blocks of a document have a landmark."""
        sql = "SELECT count(*) FROM blocks JOIN landmarks ON block_id = id WHERE source_id = ?"
        return int(self._one(sql, (source_id,)))

    def landmarks(self) -> tuple[list[int], int, bytes]:
        """Block ids, the dimension, and the vectors one after the other: little-endian float32, row by row.

        Without the blocks of what is withheld."""
        rows = self._rows(f"SELECT block_id, vector FROM landmarks WHERE {self._shown('block_id')} ORDER BY block_id")
        if not rows:
            return [], 0, b""
        size = len(rows[0][1])
        if size == 0 or size % 4 or any(len(vector) != size for _, vector in rows):
            raise damaged_file(self.path, "its landmarks differ in length")
        return [int(i) for i, _ in rows], size // 4, b"".join(vector for _, vector in rows)

    def digest_of(self, source_id: int) -> str:
        """Of all that is retained of a source and never changes: SQLite itself notices no bit that flips in a value."""
        return self._digest(
            source_id,
            "SELECT uri, display, sha256, size, kind, title, pages, blocks_total, tokens, read_at FROM sources"
            " WHERE id = ?",
            "SELECT number, text FROM pages WHERE source_id = ? ORDER BY number",
            "SELECT ordinal, page, start_char, end_char, text, tokens, surprise, vector FROM blocks"
            " LEFT JOIN landmarks ON block_id = id WHERE source_id = ? ORDER BY ordinal",
        )

    def damaged_events(self) -> list[int]:
        """The ids of those that are not what was written."""
        length = len(EVENT_DIGEST)
        written = dict(
            self._rows(f"SELECT substr(key, {length + 1}), value FROM meta WHERE key GLOB '{EVENT_DIGEST}*'")
        )
        ids = [int(row[0]) for row in self._rows("SELECT id FROM events ORDER BY id")]
        return [i for i in ids if str(i) in written and written[str(i)] != self.event_digest_of(i)]

    def event_digest_of(self, event_id: int) -> str:
        """Of the event and what it was made from."""
        queries = ["SELECT at, kind, text, data FROM events WHERE id = ?"]
        if self._version() >= 3:
            known = f"source_id != {UNKNOWN}"  # that came later than the digest
            queries.append(f"SELECT source_id FROM derived WHERE event_id = ? AND {known} ORDER BY source_id")
        return self._digest(event_id, *queries)

    # ------------------------------------------------------------ snapshots

    def snapshots(self) -> list[SnapshotInfo]:
        """The committed cells in the order in which they were read: document by document."""
        return self._records(SnapshotInfo, f"SELECT {SNAPSHOT} FROM snapshots ORDER BY source_id, cell")

    def snapshot_numbers(self) -> set[int]:
        """Of all committed cells."""
        return {int(number) for (number,) in self._rows("SELECT number FROM snapshots")}

    def snapshot_digests(self, sources: range | None = None) -> set[str]:
        """The sha256 of the files of all committed cells, or of those of some sources in a row."""
        within = range(1 << 62) if sources is None else sources
        sql = "SELECT sha256 FROM snapshots WHERE source_id >= ? AND source_id < ?"
        return {str(digest) for (digest,) in self._rows(sql, (within.start, within.stop))}

    def memory_size(self) -> int:
        """Bytes of the files of all committed cells."""
        return int(self._one("SELECT coalesce(sum(size), 0) FROM snapshots"))

    def cells_of(self, source_id: int) -> list[SnapshotInfo]:
        sql = f"SELECT {SNAPSHOT} FROM snapshots WHERE source_id = ? ORDER BY cell"
        return self._records(SnapshotInfo, sql, (source_id,))

    def newest_snapshot(self) -> int:
        """The highest number of a committed cell; 0 while nothing was read."""
        return int(self._one("SELECT coalesce(max(number), 0) FROM snapshots"))

    def memory_sha256(self) -> str:
        """Of the cells' digests in the order of reading: equal if and only if the same was learned, bit for bit."""
        digests = self._rows("SELECT sha256 FROM snapshots ORDER BY source_id, cell")
        return hashlib.sha256("".join(f"{digest}\n" for (digest,) in digests).encode()).hexdigest()

    def size(self) -> int:
        """Bytes of the database, with the commits that are not yet in the file itself."""
        return int(self._one("PRAGMA page_count")) * int(self._one("PRAGMA page_size"))

    def is_clean(self) -> bool:
        """Whether no bytes of anything forgotten may still be in the file."""
        return self.meta(UNCLEAN) is None

    def forgettings(self) -> int:
        """How often something was forgotten or superseded here: what was read before the last time may be gone now."""
        counted = self.meta(FORGETTINGS) or ""
        return int(counted) if counted.isdecimal() and len(counted) < 19 else 0  # whatever somebody wrote there

    # ------------------------------------------------------------ events

    def events(
        self, *, kind: str | None = None, since: str = "", until: str = "9999", limit: int | None = None
    ) -> list[Episode]:
        """Oldest first; with `limit`, the newest so many. `since` <= at <= `until`, ISO 8601 in UTC."""
        condition = "at >= :since AND at <= :until" + ("" if kind is None else " AND kind = :kind")
        sql = f"SELECT {EVENT} FROM events WHERE {condition} ORDER BY id DESC LIMIT :limit"
        values = {"since": since, "until": until, "kind": kind, "limit": -1 if limit is None else limit}
        return [self._event(row) for row in reversed(self._rows(sql, values))]

    def events_but(self, kinds: Collection[str], *, ids: Collection[int], digests: Collection[str]) -> list[Episode]:
        """Oldest first, without those of some kinds, unless they are among `ids` or about one of the documents."""
        sql = (
            f"SELECT {EVENT} FROM events WHERE kind NOT IN (SELECT value FROM json_each(?))"
            " OR id IN (SELECT value FROM json_each(?))"
            " OR json_extract(data, '$.sha256') IN (SELECT value FROM json_each(?)) ORDER BY id"
        )
        return [self._event(row) for row in self._rows(sql, [json.dumps([*some]) for some in (kinds, ids, digests)])]

    def events_from(self, sources: Iterable[int]) -> dict[int, bool]:
        """The events that were made from any of the sources; and those of which nobody knows (True)."""
        if self._version() < 3:
            return {int(i): True for (i,) in self._rows("SELECT id FROM events WHERE kind = 'answered'")}
        events: dict[int, bool] = {}
        for source in (UNKNOWN, *sources):
            rows = self._rows("SELECT event_id FROM derived WHERE source_id = ?", (source,))
            events |= {i: source == UNKNOWN for (i,) in rows if isinstance(i, int)}
        return events

    def event_counts(self) -> dict[str, int]:
        """How many events of each kind there are, the commonest first."""
        return dict(self._rows("SELECT kind, count(*) AS n FROM events GROUP BY kind ORDER BY n DESC, kind"))

    def search_events(
        self, match: str, limit: int = -1, *, kind: str | None = None, since: str = ""
    ) -> list[tuple[Episode, float]]:
        """Events that share a word with `match`, best first, each with its score, as `search_blocks`."""
        query = match_any(match)
        if not query or limit == 0:
            return []
        sql = (
            f"SELECT {', '.join(f'events.{name}' for name in EVENT.split(', '))}, -bm25(events_fts) AS score"
            " FROM events_fts JOIN events ON events.id = events_fts.rowid"
            " WHERE events_fts MATCH :query AND at >= :since AND (:kind IS NULL OR kind = :kind)"
            " ORDER BY score DESC, events.id LIMIT :limit"
        )
        rows = self._rows(sql, {"query": query, "since": since, "kind": kind, "limit": limit})
        scored = {int(row[0]): (self._event(row), float(row[5])) for row in rows}
        for i, score in self._search_unspaced("events", match, "1").items():
            (row,) = self._rows(f"SELECT {EVENT} FROM events WHERE id = ?", (i,))
            if row[1] >= since and kind in (None, row[2]):
                scored[i] = (self._event(row), score + (scored[i][1] if i in scored else 0.0))
        ranked = sorted(scored.values(), key=lambda pair: (-pair[1], pair[0].id))
        return ranked if limit < 0 else ranked[:limit]

    def _event(self, row: tuple[Any, ...]) -> Episode:
        try:
            data = json.loads(row[4])
        except (ValueError, TypeError, RecursionError) as error:
            raise damaged_file(self.path, f"the data of event {row[0]}") from error
        return Episode(row[0], row[1], row[2], row[3], data if isinstance(data, dict) else {})

    def check(self) -> None:
        """Read everything; raise DamagedError unless pages, references and word indexes all fit."""
        with database_errors(self.path):
            database.check_all(self._db, self.path)

    def check_schema(self) -> None:
        """Raise DamagedError unless the file has the tables and triggers of a session, and no others."""
        with database_errors(self.path):
            database.check_schema(self._db, self.path)
