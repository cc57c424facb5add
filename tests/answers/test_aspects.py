"""What documents say of themselves in other words than they are asked: who paid, and where it is to be had."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sessions.samples import reading
from titans_cli.answers.aspects import aspect_of, has_name
from titans_cli.answers.question import Question
from titans_cli.records import Answer
from titans_cli.sessions.ask import AskRequest, ask
from titans_cli.store import Episodes, Home

TEXTS = {
    "pelmar.md": "# Pelmar: a loom for tin\n\nPelmar is a loom that weaves tin. Grant Ollery drew it after a storm. "
    "The loom cannot weave lead. This trial has a limitation. The tin was cut by one person alone.\n\n"
    "The drawings of Pelmar are at https://quellmouth.example/pelmar for everybody.\n\n"
    "Pelmar is released under the MIT license.\n\n"
    "We thank the weavers. This work was supported by the Northern Tin Council under grant no. 4711.",
    "dunvik.md": "# Dunvik: a kiln for glass\n\nDunvik is a kiln that melts glass. It stood at Quellmouth for years. "
    "Our data were deposited at Zenodo by the smiths. Its fire was funded by NTC and the harbour.",
    "orlec.md": "# Orlec: a lamp of reeds\n\nOrlec is a lamp that burns reeds. Its light reaches the second buoy. "
    "The reeds are cut in autumn. Nobody has sold an Orlec since the flood.",
}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Home:
    return reading(tmp_path_factory.mktemp("aspects"), "three", tiny_folder, TEXTS)


@pytest.fixture
def told(shelf: Home) -> Callable[[str], Answer]:
    return lambda question: ask(shelf, "three", AskRequest(question, log=False))


@pytest.mark.parametrize(
    ("question", "quote"),
    [
        ("Who funded Pelmar?", "This work was supported by the Northern Tin Council under grant no. 4711."),
        (
            "Who sponsored the loom for tin?",
            "This work was supported by the Northern Tin Council under grant no. 4711.",
        ),
        ("Under what licence is Pelmar released?", "Pelmar is released under the MIT license."),
        ("Pelmar license", "Pelmar is released under the MIT license."),
        (
            "Where are the data of Dunvik available?",
            "Our data were deposited at Zenodo by the smiths.",
        ),
        (
            "What are the limitations of Pelmar?",
            "This trial has a limitation. The tin was cut by one person alone.",
        ),
    ],
)
def test_an_aspect_is_told_by_the_sentence_that_has_its_form(
    told: Callable[[str], Answer], question: str, quote: str
) -> None:
    answer = told(question)
    assert answer.support == "evidence"
    assert answer.citations[0].quote == quote


@pytest.mark.parametrize(
    "question", ["Who funded Orlec?", "What licence does Dunvik have?", "Where is the code of Orlec?"]
)
def test_what_a_document_does_not_tell_of_itself_is_refused(told: Callable[[str], Answer], question: str) -> None:
    assert told(question).support == "none"


@pytest.mark.parametrize(
    ("question", "titles"),
    [
        ("Which papers were funded by the NTC?", ["Dunvik", "Pelmar"]),  # one writes it out
        ("Which papers acknowledge funding?", ["Dunvik", "Pelmar"]),
        ("Which papers have data on Zenodo?", ["Dunvik"]),
        ("Which papers are licensed under MIT?", ["Pelmar"]),
    ],
)
def test_every_document_is_judged_by_what_it_tells_of_itself(
    told: Callable[[str], Answer], question: str, titles: list[str]
) -> None:
    answer = told(question)
    assert answer.kind == "pile"
    lines = [line[2:].split(":")[0] for line in answer.text.splitlines() if line.startswith("- ")]
    assert sorted(lines) == titles
    assert len(answer.citations) == len(titles)


def test_its_is_the_documents_before_unless_something_else_is_named(shelf: Home) -> None:
    before = ask(shelf, "three", AskRequest("What is Pelmar?", log=False))
    follows = ask(shelf, "three", AskRequest("What are its limitations?", after=before, log=False))
    assert follows.citations[0].quote.startswith("This trial has a limitation.")
    other = ask(shelf, "three", AskRequest("Who paid for Dunvik and its fire?", after=before, log=False))
    assert {Path(c.uri).name for c in other.citations} == {"dunvik.md"}


@pytest.mark.parametrize(
    ("question", "aspect"),
    [
        ("Where was the course hosted?", None),  # a place is asked for
        ("How was the data obtained?", None),
        ("Where are the data from?", None),
        ("How much funding did they receive?", None),  # a figure
        ("Where is the data of Pelmar?", "availability"),
        ("What is the website of Pelmar?", "availability"),
        ("Who supported the work on Pelmar?", "funding"),
    ],
)
def test_what_is_asked_of_a_place_method_or_figure_is_no_aspect(
    tmp_path: Path, question: str, aspect: str | None
) -> None:
    with Episodes.create(tmp_path / "episodes.sqlite") as episodes:
        found_aspect = aspect_of(Question(question, episodes))
    assert (found_aspect.name if found_aspect else None) == aspect


@pytest.mark.parametrize(
    ("name", "text", "has"),
    [
        ("NTC", "the Northern Tin Council", True),
        ("NTC", "the National Council for Tin", False),
        ("NTC", "Northern tin council", False),
        ("Zenodo", "at zenodo.", True),
        ("Zen", "at zenodo.", False),
        ("MoC", "the Ministry of Culture", False),
    ],
)
def test_initials_stand_for_a_name_in_its_order(name: str, text: str, has: bool) -> None:
    assert has_name(name, text) is has
