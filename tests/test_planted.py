"""The corpora with planted trends are what they say they are, and an answer finds what was planted."""

from __future__ import annotations

from pathlib import Path

from benchmarks.answers_trends import score
from benchmarks.planted import FIRST, LAST, PAPERS, chance, corpora
from tests.sessions.samples import open_session, read_into, start
from titans_cli.answers.corpus import texts_of
from titans_cli.answers.disagree import disagreements
from titans_cli.answers.synthesis import survey
from titans_cli.store import Home


def test_the_same_seed_makes_the_same_corpora_and_another_does_not() -> None:
    assert corpora(1) == corpora(1)
    assert corpora(1, seed=5) != corpora(1)


def test_a_planted_corpus_is_sixty_dated_papers() -> None:
    (corpus,) = corpora(1)
    assert len(corpus.papers) == PAPERS
    assert all(FIRST <= int(name[:4]) <= LAST for name in corpus.papers)
    for dispute in corpus.disputes:
        for value in dispute.values:
            assert sum(f"{value} {dispute.unit}" in text for text in corpus.papers.values()) >= 1


def test_a_vanishing_theme_is_gone_by_the_end_and_a_rising_one_is_common() -> None:
    assert chance("vanishing", 1.0) == 0 < chance("vanishing", 0.1)
    assert chance("rising", 0.0) < 0.1 < 0.8 < chance("rising", 1.0)


def test_most_planted_themes_are_named_with_their_direction(tmp_path: Path, tiny_folder: Path) -> None:
    (corpus,) = corpora(1, seed=3)
    folder = tmp_path / "papers"
    folder.mkdir()
    for name, text in corpus.papers.items():
        (folder / name).write_text(text, encoding="utf-8")
    home = Home(tmp_path / "home")
    start(home, "papers", tiny_folder)
    read_into(home, "papers", [folder])
    with open_session(home, "papers").episodes() as episodes:
        texts = texts_of(episodes)
    # Nothing but the themes changes here, in which no real pile is like it: what is told as very sure has to hold.
    told = [t for t in survey(texts).trends if t.sure >= 0.9]
    found = score(corpus, told, disagreements(texts, 6))
    assert found.right >= 0.75 * found.planted
    assert found.false <= 1
    assert found.disputes_named == found.disputes
