"""A reader's short answers: believed as far as its probability goes, and found again, word for word, in the text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from tests.answers.test_answers import assert_verbatim
from titans_cli.answers import reading
from titans_cli.answers.compose import AskOptions
from titans_cli.answers.evidence import ScoredBlock
from titans_cli.errors import ModelError, UsageError
from titans_cli.model.interface import PassageReader, ReaderAnswer
from titans_cli.records import Answer, Block
from titans_cli.sessions import ask as asking
from titans_cli.sessions.ask import AskModels, AskRequest, ask
from titans_cli.sessions.engines import Engines, own_reader, reader_of
from titans_cli.store import Episodes, Home, SessionStore

QUESTION = "How much does the quibbleworth anchor weigh?"


class Fake:
    """Says `text`, as it first stands in a passage; without one, so likely that nothing answers. Keeps what it got."""

    def __init__(self, text: str | None, probability: float) -> None:
        self.text, self.probability = text, probability
        self.asked: list[tuple[str, list[str]]] = []

    def read(self, question: str, passages: Sequence[str], titles: Sequence[str] = ()) -> ReaderAnswer:
        self.asked.append((question, list(passages)))
        if self.text is None:
            return ReaderAnswer(passages[0][:1], 0, 0, 1, 0.0, self.probability)
        for n, passage in enumerate(passages):
            if (at := passage.find(self.text)) >= 0:
                return ReaderAnswer(self.text, n, at, at + len(self.text), self.probability, 0.0)
        raise AssertionError(f"{self.text!r} stands in none of {passages}")


@pytest.fixture(autouse=True)
def _taken_at_its_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the shipped weights make of a reader's probabilities was fitted to the shipped reader."""
    monkeypatch.setattr(reading, "REFUSAL", (0.0, 1.0, 0.0))
    monkeypatch.setattr(reading, "BELIEF", (1.0, 0.0, 0.0))


def test_what_retrieval_doubts_counts_beside_what_the_reader_doubts(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "REFUSAL", (1.0, 0.0, 0.0))
    assert asked(home, Fake("412 kilograms", 0.9)).support == "evidence"
    assert asked(home, Fake("Notes", 0.9), "Who was the president of Zarvex?").support == "none"


def asked(home: Home, reader: PassageReader, question: str = QUESTION, how: AskOptions | None = None) -> Answer:
    return ask(home, "planted", AskRequest(question, log=False), how, models=AskModels(reader=reader))


def test_a_sure_reader_makes_the_headline_and_its_sentence_is_the_first_citation(home: Home) -> None:
    answer = asked(home, Fake("412 kilograms", 0.9))
    assert (answer.short, answer.support) == ("412 kilograms", "evidence")
    assert answer.probability == pytest.approx(0.9)
    assert answer.citations[0].quote == "The quibbleworth anchor weighs 412 kilograms and is iron."
    assert answer.text.startswith("The quibbleworth anchor weighs 412 kilograms and is iron. [1]")
    assert_verbatim(home, "planted", answer)
    quotes = [c.quote for c in answer.citations]
    assert len(quotes) == len(set(quotes))


def test_a_reader_finds_what_no_pattern_looks_for(home: Home) -> None:
    question = "What is the quibbleworth anchor made of?"
    assert ask(home, "planted", AskRequest(question, log=False)).short is None
    assert asked(home, Fake("iron", 0.8), question).short == "iron"


def test_an_unsure_readers_sentence_leads_without_a_headline(home: Home) -> None:
    answer = asked(home, Fake("seven loaves", (reading.LEADS + reading.HEADLINE) / 2))
    assert answer.short is None
    assert answer.citations[0].quote == "Bakers burned seven loaves because nobody watched the oven."
    assert any("412 kilograms" in c.quote for c in answer.citations)
    assert_verbatim(home, "planted", answer)


def test_a_reader_that_guesses_leaves_it_to_the_sentences_that_were_found(home: Home) -> None:
    plain = ask(home, "planted", AskRequest(QUESTION, log=False))
    answer = asked(home, Fake("seven loaves", reading.LEADS / 2))
    assert (answer.short, answer.citations) == (None, plain.citations)


def test_what_it_is_sure_nothing_answers_is_refused_and_what_not_is_not(home: Home) -> None:
    refused = asked(home, Fake(None, 0.95))
    assert (refused.support, refused.citations, refused.short) == ("none", (), None)
    assert refused.probability == pytest.approx(0.95)
    doubted = asked(home, Fake(None, reading.REFUSES - 0.01))
    assert (doubted.support, doubted.short) == ("evidence", None)


