"""`from titans_cli import Workspace`: the use-cases for programs."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

import titans_cli
from tests.sessions.samples import child_environment, write_documents
from titans_cli import Filter, Session, SessionOptions, Workspace
from titans_cli.errors import DamagedError, LockedError, NotFoundError, UsageError
from titans_cli.progress import FileFailed, IngestEvent
from titans_cli.records import Step
from titans_cli.sessions.ask import AskOptions
from titans_cli.store import Home, SessionStore

OLD = "The melting point of brunsite is 417 kelvin, as the first survey found."
NEW = "The boiling temperature of brunsite lies near 902 degrees after the recount."


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TITANS_THREADS", "1")


@pytest.fixture
def workspace(tmp_path: Path, tiny_folder: Path) -> Workspace:
    return Workspace(tmp_path / "home", model=str(tiny_folder))


@pytest.fixture
def session(tmp_path: Path, tiny_folder: Path) -> Session:
    return Session.new("papers", home=tmp_path / "home", model=str(tiny_folder))


def test_a_workspace_is_a_folder_however_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "home"
    monkeypatch.setenv("TITANS_HOME", str(folder))
    named = [Workspace(), Workspace(folder), Workspace(str(folder)), Workspace(Home(folder))]
    assert {w.home.root for w in named} == {folder}
    assert str(folder) in repr(named[0])
    assert not folder.exists()


def test_a_workspace_opens_what_it_made_and_says_what_there_is(workspace: Workspace) -> None:
    made = workspace.new("papers")
    assert made.info.model == workspace.model
    assert workspace.open("papers").id == workspace.open(made.id[:20]).id == workspace.resume("papers").id == made.id
    assert workspace.resume("notes").id != made.id
    assert [info.name for info in workspace.sessions().sessions] == ["papers", "notes"]
    assert workspace.home.current() is None
    with pytest.raises(NotFoundError):
        workspace.open("nobody")
    with pytest.raises(NotFoundError):  # none is the command line's current one
        workspace.open()
    with pytest.raises(UsageError):
        workspace.new("papers")


def test_sessions_of_a_workspace_share_the_model_and_others_do_not(workspace: Workspace) -> None:
    one, other = workspace.new("one"), workspace.new("other")
    assert one.engine is other.engine is workspace.open("one").engine
    assert Session.open("one", home=workspace.home).engine is not one.engine


def test_every_session_of_a_patient_workspace_waits_for_another_writer(workspace: Workspace, tiny_folder: Path) -> None:
    patient = Workspace(workspace.home, model=str(tiny_folder), retry_lock=600)
    workspace.new("one")
    for opened in (patient.open("one"), patient.resume("two"), patient.new("three")):
        held, enough = threading.Event(), threading.Event()

        def hold(name: str, held: threading.Event, enough: threading.Event) -> None:
            with SessionStore.open(workspace.home, name).writer(command="ingest"):
                held.set()
                enough.wait()

        other = threading.Thread(target=hold, args=(opened.name, held, enough))
        other.start()
        held.wait()
        with pytest.raises(LockedError):
            workspace.open(opened.name).add(OLD)
        threading.Timer(0.2, enough.set).start()
        assert opened.add(OLD).status == "added"
        other.join()


def test_what_is_said_of_one_session_is_stronger_than_the_workspace(tmp_path: Path, tiny_folder: Path) -> None:
    workspace = Workspace(tmp_path / "home", model="nothing/here")
    session = workspace.new("papers", options=SessionOptions(str(tiny_folder), memory=10**8))
    assert session.info.model == str(tiny_folder)
    assert (held := session.status().remembered) is not None
    assert held.bound == 10**8


def test_a_workspace_hands_out_entries(workspace: Workspace, tmp_path: Path) -> None:
    for name, text in (("first", OLD), ("second", NEW)):
        session = workspace.new(name)
        session.add(text, key=name)
        session.promote(force=True)
    assert [entry.name for entry in workspace.entries().entries] == ["first", "second"]
    assert workspace.entry("first").session == workspace.verify_entry("first").session == "first"
    compared = workspace.diff_entries("first", "second")
    assert (len(compared.only_a), len(compared.only_b), compared.both) == (1, 1, ())
    file = tmp_path / "first.ltm"
    workspace.export_entry("first", file)
    with pytest.raises(UsageError, match="exists"):
        workspace.export_entry("first", str(file))
    elsewhere = Workspace(tmp_path / "elsewhere")
    assert elsewhere.import_entry(file, "copy").memory_sha256 == workspace.entry("first").memory_sha256
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(DamagedError):
        Workspace(tmp_path / "third").import_entry(str(file))
    assert elsewhere.new("heir", entry="copy").retrieve("brunsite").passages[0].key == "first"
    assert workspace.remove_entry("first", dry_run=True).name == "first"
    workspace.remove_entry("first")
    with pytest.raises(NotFoundError):
        workspace.entry("first")
    assert [entry.name for entry in workspace.entries().entries] == ["second"]


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


def test_a_conversation_keeps_what_was_asked_and_what_is_loaded(session: Session) -> None:
    session.add(OLD, key="brunsite")
    with pytest.raises(UsageError):
        session.conversation(AskOptions(route="nowhere"))
    told = list[Step]()
    talk = session.conversation(AskOptions(sentences=1, route="deliberate"), tell=told.append)
    first = talk.ask("What is the melting point of brunsite?")
    assert "417" in first.text
    assert talk.last is first
    assert len(told) == len(first.steps) > 0
    assert talk.ask("Was it measured by the first survey?") is talk.last
    assert talk.asked_before() == ["What is the melting point of brunsite?", "Was it measured by the first survey?"]
    session.add("Gulls nest upon the northern roof.", tags=["birds"])
    silent = session.conversation(within=Filter(tags=["birds"]), log=False)
    assert silent.ask("What is the melting point of brunsite?").support == "none"
    assert len(talk.asked_before()) == 2
    session.promote(force=True)
    with pytest.raises(UsageError, match="promoted"):
        session.conversation()


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
        "from titans_cli import Session, Workspace\n"
        "Workspace('nowhere')\n"
        "print(sorted({'torch', 'numpy', 'transformers', 'safetensors', 'typer', 'rich'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=child_environment(), check=True
    )
    assert done.stdout == "[]\n"
    with pytest.raises(AttributeError):
        titans_cli.nothing  # noqa: B018
