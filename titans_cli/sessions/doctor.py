"""Whether everything that titans needs is in order on this machine, and what to change where it is not.

A check yields findings and changes nothing; the two that `fix` concerns mend the permissions of the home. What is
looked for: versions, settings, terminal, processors, device, home (place, room, permissions, locks), model, speed.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sqlite3
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from titans_cli import __version__, settings
from titans_cli.errors import TitansError
from titans_cli.sessions.machine import Cores, cores, default_threads
from titans_cli.steps import Hint, NextStep
from titans_cli.store import Home
from titans_cli.store.files import FILE_MODE, FOLDER_MODE, atomic_write
from titans_cli.store.locks import exclusive

DISTRIBUTION = "titans-cli"
LITTLE_ROOM, NO_ROOM = 2_000_000_000, 100_000_000  # bytes; a paper of 2,000 tokens takes about 3 MB
TESTED = Path(__file__).with_name("tested.txt")  # by `make lock`
NEWEST_PYTHON = "3.11"  # that the suite was run with
LONG_UNTOUCHED = 86_400.0  # seconds
SLOW = 1_000  # tokens/s; two cores of an ordinary laptop do ten times as many
_MOVE, _FIX = NextStep("config set", key="home", value="FOLDER"), NextStep("doctor", fix=True)
# tokens of a page: 959 in 304 pages of 52 papers of the Journal of Open Source Education, JuliaCon and ReScience C
# (`titans ingest`, 2026-11-27)
PAGES, PAGE = 100, 960


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`level`: "ok", "advice" (works, and could be better), "problem" (something will fail). `todo`: what to change."""

    name: str
    level: str
    said: str
    todo: Hint | str = ""


def examine(*, encoding: str = "utf-8", fix: bool = False) -> Iterator[Diagnosis]:
    """Every finding, as it is found; the slow ones (model, speed) come last."""
    yield from _versions()
    yield from _settings()
    yield _terminal(encoding)
    here = cores()
    yield from _processors(here)
    home: Home | None = None
    try:
        home = Home.locate()
    except TitansError as error:
        yield _problem("home", error)
    else:
        yield from _home(home, fix)
        yield from _leftovers(home, fix)
    yield from _model(home)


def _problem(name: str, error: TitansError) -> Diagnosis:
    text = f"{error.subject}: {error.what}" if error.subject else error.what
    return Diagnosis(name, "problem", text, error.hint or "")


# ---------------------------------------------------------------- versions, settings, terminal


