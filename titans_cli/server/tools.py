"""The tools and resources: each takes arguments, lets a use-case run in its session's turn, and gives back its record.

What they do is done in `titans_cli.api` and `titans_cli.sessions`; here is only how a client sees it.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

from mcp.server.auth.provider import TokenVerifier
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError, ToolError
from mcp.types import CallToolResult, InputRequiredResult, ToolAnnotations
from pydantic import Field, RootModel

from titans_cli import __version__
from titans_cli.api import Session
from titans_cli.errors import NotFoundError, TitansError, UsageError
from titans_cli.progress import FileFailed, IngestEvent
from titans_cli.records import Answer, EntryInfo
from titans_cli.server import shapes
from titans_cli.server.keeper import Keeper
from titans_cli.server.progress import IngestProgress, beating
from titans_cli.server.shapes import (
    Added,
    Handle,
    Listed,
    Maybe,
    Name,
    Names,
    Opened,
    PageText,
    Scope,
    SourcesListed,
    Status,
)
from titans_cli.sessions import history
from titans_cli.sessions.history import ForgetResult, RecallResult
from titans_cli.sessions.items import ItemResult
from titans_cli.sessions.retrieve import RetrieveResult
from titans_cli.sessions.search import SearchResult
from titans_cli.steps import Hint, Option, in_tools

T = TypeVar("T")
MOST_FAILURES = 20  # that one call tells
LONGEST_PAGE = 20_000  # characters of a page that one call gives
EPISODES = "titans://sessions/{handle}/episodes{?words,since,kind,limit}"
INSTRUCTIONS = """\
A memory that learns while it reads. Begin with session_open and a name of your own: it gives a handle, which every
other tool takes, and which stays valid when this server or you start again. What you add is durable when the call
returns. Give each thing you add a key of your own, so that a repeated call learns nothing twice. memory_retrieve gives
what the memory alone recalls (never evidence) and passages that prove it. After an interruption, session_status says
where you stopped."""
# name: changes nothing, destroys, done twice is done once
_HINTS = {
    "session_open": (False, False, True),
    "session_status": (True, False, True),
    "memory_add": (False, False, True),
    "memory_update": (False, True, True),
    "memory_delete": (False, True, True),
    "memory_retrieve": (True, False, True),
    "memory_search": (True, False, True),
    "document_list": (True, False, True),
    "document_page": (True, False, True),
    "memory_ask": (False, False, False),
    "memory_summary": (False, False, False),
    "memory_filter": (False, False, True),
    "session_promote": (False, True, True),
}


class TitansServer(MCPServer[Any]):
    """`token`: what verifies the bearer tokens of requests over HTTP; None: nobody asks for one."""

    def __init__(
        self,
        keeper: Keeper,
        *,
        roots: Sequence[Path] = (),
        allow_promote: bool = False,
        token: TokenVerifier | None = None,
    ) -> None:
        # The SDK verifies tokens for OAuth; nobody issues ours, and no address of an issuer is ever told to a client.
        auth = AuthSettings.model_validate({"issuer_url": "http://localhost", "resource_server_url": None})
        super().__init__(
            "titans",
            title="titans",
            version=__version__,
            instructions=INSTRUCTIONS,
            log_level="WARNING",
            auth=auth if token else None,
            token_verifier=token,
        )
        self.keeper = keeper
        tools = Tools(keeper, roots)
        for name, (reads, destroys, once) in _HINTS.items():
            if name == "session_promote" and not allow_promote:
                continue
            if name == "memory_add":
                destroys = bool(roots)  # a file that has changed takes the place of what was read of it
            hints = ToolAnnotations(
                read_only_hint=reads, destructive_hint=destroys, idempotent_hint=once, open_world_hint=False
            )
            tool = getattr(tools, name)
            self.add_tool(tool, description=inspect.getdoc(tool), annotations=hints, structured_output=True)
        described = "What a session experienced, newest last; with words, what shares one with them, best first."
        self.resource(EPISODES, name="episodes", description=described, mime_type="application/json")(tools.episodes)

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context | None = None
    ) -> CallToolResult | InputRequiredResult:
        """As the SDK's; but an argument that the tool does not have is an error: a misspelt key is no key."""
        schemas = {tool.name: tool.input_schema for tool in await self.list_tools()}
        known = schemas[name]["properties"] if name in schemas else arguments
        if unknown := sorted(arguments.keys() - known.keys()):
            raise ToolError(f"{name} has no argument {unknown[0][:40]!r}. Next: it takes {', '.join(known)}")
        return await super().call_tool(name, arguments, context)


