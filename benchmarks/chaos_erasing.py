"""The part of `benchmarks.chaos` about what was forgotten: random histories, and every byte searched for what is gone.

A history tells a session facts and reads documents of them, each with a value that stands nowhere else, and
bibliographies that say who wrote the documents; asks for all of it, also with the value in the question, open-book,
closed-book, through an endpoint, in a chat and into files, and while something is forgotten; searches, updates,
deletes, forgets, rewinds, collects, forks, exports, reports, promotes and discards. Then the bytes of all files are
searched: the session's for every value it has forgotten so far, what was made of it (fork, export, report, answers,
entry) for those that were forgotten when it was made, everything else, and the folder for temporary files, for all.
"""

from __future__ import annotations

import io
import os
import random
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.chaos_stand_ins import Endpoint
from benchmarks.chaos_world import World, import_commands, run, titans
from tests.stand_ins import Gate, Knowing
from tests.tiny import make_sentences
from titans_cli.errors import NotFoundError, UsageError
from titans_cli.report.write import write_report
from titans_cli.sessions.ask import AskModels, AskOptions, Writing, ask
from titans_cli.sessions.history import erase, forget, recall, rewind, session_log
from titans_cli.sessions.ingest import IngestOptions, IngestRequest, create_session, ingest
from titans_cli.sessions.items import ItemRequest, add, filter_items, update
from titans_cli.sessions.lifecycle import PromoteOptions, discard_session, export, fork, promote_session
from titans_cli.sessions.selection import Filter
from titans_cli.store import Home, LongTermMemory, SessionStore, database

Complain = Callable[[str], None]
NAME = "papers"
STEPS = 16
ASKED = ("What is the {s}?", "Is the {s} {v}?", "Tell me of {v}.", "Summarize trends.", "Who or what is {v}?")
OF_CARDS: tuple[str, ...] = ("Who wrote {t}?", "When was {t} published?", "What did {v} write?")
OF_CARDS += (
    "Which documents are there?",
    "Who wrote {t}, and what is the {s}?",
    "Who wrote {t}, and when was it published?",
)
LABELS = ("vault code", "keeper", "opening phrase", "night watch", "serial number", "patron")
PLACES = ("Brixholm depot", "Castrel tower", "Ostrava sound", "Merrow quay", "Tolvine archive", "Garrick hall")
_SYLLABLES = ("bra", "kel", "mor", "tun", "vis", "dro", "fen", "gal", "hos", "jun", "lar", "nep", "pyl", "rud", "zev")
_COMMON = ("water", "house", "light", "power", "white", "north", "young", "money", "music", "black", "south", "green")


def name_of(rng: random.Random) -> str:
    return "".join(rng.choices(_SYLLABLES, k=3)).capitalize() + rng.choice("bdgkmt")


def is_common(value: str) -> bool:
    return value.split()[0].lower() in _COMMON


def value_of(rng: random.Random) -> str:
    """A figure, or a name of one or two words, that nobody else has; or common words in an order of their own."""
    common = " ".join(rng.sample(_COMMON, 3))
    name, other = name_of(rng), name_of(rng)
    return rng.choice((str(rng.randrange(10_000, 1_000_000)), name, f"{name} {other}", common))


# ---------------------------------------------------------------- one history


