"""What is of the kind that a question asks for, by what the pile says of names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sessions.samples import reading
from titans_cli.answers.instances import instances
from titans_cli.answers.intent import kind_asked_for, names_of_kind
from titans_cli.records import Answer
from titans_cli.sessions.ask import AskRequest, ask
from titans_cli.store import Episodes, Home, SessionStore

DOCUMENTS = {
    "brunlo.md": (
        "# Brunlo: a planner for ferries\n\nThe planner asks for the tide before it plans. In the program files of the "
        "harbour it was written down who sails. Brunlo is a Tarvik package that plans ferries. It opens in the morning."
    ),
    "tarvik.md": (
        "# Writing programs in the north\n\nTarvik is a small but strict programming language. Many programming "
        "languages such as Ovelin, Tarvik and Smolt are taught at school. The Hessel programming language is older."
    ),
}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Home:
    return reading(tmp_path_factory.mktemp("two"), "two", tiny_folder, DOCUMENTS)


@pytest.fixture
def read(two: Home) -> Iterator[Episodes]:
    with SessionStore.open(two, "two").episodes() as opened:
        yield opened


@pytest.fixture
def told(two: Home) -> Callable[[str], Answer]:
    return lambda question: ask(two, "two", AskRequest(question, log=False))


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("What programming language is Brunlo written in?", "programming language"),
        ("In which languages was it written?", "languages"),
        ("Which licence does it have?", "licence"),
        ("What is it written in?", ""),
        ("Who wrote it?", ""),
    ],
)
def test_the_kind_of_thing_that_is_asked_for(question: str, kind: str) -> None:
    assert kind_asked_for(question) == kind


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Tarvik is a small but strict language.", {"Tarvik"}),
        ("Tarvik, a strict language, is old.", {"Tarvik"}),
        ("Some languages, such as Ovelin, Tarvik and Smolt, are taught.", {"Ovelin", "Tarvik", "Smolt"}),
        ("The Hessel language is old.", {"Hessel"}),
        ("A language is a habit of many.", set()),
        ("Nobody spoke the languages.", set()),
    ],
)
def test_a_text_says_which_names_are_of_a_kind(text: str, names: set[str]) -> None:
    assert names_of_kind("languages", text) == names


def test_names_are_those_that_the_pile_has_and_the_question_has_not(read: Episodes) -> None:
    assert instances("What programming language is Brunlo written in?", read) == {"Ovelin", "Tarvik", "Smolt", "Hessel"}
    assert "Tarvik" not in instances("What programming language is Tarvik like?", read)
    assert instances("Which vaccine was used?", read) == set()


def test_the_sentence_that_says_of_what_kind_a_thing_is_answers_in_other_words(told: Callable[[str], Answer]) -> None:
    answer = told("What programming language is Brunlo written in?")
    assert answer.support == "evidence"
    assert answer.citations[0].quote == "Brunlo is a Tarvik package that plans ferries."
