"""Small values that the store's tests commit. No fixtures: plain functions, so that worker processes use them too."""

from __future__ import annotations

import struct
from pathlib import Path

import torch
from torch import Tensor

from titans_cli.records import Block, Episode, Page, SnapshotInfo, SourceRecord
from titans_cli.store import Addition, Home, SessionStore, StoredCell

AT = "2026-11-22T12:00:00Z"
SENTENCE = "The zymurgist quietly fermented quinces"


def memory(seed: int) -> dict[str, Tensor]:
    """A memory state that only `seed` has."""
    return {"layers.0.weight": torch.full((4, 3), float(seed) + 0.123456), "steps": torch.tensor([seed])}


def vector(seed: int) -> bytes:
    return struct.pack("<4f", seed, seed + 0.5, -seed, 0.25)


def source(number: int, *, done: int = 2, total: int = 2, id_: int = 0) -> SourceRecord:
    uri = f"/papers/{number}.txt"
    return SourceRecord(id_, uri, uri, f"sha-{number}", 100, "txt", f"Paper {number}", 1, total, done, 20, AT, "read")


def page(number: int) -> Page:
    return Page(1, f"{SENTENCE} number{number}. Second sentence about topic{number}.")


def blocks(number: int) -> list[Block]:
    text = page(number).text
    cut = text.index("Second")
    halves = ((0, cut), (cut, len(text)))
    return [
        Block(0, 0, index, 1, start, end, text[start:end], 10, 10 * index, 1.5 + index)
        for index, (start, end) in enumerate(halves)
    ]


def event(text: str, kind: str = "read") -> Episode:
    return Episode(0, AT, kind, text, {"n": 1})


def row(number: int, cell: int = 0, done: int = 2) -> SnapshotInfo:
    return SnapshotInfo(number, 0, cell, done, f"sha{number}", 10, AT)


def new_session(root: Path, name: str | None = "papers") -> SessionStore:
    return SessionStore.create(
        Home(root), name, fingerprint="model-1", model="tiny", memory={"chunk": 64}, threads=1, events=[]
    )


def position_of(store: SessionStore) -> int:
    with store.episodes() as episodes:
        return episodes.position()


def cell_of(store: SessionStore, number: int) -> SnapshotInfo:
    """The row of a snapshot by its number."""
    with store.episodes() as episodes:
        return next(s for s in episodes.snapshots() if s.number == number)


def newest(store: SessionStore) -> int:
    with store.episodes() as episodes:
        return episodes.newest_snapshot()


def read_paper(store: SessionStore, number: int) -> SnapshotInfo:
    """Commit one small document: source, page, two blocks, two landmarks, a cell, an event. Needs `store.writer()`."""
    committed = store.commit(
        source(number),
        Addition(
            pages=[page(number)],
            blocks=blocks(number),
            landmarks=[vector(number), vector(number + 1)],
            events=[event(f"read paper {number}")],
        ),
        cells=[StoredCell(0, 2, memory(number))],
    )
    with store.episodes() as episodes:
        return episodes.cells_of(committed.id)[-1]


def check_whole(store: SessionStore) -> int:
    """Assert that everything a session promises holds; return the number of its newest snapshot."""
    with store.episodes(readonly=False) as episodes:
        episodes.check()
        rows = episodes.snapshots()
        assert [info for info, _ in store.cells()] == rows
        for info in rows:
            assert store.load(info).keys() == memory(0).keys()
        for read in episodes.sources():
            assert len(episodes.blocks_of(read.id)) == read.blocks_done
            assert episodes.cells_of(read.id)[-1].blocks_done == read.blocks_done
        assert all(b.position == 10 * b.index for b in episodes.every_block())
        assert all(episodes.page(s.id, 1) for s in episodes.sources())
        ids, dimension, raw = episodes.landmarks()
        assert len(raw) == len(ids) * dimension * 4
        return episodes.newest_snapshot()
