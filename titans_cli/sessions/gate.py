"""The promotion gate: what a session must show before what it learned is kept for good.

An LTM entry never changes, and every session started from it inherits all of it. So it is measured first, and the
figures are kept in the entry. In order:

integrity   every byte is as it was committed. Nothing can be promoted otherwise, and `--force` does not help.
finite      every number of every cell is a number.
recall      closed-book: passages of the session, drawn by the memory's digest, are put to their own cells, which must
            recall them better than the initial memory by `MARGIN`. 1.0 is knowing nothing, 0.0 is knowing by heart.
unseen      text that no session has read must look as unknown to the cells as it does to the initial memory, within
            `CONFUSION`. Cells are additive: reading adds cells and changes neither the model nor another cell, so
            "no worse on unseen text" can only mean that no cell speaks up about what it never read.
inherited   of a session that started from an entry: the cells it still has of it are the same bytes, and the passages
            that the entry's own gate had measured are recalled no worse than they were then (`DRIFT`).

Sentences that try to instruct a reader are listed beside this (`instructions.py`); they never refuse anything.
"""

from __future__ import annotations

import getpass
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import chain, islice, zip_longest
from typing import TYPE_CHECKING

from titans_cli.errors import DamagedError, NotFoundError, PromotionRefused, TitansError, UsageError
from titans_cli.places import unit_of
from titans_cli.records import Block, EntryInfo, Page, Segment, SnapshotInfo, SourceRecord, Vetting
from titans_cli.sentences import VERSIONS
from titans_cli.sessions.health import check_session
from titans_cli.sessions.instructions import MOST, Suspicion, suspicions
from titans_cli.steps import Hint, NextStep, Option
from titans_cli.store import Episodes, Finding, Home, LongTermMemory, SessionStore

if TYPE_CHECKING:
    from torch import Tensor

    from titans_cli.model.interface import SessionModel

PASSAGES = 40  # drawn for recall, over as many documents as there are
WATCHED = 40  # cells to which unseen text is put
MARGIN = 0.2  # recall: the session must know passages better than the blank memory by this
CONFUSION = 0.25  # unseen: a cell may be so far from the blank memory's surprise; further, it speaks up
DRIFT = 0.01  # inherited: passages may be recalled worse by this on another machine or torch

# Written for this purpose, about nothing that anybody would look up.
UNSEEN = (
    "The ferry to the northern islands leaves at half past six, when the tide allows it. Two brothers run the kiosk on "
    "the upper deck and sell coffee, dried apricots and postcards of lighthouses that were taken down long ago. On "
    "windy days the captain announces each harbour twice, since nobody hears him the first time.",
    "A baker in our street keeps a notebook of every loaf that failed. She writes down the flour, the weather and what "
    "she was thinking about. After eleven years she says that the notebook has taught her patience and very little "
    "else, and that rye is never to blame.",
    "To mend a garden wall, take out the loose stones first and lay them in the grass in the order in which they came. "
    "Clean the joints with a stiff brush and wet them well. The new mortar should be weaker than the stone, so that "
    "the wall can move a little in winter without breaking.",
)
Place = tuple[int, int]  # a segment: source, number in its document


@dataclass(frozen=True, slots=True)
class Probe:
    """One measurement. Where there is a bound, `figure` must not be above it."""

    name: str
    passed: bool
    said: str
    figure: float | None = None
    bound: float | None = None
    passages: tuple[tuple[str, int, float], ...] = ()  # sha256 of the source, number of the segment, surprise
    measured: bool = True  # False: it could not be, and refuses nothing


