"""The options that several commands share, each defined once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

import typer

from titans_cli.errors import UsageError

Session = Annotated[
    str | None,
    typer.Option(
        "--session",
        "-s",
        envvar="TITANS_SESSION",
        help="Session, by name or ID prefix. Default: the current one.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only the result; for lists, bare names.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done, and do nothing.")]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        envvar="TITANS_MODEL",
        help="Folder of a titans model. Default: the embedded titans-mini.",
        show_default=False,
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        "--precision",
        metavar="fp32|bf16|auto",
        help="Of the trunk's products; auto measures. Fixed for the session. Default: TITANS_PRECISION, or fp32.",
        show_default=False,
    ),
]
Append = Annotated[
    bool, typer.Option("--append", help="Keep the old version of a changed file, and read the new one too.")
]
RetryLock = Annotated[
    str, typer.Option("--retry-lock", help="Wait this long for another writer, e.g. 30s or 5m.", metavar="TIME")
]
Include = Annotated[
    list[str],
    typer.Option(
        "--include", help="Of folders, take only files matching this glob.", metavar="GLOB", show_default=False
    ),
]
Exclude = Annotated[
    list[str], typer.Option("--exclude", help="Leave out files matching this glob.", metavar="GLOB", show_default=False)
]
FilesFrom = Annotated[
    str | None,
    typer.Option(
        "--files-from", help="Read paths from this file, one a line; - for stdin.", metavar="FILE", show_default=False
    ),
]
Engine = Annotated[
    str,
    typer.Option("--engine", metavar="local|ray", help="Where documents are read and learned; ray: on its workers."),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST:PORT",
        help="Of a Ray cluster. Default: one made here for the run.",
        show_default=False,
    ),
]
SessionPer = Annotated[
    str | None,
    typer.Option(
        "--session-per",
        metavar="folder",
        help="folder: each folder inside PATH into a session that bears its name.",
        show_default=False,
    ),
]
AllowNetwork = Annotated[bool, typer.Option("--allow-network", help="Fetch http and https addresses named as PATH.")]
Sentences = Annotated[
    int, typer.Option("--sentences", min=1, max=20, help="At most this many sentences in the answer.")
]

TopK = Annotated[int, typer.Option("--top-k", min=1, max=200, help="Look at this many passages.")]
Sources = Annotated[
    list[str],
    typer.Option(
        "--sources",
        metavar="GLOB",
        help="Cite only documents whose name or path matches; may be repeated.",
        show_default=False,
    ),
]
ClosedBook = Annotated[
    bool, typer.Option("--closed-book", help="Answer from the memory alone, without the retained text.")
]
Route = Annotated[
    str,
    typer.Option(
        "--route",
        metavar="auto|fast|deliberate",
        help="deliberate: part by part, every claim checked; auto: if it has parts.",
    ),
]
Budget = Annotated[
    str | None,
    typer.Option("--budget", metavar="TIME", help="Time for a deliberate answer, e.g. 20s.", show_default=False),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show on stderr what was looked at and decided.")]


@dataclass(frozen=True, slots=True)
class Output:
    json: bool = False
    quiet: bool = False


def seconds(text: str) -> float:
    """ "30", "30s", "5m", "1h", "30d" in seconds. Raises UsageError."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)\s*([smhd]?)", text.strip())
    if not match:
        raise UsageError(f"not a time: {text!r}", hint="Write it like 30s, 5m, 1h or 30d.")
    return float(match.group(1)) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match.group(2)]
