"""The use-cases for programs: `from titans_cli import Workspace`.

A `Workspace` is a home, and what its sessions share in this process: how they are opened, and models that are loaded
once for all of them. It hands out sessions and long-term entries. A `Session` is a handle and nothing more: what it
learns is durable when a method returns, and the handle that another process opens by the same name or id goes on from
there. It keeps what is slow to load (the model, the memory's cells) from one call to the next. Everything a method
returns is a frozen record, everything it raises a `TitansError` (`titans_cli.errors`). Nothing heavy is imported before
its time.

How anything is done is `titans_cli.sessions`; what is typed, sent or shown is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from titans_cli import settings
from titans_cli.errors import Interrupted, UsageError
from titans_cli.progress import IngestEvent, IngestFinished, Waiting
from titans_cli.records import Answer, EntryInfo, SessionInfo, Step
from titans_cli.sessions import history, items, lifecycle
from titans_cli.sessions.lifecycle import SessionOptions
from titans_cli.sessions.selection import Filter
from titans_cli.store import EntryList, Export, Home, SessionList, SessionStore

if TYPE_CHECKING:
    from titans_cli.model.interface import PassageReader, SessionModel
    from titans_cli.sessions.ask import AskModels, AskOptions
    from titans_cli.sessions.citing import CatalogueEntry
    from titans_cli.sessions.engines import Engines
    from titans_cli.sessions.pages import PageView, SourceTable
    from titans_cli.sessions.retrieve import RetrieveResult
    from titans_cli.sessions.search import SearchResult
    from titans_cli.sessions.shelf import Shelf

__all__ = ["Filter", "Session", "SessionOptions", "Workspace"]
Where = Home | PathLike[str] | str | None  # a home's folder; None: TITANS_HOME, or the platform's


class Workspace:
    """A home, and how sessions are opened in it.

    `home`: its folder; None: the setting's (TITANS_HOME), or the platform's. `model`: of sessions to be made, where
    none is named; None: the setting's. `reader`: a model (a name, a folder, an id of the hub) that finds short answers;
    None: the session's own, if it can read. One writer at a time: `retry_lock` seconds are waited for another's turn,
    then LockedError is raised.

    Raises UsageError for a settings file that makes no sense, if `home` is None.
    """

    def __init__(
        self, home: Where = None, *, model: str | None = None, reader: str | None = None, retry_lock: float = 0
    ) -> None:
        self.home = home if isinstance(home, Home) else Home.locate() if home is None else Home(Path(home))
        self.model, self.reader, self.retry_lock = model, reader, retry_lock
        self._engines: Engines | None = None

    @property
    def engines(self) -> Engines:
        """The models that its sessions share."""
        if self._engines is None:
            from titans_cli.sessions.engines import Engines

            self._engines = Engines()
        return self._engines

    # ---- sessions

    def open(self, name: str | None = None) -> Session:
        """A session that is there, by name or the start of its id; None: the command line's current one.

        Raises NotFoundError."""
        return Session(self, SessionStore.open(self.home, name).info)

    def new(
        self, name: str | None = None, *, entry: str | None = None, options: SessionOptions | None = None
    ) -> Session:
        """A session that knows nothing, or what the LTM `entry` does. Raises UsageError when the name is taken.

        It does not become the command line's current session."""
        how = options or SessionOptions()
        how = replace(how, model=self.model) if how.model is None else how
        return Session(
            self, lifecycle.new_session(self.home, name, entry=entry, how=how, use=False, engines=self.engines)
        )

    def resume(self, name: str, *, entry: str | None = None, options: SessionOptions | None = None) -> Session:
        """The session of this name, or a `new` one: so that a program that was killed is simply run again.

        No other session is meant, even if its id begins like this."""
        if self.home.named(name) is None:
            try:
                return self.new(name, entry=entry, options=options)
            except UsageError:
                if self.home.named(name) is None:  # not made by somebody else meanwhile
                    raise
        return self.open(self.home.named(name) or name)

    def sessions(self) -> SessionList:
        """Those that can be read, oldest first, and why the others cannot."""
        return SessionStore.list(self.home)

    # ---- long-term memory

    def entries(self) -> EntryList:
        """What was promoted and can be read, oldest first, and why the rest cannot."""
        return lifecycle.list_entries(self.home)

    def entry(self, name: str) -> EntryInfo:
        """One, by name or the start of its id: where it came from, what the gate measured. Raises NotFoundError."""
        return lifecycle.show_entry(self.home, name)

    def diff_entries(self, one: str, other: str) -> lifecycle.EntryDiff:
        """Which documents only one of them holds."""
        return lifecycle.diff_entries(self.home, one, other)

    def verify_entry(self, name: str) -> EntryInfo:
        """Read it whole. Raises DamagedError unless every byte is as it was promoted."""
        return lifecycle.verify_entry(self.home, name)

    def export_entry(self, name: str, file: str | PathLike[str], *, replace_file: bool = False) -> Export:
        """Write it to one file. Raises UsageError when that exists, DamagedError, LimitError."""
        return lifecycle.export_entry(self.home, name, Path(file), replace_file=replace_file)

    def import_entry(self, file: str | PathLike[str], name: str | None = None) -> EntryInfo:
        """The entry in an exported file. Raises DamagedError unless every byte is as it was promoted, LimitError."""
        return lifecycle.import_entry(self.home, Path(file), name)

    def remove_entry(self, name: str, *, dry_run: bool = False) -> EntryInfo | lifecycle.DamagedEntry:
        """Sessions that started from it keep what they have. Raises NotFoundError."""
        return lifecycle.remove_entry(self.home, name, dry_run=dry_run)

    def __repr__(self) -> str:
        return f"Workspace({str(self.home.root)!r})"