@dataclass(frozen=True, slots=True)
class Gate:
    """What the gate found. `memory_sha256` is that of the memory it looked at: no other may be promoted on it."""

    session: str
    memory_sha256: str
    probes: tuple[Probe, ...]
    suspicions: tuple[Suspicion, ...]
    damage: tuple[Finding, ...] = ()

    @property
    def passed(self) -> bool:
        return all(probe.passed for probe in self.probes)

    def admit(self, force: bool) -> None:
        """Raise PromotionRefused below a bound unless forced, and DamagedError for damage, forced or not."""
        if self.damage:
            first = self.damage[0]
            raise DamagedError(first.what, subject=first.subject, hint=first.hint)
        if not (self.passed or force):
            failed = ", ".join(probe.name for probe in self.probes if not probe.passed)
            look = NextStep("check", session=self.session, replay=True)
            hint = Hint("Look into it: ", look, "; to promote it all the same, add ", Option("force"))
            problem = f"not promoted, since it does not meet the gate's bounds: {failed}"
            raise PromotionRefused(problem, subject=self.session, hint=hint)

    def vetting(self) -> Vetting:
        """What the entry keeps of it. Plain JSON values, so that it reads back equal."""
        probes = [asdict(probe) | {"passages": [list(p) for p in probe.passages]} for probe in self.probes]
        return Vetting(
            self.memory_sha256, promoter(), not self.passed, tuple(probes), tuple(asdict(s) for s in self.suspicions)
        )