@dataclass
class Told:
    """Something that the session holds: an item by its key, or a document or bibliography by its path."""

    named: str
    subject: str
    values: list[str]
    document: bool = False
    title: str = ""  # of a document that has one, and in the bibliography that says who wrote it


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
            steps += [self.read_listed, self.talk, self.write_answer]
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
        add(
            self.home,
            NAME,
            ItemRequest(self.text(subject, value), key=key, label=label, tags=["fact"]),
            engine=self.engine,
        )
        self.held.append(Told(key, subject, [value]))

    def read(self) -> None:
        facts = [self.fact() for _ in range(self.rng.randint(1, 3))]
        path = self.folder / "docs" / f"d{self.count()}.txt"
        path.write_text("\n\n".join(self.text(*fact) for fact in facts))
        for _ in ingest(self.home, NAME, IngestRequest([str(path)]), IngestOptions(), self.engine):
            pass
        self.held.append(Told(str(path), facts[0][0], [value for _, value in facts], True))

    def read_listed(self) -> None:
        """A document that does not say who wrote it, and a bibliography that does, in either order."""
        (subject, value), number = self.fact(), self.count()
        title = f"{name_of(self.rng)} weirs of the {name_of(self.rng)} valley"
        common = " ".join(self.rng.sample(_COMMON, 3)).title()  # betrayed by nothing but what the answer was made from
        author, year = self.rng.choice((common, f"Ada {name_of(self.rng)}")), self.rng.randrange(1900, 2020)
        self.ever |= {title, author}
        paper, works = (self.folder / "docs" / f"d{number}.{suffix}" for suffix in ("txt", "bib"))
        paper.write_text(f"{title}\n\n{self.text(subject, value)}\n")
        entry = f"title = {{{title}}}, author = {{{author}}}, year = {{{year}}}, journal = {{Weirs}}"
        works.write_text(f"@article{{a{number}, {entry}}}\n")
        for path, values in self.rng.sample([(paper, [value]), (works, [author])], 2):
            for _ in ingest(self.home, NAME, IngestRequest([str(path)]), IngestOptions(), self.engine):
                pass
            self.held.append(Told(str(path), subject, values, True, title))
        self.answer(self.question(self.held[-1]))

    def text(self, subject: str, value: str) -> str:
        filler = make_sentences(self.rng.randint(0, 3), self.rng.randrange(10**6))
        return " ".join([f"The {subject} is {value}.", *filler])

    def question(self, told: Told | None = None) -> str:
        told = told or (self.rng.choice(self.held) if self.held else Told("", "vault code of nowhere", ["nothing"]))
        value = self.rng.choice(told.values)
        forms = OF_CARDS if told.title and self.rng.random() < 0.7 else (*ASKED, ASKED[0])
        if is_common(value):  # in a question in one's own words these would betray nothing, and stay
            forms = tuple(form for form in forms if "{v}" not in form)
        return self.rng.choice(forms).format(s=told.subject, v=value, t=told.title)

    def foresee(self) -> None:
        """Ask for a value that will be told only later."""
        subject, value = self.fact()
        self.foreseen.append((subject, value))
        if is_common(value):
            return
        self.answer(f"Is the {subject} {value}?")

    def answer(self, question: str, *, endpoint: bool = False, closed: bool = False) -> None:
        writing = Writing(self.endpoint.url) if endpoint else None
        how = AskOptions(closed_book=closed)
        with suppress(NotFoundError, UsageError):  # it was discarded or promoted meanwhile
            ask(self.home, NAME, question, how, models=AskModels(writing=writing), engine=self.engine)

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

    def talk(self) -> None:
        """A chat on the command line in which, after some answers, something is forgotten or updated elsewhere."""
        if not self.held:
            return
        said, before = io.BytesIO(), set[str]()
        shown = 0

        def lines() -> Iterator[str]:
            nonlocal shown, before
            yield self.question()
            yield self.question()
            self.step(self.rng.choice([self.change, self.delete, self.collect]))
            shown, before = len(said.getvalue()), self.dead | self.superseded
            yield "When was it published, and who wrote it?"
            yield "/open 1"
            yield "/sources"
            yield f"/search {self.rng.choice(LABELS)}"
            if self.held:
                yield self.question()

        titans(self.home.root, "chat", "--session", NAME, stdin=lines(), into=said)
        after = said.getvalue()[shown:].decode().lower()
        self.wrong += [f"chat says {value}" for value in before if value.lower() in after]

    def write_answer(self) -> None:
        """An answer as a file, which keeps what it said when it was made."""
        if not self.held:
            return
        path = self.folder / "out" / f"answer{self.count()}.{self.rng.choice(('md', 'bib'))}"
        titans(self.home.root, "ask", self.question(), "--session", NAME, "-o", str(path))
        if path.exists():
            self.made[path] = self.dead | self.superseded

    def change(self) -> None:
        items = [told for told in self.held if not told.document]
        if not items:
            return
        told, fast = self.rng.choice(items), self.rng.random() < 0.5
        value = value_of(self.rng)
        self.ever.add(value)
        old, told.values = told.values, [value]
        text, label = self.text(told.subject, value), f"memo {len(self.ever)}"  # the old label would stay: it was told
        done = update(self.home, NAME, told.named, ItemRequest(text, label=label), fast=fast, engine=self.engine)
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
        titles = {told.title for told in gone} - {told.title for told in self.held} - {""}
        self.bury([*titles, *(value for told in gone for value in told.values)], done.clean)

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
        said.append(titans(self.home.root, "search", self.rng.choice(LABELS), "--session", NAME, "-n", "100"))
        said.append(titans(self.home.root, "sources", "--session", NAME, "--json"))
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
        promote_session(self.home, NAME, "kept", PromoteOptions(force=True), engine=self.engine)
        self.bury([], False)
        self.gone = True
        path = self.folder / "out" / "kept.ltm"
        titans(self.home.root, "ltm", "export", "kept", str(path))
        self.made[path] = self.made[self.home.ltm_dir / "kept"] = set(self.dead)
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
    import_commands(world.root / "nothing")
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
