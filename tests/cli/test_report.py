"""titans report, and the line of surprise in titans session show."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Titans

pytestmark = pytest.mark.usefixtures("papers")


def test_it_writes_one_file_and_says_what_it_found(
    titans: Titans, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = titans("report")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("wrote papers-report.html: session papers, 3 documents, ")
    html = (tmp_path / "papers-report.html").read_text(encoding="utf-8")
    assert html.lstrip().startswith("<!doctype html>")
    assert list(tmp_path.glob(".tmp-*")) == []


def test_a_file_that_exists_stays_unless_told_otherwise(titans: Titans, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text("mine", encoding="utf-8")
    done = titans("report", "-o", file)
    assert done.code == 2
    assert "--yes" in done.err
    assert file.read_text(encoding="utf-8") == "mine"
    done = titans("report", "-o", file, "--yes", "--json")
    assert done.code == 0
    assert done.document["schema"] == "titans.report/1"
    assert (done.document["file"], done.document["documents"]) == (str(file), 3)
    assert done.document["size"] == file.stat().st_size


def test_on_stdout_there_is_the_page_and_nothing_else(titans: Titans, tmp_path: Path) -> None:
    done = titans("report", "-o", "-")
    assert (done.code, done.err) == (0, "")
    assert done.out.lstrip().startswith("<!doctype html>")
    assert done.out.rstrip().endswith("</html>")


@pytest.mark.parametrize(("where", "code"), [("", 2), ("no/such/folder/r.html", 1)])
def test_a_place_that_cannot_be_written_is_told_at_once(titans: Titans, tmp_path: Path, where: str, code: int) -> None:
    done = titans("report", "-o", tmp_path / where)
    assert done.code == code
    assert str(tmp_path) in done.err


def test_show_draws_surprise_from_first_to_last(titans: Titans, monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = (line for line in titans("session", "show").out.splitlines() if line.startswith("surprise"))
    values = titans("session", "show", "--json").document["surprise"]
    drawn = line.split()[1]
    assert len(drawn) == len(values) <= 60
    assert set(drawn) <= set("▁▂▃▄▅▆▇█")
    assert drawn[values.index(min(values))] == "▁"
    assert drawn[values.index(max(values))] == "█"


def test_show_draws_nothing_where_there_are_no_such_characters(titans: Titans, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="backslashreplace")
    monkeypatch.setattr(sys, "stdout", plain)
    assert titans("session", "show").code == 0
    plain.flush()
    text = plain.buffer.getvalue().decode("ascii")
    assert "memory" in text
    assert "\nsurprise" not in text
