"""Times that are told by the day of writing."""

from __future__ import annotations

from datetime import date

import pytest

from titans_cli.answers.dates import resolved, times_in, told_on, written_on

DAY = date(2023, 5, 8)  # a Monday


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("I went there yesterday", "7 May 2023"),
        ("We met last night and again today", "7 May 2023"),
        ("It broke the day before yesterday", "6 May 2023"),
        ("We sail tomorrow", "9 May 2023"),
        ("It was last Friday", "5 May 2023"),
        ("We met last Monday", "1 May 2023"),
        ("It opens next Monday", "15 May 2023"),
        ("On Tuesday she left", "2 May 2023"),
        ("three days ago", "5 May 2023"),
        ("a month ago", "April 2023"),
        ("6 months ago", "November 2022"),
        ("two years ago", "2021"),
        ("last year", "2022"),
        ("next month", "June 2023"),
        ("last week", "the week before 8 May 2023"),
        ("a week ago", "the week before 8 May 2023"),
        ("two weeks ago", "2 weeks before 8 May 2023"),
        ("this weekend", "the weekend of 8 May 2023"),
        ("It broke at noon", None),
    ],
)
def test_what_a_text_of_a_day_means(text: str, told: str | None) -> None:
    assert resolved(text, DAY) == told


def test_the_day_that_a_text_says_it_was_written() -> None:
    assert written_on("1:56 pm on 8 May, 2023\n\nAda: I went there yesterday.") == DAY
    assert written_on("Date: 2023-05-08\nSubject: ropes") == DAY
    assert written_on("Notes of May 2023") is None
    assert written_on("On 31 February 2023 nothing happened.") is None
    assert written_on("x" * 300 + " 8 May 2023") is None


def test_only_times_told_by_the_day_of_writing_are_such() -> None:
    assert times_in("We met last week, and again yesterday") == ["yesterday", "last week"]
    assert times_in("We met in June 2020") == []


def test_what_somebody_says_of_themselves_was_told_that_day() -> None:
    assert told_on("I just opened a shop", DAY) == "told on 8 May 2023"
    assert told_on("The mill was built by Ada", DAY) is None
