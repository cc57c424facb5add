"""titans chat: one question after another, with the model loaded once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from titans_cli import settings
from titans_cli.cli import options, terminal, values
from titans_cli.cli.render import answer, documents
from titans_cli.cli.render.console import Output, bold, note, out
from titans_cli.cli.render.errors import error
from titans_cli.errors import TitansError, UsageError

if TYPE_CHECKING:
    from titans_cli.api import Conversation

EXAMPLES = "Example: titans chat\n\nExample: titans chat --json < questions.txt | jq -r .short"
COMMANDS = {
    "/sources": "the documents that were read",
    "/open N": "the page around citation N of the last answer",
    "/search WORDS": "passages that have these words",
    "/help": "this",
    "/quit": "leave; so does the end of the input",
}
_PROMPT = "> "


def chat(
    session: options.Session = None,
    sentences: options.Sentences = 3,
    top_k: options.TopK = 16,
    sources: options.Sources = [],  # noqa: B006
    closed_book: options.ClosedBook = False,
    route: options.Route = "auto",
    answer_model: options.AnswerModel = None,
    max_tokens: options.MaxTokens = 512,
    device: options.Device = "auto",
    dtype: options.Dtype = "auto",
    trust_remote_code: options.Trust = False,
    reasoner: options.Reasoner = None,
    reader: options.Reader = None,
    landmark_model: options.LandmarkModel = None,
    follows: Annotated[
        bool, typer.Option("--continue", "-c", help="The first question follows the last one that the session keeps.")
    ] = False,
    no_log: Annotated[bool, typer.Option("--no-log", help="Do not keep questions and answers as episodes.")] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Ask one question after another, with the model loaded once.

    "It" is what the last answer was about. A line is a question; /sources, /open 2, /search WORDS, /help and /quit are
    commands. Without a terminal the questions are the lines of standard input; one that fails does not keep the others
    from being answered, and the exit code is that of the first that failed.
    """
    settings.require_choice("route", route)
    values.ready(session, sources=sources)
    from titans_cli.sessions.ask import AskOptions

    output = Output(json, quiet)
    how = AskOptions(sentences, top_k, closed_book, route=route)
    talk = values.conversation(
        session,
        how,
        output,
        answer.steps(output),
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
    live = sys.stdin.isatty()
    if live:
        note(f"session {talk.session.name}; ask, or /help")
    failed = 0
    for entered in _typed(talk) if live else _piped():
        try:
            if not _turn(talk, entered, output, shown=live, first=follows):
                break
        except TitansError as problem:
            error(problem, output)
            failed = failed or problem.exit_code
        except KeyboardInterrupt:
            if not live:
                raise
            note("stopped; ask again, or /quit")
    if failed and not live:
        raise typer.Exit(failed)


def _turn(talk: Conversation, entered: str, output: Output, *, shown: bool, first: bool) -> bool:
    """One line; False when it was the last. `shown`: the question stands on the terminal already."""
    if not entered.startswith("/"):
        if not shown and not output.json:
            out(bold(f"{_PROMPT}{entered}"))
        answer.answer(talk.ask(entered, after_kept=first), output, steps_shown=True)
        if not output.json:
            out()
        return True
    command, _, rest = entered.partition(" ")
    rest = rest.strip()
    match command:
        case "/quit" | "/exit" | "/q":
            return False
        case "/help" | "/?":
            for name, meaning in COMMANDS.items():
                note(f"{name:16}{meaning}")
        case "/sources":
            documents.sources(talk.session.sources(), output)
        case "/open":
            if not rest.isdecimal():
                raise UsageError("which citation?", subject=entered, hint="Give its number: /open 1")
            documents.page(talk.session.cited(int(rest)), output)
        case "/search":
            documents.passages(talk.session.search(rest, limit=10), output)
        case _:
            raise UsageError("there is no such command", subject=command, hint=f"There are: {', '.join(COMMANDS)}")
    return True


def _piped() -> Iterator[str]:
    """The lines of standard input that say something."""
    raw = getattr(sys.stdin, "buffer", None)
    lines = (line.decode("utf-8", "replace") for line in raw) if raw is not None else iter(sys.stdin)
    yield from (line.strip() for line in lines if line.strip())


def _typed(talk: Conversation) -> Iterator[str]:
    """What is typed at a prompt, with what the session was asked before to go back to."""
    with suppress(ImportError):  # not on every system; then lines are typed without editing
        import readline

        readline.clear_history()
        for question in talk.asked_before():
            readline.add_history(terminal.on_one_line(question))
    while True:
        try:
            entered = input(_PROMPT).strip()
        except EOFError:
            out()
            return
        except KeyboardInterrupt:
            out()
            continue
        if entered:
            yield entered
