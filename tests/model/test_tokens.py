"""Pages to segments: whole sentences, exact places, and nothing lost but white space."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.tiny import make_sentences
from titans_cli.model.tokenizer import TitansTokenizer
from titans_cli.model.tokens import segment_pages
from titans_cli.records import Page, Segment
from titans_cli.sentences import sentence_spans

LENGTH = 24
_ONE = TitansTokenizer.train(make_sentences(60), 300)  # hypothesis and function-scoped fixtures do not mix

plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
prose = st.lists(
    st.sampled_from(
        [
            "memory",
            "The",
            "end.",
            "Why?",
            "3.5",
            "et al.",
            "\n\n",
            "\n- ",
            "  ",
            "\t",
            "深い記憶",
            "🧠" * 9,
            "x" * 80,
            "2024",
        ]
    ),
    max_size=80,
).map(" ".join)
pages = st.lists(plain | prose, min_size=1, max_size=3).map(lambda texts: [Page(i + 1, t) for i, t in enumerate(texts)])


def squeezed(text: str) -> str:
    return "".join(text.split())


def check(found: list[Segment], pages: list[Page], length: int) -> None:
    """What holds for the segments of any document."""
    assert [s.index for s in found] == list(range(len(found)))
    assert [s.page for s in found] == sorted(s.page for s in found)
    for page in pages:
        mine = [s for s in found if s.page == page.number]
        edges = [edge for s in mine for edge in (s.start, s.end)]
        assert edges == sorted(edges)
        assert not edges or (edges[0] >= 0 and edges[-1] <= len(page.text))
        assert all(page.text[s.start : s.end] == s.text for s in mine)
        assert "".join(squeezed(s.text) for s in mine) == squeezed(page.text)
    assert all(1 <= len(s.tokens) <= length for s in found)
    assert all(s.text for s in found)


@settings(deadline=None)
@given(pages, st.sampled_from([8, LENGTH, 128]))
@example([Page(1, "a  " * 700)], 8)
@example([Page(1, "x" * 5000)], LENGTH)
def test_segments_of_any_pages_keep_everything_but_white_space_in_its_place(pages: list[Page], length: int) -> None:
    """1 to `length` tokens each, spans in order and inside their page, `page.text[start:end] == text`."""
    check(segment_pages(pages, _ONE, length), pages, length)


@settings(deadline=None, max_examples=40)
@given(prose)
def test_no_sentence_is_split_unless_it_is_longer_than_a_segment(text: str) -> None:
    found = segment_pages([Page(1, text)], _ONE, LENGTH)
    spans = sentence_spans(text)
    fitting = [(a, b) for a, b in spans if len(_ONE.encode(text[a:b].replace("\n", " "))) <= LENGTH]
    assert all(any(s.start <= start and end <= s.end for s in found) for start, end in fitting)


@settings(deadline=None, max_examples=40)
@given(prose)
def test_tokens_of_a_segment_are_those_of_its_sentences(text: str) -> None:
    """So how a sentence is cut into tokens does not depend on what it is packed with."""

    def spans_of(segment: Segment) -> set[tuple[int, int]]:
        return {(a + segment.start, b + segment.start) for a, b in sentence_spans(segment.text)}

    segments = segment_pages([Page(1, text)], _ONE, 128)
    for segment in (s for s in segments if spans_of(s) <= set(sentence_spans(text))):
        spans = sentence_spans(segment.text)
        together = [i for a, b in spans for i in _ONE.encode(segment.text[a:b].replace("\n", " "))]
        assert list(segment.tokens) == together


def test_sentences_are_packed_and_the_next_one_begins_where_it_did_not_fit(tiny_tokenizer: TitansTokenizer) -> None:
    text = " ".join(make_sentences(40, seed=3))
    found = segment_pages([Page(1, text)], tiny_tokenizer, 64)
    sentences = dict(sentence_spans(text))
    assert 1 < len(found) < len(sentences)
    for segment, following in pairwise(found):
        nxt = tiny_tokenizer.encode(text[following.start : sentences[following.start]])
        assert len(segment.tokens) + len(nxt) > 64


def test_a_segment_never_crosses_a_page(tiny_tokenizer: TitansTokenizer) -> None:
    found = segment_pages([Page(n, f"Page {n} is short.") for n in (1, 2, 7)], tiny_tokenizer, 64)
    assert [(s.page, s.index, s.text) for s in found] == [
        (1, 0, "Page 1 is short."),
        (2, 1, "Page 2 is short."),
        (7, 2, "Page 7 is short."),
    ]


@pytest.mark.parametrize("text", ["", " ", "\n\n\t \n", "\u00a0\u3000"])
def test_an_empty_page_gives_no_segments(tiny_tokenizer: TitansTokenizer, text: str) -> None:
    assert segment_pages([Page(1, text)], tiny_tokenizer, 64) == []
    assert segment_pages([], tiny_tokenizer, 64) == []
    full = segment_pages([Page(1, text), Page(2, "Something."), Page(3, text)], tiny_tokenizer, 64)
    assert [s.page for s in full] == [2]


@pytest.mark.parametrize("unit", ["x", "0123456789", "深", "🧠", "ab.cd,"])
def test_a_huge_line_without_spaces_is_cut_into_full_segments(tiny_tokenizer: TitansTokenizer, unit: str) -> None:
    text = (unit * 60_000)[:60_000]
    pages = [Page(1, text)]
    found = segment_pages(pages, tiny_tokenizer, 64)
    check(found, pages, 64)
    assert sum(len(s.tokens) for s in found) / len(found) > 20


def test_a_sentence_longer_than_a_segment_is_cut_at_spaces(tiny_tokenizer: TitansTokenizer) -> None:
    words = "memory gradient kernel surprise " * 60
    pages = [Page(1, words.strip() + ".")]
    found = segment_pages(pages, tiny_tokenizer, 64)
    check(found, pages, 64)
    assert len(found) > 2
    assert all(w in {"memory", "gradient", "kernel", "surprise"} for s in found for w in s.text.rstrip(".").split())


def test_line_breaks_inside_a_sentence_do_not_change_its_tokens(tiny_tokenizer: TitansTokenizer) -> None:
    """Text wrapped at another width is the same text to the model, and still quoted as it stands."""
    one, two = "The memory learns while it reads.", "The memory\nlearns while\nit reads."
    (a,), (b,) = (segment_pages([Page(1, t)], tiny_tokenizer, 64) for t in (one, two))
    assert a.tokens == b.tokens
    assert b.text == two


def test_the_same_pages_give_the_same_segments(tiny_tokenizer: TitansTokenizer) -> None:
    pages = [Page(1, " ".join(make_sentences(30))), Page(2, " ".join(make_sentences(30, seed=1)))]
    assert segment_pages(pages, tiny_tokenizer, 64) == segment_pages(pages, tiny_tokenizer, 64)
