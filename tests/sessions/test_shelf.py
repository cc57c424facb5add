"""What a question has to know of every cell of many lies in a few files, which follow from the cells and may go at any
time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.sessions.samples import LONG, read_into, read_one_batch, start, write_document
from titans_cli.memory.closed import directions
from titans_cli.model import interface as interface_module
from titans_cli.model.engine import Engine
from titans_cli.model.interface import ManyCells, nearness
from titans_cli.sessions import shelf as shelf_module
from titans_cli.sessions.ask import ask
from titans_cli.sessions.history import forget
from titans_cli.sessions.items import ItemRequest, add, update
from titans_cli.sessions.lifecycle import fork
from titans_cli.sessions.shelf import Shelf
from titans_cli.store import Episodes, Home, SessionStore
from titans_cli.store import topics as topics_module
from titans_cli.store.files import atomic_write
from titans_cli.store.topics import FORMER, TOPICS, keep, kept, path_of

NOTES = {
    "brunsite": "The melting point of brunsite is 417 kelvin, as the first survey found.",
    "walls": "Harbour walls at Castrel were mended with lime mortar in spring.",
    "herons": "The harbour master keeps nine grey herons on the northern pier.",
    "vault": "The vault code of Brixholm depot is 731846.",
}
ASKED = "What is the vault code of Brixholm depot?"


@pytest.fixture(autouse=True)
def _four_cells_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf_module, "LIKELY", 2)


@pytest.fixture
def engine(tiny_folder: Path) -> Engine:
    return Engine.load(tiny_folder)


@pytest.fixture
def store(home: Home, tiny_folder: Path, engine: Engine) -> SessionStore:
    """A session of four notes, a cell each, that was asked nothing yet."""
    store = start(home, "papers", tiny_folder)
    for key, text in NOTES.items():
        add(home, "papers", ItemRequest(text, key=key), engine=engine)
    return store


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the cells whose files are opened."""
    numbers, load = list[int](), SessionStore.load

    def noted(self: SessionStore, info: Any) -> Any:
        numbers.append(info.number)
        return load(self, info)

    monkeypatch.setattr(SessionStore, "load", noted)
    return numbers


def file_of(store: SessionStore) -> Path:
    return path_of(store.folder, 0)


def files_of(store: SessionStore) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((store.folder / TOPICS).iterdir())}


def direction_of(engine: Engine) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.arange(1.0, engine.spec.d_topic + 1), dim=0)


def near(store: SessionStore, engine: Engine) -> list[tuple[int, float]]:
    """The cells that are likely to be near to one direction, and how near they are, told by a process that knows
    nothing yet."""
    some = Shelf().cells(store, engine).likely(direction_of(engine))
    return list(zip([c.info.number for c in some], nearness(direction_of(engine), some).tolist(), strict=True))


def test_a_cold_question_opens_the_files_of_the_likely_cells_alone(
    home: Home, store: SessionStore, engine: Engine, loaded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interface_module, "NEAREST", 1)
    first = ask(home, "papers", ASKED, engine=engine)
    assert set(loaded) == {1, 2, 3, 4}
    loaded.clear()
    again = ask(home, "papers", ASKED, engine=engine)
    assert len(set(loaded)) == 2
    assert len(loaded) == 3  # two for their topics, and the nearer once more for its weights
    assert again.recalled == first.recalled
    add(home, "papers", "A sentence about something else altogether.", engine=engine)
    loaded.clear()
    ask(home, "papers", ASKED, engine=engine)
    assert 5 in loaded
    assert len(set(loaded) - {5}) <= 2
    loaded.clear()
    ask(home, "papers", ASKED, engine=engine)
    assert len(set(loaded)) == 2


def test_of_few_cells_all_are_likely_and_no_file_is_made(
    store: SessionStore, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf_module, "LIKELY", 4)
    assert [number for number, _ in near(store, engine)] == [1, 2, 3, 4]
    assert not file_of(store).exists()


def test_likely_cells_are_as_near_as_by_themselves(store: SessionStore, engine: Engine) -> None:
    assert not file_of(store).exists()
    first = near(store, engine)
    assert file_of(store).exists()
    assert near(store, engine) == first
    states = [engine.from_tensors(tensors) for _, tensors in store.cells()]
    by_themselves = nearness(direction_of(engine), states).tolist()
    assert [value for _, value in first] == pytest.approx([by_themselves[number - 1] for number, _ in first], abs=2e-3)


