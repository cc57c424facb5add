"""Hostile input: files that are not what they seem, and homes in which somebody changed something.

    files     `titans ingest` of a file that was spoilt or made to hurt (fuzz_files.py), by name or from stdin, and then
              `titans check`. `read`: committed. `refused`: exit 3, with a reason that errors.py knows. `stopped`: still
              reading text after `STOP_S` of the processor, and then by SIGTERM.
    homes     a session, an LTM entry or an exported session that was spoilt (fuzz_homes.py), and all the commands that
              meet it, one after the other. `read`: each did what it should. `refused`: some said why not.

    crashed   a traceback, death by a signal, or an exit code that is not in the README
    unsound   `check` finds fault after a file was read or a repair was done; a refused import left a session;
              something outside the home was changed
    hung      a trial took more than `HUNG_S` of the processor, or nothing of it for `IDLE_S`
    memory    a process was larger than `BOUND_MB`, at any time: titans itself, or one that parses for it

Every trial is a process; trial N is the same whenever it is run with the same seed: `--only N`. The model is tiny and
random, so text of any length is read in a moment; the readers' limits are lower than the real ones (`LIMITS`).
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import resource
import select
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import NoReturn

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # before they are imported: threads and forks do not mix

from benchmarks import fuzz_files, fuzz_homes
from benchmarks.chaos_world import World, run_or_fail
from benchmarks.common import Report, parser
from benchmarks.fuzz_homes import CANARY, ENTRY, EXPORT, SESSION
from titans_cli import errors
from titans_cli.cli.main import run as titans
from titans_cli.cli.signals import leave_in_order
from titans_cli.readers import Limits
from titans_cli.sessions import ingest
from titans_cli.store import Home, LongTermMemory, SessionStore, export_session

LIMITS = Limits(seconds_per_page=4, seconds=20, memory_bytes=512 << 20, max_text_chars=10_000_000)
# Seconds of the processor: those of the clock say how busy the machine is.
STOP_S = 10.0  # of one command; then SIGTERM, as an impatient person would
HUNG_S = 60.0  # of a trial with a file; twice as many with a home, which has more commands
IDLE_S = 120.0  # of the clock: whoever takes nothing of the processor for so long waits for what never comes
BOUND_MB = 1200
RUNAWAY = 8 << 30  # bytes of address space; a process that wants more is stopped before the machine suffers
TREE: list[type[errors.TitansError]] = [
    errors.TitansError,
    *errors.TitansError.__subclasses__(),
    *errors.ReadError.__subclasses__(),
]
CODES = {0, 130, 143, *(error.exit_code for error in TREE)}
REASONS = {error.kind for error in TREE if issubclass(error, errors.ReadError)}
BAD = ("crashed", "unsound", "hung", "memory")


@dataclass
class Said:
    """What a command said. `crash`: its traceback."""

    argv: Sequence[str]
    code: int = -1
    out: str = ""
    err: str = ""
    crash: str = ""


@dataclass
class Ended:
    """What a trial's process told before its end, if it came to that."""

    said: list[Said] = field(default_factory=list)
    peak_mb: float = 0.0  # of the larger process
    hung: bool = False
    died: str = ""


# ---------------------------------------------------------------- one process


def in_child(folder: Path, commands: Sequence[tuple[str, ...]], stdin: bytes | None, seconds: float) -> Ended:
    """Run the commands in `folder`, in a process of its own."""
    told = folder / "told.jsonl"
    pid = os.fork()
    if pid == 0:
        _be_child(folder, told, commands, stdin)
    hung = not _ended_within(pid, seconds)
    if hung:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    lines = [json.loads(line) for line in told.read_text().splitlines()] if told.exists() else []
    peaks = [usage.ru_maxrss / 1024, *(line["workers_mb"] for line in lines)]
    code = os.waitstatus_to_exitcode(status)
    said = [Said(**line["said"]) for line in lines]
    return Ended(said, max(peaks), hung, "" if hung or code == 0 else f"it ended with {code}")


def _ended_within(pid: int, seconds: float) -> bool:
    """Whether the child ended before it, and its parsers, had taken so many seconds of the processor or idled."""
    descriptor = os.pidfd_open(pid)
    taken, since = 0.0, time.monotonic()
    try:
        while not select.select([descriptor], [], [], 0.5)[0]:
            now = processor_seconds(pid)
            if now > taken:
                taken, since = now, time.monotonic()
            if taken > seconds or time.monotonic() - since > IDLE_S:
                return False
        return True
    finally:
        os.close(descriptor)


