"""`run`: ingest and ask in a throw-away session that nothing outlives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from titans_cli.errors import Interrupted
from titans_cli.progress import IngestEvent, IngestFinished
from titans_cli.records import Answer
from titans_cli.sessions.ask import AskModels, AskOptions, AskRequest, ask
from titans_cli.sessions.engines import new_engine, own_reader, reader_of
from titans_cli.sessions.ingest import IngestOptions, IngestRequest, create_session, ingest
from titans_cli.steps import AGAIN, Hint, NextStep
from titans_cli.store import Home
from titans_cli.store.temporary import temporary


def run_once(
    kept: Home,
    documents: IngestRequest,
    questions: Sequence[str],
    how: IngestOptions,
    *,
    sentences: int = 3,
    reader: str | None = None,
) -> Iterator[IngestEvent | Answer]:
    """Ingest, then answer each question; the session is gone when the iteration ends, however it ends.

    It has a home of its own inside `kept`, the user's, so that what a kill leaves is found there and removed
    (`store/temporary.py`). `reader`: as of `ask`.
    Raises LockedError, StorageError, and as `ingest` and `ask`.
    """
    try:
        with temporary(kept) as folder:
            home = Home(folder)
            engine = new_engine(how.model, loading=how.loading)  # loaded once, for reading and for every question
            made = create_session(home, "run", engine=engine)
            home.set_current(made.info.name)
            anything = False
            for event in ingest(home, None, documents, replace(how, model=None), engine):
                anything = anything or (isinstance(event, IngestFinished) and event.files_read > 0)
                yield event
            answerer = reader_of(reader) if reader and anything else own_reader(made.info)
            for question in questions if anything else ():
                if how.stop():
                    raise Interrupted("stopped")
                request, models = AskRequest(question, log=False), AskModels(reader=answerer)
                yield ask(home, None, request, AskOptions(sentences), models=models, engine=engine)
    except Interrupted as interrupted:
        hint = Hint(
            AGAIN, "; or read into a session, which continues where it was stopped: ", NextStep("ingest", paths=None)
        )
        raise Interrupted("stopped; a throw-away session keeps nothing", hint=hint) from interrupted
