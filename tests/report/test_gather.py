"""What a report says is what the session holds, and the session is as it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.report.conftest import Told
from tests.sessions.samples import file_hashes, open_session, read_into, retained, start, write_document
from tests.tiny import make_sentences
from titans_cli.errors import DamagedError, UsageError
from titans_cli.model.engine import BATCH, Cell, Engine
from titans_cli.records import Episode, Page, Segment
from titans_cli.report import absorbed
from titans_cli.report import gather as gathering
from titans_cli.report.absorbed import shares, spread
from titans_cli.report.gather import gather, stretches
from titans_cli.report.write import write_report
from titans_cli.sessions.gate import probe_session
from titans_cli.store import Home, utc_now


def test_the_stream_covers_every_token_once_and_keeps_its_extremes() -> None:
    rows = [(1, 1, 10, 0.5), (1, 1, 20, 1.0), (2, 1, 30, 0.2), (2, 2, 5, 0.4), (2, 2, 5, 0.9)]
    whole = list(stretches(rows, 100))
    assert [(s.start, s.end) for s in whole] == [(0, 10), (10, 30), (30, 60), (60, 65), (65, 70)]
    joined = list(stretches(rows, 3))
    assert [(s.start, s.end, s.low, s.high) for s in joined] == [
        (0, 30, 0.5, 1.0),
        (30, 65, 0.2, 0.4),
        (65, 70, 0.9, 0.9),
    ]


def test_passages_are_spread_evenly(told: Told) -> None:
    assert spread(range(10), 5) == [1, 3, 5, 7, 9]
    assert spread([1, 2], 5) == [1, 2]
    sources = [d.source for d in told.facts.documents]
    assert [n for _, n in shares(sources, 10_000)] == [s.blocks_done for s in sources]
    assert [n for _, n in shares(sources, 3)] == [1, 1, 1]
    assert len(list(shares(sources, 2))) == 2


@pytest.mark.parametrize("rehearsals", [0, 1])
def test_surprise_when_first_read_is_that_of_the_cell_just_before(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, rehearsals: int
) -> None:
    engine = Engine.load(tiny_folder)
    spec = replace(engine.spec, rehearsals=rehearsals)
    monkeypatch.setattr(engine.network, "spec", spec)
    segments = engine.segments([Page(1, " ".join(make_sentences(100)))])[: BATCH + 4]
    first = engine.first_surprise(segments)
    assert first[0] == pytest.approx(1.0)  # a blank cell knows nothing
    before = engine.initial_state()
    for begin in (0, BATCH):
        during = before.memory
        for i in range(begin, min(begin + BATCH, len(segments))):
            cell = Cell(*during, before.topics)
            assert first[i] == pytest.approx(engine.surprise(cell, [segments[i]])[0], abs=1e-4)
            during = engine.network.absorb(during, engine.states((segments[i].tokens,)).inputs).state
        before = engine.read(before, segments[begin : begin + BATCH]).state


def test_what_was_absorbed_is_measured_on_the_sessions_own_cells(told: Told, tiny_engine: Engine) -> None:
    facts = told.facts
    assert len(facts.passages) == facts.segments == sum(d.passages for d in facts.documents)
    gate = probe_session(told.home, "papers", engine=tiny_engine)
    (recall,) = (p for p in gate.probes if p.name == "recall")
    of = {d.source.sha256: d.source.id for d in facts.documents}
    now = {(p.source, p.index): p.now for p in facts.passages}
    for sha256, index, figure in recall.passages:
        assert now[of[sha256], index] == pytest.approx(figure, abs=1e-4)


def test_of_many_passages_whole_cells_are_measured_and_few_of_them(
    told: Told, tiny_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a report costs does not grow with the session."""
    monkeypatch.setattr(absorbed, "CELLS", 2)
    asked = list[int]()
    first = Engine.first_surprise

    def counted(engine: Engine, segments: Sequence[Segment]) -> list[float]:
        asked.append(len(segments))
        return first(engine, segments)

    monkeypatch.setattr(Engine, "first_surprise", counted)
    store = open_session(told.home, "papers")
    with store.episodes() as episodes:
        found = absorbed.measured(store, episodes, tiny_engine, episodes.sources(), 4)
    assert len(asked) == 2
    assert len({p.source for p in found}) == 2
    assert 2 <= len(found) <= 4


