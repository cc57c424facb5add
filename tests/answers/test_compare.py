"""Comparisons: what two things have in common is a matter, and no figure that both happen to name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sessions.samples import read_into, start
from titans_cli.answers.references import without_mentions
from titans_cli.model.engine import Engine
from titans_cli.sessions.ask import AskRequest, ask
from titans_cli.store import Home

PELMAR = "Pelmar is a loom that weaves tin. Pelmar was shown 4711 times in 1877. The bobbins of Pelmar are of cedar."
DUNVIK = "Dunvik is a kiln that melts glass. Dunvik holds 4711 jars, as of 1877. The bobbins near Dunvik are of cedar."


def test_figures_that_two_share_are_no_point_of_a_comparison(
    tmp_path: Path, tiny_folder: Path, tiny_engine: Engine
) -> None:
    home = Home(tmp_path / "home")
    start(home, "both", tiny_folder)
    paths = [tmp_path / "pelmar.md", tmp_path / "dunvik.md"]
    for path, text in zip(paths, (PELMAR, DUNVIK), strict=True):
        path.write_text(text)
    read_into(home, "both", paths)
    answer = ask(home, "both", AskRequest("How do Pelmar and Dunvik differ?", log=False), engine=tiny_engine)
    points = [line for line in answer.text.splitlines() if line.startswith("- ")]
    assert points
    assert not [line for line in points if "4711" in line or "1877" in line]
    assert any("cedar" in line for line in points)


def test_a_sentence_stands_in_one_point_and_works_that_both_cite_are_none(
    tmp_path: Path, tiny_folder: Path, tiny_engine: Engine
) -> None:
    home = Home(tmp_path / "home")
    start(home, "both", tiny_folder)
    texts = (
        "Pelmar is a cedar loom with bobbins. Pelmar was drawn after Quillmar (1877). Some bobbins of Pelmar are lost.",
        "Dunvik is a cedar kiln with bobbins. Dunvik was dug for copper (Quillmar, 1877; Orrefin et al., 1880).",
    )
    paths = [tmp_path / "pelmar.md", tmp_path / "dunvik.md"]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    read_into(home, "both", paths)
    answer = ask(home, "both", AskRequest("How do Pelmar and Dunvik differ?", log=False), engine=tiny_engine)
    assert "- what they are" in answer.text.splitlines()
    assert len(answer.citations) == len({c.quote for c in answer.citations})
    assert answer.text.count("Dunvik is a cedar kiln") == 1
    assert not [line for line in answer.text.splitlines() if line.startswith("- ") and "quillmar" in line]


@pytest.mark.parametrize(
    "question",
    [
        "What do Pelmar and Dunvik have in common?",
        "How is Pelmar different from Dunvik?",
        "differences between Pelmar and Dunvik",
    ],
)
def test_lines_of_data_and_letters_are_no_point_of_a_comparison(
    tmp_path: Path, tiny_folder: Path, tiny_engine: Engine, question: str
) -> None:
    home = Home(tmp_path / "home")
    start(home, "both", tiny_folder)
    paths = [tmp_path / "pelmar.md", tmp_path / "dunvik.md"]
    for path, text in zip(paths, (PELMAR, DUNVIK), strict=True):
        name = path.stem.capitalize()
        path.write_text(f"{text} In {name} the letter x stands for the heat.\n\nKeeper of {name}: zyglot, 77")
    read_into(home, "both", paths)
    answer = ask(home, "both", AskRequest(question, log=False), engine=tiny_engine)
    assert answer.text.startswith("- what they are")
    points = [line for line in answer.text.splitlines() if line.startswith("- ")]
    assert not [line for line in points if "zyglot" in line or "x" in line.replace("-", "").split(", ")]


@pytest.mark.parametrize(
    ("sentence", "left"),
    [
        ("Looms (Quillmar, 1877; Orrefin et al., 1880) are old.", "Looms are old."),
        ("Quillmar (1877) and Orrefin et al. (1880a) wove.", "and wove."),
        ("In Hollmouth 1877 looms (of tin) stood.", "In Hollmouth 1877 looms (of tin) stood."),
    ],
)
def test_a_work_cited_within_a_sentence_is_left_out(sentence: str, left: str) -> None:
    assert " ".join(without_mentions(sentence).split()) == left
