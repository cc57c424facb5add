"""One session directory."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.store.samples import SENTENCE, blocks, check_whole, event, memory, new_session, page, read_paper, source
from titans_cli.errors import (
    DamagedError,
    IncompatibleError,
    LockedError,
    NotFoundError,
    StorageError,
    TitansError,
    UsageError,
)
from titans_cli.store import Home, SessionStore, discard, thinned


def test_a_new_session_has_its_initial_memory_as_snapshot_0(tmp_path: Path) -> None:
    store = new_session(tmp_path)
    again = SessionStore.open(Home(tmp_path), "papers")
    assert again.info == store.info
    info, tensors, metadata = again.load_latest()
    assert (info.number, info.parent, info.position) == (0, None, 0)
    assert torch.equal(tensors["layers.0.weight"], memory(0)["layers.0.weight"])
    assert metadata["fingerprint"] == "model-1"


def test_commits_add_up(tmp_path: Path) -> None:
    store = new_session(tmp_path)
    with store.writer(command="titans ingest") as episodes:
        assert read_paper(store, 1).source_id == 1
        info = read_paper(store, 2)
        assert episodes.latest_snapshot() == info
    assert check_whole(store) == 2
    assert (info.number, info.parent, info.position, info.blocks_done) == (2, 1, 40, 2)


def test_two_sessions_that_read_the_same_have_the_same_snapshot_bytes(tmp_path: Path) -> None:
    hashes = []
    for name in ("one", "two"):
        store = new_session(tmp_path, name)
        with store.writer():
            hashes.append([read_paper(store, number).sha256 for number in (1, 2)])
    assert hashes[0] == hashes[1]


def test_only_the_writer_commits(tmp_path: Path) -> None:
    store = new_session(tmp_path)
    with pytest.raises(RuntimeError):
        read_paper(store, 1)
    other = SessionStore.open(Home(tmp_path), "papers")
    with store.writer():
        with pytest.raises(LockedError, match=f"pid {os.getpid()}"), other.writer():
            pass
        with store.writer() as nested:
            assert nested.sources() == []
        assert other.load_latest()[0].number == 0
        assert other.log([event("asked", "asked")])[0].id == 1
    with other.writer():
        read_paper(other, 1)


def test_old_snapshots_are_thinned_and_their_files_go(tmp_path: Path) -> None:
    store = new_session(tmp_path)
    old = store.latest_snapshot()
    with store.writer():
        first = read_paper(store, 1)
        for number in range(2, 30):
            read_paper(store, number)
    kept = thinned(range(30))
    assert {int(p.stem) for p in (store.folder / "snapshots").iterdir()} == kept
    with store.episodes() as episodes:
        assert {s.number for s in episodes.snapshots()} == kept
        assert episodes.snapshot_before(19 * 20).position <= 19 * 20
    assert torch.equal(store.load_snapshot(old)[0]["steps"], torch.tensor([0]))
    with pytest.raises(NotFoundError, match="not kept"):
        store.load_snapshot(first)


def test_a_rewound_session_equals_one_that_never_read_the_forgotten(tmp_path: Path) -> None:
    never, store = new_session(tmp_path, "never"), new_session(tmp_path)
    with never.writer():
        wanted = [read_paper(never, n).sha256 for n in (1, 3)][-1]
    with store.writer() as episodes:
        for number in (1, 2, 3):
            read_paper(store, number)
        stale = store.latest_snapshot()
        back = episodes.snapshot_before(episodes.first_position(2) or 0)
        assert store.rewind(back.number, forget=[2], forget_events=[2]).number == 1
        left = episodes.sources()[-1]
        assert (left.id, left.blocks_done) == (3, 0)
        text = episodes.pages(3)
        again = store.commit(
            memory(3), {"note": "paper 3"}, position=40, source=source(3, id_=3), pages=text, blocks=blocks(3, 20)
        )
        assert again.sha256 == wanted
    with pytest.raises(NotFoundError):
        store.load_snapshot(stale)
    learned = b"".join(p.read_bytes() for p in store.folder.rglob("*") if p.is_file())
    assert b"topic2" not in learned
    assert b"topic3" in learned


def test_an_orphan_of_a_kill_is_replaced_and_later_ones_are_cleared(tmp_path: Path) -> None:
    store = new_session(tmp_path)
    for name in ("00000001.safetensors", "00000007.safetensors", ".tmp-x"):
        (store.folder / "snapshots" / name).write_bytes(b"torn")
    (store.folder / "snapshots" / "notes.txt").write_text("mine")
    assert store.load_latest()[0].number == 0
    with store.writer():
        read_paper(store, 1)
    names = sorted(p.name for p in (store.folder / "snapshots").iterdir())
    assert names == ["00000000.safetensors", "00000001.safetensors", "notes.txt"]
    check_whole(store)


def test_everything_is_private(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        store = new_session(tmp_path / "home")
        with store.writer():
            read_paper(store, 1)
            modes = {p: p.stat().st_mode & 0o777 for p in [tmp_path / "home", *(tmp_path / "home").rglob("*")]}
    finally:
        os.umask(old)
    assert {mode for p, mode in modes.items() if p.is_dir()} == {0o700}
    assert {mode for p, mode in modes.items() if p.is_file()} == {0o600}


def test_a_name_belongs_to_whoever_is_first(tmp_path: Path) -> None:
    new_session(tmp_path)
    with pytest.raises(UsageError, match="titans session discard papers"):
        new_session(tmp_path)
    with pytest.raises(UsageError):
        new_session(tmp_path, "../papers")

    def attempt(_: int) -> str:
        try:
            return new_session(tmp_path, "race").info.id
        except UsageError:
            return ""

    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(attempt, range(4)))
    assert len([i for i in ids if i]) == 1
    assert SessionStore.open(Home(tmp_path), "race").info.id in ids


def test_discarding_leaves_no_byte_of_what_was_learned(tmp_path: Path) -> None:
    store = new_session(tmp_path)
    Home(tmp_path).set_current("papers")
    with store.writer():
        read_paper(store, 7)
    needles = (SENTENCE.encode(), memory(7)["layers.0.weight"].numpy().tobytes(), b"zymurgist", b"papers")
    raw = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert all(needle in raw for needle in needles)
    reader = store.episodes()
    reader.sources()
    store.discard()
    reader.close()
    assert {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")} == {"sessions", "ltm", ".lock"}
    assert (tmp_path / ".lock").read_bytes() == b""
    for use in (store.discard, store.latest_snapshot, lambda: store.writer().__enter__()):
        with pytest.raises(TitansError):
            use()
    assert not (tmp_path / "sessions" / "papers").exists()


def test_a_session_in_use_is_not_discarded(tmp_path: Path) -> None:
    store = new_session(tmp_path)
    with store.writer(), pytest.raises(LockedError):
        SessionStore.open(Home(tmp_path), "papers").discard()
    check_whole(store)


def test_a_name_that_was_taken_anew_is_another_session(tmp_path: Path) -> None:
    store = new_session(tmp_path)
    SessionStore.open(Home(tmp_path), "papers").discard()
    new_session(tmp_path)
    with pytest.raises(NotFoundError, match="discarded"), store.writer():
        pass
    with pytest.raises(NotFoundError):
        store.discard()


def test_a_shell_that_a_waiting_process_left_does_not_take_the_name(tmp_path: Path) -> None:
    Home(tmp_path).ensure()
    (tmp_path / "sessions" / "papers").mkdir()
    (tmp_path / "sessions" / "papers" / "lock").touch()
    assert SessionStore.list(Home(tmp_path)).unreadable == ()
    check_whole(new_session(tmp_path))


@pytest.mark.parametrize(
    "raw",
    [b"", b"\0\0\0", b"{", b"[]", b"null", b"[" * 100_000, b'{"schema": "titans.entry"}', b"\xff\xfe{}", b"9" * 10_000],
)
def test_an_unreadable_session_file_is_damage_and_can_still_be_discarded(tmp_path: Path, raw: bytes) -> None:
    store = new_session(tmp_path)
    new_session(tmp_path, "fine")
    (store.folder / "session.json").write_bytes(raw)
    with pytest.raises(DamagedError, match="titans session discard papers") as caught:
        SessionStore.open(Home(tmp_path), "papers")
    assert caught.value.exit_code == 13
    listed = SessionStore.list(Home(tmp_path))
    assert [s.name for s in listed.sessions] == ["fine"]
    assert len(listed.unreadable) == 1
    discard(Home(tmp_path), "papers")
    assert SessionStore.list(Home(tmp_path)).unreadable == ()


@pytest.mark.parametrize("field", ["id", "state", "memory", "threads", "origin", "format", "created"])
def test_a_field_of_the_wrong_type_is_damage(tmp_path: Path, field: str) -> None:
    import json

    path = new_session(tmp_path).folder / "session.json"
    data = json.loads(path.read_text())
    for wrong in (True, -1, [1], "x" if field not in ("created", "origin") else 1):
        path.write_text(json.dumps({**data, field: wrong}))
        with pytest.raises(DamagedError):
            SessionStore.open(Home(tmp_path), "papers")
    path.write_text(json.dumps({**data, "later_addition": 1}))
    SessionStore.open(Home(tmp_path), "papers")


def test_a_newer_format_is_not_touched(tmp_path: Path) -> None:
    path = new_session(tmp_path).folder / "session.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(IncompatibleError, match="version 2") as caught:
        SessionStore.open(Home(tmp_path), "papers")
    assert caught.value.exit_code == 12


def test_a_missing_file_or_a_flipped_byte_is_damage(tmp_path: Path) -> None:
    store = new_session(tmp_path)
    with store.writer():
        info = read_paper(store, 1)
    path = store.folder / "snapshots" / "00000001.safetensors"
    good = path.read_bytes()
    path.write_bytes(good[:-3] + bytes([good[-3] ^ 1]) + good[-2:])
    with pytest.raises(DamagedError, match="checksum"):
        store.load_snapshot(info)
    path.unlink()
    with pytest.raises(DamagedError, match="missing"):
        store.load_latest()
    for raw in (b"", b"noise" * 999):
        (store.folder / "episodes.sqlite").write_bytes(raw)
        with pytest.raises(DamagedError):
            store.latest_snapshot()
        with pytest.raises(DamagedError), store.writer():
            pass
    shutil.rmtree(store.folder / "snapshots")
    (store.folder / "episodes.sqlite").unlink()
    with pytest.raises(DamagedError):
        store.episodes()
    store.discard()


def failing(monkeypatch: pytest.MonkeyPatch, step: int) -> list[int]:
    """Make the `step`-th write or fsync, and all after it, fail as on a full disk; return a counter of the calls."""
    calls = [0]

    def limited(whole: Callable[..., Any]) -> Callable[..., Any]:
        def stand_in(*args: Any) -> Any:
            calls[0] += 1
            if calls[0] >= step:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return whole(*args)

        return stand_in

    for name in ("write", "fsync"):
        monkeypatch.setattr(os, name, limited(getattr(os, name)))
    return calls


def test_a_full_disk_at_any_step_of_a_commit_keeps_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = new_session(tmp_path)
    messages: list[str] = []
    for step in range(1, 30):
        with store.writer():
            before = store.latest_snapshot()
            try:
                with monkeypatch.context() as patch:
                    failing(patch, step)
                    read_paper(store, before.number + 1)
                break
            except StorageError as error:
                messages.append(str(error))
            assert store.latest_snapshot() == before
        check_whole(SessionStore.open(Home(tmp_path), "papers"))
    assert len(messages) >= 4
    assert all("Free some space, then run the same command again" in message for message in messages)
    assert check_whole(store) == 1


def test_a_full_disk_at_any_step_of_creation_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Home(tmp_path).ensure()
    for step in range(1, 60):
        try:
            with monkeypatch.context() as patch:
                failing(patch, step)
                new_session(tmp_path)
            break
        except StorageError:
            there = [p.name for p in (tmp_path / "sessions").iterdir()]
            assert there in ([], ["papers"])
            if there:  # only the very last fsync, of the folder above, had failed
                break
    assert step > 8
    check_whole(SessionStore.open(Home(tmp_path), "papers"))


def test_a_full_disk_does_not_keep_anyone_from_discarding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = new_session(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
        store.discard()
    assert list((tmp_path / "sessions").iterdir()) == []


def test_listing_needs_no_torch(tmp_path: Path) -> None:
    new_session(tmp_path)
    code = (
        "import sys, titans_cli.store as s; from pathlib import Path; "
        "home = s.Home(Path(sys.argv[1])); print([i.name for i in s.SessionStore.list(home).sessions]); "
        "store = s.SessionStore.open(home, 'papers'); print(store.latest_snapshot().number); "
        "print(s.LongTermMemory(home).list().entries); "
        "print('torch' in sys.modules, 'safetensors' in sys.modules, 'filelock' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=True,
    )
    assert run.stdout.splitlines() == ["['papers']", "0", "()", "False False False"]


def test_pages_are_kept_whole(tmp_path: Path) -> None:
    store = new_session(tmp_path)
    with store.writer():
        read_paper(store, 1)
    with store.episodes() as episodes:
        assert episodes.page(1, 1) == page(1).text
