"""What a model writes ends where it begins to say the same again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from titans_cli.model.loops import without_loops

PLAIN = "The anchor weighs 412 kg [1]. It is iron. [2] The crew of 1912 left it there, J. Smith says."


def told(text: str, size: int = 3, sentences: int | None = None) -> str:
    return "".join(without_loops((text[i : i + size] for i in range(0, len(text), size)), sentences))


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_what_repeats_nothing_is_told_as_it_was_written(size: int) -> None:
    assert told(PLAIN, size) == PLAIN
    assert told("- one thing\n- another thing\n", size) == "- one thing\n- another thing\n"
    assert told("", size) == ""


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_a_sentence_said_before_ends_it(size: int) -> None:
    loop = " The content is available on GitHub." * 60
    assert told(PLAIN + loop, size).strip() == f"{PLAIN} The content is available on GitHub."
    marked = "It is iron [1]. It is heavy. It is iron [2]. It is old."
    assert told(marked, size).strip() == "It is iron [1]. It is heavy."
    assert told("Yes. No. Yes. It may be so.", size) == "Yes. No. Yes. It may be so."


@pytest.mark.parametrize("size", [1, 4])
def test_words_again_and_again_without_an_end_end_it(size: int) -> None:
    assert told("It is known that " + "the river and the bridge and " * 20, size).split() == (
        "It is known that the river and the bridge and".split()
    )
    assert told("very " * 40, size).split() == ["very"]
    assert told("So it is. " + "#" * 300, size).count("#") == 1
    assert told("A line: " + "-" * 12 + " and on.", size) == "A line: " + "-" * 12 + " and on."
    assert told("The figures are 1 1 1 2 and 3 3 3.", size) == "The figures are 1 1 1 2 and 3 3 3."


def test_no_more_sentences_are_read_than_wanted() -> None:
    def written() -> Iterator[str]:
        yield from ("One is here. ", "Two is here. ", "Three is here. ", "Four is here. ")
        raise AssertionError("read on")

    assert "".join(without_loops(written(), 2)) == "One is here. Two is here. "
    for size in (1, 3):
        assert told(PLAIN, size, sentences=2).strip() == "The anchor weighs 412 kg [1]. It is iron. [2]"
