"""From rows of the database to records. SQLite keeps what it is given in any column; a record must have its types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_type_hints

from titans_cli.errors import damaged_file
from titans_cli.steps import Hint, NextStep
from titans_cli.store.names import shown

R = TypeVar("R")


@cache
def _types(kind: type) -> tuple[tuple[str, tuple[type, ...]], ...]:
    """Names and types of a record's fields, in their order."""
    hints = get_type_hints(kind)
    return tuple((name, get_args(t) if isinstance(t, UnionType) else (t,)) for name, t in hints.items())


def records(kind: type[R], rows: Iterable[tuple[Any, ...]], path: Path) -> Iterator[R]:
    """A record of each row. Raises DamagedError for a value of another type than its field has."""
    types = _types(kind)  # type: ignore[arg-type]  # mypy takes no type[R] for hashable
    sound = set[tuple[type, ...]]()  # the types of rows so far: ten thousand rows have three or four
    for row in rows:
        if (of_row := tuple(map(type, row))) not in sound:
            for (name, accepted), value in zip(types, row, strict=False):  # fields with a default may be left out
                if not isinstance(value, accepted):
                    problem = f"{name.replace('_', ' ')} of a {kind.__name__} is {type(value).__name__}"
                    hint = Hint("See what can be saved: ", NextStep("session repair", session=shown(path.parent.name)))
                    raise damaged_file(path, problem, hint)
            sound.add(of_row)
        yield kind(*row)
