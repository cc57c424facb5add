"""On Ray workers a session ends with the bytes of a local run, whoever is killed on the way."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.sessions.samples import (
    child_environment,
    memory_of,
    open_session,
    read_into,
    retained,
    start,
    write_document,
    write_documents,
)
from titans_cli.errors import Interrupted, LimitError, UsageError
from titans_cli.progress import (
    FileChanged,
    FileFailed,
    FileFinished,
    FileSkipped,
    IngestEvent,
    IngestFinished,
)
from titans_cli.readers import discover
from titans_cli.records import (
    Source,
)
from titans_cli.sessions.ask import ask
from titans_cli.sessions.cluster import NAMESPACE, ClusterWriter, ingest_on_ray, prepare
from titans_cli.sessions.history import forget
from titans_cli.sessions.ingest import IngestOptions, IngestRequest, ingest
from titans_cli.sessions.several import ingest_each
from titans_cli.store import Home

SENTENCE = "The keeper counts the boats at noon, and nobody else goes near the water. "

ray: Any = pytest.importorskip("ray", reason="the extra `ray` is not installed")

# Ray's own code warns; ours must not
pytestmark = [pytest.mark.filterwarnings("default:::ray"), pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """A Ray of two processors on this machine, whose workers import this checkout."""
    environment = {k: v for k, v in child_environment().items() if k in ("PYTHONPATH", "OMP_NUM_THREADS")}
    ray.init(
        num_cpus=2,
        namespace=NAMESPACE,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=200 << 20,
        runtime_env={"env_vars": environment},
    )
    yield
    ray.shutdown()


def on_ray(home: Home, name: str | None, paths: list[Path], **how: Any) -> Iterator[IngestEvent]:
    return ingest_on_ray(home, name, IngestRequest([str(p) for p in paths]), IngestOptions(**how))


def last(events: list[IngestEvent]) -> IngestFinished:
    assert isinstance(events[-1], IngestFinished)
    return events[-1]


def test_the_bytes_are_those_of_a_local_run(home: Home, tmp_path: Path, tiny_folder: Path) -> None:
    paths = write_documents(tmp_path / "docs", 3)
    paths.insert(1, write_document(tmp_path / "docs" / "long.txt", sentences=200, seed=7))
    (broken := tmp_path / "docs" / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing else")
    (same := tmp_path / "docs" / "same.txt").write_bytes(paths[0].read_bytes())
    everything = [*paths, broken, same]
    for name in ("here", "there"):
        start(home, name, tiny_folder)
    local = read_into(home, "here", everything)
    distributed = list(on_ray(home, "there", everything))
    assert retained(open_session(home, "here")) == retained(open_session(home, "there"))
    assert memory_of(open_session(home, "here")) == memory_of(open_session(home, "there"))
    for kind in (FileFinished, FileSkipped, FileFailed):
        told = [[replace(e, snapshot=0) if isinstance(e, FileFinished) else e for e in events if isinstance(e, kind)]
                for events in (local, distributed)]  # fmt: skip
        assert told[0] == told[1]
        assert told[0]
    one, other = last(local), last(distributed)
    assert replace(one, seconds=0, session="") == replace(other, seconds=0, session="")


def test_read_again_nothing_is_learned_twice_and_a_changed_file_is_read_anew(
    home: Home, tmp_path: Path, tiny_folder: Path
) -> None:
    paths = write_documents(tmp_path / "docs", 2)
    start(home, "s", tiny_folder)
    list(on_ray(home, "s", paths))
    digest = memory_of(open_session(home, "s"))
    assert last(list(on_ray(home, "s", paths))).files_skipped == 2
    assert memory_of(open_session(home, "s")) == digest
    write_document(paths[0], seed=50)
    events = list(on_ray(home, "s", paths))
    assert [e.kept for e in events if isinstance(e, FileChanged)] == [False]
    assert (last(events).files_read, last(events).files_skipped) == (1, 1)


def test_a_document_begun_by_a_local_run_is_finished(home: Home, tmp_path: Path, tiny_folder: Path) -> None:
    long = write_document(tmp_path / "long.txt", sentences=300, seed=7)
    for name in ("whole", "begun"):
        start(home, name, tiny_folder)
    read_into(home, "whole", [long])
    with pytest.raises(Interrupted):
        read_into(home, "begun", [long], commit_seconds=0, stop=lambda: True)
    list(on_ray(home, "begun", [long]))
    assert retained(open_session(home, "whole")) == retained(open_session(home, "begun"))


def test_killed_workers_and_a_killed_writer_change_nothing(home: Home, tmp_path: Path, tiny_folder: Path) -> None:
    paths = write_documents(tmp_path / "docs", 8)
    for name in ("whole", "killed"):
        start(home, name, tiny_folder)
    read_into(home, "whole", paths)
    killed: set[str] = set()
    finished = 0
    for event in on_ray(home, "killed", paths):
        if not isinstance(event, FileFinished):
            continue
        finished += 1
        if finished == 2:
            writer = ray.get_actor(f"writer-{open_session(home, 'killed').info.id}", namespace=NAMESPACE)
            ray.kill(writer, no_restart=False)
            killed.add("writer")
        if finished == 4:
            for pid in ray_processes("prepare"):
                os.kill(pid, signal.SIGKILL)
                killed.add("worker")
    assert "writer" in killed
    assert finished == len(paths)
    assert retained(open_session(home, "whole")) == retained(open_session(home, "killed"))


def ray_processes(task: str) -> list[int]:
    """Pids of the workers that run `task` or stand ready for it, at least one: they are kept between tasks."""
    for _ in range(100):
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command = (folder / "cmdline").read_bytes().split(b"\0")[0].decode(errors="replace")
                parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, ValueError, IndexError):
                continue
            if command in (f"ray::{task}", "ray::IDLE") and parent != 1:
                found.append(int(folder.name))
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"no worker runs {task}")


def test_the_writer_takes_the_same_document_twice_and_learns_it_once(
    home: Home, tmp_path: Path, tiny_folder: Path
) -> None:
    """What Ray does when the writer dies after a commit and before its answer."""
    (path,) = write_documents(tmp_path / "docs", 1)
    store = start(home, "s", tiny_folder)
    (source,) = sources(path)
    prepared = prepare(store.info, source, IngestOptions())
    one = ClusterWriter(home, "s", IngestOptions())
    told = one.take(0, 1, source, prepared)
    one.close()
    digest = memory_of(open_session(home, "s"))
    restarted = ClusterWriter(home, "s", IngestOptions())
    again = restarted.take(0, 1, source, prepared)
    restarted.close()
    assert [type(e) for e in again] == [FileFinished]
    assert again[-1] == told[-1]
    assert memory_of(open_session(home, "s")) == digest


def sources(*paths: Path) -> Sequence[Source]:
    return discover([str(p) for p in paths]).sources


def test_the_writer_refuses_documents_out_of_order(home: Home, tmp_path: Path, tiny_folder: Path) -> None:
    (path,) = write_documents(tmp_path / "docs", 1)
    store = start(home, "s", tiny_folder)
    (source,) = sources(path)
    prepared = prepare(store.info, source, IngestOptions())
    writer = ClusterWriter(home, "s", IngestOptions())
    writer.take(3, 1, source, prepared)
    with pytest.raises(ValueError, match="document 2 after document 3"):
        writer.take(2, 1, source, prepared)
    writer.close()


def test_stopped_it_keeps_what_is_committed_and_continues(home: Home, tmp_path: Path, tiny_folder: Path) -> None:
    paths = write_documents(tmp_path / "docs", 4)
    for name in ("whole", "stopped"):
        start(home, name, tiny_folder)
    read_into(home, "whole", paths)
    looks = iter(range(100))
    with pytest.raises(Interrupted):
        list(on_ray(home, "stopped", paths, stop=lambda: next(looks) >= 2))
    with open_session(home, "stopped").episodes() as episodes:
        assert len(episodes.sources()) < len(paths)
    list(on_ray(home, "stopped", paths))
    assert retained(open_session(home, "whole")) == retained(open_session(home, "stopped"))


@pytest.mark.parametrize("engine", [ingest, ingest_on_ray])
def test_every_folder_becomes_a_session(home: Home, tmp_path: Path, tiny_folder: Path, engine: Any) -> None:
    home.ensure()
    for i, name in enumerate(("apples", "pears")):
        write_documents(tmp_path / "shelf" / name, 1 + i, first=10 * i)
    what = IngestRequest([str(tmp_path / "shelf")])
    events = list(ingest_each(home, what, IngestOptions(), engine, together=2, model=str(tiny_folder)))
    told = [(e.session, e.files_read) for e in events if isinstance(e, IngestFinished)]
    assert told == [("apples", 1), ("pears", 2)]
    alone = start(home, "alone", tiny_folder)
    read_into(home, "alone", [tmp_path / "shelf" / "pears"])
    assert memory_of(open_session(home, "pears")) == memory_of(alone)
    assert home.current() is None


def test_a_shelf_without_folders_is_a_clear_error(home: Home, tmp_path: Path) -> None:
    write_documents(tmp_path / "docs", 1)
    with pytest.raises(UsageError, match="no folders"):
        list(ingest_each(home, IngestRequest([str(tmp_path / "docs")]), IngestOptions(), ingest))


def test_a_document_that_would_take_too_much_is_refused_as_here_and_before_it_is_learned(
    home: Home, tmp_path: Path, tiny_folder: Path
) -> None:
    small, large = write_document(tmp_path / "small.txt"), write_document(tmp_path / "large.txt", sentences=3000)
    for name in ("here", "there"):
        start(home, name, tiny_folder)
    bound = 3_000_000
    local = read_into(home, "here", [large, small], max_room=bound)
    distributed = list(on_ray(home, "there", [large, small], max_room=bound))
    failed = [[e for e in events if isinstance(e, FileFailed)] for events in (local, distributed)]
    assert len(failed[0]) == 1
    assert [(e.source, e.kind, e.reason) for e in failed[0]] == [(e.source, e.kind, e.reason) for e in failed[1]]
    assert retained(open_session(home, "here")) == retained(open_session(home, "there"))
    info = open_session(home, "there").info
    (source,) = discover([str(large)]).sources
    came = prepare(
        info, source, IngestOptions(max_room=bound), 10**12
    )  # in a worker, which never sees the session's disk
    assert isinstance(came, LimitError)


def test_what_was_learned_on_ray_is_forgotten_with_all_that_was_made_of_it(
    home: Home, tmp_path: Path, tiny_folder: Path
) -> None:
    (path := tmp_path / "a.txt").write_text("The vault code of Brixholm depot is 731846. " + SENTENCE)
    start(home, "s", tiny_folder)
    list(on_ray(home, "s", [path]))
    ask(home, "s", "What is the vault code of Brixholm depot?")
    with open_session(home, "s").episodes() as episodes:
        (read,) = episodes.sources()
        told = {event.id for event in episodes.events() if event.kind in ("read", "answered")}
        assert told <= episodes.events_from([read.id]).keys()
    assert forget(home, "s", str(path)).clean
    assert not any(b"731846" in f.read_bytes() for f in home.root.rglob("*") if f.is_file())
