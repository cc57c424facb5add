"""Yes or no, as far as a sentence says it."""

from __future__ import annotations

import pytest

from titans_cli.answers.question import Question
from titans_cli.answers.verdict import verdict
from titans_cli.store import Episodes


@pytest.mark.parametrize(
    ("question", "sentence", "told"),
    [
        ("Does the pump lift water?", "The pump lifts water without smoke.", "Yes"),
        ("Does the pump lift water?", "The pump does not lift water.", "No"),
        ("Can the pump lift salt water?", "The pump cannot lift salt water.", "No"),
        ("Is the harbour safe for ships?", "The harbour is unsafe for ships.", "No"),
        ("Are the gates permeable to salt?", "Gates are non-permeable to salt.", "No"),
        ("Is the harbour safe for ships?", "The harbour is safe for ships, but not for whales.", "Yes"),
        ("Was it not built of iron?", "It was not built of iron.", "Yes"),
        ("Does the pump lift water?", "Gulls nested upon the roof.", None),
        ("Does the Quendrix lift water?", "The Quendrix of 1801 stood upon the roof.", None),  # its name alone
    ],
)
def test_what_a_sentence_says_to_a_question(episodes: Episodes, question: str, sentence: str, told: str | None) -> None:
    assert verdict(Question(question, episodes), sentence) == told


def test_the_name_of_what_is_asked_about_bears_nothing_out(episodes: Episodes) -> None:
    question = Question("Does the Quendrix pump lift?", episodes)
    sentence = "The Quendrix pump stood by the harbour."
    assert verdict(question, sentence) == "Yes"  # two of three words
    assert verdict(question, sentence, {"quendrix", "pump"}) is None
    assert verdict(question, "It lifts.", {"quendrix", "pump"}) == "Yes"


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        ("The harbour is safe in winter.", "Yes"),
        ("The harbour is unsafe in winter.", "No"),
        ("The harbour is safer than the bay.", None),
        ("The harbour is more safe than the bay.", None),
        ("The harbour was left safely.", None),
    ],
)
def test_a_single_word_is_borne_out_in_the_form_that_is_asked(
    episodes: Episodes, sentence: str, told: str | None
) -> None:
    assert verdict(Question("Is the harbour safe?", episodes), sentence, {"harbour"}) == told
