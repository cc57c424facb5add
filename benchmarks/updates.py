"""Facts that change: what a session answers after some of what it was told was updated and some deleted.

200 invented facts are told as items (`Session.add`), 60 of them are updated once, twice or three times, 20 are deleted
(half of these had been updated). Once with exact updates, once with fast ones, on two sessions told the same. Every
fact is then asked for. Per session:

latest.*    share of the updated facts whose latest value is said; `kept.*` the same of facts that never changed
stale.*     share of the updated facts of which any older version is said. Must be 0
deleted.*   share of the deleted facts whose value is said; `never.*` the chance of that: facts that nobody told
never.answered   share of those that get an answer from evidence at all, rather than "nothing answers that"

`closed`: what the memory alone says is the value, greedily decoded, whether or not it is confident enough to be told.
`evidence`: the version is the passage of the first rank; for stale and deleted, any of eight passages, or the answer.
`answer`: the answer's own text has the value. `bytes`: versions gone whose statement is in a file of the session.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import Report, parser, threads
from titans_cli import Session
from titans_cli.model.engine import Engine, Recollection
from titans_cli.model.interface import ShelvedCell
from titans_cli.sessions.lifecycle import fork
from titans_cli.store import Home
from titans_cli.train.tasks import Fact, Maker

FACTS, UPDATED, DELETED, NEVER = 200, 60, 20, 60
QUICK = (40, 12, 6, 12)
MOST_UPDATES = 3


class Listening(Engine):
    """An engine that keeps what the memory said last, confident or not."""

    said = ""

    def recall(self, cells: Sequence[ShelvedCell], question: str) -> Recollection:
        recollection = super().recall(cells, question)
        self.said = recollection.text
        return recollection


@dataclass
class Subject:
    """One fact through its versions, the latest last."""

    key: str
    versions: list[Fact]

    @property
    def latest(self) -> Fact:
        return self.versions[-1]


@dataclass(frozen=True)
class Heard:
    """What was said of a subject."""

    closed: str
    first: str  # the passage of the first rank
    passages: str
    answer: str
    supported: bool  # the answer, by evidence


def subjects(count: int, updated: int, seed: int, *, held_out: bool) -> list[Subject]:
    """`count` facts of different things, the first `updated` of them with later versions to come."""
    rng = random.Random(seed)
    maker = Maker(rng, evaluation=held_out)
    made: dict[str, Subject] = {}
    while len(made) < count:
        fact, relation, entity = maker.fact()
        if entity in made or relation.value == "colour":  # of twelve colours, a wrong one is an old one by chance
            continue
        versions = [fact]
        for _ in range(1 + len(made) % MOST_UPDATES if len(made) < updated else 0):
            again = fact
            while again.answer in [v.answer for v in versions]:
                again = maker.fact(relation, entity)[0]
            versions.append(again)
        made[entity] = Subject(f"fact-{len(made)}", versions)
    return list(made.values())


def ask(session: Session, engine: Listening, question: str) -> Heard:
    found = session.retrieve(question)
    closed = engine.said
    texts = [p.text for p in found.passages]
    answer = session.ask(question, log=False)
    return Heard(closed, texts[0] if texts else "", "\n".join(texts), answer.text, answer.support == "evidence")


def share(found: Sequence[bool]) -> float:
    return sum(found) / max(1, len(found))


def bytes_of(session: Session) -> bytes:
    folder = session.home.sessions_dir / session.name
    return b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())


def measure(
    report: Report, name: str, session: Session, engine: Listening, told: Sequence[Subject], deleted: int,
    others: Sequence[Subject], fast: bool,
) -> None:  # fmt: skip
    """Update, delete, ask for everything, and for `others`, never told. Of the deleted ones half were updated."""
    changed = [s for s in told if len(s.versions) > 1]
    for subject in changed:
        for version in subject.versions[1:]:
            session.update(subject.key, version.statement, fast=fast)
    heard = {s.key: ask(session, engine, s.latest.question) for s in told}

    def told_of(group: Sequence[Subject], label: str) -> None:
        said = [(heard[s.key], s.latest) for s in group]
        report.add(f"{name}.{label}.closed", share([h.closed == f.answer for h, f in said]))
        report.add(f"{name}.{label}.evidence", share([f.statement in h.first for h, f in said]))
        report.add(f"{name}.{label}.answer", share([f.answer in h.answer for h, f in said]))

    told_of(changed, "latest")
    told_of([s for s in told if len(s.versions) == 1], "kept")
    old = [(heard[s.key], s.versions[:-1]) for s in changed]
    report.add(f"{name}.stale.closed", share([any(h.closed == v.answer for v in vs) for h, vs in old]))
    shown = [any(v.statement in h.passages or v.statement in h.answer for v in vs) for h, vs in old]
    report.add(f"{name}.stale.evidence", share(shown))
    raw = bytes_of(session)
    report.add(f"{name}.stale.bytes", sum(v.statement.encode() in raw for _, vs in old for v in vs))
    gone = [*changed[: deleted // 2], *told[len(changed) : len(changed) + deleted - deleted // 2]]
    for subject in gone:
        session.delete(subject.key)
    after = [(ask(session, engine, s.latest.question), s.versions) for s in gone]
    report.add(f"{name}.deleted.closed", share([any(h.closed == v.answer for v in vs) for h, vs in after]))
    shown = [any(v.statement in h.passages or v.statement in h.answer for v in vs) for h, vs in after]
    report.add(f"{name}.deleted.evidence", share(shown))
    raw = bytes_of(session)
    versions = [v for s in gone for v in s.versions] + [v for s in changed for v in s.versions[:-1]]
    report.add(f"{name}.deleted.bytes", sum(v.statement.encode() in raw for v in versions))
    strange = [(ask(session, engine, s.latest.question), s.latest) for s in others]
    report.add(f"{name}.never.closed", share([h.closed == f.answer for h, f in strange]))
    report.add(f"{name}.never.answered", share([h.supported for h, _ in strange]))


def main() -> None:
    args = parser(__doc__)
    args.add_argument("--wording", choices=("heldout", "trained"), default="heldout")
    args.add_argument("--model", type=Path, help="model folder (default: the embedded one)")
    options = args.parse_args()
    facts, updated, deleted, never = QUICK if options.quick else (FACTS, UPDATED, DELETED, NEVER)
    held_out = options.wording == "heldout"
    loaded = Engine.load(options.model)
    engine = Listening(loaded.network, loaded.tokenizer, loaded.fingerprint, loaded.name, loaded.precision)
    told = subjects(facts, updated, seed=1, held_out=held_out)
    settings = {
        "facts": facts,
        "updated": updated,
        "updates": sum(len(s.versions) - 1 for s in told),
        "deleted": deleted,
        "wording": options.wording,
        "threads": threads(),
        "model": engine.fingerprint[:12],
    }
    report = Report("updates", settings)
    with tempfile.TemporaryDirectory(prefix="titans-updates-") as folder:
        home = Home(Path(folder))
        first = Session.new("exact", home=home, model=str(options.model) if options.model else None)
        for subject in told:
            first.add(subject.versions[0].statement, key=subject.key)
        fork(home, "exact", "fast", use=False)
        others = subjects(never, 0, seed=99, held_out=held_out)
        for name in ("exact", "fast"):
            session = Session(home, Session.open(name, home=home).status().info, engine=engine)
            measure(report, name, session, engine, told, deleted, others, name == "fast")
    report.print(as_json=options.json)


if __name__ == "__main__":
    main()
