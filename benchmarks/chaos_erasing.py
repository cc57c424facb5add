"""The part of `benchmarks.chaos` about what was forgotten: random histories, and every byte searched for what is gone.

A history tells a session facts and reads documents of them, each with a value that stands nowhere else; asks for them,
also with the value in the question, open-book, closed-book and through an endpoint, and while something is forgotten;
updates, deletes, forgets, rewinds, collects, forks, exports, reports, promotes and discards. Then the bytes of all
files are searched: the session's for every value it has forgotten so far, what was made of it (fork, export, report,
entry) for those that were forgotten when it was made, everything else, and the folder for temporary files, for all.

The memory is the tiny model's, with one thing put in its place: its recall opens the cells that the model finds
nearest, and says the value that stands in the text of the best of them. A random model recalls nothing, and what the
memory rightly recalled is what has to go.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks.chaos_syscalls import killed_at
from benchmarks.chaos_world import Outcome, World, copy_home, findings, import_commands, run, run_or_fail, titans
from tests.tiny import make_sentences
from titans_cli.errors import NotFoundError, TitansError, UsageError
from titans_cli.model.engine import Engine
from titans_cli.model.interface import Recollection
from titans_cli.report.write import write_report
from titans_cli.sessions.ask import Asking, Writing, ask
from titans_cli.sessions.history import erase, forget, recall, rewind, session_log
from titans_cli.sessions.ingest import How, What, create_session, ingest
from titans_cli.sessions.items import add, filter_items, update
from titans_cli.sessions.lifecycle import discard_session, export, fork, promote_session
from titans_cli.sessions.selection import Filter
from titans_cli.store import Home, LongTermMemory, SessionStore, database

Complain = Callable[[str], None]
NAME = "papers"
STEPS = 14
LABELS = ("vault code", "keeper", "opening phrase", "night watch", "serial number", "patron")
PLACES = ("Brixholm depot", "Castrel tower", "Ostrava sound", "Merrow quay", "Tolvine archive", "Garrick hall")
_SYLLABLES = ("bra", "kel", "mor", "tun", "vis", "dro", "fen", "gal", "hos", "jun", "lar", "nep", "pyl", "rud", "zev")
_COMMON = ("water", "house", "light", "power", "white", "north", "young", "money", "music", "black", "south", "green")
_SAID = re.compile(r"The (?P<label>[\w ]+?) of (?P<place>[\w ]+?) is (?P<value>[\w ]+)\.")


def value_of(rng: random.Random) -> str:
    """A figure, or a name of one or two words, that nobody else has; or common words in an order of their own."""

    def name() -> str:
        return "".join(rng.choices(_SYLLABLES, k=3)).capitalize() + rng.choice("bdgkmt")

    common = " ".join(rng.sample(_COMMON, 3))
    return rng.choice((str(rng.randrange(10_000, 1_000_000)), name(), f"{name()} {name()}", common))


# ---------------------------------------------------------------- a memory that recalls, an endpoint that is slow


class Gate:
    """Holds whoever comes, once it is shut, until it is opened."""

    def __init__(self) -> None:
        self.reached, self._open, self.shut = threading.Event(), threading.Event(), False

    def pass_through(self) -> None:
        if self.shut:
            self.shut = False
            self.reached.set()
            self._open.wait(60)

    @contextmanager
    def held(self) -> Iterator[None]:
        self.reached.clear()
        self._open.clear()
        self.shut = True
        try:
            yield
        finally:
            self.shut = False
            self._open.set()


class Knowing:
    """The tiny model; what its memory recalls is the value that the text of the best of the opened cells has."""

    def __init__(self, engine: Engine, gate: Gate) -> None:
        self.engine, self.gate = engine, gate

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def recall(self, cells: Sequence[Any], question: str) -> Recollection:
        asked = set(re.findall(r"\w+", question))
        best, said = 0, ""
        if cells:
            self.engine.recall(cells, question)  # opens the nearest, as it always does
        for heard in cells:
            if heard.cell.info.source_id not in heard.heard:
                continue
            with heard.cell.store.episodes() as episodes:
                text = " ".join(page.text for page in episodes.pages(heard.cell.info.source_id))
            for match in _SAID.finditer(text):
                shared = len(asked & set(re.findall(r"\w+", match[0])))
                if shared > best:
                    best, said = shared, match["value"]
        self.gate.pass_through()
        return Recollection(said, 0.99 if said else 0.0)


class Endpoint:
    """An OpenAI-compatible server that says all of its passages again, once its gate lets it."""

    def __init__(self) -> None:
        gate = self.gate = Gate()

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                passages = body["messages"][-1]["content"].partition("\n\nQuestion:")[0]
                gate.pass_through()
                with suppress(OSError):
                    self.send_response(200)
                    self.send_header("Content-Type", "text/event-stream")
                    self.end_headers()
                    for said in (" ".join(passages.split()), " [1]"):
                        event = {"choices": [{"delta": {"content": said}, "finish_reason": None}]}
                        self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
                    end = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
                    self.wfile.write(f"data: {json.dumps(end)}\n\ndata: [DONE]\n\n".encode())

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1#echo"


# ---------------------------------------------------------------- one history


@dataclass
class Told:
    """Something that the session holds: an item by its key, or a document by its path."""

    named: str
    subject: str
    values: list[str]
    document: bool = False


class History:
    def __init__(self, world: World, folder: Path, seed: int) -> None:
        self.rng, self.folder = random.Random(seed), folder
        self.home = Home(folder / "home")
        self.home.ensure()
        for name in ("tmp", "out", "docs"):
            (folder / name).mkdir(parents=True)
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder / "tmp")
        database.BUSY_SECONDS = 0.3  # a reader that is held up is not worth waiting for here
        self.gate, self.endpoint = Gate(), Endpoint()
        self.engine: Any = Knowing(world.engine, self.gate)
        create_session(self.home, NAME, model=str(world.model), engine=world.engine)
        self.held: list[Told] = []
        self.dead: set[str] = set()  # must be nowhere
        self.superseded: set[str] = set()  # on disk, and shown to nobody
        self.ever: set[str] = set()
        self.made: dict[Path, set[str]] = {}  # what was made of the session, and what had to be gone from it then
        self.wrong: list[str] = []
        self.done: list[str] = []
        self.gone = False
        self.counted = 0
        self.foreseen: list[tuple[str, str]] = []  # subject and value of questions asked before anybody told

    # ---- what it does

    def run(self) -> list[str]:
        self.tell()
        for _ in range(STEPS):
            steps = [self.tell, self.tell, self.read, self.ask, self.ask, self.ask, self.during, self.during]
            steps += [self.change, self.change, self.delete, self.look, self.hide, self.foresee, self.copy]
            self.step(self.rng.choice(steps))
        self.step(self.rng.choice([self.promote, self.discard, self.delete, self.collect]))
        if not self.gone:
            SessionStore.open(self.home, NAME)  # whoever opens it finishes what a reader had kept from being erased
        self.search()
        return [f"{what} (after {', '.join(self.done)})" for what in self.wrong]

    def step(self, what: Callable[[], None]) -> None:
        self.done.append(what.__name__)
        what()

    def fact(self) -> tuple[str, str]:
        if self.foreseen and self.rng.random() < 0.7:
            return self.foreseen.pop()
        value = value_of(self.rng)
        self.ever.add(value)
        return f"{self.rng.choice(LABELS)} of {self.rng.choice(PLACES)}", value

    def count(self) -> int:
        """A number that nothing of this history has yet: a value that was foreseen is not a new one."""
        self.counted += 1
        return self.counted

    def tell(self) -> None:
        subject, value = self.fact()
        key = f"k{self.count()}"
        label = f"memo {value}" if self.rng.random() < 0.3 else f"memo {len(self.ever)}"
        add(self.home, NAME, self.text(subject, value), key=key, label=label, tags=["fact"], engine=self.engine)
        self.held.append(Told(key, subject, [value]))

    def read(self) -> None:
        facts = [self.fact() for _ in range(self.rng.randint(1, 3))]
        path = self.folder / "docs" / f"d{self.count()}.txt"
        path.write_text("\n\n".join(self.text(*fact) for fact in facts))
        for _ in ingest(self.home, NAME, What([str(path)]), How(), self.engine):
            pass
        self.held.append(Told(str(path), facts[0][0], [value for _, value in facts], True))

    def text(self, subject: str, value: str) -> str:
        filler = make_sentences(self.rng.randint(0, 3), self.rng.randrange(10**6))
        return " ".join([f"The {subject} is {value}.", *filler])

    def question(self) -> str:
        told = self.rng.choice(self.held) if self.held else Told("", "vault code of nowhere", ["nothing"])
        value = self.rng.choice(told.values)
        if value.split()[0] in _COMMON:  # in a question in one's own words these would betray nothing, and stay
            return f"What is the {told.subject}?"
        forms = ("What is the {s}?", "Is the {s} {v}?", "Tell me of {v}.", "Summarize trends.", "Who or what is {v}?")
        return self.rng.choice((*forms, forms[0])).format(s=told.subject, v=value)

    def foresee(self) -> None:
        """Ask for a value that will be told only later."""
        subject, value = self.fact()
        self.foreseen.append((subject, value))
        if value.split()[0] in _COMMON:
            return
        self.answer(f"Is the {subject} {value}?")

    def answer(self, question: str, *, endpoint: bool = False, closed: bool = False) -> None:
        writing = Writing(self.endpoint.url) if endpoint else None
        how = Asking(closed_book=closed)
        with suppress(NotFoundError, UsageError):  # it was discarded or promoted meanwhile
            ask(self.home, NAME, question, how=how, writing=writing, engine=self.engine)

    def ask(self) -> None:
        way = self.rng.choice(("open", "closed", "closed", "endpoint"))
        self.answer(self.question(), endpoint=way == "endpoint", closed=way == "closed")

    def during(self) -> None:
        """Ask, and forget or update something before the answer is there."""
        way = self.rng.choice(("open", "closed", "endpoint"))
        gate = self.endpoint.gate if way == "endpoint" else self.gate
        asked = partial(self.answer, self.question(), endpoint=way == "endpoint", closed=way == "closed")
        with gate.held():
            asking = threading.Thread(target=asked)
            asking.start()
            while not gate.reached.wait(0.02) and asking.is_alive():
                pass
            self.step(self.rng.choice([self.change, self.delete, self.collect]))
        asking.join()

    def change(self) -> None:
        items = [told for told in self.held if not told.document]
        if not items:
            return
        told, fast = self.rng.choice(items), self.rng.random() < 0.5
        value = value_of(self.rng)
        self.ever.add(value)
        old, told.values = told.values, [value]
        text, label = self.text(told.subject, value), f"memo {len(self.ever)}"  # the old label would stay: it was told
        done = update(self.home, NAME, told.named, text, label=label, fast=fast, engine=self.engine)
        if fast:
            self.superseded |= set(old)
        else:
            self.bury(old, done.clean)

    def delete(self) -> None:
        if not self.held:
            return
        if self.rng.random() < 0.15 and len(self.held) > 1:
            self.held.sort(key=self.order)
            keep = self.rng.randrange(len(self.held) - 1)
            last = self.held[keep]
            gone = [t for t in self.held if self.order(t) > self.order(last)]
            done = rewind(self.home, NAME, last.named)
        else:
            gone = [self.rng.choice(self.held)]
            done = forget(self.home, NAME, gone[0].named)
        self.held = [told for told in self.held if told not in gone]
        self.bury([value for told in gone for value in told.values], done.clean)

    def order(self, told: Told) -> int:
        with SessionStore.open(self.home, NAME).episodes() as episodes:
            items = {
                item.key or item.label: item.source_id for item in episodes.items() if item.withheld != "superseded"
            }
        return next(i for name, i in items.items() if name == told.named or told.named.endswith(name))

    def collect(self) -> None:
        erase(self.home, NAME)
        with SessionStore.open(self.home, NAME).episodes() as episodes:
            clean = episodes.is_clean()
        self.bury([], clean)

    def bury(self, values: Sequence[str], clean: bool) -> None:
        """They, and all that was superseded, are gone from here on; if it says so, at once."""
        self.dead |= {*values, *self.superseded}
        self.superseded.clear()
        if clean:
            self.search_in(self.home.sessions_dir / NAME, self.dead, "right after")

    def hide(self) -> None:
        filter_items(self.home, NAME, Filter(tags=["fact"]), exclude=self.rng.random() < 0.5 and bool(self.held))

    def look(self) -> None:
        """What it says of what it went through has nothing of what is gone or superseded."""
        unsaid = self.dead | self.superseded
        said = [event.text for event in session_log(self.home, NAME).events]
        for value in sorted(unsaid):
            said += [event.text for event in recall(self.home, NAME, value).events]
        self.wrong += [f"says {value}" for value in unsaid if any(value.lower() in text.lower() for text in said)]

    def copy(self) -> None:
        """What is made of a session erases first what was superseded."""
        number = len(self.made)
        kind = self.rng.choice(("fork", "export", "report"))
        if kind == "fork":
            fork(self.home, NAME, f"fork{number}", use=False)
            path = self.home.sessions_dir / f"fork{number}"
        elif kind == "export":
            path = self.folder / "out" / f"{number}.tar"
            export(self.home, NAME, path)
        else:
            if not self.held:
                return
            path = self.folder / "out" / f"{number}.html"
            write_report(self.home, NAME, path, engine=self.engine)
        self.bury([], False)
        self.made[path] = set(self.dead)

    def promote(self) -> None:
        if not self.held:
            return
        promote_session(self.home, NAME, "kept", force=True, engine=self.engine)
        self.bury([], False)
        self.gone = True
        self.made[self.home.ltm_dir / "kept"] = set(self.dead)
        LongTermMemory(self.home).start_session("kept", "next")
        self.made[self.home.sessions_dir / "next"] = set(self.dead)
        with SessionStore.open(self.home, "next").episodes() as episodes:
            said = " ".join(event.text for event in episodes.events()).lower()
        self.wrong += [f"a session from the entry says {value}" for value in self.dead if value.lower() in said]

    def discard(self) -> None:
        discard_session(self.home, NAME)
        self.gone = True

    # ---- what is left

    def search(self) -> None:
        live = self.home.sessions_dir / NAME
        places = {**self.made, live: self.ever if self.gone else self.dead}
        for place, values in places.items():
            self.search_in(place, values, "at the end")
        for root in (self.home.root, self.folder / "tmp", self.folder / "out"):
            for path in root.rglob("*"):
                if path.is_file() and not any(path.is_relative_to(place) for place in places):
                    self.search_in(path, self.ever, "at the end")

    def search_in(self, place: Path, values: set[str], when: str) -> None:
        files = [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]
        for path in files:
            data = path.read_bytes().lower()
            found = [value for value in values if value.lower().encode() in data]
            self.wrong += [f"{value} in {path.relative_to(self.folder)} {when}" for value in found]


def erase_histories(world: World, wanted: int, seed: int, complain: Complain) -> Counter[str]:
    """`histories`; `left`, how many values were found where they had to be gone; `failed`, what could not go on."""
    import huggingface_hub.utils  # noqa: F401 - the endpoint's client, once for all forks

    figures: Counter[str] = Counter(histories=0, left=0, failed=0)
    for number in range(seed, seed + wanted):
        folder = world.root / f"history-{number}"
        outcome = run(lambda folder=folder, number=number: History(world, folder, number).run())  # type: ignore[misc]
        figures["histories"] += 1
        if not outcome.done:
            figures["failed"] += 1
            complain(f"history {number}: {outcome.crash or outcome.error or 'killed'}")
        elif outcome.value:
            figures["left"] += len(outcome.value)
            complain(f"history {number}: {outcome.value[0]}; {len(outcome.value)} in all")
        shutil.rmtree(folder, ignore_errors=True)
    return figures


# ---------------------------------------------------------------- kills while erasing


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
        add(home, NAME, told("patron of Tolvine archive", "Hosfenjunb"), key="kept", engine=engine)
        add(home, NAME, texts["item"], key="item", engine=engine)
        add(home, NAME, texts["old"], key="old", engine=engine)
        for _ in ingest(home, NAME, What([str(path)]), How(), engine):
            pass
        for n in range(3):
            question = f"What is the vault code of {PLACES[n]}?"
            for closed in (True, False):
                ask(home, NAME, question, how=Asking(closed_book=closed), engine=engine)
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
