"""titans ingest: its options as a request, and which use-case reads: here or on Ray, into one session or several."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import typer

from titans_cli.cli import options, values
from titans_cli.cli.render.console import Output
from titans_cli.cli.render.ingest import IngestView, preview
from titans_cli.cli.signals import stop_flag
from titans_cli.errors import SomeInputsFailed, UsageError
from titans_cli.store import Home
from titans_cli.wording import plural

if TYPE_CHECKING:
    from titans_cli.progress import IngestEvent, Waiting
    from titans_cli.sessions.ingest import IngestOptions, IngestRequest

    Ingesting = Callable[[Home, str | None, IngestRequest, IngestOptions], Iterator[IngestEvent | Waiting]]

TOGETHER = 8  # sessions at a time, on a cluster
EXAMPLES = (
    "Example: titans ingest ./papers --exclude '*draft*' && titans ingest - --name notes.md < notes.md\n\n"
    "Example: titans ingest ./papers --dry-run && titans ingest ./inbox --watch"
)


def ingest(
    paths: options.Paths = [],  # noqa: B006  typer copies it
    session: options.Session = None,
    include: options.Include = [],  # noqa: B006
    exclude: options.Exclude = [],  # noqa: B006
    files_from: options.FilesFrom = None,
    model: options.Model = None,
    device: options.Device = "auto",
    dtype: options.Dtype = "auto",
    adapter: options.Adapter = None,
    trust_remote_code: options.Trust = False,
    append: options.Append = False,
    name: options.StdinName = None,
    watch: options.Watch = False,
    dry_run: options.DryRun = False,
    allow_network: options.AllowNetwork = False,
    allow_private: options.AllowPrivate = False,
    max_room: options.MaxRoom = None,
    memory: options.MemorySize = None,
    engine: options.Engine = "local",
    address: options.Address = None,
    session_per: options.SessionPer = None,
    retry_lock: options.RetryLock = "0s",
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Read documents into a session; the memory learns while it reads.

    What can be read: pdf, html, txt, md, rst, tex, docx, pptx, epub, ipynb, csv, jsonl, json, eml, mbox, source code
    and settings, also packed in zip and gz. What a reader leaves out is counted (--verbose tells it), and so are the
    files of a folder that no reader knows.

    Without a session one is created and becomes the current one. Run it again after an interruption and it continues
    where it was; a file already read is skipped, and one that has changed since takes the place of what was read of it
    before (with --append it is read beside it). With --watch a file is read once it has rested for two seconds, so
    that one still being written is left for later; --dry-run says files, pages, tokens, time and room, and writes
    nothing. Exit code 3: some inputs failed, the rest is committed.
    """
    from dataclasses import replace

    from titans_cli.records import Loading
    from titans_cli.sessions.ingest import IngestOptions, IngestRequest

    output, wait = Output(json, quiet), values.seconds(retry_lock)
    read = use_case(engine, address, session_per, session, watch=watch)
    with stop_flag() as stop, IngestView(output) as view:
        request = IngestRequest(paths, include, exclude, files_from, stdin_name=name)
        loading = Loading(device, dtype, adapter, trust_remote_code=trust_remote_code)
        network, private = values.network(allow_network), values.private(allow_private, allow_network)
        room = values.room(max_room)
        how = IngestOptions(
            model, loading, append, network=network, private=private, max_room=room, retry_lock=wait, stop=stop
        )
        how = replace(how, memory=values.bound(memory))
        if dry_run:
            from titans_cli.sessions.preview import preview as look_ahead

            outlook = look_ahead(Home.locate(), session, request, how, view.looked.append)
            view.failed = len(outlook.failed)
            preview(outlook, output)
            raise typer.Exit(SomeInputsFailed.exit_code if outlook.failed else 0)
        for event in read(Home.locate(), session, request, how):
            view.show(event)
    raise_for_failed(view)


def use_case(
    engine: str, address: str | None, session_per: str | None, session: str | None, *, watch: bool = False
) -> Ingesting:
    """Raises UsageError when the options do not go together."""
    if engine not in ("local", "ray"):
        raise UsageError(f"no such engine: {engine}", hint="Choose local or ray")
    if address is not None and engine != "ray":
        raise UsageError("--address is for --engine ray", hint="Add --engine ray, or leave --address out")
    if watch:
        if engine == "ray" or session_per is not None:
            option = "--engine ray" if engine == "ray" else "--session-per"
            raise UsageError(f"--watch and {option} exclude each other", hint="Leave one of them out")
        from titans_cli.sessions.watch import watch as follow

        return follow
    from titans_cli.sessions.ingest import ingest as here

    one: Callable[[Home, str | None, IngestRequest, IngestOptions], Iterator[IngestEvent]] = here
    if engine == "ray":
        from titans_cli.sessions.cluster import Cluster, ingest_on_ray

        def one(home: Home, session: str | None, request: IngestRequest, how: IngestOptions) -> Iterator[IngestEvent]:
            return ingest_on_ray(home, session, request, how, Cluster(address))

    if session_per is None:
        return one
    if session_per != "folder":
        raise UsageError(f"no such unit: {session_per}", hint="Write --session-per folder")
    if session is not None:
        raise UsageError("--session-per folder names the sessions itself", hint="Leave --session out")

    def each(home: Home, _: str | None, request: IngestRequest, how: IngestOptions) -> Iterator[IngestEvent | Waiting]:
        from titans_cli.sessions.several import ingest_each

        return ingest_each(home, request, how, one, together=TOGETHER if engine == "ray" else 1, model=how.model)

    return each


def raise_for_failed(view: IngestView) -> None:
    if view.failed:
        count = plural(view.failed, "input")
        rest = "the rest is committed" if view.kept else "nothing was read"
        raise SomeInputsFailed(f"{count} failed; {rest}", hint="The lines above say why, file by file")
