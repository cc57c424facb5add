"""What belongs to a process goes with it, at the latest when the home is opened next."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.store.samples import SENTENCE, new_session, read_paper
from titans_cli.errors import UsageError
from titans_cli.store import Home, SessionStore, export_session, write_outside
from titans_cli.store.temporary import temporary


def killed(work: Callable[[], object]) -> None:
    """Fork, and let the child be gone, as by SIGKILL, when `work` comes to its end."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(9)
    os.waitpid(child, 0)


def cut_off() -> Iterable[bytes]:
    yield SENTENCE.encode()
    os._exit(9)


def test_the_folder_is_private_and_gone_after_the_block_however_that_ends(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    for error in (None, ValueError("no"), SystemExit(129), KeyboardInterrupt()):
        with ExitStack() as expected:
            if error:
                expected.enter_context(pytest.raises(type(error)))
            with temporary(home) as folder:
                (folder / "text").write_text(SENTENCE)
                assert folder.stat().st_mode & 0o777 == 0o700
                assert home.tidy() == []
                assert (folder / "text").exists()
                if error:
                    raise error
        assert home.temporaries() == []


def test_what_a_kill_left_goes_when_the_home_is_opened_and_what_lives_stays(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")

    def work() -> None:
        with temporary(home) as folder:
            (folder / "text").write_text(SENTENCE)
            os._exit(9)

    killed(work)
    (left,) = home.temporaries()
    with temporary(home) as living:
        assert left not in home.temporaries()  # making one clears the others
        killed(work)
        assert len(home.tidy()) == 1
        assert home.temporaries() == [living]


def test_a_file_outside_the_home_that_was_half_written_goes_too(tmp_path: Path) -> None:
    home, out = Home(tmp_path / "home"), tmp_path / "out"
    out.mkdir()
    killed(lambda: write_outside(home, out / "x.tar", cut_off()))
    (unfinished,) = out.iterdir()
    assert unfinished.name.startswith(".tmp-x.tar")
    assert unfinished in home.tidy()
    assert list(out.iterdir()) == []
    write_outside(home, out / "x.tar", [b"whole"])
    assert [p.read_bytes() for p in out.iterdir()] == [b"whole"]
    assert home.temporaries() == []


@pytest.mark.parametrize("named", ["/etc/passwd", "relative/.tmp-x", "\0", "", "{out}/keep.txt", "{out}/.tmp-link"])
def test_nothing_else_is_removed_whatever_is_named(tmp_path: Path, named: str) -> None:
    home, out = Home(tmp_path / "home"), tmp_path / "out"
    out.mkdir()
    (out / "keep.txt").write_text("kept")
    (out / ".tmp-link").symlink_to(out / "keep.txt")
    folder = home.temporary_dir / "01JZZZZZZZZZZZZZZZZZZZZZZZ"
    home.ensure()
    folder.mkdir(parents=True)
    (folder / "outside").write_text(named.format(out=out))
    home.tidy()
    assert not folder.exists()
    assert sorted(p.name for p in out.iterdir()) == [".tmp-link", "keep.txt"]


def test_a_killed_export_leaves_nothing_once_the_session_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = new_session(tmp_path / "home")
    with store.writer():
        read_paper(store, 1)
    out = tmp_path / "elsewhere"
    out.mkdir()

    before = os.replace

    def only_outside(source: object, target: object) -> None:
        if Path(str(target)).parent == out:
            os._exit(9)
        before(str(source), str(target))

    monkeypatch.setattr(os, "replace", only_outside)
    killed(lambda: export_session(store, out / "papers.titans"))
    monkeypatch.undo()
    assert SENTENCE.encode() in b"".join(p.read_bytes() for p in out.iterdir())
    SessionStore.open(store.home, "papers")
    assert list(out.iterdir()) == []
    assert store.home.temporaries() == []
    with pytest.raises(UsageError):
        new_session(tmp_path / "home")
