"""Many questions to one session, with everything that is slow to load kept from one to the next.

`ask` of one question is `sessions.ask.ask`; a conversation is the same function, given what it would load anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from titans_cli import settings
from titans_cli.model.encoder import load_encoder
from titans_cli.model.writer import Message, Writer
from titans_cli.records import Answer, Loading, Step
from titans_cli.sessions.ask import AskOptions, Writing, ask
from titans_cli.sessions.engines import engine_of, own_reader, reader_of, use_threads, writer_of
from titans_cli.sessions.history import left_behind
from titans_cli.sessions.pages import PageView, SourceTable, cited, sources
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


class Conversation:
    """A session that is asked again and again. It is held by its id: another of its name is not meant.

    `writing`, `landmark_model`, `reasoner`, `reader`, `loading`, `tell`: as of `ask`. `globs`: what may be cited.
    Raises what `ask` raises before its first question: NotFoundError, IncompatibleError, ModelError.
    """

    def __init__(
        self,
        home: Home,
        selector: str | None,
        *,
        how: AskOptions | None = None,
        globs: Sequence[str] = (),
        log: bool = True,
        writing: Writing | None = None,
        landmark_model: str | None = None,
        reasoner: str | None = None,
        reader: str | None = None,
        loading: Loading | None = None,
        tell: Callable[[Step], None] | None = None,
    ) -> None:
        settings.require_choice("route", (how or AskOptions()).route)
        store = SessionStore.open(home, selector)
        store.require_open()
        self.home, self.id, self.name = home, store.info.id, store.info.name
        self._info = store.info
        self._how, self._globs, self._log, self._tell = how or AskOptions(), globs, log, tell
        self._loading = loading or Loading()
        self._engine, self._shelf = engine_of(store.info), Shelf()
        self._encoder = load_encoder(landmark_model) if landmark_model else None
        self._reader = reader_of(reader) if reader else own_reader(store.info)
        drafts = reasoner and self._how.route != "fast" and not self._how.closed_book
        self._reasoner = writer_of(reasoner, self._loading) if reasoner and drafts else None
        if writing is not None and isinstance(writing.model, str):
            writing = replace(writing, model=_LateWriter(writing, self._how.sentences))
        self._writing = writing
        self.last: Answer | None = None

    def ask(self, question: str, *, follows: bool = True, after_kept: bool = False) -> Answer:
        """`follows`: "it" is what the last answer of this conversation was about; before its first question, with
        `after_kept`, the last answer that the session keeps. Raises as `sessions.ask.ask`."""
        use_threads(self._info.threads)
        self.last = ask(
            self.home,
            self.id,
            question,
            log=self._log,
            engine=self._engine,
            sources=self._globs,
            how=self._how,
            shelf=self._shelf,
            writing=self._writing,
            landmark_model=self._encoder,
            reasoner=self._reasoner,
            reader=self._reader,
            loading=self._loading,
            tell=self._tell,
            after=self.last if follows else None,
            follows=follows and after_kept and self.last is None,
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
