"""The small functions of the command line."""

from __future__ import annotations

import pytest

from titans_cli.cli.render.console import human_bytes, human_time
from titans_cli.cli.render.ingest import describe
from titans_cli.cli.values import seconds
from titans_cli.errors import UsageError
from titans_cli.progress import (
    BlocksRead,
    FileFinished,
    FileSkipped,
    FilesLeftOut,
    FileStarted,
    IngestFinished,
    IngestStarted,
)
from titans_cli.wording import plural


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0), ("30", 30), ("30s", 30), (" 5m ", 300), ("1h", 3600), ("1.5m", 90), ("0.5 h", 1800)],
)
def test_seconds(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "s", "-1s", "1w", "1m30s", "soon", "1e3", ".5", "5.", "nan", "inf"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        seconds(text)
    assert raised.value.hint


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (23_456, "23.5 kB"),
        (1_000_000, "1.0 MB"),
        (5_300_000_000, "5.3 GB"),
        (7_000_000_000_000, "7000.0 GB"),
    ],
)
def test_human_bytes(size: float, expected: str) -> None:
    assert human_bytes(size) == expected


@pytest.mark.parametrize(
    ("duration", "expected"),
    [(0, "0s"), (0.4, "0s"), (59.4, "59s"), (59.6, "1m00s"), (61, "1m01s"), (3599.9, "1h00m"), (7384, "2h03m")],
)
def test_human_time(duration: float, expected: str) -> None:
    assert human_time(duration) == expected


@pytest.mark.parametrize(("count", "expected"), [(0, "0 files"), (1, "1 file"), (1200, "1,200 files")])
def test_plural(count: int, expected: str) -> None:
    assert plural(count, "file") == expected


def test_what_an_ingest_says_of_its_beginning() -> None:
    assert describe(IngestStarted("papers", 2, 2000)) == ["session papers: 2 files, 2.0 kB"]


def test_what_an_ingest_says_of_a_file_it_skips() -> None:
    assert describe(FileSkipped("a.txt", "unchanged", "already read")) == ["skipped a.txt: already read"]


def test_a_file_is_announced_only_when_it_is_continued() -> None:
    assert describe(FileStarted("a.txt", 1, 9, 500, 0)) == []
    assert describe(FileStarted("a.txt", 1, 9, 500, 4)) == ["continuing a.txt at segment 4 of 9"]


def test_warnings_follow_the_file_they_are_about() -> None:
    lines = describe(FileFinished("a.pdf", 3, 9, 500, 0.5, 1, ("page 2 has no text",)))
    first, second = lines
    assert first.startswith("read a.pdf: 3 pages, 500 tokens")
    assert second.strip() == "warning: page 2 has no text"


def test_what_nobody_reads_is_told_by_suffix() -> None:
    names = ("a/x.png", "a/y.PNG", "a/LICENSE", *(f"a/{i}.k{i}" for i in range(9)))
    (line,) = describe(FilesLeftOut(names))
    assert line.startswith("left out 12 files that no reader knows by name: 2 .png, LICENSE, .k0, ")
    assert line.endswith(", ...")


def test_batches_are_no_lines() -> None:
    assert describe(BlocksRead("a.txt", 16, 32, 900, 450.0, 0.5, None, 0, 1)) == []


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            IngestFinished("papers", 1, 0, 0, 100, 2.0, 1),
            "1 file read into session papers: 100 tokens in 2s (50 tokens/s)",
        ),
        (
            IngestFinished("papers", 0, 3, 0, 0, 0.1, 1),
            "0 files read, 3 skipped into session papers: 0 tokens in 0s",
        ),
        (IngestFinished("", 0, 0, 2, 0, 0.0, None), "0 files read, 2 failed: 0 tokens in 0s"),
    ],
)
def test_what_an_ingest_says_of_its_end(event: IngestFinished, expected: str) -> None:
    assert describe(event) == [expected]
