"""The tokenizer: every text comes back, digits stand alone, and no text can say a control token."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tiny import make_sentences
from titans_cli.errors import ModelError
from titans_cli.model.tokenizer import ANSWER, END, PAD, QUESTION, SPECIAL, TitansTokenizer

any_text = st.text(st.characters(exclude_categories=["Cs"]))
words = st.lists(st.sampled_from(["memory", "3.14", "<|end|>", "é", "深い", "🧠", "\t", "\u00a0", "…", "½"])).map(
    " ".join
)
_ONE = TitansTokenizer.train(make_sentences(60), 300)  # hypothesis and function-scoped fixtures do not mix


@settings(deadline=None)
@given(any_text | words)
def test_any_text_decodes_back_to_itself(text: str) -> None:
    """Up to white space at its ends: a sentence is encoded as if a space came before it."""
    assert _ONE.decode(_ONE.encode(text)) == text.strip()


@settings(deadline=None)
@given(any_text | words)
def test_no_text_encodes_to_a_control_token_or_past_the_vocabulary(text: str) -> None:
    ids = _ONE.encode(text)
    assert all(len(SPECIAL) <= i < _ONE.vocab_size for i in ids)
    assert ids


@settings(deadline=None, max_examples=30)
@given(st.lists(any_text | words, max_size=5))
def test_many_at_once_are_encoded_as_one_at_a_time(texts: list[str]) -> None:
    assert list(_ONE.encode_many(texts)) == [_ONE.encode(t) for t in texts]


@pytest.mark.parametrize("special", SPECIAL)
def test_a_special_token_in_a_document_is_plain_text(tiny_tokenizer: TitansTokenizer, special: str) -> None:
    text = f"The string {special} ends nothing, nor does {special}{special}."
    ids = tiny_tokenizer.encode(text)
    assert not {PAD, END, QUESTION, ANSWER} & set(ids)
    assert not {PAD, END, QUESTION, ANSWER} & set(next(tiny_tokenizer.encode_many([text])))
    assert tiny_tokenizer.decode(ids) == text


def test_every_digit_is_a_token_of_its_own(tiny_tokenizer: TitansTokenizer) -> None:
    pieces = [tiny_tokenizer.decode([i]) for i in tiny_tokenizer.encode("In 2024, 73.5% of 10000.")]
    assert [p for p in pieces if any(c.isdigit() for c in p)] == list("202473510000")


def test_no_token_of_the_vocabulary_holds_two_digits(tiny_tokenizer: TitansTokenizer) -> None:
    tokens = [tiny_tokenizer.decode([i]) for i in range(len(SPECIAL), tiny_tokenizer.vocab_size)]
    assert not [t for t in tokens if sum(c.isdigit() for c in t) > 1]


def test_control_tokens_are_left_out_of_decoded_text(tiny_tokenizer: TitansTokenizer) -> None:
    ids = [QUESTION, *tiny_tokenizer.encode("Which bound holds?"), ANSWER, END, PAD]
    assert tiny_tokenizer.decode(ids) == "Which bound holds?"


def test_a_saved_tokenizer_loads_to_the_same_one(tiny_tokenizer: TitansTokenizer, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(tiny_tokenizer.backend.to_str(), encoding="utf-8")
    loaded = TitansTokenizer.load(path)
    text = "A <|pad|> in 1999: “naïve” 🧠."
    assert loaded.encode(text) == tiny_tokenizer.encode(text)
    assert loaded.vocab_size == tiny_tokenizer.vocab_size


def test_a_tokenizer_without_the_control_tokens_is_refused_and_named(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(_ONE.backend.to_str().replace("<|pad|>", "<|gap|>"), encoding="utf-8")
    with pytest.raises(ModelError, match=r"tokenizer\.json.*first tokens"):
        TitansTokenizer.load(path)


def test_a_text_with_half_characters_is_encoded_all_the_same(tiny_tokenizer: TitansTokenizer) -> None:
    """An argument that is not UTF-8 reaches Python as lone surrogates; a question must not crash on them."""
    assert tiny_tokenizer.decode(tiny_tokenizer.encode("what is \udcff here")) == "what is ? here"
    assert list(tiny_tokenizer.encode_many(["\ud800"])) == [tiny_tokenizer.encode("?")]
