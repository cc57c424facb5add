"""The cells of a session as a question meets them: chosen by codes of their topics, opened only when they are near."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass, field
from typing import overload

import torch
from torch import Tensor

from titans_cli.model.interface import Cell, SessionModel
from titans_cli.model.topics import centre_of, codes_of, likeness
from titans_cli.records import SnapshotInfo
from titans_cli.store import Episodes, SessionStore
from titans_cli.store.topics import BEHIND, Codes, keep, kept, shard_of

LIKELY = 256  # cells whose topics a question is compared with; reading those of one takes half a millisecond


@dataclass(frozen=True, slots=True)
class CellOnShelf:
    """A committed cell: its topics are read when asked for, its weights, a megabyte each, when it is opened."""

    info: SnapshotInfo
    cells: CellsOnShelf = field(repr=False)

    @property
    def topics(self) -> Tensor:
        at_hand = self.cells.at_hand
        if self.info.sha256 not in at_hand:
            at_hand[self.info.sha256] = self._read()
        return at_hand[self.info.sha256]

    def _read(self) -> Tensor:
        engine, stored = self.cells.engine, self.cells.store.as_it_stands(self.info)
        return engine.topics_of(stored[1]) if stored else engine.initial_state().topics

    def opened(self) -> Cell:
        self.cells.heard.add(self.info.source_id)
        stored = self.cells.store.as_it_stands(self.info)
        engine = self.cells.engine
        return engine.from_tensors(stored[1], self.topics) if stored else engine.initial_state()


@dataclass(frozen=True, slots=True)
class CellsOnShelf(Sequence[CellOnShelf]):
    """Committed cells in the order of reading. `heard`: the sources of those that were opened."""

    store: SessionStore
    engine: SessionModel
    infos: Sequence[SnapshotInfo]
    codes: Sequence[Codes] | None  # None: there are few
    at_hand: dict[str, Tensor]  # topics, by the sha256 of a cell's file
    heard: set[int] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.infos)

    @overload
    def __getitem__(self, index: int) -> CellOnShelf: ...
    @overload
    def __getitem__(self, index: slice) -> list[CellOnShelf]: ...
    def __getitem__(self, index: int | slice) -> CellOnShelf | list[CellOnShelf]:
        if isinstance(index, slice):
            return [CellOnShelf(info, self) for info in self.infos[index]]
        return CellOnShelf(self.infos[index], self)

    def likely(self, topic: Tensor) -> list[CellOnShelf]:
        """The `LIKELY` that may be nearest to a topic, by the likest code of each, in the order of reading."""
        places = range(len(self.infos)) if self.codes is None else self._likely(self.codes, topic)
        chosen = [self[i] for i in places]
        for gone in self.at_hand.keys() - {cell.info.sha256 for cell in chosen}:
            del self.at_hand[gone]
        return chosen

    def _likely(self, coded: Sequence[Codes], topic: Tensor) -> list[int]:
        by_cell = dict[str, float]()
        for codes in coded:
            like = likeness(_rows(codes), topic, _centre(codes))
            counts = torch.tensor(list(codes.counts.values()), dtype=torch.long)
            likest = torch.full((len(counts),), -torch.inf)  # of a cell without any
            if len(like):
                likest[counts > 0] = torch.segment_reduce(like, "max", lengths=counts[counts > 0])
            by_cell |= zip(codes.counts, likest.tolist(), strict=True)
        # one that a writer has made anew since its codes were fetched is looked at
        scores = torch.tensor([by_cell.get(info.sha256, torch.inf) for info in self.infos])
        return sorted(scores.topk(LIKELY).indices.tolist())


class Shelf:
    """Knows the codes of a session's cells where there are many: from its files of them, and of cells that these lack
    from the cells. Asked again, only what was learned since is fetched. For one session; keep it to ask often."""

    def __init__(self) -> None:
        self._codes = dict[int, Codes]()
        self._at_hand = dict[str, Tensor]()

    def cells(self, store: SessionStore, engine: SessionModel, only: frozenset[int] | None = None) -> CellsOnShelf:
        """The committed cells of the sources `only`, or of all. Raises as `store.cells`."""
        with store.episodes() as episodes:
            committed = episodes.snapshots()
            wanted = [info for info in committed if only is None or info.source_id in only]
            codes = self._coded(store, episodes, engine, committed, wanted) if len(wanted) > LIKELY else None
        return CellsOnShelf(store, engine, wanted, codes, self._at_hand)

    def keep(self, store: SessionStore, engine: SessionModel, sources: Collection[int]) -> bool:
        """Keep the codes of these sources' cells for the questions to come; False where there are few cells, and no
        question asks for codes. Raises as `store.cells`."""
        with store.episodes() as episodes:
            committed = episodes.snapshots()
            if len(committed) <= LIKELY:
                return False
            self._coded(store, episodes, engine, committed, [i for i in committed if i.source_id in sources])
        return True

    def _coded(
        self,
        store: SessionStore,
        episodes: Episodes,
        engine: SessionModel,
        committed: Sequence[SnapshotInfo],
        wanted: Sequence[SnapshotInfo],
    ) -> list[Codes]:
        now, asked = defaultdict[int, set[str]](set), defaultdict[int, list[SnapshotInfo]](list)
        for info in committed:
            now[shard_of(info.source_id)].add(info.sha256)
        for info in wanted:
            asked[shard_of(info.source_id)].append(info)
        self._codes = {shard: codes for shard, codes in self._codes.items() if shard in now}
        for shard, infos in asked.items():
            self._codes[shard] = self._of_shard(store, episodes, engine, shard, now[shard], infos)
        return [self._codes[shard] for shard in asked]

    def _of_shard(
        self,
        store: SessionStore,
        episodes: Episodes,
        engine: SessionModel,
        shard: int,
        now: Set[str],
        wanted: Sequence[SnapshotInfo],
    ) -> Codes:
        codes = self._codes.get(shard)
        if codes is None or codes.counts.keys() - now:  # the file has been written anew: let go of this one
            codes = kept(episodes, engine.fingerprint, shard)
        codes = codes or self._none_yet(engine)
        centre = _centre(codes)
        new = dict[str, bytes]()
        for info in wanted:
            if info.sha256 not in codes.counts and (stored := store.as_it_stands(info)) is not None:
                new[stored[0].sha256] = codes_of(engine.topics_of(stored[1]), centre).numpy().tobytes()
        gone = codes.counts.keys() - now
        if gone or new:
            codes = codes.changed(gone, new)
        if len(new) * BEHIND > len(codes.counts):
            keep(episodes, engine.fingerprint, shard, codes)
        return codes

    def _none_yet(self, engine: SessionModel) -> Codes:
        known = next(iter(self._codes.values()), None)
        return Codes(centre_of(engine).numpy().tobytes() if known is None else known.centre)


def _centre(codes: Codes) -> Tensor:
    return torch.frombuffer(bytearray(codes.centre), dtype=torch.float32)


def _rows(codes: Codes) -> Tensor:
    """[N, B], mapped."""
    if not codes.data:
        return torch.empty(0, codes.width, dtype=torch.uint8)
    return torch.frombuffer(codes.data, dtype=torch.uint8).view(-1, codes.width)
