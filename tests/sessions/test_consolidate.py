"""A memory keeps within its bound by giving way, says what it gave, and is the same however it came there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.sessions.samples import (
    LONG,
    memory_of,
    open_session,
    read_into,
    read_one_batch,
    start,
    stop_after,
    tensor_bytes,
    write_document,
)
from titans_cli.answers.request import AskOptions
from titans_cli.errors import Interrupted, UsageError
from titans_cli.model.engine import Engine
from titans_cli.records import OUTLINE, TEXT, VERBATIM, SnapshotInfo
from titans_cli.sessions import consolidate
from titans_cli.sessions.ask import AskRequest, ask
from titans_cli.sessions.consolidate import Held, Place, bound_of, planned
from titans_cli.sessions.health import check_session, repair_session
from titans_cli.sessions.history import forget
from titans_cli.sessions.ingest import create_session
from titans_cli.sessions.items import add
from titans_cli.sessions.lifecycle import export, fork, import_, show_session
from titans_cli.sessions.selection import Filter
from titans_cli.store import Home, SessionStore

FIRST = "The melting point of brunsite is 417 kelvin, as the first survey found."


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("docs")
    return [write_document(folder / f"{i}.txt", sentences=120, seed=i) for i in range(6)]


def whole_size(home: Home, tiny_folder: Path, paths: list[Path]) -> int:
    """Bytes that the memory of all documents takes when nothing gives way."""
    start(home, "whole", tiny_folder)
    read_into(home, "whole", paths)
    found = show_session(home, "whole").remembered
    assert found is not None
    assert (found.outline, found.text) == (0, 0)
    return found.bytes


@pytest.fixture
def bound(home: Home, tiny_folder: Path, paths: list[Path]) -> int:
    """Two thirds of what the six documents take: room for one of them verbatim and five in outline."""
    return whole_size(home, tiny_folder, paths) * 2 // 3


def bounded(home: Home, name: str, model: Path, bound: int) -> SessionStore:
    home.ensure()
    return create_session(home, name, model=str(model), bound=bound)


def numbered(path: Path) -> tuple[str, str]:
    """A sentence of a document, and the number in it."""
    sentence = path.read_text().split(".")[3].strip()
    return sentence, next(word for word in sentence.split() if word.isdigit())


def told(home: Home, name: str) -> Any:
    found = show_session(home, name).remembered
    assert found is not None
    return found


def test_the_bound_is_kept_and_the_loss_is_told_and_the_text_is_found(
    home: Home, tiny_folder: Path, paths: list[Path], bound: int
) -> None:
    store = bounded(home, "papers", tiny_folder, bound)
    read_into(home, "papers", paths)
    found, all_of_it = told(home, "papers"), told(home, "whole")
    assert bound // 2 < found.bytes <= bound
    assert sum(p.stat().st_size for p in (store.folder / "snapshots").iterdir()) <= bound
    assert found.verbatim + found.outline + found.text == all_of_it.verbatim
    assert found.outline > 0
    assert check_session(home, "papers", read_data=True, replay=True).findings == ()
    engine = Engine.load(tiny_folder)
    for path in paths:
        sentence, number = numbered(path)  # not asked as it stands: what only repeats a question is no answer
        answer = ask(home, "papers", AskRequest(f"What is said of {number}?", log=False), engine=engine)
        assert any(sentence in citation.quote for citation in answer.citations)
        assert answer.caution is None
    closed = ask(
        home, "papers", AskRequest("What does the kernel hold?", log=False), AskOptions(closed_book=True), engine=engine
    )
    assert closed.caution is not None
    assert f"{found.outline:,} in outline" in closed.caution


def test_a_tiny_bound_leaves_the_text_alone(home: Home, tiny_folder: Path, paths: list[Path]) -> None:
    bounded(home, "papers", tiny_folder, 1)
    read_into(home, "papers", paths[:2])
    found = told(home, "papers")
    assert (found.verbatim, found.outline) == (0, 0)
    engine = Engine.load(tiny_folder)
    blank = engine.initial_state().weights
    for _, tensors in open_session(home, "papers").cells():
        state = engine.from_tensors(tensors)
        assert bool((state.weights == blank).all())
        assert len(state.topics) == 0
    sentence, number = numbered(paths[0])
    answer = ask(home, "papers", AskRequest(f"What is said of {number}?", log=False), engine=engine)
    assert any(sentence in citation.quote for citation in answer.citations)


def test_the_same_session_has_the_same_bytes_though_it_was_stopped_again_and_again(
    home: Home, tiny_folder: Path, paths: list[Path], bound: int
) -> None:
    bounded(home, "one", tiny_folder, bound)
    read_into(home, "one", paths)
    bounded(home, "two", tiny_folder, bound)
    for attempt in range(60):
        try:
            read_into(home, "two", paths, stop=stop_after(attempt), ahead=0, commit_seconds=0)
        except Interrupted:
            continue
        break
    assert memory_of(open_session(home, "one")) == memory_of(open_session(home, "two"))
    assert told(home, "one") == told(home, "two")


@pytest.mark.parametrize("which", [0, 3, 5])
def test_after_forgetting_it_is_what_it_is_without_the_document(
    home: Home, tiny_folder: Path, paths: list[Path], bound: int, which: int
) -> None:
    """Also what had given way to it: that is learned anew."""
    bound = 9 * bound // 8  # of six documents four have to give way, of five two
    bounded(home, "papers", tiny_folder, bound)
    read_into(home, "papers", paths)
    before = told(home, "papers")
    forget(home, "papers", str(paths[which]))
    bounded(home, "never", tiny_folder, bound)
    read_into(home, "never", [p for p in paths if p != paths[which]])
    assert tensor_bytes(open_session(home, "papers")) == tensor_bytes(open_session(home, "never"))
    assert told(home, "papers") == told(home, "never")
    assert told(home, "papers").verbatim > before.verbatim
    assert check_session(home, "papers", read_data=True, replay=True).findings == ()


def test_another_bound_is_kept_from_the_next_reading_on_and_brings_back_what_there_is_room_for(
    home: Home, tiny_folder: Path, paths: list[Path], bound: int
) -> None:
    bounded(home, "papers", tiny_folder, bound)
    read_into(home, "papers", paths)
    read_into(home, "papers", paths, memory=bound // 4)
    assert told(home, "papers").bytes <= bound // 4
    assert told(home, "papers").text > 0
    read_into(home, "papers", paths, memory=10 * bound)
    assert (told(home, "papers").outline, told(home, "papers").text) == (0, 0)
    assert memory_of(open_session(home, "papers")) == memory_of(open_session(home, "whole"))
    assert bound_of(open_session(home, "papers").info) == 10 * bound


def test_what_answers_were_made_from_gives_way_last(
    home: Home, tiny_folder: Path, paths: list[Path], bound: int
) -> None:
    store = bounded(home, "papers", tiny_folder, 10 * bound)
    read_into(home, "papers", paths)
    with store.episodes() as episodes:
        calm = min(episodes.mean_surprises().items(), key=lambda pair: pair[1])[0]
        uri = next(s.uri for s in episodes.sources() if s.id == calm)
    fork(home, "papers", "unasked", use=False)
    ask(
        home,
        "papers",
        AskRequest(f"What is said of {numbered(Path(uri))[1]}?", within=Filter(sources=[uri])),
        engine=Engine.load(tiny_folder),
    )
    fork(home, "papers", "asked", use=False)

    def forms(name: str, bound: int) -> set[str]:
        """Of the cells of the document that surprised least."""
        read_into(home, name, paths, memory=bound)
        with open_session(home, name).episodes() as episodes:
            found = episodes.consolidated()
            return {found.get((r.source_id, r.cell), (VERBATIM, 0))[0] for r in episodes.cells_of(calm)}

    # in a third of that there is room for two in outline and four as text
    assert (forms("unasked", bound), forms("unasked", bound // 3)) == ({OUTLINE}, {TEXT})
    for name in ("papers", "asked"):
        assert (forms(name, bound), forms(name, bound // 3)) == ({VERBATIM}, {OUTLINE})


def test_a_damaged_cell_is_mended_in_its_form(home: Home, tiny_folder: Path, paths: list[Path], bound: int) -> None:
    store = bounded(home, "papers", tiny_folder, bound)
    read_into(home, "papers", paths)
    before = memory_of(store)
    for path in (store.folder / "snapshots").iterdir():
        path.write_bytes(b"nothing")
    assert len(repair_session(home, "papers").relearned) == len(paths)
    assert memory_of(store) == before


def test_forks_and_exports_know_how_much_they_hold(
    home: Home, tiny_folder: Path, paths: list[Path], bound: int, tmp_path: Path
) -> None:
    bounded(home, "papers", tiny_folder, bound)
    read_into(home, "papers", paths)
    fork(home, "papers", "what-if", use=False)
    export(home, "papers", tmp_path / "papers.titans")
    import_(home, tmp_path / "papers.titans", "back", use=False)
    for name in ("what-if", "back"):
        assert told(home, name) == told(home, "papers")
        forget(home, name, str(paths[0]))
        assert told(home, name).bytes <= bound
        assert check_session(home, name, read_data=True, replay=True).findings == ()


def test_nothing_is_left_that_says_how_much_of_a_forgotten_document_was_kept(
    home: Home, tiny_folder: Path, paths: list[Path]
) -> None:
    store = bounded(home, "papers", tiny_folder, 1)
    read_into(home, "papers", paths[:2])
    forget(home, "papers", str(paths[0]))
    with store.episodes() as episodes:
        assert {source for source, _ in episodes.consolidated()} == {2}
        assert episodes.consolidated().keys() == {(2, row.cell) for row in episodes.snapshots()}


def test_what_is_told_gives_way_as_documents_do(home: Home, tiny_folder: Path) -> None:
    bounded(home, "papers", tiny_folder, 1)
    add(home, "papers", FIRST)
    assert told(home, "papers").text > 0
    assert "417" in ask(home, "papers", "What is the melting point of brunsite?").text


def test_a_session_of_an_earlier_release_is_made_small_before_it_is_bounded(
    home: Home, tiny_folder: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(Engine, "closed", lambda self, state, _: self.to_tensors(state))
        earlier.setattr("titans_cli.store.session.FORMAT", 2)
        start(home, "old", tiny_folder)
        read_into(home, "old", paths[:1])
    with pytest.raises(UsageError, match="earlier release"):
        read_into(home, "old", paths[:1], memory=1)
    repair_session(home, "old", compact=True)
    read_into(home, "old", paths[:1], memory=1)
    assert told(home, "old").verbatim == 0


def held(place: int, *, surprise: float, uses: int = 0, stays: bool = False) -> Held:
    row = SnapshotInfo(place, place, 0, 8, "", 9_000, "")
    return Held(row, 0, VERBATIM, 9_000, 100, surprise, uses, stays)


def test_least_used_and_least_surprising_cells_go_into_outline_first_and_then_to_text() -> None:
    cells = [
        held(1, surprise=0.5),
        held(2, surprise=0.9),
        held(3, surprise=0.1, uses=1),
        held(4, surprise=0.0, stays=True),
    ]
    outline = cells[0].size(OUTLINE)
    assert outline < 6_000
    assert set(planned(cells, 36_000, 0.0).values()) == {VERBATIM}
    assert planned(cells, 35_999, 0.0) == {(1, 0): OUTLINE, (2, 0): VERBATIM, (3, 0): VERBATIM}
    assert planned(cells, 27_000 + outline - 1, 0.0) == {(1, 0): OUTLINE, (2, 0): OUTLINE, (3, 0): VERBATIM}
    assert planned(cells, 9_000 + 3 * outline, 0.0) == dict.fromkeys([(1, 0), (2, 0), (3, 0)], OUTLINE)
    assert planned(cells, 9_000 + 3 * outline - 1, 0.0) == {(1, 0): TEXT, (2, 0): OUTLINE, (3, 0): OUTLINE}
    assert set(planned(cells, 1, 0.0).values()) == {TEXT}
    assert planned(cells, 36_000, 0.1)[1, 0] == OUTLINE  # topics count too


def test_more_to_remember_never_brings_anything_back() -> None:
    """So reading on learns nothing anew."""
    order = {VERBATIM: 0, OUTLINE: 1, TEXT: 2}
    cells = [held(i, surprise=(i * 37 % 11) / 11) for i in range(1, 12)]
    before = planned(cells[:1], 30_000, 0.2)
    for count in range(2, 12):
        after = planned(cells[:count], 30_000, 0.2)
        assert all(order[after[place]] >= order[form] for place, form in before.items())
        before = after


def test_a_long_document_under_way_is_no_reason_to_give_way(home: Home, tiny_folder: Path, tmp_path: Path) -> None:
    path = write_document(tmp_path / "long.txt", sentences=LONG)
    bounded(home, "papers", tiny_folder, 1)
    read_one_batch(home, "papers", path)
    assert told(home, "papers").verbatim > 0
    read_into(home, "papers", [path])
    assert told(home, "papers").verbatim == 0
    assert check_session(home, "papers", read_data=True, replay=True).findings == ()


def test_while_documents_follow_all_is_planned_anew_only_where_the_bound_is_passed_by_an_eighth(
    home: Home, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = [write_document(tmp_path / f"{i}.txt", sentences=12, seed=i) for i in range(24)]
    bound = whole_size(home, tiny_folder, short) * 2 // 3
    plans = list[int]()

    def counted(cells: Sequence[Held], bound: int, topics: float) -> dict[Place, str]:
        plans.append(len(cells))
        return planned(cells, bound, topics)

    monkeypatch.setattr(consolidate, "planned", counted)
    bounded(home, "at once", tiny_folder, bound)
    read_into(home, "at once", short)
    assert 1 <= len(plans) <= 5
    plans.clear()
    bounded(home, "one by one", tiny_folder, bound)
    for path in short:
        read_into(home, "one by one", [path])
    assert len(plans) >= 8
    assert memory_of(open_session(home, "at once")) == memory_of(open_session(home, "one by one"))
    assert told(home, "at once").bytes <= bound
