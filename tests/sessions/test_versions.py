"""Sessions whose texts an earlier release cut into other sentences go on with what they have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from tests.sessions.samples import memory_of, open_session, read_into, retained, start
from tests.tiny import make_sentences
from titans_cli.errors import Interrupted
from titans_cli.model.engine import Engine
from titans_cli.records import Page, Segment
from titans_cli.sessions.health import check_session, repair_session
from titans_cli.store import Home


@contextmanager
def as_in_0_1() -> Iterator[None]:
    """Cut texts by the rules of release 0.1, as it did: an earlier release knows no others."""
    cut = Engine.segments

    def segments(
        self: Engine, pages: Sequence[Page], pause: Callable[[], None] = lambda: None, version: int = 1
    ) -> list[Segment]:
        return cut(self, pages, pause, 1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "segments", segments)
        yield


@pytest.fixture
def paper(tmp_path: Path) -> Path:
    """Headings without a blank line below them: the releases differ in every paragraph."""
    made = make_sentences(120, 4)
    parts = (f"Part {i} of it all\n{' '.join(made[i : i + 3])}" for i in range(0, 120, 3))
    path = tmp_path / "paper.txt"
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def whole(home: Home, tiny_folder: Path, paper: Path) -> str:
    """A session of then, read in one go."""
    start(home, "then", tiny_folder)
    with as_in_0_1():
        read_into(home, "then", [paper], commit_seconds=0)
    return memory_of(open_session(home, "then"))


def test_the_releases_do_differ(home: Home, tiny_folder: Path, paper: Path, whole: str) -> None:
    start(home, "now", tiny_folder)
    read_into(home, "now", [paper], commit_seconds=0)
    assert memory_of(open_session(home, "now")) != whole


def test_a_document_begun_then_is_finished_as_it_was_begun(
    home: Home, tiny_folder: Path, paper: Path, whole: str
) -> None:
    start(home, "begun", tiny_folder)
    asked = count()
    with as_in_0_1(), pytest.raises(Interrupted):
        read_into(home, "begun", [paper], commit_seconds=0, stop=lambda: next(asked) >= 2)
    assert retained(open_session(home, "begun"))["sources"][0].blocks_done > 0
    read_into(home, "begun", [paper], commit_seconds=0)
    begun, then = (open_session(home, name) for name in ("begun", "then"))
    assert memory_of(begun) == whole
    assert retained(begun)["blocks"] == retained(then)["blocks"]


def test_a_session_of_then_is_sound_and_can_be_repaired(home: Home, whole: str) -> None:
    assert check_session(home, "then", replay=True).findings == ()
    store = open_session(home, "then")
    sorted((store.folder / "snapshots").glob("*.safetensors"))[0].unlink()
    repaired = repair_session(home, "then")
    assert repaired.lost == ()
    assert memory_of(open_session(home, "then")) == whole


def test_what_is_read_now_lies_beside_what_was_read_then(home: Home, tmp_path: Path, whole: str, paper: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text(paper.read_text(encoding="utf-8").replace("Part", "Piece"), encoding="utf-8")
    read_into(home, "then", [other], commit_seconds=0)
    assert check_session(home, "then", replay=True).findings == ()
