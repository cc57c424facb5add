"""The cells of a session as a question meets them: by their topics, and opened only when they are near."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from titans_cli.model.interface import Cell, SessionModel
from titans_cli.records import SnapshotInfo
from titans_cli.store import Episodes, SessionStore
from titans_cli.store.topics import BEHIND, Rows, keep, kept


@dataclass(frozen=True, slots=True)
class CellOnShelf:
    """A committed cell, of which only the topics stay at hand: the weights of all would be a megabyte each, opened."""

    store: SessionStore
    engine: SessionModel
    info: SnapshotInfo
    topics: Tensor

    def opened(self) -> Cell:
        stored = self.store.as_it_stands(self.info)
        return self.engine.from_tensors(stored[1], self.topics) if stored else self.engine.initial_state()


class Shelf:
    """Has the topics of every cell at hand: from the session's file of topics, and of cells that it lacks from these.

    Asked again, only what was learned since is fetched. For one session; keep it to ask often."""

    def __init__(self) -> None:
        self._known: dict[SnapshotInfo, CellOnShelf] = {}

    def cells(self, store: SessionStore, engine: SessionModel, only: frozenset[int] | None = None) -> list[CellOnShelf]:
        """The committed cells of the sources `only`, or of all, in the order of reading. Raises as `store.cells`."""
        with store.episodes() as episodes:
            committed = episodes.snapshots()
            if self._known.keys() - set(committed):  # the file has been written anew: let go of the one that is gone
                self._known = {}
            wanted = [info for info in committed if only is None or info.source_id in only]
            if any(info not in self._known for info in wanted):
                self._fetch(store, episodes, engine, committed, wanted)
        return [self._known[info] for info in wanted if info in self._known]

    def _fetch(
        self,
        store: SessionStore,
        episodes: Episodes,
        engine: SessionModel,
        committed: Sequence[SnapshotInfo],
        wanted: Sequence[SnapshotInfo],
    ) -> None:
        known, new = kept(episodes, engine.fingerprint), dict[str, Rows]()
        for info in committed:
            if info not in self._known and (rows := known.get(info.sha256)) is not None:
                self._known[info] = CellOnShelf(store, engine, info, rows.tensor())
        for info in wanted:
            if info not in self._known and (stored := store.as_it_stands(info)) is not None:
                self._known[info] = CellOnShelf(store, engine, stored[0], engine.topics_of(stored[1]))
                new[stored[0].sha256] = Rows.of(self._known[info].topics)
        if len(new) * BEHIND > len(known):
            keep(episodes, engine.fingerprint, known | new)