def processor_seconds(session: int) -> float:
    """What the processes of a session of the operating system have taken, with their children that have ended."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                ticks += sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime: proc(5)
    return ticks / os.sysconf("SC_CLK_TCK")


def _be_child(folder: Path, told: Path, commands: Sequence[tuple[str, ...]], stdin: bytes | None) -> NoReturn:
    code = 1
    try:
        os.setsid()  # with its parsers, so that none outlives it
        os.chdir(folder)
        os.environ["TITANS_HOME"] = str(folder / "home")
        resource.setrlimit(resource.RLIMIT_AS, (RUNAWAY, resource.getrlimit(resource.RLIMIT_AS)[1]))
        leave_in_order()
        ingest.IngestOptions = partial(ingest.IngestOptions, limits=LIMITS)  # type: ignore[assignment,misc]
        with told.open("a") as file:
            for argv in commands:
                said = _command(argv, stdin)
                workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
                file.write(json.dumps({"said": asdict(said), "workers_mb": workers}) + "\n")
                file.flush()
        code = 0
    finally:
        os._exit(code)


def _command(argv: tuple[str, ...], stdin: bytes | None) -> Said:
    """One command line, with its streams as a shell gives them: they must take every text."""
    said, out, err = Said(argv), io.BytesIO(), io.BytesIO()
    streams = [io.TextIOWrapper(b, encoding="utf-8", errors="backslashreplace", write_through=True) for b in (out, err)]
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin or b""), encoding="utf-8")
    sys.stdout, sys.stderr = streams
    try:
        with stopped_after(STOP_S):
            said.code = titans(argv)
    except SystemExit as leaving:  # `sys.exit` in `main` of the command line
        said.code = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:  # noqa: BLE001 - this is what we look for
        said.crash = traceback.format_exc()
    said.out, said.err = (b.getvalue().decode("utf-8", "replace") for b in (out, err))
    return said


@contextmanager
def stopped_after(seconds: float) -> Iterator[None]:
    """SIGTERM to this process once it has taken so many seconds of the processor in the block."""
    begun, done = time.process_time(), threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            if time.process_time() - begun > seconds:
                os.kill(os.getpid(), signal.SIGTERM)
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


# ---------------------------------------------------------------- trials


@dataclass(frozen=True)
class Bench:
    """Where trials happen: a home to copy for files, one for homes, a folder for the one that runs."""

    root: Path
    blank: Path
    full: Path

    @classmethod
    def make(cls, root: Path) -> Bench:
        world = World.make(root)
        os.environ["TITANS_MODEL"] = str(world.model)
        blank, full = root / "blank", root / "full"

        def fill() -> None:
            home = full / "home"
            world.start(home, SESSION, world.documents("docs", 12, 110, 20))
            home_ = Home(home)
            home_.set_current(SESSION)
            world.start(home, "other", world.documents("other", 12))
            LongTermMemory(home_).promote(SessionStore.open(home_, "other"), ENTRY)
            export_session(SessionStore.open(home_, SESSION), home / EXPORT)

        def begin() -> None:
            world.start(blank / "home")
            Home(blank / "home").set_current(SESSION)

        run_or_fail(fill)
        run_or_fail(begin)
        world.documents("new", 12, seed=77)[0].rename(full / "new.txt")
        (full / CANARY).mkdir()
        (full / CANARY / "kept.txt").write_text("outside of every home")
        (full / CANARY / "deeper").mkdir()
        return cls(root / "trial", blank, full)

    def fresh(self, base: Path) -> Path:
        if self.root.exists():
            make_removable(self.root)
            shutil.rmtree(self.root)
        shutil.copytree(base, self.root, symlinks=True)
        return self.root


def make_removable(folder: Path) -> None:
    for path, _, _ in os.walk(folder):
        Path(path).chmod(0o700)


def try_file(bench: Bench, rng: random.Random) -> tuple[str, str, Ended, str]:
    """How it was made, the verdict, how it ended, and why."""
    folder = bench.fresh(bench.blank)
    (folder / "in").mkdir()
    how, path = fuzz_files.write(folder / "in", rng)
    by_name = rng.random() < 0.9
    named = rng.choice((f"./in/{path.name}", "in")) if by_name else "-"
    stdin = None if by_name else path.read_bytes()
    ended = in_child(folder, [("ingest", named, "--json"), ("check", "--read-data")], stdin, HUNG_S)
    verdict, why = judge(ended)
    if verdict not in BAD:
        verdict, why = judge_file(ended)
    return f"{how} as {named!r}", verdict, ended, why


def judge(ended: Ended) -> tuple[str, str]:
    """`crashed`, `hung` or `memory`; else `ended`."""
    for said in ended.said:
        if said.crash or said.code not in CODES:
            return "crashed", f"{' '.join(said.argv)}: {said.code} {said.crash or said.err}"
    if ended.hung:
        return "hung", f"after {[said.argv for said in ended.said]}"
    if ended.died:
        return "crashed", f"{ended.died} after {[said.argv for said in ended.said]}"
    if ended.peak_mb > BOUND_MB:
        return "memory", f"{ended.peak_mb:.0f} MB"
    return "ended", ""


def judge_file(ended: Ended) -> tuple[str, str]:
    read, checked = ended.said
    events = [json.loads(line) for line in read.out.splitlines()]
    failed = [e for e in events if e["schema"] == "titans.ingest.file-failed/1"]
    if checked.code != 0:
        return "unsound", checked.out + checked.err
    if read.code in (130, 143):
        return "stopped", ""
    if read.code == 3:
        odd = [e for e in failed if e.get("kind") not in REASONS]
        return ("refused", "") if failed and not odd else ("crashed", f"refused for {odd}: {read.out}")
    if read.code == 0:
        return "read", ""
    return "crashed", f"exit {read.code}: {read.out} {read.err}"


def try_home(bench: Bench, rng: random.Random) -> tuple[str, str, Ended, str]:
    folder = bench.fresh(bench.full)
    how, commands = fuzz_homes.spoil(folder / "home", rng)
    ended = in_child(folder, commands, None, HUNG_S * 2)
    verdict, why = judge(ended)
    if verdict not in BAD:
        verdict, why = judge_home(folder, ended)
    return how, verdict, ended, why


def judge_home(folder: Path, ended: Ended) -> tuple[str, str]:
    canary = folder / CANARY
    there = sorted(p.name for p in canary.rglob("*")) if canary.is_dir() else []
    if there != ["deeper", "kept.txt"] or (canary / "kept.txt").read_text() != "outside of every home":
        return "unsound", f"outside of the home there is now {there}"
    repaired = False
    for said in ended.said:
        if said.argv[:2] == ["session", "repair"]:
            repaired = said.code == 0
        elif said.argv[0] == "check" and repaired and said.code != 0:
            return "unsound", f"after a repair: {said.out} {said.err}"
        elif said.argv[:2] == ["session", "import"] and said.code != 0:
            left = [p.name for p in (folder / "home" / "sessions").iterdir() if p.name.startswith((".new-", "fresh"))]
            if left:
                return "unsound", f"a refused import left {left}: {said.err}"
    return ("refused" if any(said.code for said in ended.said) else "read"), ""


# ---------------------------------------------------------------- all of them


def arguments() -> argparse.Namespace:
    made = parser(__doc__)
    made.formatter_class = argparse.RawDescriptionHelpFormatter
    made.add_argument("--files", type=int, help="default 2,000, with --quick 60")
    made.add_argument("--homes", type=int, help="default 800, with --quick 40")
    made.add_argument("--only", metavar="N", help="this trial alone, e.g. file-17 or home-4, and all that it said")
    made.add_argument("--seed", type=int, default=20261123)
    options = made.parse_args()
    options.files = options.files if options.files is not None else 60 if options.quick else 2000
    options.homes = options.homes if options.homes is not None else 40 if options.quick else 800
    return options


def main() -> int:
    options = arguments()
    names = [f"file-{n}" for n in range(options.files)] + [f"home-{n}" for n in range(options.homes)]
    random.Random(options.seed).shuffle(names)  # a run that is cut short has met a bit of everything
    report = Report("fuzz", {"seed": options.seed, "bound_mb": BOUND_MB, "hung_s": HUNG_S, "limits": asdict(LIMITS)})
    counts: Counter[str] = Counter()
    begun, peak = time.monotonic(), 0.0
    with tempfile.TemporaryDirectory(prefix="titans-fuzz-") as folder:
        bench = Bench.make(Path(folder))
        for done, name in enumerate([options.only] if options.only else names, start=1):
            kind = name.partition("-")[0]
            one = try_file if kind == "file" else try_home
            how, verdict, ended, why = one(bench, random.Random(f"{options.seed} {name}"))
            counts.update((f"{kind}s", f"{kind}s.{verdict}"))
            peak = max(peak, ended.peak_mb)
            if verdict in BAD or options.only:
                print(f"{name}: {verdict}: {how}: {why}", file=sys.stderr, flush=True)
            if done % 100 == 0:
                print(f"{done} trials: {dict(counts)}, peak {peak:.0f} MB", file=sys.stderr, flush=True)
            if options.only:
                tell(ended.said)
        make_removable(Path(folder))
    for kind, good in (("files", ("read", "refused", "stopped")), ("homes", ("read", "refused"))):
        for name in (kind, *(f"{kind}.{verdict}" for verdict in (*good, *BAD))):
            report.add(name, counts[name])
    report.add("peak_mb", peak)
    report.add("seconds", time.monotonic() - begun)
    report.print(as_json=options.json)
    return int(any(counts[f"{kind}.{verdict}"] for kind in ("files", "homes") for verdict in BAD))


def tell(said: Sequence[Said]) -> None:
    for one in said:
        print(
            f"$ titans {' '.join(one.argv)}\n{one.out[:3000]}{one.err[:3000]}{one.crash}[{one.code}]", file=sys.stderr
        )


if __name__ == "__main__":
    sys.exit(main())
