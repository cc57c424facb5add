"""How much of the disk one document, item or copy of a session may take, and whether the next commit still fits.

Reading multiplies: a character of text becomes some fifty bytes of text, index and memory, and a few hundred where
cells cannot be closed, so a few hundred bytes of gzip can become hundreds of megabytes. What a document will take is
known as soon as its text is cut into segments, and the bound is looked at there, before anything is learned; of a text
that is certainly too long, before it is cut. What a copy takes (fork, export, import, an entry, a session from one)
the store tells before it writes any of it.

Erasing is never refused, and not counted: it writes the session's database anew, however small what is forgotten was.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from titans_cli import settings
from titans_cli.errors import LimitError, StorageError
from titans_cli.records import Page, Segment
from titans_cli.steps import AGAIN, Hint, Option
from titans_cli.store import StoredCell
from titans_cli.store.files import storage_errors

if TYPE_CHECKING:
    from titans_cli.model.interface import SessionModel
    from titans_cli.sessions.learning import LearnedBatch

SHARE = 0.1  # of what is free, when nobody said how much
SHARE_OF_COPIES = 0.5  # ... of a copy, which is as large as what it is made of, and no larger
# An upper bound of what is kept beside the weights, and of SQLite's journal while it is written;
# benchmarks/chaos_room.py compares it with what was taken.
PER_BYTE = 9  # of the text: pages, blocks, the word index, and all of these once more in the journal
PER_TOKEN = 256  # of an open cell: its topic, 112 numbers in half precision
PER_CLOSED = 2_000  # of a closed cell's file, beside its numbers
MOST_OPEN = 2  # cells of a document on disk at a time, where they are closed: one is written anew by every commit
PER_SHARE = 20  # of a token, what it writes into the memory of its session: 16, and a row for each batch
PER_SEGMENT = 1_500  # rows, indexes, and the landmark's own header
IN_JOURNAL = 0.5  # of these two and the landmarks: what stands in the journal until the database has it
JOURNAL = 1_000 * 4096  # bytes, as large as SQLite lets it become between commits (wal_autocheckpoint)
LONGEST_TOKEN, LONGEST_SEGMENT = 16, 128  # bytes, tokens: more than these no text has on the average
USUAL_TOKEN = 4  # bytes
LONG = 4 << 20  # bytes of text; a shorter one is cut into segments in seconds


class RoomBudget:
    """`folder`: where it is taken. `most`: bytes that one thing may take; None asks the setting, and then takes a share
    of what is free. `free`: bytes there, if that is on another machine. Without an engine only copies, and what was
    learned elsewhere, can be looked at.
    """

    def __init__(
        self, folder: Path, engine: SessionModel | None, most: int | None = None, *, free: int | None = None
    ) -> None:
        self.folder, self.engine, self._free = folder, engine, free
        limit = most if most is not None else settings.value("max_room")
        self.limit = settings.size(str(limit)) if isinstance(limit, str) else limit
        self._weights: int | None = None

    def admit_text(self, display: str, pages: Sequence[Page]) -> None:
        """Raises LimitError for a text that takes too much however it is cut."""
        if (text := _bytes(pages)) > LONG:
            least = self._weights_of(text // LONGEST_TOKEN, text // (LONGEST_TOKEN * LONGEST_SEGMENT))
            self._admit(display, least, probably=least * LONGEST_TOKEN // USUAL_TOKEN)

    def admit(
        self,
        display: str,
        pages: Sequence[Page],
        segments: Sequence[Segment],
        learned: Sequence[LearnedBatch] | None = None,
        *,
        kind: str = "a document",
    ) -> None:
        """Raises LimitError for a document, or another `kind` of text to be learned, that takes too much."""
        self._admit(display, self.needed(pages, segments, learned), kind=kind)

    def needed(
        self, pages: Sequence[Page], segments: Sequence[Segment], learned: Sequence[LearnedBatch] | None = None
    ) -> int:
        """Bytes of disk that a document takes, at most."""
        tokens = sum(len(s.tokens) for s in segments)
        beside = PER_BYTE * _bytes(pages) + PER_SEGMENT * len(segments)
        if self.engine is not None:
            beside += 8 * self.engine.landmark_width * len(segments)
            beside += PER_SHARE * tokens if self.engine.session is not None else 0
            weights = self._weights_of(tokens, len(segments))
        else:
            weights = size_of({part.cell.index: part.cell for part in learned or ()}.values())
        return weights + beside

    def after(self, pages: Sequence[Page], segments: Sequence[Segment], closed_token: float | None = None) -> int:
        """Bytes of disk that a document still takes when all of it has been read, at most; the rest of `needed` is
        taken meanwhile. `closed_token`: bytes of a token in a closed cell, where more is known than a bound."""
        if self.engine is None:
            return self.needed(pages, segments)
        tokens = sum(len(s.tokens) for s in segments)
        beside = PER_BYTE * _bytes(pages) + (PER_SEGMENT + 8 * self.engine.landmark_width) * len(segments)
        share = PER_SHARE * tokens if self.engine.session is not None else 0
        cells, closed = self._cells(len(segments)), self.engine.closed_token
        if closed is None:
            weights = cells * self._cell_bytes() + PER_TOKEN * tokens
        else:
            weights = int((closed if closed_token is None else closed_token) * tokens) + PER_CLOSED * cells
        return weights + share + int((1 - IN_JOURNAL) * beside)

    def copies(self, display: str) -> Callable[[int], None]:
        """What the store tells how many bytes a copy takes. That raises LimitError when they are too many."""
        say = partial(self._admit, display, share=SHARE_OF_COPIES)
        return partial(say, doing="copying it", kind="a copy", todo="Allow more")

    def before_commit(self, cells: Iterable[StoredCell], pages: Sequence[Page]) -> None:
        """Raises StorageError when what is free is less than a commit of these takes."""
        needed, free = size_of(cells) + 2 * _bytes(pages), self.free()
        if free < needed:
            here, there = size_in_words(free), size_in_words(needed)
            problem = f"the disk is nearly full: {here} are free, and the next commit takes {there}"
            hint = Hint("Free some space, then ", AGAIN, ": it continues from the last commit")
            raise StorageError(problem, subject=str(self.folder), hint=hint)

    def most(self, share: float = SHARE) -> int:
        """Bytes that one thing may take: those that were said, or a share of what is free now."""
        return self.limit if self.limit is not None else int(share * self.free())

    def free(self) -> int:
        if self._free is not None:
            return self._free
        there = next(folder for folder in (self.folder, *self.folder.absolute().parents) if folder.exists())
        with storage_errors(there):
            return shutil.disk_usage(there).free

    def _admit(
        self,
        display: str,
        needed: int,
        probably: int = 0,
        *,
        share: float = SHARE,
        doing: str = "learning it",
        kind: str = "a document",
        todo: str = "Split it, or allow more",
    ) -> None:
        """`probably`: what it takes rather than at least."""
        free = self.free()
        bound = min(free, self.most(share))
        if needed <= bound:
            return
        size = size_in_words(probably or needed)
        problem = f"{doing} would take {size} of disk, and {kind} may take {size_in_words(bound)} here"
        more = Option("max_room", size.replace(" ", ""))
        hint = Hint(f"{todo}: ", more, f" (free: {size_in_words(free)})")
        if needed > free:
            hint = Hint(f"Free some space first: {size_in_words(free)} are free")
        raise LimitError(problem, subject=display, hint=hint)

    def _cells(self, segments: int) -> int:
        return -(-segments // self.engine.cell_segments) if self.engine else 0

    def _weights_of(self, tokens: int, segments: int) -> int:
        """At most, of the cells of so many tokens while they are read."""
        if self.engine is None:
            return 0
        cells, closed = self._cells(segments), self.engine.closed_token
        if closed is None:
            return (cells + 1) * self._cell_bytes() + PER_TOKEN * tokens
        opened = min(cells + 1, MOST_OPEN)
        topics = min(tokens, opened * self.engine.cell_segments * LONGEST_SEGMENT)
        return opened * self._cell_bytes() + PER_TOKEN * topics + closed * tokens + PER_CLOSED * cells

    def _cell_bytes(self) -> int:
        if self._weights is None:
            empty = self.engine.to_tensors(self.engine.initial_state()) if self.engine else {}
            self._weights = sum(t.numel() * t.element_size() for t in empty.values())
        return self._weights


def size_of(cells: Iterable[StoredCell]) -> int:
    return sum(t.numel() * t.element_size() for cell in cells for t in cell.tensors.values())


def size_in_words(size: int) -> str:
    """Bytes in words, rounded up: as `--max-room` takes them."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6)):
        if size >= 10 * scale:
            return f"{-(-size // scale)} {unit}"
    return f"{-(-size // 10**6)} MB" if size >= 10**6 else f"{-(-size // 1000)} kB"


def _bytes(pages: Sequence[Page]) -> int:
    return sum(len(page.text.encode("utf-8", "replace")) for page in pages)
