"""The world that `benchmarks.chaos` breaks things in: a tiny model, homes to copy, operations, and children to kill.

torch is imported and the engine loaded once; every trial is a fork of this process, ready in milliseconds. The parent
itself never computes, so no thread is lost in a fork.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sqlite3
import sys
import threading  # noqa: F401 - imported before any fork, as filelock does
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, NoReturn, TextIO, cast

import filelock  # noqa: F401 - likewise
import torch

from tests.sessions.samples import file_hashes, write_document
from tests.tiny import SPEC, make_sentences, write_folder
from titans_cli.errors import NotFoundError, TitansError, UsageError
from titans_cli.model.engine import Engine
from titans_cli.model.tokenizer import TitansTokenizer
from titans_cli.sessions.health import check_session
from titans_cli.sessions.history import forget
from titans_cli.sessions.ingest import IngestOptions, IngestRequest, create_session, ingest
from titans_cli.store import Home, LongTermMemory, SessionStore, export_session, import_session

SESSION, ENTRY = "papers", "kept"
DATABASE = "episodes.sqlite"
LONGER = 110  # sentences of a document that has two cells and is read in three batches
State = dict[str, Any]

# What is compared of each table: all but times. A row of `sources` says where it was read, which is the same for all.
TABLES = {
    "sources": "id, uri, display, sha256, size, kind, title, pages, blocks_total, blocks_done, tokens, origin",
    "pages": "source_id, number, text",
    "blocks": "id, source_id, ordinal, page, start_char, end_char, text, tokens, position, surprise",
    "landmarks": "block_id, hex(vector)",
    "snapshots": "number, source_id, cell, blocks_done, sha256, size",
    "events": "id, kind, text, data",
    "derived": "event_id, source_id",
}


# ---------------------------------------------------------------- children


@dataclass(frozen=True)
class Outcome:
    """How a child ended: with a value, with one of our errors (its exit code), with a traceback, or killed."""

    value: Any = None
    code: int = 0
    error: str = ""
    crash: str = ""
    killed: bool = False

    @property
    def done(self) -> bool:
        return not (self.code or self.crash or self.killed)


class Child:
    """A fork that does `work`; its outcome comes back through a pipe."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.pipe, into = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.pipe)
            _be_child(work, into)
        os.close(into)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def outcome(self) -> Outcome:
        with os.fdopen(self.pipe, "rb") as said:
            text = said.read()
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        if code == -signal.SIGKILL:
            return Outcome(killed=True)
        if code != 0 or not text:
            return Outcome(crash=f"it ended with {code} and said nothing")
        return Outcome(**json.loads(text))


def _be_child(work: Callable[[], Any], into: int) -> NoReturn:
    write = os.write  # before `work` puts something else in its place
    said: dict[str, Any]
    try:
        said = {"value": work()}
    except TitansError as error:
        said = {"code": error.exit_code, "error": f"{type(error).__name__}: {error}"}
    except BaseException:  # noqa: BLE001 - this is what we look for
        said = {"crash": traceback.format_exc()}
    rest = memoryview(json.dumps(said).encode())
    while len(rest):
        rest = rest[write(into, rest) :]
    os._exit(0)


def run(work: Callable[[], Any]) -> Outcome:
    return Child(work).outcome()


def run_or_fail(work: Callable[[], Any]) -> Any:
    """For what must not fail, lest nothing that follows means anything."""
    outcome = run(work)
    if not outcome.done:
        raise RuntimeError(outcome.crash or outcome.error or "killed")
    return outcome.value


def killed_after(work: Callable[[], Any], seconds: float) -> Outcome:
    child = Child(work)
    time.sleep(seconds)
    child.kill()
    return child.outcome()


# ---------------------------------------------------------------- what is compared


