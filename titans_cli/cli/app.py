"""The commands: ingest, ask, note, recall, run, check. The groups, doctor and help are in modules of their own."""

from __future__ import annotations

from typing import Annotated

import typer
from typer.core import TyperGroup

from titans_cli import __version__, settings
from titans_cli.cli import (
    asking,
    browse,
    chat,
    cite,
    complete,
    config,
    doctor,
    look,
    ltm,
    manual,
    mcp,
    memory,
    model,
    options,
    report,
    session,
    tree,
    whole,
)
from titans_cli.cli.options import seconds
from titans_cli.cli.render import answer, console
from titans_cli.cli.render import ingest as ingesting
from titans_cli.cli.render import session as view
from titans_cli.cli.render.console import Output
from titans_cli.cli.signals import stop_flag
from titans_cli.errors import DamagedError, SomeInputsFailed, UsageError
from titans_cli.steps import in_shell
from titans_cli.store import Home
from titans_cli.wording import plural

app = typer.Typer(
    name="titans",
    cls=tree.Grouped,
    help="Read documents once, ask about all of them.\n\n"
    "A language model with a neural memory reads, and the memory learns while it reads. What it learned lives in a "
    "session and goes with it, unless you promote it.",
    epilog="Start with: titans ingest ./papers && titans ask 'summarize trends'\n\n"
    "Every command has examples in its --help, --json for programs, and defaults of your own in titans config show.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(session.app, name="session")
app.add_typer(memory.app, name="memory")
app.add_typer(ltm.app, name="ltm")
app.add_typer(config.app, name="config")
app.add_typer(model.app, name="model")
app.command(epilog=report.EXAMPLE)(report.report)
app.command(epilog=cite.EXAMPLE)(cite.cite)
app.command(epilog=browse.SEARCH)(browse.search)
app.command(epilog=browse.SOURCES)(browse.sources)
app.command(epilog=browse.SHOW)(browse.show)
app.command("open", epilog=browse.OPEN)(browse.open_)

Paths = Annotated[
    list[str], typer.Argument(metavar="PATH", help="Files, folders, addresses; - for stdin.", show_default=False)
]
MENDERS = {"config", "doctor", "help"}  # they work when the settings make no sense, and say why not


def _version(wanted: bool) -> None:
    if wanted:
        console.out(f"titans {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Without a command: the help."""
    if context.invoked_subcommand is None:
        console.out(context.get_help())
        return
    try:
        found = settings.load()
    except UsageError:
        if look.current().asking_help or context.invoked_subcommand in MENDERS:
            return
        raise
    in_file = {name: f.value for name, f in found.items() if f.origin == "file"}
    assert isinstance(context.command, tree.Grouped)
    called = context.invoked_subcommand  # no other command needs to be made
    context.default_map = {called: tree.defaults(context.command.commands[called], in_file)} if in_file else {}
    options.apply(found)


@app.command(
    epilog="Example: titans ingest ./papers --exclude '*draft*' && titans ingest - --name notes.md < notes.md\n\n"
    "Example: titans ingest ./papers --dry-run && titans ingest ./inbox --watch"
)
def ingest(
    paths: Paths = [],  # noqa: B006  typer copies it
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

    from titans_cli.cli.engines import use_case
    from titans_cli.records import Loading
    from titans_cli.sessions.ingest import IngestOptions, IngestRequest

    output, wait = Output(json, quiet), seconds(retry_lock)
    read = use_case(engine, address, session_per, session, watch=watch)
    with stop_flag() as stop, ingesting.IngestView(output) as view:
        what = IngestRequest(paths, include, exclude, files_from, stdin_name=name)
        loading = Loading(device, dtype, adapter, trust_remote_code=trust_remote_code)
        network, private = options.network(allow_network), options.private(allow_private, allow_network)
        room = options.room(max_room)
        how = IngestOptions(
            model, loading, append, network=network, private=private, max_room=room, retry_lock=wait, stop=stop
        )
        how = replace(how, memory=options.bound(memory))
        if dry_run:
            from titans_cli.sessions.preview import preview as look_ahead

            found = look_ahead(_home(), session, what, how, view.looked.append)
            view.failed = len(found.failed)
            ingesting.preview(found, output)
            raise typer.Exit(SomeInputsFailed.exit_code if found.failed else 0)
        for event in read(_home(), session, what, how):
            view.show(event)
    _fail_on(view)


@app.command(epilog=asking.EXAMPLES)
def ask(
    question: asking.Questions,
    session: options.Session = None,
    sentences: options.Sentences = 3,
    top_k: options.TopK = 16,
    sources: options.Sources = [],  # noqa: B006
    closed_book: options.ClosedBook = False,
    memory_: options.Memory = "on",
    route: options.Route = "auto",
    budget: options.Budget = None,
    answer_model: options.AnswerModel = None,
    max_tokens: options.MaxTokens = 512,
    device: options.Device = "auto",
    dtype: options.Dtype = "auto",
    trust_remote_code: options.Trust = False,
    reasoner: options.Reasoner = None,
    reader: options.Reader = None,
    landmark_model: options.LandmarkModel = None,
    follows: Annotated[
        bool, typer.Option("--continue", "-c", help="It follows the last question: 'it' is what that answer was about.")
    ] = False,
    no_log: Annotated[bool, typer.Option("--no-log", help="Do not keep question and answer as episodes.")] = False,
    files: asking.Files = [],  # noqa: B006
    yes: asking.Replace = False,
    verbose: options.Verbose = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Answer from what the session read, with citations found verbatim in the retained text.

    Several questions are answered one after the other, each under its number; with --json each is one document. Asking
    never changes the memory. With --answer-model another model writes the answer from the same evidence, and what it
    cites is checked: sentences that nothing cited bears out are marked.
    """
    from titans_cli.records import Answer

    output, (time, tokens) = Output(json, quiet), options.budget(budget)
    settings.require_choice("route", route)
    asked = asking.questions(question, output)
    options.ready(session, sources=sources)
    from titans_cli.sessions import hints, markdown
    from titans_cli.sessions.ask import AskOptions

    markdown.check_files(files, replace_file=yes)
    how = AskOptions(sentences, top_k, closed_book, memory_ == "on", route=route, budget=time, tokens=tokens)
    told = answer.steps(output)
    talk = asking.conversation(
        session,
        how,
        output,
        told,
        sources=sources,
        no_log=no_log,
        answer_model=answer_model,
        max_tokens=max_tokens,
        device=device,
        dtype=dtype,
        trust_remote_code=trust_remote_code,
        reasoner=reasoner,
        reader=reader,
        landmark_model=landmark_model,
    )
    answers = list[Answer]()
    for number, text in enumerate(asked, start=1):
        answer.heading(number, len(asked), text, output)
        answers.append(talk.ask(text, follows=follows, after_kept=follows))
        answer.answer(answers[-1], output, verbose=verbose, told=told is not None)
    markdown.write_answers(talk.home, talk.id, answers, files)
    if reader is None and answer.watched(output) and (hint := hints.reading_model(talk.home, talk.id)):
        console.note(in_shell(hint))


app.command(epilog=chat.EXAMPLE)(chat.chat)
app.command(epilog=whole.THEMES)(whole.themes)
app.command(epilog=whole.TRENDS)(whole.trends)


@app.command(epilog="Example: titans note 'Ito says the weir failed in 2019' --tag weir")
def note(
    text: memory.Text,
    session: options.Session = None,
    key: memory.Key = None,
    tag: memory.Tags = [],  # noqa: B006
    model: options.Model = None,
    max_room: options.MaxRoom = None,
    retry_lock: options.RetryLock = "0s",
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Tell the session something: memorised, logged, and tagged "note". The same as titans memory add --tag note."""
    memory.tell(text, session, key, None, ["note", *tag], model, max_room, retry_lock, Output(json, quiet))


@app.command(epilog="Example: titans recall 'weir' --since 2h --kind told")
def recall(
    words: Annotated[str, typer.Argument(metavar="WORDS", help="Words of what happened; - reads them from stdin.")],
    session: options.Session = None,
    since: memory.Since = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="Only started, read, refused, told, asked, answered, excluded or included.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="At most so many.")] = 20,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Search the lines of the session's log for words: what it read, was told, was asked and answered. The best come
    first. What stands in the documents themselves is found by titans ask and titans memory retrieve."""
    memory.recall(words, session, since, kind, limit, Output(json, quiet))


@app.command(epilog="Example: titans run papers/*.pdf --ask 'summarize trends' --json")
def run(
    paths: Paths = [],  # noqa: B006
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
    with stop_flag() as stop, ingesting.IngestView(output) as view:
        what = IngestRequest(paths, include, exclude, files_from)
        loading = Loading(device, dtype, adapter, trust_remote_code=trust_remote_code)
        network, private = options.network(allow_network), options.private(allow_private, allow_network)
        how = IngestOptions(
            model, loading, network=network, private=private, max_room=options.room(max_room), stop=stop
        )
        for event in run_once(_home(), what, questions, how, sentences=sentences, reader=reader):
            if isinstance(event, Answer):
                answered += 1
                answer.heading(answered, len(questions), event.question, output)
                answer.answer(event, output)
            else:
                view.show(event)
        _fail_on(view)


@app.command(epilog="Example: titans check survey --replay --json | jq .findings")
def check(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="SESSION", help="By name or ID prefix.", show_default=False, autocompletion=complete.sessions
        ),
    ] = None,
    session: options.Session = None,
    read_data: Annotated[bool, typer.Option("--read-data", help="Read every byte, not only sizes.")] = False,
    replay: Annotated[
        bool, typer.Option("--replay", help="Read all text again and compare every cell of the memory.")
    ] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Look for damage: every reference, every checksum. Changes nothing.

    Exit code 13: something is damaged; beside it stands what to do.
    """
    from titans_cli.sessions import health

    found = health.check_session(_home(), session if name is None else name, read_data=read_data, replay=replay)
    view.checked(found, Output(json, quiet))
    if found.findings:
        raise typer.Exit(DamagedError.exit_code)


def _home() -> Home:
    return Home.locate()


def _fail_on(view: ingesting.IngestView) -> None:
    if view.failed:
        count = plural(view.failed, "input")
        rest = "the rest is committed" if view.kept else "nothing was read"
        raise SomeInputsFailed(f"{count} failed; {rest}", hint="The lines above say why, file by file")


app.command(epilog=doctor.EXAMPLES)(doctor.doctor)
app.command(epilog=mcp.EXAMPLES)(mcp.mcp)
app.command(epilog=manual.EXAMPLES)(manual.help)


def command_tree() -> TyperGroup:
    """All commands, as `main` runs them."""
    return tree.whole(app)
