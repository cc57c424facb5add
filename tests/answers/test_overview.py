"""A question about the whole is answered from the whole: what rises, what falls, what stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.answers.conftest import planted
from tests.sessions.samples import open_session, read_into, start
from titans_cli.answers.overview import Theme, is_overview, themes
from titans_cli.model.engine import Engine
from titans_cli.records import Answer
from titans_cli.store import Episodes, Home

Ask = Callable[..., Answer]
PLANTED = {"rising": {"glimmer", "pumps"}, "falling": {"ember", "wheels"}, "steady": {"harbour", "chains"}}


@pytest.mark.parametrize(
    "question",
    ["summarize trends", "Summarise the trends.", "what are the main themes?", "Give me an overview of these papers"],
)
def test_a_question_about_the_whole_is_known_as_one(question: str) -> None:
    assert is_overview(question)


@pytest.mark.parametrize(
    "question",
    [
        "What is the density of marrowite?",
        "How much copper do primed ropes release?",
        "summarize the findings about copper priming",
        "Which trends does Kessler describe?",
        "Who wrote the first paper on tidal lattices?",
        "",
        "the of and",
        "2021",
    ],
)
def test_a_question_that_names_a_matter_is_not(question: str) -> None:
    assert not is_overview(question)


def directions(found: list[Theme]) -> dict[str, str]:
    """The direction each planted phrase was given, by the direction it has."""
    given = {}
    for direction, terms in PLANTED.items():
        given[direction] = ", ".join(t.direction for t in found if set(t.phrase.lower().split()) & terms)
    return given


def test_planted_trends_are_named_with_their_direction(episodes: Episodes, engine: Engine) -> None:
    found, texts = themes(episodes, engine, 6)
    assert directions(found) == {"rising": "rising", "falling": "falling", "steady": "steady"}
    assert [t.year for t in texts] == list(range(2011, 2021))


def test_the_documents_with_a_theme_are_counted(episodes: Episodes, engine: Engine) -> None:
    found, _ = themes(episodes, engine, 6)
    planted_words = {word for words in PLANTED.values() for word in words}
    counts = {t.direction: (t.early, t.late) for t in found if set(t.phrase.split()) & planted_words}
    assert counts == {
        "rising": ((0, 5), (5, 5)),
        "falling": ((4, 5), (0, 5)),
        "steady": ((5, 5), (5, 5)),
    }


def test_the_answer_names_every_planted_trend(asked: Ask) -> None:
    text = asked("summarize trends").text.lower()
    for direction, terms in PLANTED.items():
        assert any(line.startswith(f"- {direction}") and terms & set(line.split()) for line in text.splitlines())


def test_a_themes_sentence_holds_it(asked: Ask, episodes: Episodes, engine: Engine) -> None:
    found, _ = themes(episodes, engine, 6)
    assert all(theme.phrase.split()[0].lower() in theme.sentence.text.lower() for theme in found)
    assert [c.quote for c in asked("what are the main themes?").citations] == [t.sentence.text for t in found]


def test_years_decide_the_order_and_not_the_order_of_reading(tmp_path: Path, tiny_folder: Path, engine: Engine) -> None:
    home = Home(tmp_path / "home")
    start(home, "backwards", tiny_folder)
    read_into(home, "backwards", planted(tmp_path / "documents")[::-1])
    with open_session(home, "backwards").episodes() as episodes:
        found, _ = themes(episodes, engine, 6)
    assert directions(found) == {"rising": "rising", "falling": "falling", "steady": "steady"}


def test_a_few_documents_have_no_trends(tmp_path: Path, tiny_folder: Path, engine: Engine) -> None:
    home = Home(tmp_path / "home")
    start(home, "few", tiny_folder)
    read_into(home, "few", planted(tmp_path / "documents")[:3])
    with open_session(home, "few").episodes() as episodes:
        assert themes(episodes, engine, 6)[0] == []


def test_the_sample_corpus_has_the_trends_its_readme_states(sample_asked: Ask) -> None:
    lines = sample_asked("summarize trends").text.lower().splitlines()
    for direction, phrase in (("rising", "pulse feed"), ("rising", "hushmeter"), ("falling", "kiln-setting")):
        assert any(line.startswith(f"- {direction}") and phrase in line for line in lines), phrase
