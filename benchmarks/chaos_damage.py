"""The parts of `benchmarks.chaos` without a kill: files that are not what was written, disks that take no more."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.chaos_points import Countdown, fill_disk, no_space
from benchmarks.chaos_world import (
    DATABASE,
    ENTRY,
    SESSION,
    Operation,
    Outcome,
    State,
    World,
    copy_home,
    differences,
    findings,
    run,
    run_or_fail,
    session_state,
)
from titans_cli.errors import DamagedError, IncompatibleError, StorageError
from titans_cli.sessions.health import repair_session
from titans_cli.store import Home, LongTermMemory, SessionStore, import_session

Complain = Callable[[str], None]
PAGE = 4096
REFUSED = (0, DamagedError.exit_code, IncompatibleError.exit_code)  # a 2 that became a 3 is a newer format
MOUNTED = 16 << 20  # bytes of the disk that is filled

# ---------------------------------------------------------------- torn files


def cut(data: bytearray, rng: random.Random) -> bytearray:
    return data[: rng.randrange(len(data))]


def flip(data: bytearray, rng: random.Random) -> bytearray:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def blank(data: bytearray, rng: random.Random) -> bytearray:
    """A sector or a page that never reached the disk."""
    size = rng.choice((512, PAGE))
    begin = rng.randrange(len(data)) // size * size
    end = min(len(data), begin + size)
    data[begin:end] = bytes(end - begin)
    return data


DAMAGES = (cut, flip, flip, blank)


def damage(path: Path, rng: random.Random) -> str:
    """Change a file in one of these ways, in fact; return in which."""
    whole = path.read_bytes()
    mode = path.stat().st_mode
    while True:
        how = rng.choice(DAMAGES)
        torn = how(bytearray(whole), rng)
        if torn != whole:
            path.chmod(0o600)
            path.write_bytes(torn)
            path.chmod(mode)
            return how.__name__


@dataclass(frozen=True)
class Target:
    """A kind of file. `look` says what the damaged home holds, or raises; `mend` repairs it and says what was lost."""

    name: str
    base: Path
    file: Callable[[Path, random.Random], Path]
    look: Callable[[Path], State]
    mend: Callable[[Path], list[str]] | None = None


def targets(world: World) -> list[Target]:
    world.exported()
    session, kept = world.root / "export-base", world.root / "promote-whole"

    def inside(name: str) -> Callable[[Path, random.Random], Path]:
        return lambda home, rng: home / "sessions" / SESSION / name

    def a_cell(home: Path, rng: random.Random) -> Path:
        return rng.choice(sorted((home / "sessions" / SESSION / "snapshots").iterdir()))

    def mend(home: Path) -> list[str]:
        return [s.display for s in repair_session(Home(home), SESSION, engine=world.engine).lost]

    def look_at_entry(home: Path) -> State:
        LongTermMemory(Home(home)).verify(ENTRY)
        LongTermMemory(Home(home)).start_session(ENTRY, "fresh")
        return session_state(home, "fresh")

    def look_at_import(home: Path) -> State:
        import_session(Home(home), home / "exported.tar", "fresh")
        return session_state(home, "fresh")

    imported = world.root / "with-export"
    run_or_fail(lambda: world.start(imported, "other"))
    shutil.copy(world.exported(), imported / "exported.tar")
    return [
        Target("cell", session, a_cell, session_state, mend),
        Target("database", session, inside(DATABASE), session_state, mend),
        Target("session.json", session, inside("session.json"), session_and_manifest, mend),
        Target("entry's memory", kept, lambda h, _: h / "ltm" / ENTRY / "memory.safetensors", look_at_entry),
        Target("entry's database", kept, lambda h, _: h / "ltm" / ENTRY / DATABASE, look_at_entry),
        Target("export", imported, lambda h, _: h / "exported.tar", look_at_import),
    ]


def session_and_manifest(home: Path) -> State:
    return {**session_state(home), "info": repr(SessionStore.open(Home(home), SESSION).info)}


def tear_files(world: World, wanted: int, rng: random.Random, complain: Complain) -> Counter[str]:
    figures: Counter[str] = Counter()
    kinds, home = targets(world), world.root / "torn"
    sound: dict[str, State] = {}
    for target in kinds:
        copy_home(target.base, home)
        sound[target.name] = run_or_fail(partial(target.look, home))
    for turn in range(wanted):
        target = kinds[turn % len(kinds)]
        copy_home(target.base, home)
        how = damage(target.file(home, rng), rng)
        verdict, why = judge(target, home, sound[target.name])
        figures.update(("torn", verdict))
        if verdict in ("undetected", "crashed"):
            complain(f"{target.name} ({how}): {verdict}; {why}")
    return figures


def judge(target: Target, home: Path, sound: State) -> tuple[str, str]:
    """`refused`, `repaired`, `harmless`, `undetected` or `crashed`, and why."""
    looked = run(lambda: target.look(home))
    if looked.crash and target.mend:  # our own reading of the rows may fail, `check` and `show` must not
        looked = run(lambda: {"findings": findings(home)})
    if looked.crash:
        return "crashed", looked.crash
    if looked.done and not looked.value["findings"]:
        different = differences(looked.value, sound)
        return ("undetected", f"differs in {different}") if different else ("harmless", "")
    if looked.code not in REFUSED:
        return "crashed", looked.error
    if target.mend is None:
        return "refused", ""
    if looked.code == IncompatibleError.exit_code:
        return "refused", ""
    checked = run(lambda: findings(home))
    if not (checked.done and checked.value):
        return "crashed" if checked.crash else "undetected", f"check says {checked}, opening says {looked}"
    return _mended(target, home, sound)


def _mended(target: Target, home: Path, sound: State) -> tuple[str, str]:
    mend = target.mend
    assert mend is not None
    mended = run(lambda: mend(home))
    if mended.code in REFUSED[1:]:
        return "refused", ""
    if not mended.done:
        return "crashed", mended.crash or mended.error
    after = run(lambda: target.look(home))
    if not after.done:
        return "crashed", f"after the repair: {after.crash or after.error}"
    different = differences(after.value, sound)
    rows_only = set(different) <= {"snapshots", "files", "events"}  # cells get higher numbers, damaged events go
    if after.value["findings"]:
        return "undetected", f"repair left {after.value['findings']}"
    if mended.value or not different or (rows_only and after.value["memory"] == sound["memory"]):
        return "repaired", ""
    return "undetected", f"repair lost nothing, it says, and it differs in {different}"


# ---------------------------------------------------------------- full disks


def fill_disks(
    world: World, operations: list[Operation], most: int, rng: random.Random, complain: Complain
) -> Counter[str]:
    """Every operation on fuller and less full disks until it succeeds; `most` of a kind (then drawn at random)."""
    figures: Counter[str] = Counter()

    def judged(operation: Operation, home: Path, kind: str, where: int, ended: Outcome) -> None:
        figures.update(("enospc", kind))
        if problem := _after_full(operation, home, ended):
            figures["lost"] += 1
            complain(f"{operation.name} on a full disk ({kind} {where}): {problem}")

    def on_calls(operation: Operation, at: int) -> bool:
        home = copy_home(operation.base, world.root / "full")

        def work() -> bool:
            countdown = Countdown(at, no_space)
            fill_disk(countdown)
            operation.run(home)
            return countdown.seen >= at  # it went on without what failed: a note, a file to be swept later

        ended = run(work)
        if not ended.done or ended.value:
            judged(operation, home, "calls", at, ended)
        return ended.done and not ended.value

    sweep(operations, on_calls, most, rng, first=1)
    with mounted(world.root / "disk") as disk:
        if disk is not None:

            def on_disk(operation: Operation, pages: int) -> bool:
                home = copy_home(operation.base, disk / "home")
                ballast = disk / "ballast"
                fill(ballast, disk, pages)
                ended = run(lambda: operation.run(home))
                ballast.unlink()
                if not ended.done:
                    judged(operation, home, "tmpfs", pages, ended)
                return ended.done

            sweep(operations, on_disk, most, rng, first=0)
    return figures


def sweep(
    operations: list[Operation], step: Callable[[Operation, int], bool], most: int, rng: random.Random, first: int
) -> None:
    """`step` for every place of every operation, until it succeeds; or for `most` places among the first few."""
    if most >= 1000:
        for operation in operations:
            for place in count(first):
                if step(operation, place):
                    break
    else:
        for turn in range(most):
            step(operations[turn % len(operations)], first + rng.randrange(12))


def _after_full(operation: Operation, home: Path, ended: Outcome) -> str:
    """What is wrong after the disk was full; empty if nothing is."""
    if ended.crash or ended.killed:
        return ended.crash or "it died"
    if ended.code and not ended.error.startswith(StorageError.__name__):
        return ended.error
    if operation.name != "import" and not (operation.name == "promote" and ended.done):
        looked = run(lambda: findings(home))
        if not looked.done or looked.value:
            return looked.crash or looked.error or str(looked.value)
    again = run(lambda: operation.resume(home))
    state: Any = run(lambda: operation.state(home)) if again.done else again
    if not state.done:
        return str(state.crash or state.error)
    different = differences(state.value, operation.expected)
    return f"differs in {different}" if different else ""


@contextmanager
def mounted(where: Path) -> Iterator[Path | None]:
    """A small disk of its own, if we may mount one."""
    where.mkdir()
    options = f"size={MOUNTED},mode=700"
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "titans-chaos", str(where)], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError):
        yield None
        return
    try:
        yield where
    finally:
        subprocess.run(["umount", str(where)], check=True)


def fill(ballast: Path, disk: Path, pages: int) -> None:
    """Leave so many pages free."""
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free - pages * PAGE)
