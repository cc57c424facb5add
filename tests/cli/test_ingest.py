"""What is read, skipped and reported, as the command line says it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Done, Titans
from tests.sessions.samples import write_document
from titans_cli.store import Home

Memory = Callable[..., str]


def events(done: Done, name: str) -> list[dict[str, object]]:
    return [line for line in done.lines if line["schema"] == f"titans.ingest.{name}/1"]


def names(found: list[dict[str, object]]) -> list[str]:
    return [Path(str(event["source"])).name for event in found]


def test_ingest_without_a_session_makes_one_and_makes_it_current(
    titans: Titans, home: Home, documents: list[Path]
) -> None:
    assert titans("ingest", documents[0]).code == 0
    (name,) = home.session_names()
    assert home.current() == name
    assert titans("ingest", documents[1]).code == 0
    assert home.session_names() == [name]


def test_the_session_is_the_named_one_then_the_environments_then_the_current(
    titans: Titans, home: Home, documents: list[Path], monkeypatch: pytest.MonkeyPatch, memory: Memory
) -> None:
    for name in ("named", "environment", "current"):
        assert titans("session", "new", name).code == 0
    monkeypatch.setenv("TITANS_SESSION", "environment")
    blank = memory("current")
    assert titans("ingest", documents[0], "-s", "named").code == 0
    assert [memory(n) == blank for n in ("named", "environment", "current")] == [False, True, True]
    assert titans("ingest", documents[0]).code == 0
    assert [memory(n) == blank for n in ("named", "environment", "current")] == [False, False, True]
    monkeypatch.delenv("TITANS_SESSION")
    assert titans("ingest", documents[0]).code == 0
    assert memory("named") == memory("environment") == memory("current")


def test_what_was_read_and_is_unchanged_is_skipped_and_said_so(
    titans: Titans, papers: Done, documents: list[Path], memory: Memory
) -> None:
    before = memory()
    done = titans("ingest", *documents)
    assert done.code == 0
    assert all(f"skipped {path}" in done.err for path in documents)
    assert memory() == before


def test_the_same_content_under_another_name_is_skipped(
    titans: Titans, papers: Done, documents: list[Path], tmp_path: Path, memory: Memory
) -> None:
    before = memory()
    done = titans("ingest", shutil.copy(documents[0], tmp_path / "copy.txt"), "--json")
    assert done.code == 0
    (skipped,) = events(done, "file-skipped")
    assert str(documents[0]) in str(skipped["message"])
    assert memory() == before


def test_a_changed_file_takes_the_place_of_what_was_read_of_it(
    titans: Titans, papers: Done, documents: list[Path], home: Home, memory: Memory
) -> None:
    """At the end, said before it starts; the session equals one that never read the old version."""
    old = documents[1].read_text().split(". ")[0]
    write_document(documents[1], seed=77)
    done = titans("ingest", *documents, "--json")
    assert done.code == 0
    (changed,) = events(done, "file-changed")
    assert (changed["source"], changed["kept"]) == (str(documents[1]), False)
    assert "forgetting the old version" in str(changed["message"])
    order = [line["schema"].split("/")[0].rsplit(".", 1)[1] for line in done.lines]
    assert order.index("file-changed") < order.index("file-started")
    assert names(events(done, "file-skipped")) == ["00.txt", "02.txt"]
    assert titans("session", "new", "never").code == 0
    assert titans("ingest", documents[0], documents[2], documents[1]).code == 0
    assert memory("papers") == memory("never")
    assert not [p for p in (home.sessions_dir / "papers").rglob("*") if p.is_file() and old.encode() in p.read_bytes()]


def test_append_reads_a_changed_file_beside_its_old_version(
    titans: Titans, papers: Done, documents: list[Path], memory: Memory
) -> None:
    write_document(documents[1], seed=77)
    done = titans("ingest", *documents, "--append", "--json")
    assert done.code == 0
    (changed,) = events(done, "file-changed")
    assert changed["kept"]
    shown = titans("session", "show", "--json").document
    assert [Path(s["uri"]).name for s in shown["sources"]] == ["00.txt", "01.txt", "02.txt", "01.txt"]
    before = memory()
    assert names(events(titans("ingest", *documents, "--append", "--json"), "file-skipped")) == [
        "00.txt",
        "01.txt",
        "02.txt",
    ]
    assert memory() == before


@pytest.mark.parametrize("broken", [b"", b"%PDF-1.7 torn"], ids=["empty", "corrupt"])
def test_a_changed_file_that_cannot_be_read_keeps_the_old_memory_and_is_reported(
    titans: Titans, papers: Done, documents: list[Path], memory: Memory, broken: bytes
) -> None:
    before = memory()
    documents[1].write_bytes(broken)
    done = titans("ingest", *documents)
    assert done.code == 3
    assert "the session keeps the version it read before" in done.err
    assert memory() == before


def test_a_file_touched_but_not_changed_is_unchanged(titans: Titans, papers: Done, documents: list[Path]) -> None:
    documents[0].touch()
    assert titans("ingest", *documents).code == 0


def test_a_document_comes_from_stdin(titans: Titans, papers: Done, memory: Memory, tmp_path: Path) -> None:
    data = write_document(tmp_path / "piped.txt", seed=9).read_bytes()
    before = memory()
    done = titans("ingest", "-", "--json", stdin=data)
    assert (done.code, names(events(done, "file-finished"))) == (0, ["-"])
    after = memory()
    assert after != before
    again = titans("ingest", "-", "--json", stdin=data)
    assert (again.code, names(events(again, "file-skipped"))) == (0, ["-"])
    assert memory() == after
    other = titans("ingest", "-", "--json", stdin=write_document(tmp_path / "other.txt", seed=8).read_bytes())
    assert (other.code, names(events(other, "file-finished"))) == (0, ["-"])
    assert memory() != after


def test_a_document_from_stdin_can_be_cited(titans: Titans, home: Home) -> None:
    text = "The quibbleworth anchor was forged from nine iron bells. Nobody knows who rang them before that winter."
    assert titans("ingest", "-", stdin=text.encode()).code == 0
    answer = titans("ask", "What was the quibbleworth anchor forged from?", "--json").document
    assert [c["source"] for c in answer["citations"]] == ["-"]


def test_empty_stdin_is_reported(titans: Titans, papers: Done, memory: Memory) -> None:
    before = memory()
    assert titans("ingest", "-").code == 3
    assert memory() == before


def test_paths_come_from_a_file_or_from_stdin(titans: Titans, documents: list[Path], tmp_path: Path) -> None:
    listing = tmp_path / "list"
    listing.write_text(f"{documents[2]}\n\n{documents[0]}\n")
    done = titans("ingest", "--files-from", listing, "--json")
    assert (done.code, names(events(done, "file-finished"))) == (0, ["02.txt", "00.txt"])
    done = titans("ingest", "--files-from", "-", "--json", stdin=f"{documents[1]}\n".encode())
    assert (done.code, names(events(done, "file-finished"))) == (0, ["01.txt"])


def test_folders_are_read_sorted_and_recursively(titans: Titans, tmp_path: Path) -> None:
    for number, name in enumerate(["b.txt", "a/z.txt", "c.md", "B.txt", "a/b/y.txt", ".hidden.txt", "d.bin"]):
        write_document(tmp_path / "docs" / name, seed=number, sentences=5)
    done = titans("ingest", tmp_path / "docs", "--json")
    finished = [str(e["source"]).removeprefix(f"{tmp_path}/docs/") for e in events(done, "file-finished")]
    assert (done.code, finished) == (0, ["B.txt", "a/b/y.txt", "a/z.txt", "b.txt", "c.md"])


def test_globs_choose_among_what_folders_hold(titans: Titans, tmp_path: Path) -> None:
    for number, name in enumerate(["keep-1.txt", "keep-2.txt", "keep-draft.txt", "other.txt", "keep.md"]):
        write_document(tmp_path / "docs" / name, seed=number, sentences=5)
    done = titans("ingest", tmp_path / "docs", "--include", "keep*.txt", "--exclude", "*draft*", "--json")
    assert (done.code, names(events(done, "file-finished"))) == (0, ["keep-1.txt", "keep-2.txt"])


def test_ingest_ends_with_its_counts(titans: Titans, papers: Done, documents: list[Path], tmp_path: Path) -> None:
    new = write_document(tmp_path / "new.txt", seed=9)
    done = titans("ingest", *documents, new, tmp_path / "missing.txt", "--json")
    *_, finished, error = done.lines
    counts = {key: finished[key] for key in ("session", "files_read", "files_skipped", "files_failed")}
    assert counts == {"session": "papers", "files_read": 1, "files_skipped": 3, "files_failed": 1}
    assert (error["schema"], error["exit_code"]) == ("titans.error/1", 3)


def test_show_tells_what_was_read(titans: Titans, papers: Done, documents: list[Path]) -> None:
    shown = titans("session", "show", "--json").document
    assert [(s["uri"], s["pages"]) for s in shown["sources"]] == [(str(p.resolve()), 1) for p in documents]
    assert all(s["blocks_done"] == s["blocks_total"] > 0 for s in shown["sources"])
    assert shown["position"] == sum(s["tokens"] for s in shown["sources"])
    assert shown["current"]


def test_what_readers_leave_out_and_what_nobody_reads_is_told(titans: Titans, home: Home, tmp_path: Path) -> None:
    pile = tmp_path / "pile"
    pile.mkdir()
    words = "The gate of Norhavn weighs nine tons and was hung in 1998 by Tilda Rook."
    (pile / "a.html").write_text(f"<p>{words}</p><script>x()</script><!-- note --><!-- more -->")
    for name in ("b.png", "c.png", "NOTICE"):
        (pile / name).write_bytes(b"x")
    done = titans("ingest", pile, "--json")
    (finished,), (left_out,), (end,) = (
        events(done, name) for name in ("file-finished", "files-left-out", "ingest-finished")
    )
    assert finished["omissions"] == [["comment", 2], ["script", 1]]
    assert [Path(str(name)).name for name in left_out["sources"]] == ["NOTICE", "b.png", "c.png"]  # type: ignore[attr-defined]
    assert end["files_left_out"] == 3
    shown = titans("session", "show")
    assert "2 comments, 1 script" in shown.out
    assert titans("session", "show", "--json").document["omissions"] == {"1": [["comment", 2], ["script", 1]]}
    again = titans("ingest", pile, "-v", "-s", titans("session", "new", "second", "-q").out.strip())
    assert "skipped: 2 comments, 1 script" in again.err
    assert "left out 3 files that no reader knows by name: 2 .png, NOTICE" in again.err
    assert str(pile / "c.png") in again.err


def test_a_folder_with_nothing_to_read_is_no_success(titans: Titans, tmp_path: Path, papers: Done) -> None:
    (tmp_path / "empty").mkdir()
    done = titans("ingest", tmp_path / "empty")
    assert done.code == 3
    assert "no file in it that a reader knows" in done.err
