"""Questions of the catalogue, asked of a database of cards: no model is needed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from titans_cli.answers.cards import FROM_CARD, Catalogue
from titans_cli.answers.intent import card_questions, parts_of
from titans_cli.answers.intent_pile import pile_question, words_to_say
from titans_cli.answers.pile import judge_said
from titans_cli.cards import STATED, Entry, filled
from titans_cli.records import Answer, Block, Page, SourceRecord
from titans_cli.store import Addition, Episodes

AT = "2026-11-27T08:00:00Z"
# title, authors, date, venue, pages, text of the only page
SHELF = (
    (
        "TideGauge: a logger for estuaries",
        ("Mara Quill", "Jonas de Mol"),
        "2018-10-24",
        "Estuary Letters",
        3,
        "TideGauge: a logger for estuaries\n\nMara Quill 1 and Jonas de Mol 2\n\nPublished 24 October 2018.\n\n"
        "TideGauge is written in Python and logs salinity every hour.",
    ),
    (
        "Weirs of the north",
        ("Ines Ribeiro",),
        "2020",
        "Proceedings of Harbours",
        9,
        "Weirs of the north\n\nInes Ribeiro\n\nThe weirs of the north were surveyed with R scripts. "
        "We plotted them in R again.\n\nReferences\n\nPython is cited here alone.",
    ),
    (
        "Harbour chains",
        ("Mara Quill",),
        "2020-02-01",
        "Estuary Letters",
        5,
        "Harbour chains\n\nMara Quill\n\nChains rust. Matthew R Dillon kept them. "
        "The crew used Python scripts to count.",
    ),
)


@pytest.fixture
def episodes(tmp_path: Path) -> Iterator[Episodes]:
    with Episodes.create(tmp_path / "episodes.sqlite") as opened:
        for n, (title, authors, date, venue, pages, text) in enumerate(SHELF, 1):
            card = filled(
                [Entry("title", title, "PDF metadata"), Entry("date", date, "first page"), Entry("venue", venue, "x")],
                [Entry("author", a, "first page, below the title") for a in authors],
            )
            record = SourceRecord(0, f"/p/{n}.pdf", f"{n}.pdf", f"sha{n}", 9, "pdf", title, pages, 1, 1, 40, AT, "read")
            block = Block(0, 0, 0, 1, 0, len(text), text, 40, 40 * (n - 1), 1.0)
            opened.commit(record, Addition(pages=[Page(1, text)], blocks=[block], card=card))
        yield opened


Ask = Callable[..., Answer | None]


@pytest.fixture
def ask(episodes: Episodes) -> Ask:
    def answer(question: str, about: int | None = None) -> Answer | None:
        given = Catalogue(episodes).answer(Answer(question, "none", "", (), None, "s", 0, 0.0), about)
        for c in given.citations if given else ():
            assert SHELF[int(c.source[0]) - 1][5][c.start : c.end] == c.quote
        return given

    return answer


@pytest.mark.parametrize(
    ("origin", "short"),
    [("front matter", "3 May 2016"), ("file", None), (STATED, None), ("PDF metadata, when it was typeset", None)],
)
def test_a_date_is_told_of_what_names_no_author_unless_it_may_be_that_of_the_file(
    tmp_path: Path, origin: str, short: str | None
) -> None:
    with Episodes.create(tmp_path / "alone.sqlite") as alone:
        record = SourceRecord(0, "/p/a.md", "a.md", "sha", 9, "md", "Weir keepers", 1, 1, 1, 4, AT, "read")
        card = filled([Entry("title", "Weir keepers", "front matter"), Entry("date", "2016-05-03", origin)])
        text = "Weirs are kept."
        block = Block(0, 0, 0, 1, 0, len(text), text, 4, 0, 1.0)
        alone.commit(record, Addition(pages=[Page(1, text)], blocks=[block], card=card))
        blank = Answer("When was Weir keepers published?", "none", "", (), None, "s", 0, 0.0)
        told = Catalogue(alone).answer(blank)
    assert (told.short if told else None) == short


@pytest.mark.parametrize(
    ("question", "short"),
    [
        ("Who wrote TideGauge?", "Mara Quill and Jonas de Mol"),
        ("Who are the authors of 'Weirs of the north'?", "Ines Ribeiro"),
        ("who is 2.pdf by?", "Ines Ribeiro"),
        ("Who wrote the paper on harbour chains?", "Mara Quill"),
        ("Who wrote TideGuage?", "Mara Quill and Jonas de Mol"),  # misspelled
        ("When was TideGauge published?", "24 October 2018"),
        ("What year is Weirs of the north from?", "2020"),
        ("In which journal did Harbour chains appear?", "Estuary Letters"),
        ("What is the title of 3.pdf?", "Harbour chains"),
        ("How many authors does TideGauge have?", "2"),
        ("How many pages does Weirs of the north have?", "9"),
        ("Wer hat TideGauge geschrieben?", "Mara Quill and Jonas de Mol"),
        ("Qui a écrit TideGauge ?", "Mara Quill and Jonas de Mol"),
        ("¿Quién escribió TideGauge?", "Mara Quill and Jonas de Mol"),
        ("How many papers are there?", "3"),
        ("How many papers are from 2020?", "2"),
        ("How many papers has Mara Quill co-authored?", "2"),
        ("Which paper has the most authors?", "TideGauge: a logger for estuaries"),
        ("Which paper is the longest?", "Weirs of the north"),
        ("In which year was the oldest paper published?", "2018"),
        ("Wie viele Artikel gibt es?", "3"),
        ("Who are TideGauge's authors?", "Mara Quill and Jonas de Mol"),
        ("Who's the first author of TideGauge?", "Mara Quill"),
        ("What is the newest paper?", "Harbour chains"),
        ("How many papers were written by a single author?", "2"),
        ("Who wrote the most papers?", "Mara Quill"),
        ("Which authors wrote more than one paper?", "Mara Quill"),
        ("Which years do the papers cover?", "2018 to 2020"),
        ("Which journals are they from?", "Estuary Letters and Proceedings of Harbours"),
        ("authors TideGauge", "Mara Quill and Jonas de Mol"),
        ("weirs of the north authors", "Ines Ribeiro"),
        ("TideGauge year", "24 October 2018"),
    ],
)
def test_questions_of_the_card_and_the_pile(ask: Ask, question: str, short: str) -> None:
    given = ask(question)
    assert given is not None
    assert given.short == short


@pytest.mark.parametrize(
    ("question", "files"),
    [
        ("List all papers.", {1, 2, 3}),
        ("Which papers are from 2018?", {1}),
        ("Which papers were published after 2019?", {2, 3}),
        ("Which papers did Mara Quill write?", {1, 3}),
        ("Which papers are by Jonas de Mol?", {1}),
        ("What has Ines Ribeiro written?", {2}),
        ("Which papers appeared in Estuary Letters?", {1, 3}),
        ("Which papers have only one author?", {2, 3}),
        ("Which papers have more than one author?", {1}),
        ("Which papers use Python?", {1, 3}),  # what a list of references says counts for nothing
        ("Which papers by Mara Quill came out in 2020?", {3}),
        ("Which papers mention both Python and chains?", {3}),
        ("Which papers use R?", {2}),  # and an initial is no language
        ("Which papers are about weirs?", {2}),
        ("Which papers mention the harbour chains?", {3}),
        ("Which papers log the salinity hourly?", {1}),  # one sentence says it, in other forms and another order
        ("Which papers report surveyed weirs?", {2}),
        ("Which papers mention the scripts of Python?", {3}),
        ("Which papers survey their rivers with scripts?", {2}),  # what is their own goes by its name
        ("list all papers with authors and year", {1, 2, 3}),
        ("Which papers use Python, by year?", {1, 3}),
    ],
)
def test_lists_are_complete_and_of_those_alone(ask: Ask, question: str, files: set[int]) -> None:
    given = ask(question)
    assert given is not None
    assert {n for n, (title, *_) in enumerate(SHELF, 1) if f"- {title} (" in given.text} == files
    assert given.kind == "pile"


@pytest.mark.parametrize(
    ("question", "order"),
    [
        ("List the papers by year", [1, 2, 3]),
        ("List all papers sorted by date, newest first.", [3, 2, 1]),
        ("Show the papers alphabetically", [3, 1, 2]),
        ("list the papers by author", [1, 3, 2]),
    ],
)
def test_a_list_stands_in_the_order_that_is_asked_for(ask: Ask, question: str, order: list[int]) -> None:
    given = ask(question)
    assert given is not None
    titles = [title for title, *_ in SHELF]
    assert [titles.index(line[2:].split(" (")[0]) + 1 for line in given.text.splitlines()[1:]] == order


def test_a_tally_counts_the_documents_of_each_and_says_of_how_many_nothing_is_known(
    ask: Ask, episodes: Episodes
) -> None:
    years = ask("How many papers are there per year?")
    assert years is not None
    assert years.text.splitlines() == ["- 2018: 1", "- 2020: 2"]
    record = SourceRecord(0, "/p/4.pdf", "4.pdf", "sha4", 9, "pdf", "", 1, 1, 1, 40, AT, "read")
    block = Block(0, 0, 0, 1, 0, 5, "Ebbs.", 40, 160, 1.0)
    episodes.commit(record, Addition(pages=[Page(1, "Ebbs.")], blocks=[block]))
    for question, field in (("Who wrote the most papers?", "author"), ("how many papers per journal", "venue")):
        tally = ask(question)
        assert tally is not None
        assert tally.text.splitlines()[-1] == f"Of 1 no {field} is known."


def test_what_the_page_prints_is_cited_and_the_rest_says_where_it_is_from(ask: Ask) -> None:
    printed, stated = ask("Who wrote TideGauge?"), ask("In which journal did TideGauge appear?")
    assert printed is not None
    assert stated is not None
    assert printed.support == "evidence"
    assert printed.citations[0].quote.startswith("Mara Quill")
    assert printed.citations[0].quote.endswith("Jonas de Mol")
    assert stated.support == FROM_CARD
    assert stated.citations == ()


@pytest.mark.parametrize(
    ("question", "wants"),
    [
        ("Who wrote TideGauge, and when?", ["author", "date"]),
        ("Who published TideGauge, and where?", ["author", "venue"]),
    ],
)
def test_a_bare_word_that_asks_asks_the_card_too(question: str, wants: list[str]) -> None:
    read = [next(iter(card_questions(part))) for part in parts_of(question)]
    assert [(r.wants, r.called.lower()) for r in read] == [(w, "tidegauge") for w in wants]


def test_it_means_the_document_before(ask: Ask) -> None:
    before = ask("Who wrote TideGauge?")
    assert before is not None
    follows = ask("and when was it published?", before.about)
    assert follows is not None
    assert follows.short == "24 October 2018"
    assert ask("and when was it published?") is None


@pytest.mark.parametrize(
    "question",
    [
        "Who wrote the first version of TideGauge?",
        "When was TideGauge first sold?",
        "What do the papers disagree on?",
        "Which papers reproduce earlier work?",
        "Who won the regatta?",
        "Summarize trends.",
        "How many books are on the weirs?",
        "What works best for chains?",
        "Which papers are by Nobody Atall?",
        "papers between 2018 and 2019",
        "Which papers were cited most?",
        "Which papers count the salinity?",  # two sentences of two papers have a word each
        "Which papers survey harbours with scripts?",  # the rarest word is said by none that surveys
        "",
    ],
)
def test_other_questions_are_left_to_the_text(ask: Ask, question: str) -> None:
    assert ask(question) is None


def test_what_a_sentence_has_to_say_leaves_out_who_tells_it_and_what_is_their_own() -> None:
    assert words_to_say("report a failed replication") == (["failed", "replication"], "")
    assert words_to_say("evaluate their own software with students") == (["evaluate", "students"], "evaluate")
    assert words_to_say("make their code available") == (["code", "available"], "")


@pytest.mark.parametrize(("text", "says"), [("We made a meta-analysis.", True), ("We kept the meta-data.", False)])
def test_of_a_word_in_parts_every_part_is_said(episodes: Episodes, text: str, says: bool) -> None:
    record = SourceRecord(0, "/p/4.pdf", "4.pdf", "sha4", 9, "pdf", "", 1, 1, 1, 40, AT, "read")
    block = Block(0, 0, 0, 1, 0, len(text), text, 40, 160, 1.0)
    episodes.commit(record, Addition(pages=[Page(1, text)], blocks=[block]))
    judged = judge_said("report a meta-analysis", episodes, episodes.sources())
    assert [j.source.name for j in judged] == (["4.pdf"] if says else [])


def test_words_far_apart_in_a_sentence_do_not_say_it_together(episodes: Episodes) -> None:
    near, far = "We surveyed these weirs.", f"We surveyed the {'old ' * 12}and long weirs."
    for n, text in enumerate((near, far), 4):
        record = SourceRecord(0, f"/p/{n}.pdf", f"{n}.pdf", f"sha{n}", 9, "pdf", "", 1, 1, 1, 40, AT, "read")
        block = Block(0, 0, 0, 1, 0, len(text), text, 40, 40 * n, 1.0)
        episodes.commit(record, Addition(pages=[Page(1, text)], blocks=[block]))
    held = [s for s in episodes.sources() if s.id > len(SHELF)]
    assert [j.source.name for j in judge_said("survey weirs", episodes, held)] == ["4.pdf"]


def test_a_question_that_has_another_in_it_is_none_of_the_catalogue() -> None:
    assert not list(card_questions("Who wrote TideGauge, and what does it do?"))
    assert pile_question("How many students took part?") is None


def test_cards_go_with_their_document(episodes: Episodes) -> None:
    episodes.forget([1])
    assert 1 not in episodes.cards()
    with closing(sqlite3.connect(episodes.path)) as db:
        assert db.execute("SELECT count(*) FROM cards WHERE source_id = 1").fetchone() == (0,)
    assert episodes.card(2).authors == ("Ines Ribeiro",)
