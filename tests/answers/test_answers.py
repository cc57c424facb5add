"""Every quote stands in the page it names, and what is not there is not answered."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.answers.conftest import PAPERS
from titans_cli.answers.cite import cited
from titans_cli.answers.extract import Candidate, is_prose
from titans_cli.answers.facts import NOTHING
from titans_cli.answers.question import Question, near
from titans_cli.errors import DamagedError
from titans_cli.model.engine import Engine
from titans_cli.records import Answer
from titans_cli.sessions.ask import ask
from titans_cli.store import Episodes, Home, SessionStore

Ask = Callable[..., Answer]
SAMPLE_QUESTIONS = [
    "What is the density of marrowite?",
    "What does a hushmeter weigh in air?",
    "By how much did copper priming reduce the cover of Halotexa velans?",
    "By how much did the Port Verrin breakwater reduce wave height?",
    "How much carbon dioxide does a mixed culture lattice take up?",
    "summarize trends",
    "what are the main themes?",
]


def assert_verbatim(home: Home, name: str, answer: Answer) -> None:
    with SessionStore.open(home, name).episodes() as episodes:
        for citation in answer.citations:
            source = episodes.source_by_uri(citation.uri)
            assert source is not None
            assert source.display == citation.source
            assert episodes.page(source.id, citation.page)[citation.start : citation.end] == citation.quote
            assert citation.quote.strip() == citation.quote != ""


@pytest.mark.parametrize(
    "question", ["How much does the quibbleworth anchor weigh?", "What lifted the water?", "trends"]
)
def test_every_quote_is_found_at_its_offsets_in_the_page_it_names(home: Home, asked: Ask, question: str) -> None:
    answer = asked(question)
    assert answer.citations
    assert_verbatim(home, "planted", answer)


@pytest.mark.parametrize("question", SAMPLE_QUESTIONS)
def test_quotes_of_the_sample_corpus_are_verbatim(sample_home: Home, sample_asked: Ask, question: str) -> None:
    answer = sample_asked(question)
    assert answer.support == "evidence"
    assert_verbatim(sample_home, "papers", answer)


def test_the_sentence_that_answers_is_found(asked: Ask) -> None:
    answer = asked("How much does the quibbleworth anchor weigh?")
    assert answer.support == "evidence"
    assert Path(answer.citations[0].uri).name == "2017-notes.txt"
    assert "412 kilograms" in answer.citations[0].quote
    assert answer.citations[0].page == 1


def test_a_pdfs_quote_names_its_page(sample_asked: Ask) -> None:
    answer = sample_asked("How many ropes can one person brush in a morning?")
    assert (Path(answer.citations[0].uri).name, answer.citations[0].page) == ("2020-oyelund-copper-priming.pdf", 2)
    assert answer.citations[0].uri == str(PAPERS / "2020-oyelund-copper-priming.pdf")


def test_citations_are_numbered_as_the_text_refers_to_them(asked: Ask) -> None:
    for question in ("How much does the quibbleworth anchor weigh?", "summarize trends"):
        answer = asked(question)
        numbers = [c.number for c in answer.citations]
        assert numbers == list(range(1, len(numbers) + 1))
        assert sorted({int(n) for n in re.findall(r"\[(\d+)\]", answer.text)}) == numbers


def test_there_are_no_more_sentences_than_asked_for(sample_asked: Ask) -> None:
    counts = [len(sample_asked("What does copper priming do?", limit).citations) for limit in (1, 2, 20)]
    assert counts[0] == 1
    assert counts[0] <= counts[1] <= 2 <= counts[2] <= 20


@pytest.mark.parametrize(
    "question",
    [
        "Who discovered the zyxwv of qqq?",
        "What is the boiling temperature of molten xenotine?",
        "How many violoncellos did Emperor Boniface own?",
        "?!",
        "a",
        "the of and",
        '" OR NEAR( * ) -- ;',
    ],
)
def test_what_is_not_there_is_not_answered(asked: Ask, question: str) -> None:
    answer = asked(question)
    assert (answer.support, answer.citations) == ("none", ())
    assert answer.text == NOTHING


@pytest.mark.parametrize(
    "question", ["How many genes does Halotexa velans have?", "Who won the tennis championship in Paris?"]
)
def test_what_the_sample_corpus_does_not_say_is_not_answered(sample_asked: Ask, question: str) -> None:
    answer = sample_asked(question)
    assert (answer.support, answer.citations) == ("none", ())


@pytest.mark.parametrize("question", ["What lifted the water?", "summarize trends", "Why?"])
def test_an_empty_session_answers_nothing(tmp_path: Path, tiny_folder: Path, question: str) -> None:
    from tests.sessions.samples import start

    home = Home(tmp_path / "home")
    start(home, "empty", tiny_folder)
    answer = ask(home, "empty", question)
    assert (answer.support, answer.citations, answer.snapshot) == ("none", (), 0)


def test_a_quote_that_is_not_in_its_page_is_never_shown(episodes: Episodes) -> None:
    (block, *_) = episodes.blocks_of(1)
    wrong = Candidate(block, block.start, block.start + 10, "not these.", 1.0, 1.0, 1.0)
    sources = {s.id: s for s in episodes.sources()}
    with pytest.raises(DamagedError):
        cited(1, wrong, sources, episodes)


def test_what_is_recalled_is_told_apart_from_what_is_proven(
    home: Home, asked: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from titans_cli.model.engine import Recollection

    monkeypatch.setattr(Engine, "recall", lambda *_: Recollection("forty-two zebras", 0.99))
    for question in ("How much does the quibbleworth anchor weigh?", "Who discovered the zyxwv of qqq?"):
        answer = asked(question)
        assert (answer.recalled, answer.memory) == (None, "forty-two zebras")  # no sentence of the session says so
        assert "zebras" not in answer.text
        assert all("zebras" not in c.quote for c in answer.citations)
    monkeypatch.setattr(Engine, "recall", lambda *_: Recollection("forty-two zebras", 0.92))
    unsure = asked("How much does the quibbleworth anchor weigh?")
    assert (unsure.recalled, unsure.agrees) == (None, None)  # told only if the evidence bears it out
    assert (unsure.memory, unsure.confidence) == ("forty-two zebras", 0.92)
    monkeypatch.setattr(Engine, "recall", lambda *_: Recollection("412 kilograms", 0.92))
    agreed = asked("How much does the quibbleworth anchor weigh?")
    assert (agreed.recalled, agreed.agrees) == ("412 kilograms", True)
    monkeypatch.setattr(Engine, "recall", lambda *_: Recollection("412 kilograms", 0.01))
    assert asked("How much does the quibbleworth anchor weigh?").recalled is None


def test_a_rare_word_weighs_more_than_a_common_one(episodes: Episodes) -> None:
    weight = Question("Which harbour has the quibbleworth anchor?", episodes).weight
    assert weight["quibbleworth"] > weight["harbour"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Glimmer pumps lifted the water without any smoke.", True),
        ("It weighs 412 kilograms and was forged from iron bells.", True),
        ("Results and discussion", False),
        ("| 1 | 2 | 3 | 4 | 5 | 6 | 7 |.", False),
        ("[12] Kessler, A. B., and Vaun, C. First lattices. Journal of Tides 4.", False),
        ("Short one.", False),
        ("The weir failed in 2019.", True),
        ("It held.", False),
        ("(The weir fell in May.)", True),
        ("InsertionSort n log(n)", False),  # a cell of a table
        ("of the old weir.", False),  # the end of a sentence that a column cut off
        ("See https://example.org/a/page for all of the data we used.", False),
    ],
)
def test_only_prose_is_shown(text: str, shown: bool) -> None:
    assert is_prose(text) is shown


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("optim", "optimum", True),
        ("calibr", "calibrat", True),
        ("salin", "salinity", False),
        ("cat", "cats", False),
        ("strength", "stretcher", False),
        ("optimum", "optim", True),
    ],
)
def test_near_forms_differ_only_in_their_ending(a: str, b: str, expected: bool) -> None:
    assert near(a, b) is expected