def test_the_nearest_cell_is_among_the_likely_ones(store: SessionStore, engine: Engine) -> None:
    cells = Shelf().cells(store, engine)
    assert isinstance(cells, ManyCells)
    for cell in cells:
        for topic in cell.topics[:5] if cell.topics.dtype != torch.uint8 else directions(cell.topics[:5]):
            assert cell.info in [c.info for c in cells.likely(topic.float())]


def test_of_cells_that_hold_nothing_some_are_looked_at(
    store: SessionStore, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bounded memory may hold every document as text alone."""
    topics_of = Engine.topics_of
    monkeypatch.setattr(Engine, "topics_of", lambda self, tensors: topics_of(self, tensors)[:0])
    assert [value for _, value in near(store, engine)] == [0.0, 0.0]


def test_a_cell_that_was_made_anew_since_its_codes_were_fetched_is_looked_at(
    store: SessionStore, engine: Engine
) -> None:
    cells = Shelf().cells(store, engine)
    assert cells.codes is not None
    for info in cells.infos:
        without = replace(cells, codes=[codes.changed([info.sha256]) for codes in cells.codes])
        assert info in [c.info for c in without.likely(direction_of(engine))]


def test_cells_are_chosen_among_the_sources_that_are_asked(store: SessionStore, engine: Engine) -> None:
    only = frozenset({2, 3, 4})
    some = Shelf().cells(store, engine, only).likely(direction_of(engine))
    assert len(some) == 2
    assert {c.info.source_id for c in some} < only


def test_of_what_was_forgotten_nothing_stays_and_of_the_rest_all(
    home: Home, store: SessionStore, engine: Engine, loaded: list[int], tiny_folder: Path
) -> None:
    other = start(home, "other", tiny_folder)
    for key in ("brunsite", "walls", "herons"):
        add(home, "other", ItemRequest(NOTES[key], key=key), engine=engine)
    near(store, engine), near(other, engine)
    assert file_of(store).read_bytes() != file_of(other).read_bytes()
    forget(home, "papers", "vault")
    assert file_of(store).read_bytes() == file_of(other).read_bytes()
    loaded.clear()
    near(store, engine)
    assert len(set(loaded)) == 2  # the likely ones: no code was missing
    for key in ("brunsite", "walls", "herons"):
        forget(home, "papers", key)
    assert files_of(store) == {}


def test_forgetting_writes_the_file_of_the_document_anew_and_no_other(
    home: Home, store: SessionStore, engine: Engine, loaded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topics_module, "SOURCES", 2)
    expected, before = near(store, engine), files_of(store)
    assert list(before) == ["00000000.safetensors", "00000002.safetensors", "00000004.safetensors"]
    loaded.clear()
    assert near(store, engine) == expected
    assert len(set(loaded)) == 2
    written = list[Path]()

    def noted(path: Path, chunks: Any) -> None:
        written.append(path)
        atomic_write(path, chunks)

    monkeypatch.setattr(topics_module, "atomic_write", noted)
    forget(home, "papers", "walls")
    assert written == [path_of(store.folder, 1)]
    after = files_of(store)
    assert {name for name in before if after.get(name) != before[name]} == {"00000002.safetensors"}
    forget(home, "papers", "brunsite")
    assert list(files_of(store)) == ["00000002.safetensors", "00000004.safetensors"]
    assert [number for number, _ in near(store, engine)] == [3, 4]


def test_where_an_earlier_release_kept_them_nothing_stays(store: SessionStore, engine: Engine) -> None:
    near(store, engine)
    (store.folder / FORMER).write_bytes(file_of(store).read_bytes())
    with store.writer():
        assert not (store.folder / FORMER).exists()
    assert len(files_of(store)) == 1


def test_what_is_read_brings_its_codes_along(
    home: Home, engine: Engine, tiny_folder: Path, tmp_path: Path, loaded: list[int]
) -> None:
    """A first question would make those of ten thousand documents in most of a minute."""
    store = start(home, "papers", tiny_folder)
    paths = [write_document(tmp_path / f"{n}.txt", sentences=5, seed=n) for n in range(6)]
    read_into(home, "papers", paths[:1])
    assert not (store.folder / TOPICS).exists()  # of few nobody needs any
    read_into(home, "papers", paths[1:])
    with store.episodes() as episodes:
        codes = kept(episodes, engine.fingerprint, 0)
        assert codes is not None
        assert set(codes.counts) == {cell.sha256 for cell in episodes.snapshots() if cell.source_id > 1}
    loaded.clear()
    near(store, engine)
    assert len(set(loaded) - {1}) == 2  # what was read before may still have to be looked at


def test_an_update_takes_the_old_text_s_topics_out(home: Home, store: SessionStore, engine: Engine) -> None:
    near(store, engine)
    with store.episodes() as episodes:
        old = episodes.cells_of(4)[0].sha256
        codes = kept(episodes, engine.fingerprint, 0)
    assert codes is not None
    assert old in codes.counts
    update(home, "papers", "vault", "It is not known any more.", engine=engine)
    assert bytes.fromhex(old) not in file_of(store).read_bytes()


def test_what_a_killed_forgetting_left_in_it_goes_when_the_session_is_opened(
    home: Home, store: SessionStore, engine: Engine
) -> None:
    near(store, engine)
    with Episodes.open(store.folder / "episodes.sqlite", readonly=False) as episodes:
        old = episodes.cells_of(4)[0].sha256
        episodes.forget([4])  # and is gone before it comes to the files
    assert bytes.fromhex(old) in file_of(store).read_bytes()
    SessionStore.open(home, "papers")
    assert bytes.fromhex(old) not in file_of(store).read_bytes()


def test_a_reader_that_something_was_forgotten_under_does_not_put_it_back(
    home: Home, store: SessionStore, engine: Engine
) -> None:
    near(store, engine)
    with store.episodes() as episodes:
        mine = kept(episodes, engine.fingerprint, 0)
        assert mine is not None
        forget(home, "papers", "vault")
        after = file_of(store).read_bytes()
        keep(episodes, engine.fingerprint, 0, mine)
        assert file_of(store).read_bytes() == after
        now = kept(episodes, engine.fingerprint, 0)
        assert now is not None
        keep(episodes, engine.fingerprint, 0, now.changed(list(now.counts)[1:]))
        assert file_of(store).read_bytes() != after  # of cells that are there it would


def _cut(data: bytes) -> bytes:
    return data[:-1]


def _flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def _renamed(data: bytes) -> bytes:
    return data.replace(b'"counts"', b'"county"')


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut": _cut,
    "a bit": _flipped,
    "no header": lambda data: bytes(8) + data[8:],
    "another name": _renamed,
    "another kind": lambda data: data.replace(b'"F32"', b'"F16"'),
    "a file of topics of an earlier release": lambda data: data.replace(b'"codes"', b'"rows."'),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_not_believed_and_made_anew(
    home: Home, store: SessionStore, engine: Engine, loaded: list[int], damage: str
) -> None:
    expected, whole = near(store, engine), file_of(store).read_bytes()
    spoilt = DAMAGE[damage](whole)
    assert spoilt != whole
    file_of(store).write_bytes(spoilt)
    loaded.clear()
    assert near(store, engine) == expected
    assert set(loaded) == {1, 2, 3, 4}
    assert file_of(store).read_bytes() == whole
    file_of(store).write_bytes(spoilt)
    with store.writer():
        assert not file_of(store).exists()


def test_another_model_s_file_is_not_believed(store: SessionStore, engine: Engine) -> None:
    near(store, engine)
    with store.episodes() as episodes:
        codes = kept(episodes, engine.fingerprint, 0)
        assert codes is not None
        assert len(codes.counts) == 4
        assert kept(episodes, "another", 0) is None


def test_a_fork_is_asked_the_same_and_brings_no_file(home: Home, store: SessionStore, engine: Engine) -> None:
    expected = near(store, engine)
    fork(home, "papers", "what-if", use=False)
    other = SessionStore.open(home, "what-if")
    assert not file_of(other).exists()
    assert near(other, engine) == expected


def test_the_codes_of_a_cell_that_still_learns_lie_there_too(
    home: Home, store: SessionStore, engine: Engine, tmp_path: Path, loaded: list[int]
) -> None:
    """A document that is half read has such a cell."""
    path = write_document(tmp_path / "long.txt", sentences=LONG)
    read_one_batch(home, "papers", path)
    expected = near(store, engine)
    loaded.clear()
    assert near(store, engine) == expected
    assert len(set(loaded)) == 2
    with store.episodes() as episodes:
        codes = kept(episodes, engine.fingerprint, 0)
        assert codes is not None
        assert set(codes.counts) == {info.sha256 for info in episodes.snapshots()}
