"""Landmarks lie in mapped files, one for each encoder, and never outlive the text they were made from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from tests.answers.conftest import planted
from tests.encoders import write_encoder
from tests.sessions.samples import read_into, start
from titans_cli.answers.landmarks import own_vectors
from titans_cli.errors import ModelError
from titans_cli.model.encoder import SentenceEncoder
from titans_cli.sessions.ask import AskModels, AskRequest, ask
from titans_cli.sessions.history import forget
from titans_cli.store import Home, SessionStore
from titans_cli.store.files import atomic_write
from titans_cli.store.landmarks import LANDMARKS

QUESTION = "How much does the quibbleworth anchor weigh?"


@pytest.fixture
def own(tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("TITANS_THREADS", "1")
    home = Home(tmp_path / "home")
    start(home, "s", tiny_folder)
    read_into(home, "s", planted(tmp_path / "documents")[:8])
    return home


def files(home: Home) -> list[Path]:
    return sorted((home.sessions_dir / "s" / LANDMARKS).glob("*"))


def test_asking_leaves_the_landmarks_in_a_file_and_goes_by_it(own: Home) -> None:
    first = ask(own, "s", AskRequest(QUESTION, log=False))
    (path,) = files(own)
    with safe_open(path, framework="pt") as file, SessionStore.open(own, "s").episodes() as episodes:
        ids, width, raw = episodes.landmarks()
        assert file.get_tensor("ids").tolist() == ids
        assert file.get_tensor("vectors").shape == (len(ids), width)
        assert file.get_tensor("vectors").numpy().tobytes() == raw
    written = path.stat().st_mtime_ns
    assert ask(own, "s", AskRequest(QUESTION, log=False)).evidence == first.evidence
    assert path.stat().st_mtime_ns == written


def test_another_encoder_takes_their_place(own: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = str(write_encoder(tmp_path / "encoder"))
    first = ask(own, "s", AskRequest(QUESTION, log=False), models=AskModels(landmark_model=encoder))
    assert first.support == "evidence"
    assert len(files(own)) == 1  # its own are not made for nothing
    monkeypatch.setattr(SentenceEncoder, "passages", None)  # what is kept is not made again
    assert (
        ask(own, "s", AskRequest(QUESTION, log=False), models=AskModels(landmark_model=encoder)).evidence
        == first.evidence
    )


def test_reading_on_removes_what_is_stale(own: Home, tmp_path: Path) -> None:
    ask(own, "s", AskRequest(QUESTION, log=False))
    more = tmp_path / "more.txt"
    more.write_text("The zylograph of Vendel hums in winter and is silent in the warm months.\n")
    read_into(own, "s", [more])
    assert files(own) == []
    answer = ask(own, "s", AskRequest("Which zylograph hums in winter?", log=False))
    assert "zylograph" in answer.text
    assert len(files(own)) == 1


def first_document(home: Home) -> str:
    with SessionStore.open(home, "s").episodes() as episodes:
        return episodes.sources()[0].uri


def test_landmarks_of_what_is_forgotten_while_they_are_made_are_not_kept(
    own: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(*args: Any) -> Any:
        forget(own, "s", first_document(own))
        return own_vectors(*args)

    monkeypatch.setattr("titans_cli.sessions.ask.own_vectors", overtaken)
    ask(own, "s", AskRequest(QUESTION, log=False))
    assert files(own) == own.temporaries() == []


def test_a_reader_that_is_killed_leaves_none_to_outlive_what_is_forgotten(
    own: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*args: Any) -> None:
        atomic_write(*args)
        os._exit(9)

    child = os.fork()
    if child == 0:
        try:  # whatever happens, the child never comes back into the suite
            monkeypatch.setattr("titans_cli.store.derived.atomic_write", killed)
            ask(own, "s", AskRequest(QUESTION, log=False))
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert list(own.temporary_dir.rglob("*.safetensors"))  # not in the session
    assert files(own) == []
    SessionStore.list(own)  # whoever opens the home
    assert own.temporaries() == []


def test_a_damaged_file_is_made_again(own: Home) -> None:
    first = ask(own, "s", AskRequest(QUESTION, log=False))
    (path,) = files(own)
    whole = path.read_bytes()
    path.write_bytes(whole[:40])
    assert ask(own, "s", AskRequest(QUESTION, log=False)).evidence == first.evidence
    assert path.read_bytes() == whole


def test_an_encoder_that_is_not_there_is_named(own: Home, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        ask(own, "s", AskRequest(QUESTION, log=False), models=AskModels(landmark_model=str(tmp_path / "none")))
    assert caught.value.subject == str(tmp_path / "none")
