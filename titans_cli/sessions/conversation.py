"""What many questions to one session need beside it: models that are loaded once, and what was asked before.

`ask` of one question is `sessions.ask.ask`; a conversation (`titans_cli.api`) is the same function, given what it would
load anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from titans_cli.model.encoder import load_encoder
from titans_cli.model.writer import Message, Writer
from titans_cli.sessions.ask import AskModels, AskOptions, Writing
from titans_cli.sessions.engines import reader_of, writer_of
from titans_cli.sessions.history import left_behind
from titans_cli.store import Home, SessionStore

MOST_REMEMBERED = 200  # questions that a line editor offers again


class _LateWriter:
    """A writer that is loaded when it has to write: what a catalogue card answers needs none."""

    def __init__(self, writing: Writing, sentences: int) -> None:
        self._writing, self._sentences = writing, sentences
        self._loaded: Writer | None = None

    @property
    def _writer(self) -> Writer:
        if self._loaded is None:
            assert isinstance(self._writing.model, str)
            self._loaded = writer_of(self._writing.model, self._writing.loading, self._sentences)
        return self._loaded

    @property
    def name(self) -> str:
        return self._writer.name

    def complete(self, messages: Sequence[Message], max_tokens: int) -> Iterator[str]:
        return self._writer.complete(messages, max_tokens)


def loaded(models: AskModels, how: AskOptions) -> AskModels:
    """The same, loaded, as far as questions of this kind need them; whoever writes is loaded when it has to write.

    Raises ModelError and its kinds, UsageError."""
    encoder, reader, reasoner, writing = models.landmark_model, models.reader, models.reasoner, models.writing
    if isinstance(reasoner, str):
        drafts = how.route != "fast" and not how.closed_book
        reasoner = writer_of(reasoner, models.loading) if reasoner and drafts else None
    if writing is not None and isinstance(writing.model, str):
        writing = replace(writing, model=_LateWriter(writing, how.sentences))
    return replace(
        models,
        landmark_model=load_encoder(encoder) if encoder and isinstance(encoder, str) else encoder,
        reader=reader_of(reader) if reader and isinstance(reader, str) else reader,
        reasoner=reasoner,
        writing=writing,
    )


def asked_before(home: Home, session: str) -> list[str]:
    """What the session was asked, oldest first, for a line editor: kept in the session and nowhere else. Without what
    speaks of what a fast update superseded."""
    with SessionStore.open(home, session).episodes() as episodes, episodes.frozen():
        hidden = left_behind(episodes)
        asked = episodes.events(kind="asked", limit=MOST_REMEMBERED)
        return [e.text.partition(": ")[2] for e in asked if e.id not in hidden]
