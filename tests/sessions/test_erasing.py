"""What is forgotten is gone: from the answers that were made of it, from readers under way, and after a kill."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sessions.samples import start
from tests.stand_ins import Gate, Knowing
from titans_cli.errors import LockedError, NotFoundError
from titans_cli.model.engine import Engine
from titans_cli.records import Answer
from titans_cli.report.write import write_report
from titans_cli.sessions.ask import AskOptions, AskRequest, ask
from titans_cli.sessions.citing import catalogue
from titans_cli.sessions.conversation import asked_before
from titans_cli.sessions.history import erase, forget, recall, session_log
from titans_cli.sessions.ingest import IngestOptions, IngestRequest, ingest
from titans_cli.sessions.items import ItemRequest, add, filter_items, update
from titans_cli.sessions.lifecycle import (
    DamagedEntry,
    PromoteOptions,
    discard_session,
    export,
    fork,
    new_session,
    promote_session,
    remove_entry,
)
from titans_cli.sessions.pages import cited
from titans_cli.sessions.selection import Filter
from titans_cli.sessions.traces import is_common
from titans_cli.store import Episodes, Home, SessionStore

VALUE = "731846"
TOLD = f"The vault code of Brixholm depot is {VALUE}."
OTHER = "The harbour master of Castrel keeps nine grey herons on the northern pier."
CODE = "What is the vault code of Brixholm depot?"
HERONS = "What does the harbour master of Castrel keep on the northern pier?"
NEW = "The vault code of Brixholm depot is not known any more."


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def engine(tiny_folder: Path, gate: Gate) -> Any:
    """The tiny model with a memory that recalls what the nearest cells hold."""
    return Knowing(Engine.load(tiny_folder), gate)


@pytest.fixture
def store(home: Home, tiny_folder: Path, engine: Any) -> SessionStore:
    made = start(home, "papers", tiny_folder)
    add(home, "papers", ItemRequest(OTHER, key="herons"), engine=engine)
    add(home, "papers", ItemRequest(TOLD, key="vault"), engine=engine)
    return made


def found(home: Home, value: str = VALUE, below: str = ".") -> list[str]:
    """The files that have it."""
    files = (path for path in (home.root / below).rglob("*") if path.is_file())
    return [str(path.relative_to(home.root)) for path in files if value.encode() in path.read_bytes()]


def said(home: Home, name: str = "papers") -> str:
    return " ".join(event.text for event in session_log(home, name).events)


def closed(home: Home, engine: Any, question: str = CODE) -> Answer:
    return ask(home, "papers", question, how=AskOptions(closed_book=True), engine=engine)


# ---------------------------------------------------------------- what was made from it


def test_an_answer_from_memory_alone_goes_with_what_it_was_recalled_from(
    home: Home, store: SessionStore, engine: Any
) -> None:
    answer = closed(home, engine)
    assert (answer.text, answer.made_from) == (VALUE, (1, 2))
    done = forget(home, "papers", "vault")
    assert (done.clean, done.events) == (True, 3)  # told, asked, answered
    assert found(home) == []


def test_without_its_memory_a_session_recalls_nothing_and_answers_from_the_text(
    home: Home, store: SessionStore, engine: Any
) -> None:
    off = AskOptions(closed_book=True, memory=False)
    assert ask(home, "papers", CODE, how=off, engine=engine).support == "none"
    told = ask(home, "papers", CODE, how=AskOptions(memory=False), engine=engine)
    assert (told.support, told.recalled, VALUE in told.text) == ("evidence", None, True)


def test_an_answer_of_common_words_goes_by_what_it_was_made_from_alone(
    home: Home, store: SessionStore, engine: Any
) -> None:
    phrase = "white house music"
    assert all(is_common(word) for word in phrase.split())
    add(home, "papers", ItemRequest(f"The phrase of Castrel is {phrase}.", key="phrase"), engine=engine)
    assert closed(home, engine, "What is the phrase of Castrel?").text == phrase
    assert phrase in said(home)
    forget(home, "papers", "phrase")
    assert found(home, phrase) == []


ENDS: dict[str, Callable[[Home, Any, Path], object]] = {
    "exact": lambda home, engine, _: update(home, "papers", "vault", NEW, engine=engine),
    "gc": lambda home, *_: erase(home, "papers"),
    "fork": lambda home, *_: fork(home, "papers", "copy"),
    "export": lambda home, _, out: export(home, "papers", out),
    "report": lambda home, engine, out: write_report(home, "papers", out, engine=engine),
    "promote": lambda home, engine, _: (
        promote_session(home, "papers", "kept", PromoteOptions(force=True), engine=engine),
        new_session(home, "next", entry="kept"),
    ),
}


def test_an_answer_from_memory_alone_is_hidden_once_what_it_is_from_was_superseded(
    home: Home, store: SessionStore, engine: Any
) -> None:
    closed(home, engine)
    assert VALUE in said(home)
    update(home, "papers", "vault", NEW, fast=True, engine=engine)
    assert VALUE not in said(home)
    assert recall(home, "papers", VALUE).events == ()


@pytest.mark.parametrize("end", ENDS)
def test_an_answer_from_memory_alone_goes_with_what_was_updated(
    home: Home, store: SessionStore, engine: Any, end: str
) -> None:
    closed(home, engine)
    if end != "exact":
        update(home, "papers", "vault", NEW, fast=True, engine=engine)
    ENDS[end](home, engine, home.root / "out")
    assert found(home) == []
    left = [session.name for session in SessionStore.list(home).sessions if session.state == "open"]
    assert left
    assert not [name for name in left if VALUE in said(home, name)]


def test_what_a_fast_update_superseded_is_neither_offered_nor_opened_again(
    home: Home, store: SessionStore, engine: Any
) -> None:
    ask(home, "papers", HERONS, engine=engine)
    assert cited(home, "papers", 1).citation == 1
    assert VALUE in ask(home, "papers", f"Is the vault code of Brixholm depot {VALUE}?", engine=engine).text
    assert len(asked_before(home, "papers")) == 2
    update(home, "papers", "vault", NEW, fast=True, engine=engine)
    assert asked_before(home, "papers") == [HERONS]
    with pytest.raises(NotFoundError, match="replaced since"):
        cited(home, "papers", 1)


def test_answers_and_questions_about_other_things_stay(home: Home, store: SessionStore, engine: Any) -> None:
    assert ask(home, "papers", HERONS, engine=engine).made_from == (1,)
    ask(home, "papers", "Is there any pier?", engine=engine)
    forget(home, "papers", "vault")
    assert [e.kind for e in session_log(home, "papers").events] == ["started", "told", *2 * ("asked", "answered")]


def test_a_question_with_a_name_or_figure_that_only_the_forgotten_had_goes_whoever_answered_it(
    home: Home, store: SessionStore, engine: Any
) -> None:
    """Also one asked before anything was told, and one that was answered from something else, or not at all."""
    add(home, "papers", ItemRequest("A later memo on Castrel.", key="later"), engine=engine)
    forget(home, "papers", "vault")
    ask(home, "papers", f"Is the code {VALUE}?", engine=engine)
    add(home, "papers", ItemRequest(TOLD, key="vault"), engine=engine)
    ask(home, "papers", f"Do herons at Castrel know {VALUE}?", engine=engine)
    ask(home, "papers", "Who is at Brixholm?", how=AskOptions(closed_book=True), engine=engine)
    assert VALUE in said(home)
    forget(home, "papers", "vault")
    assert found(home) == found(home, "Brixholm") == []


def test_what_another_source_says_too_is_no_reason_to_drop_a_question(
    home: Home, store: SessionStore, engine: Any
) -> None:
    add(home, "papers", ItemRequest(f"Invoice {VALUE} was paid by Ostrava.", key="invoice"), engine=engine)
    ask(home, "papers", f"Was invoice {VALUE} paid?", engine=engine)
    forget(home, "papers", "vault")
    assert f"Was invoice {VALUE} paid?" in said(home)


def test_an_exclusion_goes_with_what_it_names(home: Home, store: SessionStore, engine: Any) -> None:
    add(
        home,
        "papers",
        ItemRequest("Nothing of note.", key="n", label="call about the Merrow affair", tags=["x"]),
        engine=engine,
    )
    filter_items(home, "papers", Filter(tags=["x"]), exclude=True)
    filter_items(home, "papers", Filter(tags=["x"]), include=True)
    forget(home, "papers", "n")
    assert found(home, "Merrow") == []


def test_answers_of_before_provenance_go_with_anything(home: Home, store: SessionStore, engine: Any) -> None:
    """Nobody wrote down what they were made from; questions are looked at for their words."""
    closed(home, engine)
    ask(home, "papers", HERONS, engine=engine)
    with sqlite3.connect(store.folder / "episodes.sqlite") as db:
        db.executescript("DROP TABLE derived; DROP TABLE cards; DROP TABLE omissions; PRAGMA user_version = 2")
        db.execute("DELETE FROM meta WHERE key GLOB 'digest:event:*'")
    db.close()
    update(home, "papers", "vault", NEW, fast=True, engine=engine)
    assert "I answered" not in said(home)  # any may be of what is superseded
    erase(home, "papers")
    assert found(home) == []
    assert [e.text for e in session_log(home, "papers").events if e.kind == "asked"] == [f"I was asked: {HERONS}"]


# ---------------------------------------------------------------- readers under way


def overtaken(gate: Gate, home: Home, engine: Any, meanwhile: Callable[[], object], question: str = CODE) -> Answer:
    """What is asked before `meanwhile` and answered after it."""
    answers = list[Answer]()
    with gate.held():
        asking = threading.Thread(target=lambda: answers.append(closed(home, engine, question)))
        asking.start()
        assert gate.reached.wait(60)
        meanwhile()
    asking.join()
    return answers[0]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forgetting does not wait for the reader that is held up."""
    monkeypatch.setattr("titans_cli.store.database.BUSY_SECONDS", 0.1)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("way", ["forget", "update", "fast"])
