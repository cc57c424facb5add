"""What to do next, as a value: each surface (command line, tools, Python) has its own words for it.

Whoever finds something wrong knows which operation helps, and not how it is asked for. So a hint is a text with values
in it: a `NextStep` (an operation with its arguments) or an `Option` (an argument of the operation that has just been
tried). The tables below are the one place that says what these are called where; `tests/test_steps.py` compares them
with the commands, the tools and the methods that there are, and counts the command lines in all other modules: none.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Argument = str | bool | None  # None: left to whoever takes the step


@dataclass(frozen=True, slots=True, init=False)
class NextStep:
    """An operation of `COMMANDS` and what is already known of its arguments: `NextStep("ingest", paths=None)`."""

    action: str
    arguments: Mapping[str, Argument] = field(default_factory=dict)

    def __init__(self, action: str, **arguments: Argument) -> None:
        object.__setattr__(self, "action", action)
        object.__setattr__(self, "arguments", arguments)

    def __reduce__(self) -> tuple[object, ...]:
        return (_step, (self.action, dict(self.arguments)))


def _step(action: str, arguments: Mapping[str, Argument]) -> NextStep:
    return NextStep(action, **arguments)


@dataclass(frozen=True, slots=True)
class Option:
    """An argument of what was just tried, to be given, changed or left out; `value`: what it might be."""

    name: str
    value: str | None = None


AGAIN = NextStep("again")  # what was just tried


class Hint:
    """A sentence or two with steps and options in it. `str` of it is in Python's words."""

    __slots__ = ("parts",)
    parts: tuple[str | NextStep | Option, ...]

    def __init__(self, *parts: str | NextStep | Option | Hint) -> None:
        pieces: list[str | NextStep | Option] = []
        for part in parts:
            pieces += part.parts if isinstance(part, Hint) else (part,)
        self.parts = tuple(pieces)

    def __str__(self) -> str:
        return in_python(self)

    def __repr__(self) -> str:
        return f"Hint{self.parts!r}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hint) and self.parts == other.parts

    def __hash__(self) -> int:
        return hash(repr(self))

    def __bool__(self) -> bool:
        return any(self.parts)


def as_hint(hint: Hint | NextStep | str | None) -> Hint | None:
    return hint if hint is None or isinstance(hint, Hint) else Hint(hint)


# ---------------------------------------------------------------- what things are called


@dataclass(frozen=True, slots=True)
class Call:
    """How an operation is asked for: its name, and of each argument its name there.

    On the command line "--tag" is an option, "KEY" a place of its own that stands for what is not known."""

    name: str
    arguments: Mapping[str, str] = field(default_factory=dict)


_SESSION = {"session": "NAME"}
_OF = {"session": "--session"}
COMMANDS: Mapping[str, Call] = {
    "ingest": Call("ingest", {"paths": "PATH", **_OF}),
    "ask": Call("ask", {"question": "QUESTION", **_OF}),
    "run": Call("run", {"paths": "PATH", "question": "--ask"}),
    "recall": Call("recall", {"words": "WORDS", "since": "--since", **_OF}),
    "check": Call("check", {"session": "SESSION", "replay": "--replay"}),
    "doctor": Call("doctor", {"fix": "--fix"}),
    "session new": Call("session new", {"name": "NAME", "entry": "--from", "model": "--model"}),
    "session list": Call("session list"),
    "session show": Call("session show", _SESSION),
    "session use": Call("session use", {"name": "NAME"}),
    "session promote": Call("session promote", _SESSION),
    "session discard": Call("session discard", _SESSION),
    "session export": Call("session export", {"file": "FILE", **_OF}),
    "session repair": Call("session repair", {**_SESSION, "compact": "--compact"}),
    "memory add": Call("memory add", {"text": "TEXT", "key": "--key", "tag": "--tag", **_OF}),
    "memory update": Call("memory update", {"item": "ITEM", "text": "TEXT", **_OF}),
    "memory filter": Call("memory filter", {"excluded": "--excluded", **_OF}),
    "memory retrieve": Call("memory retrieve", {"query": "QUERY", **_OF}),
    "memory gc": Call("memory gc", _OF),
    "ltm export": Call("ltm export", {"entry": "NAME", "file": "FILE"}),
    "ltm list": Call("ltm list"),
    "ltm rm": Call("ltm rm", {"entry": "NAME"}),
    "model pull": Call("model pull", {"model": "MODEL", "file": "--file"}),
    "model verify": Call("model verify", {"model": "MODEL"}),
    "model adapt": Call("model adapt", {"model": "MODEL", "corpus": "--corpus"}),
    "config set": Call("config set", {"key": "KEY", "value": "VALUE"}),
    "config unset": Call("config unset", {"key": "KEY"}),
}
# Of the server, where every tool has the session's handle. What is not here only the command line has.
TOOLS: Mapping[str, Call] = {
    "ingest": Call("memory_add", {"paths": "paths"}),
    "ask": Call("memory_ask", {"question": "question"}),
    "session new": Call("session_open", {"name": "name", "entry": "entry"}),
    "session use": Call("session_open", {"name": "name"}),
    "session show": Call("session_status"),
    "session promote": Call("session_promote"),
    "memory add": Call("memory_add", {"text": "text", "key": "key", "tag": "tags"}),
    "memory update": Call("memory_update", {"item": "item", "text": "text"}),
    "memory filter": Call("memory_filter", {"excluded": "excluded"}),
    "memory retrieve": Call("memory_retrieve", {"query": "query"}),
}
METHODS: Mapping[str, Call] = {
    "ingest": Call("session.ingest", {"paths": "*paths"}),
    "ask": Call("session.ask", {"question": "question"}),
    "recall": Call("session.recall", {"words": "words", "since": "since"}),
    "session new": Call("Session.new", {"name": "name", "entry": "entry", "model": "model"}),
    "session list": Call("workspace.sessions"),
    "session use": Call("Session.open", {"name": "name"}),
    "session show": Call("session.status"),
    "session promote": Call("session.promote"),
    "ltm list": Call("workspace.entries"),
    "ltm export": Call("workspace.export_entry", {"entry": "name", "file": "file"}),
    "ltm rm": Call("workspace.remove_entry", {"entry": "name"}),
    "memory add": Call("session.add", {"text": "text", "key": "key", "tag": "tags"}),
    "memory update": Call("session.update", {"item": "item", "text": "text"}),
    "memory filter": Call("session.filter", {"excluded": "excluded"}),
    "memory retrieve": Call("session.retrieve", {"query": "query"}),
}
# Arguments that tools and methods have under a name of their own, and those that are settings for them.
TOOL_ARGUMENTS: Mapping[str, str] = {
    name: name for name in ("key", "source", "sources", "tags", "since", "until", "sentences", "top_k", "route")
} | {
    "session": "handle",
    "tag": "tags",
    "as": "entry",
    "min_surprise": "least_surprise",
    "max_surprise": "most_surprise",
}
KEYWORDS: Mapping[str, str] = {
    name: name
    for name in (
        *(
            "include",
            "exclude",
            "model",
            "precision",
            "reader",
            "retry_lock",
            "force",
            "key",
            "source",
            "tags",
            "top_k",
        ),
        *("sources", "since", "until", "sentences", "route", "budget", "home", "entry"),
    )
} | {"tag": "tags", "as": "entry", "min_surprise": "least_surprise", "max_surprise": "most_surprise"}
SETTINGS = frozenset(
    """
    session model device answer_model precision max_room retry_lock sentences top_k route landmark_model reasoner reader
    budget color plain offline
    """.split()
)


