"""`run`: ingest and ask in a throw-away session that nothing outlives."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from titans_cli.errors import Interrupted, StorageError
from titans_cli.progress import IngestEvent, IngestFinished
from titans_cli.records import Answer
from titans_cli.sessions.ask import ask
from titans_cli.sessions.engines import new_engine, own_reader, reader_of
from titans_cli.sessions.ingest import How, What, create_session, ingest
from titans_cli.store import Home


def run_once(
    what: What, questions: Sequence[str], how: How, *, sentences: int = 3, reader: str | None = None
) -> Iterator[IngestEvent | Answer]:
    """Ingest, then answer each question; the session is gone when the iteration ends, however it ends.

    `reader`: as of `ask`."""
    try:
        root = Path(tempfile.mkdtemp(prefix="titans-run-"))
    except OSError as error:
        raise StorageError(f"cannot make a temporary folder ({error.strerror})", hint="Set TMPDIR.") from error
    try:
        home = Home(root)
        home.ensure()
        engine = new_engine(how.model, loading=how.loading)  # loaded once, for reading and for every question
        made = create_session(home, "run", engine=engine)
        home.set_current(made.info.name)
        anything = False
        for event in ingest(home, None, what, replace(how, model=None), engine):
            anything = anything or (isinstance(event, IngestFinished) and event.files_read > 0)
            yield event
        answerer = reader_of(reader) if reader and anything else own_reader(made.info)
        for question in questions if anything else ():
            if how.stop():
                raise Interrupted("stopped")
            yield ask(home, None, question, sentences=sentences, log=False, engine=engine, reader=answerer)
    except Interrupted as interrupted:
        hint = "Run the same command again, or use titans ingest, which continues where it was stopped"
        raise Interrupted("stopped; a throw-away session keeps nothing", hint=hint) from interrupted
    finally:
        shutil.rmtree(root, ignore_errors=True)
