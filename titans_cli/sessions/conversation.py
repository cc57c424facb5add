"""Many questions to one session, with everything that is slow to load kept from one to the next.

`ask` of one question is `sessions.ask.ask`; a conversation is the same function, given what it would load anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from titans_cli import settings
from titans_cli.model.encoder import load_encoder
from titans_cli.model.writer import Message, Writer
from titans_cli.records import Answer, SessionInfo, Step
from titans_cli.sessions.ask import AskModels, AskOptions, AskRequest, Writing, ask
from titans_cli.sessions.engines import engine_of, own_reader, reader_of, use_threads, writer_of
from titans_cli.sessions.history import left_behind
from titans_cli.sessions.pages import PageView, SourceTable, cited, sources
from titans_cli.sessions.selection import Filter
from titans_cli.sessions.shelf import Shelf
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


def _loaded(models: AskModels, how: AskOptions, info: SessionInfo) -> AskModels:
    """The same, loaded, as far as questions of this kind need them; whoever writes is loaded when it has to write."""
    encoder, reader, reasoner, writing = models.landmark_model, models.reader, models.reasoner, models.writing
    if isinstance(reasoner, str):
        drafts = how.route != "fast" and not how.closed_book
        reasoner = writer_of(reasoner, models.loading) if reasoner and drafts else None
    if writing is not None and isinstance(writing.model, str):
        writing = replace(writing, model=_LateWriter(writing, how.sentences))
    return replace(
        models,
        landmark_model=load_encoder(encoder) if encoder and isinstance(encoder, str) else encoder,
        reader=reader_of(reader) if reader and isinstance(reader, str) else reader or own_reader(info),
        reasoner=reasoner,
        writing=writing,
    )


class Conversation:
    """A session that is asked again and again. It is held by its id: another of its name is not meant.

    `how`, `models`, `tell`: as of `ask`; `within`, `log`: as of `AskRequest`, for every question.
    Raises what `ask` raises before its first question: NotFoundError, IncompatibleError, ModelError.
    """

    def __init__(
        self,
        home: Home,
        selector: str | None,
        how: AskOptions | None = None,
        models: AskModels | None = None,
        *,
        within: Filter | None = None,
        log: bool = True,
        tell: Callable[[Step], None] | None = None,
    ) -> None:
        how = how or AskOptions()
        settings.require_choice("route", how.route)
        store = SessionStore.open(home, selector)
        store.require_open()
        self.home, self.id, self.name = home, store.info.id, store.info.name
        self._info = store.info
        self._how, self._within, self._log, self._tell = how, within or Filter(), log, tell
        self._engine, self._shelf = engine_of(store.info), Shelf()
        self._models = _loaded(models or AskModels(), how, store.info)
        self.last: Answer | None = None

    def ask(self, question: str, *, follows: bool = True, after_kept: bool = False) -> Answer:
        """`follows`: "it" is what the last answer of this conversation was about; before its first question, with
        `after_kept`, the last answer that the session keeps. Raises as `sessions.ask.ask`."""
        use_threads(self._info.threads)
        self.last = ask(
            self.home,
            self.id,
            AskRequest(
                question,
                self._within,
                after=self.last if follows else None,
                follows=follows and after_kept and self.last is None,
                log=self._log,
            ),
            self._how,
            models=self._models,
            engine=self._engine,
            shelf=self._shelf,
            tell=self._tell,
        )
        return self.last

    def sources(self) -> SourceTable:
        return sources(self.home, self.id)

    def cited(self, number: int) -> PageView:
        """The page around a citation of the last answer. Raises as `pages.cited`."""
        return cited(self.home, self.id, number)

    def asked_before(self) -> list[str]:
        """What the session was asked, oldest first, for a line editor: kept in the session and nowhere else. Without
        what speaks of what a fast update superseded."""
        with SessionStore.open(self.home, self.id).episodes() as episodes, episodes.frozen():
            hidden = left_behind(episodes)
            asked = episodes.events(kind="asked", limit=MOST_REMEMBERED)
            return [e.text.partition(": ")[2] for e in asked if e.id not in hidden]