# ---------------------------------------------------------------- the words


def in_shell(hint: Hint | str) -> str:
    """For people and scripts: command lines that can be pasted into a shell."""
    return _worded(hint, _command, _flag, "Run the same command again")


def in_tools(hint: Hint | str) -> str:
    """For clients of the server: its tools and their arguments."""

    def step(named: NextStep) -> str:
        call = TOOLS.get(named.action)
        return (
            f"{_command(named)} (on the command line of whoever runs this server)"
            if call is None
            else _named(call, named)
        )

    def option(argument: Option) -> str:
        if name := TOOL_ARGUMENTS.get(argument.name):
            return f"the argument {name}" + (f" ({json.dumps(argument.value)})" if argument.value else "")
        return _set(argument, "the server's setting") or f"{_flag(argument)} (of whoever starts this server)"

    return _worded(hint, step, option, "Make the same call again")


def in_python(hint: Hint | str) -> str:
    """For programs: methods of `titans_cli.Workspace` and `Session`, and their arguments."""

    def step(named: NextStep) -> str:
        call = METHODS.get(named.action)
        return f"{_command(named)} (on the command line)" if call is None else _named(call, named)

    def option(argument: Option) -> str:
        if name := KEYWORDS.get(argument.name):
            return f"{name}=" + (json.dumps(argument.value, ensure_ascii=False) if argument.value else "...")
        return _set(argument, "the setting") or f"{_flag(argument)} (on the command line)"

    return _worded(hint, step, option, "Make the same call again")


def _worded(hint: Hint | str, step: Callable[[NextStep], str], option: Callable[[Option], str], again: str) -> str:
    text = ""
    for part in hint.parts if isinstance(hint, Hint) else (hint,):
        if isinstance(part, str):
            text += part
        elif isinstance(part, Option):
            text += option(part)
        elif part == AGAIN:
            text += again if not text or text.endswith((". ", "? ")) else again[0].lower() + again[1:]
        else:
            text += step(part)
    return text


def _command(step: NextStep) -> str:
    call = COMMANDS[step.action]
    places, options = list[str](), list[str]()
    for name, spelt in call.arguments.items():
        if name not in step.arguments:
            continue
        value = step.arguments[name]
        if not spelt.startswith("-"):
            places.append(spelt if value is None else shlex.quote(str(value)))
        elif value is True:
            options.append(spelt)
        else:
            options += [spelt, name.upper() if value is None else shlex.quote(str(value))]
    return " ".join(["titans", call.name, *places, *options])


def _flag(option: Option) -> str:
    flag = "--" + option.name.replace("_", "-")
    return flag if option.value is None else f"{flag} {shlex.quote(option.value)}"


def _named(call: Call, step: NextStep) -> str:
    given = [(call.arguments[name], value) for name, value in step.arguments.items() if name in call.arguments]
    return f"{call.name}({', '.join(_given(name, value) for name, value in given)})"


def _given(name: str, value: Any) -> str:
    if value is None:
        shown = "..."
    elif value is True:
        shown = "True"
    else:
        shown = json.dumps([value] if name in ("paths", "tags") else value, ensure_ascii=False)
    return shown if name.startswith("*") else f"{name}={shown}"


def _set(option: Option, kind: str) -> str:
    if option.name not in SETTINGS:
        return ""
    return f"{kind} {option.name}" + (f" ({option.value})" if option.value else "")


def in_json(value: object) -> str:
    """A hint where `json.dumps` meets one (its `default`), in the words of the command line."""
    if isinstance(value, Hint):
        return in_shell(value)
    raise TypeError(f"{type(value).__name__} has no place in JSON")
