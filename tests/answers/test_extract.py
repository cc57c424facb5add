"""Which sentence answers, and when none does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sessions.samples import start
from titans_cli import Session
from titans_cli.answers import extract
from titans_cli.answers.evidence import ScoredBlock, gather
from titans_cli.answers.question import Question
from titans_cli.model.engine import Engine
from titans_cli.records import Answer, Block
from titans_cli.store import Episodes, Home

Ask = Callable[..., Answer]
TOLD = (
    "Keis Bay lies in the region of Friaxslaen.",
    "Drelplus Bay lies in the region of Skaepreost.",
    "With Fleirdrir-73 we obtain an accuracy of 93.9 percent.",
    "Key 9HK, value 5Z0FDJ",
)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path, tiny_engine: Engine) -> Session:
    home = Home(tmp_path_factory.mktemp("told") / "home")
    start(home, "told", tiny_folder)
    session = Session(home, Session.open("told", home=home).status().info, engine=tiny_engine)
    for text in TOLD:
        session.add(text)
    return session


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("In which region does Keis Bay lie?", "Keis Bay lies in the region of Friaxslaen."),  # adds a single word
        ("What accuracy was obtained with Fleirdrir-73?", "With Fleirdrir-73 we obtain an accuracy of 93.9 percent."),
        ("What is the value of key 9HK?", "Key 9HK, value 5Z0FDJ"),  # not prose, but somebody said it
    ],
)
def test_what_was_told_is_an_answer(told: Session, question: str, answer: str) -> None:
    found = told.ask(question, log=False)
    assert (found.support, found.citations[0].quote) == ("evidence", answer)


@pytest.mark.parametrize(
    "question", ["Which accuracy was obtained with Pal-73?", "In which region does Timbelflel lie?"]
)
def test_what_is_said_of_others_is_no_answer(told: Session, question: str) -> None:
    assert told.ask(question, log=False).support == "none"


def test_the_best_sentence_comes_first_and_only_near_ones_follow(episodes: Episodes, engine: Engine) -> None:
    question = Question("How much does the quibbleworth anchor weigh?", episodes)
    ranked = extract.candidates(question, gather(question, episodes, engine, None, 8), None)
    assert "412 kilograms" in ranked[0].text
    assert [c.score for c in ranked] == sorted((c.score for c in ranked), reverse=True)
    assert all(0 < c.support < 1 for c in ranked)
    assert all(c.score >= ranked[0].score - extract.ALSO for c in extract.select(question, ranked, 8))


def test_a_name_or_a_year_does_not_make_a_sentence_speak_of_the_matter() -> None:
    bare = {"wanted": 0.0, "time": 0.0}
    gain = extract.WEIGHTS["wanted"] + extract.WEIGHTS["holds"]
    assert extract.support(7 + gain, {"wanted": 1.0, "time": 0.0}) < extract.support(7, bare) + 0.05
    assert extract.support(9, bare) > extract.support(7, bare)


def test_what_memory_recalled_breaks_a_tie(episodes: Episodes, engine: Engine) -> None:
    question = Question("What happened that spring?", episodes)
    found = gather(question, episodes, engine, None, 8)
    plain = extract.candidates(question, found, None)
    wanted = plain[-1].text
    ranked = extract.candidates(question, found, wanted)
    assert [c.score for c in ranked if c.text == wanted] > [c.score for c in plain if c.text == wanted]


def test_a_list_of_references_answers_only_where_nothing_else_does(episodes: Episodes, engine: Engine) -> None:
    question = Question("How much does the quibbleworth anchor weigh?", episodes)
    found = gather(question, episodes, engine, None, 8)
    best = extract.candidates(question, found, None)[0].block
    without = extract.candidates(question, found, None, listed={best.id: 0})
    assert without
    assert best.id not in {c.block.id for c in without}
    alone = [f for f in found if f.block.id == best.id]
    assert extract.candidates(question, alone, None, listed={best.id: 0}) == extract.candidates(question, alone, None)


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("May the crew mend chains at sea? The harbour rule leaves it open.", "May the crew mend chains at sea? The"),
        ("Was it cold? The crew may mend chains at sea if it is calm.", "The crew may mend"),  # says it itself
        ("Quill: May the crew mend chains at sea?\n\nDunvik: The harbour rule leaves it open.", "Dunvik: The"),
    ],
)
def test_a_sentence_that_answers_a_question_of_the_text_is_shown_with_it(
    episodes: Episodes, text: str, quote: str
) -> None:
    question = Question("May the crew mend chains at sea?", episodes)
    block = Block(1, 1, 0, 1, 10, 10 + len(text), text, 9, 0, 0.5)
    ((candidate, _),) = extract.signals(question, ScoredBlock(block, 1.0, frozenset(), False), None)
    assert candidate.text.startswith(quote)
    assert text[candidate.start - 10 : candidate.end - 10] == candidate.text
