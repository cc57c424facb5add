"""Blocks of text before the model: how likely an answer is does not depend on what else is asked, only on them."""

from __future__ import annotations

import pytest
import torch

from tests.tiny import make_sentences
from titans_cli.model.engine import BATCH, Engine
from titans_cli.model.passages import LONGEST_SPAN, Passages
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


def test_how_likely_an_answer_is_does_not_depend_on_the_others(book: Passages) -> None:
    answers = ["the method", "a paper of forty pages and more", "water"]
    together = book.likelihood(answers)
    for found, answer in zip(together, answers, strict=True):
        assert found == pytest.approx(book.likelihood([answer])[0], abs=1e-4)
        assert max(found) < 0


def test_what_the_blocks_say_changes_what_is_likely(tiny_engine: Engine, sentences: list[str]) -> None:
    one, other = (tiny_engine.open_book(QUESTION, [s], [0.0]).likelihood(["the method"]) for s in sentences[:2])
    assert one != other


def test_a_block_of_no_weight_says_nothing(tiny_engine: Engine, sentences: list[str]) -> None:
    alone = tiny_engine.open_book(QUESTION, sentences[:1], [0.0]).likelihood(["the method"])
    beside = tiny_engine.open_book(QUESTION, sentences[:2], [0.0, -1e9]).likelihood(["the method"])
    assert beside[0] == pytest.approx(alone[0], abs=1e-4)


def test_it_is_what_the_network_says_by_hand(tiny_engine: Engine, sentences: list[str]) -> None:
    """Token by token, with every block's keys and values in a loop."""
    engine, network = tiny_engine, tiny_engine.network
    marks = [0.5, 1.5]
    book = engine.open_book(QUESTION, sentences[:2], marks)
    answer = engine.tokenizer.encode("the method")
    prompt = engine.tokenizer.question(engine.tokenizer.encode(QUESTION))
    row = torch.tensor([[*prompt, *answer, END]])
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
    *each, end = [float(scores[len(prompt) - 1 + n, token]) for n, token in enumerate([*answer, END])]
    assert book.likelihood(["the method"])[0] == pytest.approx((sum(each) / len(each), end), abs=1e-3)


def test_a_long_question_leaves_room_for_a_long_answer(tiny_engine: Engine, sentences: list[str]) -> None:
    book = tiny_engine.open_book(" ".join(sentences), sentences[:1], [0.0])
    (found,) = book.likelihood([" ".join(sentences)])
    assert max(found) < 0
    assert len(book.prompt) + LONGEST_SPAN + 1 == tiny_engine.spec.segment_length