class Tools:
    """The tools, a method each. Files are read only within `roots`, real paths of folders."""

    def __init__(self, keeper: Keeper, roots: Sequence[Path]) -> None:
        self.keeper, self.roots = keeper, [str(root) for root in roots]

    # ---- the session

    async def session_open(
        self,
        name: Annotated[Name, Field(description="1 to 64 letters, digits, spaces, '.', '_' or '-'.")],
        entry: Annotated[
            Maybe, Field(description="A new session starts from this promoted entry instead of knowing nothing.")
        ] = "",
    ) -> RootModel[Opened]:
        """Open the session of this name, or make it, and get its handle, which stays valid across restarts."""
        async with _tool_errors():
            session, made = await self.keeper.open(name, entry or None)
        info = session.info
        return RootModel(Opened(session.id, session.name, made, info.state, info.promoted_to, info.origin, info.model))

    async def session_status(self, handle: Handle) -> RootModel[Status]:
        """Say what a session holds, which documents were begun and not finished, and what it experienced last.

        Waits for no other call: it tells what is committed, also while one is reading."""
        calls = self.keeper.calls(handle)

        def work(session: Session) -> Status:
            details = session.status()
            latest = (
                ()
                if details.info.state == "promoted"
                else history.session_log(session.home, session.id, shapes.LATEST).events
            )
            return Status.of(details, latest, calls)

        async with _tool_errors():
            return RootModel(await self.keeper.look(handle, work))

    async def session_promote(
        self,
        handle: Handle,
        context: Context,
        entry: Annotated[Maybe, Field(description="Its name; empty: the session's.")] = "",
        note: Annotated[str, Field(max_length=10_000)] = "",
    ) -> RootModel[EntryInfo]:
        """Keep for good what a session learned, as an immutable entry, and close the session. There is no way back.

        What the gate finds unsound is refused."""
        done = await self._call(handle, context, "promoting", lambda s: s.promote(entry or None, note=note or None))
        return RootModel(done)

    # ---- changing what it knows

    async def memory_add(
        self,
        handle: Handle,
        context: Context,
        text: Annotated[str, Field(description="What to memorise, instead of paths.")] = "",
        key: shapes.Key = "",
        source: shapes.Source = "",
        tags: Names = [],  # noqa: B006 - becomes the default of a schema
        paths: shapes.Paths = [],  # noqa: B006
    ) -> RootModel[Added]:
        """Memorise a text as an item, or read documents by their paths. Durable when it returns; whole or not at all.

        The same text under the same key is "unchanged"; another text there is refused: see memory_update. A document
        already read is skipped; one that has changed since takes the place of what was read of it. Of documents, what
        was read before a failure or an interruption stays: call it again with the same paths, and it goes on.
        """
        async with _tool_errors():
            if bool(text) == bool(paths):
                raise UsageError("give either a text or paths", hint='memory_add(handle, text="...", key="...")')
            if paths and (key or source or tags):
                raise UsageError("key, source and tags are for a text", hint="A document is named by its path")
        if paths:
            return RootModel(await self._read(handle, context, paths))
        work = lambda s: s.add(text, key=key or None, source=source or None, tags=tags)  # noqa: E731
        return RootModel(Added(told=await self._call(handle, context, "memorising", work)))

    async def _read(self, handle: str, context: Context, paths: list[str]) -> Added:
        reading, failures = IngestProgress(context), list[FileFailed]()

        def tell(event: IngestEvent) -> None:
            if isinstance(event, FileFailed):
                failures.append(event)
            reading.tell(event)

        def work(session: Session) -> Added:
            inside = [_below(path, self.roots) for path in paths]
            read = session.ingest(*inside, within=self.roots, on_event=tell, stop=self.keeper.unwanted)
            shown = failures[:MOST_FAILURES]
            return Added(read=read, failed=tuple(map(shapes.Failed.of, shown)), left_out=len(failures) - len(shown))

        async with _tool_errors():
            return await self.keeper.call(handle, work)

    async def memory_update(
        self,
        handle: Handle,
        item: shapes.Named,
        text: shapes.Text,
        context: Context,
        source: Annotated[Maybe, Field(description="Instead of its label; empty: it stays.")] = "",
        tags: Annotated[Names | None, Field(description="Instead of its tags; null: they stay.")] = None,
        fast: Annotated[
            bool, Field(description="Withhold the old text at once, and leave erasing it from disk for later.")
        ] = False,
    ) -> RootModel[ItemResult]:
        """Put a text in the place of an item's. The old one is unlearned exactly: no byte of it is left.

        That rewrites the session's database, so its cost grows with the session; fast leaves that out: the old text is
        never recalled, found or cited again, but stays on disk until the next exact update or delete."""
        work = lambda s: s.update(item, text, source=source or None, tags=tags, fast=fast)  # noqa: E731
        return RootModel(await self._call(handle, context, "updating", work))

    async def memory_delete(
        self,
        handle: Handle,
        item: Annotated[shapes.Named, Field(description="An item by key or id, or a document by path, name or hash.")],
        context: Context,
        dry_run: Annotated[bool, Field(description="Only say what would go.")] = False,
    ) -> RootModel[ForgetResult]:
        """Unlearn an item or a document exactly: its memory, its text, every event that names or quotes it."""
        return RootModel(await self._call(handle, context, "unlearning", lambda s: s.delete(item, dry_run=dry_run)))

    async def memory_filter(
        self,
        handle: Handle,
        context: Context,
        within: Scope = None,
        act: Annotated[
            shapes.Act, Field(description="exclude: leave them out of later answers; include: take them back.")
        ] = "list",
        excluded: Annotated[bool, Field(description="Of those that are excluded now.")] = False,
        limit: Annotated[int, Field(ge=0, le=1000, description="At most so many are listed.")] = 100,
        offset: Annotated[int, Field(ge=0)] = 0,
    ) -> RootModel[Listed]:
        """List items and documents by tag, source, time or surprise, and exclude them from answers or include them."""
        only = (within or shapes.Within()).filter()
        work = lambda s: s.filter(only, exclude=act == "exclude", include=act == "include", excluded=excluded)  # noqa: E731
        if act == "list":  # it changes nothing, and waits for nobody
            async with _tool_errors():
                matching = await self.keeper.look(handle, work)
        else:
            matching = await self._call(handle, context, "selecting", work)
        page = matching.items[offset : offset + limit]
        return RootModel(Listed(matching.session, len(matching.items), page, offset, matching.changed))

    # ---- asking it

    async def memory_retrieve(
        self,
        handle: Handle,
        query: shapes.Question,
        context: Context,
        top_k: Annotated[int, Field(ge=1, le=200, description="So many passages.")] = 8,
        within: Scope = None,
    ) -> RootModel[RetrieveResult]:
        """Give what the memory alone recalls (never evidence), and the passages that bear on a query, with scores and
        places. Changes nothing."""
        work = lambda s: s.retrieve(query, top_k=top_k, within=_filter(within))  # noqa: E731
        return RootModel(await self._call(handle, context, "retrieving", work))

    async def memory_ask(
        self,
        handle: Handle,
        question: shapes.Question,
        context: Context,
        within: Scope = None,
        sentences: shapes.Sentences = 3,
        closed_book: Annotated[bool, Field(description="From the memory alone: unproven.")] = False,
        route: Annotated[shapes.Route, Field(description="deliberate: in steps, for a question of parts.")] = "auto",
        log: Annotated[bool, Field(description="Keep question and answer as episodes.")] = True,
    ) -> RootModel[Answer]:
        """Answer a question with citations, each of which stands in the retained text word for word."""

        def work(session: Session) -> Answer:
            only = _filter(within)
            return session.ask(
                question, within=only, sentences=sentences, closed_book=closed_book, route=route, log=log
            )

        return RootModel(await self._call(handle, context, "answering", work))

    async def memory_summary(
        self,
        handle: Handle,
        context: Context,
        about: Annotated[
            str, Field(max_length=shapes.LONGEST_QUESTION, description="A question of your own instead of a kind.")
        ] = "",
        kind: shapes.Kind = "trends",
        within: Scope = None,
        sentences: shapes.Sentences = 8,
        log: Annotated[bool, Field(description="Keep it as episodes.")] = True,
        long: Annotated[bool, Field(description="All topics and trends, not a page of them.")] = False,
    ) -> RootModel[Answer]:
        """Tell the trends, themes or disagreements of what a session holds or a filter lets through, with citations."""

        def work(session: Session) -> Answer:
            within_ = _filter(within)
            return session.summary(about or None, kind=kind, within=within_, sentences=sentences, log=log, long=long)

        return RootModel(await self._call(handle, context, "summarising", work))

    # ---- looking at what it read: these wait for no other call

    async def memory_search(
        self,
        handle: Handle,
        query: Annotated[
            shapes.Question, Field(description='Words that a passage must all have; a "phrase" in double quotes.')
        ],
        exact: Annotated[bool, Field(description="The whole query is one phrase, as it is written.")] = False,
        within: Scope = None,
        limit: Annotated[int, Field(ge=1, le=200, description="At most so many passages.")] = 20,
    ) -> RootModel[SearchResult]:
        """Find words and exact phrases in the text of what was read, with document and page. Where no passage has all
        the words, `matched` is "some". Changes nothing."""
        work = lambda s: s.search(query, exact=exact, within=_filter(within), limit=limit)  # noqa: E731
        async with _tool_errors():
            return RootModel(await self.keeper.look(handle, work))

    async def document_list(
        self,
        handle: Handle,
        limit: Annotated[int, Field(ge=0, le=1000, description="At most so many.")] = 100,
        offset: Annotated[int, Field(ge=0)] = 0,
    ) -> RootModel[SourcesListed]:
        """List the documents that were read: title, authors, year, pages, tokens, surprise. Items that were told are
        counted alone; memory_filter lists them."""
        async with _tool_errors():
            table = await self.keeper.look(handle, lambda s: s.sources())
        page = table.sources[offset : offset + limit]
        return RootModel(SourcesListed(table.session, len(table.sources), page, offset, table.items))

    async def document_page(
        self,
        handle: Handle,
        document: Annotated[
            shapes.Named, Field(description="A document by number, path, name, hash, or a part of its title.")
        ],
        page: Annotated[int, Field(ge=0, description="Which page; 0: the first that has text.")] = 0,
        start: Annotated[int, Field(ge=0, description="Begin at this character of it.")] = 0,
    ) -> RootModel[PageText]:
        """Give the text of a page as the session keeps it, which is what quotes are checked against; of a long one
        20,000 characters, and `left` says how many follow."""

        def work(session: Session) -> PageText:
            view = session.page(document, page or None)
            text = view.text[start : start + LONGEST_PAGE]
            left = max(0, len(view.text) - start - len(text))
            named = (view.document, view.source, view.label, view.unit, view.page, view.pages)
            return PageText(view.session, *named, start, text, left)

        async with _tool_errors():
            return RootModel(await self.keeper.look(handle, work))

    # ---- what it experienced

    async def episodes(self, handle: str, words: str = "", since: str = "", kind: str = "", limit: int = 100) -> str:
        def work(session: Session) -> RecallResult:
            most = max(1, min(limit, 1000))
            if words.strip():
                return session.recall(words, since=since or None, kind=kind or None, limit=most)
            if since or kind:
                raise UsageError("since and kind narrow a search", hint="Add words, or leave them out")
            return RecallResult(session.name, history.session_log(session.home, session.id, most).events, ())

        try:
            return RootModel(await self.keeper.look(handle, work)).model_dump_json()
        except NotFoundError as error:
            raise ResourceNotFoundError(message(error)) from error
        except TitansError as error:
            raise ResourceError(message(error)) from error

    async def _call(self, handle: str, context: Context, doing: str, work: Callable[[Session], T]) -> T:
        async with _tool_errors(), beating(context, doing):
            return await self.keeper.call(handle, work)


def _filter(within: shapes.Within | None) -> Any:
    return None if within is None else within.filter()


def _below(path: str, roots: Sequence[str]) -> str:
    """An absolute path as it is, another below the first root that has it. Raises UsageError when there is no root.

    Whether it may be read is decided where it is looked at, links and all."""
    if not roots:
        hint = Hint("Give the text itself, or name its folder with ", Option("root", "FOLDER"))
        raise UsageError("this server reads no files", subject=path[:80], hint=hint)
    below = [str(Path(root, path)) for root in roots]
    return next((path for path in below if os.path.exists(path)), below[0])  # noqa: PTH110 - for any text at all


@asynccontextmanager
async def _tool_errors() -> AsyncIterator[None]:
    """What a use-case cannot do is told to the caller as a tool's error."""
    try:
        yield
    except TitansError as error:
        raise ToolError(message(error)) from error


def message(error: TitansError) -> str:
    """The kind of an error, its subject, what happened and the next step."""
    head = f"{error.subject}: {error.what}" if error.subject else error.what
    return f"{error.kind}: {head}. Next: {in_tools(error.hint)}" if error.hint else f"{error.kind}: {head}"
