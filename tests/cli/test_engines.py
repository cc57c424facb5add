"""The options of `titans ingest` that say where and into what it reads."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Titans
from tests.sessions.samples import write_documents


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--engine", "dask"], "no such engine"),
        (["--address", "10.0.0.1:6379"], "--address is for --engine ray"),
        (["--session-per", "file"], "no such unit"),
        (["--session-per", "folder", "-s", "x"], "names the sessions itself"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    titans: Titans, documents: list[Path], options: list[str], says: str
) -> None:
    done = titans("ingest", *documents, *options)
    assert done.code == 2
    assert says in done.err


def test_a_session_per_folder(titans: Titans, tmp_path: Path) -> None:
    write_documents(tmp_path / "shelf" / "apples", 2)
    write_documents(tmp_path / "shelf" / "pears", 1, first=5)
    (tmp_path / "shelf" / "pears" / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    done = titans("ingest", tmp_path / "shelf", "--session-per", "folder")
    assert done.code == 3
    assert "1 input failed" in done.err
    sessions = titans("session", "list", "--json").document["sessions"]
    assert sorted(s["name"] for s in sessions) == ["apples", "pears"]
    again = titans("ingest", tmp_path / "shelf", "--session-per", "folder", "--json")
    skipped = sum(line["schema"] == "titans.ingest.file-skipped/1" for line in again.lines)
    assert skipped == 3


def test_without_ray_it_says_how_to_get_it(
    titans: Titans, documents: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    done = titans("ingest", *documents, "--engine", "ray")
    assert done.code == 2
    assert "titans-cli[ray]" in done.err