def _versions() -> Iterator[Diagnosis]:
    system = f"{platform.system()} {platform.machine()}"
    yield Diagnosis("titans", "ok", f"{__version__}, Python {platform.python_version()}, {system}")
    try:
        wanted = importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        yield Diagnosis("packages", "advice", "titans is not installed: it runs from its folder", "Run: pip install .")
        return
    from packaging.requirements import Requirement

    had, wrong, versions = [], [], {"python": platform.python_version()}
    for need in map(Requirement, wanted):
        if need.marker is not None and not need.marker.evaluate({"extra": ""}):
            continue
        try:
            version = importlib.metadata.version(need.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{need.name} is missing ({need.specifier})")
            continue
        had.append(f"{need.name} {version}")
        versions[need.name] = version
        if not need.specifier.contains(version, prereleases=True):
            wrong.append(f"{need.name} {version} is not {need.specifier}")
    if wrong:
        yield Diagnosis("packages", "problem", "; ".join(wrong), f"Run: {sys.executable} -m pip install {DISTRIBUTION}")
    else:
        shown = [v for v in had if v.split()[0] in ("torch", "transformers", "tokenizers", "safetensors", "typer")]
        yield Diagnosis("packages", "ok", f"all {len(had)} fit: {', '.join(shown)}, ...")
        if newer := _untested(versions):
            todo = "Nothing has to be done; if something fails, install the version that was tested"
            yield Diagnosis("tested", "advice", f"newer than what was tested: {'; '.join(newer)}", todo)
    if sqlite3.connect(":memory:").execute("SELECT sqlite_compileoption_used('ENABLE_FTS5')").fetchone() != (1,):
        todo = "Use a Python whose sqlite3 module has FTS5 (python.org, conda and all current distributions have it)"
        yield Diagnosis("sqlite", "problem", f"SQLite {sqlite3.sqlite_version} is built without FTS5", todo)


def _untested(versions: Mapping[str, str]) -> list[str]:
    """Of installed releases those that are newer than the newest the suite was run with; older ones do not fit."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name
    from packaging.version import Version

    lines = TESTED.read_text(encoding="utf-8").splitlines()
    tested = [Requirement(line) for line in lines if line and not line.startswith("#")]
    pinned = {
        canonicalize_name(pin.name): Version(next(iter(pin.specifier)).version)
        for pin in tested
        if pin.marker is None or pin.marker.evaluate()
    }
    pinned[canonicalize_name("python")] = Version(NEWEST_PYTHON)
    return [
        f"{name} {version} ({pinned[key]})"
        for name, version in versions.items()
        if (key := canonicalize_name(name)) in pinned
        and Version(version).release[: len(pinned[key].release)] > pinned[key].release
    ]


def _settings() -> Iterator[Diagnosis]:
    try:
        values = settings.load()
    except TitansError as error:
        yield _problem("settings", error)
    else:
        chosen = [f"{name} = {f.value} ({f.where})" for name, f in values.items() if f.origin != "default"]
        yield Diagnosis("settings", "ok", "; ".join(chosen) or "all as they come")
    if strange := settings.strangers():
        todo = f"Correct or unset it; there are: {', '.join(s.variable for s in settings.SETTINGS.values())}"
        yield Diagnosis("settings", "advice", f"titans does not know {', '.join(strange)}", todo)


def _terminal(encoding: str) -> Diagnosis:
    if "utf" in encoding.lower():
        return Diagnosis("terminal", "ok", f"writes {encoding}")
    todo = "Set PYTHONUTF8=1, or a UTF-8 locale: export LANG=C.UTF-8"
    return Diagnosis("terminal", "advice", f"writes {encoding}: letters it lacks are shown as escapes", todo)


# ---------------------------------------------------------------- processors


def _processors(here: Cores) -> Iterator[Diagnosis]:
    summary = f"{here.machine} in the machine, {here.allowed} allowed"
    summary += f", {here.quota:g} by the control group" if here.quota else ""
    yield Diagnosis("cores", "ok", summary)
    try:
        threads = default_threads()
    except TitansError:
        return  # told with the settings
    if threads > here.usable:
        todo = f"Set TITANS_THREADS={here.usable}, for sessions to be made"
        yield Diagnosis("threads", "advice", f"{threads}, more than the {here.usable} usable cores", todo)
    else:
        openmp = os.environ.get("OMP_NUM_THREADS")
        aside = f"; OMP_NUM_THREADS={openmp} does not change that, TITANS_THREADS does" if openmp else ""
        yield Diagnosis("threads", "ok", f"{threads} in new sessions{aside}")
    if os.environ.get("OMP_WAIT_POLICY", "passive").lower() != "passive":
        todo = "Unset OMP_WAIT_POLICY: waiting threads that spin cost a factor of ten on a busy machine"
        yield Diagnosis("threads", "advice", f"OMP_WAIT_POLICY={os.environ['OMP_WAIT_POLICY']}", todo)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > here.machine + 0.5:
        todo = "Other programs compete for the processors; reading will be slower, with the same result"
        yield Diagnosis("load", "advice", f"{load:.1f} processes want the {here.machine} cores", todo)


# ---------------------------------------------------------------- the home


def _home(home: Home, fix: bool) -> Iterator[Diagnosis]:
    there = next(folder for folder in (home.root, *home.root.parents) if folder.is_dir())
    made = "" if there == home.root else " (made by the first ingest)"
    try:
        with tempfile.TemporaryDirectory(prefix=".titans-doctor-", dir=there) as scratch:
            yield Diagnosis("home", "ok", f"{home.root}, can be written{made}")
            yield _locks(Path(scratch))
    except OSError as error:
        todo = Hint(f"Make {there} writable for you, or choose another folder: ", _MOVE)
        yield Diagnosis("home", "problem", f"{home.root} cannot be written ({error.strerror})", todo)
    yield _room(there)
    if there == home.root:
        yield _permissions(home.root, fix)


def _locks(scratch: Path) -> Diagnosis:
    """Whether a lock that is held keeps another out, and a file can be put in place whole."""
    todo = Hint("Move the home to a local disk: ", _MOVE)
    try:
        atomic_write(scratch / "file", [b"x"])
        with exclusive(scratch / "lock", 0):
            try:
                with exclusive(scratch / "lock", 0):
                    return Diagnosis("locks", "problem", "a lock does not keep a second writer out here", todo)
            except TimeoutError:
                return Diagnosis("locks", "ok", "one writer at a time, files are replaced whole")
    except (TitansError, TimeoutError) as error:
        return Diagnosis("locks", "problem", f"locks do not work here ({error})", todo)


def _room(folder: Path) -> Diagnosis:
    free = shutil.disk_usage(folder).free
    summary = f"{free / 1e9:,.1f} GB free"
    todo = Hint("Free some space, or move the home: ", _MOVE)
    if free < NO_ROOM:
        return Diagnosis("disk", "problem", summary, todo)
    return Diagnosis("disk", "advice", summary, todo) if free < LITTLE_ROOM else Diagnosis("disk", "ok", summary)


def _leftovers(home: Home, fix: bool) -> Iterator[Diagnosis]:
    """What killed commands left of sessions: gone from the home by now, and named where 0.1 left it outside."""
    removed = home.tidy()
    summary = (
        f"{len(removed)} things that killed commands had left are gone now, first {removed[0]}" if removed else "none"
    )
    yield Diagnosis("leftovers", "ok", summary)
    if here := [path for path in home.temporaries() if path not in removed]:
        yield Diagnosis("throw-away", "ok", f"{len(here)} in use by running commands")
    old = list(_runs_of_before())
    if not old:
        return
    if not fix:
        remains = f"{len(old)} throw-away sessions of titans 0.1 that was killed, first {old[0]}"
        yield Diagnosis("leftovers", "advice", remains, Hint("Remove them, with all their text: ", _FIX))
        return
    for folder in old:
        shutil.rmtree(folder, ignore_errors=True)
    left = [folder for folder in old if folder.exists()]
    if left:
        yield Diagnosis("leftovers", "problem", f"{left[0]} cannot be removed", f"Run: rm -r {left[0]}")
    else:
        yield Diagnosis("leftovers", "ok", f"{len(old)} throw-away sessions of titans 0.1 are gone now")


def _runs_of_before() -> Iterator[Path]:
    """The folders in which 0.1 kept throw-away sessions; a command that still works in one has touched it lately."""
    for folder in sorted(Path(tempfile.gettempdir()).glob("titans-run-*")):
        try:
            mine = (
                folder.is_dir() and not folder.is_symlink() and (os.name == "nt" or folder.stat().st_uid == os.getuid())
            )
            touched = max(path.lstat().st_mtime for path in (folder, *folder.rglob("*")))
        except OSError:
            continue
        if mine and time.time() - touched > LONG_UNTOUCHED:
            yield folder


def _permissions(root: Path, fix: bool) -> Diagnosis:
    """What was read is nobody else's business: folders 0700, files 0600."""
    if os.name == "nt":  # pragma: no cover
        return Diagnosis("permissions", "ok", "left to Windows")
    others = stat.S_IRWXG | stat.S_IRWXO
    open_to_others = [
        path for path in (root, *root.rglob("*")) if not path.is_symlink() and path.stat().st_mode & others
    ]
    if not open_to_others:
        return Diagnosis("permissions", "ok", "readable by you alone")
    many = f"{len(open_to_others)} files and folders"
    if not fix:
        todo = Hint("Run: ", _FIX)
        return Diagnosis("permissions", "advice", f"{many} can be read by others, first {open_to_others[0]}", todo)
    try:
        for path in open_to_others:
            path.chmod(FOLDER_MODE if path.is_dir() else FILE_MODE)
    except OSError as error:
        return Diagnosis("permissions", "problem", f"{path}: {error.strerror}", f"Run: sudo chown -R $USER {root}")
    return Diagnosis("permissions", "ok", f"{many} were readable by others, and are not any more")


# ---------------------------------------------------------------- model and speed


def _model(home: Home | None) -> Iterator[Diagnosis]:
    try:
        import torch

        from titans_cli.sessions.engines import new_engine
    except ImportError as error:
        todo = f"Install it: {sys.executable} -m pip install torch (a CPU build is enough)"
        yield Diagnosis("torch", "problem", f"cannot be imported ({error})", todo)
        return
    yield _device(torch.__version__, torch.version.cuda, torch.cuda.is_available())
    try:
        chosen = settings.value("model")
        engine = new_engine(None if chosen is None else str(chosen))
    except TitansError as error:
        yield _problem("model", error)
        return
    yield Diagnosis("model", "ok", f"{engine.name} loads, fingerprint {engine.fingerprint[:12]}, {engine.precision}")
    from titans_cli.sessions import pace
    from titans_cli.sessions.preview import BESIDE, trial

    rate = trial(engine)
    before = pace.load(home).tokens_per_s if home else {}
    last = before.get(pace.key(engine.fingerprint, engine.precision, torch.get_num_threads()))
    seconds = PAGES * PAGE / (last or rate / BESIDE)
    summary = f"reads {rate:,.0f} tokens/s with {torch.get_num_threads()} threads"
    summary += f", {last:,.0f} with all that belongs to it last time" if last else ""
    summary += f": {PAGES} pages of a paper in about {seconds:,.0f} s"
    faster = NextStep("config set", key="precision", value="auto")
    look = Hint("Look at cores, threads and load above; this may help too: ", faster)
    yield Diagnosis("speed", "advice", summary, look) if rate < SLOW else Diagnosis("speed", "ok", summary)


def _device(version: str, cuda: str | None, available: bool) -> Diagnosis:
    if cuda is None or available:
        aside = "; the GPU is left alone, the model is small" if available else ""
        return Diagnosis("device", "ok", f"CPU, torch {version}{aside}")
    todo = "A CPU build of torch saves gigabytes: pip install torch --index-url https://download.pytorch.org/whl/cpu"
    return Diagnosis("device", "advice", f"CPU; torch {version} carries CUDA {cuda}, and there is no GPU", todo)