def tables(database: Path) -> State:
    """Every row that a session retains."""
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as db:
        found = {
            table: [list(row) for row in db.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2")]
            for table, columns in TABLES.items()
        }
        found["unclean"] = [list(row) for row in db.execute("SELECT value FROM meta WHERE key = 'unclean'")]
        return found


def leftovers(home: Path) -> list[str]:
    return sorted(p.name for p in home.rglob("*") if p.name.startswith((".tmp-", ".new-", ".gone-")))


def session_state(home: Path, name: str = SESSION) -> State:
    """What a session holds: the digest of its memory, its rows, its files; what is wrong with it; what lies about."""
    store = SessionStore.open(Home(home), name)
    return {
        "memory": store.memory_sha256(),
        "findings": findings(home, name),
        **tables(store.folder / DATABASE),
        "files": file_hashes(store.folder / "snapshots"),
        "leftovers": leftovers(home),
    }


def entry_state(home: Path) -> State:
    """What was promoted, read whole; and what is left of the session."""
    memory = LongTermMemory(Home(home))
    entry = memory.verify(ENTRY)
    store = SessionStore.open(Home(home), SESSION)
    return {
        "memory": entry.memory_sha256,
        "sources": [dict(source) for source in entry.sources],
        "probes": [[probe.get("name"), probe.get("passed"), probe.get("figure")] for probe in entry.probes],
        **{f"kept {name}": rows for name, rows in tables(home / "ltm" / ENTRY / DATABASE).items()},
        "session": [store.info.state, store.info.promoted_to],
        "files": sorted(p.name for p in store.folder.iterdir() if not p.name.startswith("lock")),
        "leftovers": leftovers(home),
    }


def findings(home: Path, name: str = SESSION) -> list[str]:
    return [f"{f.subject}: {f.what}" for f in check_session(Home(home), name, read_data=True).findings]


def differences(state: State, expected: State) -> list[str]:
    return [key for key in expected if state.get(key) != expected[key]]


# ---------------------------------------------------------------- operations


@dataclass
class Operation:
    """Something that is interrupted. `done_says`: what repeating it says once it was done, if not nothing."""

    name: str
    base: Path  # a home; every trial works on a copy
    run: Callable[[Path], None]
    state: Callable[[Path], State]
    done_says: type[TitansError] | None = None
    expected: State = field(default_factory=dict)  # after an uninterrupted run
    seconds: float = 0.0

    def resume(self, home: Path) -> None:
        try:
            self.run(home)
        except TitansError as error:
            if type(error) is not self.done_says:
                raise


@dataclass(frozen=True)
class World:
    root: Path
    engine: Engine
    model: Path

    @classmethod
    def make(cls, root: Path) -> World:
        torch.set_num_threads(1)
        os.environ["TITANS_THREADS"] = "1"
        model = write_folder(root / "model", TitansTokenizer.train(make_sentences(400), SPEC.vocab_size))
        return cls(root, Engine.load(model), model)

    def read(self, home: Path, paths: Sequence[Path], name: str = SESSION) -> None:
        """Read into a session, committing after every batch. A file that fails is a failure here."""
        how = IngestOptions(commit_seconds=0)
        for event in ingest(Home(home), name, IngestRequest([str(p) for p in paths]), how, self.engine):
            if type(event).__name__ == "FileFailed":
                raise RuntimeError(str(event))

    def start(self, home: Path, name: str = SESSION, paths: Sequence[Path] = ()) -> None:
        """A new session of that name that has read `paths`."""
        Home(home).ensure()
        create_session(Home(home), name, model=str(self.model), engine=self.engine)
        if paths:
            self.read(home, paths, name)

    def documents(self, folder: str, *sentences: int, seed: int = 0) -> list[Path]:
        """One document of so many sentences each."""
        where = self.root / folder
        return [write_document(where / f"{i:02d}.txt", sentences=n, seed=seed + i) for i, n in enumerate(sentences)]

    def operations(self) -> list[Operation]:
        """Ingest, the replacing of a changed file, forgetting, promotion, import."""
        made = [self._ingest(), self._replace(), self._forget(), self._promote(), self._import()]
        for operation in made:
            home = self.root / f"{operation.name}-whole"
            copy_home(operation.base, home)
            begun = time.monotonic()
            run_or_fail(partial(operation.run, home))
            operation.seconds = time.monotonic() - begun
            operation.expected = run_or_fail(partial(operation.state, home))
            if operation.expected.get("findings"):
                raise RuntimeError(f"{operation.name} is unsound uninterrupted: {operation.expected['findings']}")
        return made

    def _ingest(self) -> Operation:
        base, paths = self.root / "ingest-base", self.documents("ingest-docs", 12, LONGER, 20, seed=100)
        run_or_fail(lambda: self.start(base))
        return Operation("ingest", base, lambda home: self.read(home, paths), session_state)

    def _replace(self) -> Operation:
        base, paths = self.root / "replace-base", self.documents("replace-docs", 12, 40, 12, seed=200)
        run_or_fail(lambda: self.start(base, paths=paths))
        write_document(paths[1], sentences=LONGER, seed=299)
        return Operation("replace", base, lambda home: self.read(home, paths), session_state)

    def _forget(self) -> Operation:
        base, paths = self.root / "forget-base", self.documents("forget-docs", 12, 60, 12, seed=300)
        run_or_fail(lambda: self.start(base, paths=paths))

        def run_(home: Path) -> None:
            forget(Home(home), SESSION, str(paths[1]))

        return Operation("forget", base, run_, session_state, NotFoundError)

    def _promote(self) -> Operation:
        base, paths = self.root / "promote-base", self.documents("promote-docs", 12, 60, seed=400)
        run_or_fail(lambda: self.start(base, paths=paths))

        def run_(home: Path) -> None:
            titans(home, "session", "promote", SESSION, "--as", ENTRY, "--yes")  # with its gate

        return Operation("promote", base, run_, entry_state)

    def _import(self) -> Operation:
        file, base = self.exported(), self.root / "import-base"
        run_or_fail(lambda: self.start(base, "other"))

        def run_(home: Path) -> None:
            import_session(Home(home), file, SESSION)

        return Operation("import", base, run_, session_state, UsageError)

    def exported(self) -> Path:
        """The file of an exported session; the session it came from is in the home `export-base`."""
        base, file = self.root / "export-base", self.root / "exported.tar"
        paths = self.documents("export-docs", 12, 60, seed=500)
        if not file.exists():

            def make() -> None:
                self.start(base, paths=paths)
                export_session(SessionStore.open(Home(base), SESSION), file)

            run_or_fail(make)
        return file


@cache
def _command() -> Any:
    from titans_cli.cli.app import command_tree

    return command_tree()


def import_commands(home: Path) -> None:
    """Import what commands need, and what decides which words are common, once for all forks. Makes an empty home."""
    from titans_cli.cli import app  # noqa: F401 - with every command; they are imported when first typed
    from titans_cli.sessions.traces import is_common

    Home(home).ensure()
    before = os.environ.get("TITANS_HOME")
    titans(home, "session", "list")
    os.environ.pop("TITANS_HOME") if before is None else os.environ.update(TITANS_HOME=before)
    is_common("the")


class _Lines:
    """A standard input whose lines are made when they are read."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.buffer = (f"{line}\n".encode() for line in lines)

    def isatty(self) -> bool:
        return False


def titans(home: Path, *argv: str, stdin: Iterable[str] = (), into: io.BytesIO | None = None) -> str:
    """A command line, in this process; what it printed, also to `into` as it is printed. Its errors are raised, not
    told. Only for a child."""
    os.environ["TITANS_HOME"] = str(home)
    said = into if into is not None else io.BytesIO()
    out = io.TextIOWrapper(said, encoding="utf-8", errors="backslashreplace", write_through=True)
    before, sys.stdin = sys.stdin, cast(TextIO, _Lines(stdin))
    try:
        with open(os.devnull, "w") as nowhere, redirect_stdout(out), redirect_stderr(nowhere):  # noqa: PTH123
            _command().main(args=list(argv), prog_name="titans", standalone_mode=False)
    finally:
        sys.stdin = before
        out.detach()
    return said.getvalue().decode()


def copy_home(base: Path, home: Path) -> Path:
    import shutil

    if home.exists():
        shutil.rmtree(home)
    shutil.copytree(base, home)
    return home
