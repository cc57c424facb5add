"""Sessions that read more than text: what is retained, cited and dated; and reading ahead changes no byte of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.readers.makers import docx, epub, paragraph, zipped
from tests.sessions.samples import open_session, read_into, retained, start, write_documents
from tests.tiny import make_sentences
from titans_cli.answers.corpus import year_of
from titans_cli.progress import FileFailed, FileFinished
from titans_cli.records import SourceRecord
from titans_cli.sessions import health, history, lifecycle
from titans_cli.sessions.ask import AskOptions, ask
from titans_cli.store import Episodes, Home


def sentences(seed: int, count: int = 8) -> list[str]:
    return make_sentences(count, seed + 500)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One of many kinds, one that cannot be read, and one content twice."""
    made = tmp_path / "docs"
    write_documents(made, 2)
    (made / "03.docx").write_bytes(docx("".join(map(paragraph, sentences(1)))))
    (made / "04.epub").write_bytes(epub([f"<p>{s}</p>" if i != 1 else "" for i, s in enumerate(sentences(2))]))
    rows = "\n".join(f'"{s}",{i}' for i, s in enumerate(sentences(3)))
    (made / "05.csv").write_text(f"words,number\n\n{rows}\n")
    (made / "06.txt").write_text("")
    (made / "07.zip").write_bytes(zipped({"a.txt": " ".join(sentences(4)), "b.md": (made / "00.txt").read_text()}))
    (made / "08.rst").write_text("\n\n".join(sentences(5)))
    return made


def test_reading_ahead_changes_no_byte(home: Home, folder: Path, tiny_folder: Path) -> None:
    for name, ahead in (("without", 0), ("with", 3)):
        start(home, name, tiny_folder)
        events = read_into(home, name, [folder], ahead=ahead)
        assert [Path(e.source).name for e in events if isinstance(e, FileFailed)] == ["06.txt"]
    without, with_ = (open_session(home, name) for name in ("without", "with"))
    assert retained(with_) == retained(without)
    assert len(retained(with_)["sources"]) == 7
    assert with_.memory_sha256() == without.memory_sha256()


def test_what_a_document_costs_to_read_does_not_grow_with_the_documents_read_before(
    home: Home, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of these is done once more for every document: all sources of ten thousand take a fifth of a second."""
    asked, whole = Counter[str](), ("sources", "snapshots", "snapshot_numbers", "snapshot_digests", "events")

    def counting(name: str) -> Callable[..., Any]:
        method = getattr(Episodes, name)

        def counted(self: Episodes, *args: Any, **kwargs: Any) -> Any:
            asked[name] += 1
            return method(self, *args, **kwargs)

        return counted

    start(home, "papers", tiny_folder)
    for name in whole:
        monkeypatch.setattr(Episodes, name, counting(name))
    runs = []
    for run, count in enumerate((1, 6)):
        write_documents(tmp_path / str(run), count)
        asked.clear()
        read_into(home, "papers", [tmp_path / str(run)])
        runs.append(Counter(asked))
    assert runs[1] == runs[0]
    assert runs[0]["sources"] > 0


def test_every_row_is_a_block_of_its_own_and_every_gap_is_sound(home: Home, folder: Path, tiny_folder: Path) -> None:
    start(home, "papers", tiny_folder)
    events = read_into(home, "papers", [folder])
    finished = {Path(e.source).name: e for e in events if isinstance(e, FileFinished)}
    assert (finished["05.csv"].pages, finished["05.csv"].unit) == (8, "row")
    assert (finished["04.epub"].pages, finished["04.epub"].unit) == (7, "part")
    with open_session(home, "papers").episodes() as episodes:
        (source,) = (s for s in episodes.sources() if s.kind == "csv")
        assert [b.page for b in episodes.blocks_of(source.id)] == list(range(3, 11))
    report = health.check_session(home, "papers", read_data=True)
    assert not report.findings


def test_the_year_a_file_states_is_kept_forgotten_and_promoted_with_it(
    home: Home, folder: Path, tiny_folder: Path
) -> None:
    start(home, "papers", tiny_folder)
    read_into(home, "papers", [folder / "04.epub", folder / "08.rst"])

    def years(name: str) -> list[int | None]:
        with open_session(home, name).episodes() as episodes:
            return [source.year for source in episodes.sources()]

    assert years("papers") == [1851, None]
    lifecycle.promote_session(home, "papers", "kept", lifecycle.PromoteOptions(force=True))
    lifecycle.new_session(home, "heir", entry="kept")
    assert years("heir") == [1851, None]
    history.forget(home, "heir", "04.epub")
    with open_session(home, "heir").episodes() as episodes:
        assert episodes.meta("year:1") is None
    assert years("heir") == [None]


def test_a_citation_says_where_to_look(home: Home, tmp_path: Path, tiny_folder: Path) -> None:
    start(home, "papers", tiny_folder)
    table = tmp_path / "towers.csv"
    table.write_text("name,height,built\nTower of Ems,35 m,1890\nSpire of Lund,62 m,1904\n")
    code = tmp_path / "ledger.py"
    code.write_text('"""Ledger."""\n\n\n\n# The quarterly balance of the ledger is the sum of all rows.\n')
    read_into(home, "papers", [table, code])
    (cited,) = ask(home, "papers", "What is the height of the Spire of Lund?", AskOptions(1)).citations
    assert (cited.place, cited.page) == ("row 3", 3)
    assert cited.quote == "name: Spire of Lund; height: 62 m; built: 1904"
    (cited,) = ask(home, "papers", "What is the quarterly balance of the ledger?", AskOptions(1)).citations
    assert (cited.place, cited.page) == ("line 5", 1)


@pytest.mark.parametrize(
    ("display", "kind", "title", "year", "expected"),
    [
        ("2020-a.docx", "docx", "Of 2019", 2014, 2020),
        ("a.docx", "docx", "Of 2019", 2014, 2019),
        ("a.docx", "docx", None, 2014, 2014),
        ("a.epub", "epub", None, 1851, 1851),
        ("a.txt", "txt", None, None, None),
    ],
)
def test_a_name_counts_more_than_a_title_and_that_more_than_what_is_stated(
    display: str, kind: str, title: str | None, year: int | None, expected: int | None
) -> None:
    source = SourceRecord(1, "/" + display, display, "", 0, kind, title, 1, 1, 1, 1, "", "read", year)
    assert year_of(source, []) == expected
