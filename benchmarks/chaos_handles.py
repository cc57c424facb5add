"""The part of `benchmarks.chaos` about handles: whoever has a session's id finds that session, and nobody else does.

Others try to take it over: they make or fork sessions named like its id, in other cases, like the beginning of one or
like an id that may come. And they guess: ids one character off, in another case, or drawn from the moment at which the
session was made.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from benchmarks.chaos_world import World, run_or_fail
from titans_cli.api import Session
from titans_cli.errors import NotFoundError, TitansError
from titans_cli.server.keeper import Keeper
from titans_cli.sessions.ingest import create_session
from titans_cli.store import Home, SessionStore, discard, fork_session

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
OWNERS = 5


def take_over(world: World, wanted: int, seed: int, complain: Callable[[str], None]) -> Counter[str]:
    """`handles`: tried; `wrong`: those after which an id, or what begins it, meant another session; right guesses."""
    found: dict[str, list[str]] = run_or_fail(lambda: _tried(world, wanted, random.Random(seed)))
    for what in found["wrong"][:20]:
        complain(what)
    return Counter(handles=wanted, wrong=len(found["wrong"]), refused=len(found["refused"]), made=len(found["made"]))


def _tried(world: World, wanted: int, rng: random.Random) -> dict[str, list[str]]:
    home = Home(world.root / "handles")
    home.ensure()
    owners = [
        create_session(home, f"owner{n}", model=str(world.model), engine=world.engine).info for n in range(OWNERS)
    ]
    keeper = Keeper(home)
    found_by = {o.id: [o.id[:n] for n in range(4, 27) if _finds(home, o.id[:n]) == o.name] for o in owners}
    wrong, refused, made = list[str](), list[str](), list[str]()
    for _ in range(wanted):
        owner = rng.choice(owners)
        if rng.random() < 0.5:
            guess = _guess(owner.id, rng)
            try:
                wrong += [f"the guess {guess} opened {keeper._find(guess).name}"]
            except NotFoundError:
                refused.append(guess)
            continue
        name = _squatting(owner.id, rng)
        prefixes = found_by[owner.id]
        try:
            if rng.random() < 0.9:
                Session.resume(name, home=home, model=str(world.model))
            else:
                fork_session(SessionStore.open(home, owner.name), name)
        except TitansError:
            refused.append(name)
        else:
            made.append(name)
        lost = [p for p in prefixes if _finds(home, p) not in (owner.name, None)]
        by_id = Session.open(owner.id, home=home), keeper._find(owner.id)
        if lost or any((session.id, session.name) != (owner.id, owner.name) for session in by_id):
            wrong.append(f"after {name} was made, {lost or owner.id} means another session")
        if made and made[-1] == name:
            discard(home, name)
    return {"wrong": wrong, "refused": refused, "made": made}


def _finds(home: Home, selector: str) -> str | None:
    with suppress(TitansError):
        return home.find_session(selector)
    return None


def _guess(handle: str, rng: random.Random) -> str:
    """Not the handle, and as near to it as one can get."""
    kind = rng.randrange(4)
    at = rng.randrange(26)
    if kind == 0:
        other = rng.choice(ALPHABET.replace(handle[at], ""))
        return handle[:at] + other + handle[at + 1 :]
    if kind == 1:
        return handle[:10] + "".join(rng.choices(ALPHABET, k=16))  # the same moment, other random bits
    if kind == 2:
        return rng.choice((handle.lower(), handle[:25], handle + "0", f" {handle}", f"{handle}\n", handle[:-1] + "*"))
    return "".join(rng.choices(ALPHABET, k=26))


def _squatting(handle: str, rng: random.Random) -> str:
    kind = rng.randrange(5)
    if kind == 0:
        return rng.choice((handle, handle.lower(), handle.title()))
    if kind == 1:
        prefix = handle[: rng.randint(1, 25)]
        return rng.choice((prefix, prefix.lower()))
    if kind == 2:
        return _guess(handle, rng).strip()[:26]
    if kind == 3:
        return handle[: rng.randint(4, 20)] + rng.choice("-_.") + "x"
    return "".join(rng.choices(ALPHABET + ALPHABET.lower(), k=rng.randint(4, 26)))
