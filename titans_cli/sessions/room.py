"""How much of the disk one document may take, and whether the next commit still fits.

Reading multiplies: a character of text becomes a few hundred bytes of memory, so a few hundred bytes of gzip can become
hundreds of megabytes. What a document will take is known as soon as its text is cut into segments, and the bound is
looked at there, before anything is learned; of a text that is certainly too long, before it is cut.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from titans_cli import settings
from titans_cli.errors import LimitError, StorageError
from titans_cli.model.interface import SessionModel
from titans_cli.records import Page, Segment
from titans_cli.store import Cell
from titans_cli.store.files import storage_errors

if TYPE_CHECKING:
    from titans_cli.sessions.learning import Learned

SHARE = 0.1  # of what is free, when nobody said how much
# An upper bound of what is kept beside the weights, and of SQLite's journal while it is written;
# benchmarks/chaos_room.py compares it with what was taken.
PER_BYTE = 9  # of the text: pages, blocks, the word index, and all of these once more in the journal
PER_TOKEN = 256  # its topic, 112 numbers in half precision
PER_SHARE = 20  # of a token, what it writes into the memory of its session: 16, and a row for each batch
PER_SEGMENT = 1_500  # rows, indexes, and the landmark's own header
LONGEST_TOKEN, LONGEST_SEGMENT = 16, 128  # bytes, tokens: more than these no text has on the average
USUAL_TOKEN = 4  # bytes
LONG = 4 << 20  # bytes of text; a shorter one is cut into segments in seconds


class Room:
    """`most`: bytes that a document may take; None asks the setting, and then takes a share of what is free.

    Without an engine only what was learned elsewhere can be looked at.
    """

    def __init__(self, folder: Path, engine: SessionModel | None, most: int | None = None) -> None:
        self.folder, self.engine = folder, engine
        said = most if most is not None else settings.value("max_room")
        self.said = settings.size(str(said)) if isinstance(said, str) else said
        self._weights: int | None = None

    def admit_text(self, display: str, pages: Sequence[Page]) -> None:
        """Raises LimitError for a text that takes too much however it is cut."""
        if (text := _bytes(pages)) > LONG:
            least = self._cells(text // (LONGEST_TOKEN * LONGEST_SEGMENT)) * self._cell_bytes()
            self._admit(display, least, probably=least * LONGEST_TOKEN // USUAL_TOKEN)

    def admit(
        self, display: str, pages: Sequence[Page], segments: Sequence[Segment], learned: Sequence[Learned] | None
    ) -> None:
        """Raises LimitError for a document that takes too much."""
        tokens = sum(len(s.tokens) for s in segments)
        beside = PER_BYTE * _bytes(pages) + PER_TOKEN * tokens + PER_SEGMENT * len(segments)
        if self.engine is not None:
            beside += 8 * self.engine.landmark_width * len(segments)
            beside += PER_SHARE * tokens if self.engine.session is not None else 0
            weights = (self._cells(len(segments)) + 1) * self._cell_bytes()  # one is written anew by every commit
        else:
            weights = size_of({part.cell.index: part.cell for part in learned or ()}.values())
        self._admit(display, weights + beside)

    def before_commit(self, cells: Iterable[Cell], pages: Sequence[Page]) -> None:
        """Raises StorageError when what is free is less than a commit of these takes."""
        needed, free = size_of(cells) + 2 * _bytes(pages), self.free()
        if free < needed:
            what = f"the disk is nearly full: {told(free)} are free, and the next commit takes {told(needed)}"
            hint = "Free some space, then run the same command again: it continues from the last commit"
            raise StorageError(what, subject=str(self.folder), hint=hint)

    def free(self) -> int:
        with storage_errors(self.folder):
            return shutil.disk_usage(self.folder).free

    def _admit(self, display: str, needed: int, probably: int = 0) -> None:
        """`probably`: what it takes rather than at least."""
        free = self.free()
        bound = min(free, self.said if self.said is not None else int(SHARE * free))
        if needed > bound:
            size = told(probably or needed)
            what = f"learning it would take {size} of disk, and a document may take {told(bound)} here"
            hint = f"Split it, or allow more: --max-room {size.replace(' ', '')} (free: {told(free)})"
            raise LimitError(what, subject=display, hint=hint)

    def _cells(self, segments: int) -> int:
        return -(-segments // self.engine.cell_segments) if self.engine else 0

    def _cell_bytes(self) -> int:
        if self._weights is None:
            empty = self.engine.to_tensors(self.engine.initial_state()) if self.engine else {}
            self._weights = sum(t.numel() * t.element_size() for t in empty.values())
        return self._weights


def size_of(cells: Iterable[Cell]) -> int:
    return sum(t.numel() * t.element_size() for cell in cells for t in cell.tensors.values())


def told(size: int) -> str:
    """Bytes in words, rounded up: as `--max-room` takes them."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6)):
        if size >= 10 * scale:
            return f"{-(-size // scale)} {unit}"
    return f"{-(-size // 10**6)} MB" if size >= 10**6 else f"{-(-size // 1000)} kB"


def _bytes(pages: Sequence[Page]) -> int:
    return sum(len(page.text.encode("utf-8", "replace")) for page in pages)