class Session:
    """One session, from a `Workspace`, or from `open`, `new` or `resume`, which make one of their own.

    `engine`: its model, if the caller has loaded it."""

    def __init__(self, workspace: Workspace | Home, info: SessionInfo, *, engine: SessionModel | None = None) -> None:
        self.workspace = workspace if isinstance(workspace, Workspace) else Workspace(workspace)
        self.home = self.workspace.home
        self.name, self.id, self.info = info.name, info.id, info  # info: as it was when opened
        self._engine = engine
        self._reader: PassageReader | None = None
        self._reader_sought = False
        self._shelf: Shelf | None = None

    # ---- getting one

    @classmethod
    def open(
        cls, name: str | None = None, *, home: Where = None, retry_lock: float = 0, reader: str | None = None
    ) -> Session:
        """As `Workspace.open`."""
        return Workspace(home, retry_lock=retry_lock, reader=reader).open(name)

    @classmethod
    def new(
        cls,
        name: str | None = None,
        *,
        home: Where = None,
        entry: str | None = None,
        model: str | None = None,
        precision: str | None = None,
        retry_lock: float = 0,
        reader: str | None = None,
    ) -> Session:
        """As `Workspace.new`."""
        options = SessionOptions(model, precision)
        return Workspace(home, retry_lock=retry_lock, reader=reader).new(name, entry=entry, options=options)

    @classmethod
    def resume(
        cls,
        name: str,
        *,
        home: Where = None,
        entry: str | None = None,
        model: str | None = None,
        precision: str | None = None,
        retry_lock: float = 0,
        reader: str | None = None,
    ) -> Session:
        """As `Workspace.resume`."""
        options = SessionOptions(model, precision)
        return Workspace(home, retry_lock=retry_lock, reader=reader).resume(name, entry=entry, options=options)

    # ---- learning

    def ingest(
        self,
        *paths: str | PathLike[str],
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        append: bool = False,
        within: Sequence[str] | None = None,
        on_event: Callable[[IngestEvent], object] = lambda event: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> IngestFinished:
        """Read files and folders. What fails is counted, and told to `on_event` as FileFailed; the rest is read.

        `within`: nothing outside these folders is looked at. `stop` is asked after every few segments: True commits
        and raises Interrupted."""
        from titans_cli.sessions.ingest import IngestOptions, IngestRequest, ingest

        finished: IngestFinished | None = None
        how = IngestOptions(append=append, retry_lock=self.workspace.retry_lock, stop=stop)
        request = IngestRequest([str(p) for p in paths], include, exclude, within=within)
        for event in ingest(self.home, self.id, request, how, lambda: self.engine):
            on_event(event)
            if isinstance(event, IngestFinished):
                finished = event
        assert finished is not None  # the last event of every ingest
        return finished

    def follow(
        self,
        *paths: str | PathLike[str],
        stop: Callable[[], bool],
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        on_event: Callable[[IngestEvent | Waiting], object] = lambda event: None,
    ) -> None:
        """Read folders, then whatever comes into them or changes, until `stop` says so, which is asked several times a
        second. Raises what `ingest` raises."""
        from titans_cli.sessions.ingest import IngestOptions, IngestRequest
        from titans_cli.sessions.watch import watch

        how = IngestOptions(retry_lock=self.workspace.retry_lock, stop=stop)
        request = IngestRequest([str(p) for p in paths], include, exclude)
        try:
            for event in watch(self.home, self.id, request, how, engine=self.engine):
                on_event(event)
        except Interrupted:
            return

    def add(
        self, text: str, *, key: str | None = None, source: str | None = None, tags: Sequence[str] = ()
    ) -> items.ItemResult:
        """Memorise a text. Told again under the same key it is "unchanged"; another text there raises UsageError."""
        return items.add(
            self.home,
            self.id,
            items.ItemRequest(text, key, source, tags),
            retry_lock=self.workspace.retry_lock,
            engine=lambda: self.engine,
        )

    def update(
        self,
        item: str,
        text: str,
        *,
        source: str | None = None,
        tags: Sequence[str] | None = None,
        fast: bool = False,
    ) -> items.ItemResult:
        """Put a text in the place of an item's (by key or id), forgetting the old one exactly; `fast`: withhold it."""
        return items.update(
            self.home,
            self.id,
            item,
            items.ItemRequest(text, label=source, tags=tags),
            fast=fast,
            retry_lock=self.workspace.retry_lock,
            engine=self.engine,
        )

    def delete(self, item: str, *, dry_run: bool = False) -> history.ForgetResult:
        """Unlearn an item or a document exactly. Raises NotFoundError, also when it is gone already."""
        return history.forget(self.home, self.id, item, dry_run=dry_run, retry_lock=self.workspace.retry_lock)

    def filter(
        self,
        within: Filter = Filter(),  # noqa: B008 - frozen, so sharing it is harmless
        *,
        exclude: bool = False,
        include: bool = False,
        excluded: bool = False,
    ) -> items.FilterResult:
        """What a filter lets through; `exclude` it from later answers, or `include` it again."""
        return items.filter_items(
            self.home,
            self.id,
            within,
            exclude=exclude,
            include=include,
            excluded=excluded,
            retry_lock=self.workspace.retry_lock,
        )

    # ---- asking

    def ask(
        self,
        question: str,
        *,
        within: Filter | None = None,
        sentences: int = 3,
        closed_book: bool = False,
        route: str = "auto",
        budget: float | None = None,
        log: bool = True,
        after: Answer | None = None,
    ) -> Answer:
        """An answer with citations. `closed_book`: from the memory alone; `budget`: seconds for a deliberate one.

        `after`: the answer that the question follows, which says what "it" is."""
        from titans_cli.sessions.ask import AskModels, AskOptions, AskRequest, ask

        request = AskRequest(question, within or Filter(), after, log=log)
        how = AskOptions(sentences, closed_book=closed_book, route=route, budget=budget)
        models = AskModels(reader=self.reader)
        return ask(self.home, self.id, request, how, models=models, engine=self.engine, shelf=self.shelf)

    def conversation(
        self,
        how: AskOptions | None = None,
        models: AskModels | None = None,
        *,
        within: Filter | None = None,
        log: bool = True,
        tell: Callable[[Step], None] | None = None,
    ) -> Conversation:
        """Many questions, each of which may follow the last. `how`, `models`, `tell`: as of `titans_cli.sessions.ask`;
        the models are loaded now. `within`, `log`: of every question. Raises what `ask` does before its first one."""
        return Conversation(self, how, models, within=within, log=log, tell=tell)

    def catalogue(self, sources: Sequence[str] = ()) -> list[CatalogueEntry]:
        """The catalogue cards of the documents, or of those whose path matches any of the globs."""
        from titans_cli.sessions.citing import catalogue

        return catalogue(self.home, self.id, sources)

    def search(
        self,
        query: str,
        *,
        exact: bool = False,
        sources: Sequence[str] = (),
        within: Filter | None = None,
        limit: int = 20,
    ) -> SearchResult:
        """The passages of what was read that have every word of `query`, and every "phrase" in it; `exact`: all of it
        is one phrase. Needs no model."""
        from titans_cli.sessions.search import search

        return search(self.home, self.id, query, exact=exact, sources=sources, within=within, limit=limit)

    def sources(self, globs: Sequence[str] = ()) -> SourceTable:
        """The documents that were read, or those that match any of the globs, as a table."""
        from titans_cli.sessions.pages import sources

        return sources(self.home, self.id, globs)

    def page(self, document: str, number: int | None = None) -> PageView:
        """A page of a document (by path, name, number, hash or a part of its title) as it is retained."""
        from titans_cli.sessions.pages import page

        return page(self.home, self.id, document, number)

    def cited(self, number: int) -> PageView:
        """The page that citation `number` of the last answer which the session keeps stands on."""
        from titans_cli.sessions.pages import cited

        return cited(self.home, self.id, number)

    def retrieve(self, query: str, *, top_k: int = 8, within: Filter | None = None) -> RetrieveResult:
        """What the memory alone recalls, and the passages that bear on it. Changes nothing."""
        from titans_cli.sessions.retrieve import retrieve

        return retrieve(self.home, self.id, query, top_k=top_k, within=within, engine=self.engine, shelf=self.shelf)

    def summary(
        self,
        about: str | None = None,
        *,
        kind: str = "trends",
        within: Filter | None = None,
        sentences: int = 8,
        log: bool = True,
        long: bool = False,
    ) -> Answer:
        """Trends, themes or disagreements of what a filter lets through, or an answer `about` it.

        `long`: all topics and trends, not a page of them."""
        from titans_cli.sessions.retrieve import SummaryRequest, summary

        request = SummaryRequest(kind, about, within or Filter(), sentences, long, log)
        return summary(self.home, self.id, request, engine=self.engine, shelf=self.shelf)

    def recall(
        self, words: str, *, since: str | None = None, kind: str | None = None, limit: int = 20
    ) -> history.RecallResult:
        """What the session experienced that shares a word, best first."""
        return history.recall(self.home, self.id, words, since=since, kind=kind, limit=limit)

    def status(self) -> lifecycle.SessionDetails:
        """What it holds, its memory's digest, and documents that were begun and not finished."""
        return lifecycle.show_session(self.home, self.id)

    # ---- its end

    def promote(self, entry: str | None = None, *, note: str | None = None, force: bool = False) -> EntryInfo:
        """Make what it learned an immutable LTM entry, if the gate finds it sound. Raises PromotionRefused."""
        engine = self.engine if SessionStore.open(self.home, self.id).info.state == "open" else None
        return lifecycle.promote_session(
            self.home,
            self.id,
            entry,
            lifecycle.PromoteOptions(note, force),
            retry_lock=self.workspace.retry_lock,
            engine=engine,
        )

    def discard(self) -> lifecycle.DiscardResult:
        """Remove it and all it learned."""
        return lifecycle.discard_session(self.home, self.id, retry_lock=self.workspace.retry_lock)

    # ---- what it keeps loaded

    @property
    def engine(self) -> SessionModel:
        """The model it was made with. Raises IncompatibleError if that has changed.

        Sets the number of threads that the session keeps to: two sessions of one program may differ in it."""
        from titans_cli.sessions.engines import use_threads

        if self._engine is None:
            self._engine = self.workspace.engines.of(SessionStore.open(self.home, self.id).info)
        use_threads(self.info.threads)
        return self._engine

    @property
    def reader(self) -> PassageReader | None:
        """Who finds short answers; None when nobody does."""
        if not self._reader_sought:
            named, engines = self.workspace.reader, self.workspace.engines
            self._reader = engines.reader(named) if named else engines.own_reader(self.info)
            self._reader_sought = True
        return self._reader

    @property
    def shelf(self) -> Shelf:
        """The topics of the memory's cells, by which a question finds the near ones."""
        if self._shelf is None:
            from titans_cli.sessions.shelf import Shelf

            self._shelf = Shelf()
        return self._shelf

    def __repr__(self) -> str:
        return f"Session({self.name!r}, id={self.id!r})"


class Conversation:
    """A session that is asked again and again, from `Session.conversation`. `last`: its last answer."""

    def __init__(
        self,
        session: Session,
        how: AskOptions | None = None,
        models: AskModels | None = None,
        *,
        within: Filter | None = None,
        log: bool = True,
        tell: Callable[[Step], None] | None = None,
    ) -> None:
        from titans_cli.sessions.ask import AskModels, AskOptions
        from titans_cli.sessions.conversation import loaded

        self._how, models = how or AskOptions(), models or AskModels()
        settings.require_choice("route", self._how.route)
        SessionStore.open(session.home, session.id).require_open()
        session.engine  # noqa: B018 - what is wrong with the model is said now
        self.session = session
        self._within, self._log, self._tell = within or Filter(), log, tell
        self._models = loaded(replace(models, reader=models.reader or session.reader), self._how)
        self.last: Answer | None = None

    def ask(self, question: str, *, follows: bool = True, after_kept: bool = False) -> Answer:
        """`follows`: "it" is what the last answer of this conversation was about; before its first question, with
        `after_kept`, the last answer that the session keeps. Raises as `Session.ask`."""
        from titans_cli.sessions.ask import AskRequest, ask

        request = AskRequest(
            question,
            self._within,
            after=self.last if follows else None,
            follows=follows and after_kept and self.last is None,
            log=self._log,
        )
        session = self.session
        self.last = ask(
            session.home,
            session.id,
            request,
            self._how,
            models=self._models,
            engine=session.engine,
            shelf=session.shelf,
            tell=self._tell,
        )
        return self.last

    def asked_before(self) -> list[str]:
        """What the session was asked, oldest first."""
        from titans_cli.sessions.conversation import asked_before

        return asked_before(self.session.home, self.session.id)