def test_a_reader_that_something_was_forgotten_under_does_not_write_it_back(
    home: Home, store: SessionStore, engine: Any, gate: Gate, way: str
) -> None:
    def meanwhile() -> None:
        if way == "forget":
            forget(home, "papers", "vault")
        else:
            update(home, "papers", "vault", NEW, fast=way == "fast", engine=engine)

    answer = overtaken(gate, home, engine, meanwhile)
    assert (answer.text, answer.unlogged) == (
        VALUE,
        "something was forgotten meanwhile, so what was said before is not kept",
    )
    assert "I was asked" not in said(home)
    assert bool(found(home)) == (way == "fast")  # which leaves the text, superseded


@pytest.mark.usefixtures("impatient")
def test_a_reader_of_what_nothing_was_forgotten_of_is_logged_though_more_was_read(
    home: Home, store: SessionStore, engine: Any, gate: Gate
) -> None:
    more = lambda: add(home, "papers", ItemRequest("One more memo.", key="more"), engine=engine)  # noqa: E731
    assert overtaken(gate, home, engine, more).unlogged is None
    assert CODE in said(home)


@pytest.mark.parametrize("namesake", [False, True], ids=["gone", "another of its name"])
def test_a_reader_of_a_discarded_session_logs_nothing_anywhere(
    home: Home, store: SessionStore, engine: Any, gate: Gate, tiny_folder: Path, namesake: bool
) -> None:
    def meanwhile() -> None:
        discard_session(home, "papers")
        if namesake:
            start(home, "papers", tiny_folder)

    answer = overtaken(gate, home, engine, meanwhile)
    assert answer.unlogged == "the session was discarded"
    assert found(home) == []
    assert (home.sessions_dir / "papers").exists() == namesake
    logged = [event.kind for name in home.session_names() for event in session_log(home, name).events]
    assert logged == ["started"] * namesake


