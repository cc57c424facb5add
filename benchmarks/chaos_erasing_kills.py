"""The part of `benchmarks.chaos` that kills what erases, at every change it makes on disk, and runs it again."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.chaos_erasing import NAME, PLACES, Complain
from benchmarks.chaos_syscalls import killed_at
from benchmarks.chaos_world import Outcome, World, copy_home, findings, import_commands, run, run_or_fail, titans
from tests.stand_ins import Gate, Knowing
from tests.tiny import make_sentences
from titans_cli.errors import NotFoundError, TitansError
from titans_cli.sessions.ask import AskOptions, ask
from titans_cli.sessions.history import erase, forget, rewind
from titans_cli.sessions.ingest import IngestOptions, IngestRequest, create_session, ingest
from titans_cli.sessions.items import ItemRequest, add, update
from titans_cli.sessions.lifecycle import discard_session
from titans_cli.store import Home


@dataclass
class Erasing:
    """An operation that erases `values`, killed and run again. `again`: the same command, as it is typed."""

    name: str
    base: Path
    values: list[str]
    run: Callable[[Path], None]
    again: Callable[[Path], int]


def erasings(world: World) -> list[Erasing]:
    """forget, delete, gc, update, rewind and discard, each of a session that was asked for what is erased."""
    base, rng = world.root / "erasing-base", random.Random(7)
    values = ["731846", "Kelvisrudt Branepk", "905114"]
    facts = dict(zip(("item", "old", "document"), values, strict=True))
    path = world.root / "erasing-docs" / "gone.txt"
    path.parent.mkdir()

    def told(subject: str, value: str) -> str:
        return " ".join([f"The {subject} is {value}.", *make_sentences(2, rng.randrange(1000))])

    texts = {name: told(f"vault code of {PLACES[n]}", value) for n, (name, value) in enumerate(facts.items())}
    path.write_text(texts["document"])

    def make() -> None:
        home, engine = Home(base), Knowing(world.engine, Gate())
        home.ensure()
        create_session(home, NAME, model=str(world.model), engine=world.engine)
        home.set_current(NAME)
        add(home, NAME, ItemRequest(told("patron of Tolvine archive", "Hosfenjunb"), key="kept"), engine=engine)
        add(home, NAME, ItemRequest(texts["item"], key="item"), engine=engine)
        add(home, NAME, ItemRequest(texts["old"], key="old"), engine=engine)
        for _ in ingest(home, NAME, IngestRequest([str(path)]), IngestOptions(), engine):
            pass
        for n in range(3):
            question = f"What is the vault code of {PLACES[n]}?"
            for closed in (True, False):
                ask(home, NAME, question, how=AskOptions(closed_book=closed), engine=engine)
            ask(home, NAME, f"Is it {values[n]}?", engine=engine)
        shutil.copytree(base, world.root / "erasing-fast")
        new = "The vault code of Castrel tower is 118822."
        update(Home(world.root / "erasing-fast"), NAME, "old", new, fast=True, engine=engine)

    run_or_fail(make)
    fast = world.root / "erasing-fast"
    new = "The vault code of Brixholm depot is 118822."

    def typed(*argv: str) -> Callable[[Path], int]:
        def work(home: Path) -> int:
            try:
                titans(home, *argv)
            except TitansError as error:
                return error.exit_code
            return 0

        return work

    def updated(home: Path) -> int:
        update(Home(home), NAME, "item", new, engine=world.engine)
        return 0

    return [
        Erasing(
            "forget",
            base,
            values[2:],
            lambda h: _done(forget(Home(h), NAME, str(path))),
            typed("session", "forget", str(path), "--yes"),
        ),
        Erasing(
            "delete",
            base,
            values[:1],
            lambda h: _done(forget(Home(h), NAME, "item")),
            typed("memory", "delete", "item", "--yes"),
        ),
        Erasing("gc", fast, values[1:2], lambda h: _done(erase(Home(h), NAME)), typed("memory", "gc")),
        Erasing("update", base, values[:1], lambda h: _done(updated(h)), updated),
        Erasing(
            "rewind",
            base,
            values,
            lambda h: _done(rewind(Home(h), NAME, "kept")),
            typed("session", "rewind", "--to", "kept", "--yes"),
        ),
        Erasing(
            "discard",
            base,
            values,
            lambda h: _done(discard_session(Home(h), NAME)),
            typed("session", "discard", NAME, "--yes"),
        ),
    ]


def _done(_: object) -> None:
    """What it returned is not looked at."""


def kill_erasings(world: World, most: int, rng: random.Random, complain: Complain) -> Counter[str]:
    """Kill each of them at every change it makes on disk (at most at `most` of each, drawn), then run it again.

    `left`: values found after that. `failed`: the second run ended with an error while something had still been there,
    or what it left is unsound. Where nothing had been left any more, "there is no such document" is the right answer.
    """
    figures: Counter[str] = Counter(kills=0, points=0, left=0, failed=0)
    home = world.root / "erasing"
    import_commands(world.root / "nothing")
    for erasing in erasings(world):
        copy_home(erasing.base, home)
        changes = killed_at(lambda e=erasing: e.run(home), None)[1]  # type: ignore[misc]
        at = list(range(1, changes + 1))
        for moment in at if most >= changes else sorted(rng.sample(at, most)):
            copy_home(erasing.base, home)
            if not killed_at(lambda e=erasing: e.run(home), moment)[0]:  # type: ignore[misc]
                continue  # fewer this time: a temporary name may differ, and so a write
            figures["kills"] += 1
            before = _found(home, erasing.values)
            again = run(lambda e=erasing: e.again(home))  # type: ignore[misc]
            after = _found(home, erasing.values)
            sound = run(partial(findings, home)) if erasing.name != "discard" else Outcome(value=[])
            unsaid = again.done and again.value != 0 and (before or again.value != NotFoundError.exit_code)
            figures["left"] += len(after)
            if after:
                complain(f"{erasing.name} killed at change {moment} of {changes}: {after[0]}")
            if not again.done or unsaid or not sound.done or sound.value:
                figures["failed"] += 1
                complain(f"{erasing.name} killed at change {moment} of {changes}: then {again}; {sound}")
        figures["points"] += changes
    return figures


def _found(home: Path, values: Sequence[str]) -> list[str]:
    return [
        f"{value} in {path.relative_to(home)}"
        for path in home.rglob("*")
        if path.is_file() and (data := path.read_bytes().lower())
        for value in values
        if value.lower().encode() in data
    ]