def test_the_session_stays_as_it_is(told: Told, tmp_path: Path, tiny_engine: Engine) -> None:
    store = open_session(told.home, "papers")
    files, held = file_hashes(store.folder), retained(store)
    events = _events(told.home)
    write_report(told.home, "papers", tmp_path / "r.html", engine=tiny_engine)
    assert retained(store) == held
    assert _events(told.home) == events
    after = file_hashes(store.folder)
    assert {n: h for n, h in after.items() if "-shm" not in n} == {n: h for n, h in files.items() if "-shm" not in n}


def test_an_answer_without_places_is_told_without_quotes(told: Told, tmp_path: Path, tiny_engine: Engine) -> None:
    """As sessions of before kept them, and as a hostile import may."""
    home = Home(tmp_path / "home")
    path = write_document(tmp_path / "a.txt", seed=1)
    tiny = open_session(told.home, "papers").info.model
    store = start(home, "papers", Path(tiny))
    read_into(home, "papers", [path])
    bad: list[object] = [
        {"source": str(path), "page": 1},
        {"source": str(path), "page": 1, "start": 0, "end": 40},  # not what was said
        {"source": str(path), "page": "1", "start": -5, "end": None},
        {"source": "gone.txt", "page": 99999, "start": 0, "end": 3},
        "nonsense",
    ]
    store.log(
        [
            Episode(0, utc_now(), "asked", "I was asked: why?"),
            Episode(0, utc_now(), "answered", "I answered: so. [1]", {"citations": bad}),
            Episode(0, utc_now(), "asked", "I was asked: and?"),
        ]
    )
    why, and_ = gather(home, "papers", engine=tiny_engine).questions
    assert [(q.document, q.text) for q in why.quotes] == [(1, ""), (1, ""), (1, ""), (0, "")]
    assert (and_.answer, and_.quotes) == ("", ())


def test_of_many_events_only_the_newest_are_told(
    told: Told, tmp_path: Path, tiny_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "EPISODES", 5)
    monkeypatch.setattr(gathering, "QUESTIONS", 2)
    monkeypatch.setattr(gathering, "PASSAGES", 4)
    monkeypatch.setattr(gathering, "PAGES", 1)
    facts = gather(told.home, "papers", engine=tiny_engine)
    assert len(facts.episodes) == 5
    assert facts.episodes[-1].kind == "answered"
    assert len(facts.passages) <= 4
    assert sum(len(d.pages) for d in facts.documents) == 1
    assert sum(facts.kinds.values()) > 5


def test_a_session_that_read_nothing_has_no_report(tmp_path: Path, tiny_folder: Path) -> None:
    home = Home(tmp_path / "home")
    start(home, "empty", tiny_folder)
    with pytest.raises(UsageError, match="nothing was read"):
        gather(home, "empty")


def test_a_damaged_session_has_no_report(tmp_path: Path, tiny_folder: Path, tiny_engine: Engine) -> None:
    home = Home(tmp_path / "home")
    store = start(home, "papers", tiny_folder)
    read_into(home, "papers", [write_document(tmp_path / "a.txt")])
    (cell,) = store.folder.glob("snapshots/*.safetensors")
    cell.write_bytes(cell.read_bytes()[:-7] + b"\0\1\2\3\4\5\6")
    with pytest.raises(DamagedError):
        gather(home, "papers", engine=tiny_engine)


def _events(home: Home) -> list[Episode]:
    with open_session(home, "papers").episodes() as episodes:
        return episodes.events()
