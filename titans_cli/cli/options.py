"""The options and arguments that several commands share, each defined once; what their texts stand for is `values`.

An option whose value can be set once (`titans_cli.settings`) names the setting's variable as its `envvar`; by that name
the settings file finds it too (`cli.app.root`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from titans_cli import settings
from titans_cli.cli import appearance, completion

Session = Annotated[
    str | None,
    typer.Option(
        "--session",
        "-s",
        envvar="TITANS_SESSION",
        show_envvar=False,
        metavar="NAME",
        help="Session, by name or ID prefix. Default: the current one.",
        show_default=False,
        autocompletion=completion.sessions,
    ),
]
Paths = Annotated[
    list[str], typer.Argument(metavar="PATH", help="Files, folders, addresses; - for stdin.", show_default=False)
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
        show_envvar=False,
        metavar="MODEL",
        help="A model folder, or an id of the hub (Qwen/Qwen3-0.6B). Default: the embedded titans-mini.",
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
        autocompletion=completion.choices("fp32", "bf16", "auto"),
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        envvar="TITANS_DEVICE",
        show_envvar=False,
        metavar="auto|cpu|cuda|mps",
        autocompletion=completion.choices("auto", "cpu", "cuda", "mps"),
        help="Where the model runs.",
    ),
]
Dtype = Annotated[
    str,
    typer.Option(
        "--dtype",
        metavar="auto|fp32|bf16|fp16",
        help="Of its weights; auto: bf16 where the processor or device has it, else fp32.",
    ),
]
Adapter = Annotated[
    str | None,
    typer.Option(
        "--adapter",
        metavar="FILE|untrained",
        help="The memory's trained parts. Default: the newest made for this model, if there is one.",
        show_default=False,
    ),
]
Trust = Annotated[
    bool, typer.Option("--trust-remote-code", help="Run code that comes with the model. Only if you know its author.")
]
AnswerModel = Annotated[
    str | None,
    typer.Option(
        "--answer-model",
        envvar="TITANS_ANSWER_MODEL",
        show_envvar=False,
        metavar="MODEL|URL",
        help="Who writes the answer from the evidence: a model folder, an id of the hub, or an OpenAI-compatible URL.",
        show_default=False,
    ),
]
MaxTokens = Annotated[
    int, typer.Option("--max-tokens", min=16, max=8192, help="At most this many tokens of a written answer.")
]
Watch = Annotated[
    bool, typer.Option("--watch", help="Follow the folders: read what comes and what changes, until Ctrl-C.")
]
StdinName = Annotated[
    str | None,
    typer.Option("--name", metavar="NAME", help="What standard input is called, e.g. minutes.md.", show_default=False),
]
Append = Annotated[
    bool, typer.Option("--append", help="Keep the old version of a changed file, and read the new one too.")
]
RetryLock = Annotated[
    str,
    typer.Option(
        "--retry-lock",
        envvar="TITANS_RETRY_LOCK",
        show_envvar=False,
        help="Wait this long for another writer, e.g. 30s or 5m.",
        metavar="TIME",
    ),
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
AllowPrivate = Annotated[
    bool,
    typer.Option("--allow-private", help="With --allow-network: also fetch from this machine and private networks."),
]
ExportFile = Annotated[Path | None, typer.Argument(metavar="FILE", help="The file to write.", show_default=False)]
AlsoFile = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="The same as FILE.", show_default=False)
]
MaxRoom = Annotated[
    str | None,
    typer.Option(
        "--max-room",
        envvar="TITANS_MAX_ROOM",
        show_envvar=False,
        metavar="SIZE",
        help="Refuse what would take more disk: 500MB, 4GB. Default: a tenth of what is free; of a copy, half.",
        show_default=False,
    ),
]
MemorySize = Annotated[
    str | None,
    typer.Option(
        "--memory",
        metavar="SIZE",
        help="What the session's memory may take before it gives way, e.g. 64MB. Default: as it is; of a new session, "
        "the setting's 1GB.",
        show_default=False,
    ),
]
Sentences = Annotated[
    int,
    typer.Option(
        "--sentences",
        envvar="TITANS_SENTENCES",
        show_envvar=False,
        metavar="N",
        min=1,
        max=20,
        help="At most this many sentences in the answer.",
    ),
]

TopK = Annotated[
    int,
    typer.Option("--top-k", envvar="TITANS_TOP_K", metavar="N", min=1, max=200, help="Look at this many passages."),
]
Sources = Annotated[
    list[str],
    typer.Option(
        "--sources",
        metavar="GLOB",
        help="Cite only documents whose name or path matches; may be repeated.",
        show_default=False,
    ),
]
Documents = Annotated[
    list[str],
    typer.Argument(
        metavar="GLOB",
        help="Only documents whose path or name matches one. Default: all.",
        show_default=False,
        autocompletion=completion.documents,
    ),
]
ClosedBook = Annotated[
    bool, typer.Option("--closed-book", help="Answer from the memory alone, without the retained text.")
]
LandmarkModel = Annotated[
    str | None,
    typer.Option(
        "--landmark-model",
        metavar="PATH_OR_ID",
        envvar="TITANS_LANDMARK_MODEL",
        show_envvar=False,
        help="Find passages by this sentence encoder instead of the model's own landmarks.",
        show_default=False,
    ),
]
Reasoner = Annotated[
    str | None,
    typer.Option(
        "--reasoner",
        metavar="MODEL_OR_URL",
        envvar="TITANS_REASONER",
        show_envvar=False,
        help="Deliberate with this causal model (folder or id) or OpenAI-compatible URL (http://host/v1#name).",
        show_default=False,
    ),
]
Reader = Annotated[
    str | None,
    typer.Option(
        "--reader",
        metavar="NAME|PATH",
        envvar="TITANS_READER",
        show_envvar=False,
        help="Find the short answer by this reading model (smollm2). Default: the session's own, if it can read.",
        show_default=False,
    ),
]
Route = Annotated[
    str,
    typer.Option(
        "--route",
        envvar="TITANS_ROUTE",
        show_envvar=False,
        metavar="auto|fast|deliberate",
        help="deliberate: part by part, every claim checked; auto: if it has parts.",
        autocompletion=completion.choices("auto", "fast", "deliberate"),
    ),
]
Memory = Annotated[
    Literal["on", "off"], typer.Option("--memory", hidden=True, help="off: to measure what the memory is worth.")
]
Budget = Annotated[
    str | None,
    typer.Option(
        "--budget",
        envvar="TITANS_BUDGET",
        show_envvar=False,
        metavar="TIME|TOKENS",
        help="Of a deliberate answer: time (20s) or tokens written (2000t).",
        show_default=False,
    ),
]

Text = Annotated[str, typer.Argument(metavar="TEXT", help="What to memorise; - reads it from stdin.")]
Key = Annotated[
    str | None,
    typer.Option(
        "--key", metavar="KEY", help="A name of your own: telling it again learns nothing twice.", show_default=False
    ),
]
Tags = Annotated[list[str], typer.Option("--tag", metavar="TAG", help="May be repeated.", show_default=False)]
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="2h, 7d, or 2026-11-22.", show_default=False)
]


def _verbose(value: bool) -> bool:
    appearance.current().verbose |= value
    return value


def _set_plain(value: bool) -> None:
    appearance.current().plain = appearance.current().plain or value


def _color(value: str | None) -> None:
    if value is not None:
        if value not in settings.SETTINGS["color"].kind.split("|"):
            raise typer.BadParameter(f"{value!r} is not auto, always or never")
        appearance.current().color = value


def _offline(value: bool) -> None:
    if value:
        go_offline()


Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", callback=_verbose, help="Say on stderr what was looked at and decided, and why."),
]


# ---------------------------------------------------------------- of every command


def everywhere(
    color: Annotated[
        str | None,
        typer.Option(
            "--color",
            metavar="auto|always|never",
            callback=_color,
            expose_value=False,
            autocompletion=completion.choices("auto", "always", "never"),
            help="auto: on a terminal, unless NO_COLOR is set.",
            show_default=False,
        ),
    ] = None,
    plain: Annotated[
        bool,
        typer.Option(
            "--plain",
            callback=_set_plain,
            expose_value=False,
            help="No colour, no bars, nothing that moves.",
        ),
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            "-v",
            callback=_verbose,
            expose_value=False,
            help="Say on stderr which settings apply, what an error came from, how long it took.",
        ),
    ] = False,
    offline: Annotated[
        bool,
        typer.Option(
            "--offline",
            callback=_offline,
            expose_value=False,
            help="Never use the network; so does HF_HUB_OFFLINE=1.",
        ),
    ] = False,
) -> None:
    """The options that `cli.tree` gives to every command that has none of the same name; no command, a template.

    They name no variable: what the settings say of them is applied once, before the command (`cli.app.root`).
    """


def apply(values: Mapping[str, settings.SettingValue]) -> None:
    """What the settings say of these options, where the command line has said nothing."""
    chosen = appearance.current()
    chosen.color = chosen.color or str(values["color"].value)
    chosen.plain = chosen.plain or bool(values["plain"].value)
    chosen.applied = [f"{name} = {v.value} ({v.where})" for name, v in values.items() if v.origin != "default"]
    if values["offline"].value:
        go_offline()


def go_offline() -> None:
    """For this process and its children: what every library of Hugging Face's honours."""
    os.environ["HF_HUB_OFFLINE"] = "1"