def promoter() -> str | None:
    """Who is at the keyboard; None where the system has no name for them."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return None


def probe_session(
    home: Home, selector: str | None, *, engine: SessionModel | None = None, most: int | None = None
) -> Gate:
    """Run every probe; changes nothing, and nothing is raised for what a probe finds.

    `most`: so many cells are looked into, and those of the passages that are drawn; None for all of them, as whoever
    promotes them must.

    Raises UsageError (promoted, nothing read), NotFoundError, IncompatibleError, DamagedError, StorageError.
    """
    store = SessionStore.open(home, selector)
    store.require_open()
    with store.episodes() as episodes:
        if not episodes.position():
            problem = "nothing was read in this session yet, so there is nothing to promote"
            hint = Hint("Read something first: ", NextStep("ingest", paths=None, session=store.info.name))
            raise UsageError(problem, subject=store.info.name, hint=hint)
        digest = episodes.memory_sha256()
    report = check_session(home, store.info.name, read_data=True)
    if report.findings:
        first = report.findings[0]
        broken = Probe("integrity", False, f"{first.subject}: {first.what}", float(len(report.findings)), 0.0)
        return Gate(store.info.name, digest, (broken,), (), report.findings)
    whole = Probe("integrity", True, f"every byte of {report.cells} cells is as it was committed", 0.0, 0.0)
    if engine is None:
        from titans_cli.sessions.engines import engine_of

        engine = engine_of(store.info)
    with store.episodes() as episodes, episodes.frozen():
        measured = _Measured(store, episodes, engine, most)
        probes = (whole, *measured.probes(home))
        sources = episodes.sources()
        findings = chain.from_iterable(suspicions(s.display, episodes.pages(s.id), unit_of(s.kind)) for s in sources)
        return Gate(store.info.name, episodes.memory_sha256(), probes, tuple(islice(findings, MOST)))


class _Measured:
    """One pass over the cells, each loaded once: what all the probes but the first need of them."""

    def __init__(self, store: SessionStore, episodes: Episodes, engine: SessionModel, most: int | None) -> None:
        self.store, self.episodes, self.engine = store, episodes, engine
        self.sources = {source.id: source for source in episodes.sources()}
        self.cells = episodes.snapshots()
        self.most = len(self.cells) if most is None else most
        self.looked = 0  # how many cells were looked into
        self.broken: list[SnapshotInfo] = []
        self.unseen: list[float] = []  # one for each watched cell
        self.known: dict[Place, float] = {}  # surprise of each passage to its own cell

    def probes(self, home: Home) -> list[Probe]:
        draw = random.Random(self.episodes.memory_sha256())
        drawn = _draw(self.episodes, self.sources.values(), draw)
        watched = {c.number for c in draw.sample(self.cells, min(WATCHED, len(self.cells)))}
        entry, unread = _parent(home, self.store, self.episodes)
        then = self._promoted_with(entry)
        segments = segments_at(self.episodes, self.engine, {*drawn, *then})
        chosen = self.cells if len(self.cells) <= self.most else draw.sample(self.cells, self.most)
        self._measure(segments, watched, {c.number for c in chosen})
        probes = [self._finite(), self._recall(drawn, segments), self._unseen()]
        if self.store.info.origin is not None:
            probes.append(unread or self._inherited(home, entry, then))
        return probes

    def _measure(self, segments: Mapping[Place, Segment], watched: set[int], chosen: set[int]) -> None:
        new = [s for text in UNSEEN for s in self.engine.segments([Page(1, text)])]
        begun: dict[int, int] = {}  # the segment of each source at which the next cell begins
        of = defaultdict[int, list[Place]](list)
        for place in segments:
            of[place[0]].append(place)
        wanted = watched | chosen
        for row in self.cells:
            start, begun[row.source_id] = begun.get(row.source_id, 0), row.blocks_done
            places = [p for p in of[row.source_id] if start <= p[1] < row.blocks_done]
            if not places and row.number not in wanted:
                continue
            tensors = self.store.load(row)
            self.looked += 1
            if not _all_finite(tensors.values()):
                self.broken.append(row)
                continue
            if not places and row.number not in watched:
                continue
            cell = self.engine.from_tensors(tensors)
            self.known |= dict(zip(places, self.engine.surprise(cell, [segments[p] for p in places]), strict=True))
            if row.number in watched:
                self.unseen.append(_mean(self.engine.surprise(cell, new)))

    def _finite(self) -> Probe:
        first = self.broken[0] if self.broken else None
        part = "" if self.looked == len(self.cells) else f"{self.looked} of "
        summary = f"every number of {part}{len(self.cells)} cells is one"
        if first is not None:
            summary = f"a cell of {self.sources[first.source_id].display} holds what is not a number"
        return Probe("finite", first is None, summary, float(len(self.broken)), 0.0)

    def _recall(self, drawn: list[Place], segments: Mapping[Place, Segment]) -> Probe:
        blank = self.engine.surprise(self.engine.initial_state(), [segments[p] for p in drawn if p in segments])
        nothing = _mean(blank) if blank else 1.0
        figures = [self.known.get(place, nothing) for place in drawn]
        figure, bound = _mean(figures), nothing - MARGIN
        kept = tuple((self.sources[s].sha256, i, f) for (s, i), f in zip(drawn, figures, strict=True))
        documents = len({source for source, _ in drawn})
        summary = f"surprise of its own cells at {len(drawn)} passages of {documents} documents; blank {nothing:.2f}"
        return Probe("recall", figure <= bound, summary, figure, bound, passages=kept)

    def _unseen(self) -> Probe:
        new = [s for text in UNSEEN for s in self.engine.segments([Page(1, text)])]
        nothing = _mean(self.engine.surprise(self.engine.initial_state(), new))
        if not self.unseen:
            return Probe("unseen", False, "there is no cell to put unseen text to", None, CONFUSION)
        figure = max(abs(surprise - nothing) for surprise in self.unseen)
        summary = f"distance from the blank's surprise at text never read, the worst of {len(self.unseen)} cells"
        return Probe("unseen", figure <= CONFUSION, summary, figure, CONFUSION)

    # ------------------------------------------------------------ what came from an entry

    def _promoted_with(self, entry: EntryInfo | None) -> dict[Place, float]:
        """The passages that the entry's gate had measured, as far as the session still has their documents."""
        here = {source.sha256: source.id for source in self.sources.values()}
        surprises: dict[Place, float] = {}
        for probe in entry.probes if entry is not None else ():
            passages = probe.get("passages") if probe.get("name") == "recall" else None
            for passage in passages if isinstance(passages, list) else ():
                match passage:
                    case [str(sha256), int(index), int(figure) | float(figure)] if sha256 in here:
                        surprises[here[sha256], index] = figure
        return surprises

    def _inherited(self, home: Home, entry: EntryInfo | None, then: Mapping[Place, float]) -> Probe:
        origin = self.store.info.origin
        if entry is None:
            summary = f"the entry {origin} is gone, so what is left of it here cannot be compared"
            return Probe("inherited", True, summary, measured=False)
        here = {(self.sources[c.source_id].sha256, c.cell, c.blocks_done): c.sha256 for c in self.cells}
        read = {source.sha256 for source in self.sources.values()}
        with LongTermMemory(home).episodes(entry.name) as kept:
            sources = {source.id: source for source in kept.sources()}
            cells = [(sources[c.source_id], c) for c in kept.snapshots()]
        # an unfinished document may have been read on: then its last cell had to change
        due = [(s, c) for s, c in cells if s.sha256 in read and (s.complete or c.blocks_done < s.blocks_done)]
        changed = [(s, c) for s, c in due if here.get((s.sha256, c.cell, c.blocks_done)) != c.sha256]
        if changed:
            summary = f"{len(changed)} of {len(due)} cells from {entry.name} are other bytes: {changed[0][0].display}"
            return Probe("inherited", False, summary, None, DRIFT)
        if not due and not then:
            summary = f"nothing of what came from {entry.name} is left here to compare"
            return Probe("inherited", True, summary, measured=False)
        worse = [self.known.get(place, 1.0) - before for place, before in then.items()]
        summary = (
            f"{len(due)} cells from {entry.name} are the same bytes; {len(worse)} of its passages recalled worse by"
        )
        return Probe("inherited", max(worse, default=0.0) <= DRIFT, summary, max(worse, default=0.0), DRIFT)


