"""Questions of proposals, encyclopaedias and reference works: documents of a series, lives, what a title names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sessions.samples import read_into, start
from titans_cli.answers.intent import compared
from titans_cli.answers.lives import life_date, life_terms
from titans_cli.model.engine import Engine
from titans_cli.records import Answer
from titans_cli.sessions.ask import AskRequest, ask
from titans_cli.store import Home

SHELF = {
    "q1.md": "# QEP 17: Lantern Hooks\n\nAbstract\n\n"
    "Hang every lantern on a hook of bent tin, so that draughts miss it.\n\n"
    "Not all lantern hooks refer to the same nail. Carpenters like cedar better than tin.",
    "q2.md": "# QEP 23: Ferry Bells\n\nRing the bell twice before a ferry leaves the quay at dusk.\n\n"
    "Bells of bronze crack in frost, and carpenters cannot mend them.",
    "q3.md": "# QEP 31: Wool Tax\n\nTax the wool of every third sheep, and spare the lambs born after Easter.",
    "life.md": "# Odila Marrenfeld\n\nOdila Marrenfeld (3 May 1811–9 June 1874) was a maker of barometers. "
    "Her brother died as an infant. She left the guild in 1850.",
    "c1.md": "# Pox-9 in goats\n\nGoats with pox-9 sneeze.",
    "c2.md": "# Pox-9 in hens\n\nHens with pox-9 limp.",
    "c3.md": "# Pox-9 in mules\n\nMules with pox-9 bray.",
    "north.txt": "Northmark\n\nGeography\n\nClimate: wet, with storms in the second half\n\n"
    "Population: total: 41,200\n\n"
    "Towns on the climate of opinion: the population of Hollmouth grew by 12 in the storms.",
    "south.txt": "Southmark\n\nGeography\n\nClimate: dry, with dust in the second half\n\nPopulation: total: 7,300",
    "motion.txt": "Swaying motion\n\nWhen you pull a lantern, it sways for long. "
    "A motion that comes back in equal times is called swaying motion by lamplighters.",
    "fever.md": "# Quillan fever\n\nQuillan fever affects about 3 in 10,000 people. "
    "Quillan fever commonly causes a rash.",
}


@pytest.fixture(scope="module")
def answers(
    tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path, tiny_engine: Engine
) -> Callable[[str], Answer]:
    root = tmp_path_factory.mktemp("shelf")
    home = Home(root / "home")
    start(home, "shelf", tiny_folder)
    for name, text in SHELF.items():
        (root / name).write_text(text + "\n")
    read_into(home, "shelf", [root / name for name in SHELF])
    return lambda question: ask(home, "shelf", AskRequest(question, log=False), engine=tiny_engine)


def test_documents_of_a_series_are_listed_by_the_word_they_are_called_by(answers: Callable[[str], Answer]) -> None:
    assert answers("How many QEPs are there?").short == "3"
    listed = answers("Which QEPs are about bells?")
    assert listed.kind == "pile"
    assert {Path(c.uri).name for c in listed.citations} == {"q2.md"}
    assert answers("Which pox makes hens limp?").kind != "pile"  # its number is always nine: no series


def test_a_comparison_of_two_numbered_documents_is_of_these_two(answers: Callable[[str], Answer]) -> None:
    compared_both = answers("What is the difference between QEP 17 and QEP 23?")
    assert {Path(c.uri).name for c in compared_both.citations} <= {"q1.md", "q2.md"}


def test_what_a_title_names_is_said_by_the_first_sentence_below_it(answers: Callable[[str], Answer]) -> None:
    first = "Hang every lantern on a hook of bent tin, so that draughts miss it."
    assert answers("What is a lantern hook?").citations[0].quote == first
    assert answers("What are the lantern hooks?").citations[0].quote == first
    assert answers("What is the wool tax?").citations[0].quote.startswith("Tax the wool")


def test_what_is_called_by_a_name_defines_it_before_what_speaks_to_the_reader(answers: Callable[[str], Answer]) -> None:
    assert answers("What is swaying motion?").citations[0].quote.startswith("A motion that comes back")


def test_a_line_of_a_data_sheet_answers_what_its_label_says(answers: Callable[[str], Answer]) -> None:
    assert (
        answers("What is the climate of Northmark?").citations[0].quote
        == "Climate: wet, with storms in the second half"
    )
    assert answers("What is the population of Northmark?").citations[0].quote == "Population: total: 41,200"
    quotes = {c.quote for c in answers("Compare Northmark and Southmark on climate").citations}
    assert quotes == {"Climate: wet, with storms in the second half", "Climate: dry, with dust in the second half"}


def test_a_life_behind_a_name_says_when_it_began_and_ended(answers: Callable[[str], Answer]) -> None:
    assert answers("When was Odila Marrenfeld born?").short == "3 May 1811"
    assert answers("When did Odila Marrenfeld die?").short == "9 June 1874"


@pytest.mark.parametrize(
    ("sentence", "born"),
    [
        ("Odila Marrenfeld(3 May 1811 – 9 June 1874) was a maker.", "3 May 1811"),
        ("Jorund I of Hollmouth (after 1046–1091), count, built it.", "1046"),
        ("Lady Quill (born Mara Dunvik; May 3, 1811 - June 9, 1874) wrote.", "May 3, 1811"),
        ("The siege of Hollmouth (1854-1855) was long.", None),  # no name opens it
        ("Odila Marrenfeld (a maker of barometers) was tall.", None),
    ],
)
def test_which_parentheses_are_lives(sentence: str, born: str | None) -> None:
    assert life_date(sentence, frozenset({"born"})) == born
    assert life_date(sentence, frozenset({"born", "die"})) is None
    assert bool(life_terms(sentence)) is (born is not None)


def test_what_comes_of_an_adverb_or_a_comparison_is_no_yes(answers: Callable[[str], Answer]) -> None:
    assert answers("Is Quillan fever common?").short is None


def test_a_list_by_year_says_of_how_many_no_year_is_known(answers: Callable[[str], Answer]) -> None:
    assert answers("Which documents were published before 1900?").text == "0 of 11 documents.\nOf 11 no year is known."


def test_one_in_so_many_is_one_figure(answers: Callable[[str], Answer]) -> None:
    assert answers("How many people are affected by Quillan fever?").short == "about 3 in 10,000 people"


@pytest.mark.parametrize(
    ("question", "both"),
    [
        ("Compare Pelmar and Dunvik on cedar", ("Pelmar on cedar", "Dunvik on cedar")),
        ("Compare Pelmar with Dunvik", ("Pelmar", "Dunvik")),
        ("Compare Pelmar on tin and Dunvik on cedar", ("Pelmar on tin", "Dunvik on cedar")),
    ],
)
def test_what_two_are_compared_in_is_said_of_both(question: str, both: tuple[str, str]) -> None:
    assert compared(question) == both
