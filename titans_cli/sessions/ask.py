"""Answer a question from a session.

The memory's bytes stay as they are; the question and the answer become episodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache

from torch import Tensor

from titans_cli.answers.compose import Asking, answer
from titans_cli.errors import UsageError
from titans_cli.model.engine import Cell, Engine
from titans_cli.records import Answer, Episode, SnapshotInfo
from titans_cli.sessions.engines import engine_of
from titans_cli.store import Episodes, Home, SessionStore, utc_now

__all__ = ["Asking", "ask"]
ROUTES = ("auto", "fast", "deliberate")


def ask(
    home: Home,
    session: str | None,
    question: str,
    *,
    sentences: int = 3,
    log: bool = True,
    engine: Engine | None = None,
    sources: Sequence[str] = (),
    how: Asking | None = None,
) -> Answer:
    """`engine`: the session's, if the caller has it. `sources`: globs; only what matches one may be cited.

    Raises UsageError for an empty question or globs that match nothing, NotFoundError, IncompatibleError,
    DamagedError, StorageError.
    """
    question = " ".join(question.encode("utf-8", "replace").decode("utf-8").split())  # a shell may pass any bytes
    if not question:
        raise UsageError("the question is empty", hint='Ask one: titans ask "What is known about ...?"')
    how = how or Asking(sentences=sentences)
    if how.route not in ROUTES:
        raise UsageError(f"no such route: {how.route}", hint=f"Choose {', '.join(ROUTES[:-1])} or {ROUTES[-1]}")
    store = SessionStore.open(home, session)
    store.require_open()
    engine = engine or engine_of(store.info)

    @cache
    def shelf() -> list[_Shelved]:
        return [_Shelved(store, engine, i, engine.from_tensors(tensors).topics) for i, tensors in store.cells()]

    with store.episodes() as episodes, episodes.frozen():
        how = replace(how, only=_matching(episodes, sources))
        result = answer(
            question,
            episodes=episodes,
            engine=engine,
            recall=lambda asked: engine.recall(shelf(), asked),
            session=store.info.name,
            snapshot=episodes.newest_snapshot(),
            how=how,
        )
    if log:
        cited = [
            {"source": c.source, "uri": c.uri, "page": c.page, "start": c.start, "end": c.end} for c in result.citations
        ]
        store.log(
            [
                Episode(0, utc_now(), "asked", f"I was asked: {question}"),
                Episode(0, utc_now(), "answered", f"I answered: {result.text}", {"citations": cited}),
            ]
        )
    return result


@dataclass(frozen=True, slots=True)
class _Shelved:
    """A committed cell, of which only the topics stay at hand: the weights of all would be a megabyte each."""

    store: SessionStore
    engine: Engine
    info: SnapshotInfo
    topics: Tensor

    def opened(self) -> Cell:
        found = self.store.as_it_stands(self.info)
        return self.engine.from_tensors(found[1]) if found else self.engine.initial_state()


def _matching(episodes: Episodes, globs: Sequence[str]) -> frozenset[int] | None:
    """The sources whose address, displayed name or file name matches any of the globs; None without globs."""
    if not globs:
        return None
    found = frozenset(
        s.id
        for s in episodes.sources()
        for name in (s.uri, s.display, s.display.rsplit("/", 1)[-1])
        if any(fnmatchcase(name, glob) for glob in globs)
    )
    if not found:
        named = ", ".join(globs)
        raise UsageError(f"no document of this session matches {named}", hint="See them: titans session show")
    return found
