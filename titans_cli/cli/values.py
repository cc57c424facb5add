"""What the texts and flags of a command line stand for: sizes, times, budgets, a file, standard input, a conversation.

Here and nowhere else they become the values that use-cases take, and what makes no sense is refused before a model is
loaded. It knows no command, and decides nothing that a use-case decides.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from titans_cli import settings
from titans_cli.cli.render import answer
from titans_cli.cli.render.console import Output
from titans_cli.errors import UsageError
from titans_cli.steps import Hint, Option

if TYPE_CHECKING:
    from titans_cli.api import Conversation
    from titans_cli.records import Step
    from titans_cli.sessions.ask import AskOptions

MOST_TOKENS = 1_000_000  # of one answer; no model here writes as many


def seconds(text: str) -> float:
    """ "30", "30s", "5m", "1h", "30d" in seconds. Raises UsageError."""
    try:
        return settings.seconds(text)
    except ValueError as error:
        raise UsageError(f"not a time: {text!r}", hint="Write it like 30s, 5m, 1h or 30d.") from error


def room(size: str | None) -> int | None:
    """ "500MB", "4GB", "1GiB" in bytes. Raises UsageError."""
    try:
        return None if size is None else settings.size(size)
    except ValueError as error:
        raise UsageError(f"not a size: {size!r}", hint="Write it like 500MB or 4GB.") from error


def bound(size: str | None) -> int | None:
    """As `room`, and something. Raises UsageError."""
    most = room(size)
    if most is not None and most < 1:
        raise UsageError("a memory of nothing", hint="Write it like 64MB or 1GB.")
    return most


def budget(text: str | None) -> tuple[float | None, int | None]:
    """Seconds and tokens of a budget, one of which is None: "20s", "5m", "2000t". Raises UsageError."""
    if text is None:
        return None, None
    if tokens := re.fullmatch(r"(\d+)\s*t(?:okens?)?", text.strip()):
        if not 1 <= int(tokens[1][:12]) <= MOST_TOKENS:
            raise UsageError(f"cannot write {text.strip()[:40]}", hint=f"Write 1t to {MOST_TOKENS}t")
        return None, int(tokens[1])
    try:
        time = settings.seconds(text)
    except ValueError as error:
        hint = "Write a time like 20s or 5m, or a number of tokens like 2000t"
        raise UsageError(f"neither a time nor a number of tokens: {text[:40]!r}", hint=hint) from error
    if not time:
        raise UsageError(f"no time to answer in: {text[:40]!r}", hint="Leave the budget out, or give some: 20s")
    return time, None


def network(allowed: bool) -> bool:
    """Whether addresses may be fetched. Raises UsageError when that is both allowed and forbidden."""
    if allowed and os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        problem = (
            "the network is allowed by --allow-network, and forbidden by --offline, TITANS_OFFLINE or HF_HUB_OFFLINE"
        )
        raise UsageError(problem, hint="Leave one of them out")
    return allowed


def private(allowed: bool, network: bool) -> bool:
    """Raises UsageError when private networks are allowed and the network is not."""
    if allowed and not network:
        raise UsageError("--allow-private without --allow-network", hint="Add --allow-network, or leave it out")
    return allowed


def one_file(file: Path | None, output: Path | None) -> Path:
    """The file to write, named in its place or by -o. Raises UsageError for none, and for two."""
    if file is not None and output is not None:
        raise UsageError("two files are named", subject=f"{file}, {output}", hint="Name one: it is written once")
    if (named := output if file is None else file) is None:
        raise UsageError("no file to write is named", hint=Hint("Name it: ", Option("output", "FILE")))
    return named


def text_or_stdin(text: str) -> str:
    """The argument, or all of standard input for "-". Raises UsageError when there is too much of it."""
    from titans_cli.sessions import items

    if text != "-":
        return text
    most = 4 * items.LONGEST_TEXT
    raw = sys.stdin.buffer.read(most + 1)
    if len(raw) > most:
        problem = f"standard input is longer than {items.LONGEST_TEXT:,} characters"
        raise UsageError(problem, hint="Read it as a document: titans ingest -")
    return raw.decode("utf-8", "replace")


def ready(session: str | None, question: str | None = None, sources: Sequence[str] = ()) -> None:
    """Refuse what needs no model to be refused, before one is imported: an empty question or pattern, a session that is
    not there.

    Raises UsageError, NotFoundError, and as opening a session does."""
    from titans_cli.sessions.ready import require_question, require_session
    from titans_cli.sessions.selection import Filter
    from titans_cli.store import Home

    if question is not None:
        require_question(question)
    Filter(sources=sources)
    require_session(Home.locate(), session)


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
    """What both commands ask: here their flags become values. Raises as `Session.conversation`."""
    from titans_cli.api import Filter, Workspace
    from titans_cli.records import Loading
    from titans_cli.sessions.ask import AskModels, Writing

    loading = Loading(flags["device"], flags["dtype"], trust_remote_code=flags["trust_remote_code"])
    writer = flags["answer_model"]
    models = AskModels(
        None if writer is None else Writing(writer, loading, flags["max_tokens"], answer.piece(output)),
        flags["landmark_model"],
        flags["reasoner"],
        loading=loading,
    )
    within = Filter(sources=flags["sources"])
    opened = Workspace(reader=flags["reader"]).open(session)
    return opened.conversation(how, models, within=within, log=not flags["no_log"], tell=tell)