def segments_at(episodes: Episodes, engine: SessionModel, places: Iterable[Place]) -> dict[Place, Segment]:
    """The segments as they were read, from the retained text. Segments never cross a page, so a page is enough."""
    wanted = defaultdict[int, set[int]](set)
    for source, index in places:
        wanted[source].add(index)
    segments: dict[Place, Segment] = {}
    for source, indexes in wanted.items():
        blocks = [b for b in episodes.blocks_of(source) if b.index in indexes]
        pages = {b.page for b in blocks}
        texts = [Page(n, episodes.page(source, n)) for n in sorted(pages)]
        wanted_at = {(b.page, b.start, b.end) for b in blocks}
        at: dict[tuple[int, int, int], Segment] = {}
        for version in VERSIONS:  # the newest first: most sessions have it alone, and cutting costs more than looking
            at = {(s.page, s.start, s.end): s for s in engine.segments(texts, version=version)} | at
            if wanted_at <= at.keys():
                break
        segments |= {(source, b.index): at[key] for b in blocks if (key := (b.page, b.start, b.end)) in at}
    return segments


def _parent(home: Home, store: SessionStore, episodes: Episodes) -> tuple[EntryInfo | None, Probe | None]:
    """The very entry that the session started from: None when it was removed, even if another took its name.

    An entry that cannot be read is a failed probe.
    """
    if store.info.origin is None:
        return None, None
    try:
        entry = LongTermMemory(home).show(store.info.origin)
    except NotFoundError:
        return None, None
    except TitansError as error:
        return None, Probe("inherited", False, f"the entry it started from cannot be read: {error.what}", None, DRIFT)
    started = {event.data.get("entry_id") for event in episodes.events(kind="started")}
    return (entry if entry.id in started else None), None


def _draw(episodes: Episodes, sources: Iterable[SourceRecord], draw: random.Random) -> list[Place]:
    """Up to `PASSAGES` segments, as evenly over the documents as can be."""
    read = [source for source in sources if source.blocks_done]
    draw.shuffle(read)
    each: list[list[Block]] = []
    for source in read[:PASSAGES]:
        blocks = episodes.blocks_of(source.id)
        each.append(draw.sample(blocks, min(PASSAGES, len(blocks))))
    rounds = (block for turn in zip_longest(*each) for block in turn if block is not None)
    return [(block.source_id, block.index) for block in islice(rounds, PASSAGES)]


def _all_finite(tensors: Iterable[Tensor]) -> bool:
    return all(bool(tensor.isfinite().all()) for tensor in tensors)


def _mean(figures: list[float]) -> float:
    return sum(figures) / len(figures)
