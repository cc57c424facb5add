"""LTM entries in a file: the same entry elsewhere, and what was tampered with becomes none."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from tests.store.samples import new_session, read_paper
from titans_cli.errors import DamagedError, NotFoundError, UsageError
from titans_cli.store import Home, LongTermMemory, export_entry, export_session, import_entry


@pytest.fixture
def home(tmp_path: Path) -> Home:
    store = new_session(tmp_path / "here")
    with store.writer():
        for number in (1, 2):
            read_paper(store, number)
    home = Home(tmp_path / "here")
    LongTermMemory(home).promote(store, "survey", note="why")
    return home


def members(file: Path) -> dict[str, bytes]:
    with tarfile.open(file) as archive:
        return {m.name: (archive.extractfile(m) or io.BytesIO()).read() for m in archive.getmembers()}


def write(file: Path, content: dict[str, bytes]) -> Path:
    with tarfile.open(file, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file


def test_an_entry_elsewhere_is_the_same_entry(home: Home, tmp_path: Path) -> None:
    done = export_entry(home, "survey", tmp_path / "survey.ltm")
    assert (done.session, done.members, done.size) == ("survey", 3, (tmp_path / "survey.ltm").stat().st_size)
    there = Home(tmp_path / "there")
    entry, copy = LongTermMemory(home).show("survey"), import_entry(there, tmp_path / "survey.ltm")
    assert copy == entry
    assert LongTermMemory(there).verify("survey") == entry
    for name in ("entry.json", "memory.safetensors", "episodes.sqlite"):
        here, copied = home.ltm_dir / "survey" / name, there.ltm_dir / "survey" / name
        assert here.read_bytes() == copied.read_bytes()
        assert copied.stat().st_mode & 0o777 == 0o400
    session = LongTermMemory(there).start_session("survey", "again")
    with session.episodes() as episodes:
        assert len(episodes.sources()) == 2
    export_entry(there, "survey", tmp_path / "twice.ltm")
    assert (tmp_path / "twice.ltm").read_bytes() == (tmp_path / "survey.ltm").read_bytes()


def test_another_name_and_no_entry_twice(home: Home, tmp_path: Path) -> None:
    export_entry(home, "survey", tmp_path / "survey.ltm")
    there = Home(tmp_path / "there")
    assert import_entry(there, tmp_path / "survey.ltm", "mine").name == "mine"
    with pytest.raises(UsageError, match="here already, as mine"):
        import_entry(there, tmp_path / "survey.ltm")
    with pytest.raises(UsageError, match="cannot be the name"):
        import_entry(Home(tmp_path / "third"), tmp_path / "survey.ltm", "../mine")
    assert there.entry_names() == ["mine"]
    assert [p.name for p in there.ltm_dir.iterdir()] == ["mine"]


def test_a_taken_name_is_refused(home: Home, tmp_path: Path) -> None:
    export_entry(home, "survey", tmp_path / "survey.ltm")
    store = new_session(tmp_path / "there")
    with store.writer():
        read_paper(store, 3)
    there = Home(tmp_path / "there")
    LongTermMemory(there).promote(store, "survey")
    with pytest.raises(UsageError, match="of this name exists"):
        import_entry(there, tmp_path / "survey.ltm")


def test_a_file_is_not_replaced_unasked_and_a_dry_run_writes_nothing(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "survey.ltm"
    assert export_entry(home, "survey", file, dry_run=True).size > 0
    assert not file.exists()
    export_entry(home, "survey", file)
    with pytest.raises(UsageError, match="the file exists"):
        export_entry(home, "survey", file)
    export_entry(home, "survey", file, replace_file=True)
    with pytest.raises(NotFoundError):
        export_entry(home, "nosuch", tmp_path / "x.ltm")
    with pytest.raises(NotFoundError):
        import_entry(home, tmp_path / "nosuch.ltm")


@pytest.mark.parametrize("name", ["entry.json", "memory.safetensors", "episodes.sqlite", "manifest.json"])
def test_a_flipped_byte_anywhere_becomes_no_entry(home: Home, tmp_path: Path, name: str) -> None:
    export_entry(home, "survey", tmp_path / "survey.ltm")
    content = members(tmp_path / "survey.ltm")
    data = bytearray(content[name])
    data[len(data) // 2] ^= 1
    there = Home(tmp_path / "there")
    with pytest.raises(DamagedError):
        import_entry(there, write(tmp_path / "bad.ltm", content | {name: bytes(data)}))
    assert there.entry_names() == []
    assert list(there.ltm_dir.iterdir()) == []


def test_missing_foreign_and_other_files_are_refused(home: Home, tmp_path: Path) -> None:
    export_entry(home, "survey", tmp_path / "survey.ltm")
    content, there = members(tmp_path / "survey.ltm"), Home(tmp_path / "there")
    for bad in (
        {k: v for k, v in content.items() if k != "memory.safetensors"},
        content | {"../escape": b"x"},
        {"manifest.json": content["manifest.json"]},
    ):
        with pytest.raises(DamagedError):
            import_entry(there, write(tmp_path / "bad.ltm", bad))
    store = new_session(tmp_path / "fourth")
    with store.writer():
        read_paper(store, 1)
    export_session(store, tmp_path / "session.titans")
    with pytest.raises(DamagedError, match="not that of an exported LTM entry"):
        import_entry(there, tmp_path / "session.titans")
    assert there.entry_names() == []


def test_a_damaged_entry_is_not_exported(home: Home, tmp_path: Path) -> None:
    path = home.ltm_dir / "survey" / "memory.safetensors"
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(DamagedError):
        export_entry(home, "survey", tmp_path / "survey.ltm")
    assert not (tmp_path / "survey.ltm").exists()