def test_a_sure_reader_answers_where_no_sentence_seemed_to(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TITANS_READER_PASSAGES", "10")
    question = "Who quarrelled?"
    assert ask(home, "planted", AskRequest(question, log=False)).support == "none"
    answer = asked(home, Fake("Two ferrymen", 0.9), question)
    assert (answer.support, answer.short) == ("evidence", "Two ferrymen")


def test_words_over_the_end_of_a_sentence_are_cited_with_both(home: Home) -> None:
    answer = asked(home, Fake("and is iron", 0.9))
    page = answer.citations[0].quote
    both = asked(home, Fake("spring. Glimmer pumps", 0.9)).citations[0].quote
    assert page.count(".") == 1
    assert both.startswith("Harbour chains")
    assert both.endswith("smoke or noise.")


class Liar:
    def read(self, question: str, passages: Sequence[str], titles: Sequence[str] = ()) -> ReaderAnswer:
        return ReaderAnswer("413 kilograms", 0, 3, 16, 0.99, 0.0)


def test_words_that_do_not_stand_where_they_should_are_never_told(home: Home) -> None:
    with pytest.raises(ModelError, match="413 kilograms"):
        asked(home, Liar())


def test_nothing_is_read_for_the_memory_alone_nor_for_the_whole(home: Home) -> None:
    reader = Fake(None, 1.0)
    asked(home, reader, how=AskOptions(closed_book=True))
    assert asked(home, reader, "summarize trends").support == "evidence"
    assert not reader.asked


def test_a_setting_says_how_many_passages_are_read(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = Fake(None, 0.0), Fake(None, 0.0)
    monkeypatch.setenv("TITANS_READER_PASSAGES", "1")
    asked(home, few)
    monkeypatch.setenv("TITANS_READER_PASSAGES", "5")
    asked(home, many)
    assert [len(passages) for _, passages in (few.asked[0], many.asked[0])] == [1, 5]
    assert "412 kilograms" in few.asked[0][1][0]
    assert few.asked[0][0] == QUESTION


def test_a_reader_by_name_is_loaded_and_the_embedded_model_is_none(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    names = list[str]()

    def named(name: str, *_: object) -> PassageReader:
        names.append(name)
        return Fake("412 kilograms", 0.9)

    monkeypatch.setattr(asking, "reader_of", named)
    assert (
        ask(home, "planted", AskRequest(QUESTION, log=False), models=AskModels(reader="smollm2")).short
        == "412 kilograms"
    )
    assert names == ["smollm2"]
    with pytest.raises(UsageError, match="reads no passages"):
        reader_of("titans-mini")
    made = SessionStore.open(home, "planted").info
    assert own_reader(made) is Engines().own_reader(made) is None


# ---- passages


@pytest.fixture
def blocks(episodes: Episodes, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[int], list[int]], list[Block]]:
    """Blocks of two pages, ten words a number of `sizes`; `found` are those that retrieval gives, best first."""

    def made(sizes: list[int], pages: list[int]) -> list[Block]:
        texts: dict[int, str] = {}
        all_blocks = []
        for i, (size, page) in enumerate(zip(sizes, pages, strict=True)):
            text, before = " ".join([f"w{i}"] * size) + ".", texts.get(page, "")
            start = len(before) + 1 if before else 0
            texts[page] = f"{before} {text}" if before else text
            all_blocks.append(Block(i + 1, 7, i, page, start, start + len(text), text, size, 0, 1.0))
        monkeypatch.setattr(type(episodes), "page", lambda _, source, page: texts[page])
        monkeypatch.setattr(type(episodes), "blocks_of", lambda _, source: all_blocks)
        return all_blocks

    return made


def found(blocks: Sequence[Block], best: Sequence[int]) -> list[ScoredBlock]:
    return [ScoredBlock(blocks[i], 1.0 - n / 10, frozenset(), False) for n, i in enumerate(best)]


def test_a_passage_is_a_block_with_its_neighbours_until_there_is_enough_of_it(
    blocks: Callable[..., list[Block]], episodes: Episodes
) -> None:
    made = blocks([80, 80, 80, 80, 80], [1, 1, 1, 1, 1])
    (passage,) = reading.passages_of(found(made, [2]), episodes, 1)
    assert [b.id for b in passage.blocks] == [3, 4]
    assert passage.text == f"{made[2].text} {made[3].text}"
    (passage,) = reading.passages_of(found(made, [2, 1]), episodes, 1)
    assert [b.id for b in passage.blocks] == [2, 3]  # the neighbour that was found too


def test_passages_share_no_block_and_never_cross_a_page(blocks: Callable[..., list[Block]], episodes: Episodes) -> None:
    made = blocks([80, 80, 80, 80], [1, 1, 2, 2])
    passages = reading.passages_of(found(made, [1, 0, 2, 3]), episodes, 4)
    assert [[b.id for b in p.blocks] for p in passages] == [[1, 2], [3, 4]]
    long = blocks([100, 240], [1, 1])
    (passage,) = reading.passages_of(found(long, [0]), episodes, 1)
    assert len(passage.text.split()) == 100  # with its neighbour it would be too long
    assert not reading.passages_of([], episodes, 3)
