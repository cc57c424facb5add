"""A question of several parts is answered part by part, and what its evidence does not support is dropped."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from titans_cli.answers.deliberate import deliberate, supported
from titans_cli.answers.intent import parts_of
from titans_cli.answers.reason import Budget
from titans_cli.records import Answer, Citation
from titans_cli.sessions.ask import AskOptions, AskRequest, ask
from titans_cli.store import Home

BLANK = Answer("?", "none", "nothing", (), None, "s", 0, 0.0)


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("Compare copper priming with pulse feeding.", ["copper priming", "pulse feeding"]),
        ("Copper priming versus pulse feeding?", ["Copper priming", "pulse feeding"]),
        ("What is the difference between tanks and ropes?", ["tanks", "ropes"]),
        ("Who built the mill, and when did it burn?", ["Who built the mill?", "when did it burn?"]),
        ("Who built the mill? What did it grind?", ["Who built the mill?", "What did it grind?"]),
        (
            "Compare copper priming with pulse feeding, and when was the mill built?",
            ["copper priming", "pulse feeding", "when was the mill built?"],
        ),
        ("When was the mill built and what is it for?", ["When was the mill built?", "what is it for?"]),
        ("Who built the mill, and when?", ["Who built the mill?", "when built the mill?"]),
        ("What do salt and water do?", ["What do salt and water do?"]),
        ("When was the mill built?", ["When was the mill built?"]),
    ],
)
def test_a_question_is_cut_only_where_its_words_say_so(question: str, parts: list[str]) -> None:
    assert parts_of(question) == parts


def test_each_part_is_answered_and_numbered_through(home: Home) -> None:
    question = "How much does the quibbleworth anchor weigh, and what burned a great deal of peat?"
    answer = ask(home, "planted", AskRequest(question, log=False))
    assert answer.route == "deliberate"
    assert [s.note for s in answer.steps] == ["supported", "supported"]
    assert "412 kilograms" in answer.text
    assert "Ember wheels" in answer.text
    numbers = [c.number for c in answer.citations]
    assert numbers == list(range(1, len(numbers) + 1))
    assert {int(n) for n in re.findall(r"\[(\d+)\]", answer.text)} == set(numbers)


def test_a_part_without_evidence_is_said_to_have_none(home: Home) -> None:
    question = "How much does the quibbleworth anchor weigh, and who discovered molten xenotine?"
    answer = ask(home, "planted", AskRequest(question, log=False))
    assert answer.support == "evidence"
    assert [bool(s.kept) for s in answer.steps] == [True, False]
    assert "nothing in this session answers that" in answer.text


def test_the_fast_route_takes_no_steps(home: Home) -> None:
    question = "How much does the quibbleworth anchor weigh, and what burned a great deal of peat?"
    answer = ask(home, "planted", AskRequest(question, log=False), AskOptions(route="fast"))
    assert (answer.route, answer.steps) == ("fast", ())


def test_a_claim_that_does_not_speak_of_its_part_is_dropped() -> None:
    def draft(blank: Answer) -> Answer:
        quotes = ("The mill ground barley every autumn.", "Violins sounded after midnight.")
        cited = tuple(Citation(n, "a", "/a", 1, n * 50, n * 50 + 9, q, 0.0, 0.0) for n, q in enumerate(quotes, start=1))
        return replace(blank, support="evidence", citations=cited)

    answer = deliberate(BLANK, ["the mill", "midnight violins"], draft, Budget())
    assert [s.kept for s in answer.steps] == [
        ("The mill ground barley every autumn.",),
        ("Violins sounded after midnight.",),
    ]
    assert all(len(s.draft) == 2 for s in answer.steps)
    assert not supported("Violins sounded after midnight.", "the mill")


def test_what_the_budget_does_not_reach_is_said_to_be_left_out() -> None:
    answer = deliberate(BLANK, ["first", "second"], lambda blank: blank, Budget(seconds=0))
    assert [s.note for s in answer.steps] == [
        "nothing in this session supports an answer",
        "left out: the budget was spent",
    ]
