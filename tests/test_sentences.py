"""Sentences: what ends one, what does not, and that nothing is lost between them."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from titans_cli.sentences import sentence_spans


def split(text: str) -> list[str]:
    return [text[a:b] for a, b in sentence_spans(text)]


@pytest.mark.parametrize(
    "sentence",
    [
        "We follow e.g. Miller and, i.e. Jones, in this.",
        "See Fig. 3 and Eq. 12 for details.",
        "See Figs. 3 to 5, Sec. 2, Ref. 7 and Tab. 1.",
        "Models vs. Humans is the question here.",
        "It was shown by Vaswani et al. Attention is all it takes.",
        "Smith et al. (2019) disagree.",
        "Dr. Ada and Prof. Byron met Mr. Crosse and Mrs. Somerville.",
        "It was published in Jan. 1999 in Vol. 3, No. 4, pp. 1-9 of the series.",
        "The U.S. Senate and the U.K. Parliament met.",
        "She holds a Ph.D. Nobody knew.",
    ],
)
def test_an_abbreviation_does_not_end_a_sentence(sentence: str) -> None:
    assert split(sentence) == [sentence]


@pytest.mark.parametrize(
    "sentence", ["J. Smith wrote it.", "It is by A. B. Smith and C. Jones.", "See J.R.R. Tolkien’s."]
)
def test_initials_do_not_end_a_sentence(sentence: str) -> None:
    assert split(sentence) == [sentence]


@pytest.mark.parametrize(
    "sentence", ["The value is 3.5 of 4.25 units.", "Version 2.0.1 is out.", "See www.example.org/a.b?c=d!e for it."]
)
def test_a_dot_inside_a_number_or_a_name_does_not_end_a_sentence(sentence: str) -> None:
    assert split(sentence) == [sentence]


def test_a_number_may_end_a_sentence() -> None:
    assert split("The value is 3.5. The other is 4.") == ["The value is 3.5.", "The other is 4."]


def test_a_lower_case_letter_goes_on() -> None:
    assert split("The approx. value of Yahoo! is low. It fell.") == ["The approx. value of Yahoo! is low.", "It fell."]


@pytest.mark.parametrize("end", [".", "!", "?", "?!", "...", ".)", '."', ".”", ".’", ".]", '?")'])
def test_a_full_stop_ends_a_sentence_with_the_quotes_and_brackets_after_it(end: str) -> None:
    assert split(f"She said it{end} He left.") == [f"She said it{end}", "He left."]


def test_a_quote_opens_the_next_sentence() -> None:
    assert split("He left. “Why?” “Because.” (Nobody knew.) All slept.") == [
        "He left.",
        "“Why?”",
        "“Because.”",
        "(Nobody knew.)",
        "All slept.",
    ]


@pytest.mark.parametrize("gap", ["\n\n", "\n \t\n", "\n\n\n\n", "\r\n\r\n"])
def test_a_blank_line_ends_a_sentence(gap: str) -> None:
    """Whatever comes before and after it: headings have no full stop."""
    assert split(f"Introduction{gap}this goes on et al.{gap}The end") == [
        "Introduction",
        "this goes on et al.",
        "The end",
    ]


def test_a_line_break_alone_does_not_end_a_sentence() -> None:
    assert split("The memory\nlearns while\nit reads.") == ["The memory\nlearns while\nit reads."]


@pytest.mark.parametrize("bullet", ["-", "*", "•", "|"])
def test_every_item_of_a_list_is_a_sentence(bullet: str) -> None:
    text = f"We need:\n{bullet} one thing\n  {bullet} another thing\n{bullet} a last"
    assert split(text) == ["We need:", f"{bullet} one thing", f"{bullet} another thing", f"{bullet} a last"]


def test_every_item_of_a_numbered_list_is_a_sentence_with_its_number() -> None:
    text = "We need:\n1. One thing. And more.\n2. Another thing\n 10) A last"
    assert split(text) == ["We need:", "1. One thing.", "And more.", "2. Another thing", "10) A last"]
    assert split("It is over.\n\n3. Results\n\nThey differ.") == ["It is over.", "3. Results", "They differ."]


WRAPPED = (
    "The pump of the harbour was made in Norhavn by the\n"
    "Orvane works in a year of which nobody is certain, and\n"
    "1998 is the first of which there are books about it."
)


def test_a_full_line_of_prose_goes_on_whatever_begins_the_next() -> None:
    assert split(WRAPPED) == [WRAPPED]


@pytest.mark.parametrize(
    "units",
    [
        ["Pumps of the harbour", "The first of them was made in Norhavn by Orvane."],
        ["Orvane | 412", "Norhavn | 77", "seal | 9"],
        ["flow\t412", "height\t77"],
        [
            "2031-03-01 12:00 pump started by hand",
            "2031-03-01 12:05 pump stopped",
            "2031-03-02 09:00 pump started again",
        ],
        ["泵的流量", "每分钟四百一十二升水。"],
        ["Method", "We read the gauge.", "Then we rested."],
    ],
)
def test_a_line_break_made_on_purpose_ends_a_unit(units: list[str]) -> None:
    assert split("\n".join(units)) == units


@pytest.mark.parametrize("text", ["as it is called,\nOrvane pump", "the long-\nHarbour pump", "one (\nOrvane) pump"])
def test_a_line_that_cannot_end_there_goes_on(text: str) -> None:
    assert len(split(text)) == 1


@pytest.mark.parametrize(
    "sentences",
    [
        ["水泵每分钟输送四百一十二升水。", "它建于诺尔港！", "谁安装的？"],
        ["「彼は来た。」", "そして去った。"],
        ["पम्प पानी चलाता है।", "वह पुराना है।"],
        ["كم لترا في الدقيقة؟", "أربعمائة."],
    ],
)
def test_full_stops_of_other_scripts_end_sentences_with_or_without_a_space(sentences: list[str]) -> None:
    assert split("".join(sentences)) == sentences
    assert split(" ".join(sentences)) == sentences


def test_the_raised_number_of_a_note_goes_with_its_sentence() -> None:
    assert split("Rook said so.^12 Then it rained.^[3,4] It was late.") == [
        "Rook said so.^12",
        "Then it rained.^[3,4]",
        "It was late.",
    ]
    assert split("Rook said so.[12] Then it rained. It was 3.5 cm.") == [
        "Rook said so.[12]",
        "Then it rained.",
        "It was 3.5 cm.",
    ]
    assert split("See Rook et al.^3 Attention is all.") == ["See Rook et al.^3 Attention is all."]


@pytest.mark.parametrize("text", ["One\nTwo. Three", "水泵。它", "so.^12 Then", "a | b\nc | d"])
def test_the_rules_of_before_are_kept_as_they_were(text: str) -> None:
    assert [text[a:b] for a, b in sentence_spans(text, version=1)] == (
        ["One\nTwo.", "Three"] if "Two" in text else [text]
    )


def test_a_hyphen_inside_a_word_or_line_is_no_list() -> None:
    assert split("A long-\nterm memory - or so\n-1 degrees") == ["A long-\nterm memory - or so\n-1 degrees"]


@pytest.mark.parametrize("text", ["", " ", "\n\n\n", "\t\u00a0\u3000"])
def test_nothing_has_no_sentences(text: str) -> None:
    assert sentence_spans(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "." * 300_000 + "x",
        "al. " * 75_000,
        "x" * 300_000 + "). Y",
        "a) " * 100_000 + ". B",
        '"' * 300_000,
        "\n" * 300_000,
        "1. " * 100_000,
    ],
    ids=["dots", "abbreviations", "one word", "brackets", "quotes", "blank lines", "numbers"],
)
def test_a_hostile_text_is_split_in_linear_time(text: str) -> None:
    """Each of these would take minutes if any step looked back or ahead over the whole text."""
    assert "".join("".join(split(text)).split()) == "".join(text.split())


pieces = st.lists(
    st.sampled_from(
        ["The", "end.", "Why?!", "3.5", "et al.", "J.", "\n\n", "\n- ", " ", "\t", "...", '."', "深い。", "e.g."]
    ),
    max_size=60,
)


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=200) | pieces.map(" ".join) | pieces.map("".join))
@example(". . .")
def test_spans_cover_all_but_white_space_in_order_and_never_overlap(text: str) -> None:
    spans = sentence_spans(text)
    edges = [edge for span in spans for edge in span]
    assert edges == sorted(edges)
    assert all(a < b and text[a:b] == text[a:b].strip() for a, b in spans)
    between = text
    for a, b in reversed(spans):
        between = between[:a] + between[b:]
    assert not between.strip()


@settings(deadline=None)
@given(pieces.map(" ".join))
def test_every_sentence_is_found_alike_wherever_the_text_begins(text: str) -> None:
    """White space before it moves the spans and does nothing else."""
    assert split(f"  \t{text}") == split(text)
