"""Forgetting is exact: what is left is what a session holds that never read the document, to the last byte."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.sessions.samples import (
    LONG,
    file_hashes,
    memory_of,
    open_session,
    read_into,
    retained,
    start,
    write_document,
)
from titans_cli.errors import LockedError, NotFoundError, UsageError
from titans_cli.records import Episode
from titans_cli.sentences import sentence_spans
from titans_cli.sessions.history import forget, rewind, session_log
from titans_cli.store import Home, SessionStore, utc_now

PLACES = pytest.mark.parametrize("gone", [0, 1, 2], ids=["first", "middle", "last"])


@pytest.fixture
def documents(tmp_path: Path) -> list[Path]:
    """Three documents with nothing in common; the middle one is long enough for several cells."""
    sizes = (30, LONG, 30)
    return [write_document(tmp_path / f"{'abc'[i]}-paper.txt", sentences=n, seed=i) for i, n in enumerate(sizes)]


def tables(store: SessionStore) -> dict[str, Any]:
    """All that is retained, with ids replaced by places: a session never gives an id to another document."""
    found = retained(store)
    ids = [s.id for s in found["sources"]]
    return {
        "sources": [replace(s, id=0) for s in found["sources"]],
        "pages": [found["pages"][i] for i in ids],
        "blocks": [replace(b, id=0, source_id=0) for i in ids for b in found["blocks"][i]],
        "landmarks": found["landmarks"][1:],
        "position": found["position"],
        "read": found["read"],
        "memory": found["memory"],
    }


def sentences_of(path: Path) -> list[str]:
    text = path.read_text()
    return [text[a:b] for a, b in sentence_spans(text)]


def quoting(path: Path) -> Episode:
    """An event as a session logs it that answered from a document."""
    return Episode(0, utc_now(), "answered", f"I answered: {sentences_of(path)[3]} [1]", {"citations": []})


@PLACES
def test_a_session_that_forgot_a_document_equals_one_that_never_read_it(
    home: Home, documents: list[Path], tiny_folder: Path, gone: int
) -> None:
    store = start(home, "papers", tiny_folder)
    read_into(home, "papers", documents)
    store.log([quoting(path) for path in documents])
    start(home, "never", tiny_folder)
    rest = [path for path in documents if path != documents[gone]]
    read_into(home, "never", rest)
    done = forget(home, "papers", str(documents[gone]))
    never = open_session(home, "never")
    assert done.memory_sha256 == memory_of(store) == memory_of(never)
    assert tables(store) == tables(never)
    with store.episodes() as episodes:
        assert sorted(s.sha256 for s in episodes.snapshots()) == sorted(
            file_hashes(store.folder / "snapshots").values()
        )
        assert [e.kind for e in episodes.events()] == ["started", "read", "read", "answered", "answered"]


@PLACES
def test_no_sentence_and_no_name_of_a_forgotten_document_is_in_any_file_of_the_session(
    home: Home, documents: list[Path], tiny_folder: Path, gone: int
) -> None:
    store = start(home, "papers", tiny_folder)
    read_into(home, "papers", documents, commit_seconds=0)
    store.log([quoting(path) for path in documents])
    store.log([Episode(0, utc_now(), "asked", f"I was asked: what does {documents[gone].name} say?")])
    learned = [t.numpy().tobytes() for i, cell in store.cells() for t in cell.values() if i.source_id == gone + 1]
    forget(home, "papers", str(documents[gone]))
    raw = b"".join(p.read_bytes() for p in store.folder.rglob("*") if p.is_file())
    others = " ".join(path.read_text() for path in documents if path != documents[gone])
    assert sentences_of(documents[gone - 1])[0].encode() in raw
    for needle in [documents[gone].name, *sentences_of(documents[gone])]:
        assert needle in others or needle.encode() not in raw
    assert not any(tensor in raw for tensor in learned if any(tensor))


def test_reading_on_after_forgetting_equals_never_having_read(
    home: Home, documents: list[Path], tiny_folder: Path
) -> None:
    for name, paths in (("papers", documents[:2]), ("never", documents[1:2])):
        start(home, name, tiny_folder)
        read_into(home, name, paths)
    forget(home, "papers", "a-paper.txt")
    for name in ("papers", "never"):
        read_into(home, name, documents[2:])
    assert tables(open_session(home, "papers")) == tables(open_session(home, "never"))


def test_a_half_read_document_can_be_forgotten(home: Home, documents: list[Path], tiny_folder: Path) -> None:
    from titans_cli.errors import Interrupted

    start(home, "papers", tiny_folder)
    batches = iter(range(1, 9))
    with pytest.raises(Interrupted):
        read_into(home, "papers", documents, stop=lambda: next(batches) == 3)
    forget(home, "papers", str(documents[1]))
    start(home, "never", tiny_folder)
    read_into(home, "never", documents[:1])
    assert tables(open_session(home, "papers")) == tables(open_session(home, "never"))


def test_rewinding_forgets_all_that_was_read_after(home: Home, documents: list[Path], tiny_folder: Path) -> None:
    for name, paths in (("papers", documents), ("never", documents[:1])):
        start(home, name, tiny_folder)
        read_into(home, name, paths)
    preview = rewind(home, "papers", "a-paper.txt", dry_run=True)
    assert [Path(s.uri).name for s in preview.sources] == ["b-paper.txt", "c-paper.txt"]
    assert (preview.done, preview.left) == (False, 1)
    done = rewind(home, "papers", "a-paper.txt")
    assert (done.done, done.memory_sha256) == (True, memory_of(open_session(home, "never")))
    assert tables(open_session(home, "papers")) == tables(open_session(home, "never"))
    assert rewind(home, "papers", "a-paper.txt").sources == ()


def test_a_document_is_found_by_path_name_number_and_hash(home: Home, documents: list[Path], tiny_folder: Path) -> None:
    store = start(home, "papers", tiny_folder)
    read_into(home, "papers", documents)
    before = retained(store), file_hashes(store.folder / "snapshots")
    with store.episodes() as episodes:
        wanted = episodes.sources()[1]
    for named in (str(documents[1]), wanted.display, "b-paper.txt", "2", wanted.sha256[:8], wanted.sha256.upper()):
        (found,) = forget(home, "papers", named, dry_run=True).sources
        assert found == wanted
    for unknown in ("", "nothing", "9", "../b-paper.txt", wanted.sha256[:3]):
        with pytest.raises(NotFoundError, match=r"no such item or document\. .* session\.filter\(\)"):
            forget(home, "papers", unknown)
    assert (retained(store), file_hashes(store.folder / "snapshots")) == before


def test_of_two_versions_one_has_to_be_named(home: Home, documents: list[Path], tiny_folder: Path) -> None:
    start(home, "papers", tiny_folder)
    read_into(home, "papers", documents[:1])
    write_document(documents[0], seed=50)
    read_into(home, "papers", documents[:1], append=True)
    with pytest.raises(UsageError, match="means 2 documents"):
        forget(home, "papers", str(documents[0]))
    assert forget(home, "papers", "1").left == 1


def test_forgetting_waits_for_no_other_writer(home: Home, documents: list[Path], tiny_folder: Path) -> None:
    store = start(home, "papers", tiny_folder)
    read_into(home, "papers", documents[:1])
    with store.writer(), pytest.raises(LockedError, match="pid"):
        forget(home, "papers", "1")


def test_what_merely_shares_words_with_a_forgotten_document_stays(
    home: Home, documents: list[Path], tiny_folder: Path
) -> None:
    store = start(home, "papers", tiny_folder)
    read_into(home, "papers", documents)
    store.log([Episode(0, utc_now(), "asked", "I was asked: how does the memory of a paper learn?")])
    forget(home, "papers", "b-paper.txt")
    assert session_log(home, "papers").events[-1].kind == "asked"


def test_another_document_of_the_same_file_name_keeps_its_events(
    home: Home, documents: list[Path], tiny_folder: Path, tmp_path: Path
) -> None:
    other = write_document(tmp_path / "elsewhere" / documents[0].name, seed=60)
    for name, paths in (("papers", [documents[0], other]), ("never", [other])):
        start(home, name, tiny_folder)
        read_into(home, name, paths)
    forget(home, "papers", str(documents[0]))
    assert tables(open_session(home, "papers")) == tables(open_session(home, "never"))


def test_the_log_is_in_order_and_can_be_cut_short(home: Home, documents: list[Path], tiny_folder: Path) -> None:
    start(home, "papers", tiny_folder)
    read_into(home, "papers", documents)
    kinds = [e.kind for e in session_log(home, "papers").events]
    assert kinds == ["started", "read", "read", "read"]
    assert [e.text.split(":")[0][-11:] for e in session_log(home, "papers", 2).events] == ["b-paper.txt", "c-paper.txt"]
