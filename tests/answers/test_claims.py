"""What is supported by what it cites. How often the rule is right on foreign text: benchmarks/claims.py."""

from __future__ import annotations

import pytest

from titans_cli.answers.claims import Claim, ParsedText, fault

TEXT = (
    "Kelmore Castle was begun on 12 May 1204 by Roger Ashby, its first warden. "
    "It had three towers, and its walls cost 1,250 pounds. "
    "John F. Marsh never lived there, but his sister Edith did. "
    "The level of the moat rose in the spring. "
    "Two million tiles covered the roof; twenty-five men laid them."
)


@pytest.mark.parametrize(
    "claim",
    [
        "Kelmore Castle was begun by Roger Ashby.",
        "Roger Ashby began Kelmore Castle in May 1204.",
        "Ashby was the first warden of Kelmore Castle.",
        "On May 12, 1204, Kelmore Castle was begun.",
        "The castle was begun on 1204-05-12.",
        "It had 3 towers.",
        "Its walls cost 1250 pounds.",
        "Its walls cost twelve hundred and fifty pounds.",
        "2,000,000 tiles covered the roof.",
        "25 men laid the tiles of the roof.",
        "John Marsh never lived there.",
        "Towers: it had three.",
        "Walls of the castle cost 1,250 pounds.",  # "Walls" opens the sentence, and stands in it in lower case
    ],
)
def test_what_the_text_says_in_its_own_or_other_words_is_supported(claim: str) -> None:
    assert fault(claim, [TEXT]) == ""


@pytest.mark.parametrize(
    ("claim", "why"),
    [
        ("Kelmore Castle was begun by Oswald Pemberton.", "Oswald Pemberton"),
        ("Pemberton began Kelmore Castle.", "Pemberton"),  # a name that opens the sentence
        ("Its first warden was Rose.", "Rose"),  # the text has the word, and not as a name
        ("Roger Marsh was its first warden.", "Roger Marsh"),  # of two names of the text
        ("Kelmore Castle's first warden was Ashby of York.", "York"),
        ("It had four towers.", "four"),
        ("Its walls cost 1,205 pounds.", "1,205".replace(",", "")),
        ("2 billion tiles covered the roof.", "2 billion"),
        ("Kelmore Castle was begun on 12 June 1204.", "12 June 1204"),
        ("Kelmore Castle was begun on 21 May 1204.", "21 May 1204"),
        ("Ashby was its second warden.", "second"),
        ("John F. Marsh lived there.", "denies"),
        ("Kelmore Castle was not begun by Roger Ashby.", "denies"),
        ("No tiles covered the roof.", "denies"),
        ("The garrison starved during a siege that winter.", "other things"),
    ],
)
def test_what_the_text_does_not_say_is_not(claim: str, why: str) -> None:
    assert why in fault(claim, [TEXT])


def test_a_word_that_opens_a_claim_is_no_name_if_any_text_shown_writes_it_small() -> None:
    claim = "Builders began Kelmore Castle in 1204."
    assert "Builders" in fault(claim, [TEXT])
    assert fault(claim, [TEXT], ["Who were the builders of Kelmore Castle?"]) == ""


def test_denials_are_compared_within_their_reach() -> None:
    text = "The bridge, not the ferry, was closed in 1931."
    assert fault("The bridge was closed in 1931.", [text]) == ""
    assert "denies" in fault("The ferry was closed in 1931.", [text])
    assert fault("Not only the mill but the barn burned.", ["The mill burned, and the barn burned."]) == ""


def test_the_quote_is_the_shortest_run_of_sentences_that_supports_the_claim() -> None:
    a, b = Claim.of("It had three towers.").quote(TEXT) or (0, 0)
    assert TEXT[a:b] == "It had three towers, and its walls cost 1,250 pounds."
    a, b = Claim.of("Kelmore Castle had three towers.").quote(TEXT) or (0, 0)
    assert TEXT[a:b].startswith("Kelmore Castle was begun")
    assert TEXT[a:b].endswith("1,250 pounds.")
    assert Claim.of("Kelmore Castle had four towers.").quote(TEXT) is None


@pytest.mark.parametrize("text", ["²", "1.2.3", "20,0.41.12", "9" * 5000, "1:2:3", "٣", "", "...", "1,000,000,000,0"])
def test_no_figure_is_too_odd_to_compare(text: str) -> None:
    assert fault(f"It is {text} so.", [f"It is {text} so."]) == ""


def test_numbers_have_one_value_however_they_are_written() -> None:
    for text in ("two hundred and six", "206", "206.0", "two hundred six"):
        assert list(ParsedText(text).numbers) == ["206"]
    assert list(ParsedText("in 1931 two").numbers) == ["1931", "2"]
    assert list(ParsedText("three thousand two hundred").numbers) == ["3200"]
