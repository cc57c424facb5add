"""How long reading takes: told by what this machine did last time, and by what the run has done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.sessions.samples import (
    file_hashes,
    open_session,
    read_into,
    start,
    stop_after,
    write_document,
    write_documents,
)
from titans_cli.errors import Interrupted
from titans_cli.progress import BlocksRead
from titans_cli.records import Source
from titans_cli.sessions import pace
from titans_cli.sessions.ingest import IngestOptions, IngestRequest, ingest
from titans_cli.sessions.pace import Forecast, Pace
from titans_cli.sessions.preview import preview
from titans_cli.sessions.room import JOURNAL
from titans_cli.store import Home

TWO = [Source("/a.txt", "a.txt"), Source("/b.txt", "b.txt")]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_nothing_is_told_as_long_as_nothing_is_known() -> None:
    forecast = Forecast(Pace(), "mine")
    forecast.begin(TWO, {"/a.txt": 100, "/b.txt": 300})
    assert forecast.left() is None


def test_the_last_run_tells_before_this_one_can() -> None:
    forecast = Forecast(Pace({"mine": 10.0}, {".txt": 0.5}), "mine", Clock())
    forecast.begin(TWO, {"/a.txt": 100, "/b.txt": 300})
    assert forecast.left() == pytest.approx((50 + 150) / 10)
    forecast.started("/a.txt", 60, 60)  # it is denser than files were before, and so will the next be
    assert forecast.left() == pytest.approx((60 + 300 * 0.6) / 10)
    forecast.read(60)
    forecast.done("/a.txt")
    forecast.done("/b.txt")  # skipped
    assert forecast.left() == 0


def test_this_runs_speed_counts_as_soon_as_it_says_something() -> None:
    clock = Clock()
    forecast = Forecast(Pace({"mine": 10.0}, {".txt": 0.5}), "mine", clock)
    forecast.begin(TWO, {"/a.txt": 10_000, "/b.txt": 10_000})
    forecast.started("/a.txt", 5_000, 5_000)
    forecast.read(3_000)
    clock.now = 6.0
    assert forecast.speed() == pytest.approx(500)
    assert forecast.left() == pytest.approx((2_000 + 5_000) / 500)


def test_a_document_gone_on_with_tells_what_is_left_and_nothing_of_its_bytes() -> None:
    forecast = Forecast(Pace({"mine": 10.0}), "mine", Clock())
    forecast.started("/a.txt", 1_000, 400)
    assert forecast.left() == pytest.approx(40)


def test_the_home_remembers_half_of_the_newest_run_and_no_short_one(tmp_path: Path) -> None:
    home, clock = Home(tmp_path), Clock()
    for speed, expected in ((500.0, 500.0), (1_500.0, 1_000.0)):
        clock.now = 0.0
        forecast = Forecast(pace.load(home), "mine", clock)
        forecast.begin(TWO[:1], {"/a.txt": 20_000})
        forecast.started("/a.txt", 10_000, 10_000)
        forecast.read(10_000)
        clock.now = 10_000 / speed
        forecast.keep(home)
        assert pace.load(home).tokens_per_s == {"mine": expected}
        assert pace.load(home).tokens_per_byte == {".txt": 0.5}
    short = Forecast(pace.load(home), "mine", clock)
    short.read(10)
    clock.now += 100
    short.keep(home)
    assert pace.load(home).tokens_per_s == {"mine": 1_000.0}


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"schema": "other/1"}', '{"schema": "titans.pace/1", "tokens_per_s": 3}', "[" * 99_999]
)
def test_a_file_that_is_none_of_ours_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / pace.FILE).write_text(text, encoding="utf-8")
    assert pace.load(Home(tmp_path)) == Pace()
    odd = {"a": True, "b": -1, "c": "x", "d": 2}
    data = {"schema": pace.SCHEMA, "tokens_per_s": odd, "tokens_per_byte": []}
    (tmp_path / pace.FILE).write_text(json.dumps(data), encoding="utf-8")
    assert pace.load(Home(tmp_path)) == Pace({"d": 2.0})


@pytest.fixture
def home(tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("TITANS_THREADS", "1")
    monkeypatch.setattr(pace, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(pace, "LEAST_TOKENS", 100)
    found = Home(tmp_path / "home")
    start(found, "papers", tiny_folder)
    return found


def test_a_second_ingest_tells_from_its_first_batch_what_is_left_also_after_a_stop(home: Home, tmp_path: Path) -> None:
    read_into(home, "papers", [write_document(tmp_path / "first.txt", seed=9)])
    assert pace.load(home).tokens_per_s
    assert set(pace.load(home).tokens_per_byte) == {".txt"}
    long = write_document(tmp_path / "long.txt", sentences=500)
    with pytest.raises(Interrupted):
        read_into(home, "papers", [long], stop=stop_after(2), ahead=0)
    events = [e for e in read_into(home, "papers", [long]) if isinstance(e, BlocksRead)]
    left = [e.eta_s for e in events]
    assert None not in left
    assert left[-1] == 0
    assert (left[0] or 0) > 0


def test_a_preview_says_what_an_ingest_does_and_writes_nothing(home: Home, tmp_path: Path, tiny_folder: Path) -> None:
    paths = write_documents(tmp_path / "docs", 3)
    read_into(home, "papers", paths[:1])
    write_document(paths[0], seed=70)  # changed since
    (tmp_path / "docs" / "bad.txt").write_bytes(b"")
    (tmp_path / "docs" / "copy.txt").write_bytes(paths[1].read_bytes())
    (tmp_path / "docs" / "picture.xyz").write_bytes(b"x")
    before = file_hashes(home.root, "*.safetensors")
    found = preview(home, "papers", IngestRequest([str(tmp_path / "docs")]))
    assert file_hashes(home.root, "*.safetensors") == before
    assert (found.read, found.changed, found.unchanged, len(found.failed), len(found.left_out)) == (3, 1, 1, 1, 1)
    with open_session(home, "papers").episodes() as episodes:
        held = episodes.position() - episodes.sources()[0].tokens
    size = size_of(home.root)
    done = list(ingest(home, "papers", IngestRequest([str(tmp_path / "docs")]), IngestOptions()))[-1]
    with open_session(home, "papers").episodes() as episodes:
        assert episodes.position() - held == found.tokens
    assert (done.files_read, done.files_failed) == (found.read, len(found.failed))  # type: ignore[union-attr]
    assert size_of(home.root) - size <= found.room
    assert found.seconds > 0


def test_room_taken_only_while_a_document_is_read_is_foretold_once(
    home: Home, tmp_path: Path, tiny_folder: Path
) -> None:
    paths = write_documents(tmp_path / "docs", 24)
    found = preview(home, "papers", IngestRequest([str(tmp_path / "docs")]))
    before = size_of(home.root)
    read_into(home, "papers", paths)
    taken = size_of(home.root) - before
    assert taken <= found.room <= 1.5 * (taken + JOURNAL)  # the journal is gone by now


def size_of(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def test_a_preview_makes_no_session_and_no_home(tmp_path: Path, tiny_folder: Path) -> None:
    path = write_document(tmp_path / "a.txt")
    found = preview(Home(tmp_path / "none"), None, IngestRequest([str(path)]), IngestOptions(model=str(tiny_folder)))
    assert (found.session, found.read, found.by) == (None, 1, "a trial now")
    assert not (tmp_path / "none").exists()
