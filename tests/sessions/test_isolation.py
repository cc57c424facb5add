"""Sessions never share what they learned, and the same documents in the same order give the same bytes."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.sessions.samples import (
    LONG,
    memory_of,
    open_session,
    read_into,
    retained,
    start,
    tensor_bytes,
    write_document,
    write_documents,
)
from titans_cli.model.engine import Engine
from titans_cli.store import Home


def test_interleaved_sessions_equal_the_same_sessions_alone(home: Home, tmp_path: Path, tiny_folder: Path) -> None:
    ones, twos = write_documents(tmp_path / "one", 4), write_documents(tmp_path / "two", 4, first=10)
    for name in ("one", "two"):
        start(home, name, tiny_folder)
    for one, two in zip(ones, twos, strict=True):
        read_into(home, "one", [one])
        read_into(home, "two", [two])
    for name, paths in (("one", ones), ("two", twos)):
        alone = Home(tmp_path / f"alone-{name}")
        start(alone, name, tiny_folder)
        read_into(alone, name, paths)
        assert memory_of(open_session(alone, name)) == memory_of(open_session(home, name))
        assert retained(open_session(alone, name)) == retained(open_session(home, name))
    assert memory_of(open_session(home, "one")) != memory_of(open_session(home, "two"))


def test_batches_of_two_sessions_interleaved_in_one_process_do_not_meet(
    home: Home, tmp_path: Path, tiny_folder: Path
) -> None:
    from titans_cli.sessions.ingest import IngestOptions, IngestRequest, ingest

    paths = [write_document(tmp_path / f"{i}.txt", sentences=LONG, seed=i) for i in (1, 2)]
    for name in ("one", "two"):
        start(home, name, tiny_folder)
    runs = [
        ingest(home, name, IngestRequest([str(path)]), IngestOptions(commit_seconds=0))
        for name, path in zip(("one", "two"), paths, strict=True)
    ]
    while runs:
        runs = [run for run in runs if next(run, None) is not None]
    for name, path in zip(("one", "two"), paths, strict=True):
        start(home, f"{name}-alone", tiny_folder)
        read_into(home, f"{name}-alone", [path], commit_seconds=0)
        assert retained(open_session(home, f"{name}-alone")) == retained(open_session(home, name))


def test_the_same_files_in_the_same_order_give_the_same_bytes(home: Home, tmp_path: Path, tiny_folder: Path) -> None:
    paths = write_documents(tmp_path, 4)
    for name in ("one", "two"):
        start(home, name, tiny_folder)
        read_into(home, name, paths)
    assert tensor_bytes(open_session(home, "one")) == tensor_bytes(open_session(home, "two"))


def test_one_by_one_or_in_one_go_is_the_same(home: Home, tmp_path: Path, tiny_folder: Path) -> None:
    paths = write_documents(tmp_path, 3)
    start(home, "go", tiny_folder)
    read_into(home, "go", paths)
    start(home, "one-by-one", tiny_folder)
    for path in paths:
        read_into(home, "one-by-one", [path])
    assert retained(open_session(home, "go")) == retained(open_session(home, "one-by-one"))


def test_asking_in_between_makes_no_difference(home: Home, tmp_path: Path, tiny_folder: Path) -> None:
    from titans_cli.sessions.ask import ask

    paths = write_documents(tmp_path, 3)
    start(home, "quiet", tiny_folder)
    read_into(home, "quiet", paths)
    start(home, "asked", tiny_folder)
    for path in paths:
        read_into(home, "asked", [path])
        ask(home, "asked", "What does the window show?")
    assert retained(open_session(home, "quiet")) == retained(open_session(home, "asked"))


def test_another_order_gives_another_memory(home: Home, tmp_path: Path, tiny_folder: Path) -> None:
    paths = write_documents(tmp_path, 2)
    for name, ordered in (("forth", paths), ("back", paths[::-1])):
        start(home, name, tiny_folder)
        read_into(home, name, ordered)
    assert memory_of(open_session(home, "forth")) != memory_of(open_session(home, "back"))


def test_how_often_it_commits_does_not_change_what_it_learns(home: Home, tmp_path: Path, tiny_folder: Path) -> None:
    path = write_document(tmp_path / "long.txt", sentences=LONG)
    for name, seconds in (("often", 0.0), ("once", 1e9)):
        start(home, name, tiny_folder)
        read_into(home, name, [path], commit_seconds=seconds)
    often, once = open_session(home, "often"), open_session(home, "once")
    with often.episodes() as many, once.episodes() as few:
        assert many.newest_snapshot() > few.newest_snapshot() == len(few.snapshots()) > 1
    assert retained(often) == retained(once)


def test_every_session_starts_from_the_same_blank_memory(home: Home, tmp_path: Path, tiny_folder: Path) -> None:
    first = start(home, "first", tiny_folder)
    blank = memory_of(first)
    assert tensor_bytes(first) == []
    read_into(home, "first", write_documents(tmp_path, 2))
    second = start(home, "second", tiny_folder)
    assert memory_of(second) == blank != memory_of(first)


def test_what_a_document_leaves_in_memory_does_not_depend_on_what_was_read_before(
    home: Home, tmp_path: Path, tiny_folder: Path
) -> None:
    """Each starts from the initial memory, so no document wears off another."""
    paths = write_documents(tmp_path, 3)
    start(home, "all", tiny_folder)
    read_into(home, "all", paths)
    for path, cell in zip(paths, tensor_bytes(open_session(home, "all")), strict=True):
        alone = start(home, path.stem, tiny_folder)
        read_into(home, path.stem, [path])
        assert tensor_bytes(alone) == [cell]


def test_a_long_document_is_cut_into_cells_each_from_the_initial_memory(
    home: Home, tmp_path: Path, tiny_folder: Path, tiny_engine: Engine
) -> None:
    store = start(home, "long", tiny_folder)
    read_into(home, "long", [write_document(tmp_path / "long.txt", sentences=LONG)])
    with store.episodes() as episodes:
        cells = episodes.cells_of(1)
        segments = tiny_engine.segments(episodes.pages(1))
    size = tiny_engine.cell_segments
    assert [c.blocks_done for c in cells] == [*range(size, len(segments), size), len(segments)]
    for (info, tensors), begun in zip(store.cells(), range(0, len(segments), size), strict=True):
        alone = tiny_engine.read(tiny_engine.initial_state(), segments[begun : info.blocks_done]).state
        expected = tiny_engine.closed(alone, segments[begun : info.blocks_done])
        assert tensors.keys() == expected.keys()
        assert all(torch.equal(tensors[name], t) for name, t in expected.items())
