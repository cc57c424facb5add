"""titans run: documents and questions of a session that is thrown away."""

from __future__ import annotations

from typing import Annotated

import typer

from titans_cli.cli import options, values
from titans_cli.cli.commands.ingest import raise_for_failed
from titans_cli.cli.render import answer
from titans_cli.cli.render.console import Output
from titans_cli.cli.render.ingest import IngestView
from titans_cli.cli.signals import stop_flag
from titans_cli.errors import UsageError
from titans_cli.store import Home

EXAMPLES = "Example: titans run papers/*.pdf --ask 'summarize trends' --json"


def run(
    paths: options.Paths = [],  # noqa: B006
    questions: Annotated[
        list[str], typer.Option("--ask", "-a", metavar="QUESTION", help="A question; may be repeated.")
    ] = [],  # noqa: B006
    include: options.Include = [],  # noqa: B006
    exclude: options.Exclude = [],  # noqa: B006
    files_from: options.FilesFrom = None,
    allow_network: options.AllowNetwork = False,
    allow_private: options.AllowPrivate = False,
    max_room: options.MaxRoom = None,
    model: options.Model = None,
    device: options.Device = "auto",
    dtype: options.Dtype = "auto",
    adapter: options.Adapter = None,
    trust_remote_code: options.Trust = False,
    reader: options.Reader = None,
    sentences: options.Sentences = 3,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Ingest and ask in a throw-away session, for one-shot scripts. Nothing is kept."""
    from titans_cli.records import Answer, Loading
    from titans_cli.sessions.ingest import IngestOptions, IngestRequest
    from titans_cli.sessions.once import run_once

    if not questions:
        raise UsageError("no question", hint="Give one: titans run PATH --ask 'QUESTION'.")
    output, answered = Output(json, quiet), 0
    with stop_flag() as stop, IngestView(output) as view:
        request = IngestRequest(paths, include, exclude, files_from)
        loading = Loading(device, dtype, adapter, trust_remote_code=trust_remote_code)
        network, private = values.network(allow_network), values.private(allow_private, allow_network)
        how = IngestOptions(model, loading, network=network, private=private, max_room=values.room(max_room), stop=stop)
        for event in run_once(Home.locate(), request, questions, how, sentences=sentences, reader=reader):
            if isinstance(event, Answer):
                answered += 1
                answer.heading(answered, len(questions), event.question, output)
                answer.answer(event, output)
            else:
                view.show(event)
        raise_for_failed(view)
