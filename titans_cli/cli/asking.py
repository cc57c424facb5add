"""titans ask: which questions its arguments are, and its answers as files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict, Unpack

import typer

from titans_cli.cli.render import answer
from titans_cli.cli.render.console import Output, note
from titans_cli.errors import UsageError

if TYPE_CHECKING:
    from titans_cli.records import Step
    from titans_cli.sessions.ask import AskOptions
    from titans_cli.sessions.conversation import Conversation

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


class SharedFlags(TypedDict):
    """The flags that `titans ask` and `titans chat` share beside how to answer, as their parameters are called."""

    sources: list[str]
    no_log: bool
    answer_model: str | None
    max_tokens: int
    device: str
    dtype: str
    trust_remote_code: bool
    reasoner: str | None
    reader: str | None
    landmark_model: str | None


def conversation(
    session: str | None,
    how: AskOptions,
    output: Output,
    tell: Callable[[Step], None] | None,
    **flags: Unpack[SharedFlags],
) -> Conversation:
    """What both commands ask: here their flags become values. Raises as `Conversation`."""
    from titans_cli.records import Loading
    from titans_cli.sessions.ask import AskModels, Writing
    from titans_cli.sessions.conversation import Conversation
    from titans_cli.sessions.selection import Filter
    from titans_cli.store import Home

    loading = Loading(flags["device"], flags["dtype"], trust_remote_code=flags["trust_remote_code"])
    writer = flags["answer_model"]
    models = AskModels(
        None if writer is None else Writing(writer, loading, flags["max_tokens"], answer.piece(output)),
        flags["landmark_model"],
        flags["reasoner"],
        flags["reader"],
        loading,
    )
    within = Filter(sources=flags["sources"])
    return Conversation(Home.locate(), session, how, models, within=within, log=not flags["no_log"], tell=tell)
