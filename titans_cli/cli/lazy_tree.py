"""The command tree, made as far as a command line needs it.

Making a command means reading the types of all its parameters, and typer makes all commands at once: most of what a
short command took was making the fifty that it is not. And typer takes every value through pydantic, whose import takes
longer than typer's own, also where the value is what it should be already, as texts and flags are.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, MutableMapping
from functools import cache, partial
from typing import Any, Literal, get_args, get_origin

import typer
from typer.core import TyperCommand, TyperGroup
from typer.models import CommandInfo, TyperInfo

Command = TyperCommand | TyperGroup
Finish = Callable[[Command], None]


class Commands(MutableMapping[str, Command]):
    """Commands by name, each made when it is first looked at."""

    def __init__(self, makers: dict[str, Callable[[], Command]]) -> None:
        self._makers = {name: cache(maker) for name, maker in makers.items()}

    def __getitem__(self, name: str) -> Command:
        return self._makers[name]()

    def __setitem__(self, name: str, command: Command) -> None:
        self._makers[name] = cache(lambda: command)

    def __delitem__(self, name: str) -> None:
        del self._makers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def __contains__(self, name: object) -> bool:  # Mapping's own would make the command
        return name in self._makers


def root(app: typer.Typer, order: Callable[[list[str]], list[str]], finish: Finish) -> TyperGroup:
    """The command of a whole app, its commands in that order and not made yet.

    `finish` is called with each command, the root among them, when it is made."""
    made = typer.main.get_command(_without_commands(app))
    assert isinstance(made, TyperGroup)
    return _filled(made, app, order, finish)


def _without_commands(app: typer.Typer) -> typer.Typer:
    bare = copy.copy(app)
    bare.registered_commands, bare.registered_groups = [], []
    return bare


def _filled(made: TyperGroup, app: typer.Typer, order: Callable[[list[str]], list[str]], finish: Finish) -> TyperGroup:
    makers: dict[str, Callable[[], Command]] = {}
    for one in app.registered_commands:
        assert one.callback is not None
        makers[one.name or typer.main.get_command_name(one.callback.__name__)] = partial(_command, one, finish)
    for group in app.registered_groups:
        makers[str(group.name)] = partial(_group, group, finish)
    made.commands = Commands({name: makers[name] for name in order(list(makers))})  # type: ignore[assignment]
    finish(made)
    return made


def _group(info: TyperInfo, finish: Finish) -> TyperGroup:
    app, alone = info.typer_instance, copy.copy(info)
    assert app is not None
    alone.typer_instance = _without_commands(app)
    made = typer.main.get_group_from_info(
        alone, pretty_exceptions_short=True, suggest_commands=app.suggest_commands, rich_markup_mode=None
    )
    return _filled(made, app, list, finish)


def _command(info: CommandInfo, finish: Finish) -> Command:
    info = copy.copy(info)
    info.cls = Plain
    made = typer.main.get_command_from_info(info, pretty_exceptions_short=True, rich_markup_mode=None)
    assert isinstance(made, TyperCommand)
    finish(made)
    return made


# ---------------------------------------------------------------- values


class Sparing:
    """A command that converts no value that needs no conversion, and imports nothing to do so."""

    def get_params(self, ctx: Any) -> list[Any]:
        parameters: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for parameter in parameters:
            # of typer 0.29; in a version without it values are converted as that version does
            if "get_runtime_param" not in vars(parameter) and hasattr(parameter, "get_runtime_param"):
                parameter.get_runtime_param = partial(Taken, cache(parameter.get_runtime_param))
        return parameters


class Plain(Sparing, TyperCommand):
    pass


class Taken:
    """How a parameter takes a value: as it is, if it is what it should be already; else as typer converts it."""

    def __init__(self, converter: Callable[[], Any]) -> None:
        self._converter = converter

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        kind, info = param.type_descriptor.annotation, param.type_descriptor.parameter_info
        many = param.multiple or param.nargs == -1
        if info.parser is None:
            if value is None:
                return () if many else None
            if many and isinstance(value, list | tuple) and get_origin(kind) is list:
                if all(_fits(one, get_args(kind)[0], info) for one in value):
                    return list(value)
            elif not many and _fits(value, kind, info):
                return value
        return self._converter().coerce(value, param=param, ctx=ctx)


def _fits(value: Any, kind: Any, info: Any) -> bool:
    if kind is int and type(value) is int:  # a default
        return (info.min is None or value >= info.min) and (info.max is None or value <= info.max)
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    return kind in (str, bool) and type(value) is kind
