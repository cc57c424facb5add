"""One writer across processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from titans_cli.errors import LockedError, StorageError
from titans_cli.store import WriterLock

HOLDER = """
import sys
from pathlib import Path
from titans_cli.store import WriterLock
with WriterLock(Path(sys.argv[1])).acquire(command="titans ingest ./papers"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_writer_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    with (
        WriterLock(tmp_path).acquire(command="titans ingest x"),
        pytest.raises(LockedError) as caught,
        WriterLock(tmp_path).acquire(),
    ):
        pass
    message = str(caught.value)
    assert f"held by pid {os.getpid()} on " in message
    assert " since 2" in message
    assert "titans ingest x" in message
    assert 'retry_lock="5m"' in message
    assert caught.value.exit_code == 11


def test_the_lock_can_be_taken_again_and_leaves_no_note(tmp_path: Path) -> None:
    for _ in range(2):
        with WriterLock(tmp_path).acquire():
            assert json.loads((tmp_path / "lock.json").read_text())["pid"] == os.getpid()
            assert (tmp_path / "lock.json").stat().st_mode & 0o777 == 0o600
            assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600
        assert not (tmp_path / "lock.json").exists()


def test_a_killed_holder_leaves_no_stale_lock(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(LockedError, match=f"pid {process.pid} .*: titans ingest ./papers"):  # noqa: SIM117
            with WriterLock(tmp_path).acquire(timeout=0.1):
                pass
        process.kill()
    assert (tmp_path / "lock.json").exists()
    with WriterLock(tmp_path).acquire():
        assert json.loads((tmp_path / "lock.json").read_text())["pid"] == os.getpid()


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b'{"pid": "x"}', b"\xff", b"null"])
def test_a_torn_note_only_makes_the_message_vaguer(tmp_path: Path, note: bytes) -> None:
    lock = WriterLock(tmp_path)
    (tmp_path / "lock.json").write_bytes(note)
    assert "has not said who" in lock.holder()


def test_an_error_of_the_block_passes_through(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError, match="mine"), WriterLock(tmp_path).acquire():
        raise TimeoutError("mine")
    with WriterLock(tmp_path).acquire():
        pass


def test_a_folder_that_is_gone_cannot_be_locked(tmp_path: Path) -> None:
    with pytest.raises(StorageError), WriterLock(tmp_path / "none").acquire():
        pass
    assert not (tmp_path / "none").exists()
