"""Export, import, fork: a copy is the same to the last byte, and what was tampered with becomes no session."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.store.samples import SENTENCE, check_whole, new_session, read_paper
from titans_cli.errors import DamagedError, IncompatibleError, NotFoundError, StorageError, UsageError
from titans_cli.store import Home, SessionStore, export_session, fork_session, import_session

Members = dict[str, bytes]


@pytest.fixture
def store(tmp_path: Path) -> SessionStore:
    made = new_session(tmp_path)
    with made.writer():
        for number in (1, 2, 3):
            read_paper(made, number)
        made.forget([2], [2])
    return made


@pytest.fixture
def file(store: SessionStore, tmp_path: Path) -> Path:
    export_session(store, tmp_path / "papers.titans")
    return tmp_path / "papers.titans"


def cells(store: SessionStore) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in (store.folder / "snapshots").iterdir()}


def test_what_was_exported_is_imported_to_the_last_byte(store: SessionStore, file: Path, tmp_path: Path) -> None:
    other = import_session(Home(tmp_path / "other"), file)
    assert (other.info.name, other.info.created) == ("papers", store.info.created)
    assert other.info.id != store.info.id
    assert (other.memory_sha256(), cells(other)) == (store.memory_sha256(), cells(store))
    with other.episodes() as theirs, store.episodes() as ours:
        assert theirs.sources() == ours.sources()
        assert theirs.landmarks() == ours.landmarks()
        assert [e.text for e in theirs.events()][:-1] == [e.text for e in ours.events()]
    with other.writer():
        read_paper(other, 9)
    check_whole(other)


def test_an_export_holds_nothing_that_was_forgotten(file: Path) -> None:
    assert SENTENCE.encode() in file.read_bytes()
    assert b"topic2" not in file.read_bytes()


def test_the_same_session_gives_the_same_export(store: SessionStore, file: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.titans"
    done = export_session(store, again)
    assert (done.members, done.size) == (4, file.stat().st_size)
    assert again.read_bytes() == file.read_bytes()
    assert again.stat().st_mode & 0o777 == 0o600


def test_a_file_that_exists_is_replaced_only_when_asked(store: SessionStore, file: Path) -> None:
    file.write_bytes(b"mine")
    with pytest.raises(UsageError, match="--yes"):
        export_session(store, file)
    assert file.read_bytes() == b"mine"
    export_session(store, file, replace_file=True)
    assert tarfile.is_tarfile(file)


def test_a_dry_run_writes_nothing(store: SessionStore, tmp_path: Path) -> None:
    assert export_session(store, tmp_path / "x", dry_run=True).size > 0
    assert not (tmp_path / "x").exists()


def test_a_damaged_session_is_not_exported(store: SessionStore, tmp_path: Path) -> None:
    path = min((store.folder / "snapshots").iterdir())
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(DamagedError):
        export_session(store, tmp_path / "x")
    with pytest.raises(DamagedError):
        fork_session(store, "fork")
    assert not (tmp_path / "x").exists()
    assert Home(tmp_path).session_names() == ["papers"]


def test_an_import_takes_no_ones_name(store: SessionStore, file: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exists"):
        import_session(Home(tmp_path), file)
    assert import_session(Home(tmp_path), file, "copy").info.name == "copy"
    with pytest.raises(UsageError):
        import_session(Home(tmp_path), file, "../copy")


def rewritten(file: Path, change: Callable[[Members, dict[str, object]], None], *, honest: bool = True) -> None:
    """Write the archive anew after `change` saw its members; `honest`: with the digests that they then have."""
    with tarfile.open(file) as archive:
        members = {m.name: archive.extractfile(m).read() for m in archive.getmembers()}  # type: ignore[union-attr]
    manifest = json.loads(members.pop("manifest.json"))
    listed = {m["name"]: m for m in manifest["members"]}
    change(members, manifest)
    if honest:
        for name, data in members.items():
            if name in listed:
                listed[name] |= {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    with tarfile.open(file, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in {"manifest.json": json.dumps(manifest).encode(), **members}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def refused(file: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "fresh")
    with pytest.raises(DamagedError) as caught:
        import_session(home, file, "copy")
    assert caught.value.exit_code == 13
    assert str(file) in str(caught.value)
    assert home.session_names() == []
    assert [p for p in (tmp_path / "fresh").rglob("*") if p.name.startswith((".new-", ".tmp-"))] == []


def flip(members: Members, manifest: dict[str, object]) -> None:
    name = max(members)
    members[name] = members[name][:-2] + bytes([members[name][-2] ^ 1]) + members[name][-1:]


def drop(members: Members, manifest: dict[str, object]) -> None:
    del members[max(members)]


def add(members: Members, manifest: dict[str, object]) -> None:
    members["snapshots/00000099.safetensors"] = b"x"


def drop_honestly(members: Members, manifest: dict[str, object]) -> None:
    del members[max(members)]
    manifest["members"] = [m for m in manifest["members"] if m["name"] in members]  # type: ignore[attr-defined]


def outside(members: Members, manifest: dict[str, object]) -> None:
    members["../evil"] = b"x"
    manifest["members"].append({"name": "../evil", "size": 1, "sha256": hashlib.sha256(b"x").hexdigest()})  # type: ignore[attr-defined]


def absolute(members: Members, manifest: dict[str, object]) -> None:
    members["/tmp/evil"] = b"x"
    manifest["members"].append({"name": "/tmp/evil", "size": 1, "sha256": "0"})  # type: ignore[attr-defined]


def huge(members: Members, manifest: dict[str, object]) -> None:
    manifest["members"][1]["size"] = 1 << 60  # type: ignore[index]


def no_manifest(members: Members, manifest: dict[str, object]) -> None:
    manifest["schema"] = "something else"


def bad_session(members: Members, manifest: dict[str, object]) -> None:
    members["session.json"] = b"{}"


def bad_database(members: Members, manifest: dict[str, object]) -> None:
    members["episodes.sqlite"] = b"SQLite format 3\0" + b"\xff" * 8000


@pytest.mark.parametrize("change", [flip, drop, add, outside, absolute, huge, no_manifest])
def test_an_archive_that_was_tampered_with_is_refused(file: Path, tmp_path: Path, change: Callable[..., None]) -> None:
    rewritten(file, change, honest=False)
    refused(file, tmp_path)


@pytest.mark.parametrize("change", [flip, drop_honestly, bad_session, bad_database])
def test_a_lie_with_the_right_digests_is_refused_too(file: Path, tmp_path: Path, change: Callable[..., None]) -> None:
    rewritten(file, change)
    refused(file, tmp_path)


def test_a_database_that_brings_code_of_its_own_is_refused(file: Path, tmp_path: Path) -> None:
    def trigger(members: Members, manifest: dict[str, object]) -> None:
        path = tmp_path / "tampered.sqlite"
        path.write_bytes(members["episodes.sqlite"])
        db = sqlite3.connect(path)
        db.execute("CREATE TRIGGER evil AFTER INSERT ON events BEGIN DELETE FROM sources; END")
        db.commit()
        db.close()
        members["episodes.sqlite"] = path.read_bytes()

    rewritten(file, trigger)
    refused(file, tmp_path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_folders_and_devices_are_refused(file: Path, tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(file) as archive:
        members = [(m, archive.extractfile(m).read()) for m in archive.getmembers()]  # type: ignore[union-attr]
    with tarfile.open(file, "w") as archive:
        for member, data in members:
            if member.name == "episodes.sqlite":
                member.type, member.linkname, member.size = kind, "/etc/passwd", 0
            archive.addfile(member, io.BytesIO(data))
    refused(file, tmp_path)


def test_an_archive_cut_anywhere_is_refused(file: Path, tmp_path: Path) -> None:
    data = file.read_bytes()
    for cut in (0, 1, 300, 512, 1000, len(data) // 3, len(data) // 2, len(data) - 1500):
        file.write_bytes(data[:cut])
        refused(file, tmp_path)


def test_noise_is_refused_and_a_newer_format_and_a_missing_file_are_said(file: Path, tmp_path: Path) -> None:
    def newer(members: Members, manifest: dict[str, object]) -> None:
        manifest["format"] = 99

    rewritten(file, newer)
    with pytest.raises(IncompatibleError, match="99"):
        import_session(Home(tmp_path / "fresh"), file)
    file.write_bytes(b"noise" * 1000)
    refused(file, tmp_path)
    with pytest.raises(NotFoundError):
        import_session(Home(tmp_path / "fresh"), tmp_path / "none")
    with pytest.raises(StorageError):
        import_session(Home(tmp_path / "fresh"), tmp_path)


def test_a_fork_holds_the_same_and_goes_its_own_way(store: SessionStore, tmp_path: Path) -> None:
    before = store.memory_sha256(), cells(store)
    fork = fork_session(store, "fork")
    assert (fork.memory_sha256(), cells(fork)) == before
    assert (fork.info.name, fork.info.origin) == ("fork", None)
    assert fork.info.id != store.info.id
    with fork.writer():
        read_paper(fork, 8)
        fork.forget([1], [1])
    check_whole(fork)
    assert (store.memory_sha256(), cells(store)) == before
    store.discard()
    check_whole(SessionStore.open(Home(tmp_path), "fork"))


def test_a_cell_that_has_grown_without_bound_is_neither_copied_nor_read(tmp_path: Path) -> None:
    """A hole of a terabyte takes no room where it is, and all of it in a copy."""
    store = new_session(tmp_path, "grown")
    with store.writer():
        read_paper(store, 1)
    cell = next((store.folder / "snapshots").iterdir())
    os.truncate(cell, 1 << 40)
    with pytest.raises(DamagedError):
        fork_session(store, "copy")
    with pytest.raises(DamagedError, match="another size"):
        export_session(store, tmp_path / "out.tar")
    assert Home(tmp_path).session_names() == ["grown"]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE events SET text = 'I read something else.' WHERE id = 1",
        "UPDATE derived SET source_id = 3 WHERE event_id = 1",
        "UPDATE pages SET text = replace(text, 'quinces', 'damsons')",
        "UPDATE blocks SET surprise = surprise + 1",
        "UPDATE blocks SET position = position + 1",
    ],
)
def test_what_check_calls_damaged_is_not_imported(file: Path, tmp_path: Path, sql: str) -> None:
    """SQLite is content with it, and its digests are those of the manifest."""

    def change(members: Members, manifest: dict[str, object]) -> None:
        database = tmp_path / "changed.sqlite"
        database.write_bytes(members["episodes.sqlite"])
        with sqlite3.connect(database) as db:
            db.execute(sql)
        db.close()
        members["episodes.sqlite"] = database.read_bytes()

    rewritten(file, change)
    refused(file, tmp_path)
