"""`from titans_cli import Session`: the use-cases for programs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import titans_cli
from tests.sessions.samples import child_environment, write_documents
from titans_cli import Filter, Session
from titans_cli.errors import LockedError, NotFoundError, UsageError
from titans_cli.progress import FileFailed, IngestEvent
from titans_cli.store import SessionStore

OLD = "The melting point of brunsite is 417 kelvin, as the first survey found."
NEW = "The boiling temperature of brunsite lies near 902 degrees after the recount."


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TITANS_THREADS", "1")


@pytest.fixture
def session(tmp_path: Path, tiny_folder: Path) -> Session:
    return Session.new("papers", home=tmp_path / "home", model=str(tiny_folder))


def test_a_session_is_found_again_by_name_id_and_resume(session: Session, tmp_path: Path, tiny_folder: Path) -> None:
    session.add(OLD, key="brunsite")
    for again in (
        Session.open("papers", home=session.home),
        Session.open(session.id[:20], home=str(tmp_path / "home")),
        Session.resume("papers", home=session.home, model=str(tiny_folder)),
    ):
        assert again.id == session.id
        assert again.add(OLD, key="brunsite").status == "unchanged"
    assert Session.resume("other", home=session.home, model=str(tiny_folder)).id != session.id
    with pytest.raises(UsageError, match="begins the id"):
        Session.resume(session.id[:6], home=session.home, model=str(tiny_folder))
    with pytest.raises(NotFoundError):
        Session.open("nobody", home=session.home)
    with pytest.raises(UsageError):
        Session.new("papers", home=session.home, model=str(tiny_folder))
    assert "papers" in repr(session)


def test_every_use_case_is_a_method(session: Session, tmp_path: Path) -> None:
    write_documents(tmp_path / "docs", 2)
    (tmp_path / "docs" / "bad.txt").write_bytes(b"")
    seen: list[IngestEvent] = []
    done = session.ingest(tmp_path / "docs", on_event=seen.append)
    assert (done.files_read, done.files_failed) == (2, 1)
    assert [e.kind for e in seen if isinstance(e, FileFailed)] == ["no-text"]
    assert session.ingest(tmp_path / "docs" / "00.txt").files_skipped == 1
    session.add(OLD, key="brunsite", source="survey", tags=["metal"])
    question = "What is the melting point of brunsite?"
    assert "417" in session.ask(question).text
    assert session.ask(question, within=Filter(sources=["*.txt"]), log=False).support == "none"
    assert session.retrieve(question, top_k=1).passages[0].label == "survey"
    assert session.summary(within=Filter(tags=["metal"]), log=False).citations
    assert session.search('"melting point" brunsite').hits[0].source == "survey"
    assert [s.source[-6:] for s in session.sources().sources] == ["00.txt", "01.txt"]
    assert OLD in session.cited(1).text
    assert session.page("00.txt").pages == (1,)
    session.follow(tmp_path / "docs", stop=lambda: True)
    assert [e.kind for e in session.recall("melting brunsite", kind="asked").events] == ["asked"]
    assert session.filter(Filter(tags=["metal"]), exclude=True).changed == 1
    assert session.retrieve(question, within=Filter(tags=["metal"])).passages == ()
    assert session.filter(include=True).changed == 1
    assert session.update("brunsite", NEW, fast=True).superseded == 1
    assert "417" not in session.ask(question, log=False).text
    assert session.status().superseded == 1
    assert session.delete("brunsite", dry_run=True).done is False
    assert session.delete("brunsite").left == 2
    assert session.delete("01.txt").clean
    assert [s.display.rsplit("/", 1)[-1] for s in session.status().sources] == ["00.txt"]


def test_a_session_ends_as_an_entry_or_not_at_all(session: Session, tiny_folder: Path) -> None:
    session.add(OLD, key="brunsite")
    assert session.promote("kept", note="why not", force=True).note == "why not"
    with pytest.raises(UsageError, match="promoted"):
        session.add(NEW)
    heir = Session.new("heir", home=session.home, entry="kept")
    assert heir.retrieve("brunsite").passages[0].key == "brunsite"
    assert heir.discard().done
    with pytest.raises(NotFoundError):
        heir.status()


def test_another_writer_is_waited_for_or_said(session: Session) -> None:
    with SessionStore.open(session.home, "papers").writer(command="ingest"), pytest.raises(LockedError, match="ingest"):
        session.add(OLD)
    assert session.add(OLD).status == "added"


def test_importing_the_package_loads_nothing_and_the_session_no_model() -> None:
    code = (
        "import sys, titans_cli\n"
        "assert 'titans_cli.api' not in sys.modules\n"
        "from titans_cli import Session\n"
        "print(sorted({'torch', 'numpy', 'transformers', 'safetensors', 'typer', 'rich'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=child_environment(), check=True
    )
    assert done.stdout == "[]\n"
    with pytest.raises(AttributeError):
        titans_cli.nothing  # noqa: B018
