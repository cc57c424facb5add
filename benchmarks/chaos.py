"""What is left of a session when everything that can go wrong does: kills, torn files, crowds, races, a full disk.

    kills     SIGKILL in ingest, in replacing a changed file, in forget, promote and import: at a random time, or at a
              random line, file system call or moment inside a statement of SQLite; a quarter of them twice. The same
              operation again must end with the rows, the files and the memory's digest of an uninterrupted run.
              `differ`: it did not. `failed`: what a kill left was unsound, or the operation could not be repeated.
    torn      files cut short, with a bit flipped or with a stretch of zeros. `undetected`: what it holds has changed,
              and nobody noticed. `harmless`: what it holds is as it was. `repaired`: all was as before after a repair,
              or what was lost was named. `refused`: exit 13 and nothing else. `crashed`: a traceback.
    sessions  processes that read different documents into different sessions of one home, all at once.
              `differ`: a session is not what it is when it is alone in its home.
    races     two writers want one session at one moment. `both`, `neither`: got it. The loser must end with exit 11.
    erasing   random histories in which something is forgotten (`chaos_erasing`). `left`: values found where they had to
              be gone, of every byte of the session, of what was made of it, and of the folder for temporary files.
              `kills`: erasing killed just before every change it makes on disk (`points`: how many there are), and the
              same command typed again.
              `kills.left`: values found after that; `kills.failed`: it ended with an error, or left a session unsound.
    handles   names like the ids of others' sessions, and guesses at ids (`chaos_handles`). `wrong`: how often an id
              meant another session than its own, or a guess met one.
    enospc    operations on a disk with 0, 1, 2, ... pages free (a tmpfs, if we may mount one), and with every write
              from the first, second, ... on failing. `lost`: not a StorageError, or the session unsound, or another
              result once there is room.
    terminals every command on a pseudo terminal, among hostile names and text (chaos_terminals.py)
    room      documents that want the whole disk, under bounds (chaos_room.py)

A scenario of nothing (`--kills 0`) is left out. A kill is not a power cut: what the kernel was given is kept. The model
is tiny and random: only bytes are compared.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # before they are imported: threads and forks do not mix

from benchmarks import chaos_room, chaos_terminals
from benchmarks.chaos_damage import fill_disks, tear_files
from benchmarks.chaos_erasing import erase_histories
from benchmarks.chaos_erasing_kills import kill_erasings
from benchmarks.chaos_handles import take_over
from benchmarks.chaos_points import KINDS, Countdown, arm, die
from benchmarks.chaos_syscalls import available
from benchmarks.chaos_world import (
    SESSION,
    Child,
    Operation,
    Outcome,
    World,
    copy_home,
    differences,
    findings,
    killed_after,
    run,
    run_or_fail,
    session_state,
)
from benchmarks.common import Report, parser
from titans_cli.errors import LockedError
from titans_cli.sessions.ingest import IngestOptions, IngestRequest, ingest
from titans_cli.store import Home


def complain(what: str) -> None:
    print(what, file=sys.stderr)


# ---------------------------------------------------------------- kills


def moments(operation: Operation, home: Path) -> dict[str, int]:
    """How many moments of each kind an uninterrupted run has."""

    def count(kind: str) -> int:
        countdown = Countdown(None, die)
        arm(kind, countdown)
        operation.run(home)
        return countdown.seen

    counts = {}
    for kind in KINDS:
        copy_home(operation.base, home)
        counts[kind] = run_or_fail(partial(count, kind))
    return counts


def kill(operation: Operation, home: Path, kind: str, moment: float, counts: dict[str, int]) -> Outcome:
    """Run the operation, killed when the share `moment` of it is done."""
    if kind == "time":
        return killed_after(lambda: operation.run(home), moment * operation.seconds)

    def work() -> None:
        arm(kind, Countdown(1 + int(moment * counts[kind]), die))
        operation.run(home)

    return run(work)


def resumed(operation: Operation, home: Path) -> tuple[list[str], str]:
    """What differs after the operation was run again, and what failed."""
    again = run(lambda: operation.resume(home))
    if not again.done:
        return [], again.crash or again.error
    state = run(lambda: operation.state(home))
    if not state.done:
        return [], state.crash or state.error
    return differences(state.value, operation.expected), ""


def kill_operations(world: World, operations: list[Operation], wanted: int, rng: random.Random) -> Counter[str]:
    figures: Counter[str] = Counter()
    home = world.root / "killed"
    counts = {o.name: moments(o, home) for o in operations}
    for turn in range(8 * wanted):
        if figures["kills"] >= wanted:
            break
        operation = operations[turn % len(operations)]
        kind = rng.choice(("time", *KINDS))
        copy_home(operation.base, home)
        ended = kill(operation, home, kind, rng.random(), counts[operation.name])
        landed = int(ended.killed)
        if ended.killed and rng.random() < 0.25:
            ended = kill(operation, home, kind, rng.random(), counts[operation.name])
            landed += ended.killed
        figures["kills"] += landed
        wrong = "" if ended.killed or ended.done or _was_done(operation, ended) else ended.crash or ended.error
        if operation.name != "import" and operation.name != "promote" and rng.random() < 0.5:
            looked = run(partial(findings, home))  # before anybody has cleared anything away
            wrong = wrong or (str(looked.value or "") if looked.done else looked.crash or looked.error)
        differ, failed = resumed(operation, home)
        figures["differ"] += bool(differ)
        figures["failed"] += bool(wrong or failed)
        if differ or wrong or failed:
            complain(f"killed {operation.name} ({kind}): differs in {differ}; {wrong} {failed}")
    return figures


def _was_done(operation: Operation, ended: Outcome) -> bool:
    """The second run of two found nothing left to do."""
    return operation.done_says is not None and ended.error.startswith(operation.done_says.__name__)


# ---------------------------------------------------------------- crowds and races


def crowd(world: World, count: int) -> int:
    """Sessions that, read beside others into one home, are not what they are alone."""
    home = world.root / "crowd"
    Home(home).ensure()
    paths = {f"s{i}": world.documents(f"crowd-{i}", 10, 45, seed=1000 + 10 * i) for i in range(count)}
    children = [Child(partial(world.start, home, name, some)) for name, some in paths.items()]
    differ = 0
    for (name, some), ended in zip(paths.items(), [child.outcome() for child in children], strict=True):
        alone = world.root / "alone" / name
        run_or_fail(partial(world.start, alone, name, some))
        expected = run_or_fail(partial(session_state, alone, name))
        state = run(partial(session_state, home, name))
        wrong = differences(state.value, expected) if ended.done and state.done else ["it failed"]
        differ += bool(wrong)
        if wrong:
            complain(f"session {name} differs in {wrong}: {ended.crash or ended.error} {state.crash or state.error}")
    return differ


def race(world: World, count: int) -> tuple[int, int]:
    """How often both of two writers had the session, and how often none; each race reads one more document."""
    home, both, neither = world.root / "race", 0, 0
    run_or_fail(lambda: world.start(home))
    paths = world.documents("race-docs", *(2 for _ in range(count)), seed=5000)
    for path in paths:
        go_out, go_in = os.pipe()
        said_out, said_in = os.pipe()
        end_out, end_in = os.pipe()

        def writer(path: Path = path, go: int = go_out, said: int = said_in, end: int = end_out) -> str:
            events = ingest(Home(home), SESSION, IngestRequest([str(path)]), IngestOptions(), world.engine)
            os.read(go, 1)
            try:
                next(events)  # from here on it has the lock
            except LockedError:
                os.write(said, b"l")
                return "locked"
            os.write(said, b"w")
            os.read(end, 1)  # the other one has had its turn
            for _ in events:
                pass
            return "won"

        children = [Child(writer), Child(writer)]
        os.write(go_in, b"gg")
        os.close(said_in)
        heard = b""
        while len(heard) < 2 and (word := os.read(said_out, 1)):
            heard += word
        os.write(end_in, b"ee")
        outcomes = [child.outcome() for child in children]
        for pipe in (go_out, go_in, said_out, end_out, end_in):
            os.close(pipe)
        winners = sum(outcome.value == "won" for outcome in outcomes)
        if sorted(str(o.value) for o in outcomes) != ["locked", "won"]:
            complain(f"a race ended with {[o.value or o.crash or o.error for o in outcomes]}")
        both += winners == 2
        neither += winners == 0
    state = run_or_fail(lambda: session_state(home))
    if state["findings"] or len(state["sources"]) != count:
        raise RuntimeError(f"after {count} races: {len(state['sources'])} documents, {state['findings']}")
    return both, neither


# ---------------------------------------------------------------- all of it


def arguments() -> argparse.Namespace:
    made = parser(__doc__)
    made.formatter_class = argparse.RawDescriptionHelpFormatter
    made.add_argument("--kills", type=int, help="default 300, with --quick 40")
    made.add_argument("--torn", type=int, help="files; default 150, with --quick 40")
    made.add_argument("--sessions", type=int, help="at once; default 16, with --quick 4")
    made.add_argument("--races", type=int, help="default 100, with --quick 20")
    made.add_argument("--histories", type=int, help="of erasing; default 200, with --quick 10")
    made.add_argument("--erasing", type=int, help="kills of each erasing operation; default all, with --quick 5")
    made.add_argument("--handles", type=int, help="names and guesses; default 10,000, with --quick 200")
    made.add_argument("--disk", type=int, help="disks of each kind at most; default all, with --quick 20")
    for name in ("terminals", "room"):
        made.add_argument(f"--{name}", action=argparse.BooleanOptionalAction, default=True)
    made.add_argument("--seed", type=int, default=20261123)
    options = made.parse_args()
    for name, (whole, quick) in {
        "kills": (300, 40),
        "torn": (150, 40),
        "sessions": (16, 4),
        "races": (100, 20),
        "disk": (10_000, 20),
        "histories": (200, 10),
        "erasing": (10_000, 5),
        "handles": (10_000, 200),
    }.items():
        if getattr(options, name) is None:
            setattr(options, name, quick if options.quick else whole)
    return options


def tell(report: Report, scenario: str, counted: Counter[str], *names: str) -> None:
    """How often a scenario was tried, and what came of it, by their names."""
    report.add(scenario, counted[scenario])
    for name in names:
        report.add(f"{scenario}.{name}", counted[name])


def main() -> None:
    options = arguments()
    report = Report("chaos", {"seed": options.seed})
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="titans-chaos-") as folder:
        world = World.make(Path(folder))
        operations = world.operations() if options.kills or options.disk else []
        if options.kills:
            kills = kill_operations(world, operations, options.kills, random.Random(options.seed))
            tell(report, "kills", kills, "differ", "failed")
        if options.torn:
            torn = tear_files(world, options.torn, random.Random(options.seed + 1), complain)
            tell(report, "torn", torn, "undetected", "crashed", "repaired", "refused", "harmless")
        if options.sessions:
            report.add("sessions", options.sessions)
            report.add("sessions.differ", crowd(world, options.sessions))
        if options.races:
            both, neither = race(world, options.races)
            tell(report, "races", Counter(races=options.races, both=both, neither=neither), "both", "neither")
        if options.histories:
            erased = erase_histories(world, options.histories, options.seed, complain)
            for name in ("histories", "left", "failed"):
                report.add(f"erasing.{name}", erased[name])
        if options.erasing and available():
            erased = kill_erasings(world, options.erasing, random.Random(options.seed + 3), complain)
            for name in ("", "points", "left", "failed"):
                report.add(f"erasing.kills.{name}" if name else "erasing.kills", erased[name or "kills"])
        if options.handles:
            taken = take_over(world, options.handles, options.seed, complain)
            tell(report, "handles", taken, "wrong", "refused", "made")
        if options.disk:
            disk = fill_disks(world, operations, options.disk, random.Random(options.seed + 2), complain)
            report.settings["disk"] = "tmpfs and calls" if disk["tmpfs"] else "calls"
            tell(report, "enospc", disk, "tmpfs", "lost")
        if options.room:
            chaos_room.scenario(Path(folder) / "room", world.engine, report)
        if options.terminals:  # the last: its environment and threads stay
            chaos_terminals.scenario(Path(folder) / "terminals", world.model, report)
    report.add("seconds", time.monotonic() - begun)
    report.print(as_json=options.json)


if __name__ == "__main__":
    main()
