"""titans ask: which questions its arguments are, and its answers as files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from titans_cli import settings
from titans_cli.cli import options, values
from titans_cli.cli.render import answer as view
from titans_cli.cli.render.console import Output, note
from titans_cli.errors import UsageError
from titans_cli.steps import in_shell

EXAMPLES = (
    "Example: titans ask 'When was the bridge built?' --json | jq -r .short\n\n"
    "Example: titans ask 'Who built it?' 'What did it cost?' -o answers.md -o answers.bib"
)
Questions = Annotated[
    list[str],
    typer.Argument(metavar="QUESTION", help="A question, or several in quotation marks; - reads one from stdin."),
]
Files = Annotated[
    list[Path],
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Also write it: .md Markdown, .bib BibTeX of what is cited; may be repeated.",
        show_default=False,
    ),
]
Replace = Annotated[bool, typer.Option("--yes", "-y", help="Replace a FILE that exists.")]
_ENDS = ("?", "？", "؟")  # as scripts that may put no space before them write it


def ask(
    question: Questions,
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
    files: Files = [],  # noqa: B006
    yes: Replace = False,
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

    output, (time, tokens) = Output(json, quiet), values.budget(budget)
    settings.require_choice("route", route)
    asked = questions(question, output)
    values.ready(session, sources=sources)
    from titans_cli.sessions import hints, markdown
    from titans_cli.sessions.ask import AskOptions

    markdown.check_files(files, replace_file=yes)
    how = AskOptions(sentences, top_k, closed_book, memory_ == "on", route=route, budget=time, tokens=tokens)
    tell = view.steps(output)
    talk = values.conversation(
        session,
        how,
        output,
        tell,
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
        view.heading(number, len(asked), text, output)
        answers.append(talk.ask(text, follows=follows, after_kept=follows))
        view.answer(answers[-1], output, verbose=verbose, steps_shown=tell is not None)
    markdown.write_answers(talk.session.home, talk.session.id, answers, files)
    if reader is None and view.watched(output) and (hint := hints.reading_model(talk.session.home, talk.session.id)):
        note(in_shell(hint))


def questions(arguments: Sequence[str], output: Output) -> list[str]:
    """The questions that the arguments are. Words without quotation marks are one question, and that is said.

    Raises UsageError when "-" is not alone, and for a question that is empty.
    """
    if "-" in arguments and len(arguments) > 1:
        raise UsageError("- is the question, and there are others", hint="Ask them one after the other")
    if "-" in arguments:
        arguments = [sys.stdin.read()]
    if not all(a.strip() for a in arguments):  # before a model is loaded
        raise UsageError("the question is empty", hint='Ask one: titans ask "What is known about ...?"')
    words = len(arguments) > 1 and not any(" " in a.strip() or a.rstrip().endswith(_ENDS) for a in arguments[:-1])
    if words and " " not in arguments[-1].strip():
        joined = " ".join(arguments)
        if not output.quiet:
            note(f"note: read as one question: {joined}")
        return [joined]
    return list(arguments)
