"""Answer a question from a session.

The memory's bytes stay as they are; the question and the answer become episodes.
"""

from __future__ import annotations

from titans_cli.answers.compose import answer
from titans_cli.errors import UsageError
from titans_cli.model.engine import Engine
from titans_cli.records import Answer, Episode
from titans_cli.sessions.engines import engine_of
from titans_cli.store import Home, SessionStore, utc_now


def ask(
    home: Home,
    session: str | None,
    question: str,
    *,
    sentences: int = 3,
    log: bool = True,
    engine: Engine | None = None,
) -> Answer:
    """`engine`: the session's, if the caller has it.

    Raises UsageError for an empty question, NotFoundError, IncompatibleError, DamagedError, StorageError.
    """
    question = " ".join(question.encode("utf-8", "replace").decode("utf-8").split())  # a shell may pass any bytes
    if not question:
        raise UsageError("the question is empty", hint='Ask one: titans ask "What is known about ...?"')
    store = SessionStore.open(home, session)
    store.require_open()
    engine = engine or engine_of(store.info)
    snapshot, tensors, _ = store.load_latest()
    with store.episodes() as episodes:
        result = answer(
            question,
            episodes=episodes,
            engine=engine,
            state=engine.from_tensors(tensors),
            session=store.info.name,
            snapshot=snapshot.number,
            sentences=sentences,
        )
    if log:
        cited = [{"source": c.source, "page": c.page} for c in result.citations]
        store.log(
            [
                Episode(0, utc_now(), "asked", f"I was asked: {question}"),
                Episode(0, utc_now(), "answered", f"I answered: {result.text}", {"citations": cited}),
            ]
        )
    return result
