"""The memory of a whole session while it reads on: the sum of what its documents wrote.

A document's share depends on its text and the model alone, and is kept in its cells. So nothing else has to be kept
in step: forgetting a document drops its share with its cells, a fork, an export or an LTM entry carries it in them, a
kill leaves what was committed, and the sum, being of integers, is the same bytes however it came about. It is made
when a document is to be read, which costs what reading the cells' files costs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from titans_cli.errors import DamagedError
from titans_cli.model.interface import SessionLearner
from titans_cli.records import SUPERSEDED, SnapshotInfo
from titans_cli.steps import Hint, NextStep
from titans_cli.store import Episodes, SessionStore

if TYPE_CHECKING:
    from titans_cli.model.session import ModelOutputs, SessionState


@dataclass(slots=True)
class Newness:
    """Of a text, in nats: what the language model did not expect, and what of it was left with the session's memory."""

    alone: float = 0.0
    left: float = 0.0

    @property
    def share(self) -> float | None:
        """1.0: what the session read before helped with nothing."""
        return self.left / self.alone if self.alone > 0 else None


class SessionMemory:
    """Of the documents that are committed, and those that were read with it since."""

    def __init__(self, learner: SessionLearner, store: SessionStore, episodes: Episodes) -> None:
        self.learner, self.store, self.episodes = learner, store, episodes
        withheld = episodes.withheld(SUPERSEDED)
        counted = [info for info in episodes.snapshots() if info.source_id not in withheld]
        self.state = self._with(learner.initial_state(), counted)

    def _with(self, state: SessionState, cells: Iterable[SnapshotInfo], *, taken_away: bool = False) -> SessionState:
        from titans_cli.model.session import shares_of, without, written

        change = without if taken_away else written
        for info in cells:
            rows = self.store.load(info).get("memory.share")
            try:
                for share in () if rows is None else shares_of(rows, self.learner.vocabulary):
                    state = change(state, share)
            except ValueError as error:
                problem = (
                    f"cell {info.cell} of document {info.source_id} holds no share of a session's memory ({error})"
                )
                repair = NextStep("session repair", session=self.store.info.name)
                raise DamagedError(problem, subject=self.store.info.name, hint=Hint("Drop it: ", repair)) from error
        return state

    def forget(self, source_id: int) -> None:
        """Before its cells are gone."""
        self.state = self._with(self.state, self.episodes.cells_of(source_id), taken_away=True)

    def read(self, seen: Iterable[ModelOutputs], newness: Newness) -> None:
        """Read on, and add what was new to `newness`."""
        for part in seen:
            newness.alone += float(part.nats.double().sum())
            newness.left += float(self.learner.read_seen(self.state, part).double().sum())
