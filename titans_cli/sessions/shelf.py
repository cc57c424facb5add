"""The cells of a session as a question meets them: by their topics, and opened only when they are near."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from titans_cli.model.interface import Cell, SessionModel
from titans_cli.records import SnapshotInfo
from titans_cli.store import SessionStore


@dataclass(frozen=True, slots=True)
class Shelved:
    """A committed cell, of which only the topics stay at hand: the weights of all would be a megabyte each, opened."""

    store: SessionStore
    engine: SessionModel
    info: SnapshotInfo
    topics: Tensor

    def opened(self) -> Cell:
        found = self.store.as_it_stands(self.info)
        return self.engine.from_tensors(found[1]) if found else self.engine.initial_state()


class Shelf:
    """Fetches the topics of a cell once: asked again, only of what was learned since. For one session; keep it to ask
    often."""

    def __init__(self) -> None:
        self._known: dict[SnapshotInfo, Shelved] = {}

    def cells(self, store: SessionStore, engine: SessionModel, only: frozenset[int] | None = None) -> list[Shelved]:
        """The committed cells of the sources `only`, or of all, in the order of reading. Raises as `store.cells`."""
        with store.episodes() as episodes:
            committed = episodes.snapshots()
        known = {info: self._known[info] for info in committed if info in self._known}
        wanted = [info for info in committed if only is None or info.source_id in only]
        for info in wanted:
            if info not in known and (found := store.as_it_stands(info)) is not None:
                known[info] = Shelved(store, engine, found[0], engine.topics_of(found[1]))
        self._known = known
        return [known[info] for info in wanted if info in known]
