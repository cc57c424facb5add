"""`run` ingests, answers and is gone."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.cli.conftest import Titans
from titans_cli.store import Home

SENTENCE = "The quibbleworth anchor of Ostrava Sound was forged from nine iron bells in a single winter."
QUESTION = "What was the quibbleworth anchor of Ostrava Sound forged from?"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def nothing_kept(home: Home) -> bool:
    """But how fast this machine is, and what its models are; nothing that was read."""
    kept = {path.name: path.read_text() for path in home.root.rglob("*") if path.is_file()}
    assert not [name for name, text in kept.items() if "quibbleworth" in text.lower() or "anchor.txt" in text]
    return kept.keys() - {"pace.json", "fingerprints.json", "digests.json"} == {".lock"}


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "anchor.txt"
    path.write_text(f"Notes on anchors. {SENTENCE} Nobody knows who rang them before.\n")
    return path


def test_run_answers_with_citations_and_leaves_nothing_behind(
    titans: Titans, home: Home, temporary: Path, document: Path
) -> None:
    done = titans("run", document, "--ask", QUESTION, "--ask", "Who was Emperor Boniface?", "--json")
    assert done.code == 0
    first, second = (line for line in done.lines if line["schema"] == "titans.answer/1")
    assert [(c["uri"], c["quote"]) for c in first["citations"]] == [(str(document.resolve()), SENTENCE)]
    assert (second["support"], second["citations"]) == ("none", [])
    assert list(temporary.iterdir()) == []
    assert nothing_kept(home)


def test_run_with_a_bad_file_answers_from_the_good_ones_and_is_3(
    titans: Titans, home: Home, temporary: Path, document: Path, tmp_path: Path
) -> None:
    done = titans("run", document, tmp_path / "missing.txt", "--ask", QUESTION, "-q")
    assert (done.code, done.out.strip()) == (3, SENTENCE)
    assert list(temporary.iterdir()) == []
    assert nothing_kept(home)


@pytest.mark.parametrize(
    ("argv", "code"), [(["missing.txt", "--ask", QUESTION], 3), (["{document}", "--ask", " "], 2)], ids=["3", "2"]
)
def test_a_run_that_fails_leaves_nothing_behind(
    titans: Titans, home: Home, temporary: Path, document: Path, argv: list[str], code: int
) -> None:
    done = titans("run", *(arg.format(document=document) for arg in argv))
    assert done.code == code
    assert list(temporary.iterdir()) == []
    assert nothing_kept(home)


def test_no_log_leaves_the_episodes_as_they_were(titans: Titans, home: Home, document: Path) -> None:
    from titans_cli.store import SessionStore

    def events() -> int:
        with SessionStore.open(home).episodes() as episodes:
            return len(episodes.events())

    assert titans("ingest", document).code == 0
    before = events()
    assert titans("ask", QUESTION, "--no-log").code == 0
    assert events() == before
    assert titans("ask", QUESTION).code == 0
    assert events() == before + 2


def test_run_does_not_touch_the_sessions_there_are(
    titans: Titans, home: Home, temporary: Path, document: Path, documents: list[Path]
) -> None:
    from tests.sessions.samples import file_hashes

    assert titans("ingest", *documents).code == 0
    before = file_hashes(home.sessions_dir)
    assert titans("run", document, "--ask", QUESTION).code == 0
    assert file_hashes(home.sessions_dir) == before
