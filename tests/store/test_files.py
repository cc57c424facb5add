"""Atomic writes and removals."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from titans_cli.errors import DamagedError, StorageError
from titans_cli.store import files
from titans_cli.store.database import connect
from titans_cli.store.files import NotAFileError, open_plain
from titans_cli.store.manifest import read_session
from titans_cli.store.snapshots import read_snapshot


def test_a_write_is_private_whole_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    files.atomic_write(path, [b"one", memoryview(b"two"), b""])
    assert path.read_bytes() == b"onetwo"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_write_that_the_system_cuts_short_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: whole(fd, bytes(data)[:3]))
    files.atomic_write(tmp_path / "a", [b"0123456789"])
    assert (tmp_path / "a").read_bytes() == b"0123456789"


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "Free some space, then make the same call again: it continues from the last commit"),
        (errno.EACCES, "permission denied"),
        (errno.EROFS, "read-only"),
        (errno.ENOTTY, "ioctl"),
    ],
)
def test_a_failed_write_leaves_the_old_file_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, words: str
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(StorageError) as caught:
            files.atomic_write(path, [b"new"])
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_folders_are_private_whatever_the_umask(tmp_path: Path) -> None:
    files.private_mkdir(tmp_path / "x" / "y")
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "x" / "y").stat().st_mode & 0o777 == 0o700


def test_a_removal_that_was_interrupted_is_finished_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "secret").write_bytes(b"x")

    def killed(path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(files, "delete_folder", killed)
        with pytest.raises(KeyboardInterrupt):
            files.remove_tree(tmp_path / "s")
    assert not (tmp_path / "s").exists()
    assert len(files.leftovers(tmp_path)) == 1
    files.clear_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_left_over_and_no_folder_is_removed_and_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".gone-x")  # opening it would wait for ever
    (tmp_path / ".gone-y").write_text("y")
    (tmp_path / ".gone-z").symlink_to(tmp_path / "kept")
    (tmp_path / "kept").mkdir()
    files.clear_leftovers(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]


def test_a_folder_takes_a_name_only_if_it_is_free(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").write_text(name)
    assert not files.rename_new(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b" / "f").read_text() == "b"
    assert files.rename_new(tmp_path / "a", tmp_path / "c")


def test_a_copy_reports_the_hash_of_what_it_copied(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc" * 1000)
    assert files.copy_durably(tmp_path / "a", tmp_path / "b") == files.sha256_of(tmp_path / "b")
    with pytest.raises(StorageError):
        files.sha256_of(tmp_path / "none")


@pytest.mark.parametrize("what", ["folder", "pipe", "device"])
def test_what_is_no_file_is_neither_waited_for_nor_read(tmp_path: Path, what: str) -> None:
    path = tmp_path / "x"
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(NotAFileError):
        open_plain(path)
    with pytest.raises(DamagedError, match="not a regular file"):
        connect(path, readonly=True)
    with pytest.raises(DamagedError, match="not a regular file"):
        read_snapshot(path, None)
    (tmp_path / "session.json").symlink_to(path)
    with pytest.raises(DamagedError, match="not a regular file"):
        read_session(tmp_path)
