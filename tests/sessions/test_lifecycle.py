"""What is promoted stays as it is; what is discarded is gone; what is new knows nothing."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.sessions.samples import (
    file_hashes,
    memory_of,
    open_session,
    read_into,
    retained,
    start,
    tensor_bytes,
    write_documents,
)
from titans_cli.errors import IncompatibleError, NotFoundError, UsageError
from titans_cli.sessions import lifecycle
from titans_cli.sessions.ask import ask
from titans_cli.store import Home, LongTermMemory

MARKED = "The quibbleworth anchor of Ostrava Sound was forged from nine iron bells in a single winter."


@pytest.fixture
def documents(tmp_path: Path) -> list[Path]:
    """Three documents; the last holds a sentence that is nowhere else."""
    paths = write_documents(tmp_path / "docs", 3)
    paths[-1].write_text(paths[-1].read_text() + f"\n\n{MARKED}\n")
    return paths


def files_holding(folder: Path, text: str) -> list[str]:
    return [str(p) for p in folder.rglob("*") if p.is_file() and text.encode() in p.read_bytes()]


def test_discard_leaves_nothing_of_the_session_on_disk(home: Home, documents: list[Path], tiny_folder: Path) -> None:
    start(home, "papers", tiny_folder)
    home.set_current("papers")
    read_into(home, "papers", documents)
    ask(home, "papers", "What was the quibbleworth anchor forged from?")
    assert files_holding(home.root, "quibbleworth")
    lifecycle.discard_session(home, None)
    assert not files_holding(home.root, "quibbleworth")
    assert not files_holding(home.root, documents[0].read_text()[:40])
    assert not list(home.root.rglob("*.safetensors"))
    assert not list(home.sessions_dir.iterdir())
    assert home.current() is None


def test_discarding_one_session_leaves_the_others(home: Home, documents: list[Path], tiny_folder: Path) -> None:
    for name in ("goes", "stays"):
        start(home, name, tiny_folder)
        read_into(home, name, documents)
    before = retained(open_session(home, "stays"))
    lifecycle.discard_session(home, "goes")
    assert retained(open_session(home, "stays")) == before


def test_a_dry_run_of_discard_changes_nothing(home: Home, documents: list[Path], tiny_folder: Path) -> None:
    start(home, "papers", tiny_folder)
    read_into(home, "papers", documents)
    before = retained(open_session(home, "papers"))
    preview = lifecycle.discard_session(home, "papers", dry_run=True)
    assert (preview.done, preview.sources, preview.tokens > 0) == (False, 3, True)
    assert retained(open_session(home, "papers")) == before


def test_promoting_makes_an_entry_of_read_only_files(home: Home, documents: list[Path], tiny_folder: Path) -> None:
    start(home, "papers", tiny_folder)
    read_into(home, "papers", documents)
    digest = memory_of(open_session(home, "papers"))
    entry = lifecycle.promote_session(home, "papers", "kept", lifecycle.PromoteOptions(note="why"))
    files = [p for p in (home.ltm_dir / "kept").iterdir() if p.is_file()]
    assert len(files) == 3
    assert all(stat.S_IMODE(p.stat().st_mode) == 0o400 for p in files)
    with LongTermMemory(home).episodes("kept") as episodes:
        assert episodes.memory_sha256() == digest
    assert (entry.session, entry.note, entry.parent) == ("papers", "why", None)
    assert [s["uri"] for s in entry.sources] == [str(p.resolve()) for p in documents]
    assert LongTermMemory(home).verify("kept") == entry


def test_promoting_closes_the_session_and_empties_it(home: Home, documents: list[Path], tiny_folder: Path) -> None:
    start(home, "papers", tiny_folder)
    home.set_current("papers")
    read_into(home, "papers", documents)
    lifecycle.promote_session(home, None, "kept")
    folder = home.sessions_dir / "papers"
    assert not list(folder.rglob("*.safetensors"))
    assert not files_holding(folder, "quibbleworth")
    assert open_session(home, "papers").info.promoted_to == "kept"
    assert home.current() is None
    for refused in (
        lambda: ask(home, "papers", "What was the anchor forged from?"),
        lambda: read_into(home, "papers", documents),
        lambda: lifecycle.use_session(home, "papers"),
    ):
        with pytest.raises(UsageError, match=r'Session\.new\(entry="kept"\)'):
            refused()


def test_an_entry_outlives_everything_done_to_sessions(home: Home, documents: list[Path], tiny_folder: Path) -> None:
    start(home, "papers", tiny_folder)
    read_into(home, "papers", documents[:2])
    lifecycle.promote_session(home, "papers", "kept")
    before = file_hashes(home.ltm_dir)
    lifecycle.new_session(home, "next", entry="kept")
    read_into(home, "next", documents[2:])
    ask(home, "next", "What was the quibbleworth anchor forged from?")
    lifecycle.discard_session(home, "next")
    lifecycle.discard_session(home, "papers")
    assert file_hashes(home.ltm_dir) == before


def test_an_entry_is_never_replaced(home: Home, documents: list[Path], tiny_folder: Path) -> None:
    for name in ("one", "two"):
        start(home, name, tiny_folder)
        read_into(home, name, documents)
    lifecycle.promote_session(home, "one", "kept")
    before, session = file_hashes(home.ltm_dir), retained(open_session(home, "two"))
    with pytest.raises(UsageError):
        lifecycle.promote_session(home, "two", "kept")
    assert file_hashes(home.ltm_dir) == before
    assert retained(open_session(home, "two")) == session


def test_an_empty_session_cannot_be_promoted(home: Home, tiny_folder: Path) -> None:
    start(home, "papers", tiny_folder)
    with pytest.raises(UsageError):
        lifecycle.promote_session(home, "papers", None)
    assert home.entry_names() == []
    assert open_session(home, "papers").info.state == "open"


def test_a_new_session_knows_nothing_of_what_was_promoted_unless_it_names_it(
    home: Home, documents: list[Path], tiny_folder: Path
) -> None:
    blank = memory_of(start(home, "papers", tiny_folder))
    read_into(home, "papers", documents)
    learned = tensor_bytes(open_session(home, "papers"))
    lifecycle.promote_session(home, "papers", "kept")
    lifecycle.new_session(home, "fresh", how=lifecycle.SessionOptions(model=str(tiny_folder)))
    fresh = open_session(home, "fresh")
    assert memory_of(fresh) == blank
    assert tensor_bytes(fresh) == []
    with fresh.episodes() as episodes:
        assert episodes.sources() == []
    assert ask(home, "fresh", "What was the quibbleworth anchor forged from?").support == "none"
    lifecycle.new_session(home, "heir", entry="kept")
    assert tensor_bytes(open_session(home, "heir")) == learned


def test_a_session_from_an_entry_cites_the_entrys_documents(
    home: Home, documents: list[Path], tiny_folder: Path
) -> None:
    start(home, "papers", tiny_folder)
    read_into(home, "papers", documents)
    lifecycle.promote_session(home, "papers", "kept")
    lifecycle.new_session(home, "heir", entry="kept")
    for path in documents:
        path.unlink()  # it needs no file
    answer = ask(home, "heir", "What was the quibbleworth anchor of Ostrava Sound forged from?")
    assert [(c.uri, c.quote) for c in answer.citations][:1] == [(str(documents[2].resolve()), MARKED)]


def test_reading_on_from_an_entry_equals_reading_on_in_the_session(
    home: Home, documents: list[Path], tiny_folder: Path
) -> None:
    for name in ("one", "two"):
        start(home, name, tiny_folder)
        read_into(home, name, documents[:2])
    lifecycle.promote_session(home, "two", "kept")
    lifecycle.new_session(home, "heir", entry="kept")
    for name in ("one", "heir"):
        read_into(home, name, documents[2:])
    assert memory_of(open_session(home, "heir")) == memory_of(open_session(home, "one"))


def test_a_removed_entry_is_gone_and_its_heirs_keep_what_they_have(
    home: Home, documents: list[Path], tiny_folder: Path
) -> None:
    start(home, "papers", tiny_folder)
    read_into(home, "papers", documents)
    lifecycle.promote_session(home, "papers", "kept")
    lifecycle.new_session(home, "heir", entry="kept")
    before = retained(open_session(home, "heir"))
    lifecycle.remove_entry(home, "kept")
    assert not list(home.ltm_dir.iterdir())
    assert retained(open_session(home, "heir")) == before
    with pytest.raises(NotFoundError):
        lifecycle.new_session(home, "another", entry="kept")
    assert "another" not in home.session_names()


def test_an_entry_of_a_changed_model_is_refused_before_anything_is_made(
    home: Home, documents: list[Path], tiny_folder: Path, tmp_path: Path
) -> None:
    import shutil

    model = Path(shutil.copytree(tiny_folder, tmp_path / "model"))
    start(home, "papers", model)
    read_into(home, "papers", documents)
    lifecycle.promote_session(home, "papers", "kept")
    (model / "tokenizer.json").write_text((model / "tokenizer.json").read_text() + "\n")
    with pytest.raises(IncompatibleError):
        lifecycle.new_session(home, "heir", entry="kept")
    assert "heir" not in home.session_names()


def test_an_entry_may_be_named_together_with_the_model_it_was_made_with(
    home: Home, documents: list[Path], tiny_folder: Path, tmp_path: Path
) -> None:
    """So that TITANS_MODEL in the environment is not in the way."""
    import shutil

    start(home, "papers", tiny_folder)
    read_into(home, "papers", documents)
    lifecycle.promote_session(home, "papers", "kept")
    assert (
        lifecycle.new_session(home, "heir", entry="kept", how=lifecycle.SessionOptions(model=str(tiny_folder))).origin
        == "kept"
    )
    other = Path(shutil.copytree(tiny_folder, tmp_path / "other"))
    (other / "tokenizer.json").write_text((other / "tokenizer.json").read_text() + "\n")
    with pytest.raises(UsageError):
        lifecycle.new_session(home, "another", entry="kept", how=lifecycle.SessionOptions(model=str(other)))