def test_a_reader_of_a_promoted_session_is_told_that_and_not_of_damage(
    home: Home, store: SessionStore, engine: Any, gate: Gate
) -> None:
    promote = lambda: promote_session(home, "papers", "kept", PromoteOptions(force=True), engine=engine.engine)  # noqa: E731
    answer = overtaken(gate, home, engine, promote)
    assert answer.unlogged == "this session was promoted to kept and holds nothing any more"
    assert sorted(p.name for p in store.folder.iterdir() if not p.name.startswith("lock")) == ["session.json"]


def test_a_session_that_is_gone_is_not_called_damaged(home: Home, store: SessionStore, tiny_folder: Path) -> None:
    held = SessionStore.open(home, "papers")
    discard_session(home, "papers")
    with pytest.raises(NotFoundError, match="was discarded"):
        held.episodes()
    start(home, "papers", tiny_folder)
    for use in (held.episodes, lambda: held.log([])):
        with pytest.raises(NotFoundError, match="was discarded"):
            use()


def test_a_report_under_way_is_not_written_after_a_forgetting(
    home: Home, store: SessionStore, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from titans_cli.report import page

    drawn = page.page

    def overtaken_page(facts: Any) -> str:
        forget(home, "papers", "vault")
        return drawn(facts)

    monkeypatch.setattr(page, "page", overtaken_page)
    with pytest.raises(LockedError, match="forgotten while it was looked at"):
        write_report(home, "papers", home.root / "out.html", engine=engine)
    assert found(home) == []
    assert not list(home.root.glob("*out.html*"))


# ---------------------------------------------------------------- kills


def killed_before_cleaning(work: Callable[[], object]) -> None:
    """Fork, and let the child be gone, as by SIGKILL, when what it forgot is committed and not yet erased."""
    child = os.fork()
    if child == 0:
        try:
            Episodes.clean = lambda self, **_: None if self.is_clean() else os._exit(9)  # type: ignore[method-assign]
            work()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def test_a_forgetting_that_was_killed_is_finished_by_the_same_command_which_says_so(
    home: Home, store: SessionStore
) -> None:
    killed_before_cleaning(lambda: forget(home, "papers", "vault"))
    assert found(home)
    again = forget(home, "papers", "vault")
    assert (again.finished, again.sources, again.done, again.clean) == (True, (), True, True)
    assert found(home) == []
    with pytest.raises(NotFoundError):
        forget(home, "papers", "vault")


@pytest.mark.parametrize("look", ["log", "recall", "filter", "dry run", "gc"])
def test_an_erasing_that_was_killed_is_finished_by_whoever_looks(
    home: Home, store: SessionStore, engine: Any, look: str
) -> None:
    update(home, "papers", "vault", NEW, fast=True, engine=engine)
    killed_before_cleaning(lambda: erase(home, "papers"))
    assert found(home)
    looks: dict[str, Callable[[], object]] = {
        "log": lambda: session_log(home, "papers"),
        "recall": lambda: recall(home, "papers", "anything"),
        "filter": lambda: filter_items(home, "papers", Filter()),
        "dry run": lambda: forget(home, "papers", "herons", dry_run=True),
        "gc": lambda: erase(home, "papers").finished or pytest.fail("it does not say so"),
    }
    looks[look]()
    assert found(home) == []


def test_a_writer_at_work_is_not_disturbed_by_one_who_looks(home: Home, store: SessionStore) -> None:
    killed_before_cleaning(lambda: forget(home, "papers", "vault"))
    with store.locked():
        assert session_log(home, "papers").events
        assert found(home)
    session_log(home, "papers")
    assert found(home) == []


def test_a_discarding_that_was_killed_is_finished_by_the_same_command(home: Home, store: SessionStore) -> None:
    store.folder.rename(store.folder.with_name(".gone-01JZZZZZZZZZZZZZZZZZZZZZZZ"))
    preview = discard_session(home, "papers", dry_run=True)
    assert (preview.finished, preview.name) == (True, "papers")
    assert found(home) == []
    with pytest.raises(NotFoundError):
        discard_session(home, "papers")


def test_the_removal_of_an_entry_that_was_killed_is_finished_by_the_same_command(
    home: Home, store: SessionStore, engine: Any
) -> None:
    promote_session(home, "papers", "kept", PromoteOptions(force=True), engine=engine)
    (home.ltm_dir / "kept").rename(home.ltm_dir / ".gone-01JZZZZZZZZZZZZZZZZZZZZZZZ")
    assert found(home)
    done = remove_entry(home, "kept")
    assert isinstance(done, DamagedEntry)
    assert (done.finished, found(home)) == (True, [])
    with pytest.raises(NotFoundError):
        remove_entry(home, "kept")


# ---------------------------------------------------------------- catalogue cards

WROTE = "Zevlarneb Fenpyl"  # in the bibliography, and on no page
LISTED = (
    f"@article{{a, title = {{Weirs of the upper Tamber}}, author = {{{WROTE}}}, "
    "date = {1987-11-29}, journal = {It}}"
)
WEIRS = "Weirs of the upper Tamber\n\nThe weirs were surveyed every spring. They hold the water of nine villages.\n"


@pytest.fixture
def listed(home: Home, store: SessionStore, tmp_path: Path, engine: Any) -> tuple[Path, Path]:
    """A document, and a bibliography that says who wrote it."""
    paper, works = tmp_path / "weirs.txt", tmp_path / "works.bib"
    paper.write_text(WEIRS)
    works.write_text(LISTED)
    for _ in ingest(home, "papers", IngestRequest([str(paper), str(works)]), IngestOptions(), engine):
        pass
    return paper, works


@pytest.mark.parametrize(
    "question",
    [
        "Who wrote Weirs of the upper Tamber?",
        "When was Weirs of the upper Tamber published?",
        "Which documents are there?",
        "Who wrote Weirs of the upper Tamber, and what does the harbour master of Castrel keep?",
        "Who wrote Weirs of the upper Tamber, and when was it published?",
    ],
)
def test_what_a_bibliography_said_of_a_document_goes_with_the_bibliography(
    home: Home, listed: tuple[Path, Path], engine: Any, question: str
) -> None:
    told = ask(home, "papers", question, engine=engine)
    assert WROTE.split()[1] in told.text or "1987" in told.text
    assert forget(home, "papers", str(listed[1])).clean
    assert found(home, WROTE.split()[1]) == found(home, WROTE.split()[0]) == found(home, "1987-11") == []
    assert "Weirs of the upper" not in said(home)
    again = ask(home, "papers", question, engine=engine)
    assert "Fenpyl" not in again.text
    assert "1987" not in again.text


def test_what_a_document_says_of_itself_goes_with_it_also_from_answers_in_parts(
    home: Home, listed: tuple[Path, Path], engine: Any
) -> None:
    question = "Who wrote Weirs of the upper Tamber, and what does the harbour master of Castrel keep?"
    ask(home, "papers", question, engine=engine)
    forget(home, "papers", str(listed[0]))
    forget(home, "papers", str(listed[1]))
    assert found(home, "Tamber") == found(home, "Fenpyl") == []


def test_a_bibliography_that_is_excluded_says_nothing(home: Home, listed: tuple[Path, Path], engine: Any) -> None:
    filter_items(home, "papers", Filter(sources=["*works.bib"]), exclude=True)
    assert "Fenpyl" not in ask(home, "papers", "Who wrote Weirs of the upper Tamber?", engine=engine).text
    assert [c.authors for c in catalogue(home, "papers")] == [()]
    filter_items(home, "papers", Filter(sources=["*works.bib"]), include=True)
    assert [c.authors for c in catalogue(home, "papers")] == [(WROTE,)]


def test_a_question_that_names_whom_only_a_card_names_goes_with_it(
    home: Home, store: SessionStore, tmp_path: Path, engine: Any
) -> None:
    head = f'<meta name="author" content="{WROTE}"><title>Weirs</title>'
    (page := tmp_path / "page.html").write_text(f"<html><head>{head}</head><body><p>{WEIRS}</p></body></html>")
    for _ in ingest(home, "papers", IngestRequest([str(page)]), IngestOptions(), engine):
        pass
    assert [c.authors for c in catalogue(home, "papers")] == [(WROTE,)]
    ask(home, "papers", "Does anybody called Fenpyl keep herons?", engine=engine)
    ask(home, "papers", HERONS, engine=engine)
    assert forget(home, "papers", str(page)).clean
    assert found(home, "Fenpyl") == []
    assert HERONS in said(home)


def test_it_is_never_what_may_not_be_cited(home: Home, listed: tuple[Path, Path], engine: Any) -> None:
    before = ask(home, "papers", "How many pages has Weirs of the upper Tamber?", engine=engine)
    assert before.about is not None
    filter_items(home, "papers", Filter(sources=["*weirs.txt"]), exclude=True)
    question = "What do they say in it of the water?"
    for request in (AskRequest(question, after=before), AskRequest(question, follows=True)):
        told = ask(home, "papers", request, engine=engine)
        assert not any("weirs.txt" in c.uri for c in told.citations)
        assert "Tamber" not in f"{told.text} {told.understood}"
