"""Answers with blocks of text before the model: verbatim, in whole words, and the same however they are asked for."""

from __future__ import annotations

import pytest
import torch

from tests.tiny import make_sentences
from titans_cli.model.engine import BATCH, Engine
from titans_cli.model.speaking import Passages, Quoting
from titans_cli.model.tokenizer import END
from titans_cli.records import Page

QUESTION = "What does the paper show?"


@pytest.fixture(scope="module")
def sentences() -> list[str]:
    return make_sentences(24, seed=3)


@pytest.fixture
def book(tiny_engine: Engine, sentences: list[str]) -> Passages:
    texts = [" ".join(sentences[i : i + 3]) for i in range(0, 24, 3)]
    assert len(texts) == BATCH
    return tiny_engine.open_book(QUESTION, texts, [float(i) for i in range(BATCH)])


def likely(*tokens: int) -> torch.Tensor:
    """Log-probabilities that fall from the first of these tokens to the last, below all of which is the rest."""
    scores = torch.full((16,), -99.0)
    for n, token in enumerate(tokens):
        scores[token] = -float(n)
    return scores


TEXTS = [
    "",
    "<|end|>",
    "",
    "",
    "Ġthe",
    "Ġpa",
    "per",
    "Ġshows",
    "Ġold",
    "rts",
    "ĠLeft",
    "Ġ4",
    "ĠDead",
    ",",
    "Ġpears",
    ".",
]


def test_quoting_follows_a_sentence_in_whole_words() -> None:
    choose = Quoting(rows := [[4, 5, 6, 7], [8, 5, 9]], TEXTS)  # "the paper shows", "old parts"
    assert choose(likely(6, 12, 5)) == 5  # 6 does not begin a word, 12 is in no sentence
    assert choose(likely(END, 7, 9, 6)) == 9  # not the end: the word is not over
    assert choose(likely(7, 4)) == END  # the end of its sentence
    choose = Quoting(rows, TEXTS)
    assert [choose(likely(5)), choose(likely(6)), choose(likely(END, 7))] == [5, 6, END]
    assert Quoting([], TEXTS)(likely(4)) == END


def test_a_name_is_quoted_whole() -> None:
    row = [4, 10, 11, 12, 13, 14, 15]  # "the Left 4 Dead, pears."
    choose = Quoting([row], TEXTS)
    assert choose(likely(11, 12, 10)) == 10  # not from its middle ...
    assert choose(likely(END, 11)) == 11  # ... nor to it
    assert choose(likely(END, 12)) == 12
    assert choose(likely(END, 13)) == END


def test_an_answer_is_verbatim_and_never_empty(tiny_engine: Engine, book: Passages, sentences: list[str]) -> None:
    """Also of a model that was hardly trained: it is what may be chosen that is bound, not what is likely."""
    ended = 0
    for some in (sentences[i : i + 3] for i in range(0, 24, 3)):
        found = book.quoted(some)
        if not found.confidence:
            assert found.text == ""
            continue
        ended += 1
        assert 0 < found.confidence <= 1
        assert any(f" {found.text} " in f" {s.rstrip('.')} " or s.endswith(found.text) for s in some), found
        assert found == book.quoted(some)
    assert ended


def test_nothing_can_be_quoted_of_nothing(book: Passages) -> None:
    assert book.quoted([]).text == ""


def test_how_likely_an_answer_is_does_not_depend_on_the_others(book: Passages) -> None:
    answers = ["the method", "a paper of forty pages and more", "water"]
    together = book.likelihood(answers)
    assert together == pytest.approx([book.likelihood([a])[0] for a in answers], abs=1e-4)
    assert all(p < 0 for p in together)


def test_what_the_blocks_say_changes_what_is_likely(tiny_engine: Engine, sentences: list[str]) -> None:
    one, other = (tiny_engine.open_book(QUESTION, [s], [0.0]).likelihood(["the method"]) for s in sentences[:2])
    assert one != other


def test_a_block_of_no_weight_says_nothing(tiny_engine: Engine, sentences: list[str]) -> None:
    alone = tiny_engine.open_book(QUESTION, sentences[:1], [0.0]).likelihood(["the method"])
    beside = tiny_engine.open_book(QUESTION, sentences[:2], [0.0, -1e9]).likelihood(["the method"])
    assert beside == pytest.approx(alone, abs=1e-4)


def test_it_is_what_the_network_says_by_hand(tiny_engine: Engine, sentences: list[str]) -> None:
    """Token by token, with every block's keys and values in a loop."""
    engine, network = tiny_engine, tiny_engine.network
    marks = [0.5, 1.5]
    book = engine.open_book(QUESTION, sentences[:2], marks)
    answer = engine.tokenizer.encode("the method")
    prompt = engine.tokenizer.question(engine.tokenizer.encode(QUESTION))
    row = torch.tensor([[*prompt, *answer]])
    with torch.inference_mode():
        x = network.trunk(row)
        queries = torch.nn.functional.normalize(network.memory_queries(x, row)[0], dim=-1)
        found = torch.zeros(len(queries), network.memory.config.d_value)
        for share, text in zip(torch.tensor(marks).softmax(0), sentences[:2], strict=True):
            tokens, mask = engine._pad([engine.segments([Page(1, text)])[0].tokens])
            inputs = network.memory_inputs(network.trunk(tokens), tokens, mask)
            keys, gain = torch.nn.functional.normalize(inputs.keys[0], dim=-1), inputs.theta[0] / (1 + inputs.theta[0])
            weight = (120.0 * queries @ keys.mT).double().exp() * gain
            found += share * (weight / weight.sum(-1, keepdim=True)).float() @ inputs.values[0]
        scores = network.logits(network.head(x, network.memory.spoken(found)[None]))[0].log_softmax(-1)
    each = [float(scores[len(prompt) - 1 + n, token]) for n, token in enumerate(answer)]
    assert book.likelihood(["the method"])[0] == pytest.approx(sum(each) / len(each), abs=1e-3)
