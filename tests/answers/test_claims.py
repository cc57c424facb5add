"""What is supported by what it cites. How often the rule is right on foreign text: benchmarks/claims.py."""

from __future__ import annotations

import pytest

from titans_cli.answers.claims import Claim, Date, ParsedText, dates_in, fault

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
        "The cost: Walls cost 1,250 pounds.",  # and so does a word behind a colon
        "Tile covered the roof.",  # in another form
        "Ashby's castle had three towers.",
        "I read that Roger Ashby began Kelmore Castle.",  # "I" is no name
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
        ("The level of the treasury sank that winter.", "other things"),  # a word in four is the text's
        ("The Pemberton began Kelmore Castle.", "Pemberton"),  # behind a common word that opens the sentence
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
    assert dict(ParsedText("two hundred apples, two hundred and seven pears").numbers) == {
        "200": "two hundred",
        "207": "two hundred seven",
    }


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("20 five", ["20", "5"]),  # a figure and a numeral are two numbers
        ("twenty 5", ["20", "5"]),
        ("5 twenty", ["5", "20"]),
        ("twenty zero", ["20", "0"]),
        ("the twenty-first", ["21"]),
        ("ten two", ["10", "2"]),
        ("twenty-five six", ["25", "6"]),
        ("hundred twenty fifty", ["120", "50"]),
        ("two hundred 7", ["200", "7"]),
    ],
)
def test_numerals_in_a_row_are_one_number_where_english_makes_one_of_them(text: str, values: list[str]) -> None:
    assert list(ParsedText(text).numbers) == values


def test_dates_are_read_in_every_way_they_are_written() -> None:
    text = "From 12 May and 13 May 1801 to June 1802; then 1803-07-08, and September 9."
    assert {written: date for date, written in dates_in(text)} == {
        "12 May": Date(0, 5, 12),
        "13 May 1801": Date(1801, 5, 13),
        "June 1802": Date(1802, 6, 0),
        "1803-07-08": Date(1803, 7, 8),
        "September 9": Date(0, 9, 9),
    }


@pytest.mark.parametrize(
    ("claim", "why"),
    [
        ("It burned on 12 May 1801.", ""),  # the year stands elsewhere
        ("It burned on 12 May 1802.", "12 May 1802"),
        ("It burned on 12 May.", ""),
        ("It opened in June 1799.", ""),
        ("It opened in June 1801.", "June 1801"),  # the year of another date
    ],
)
def test_a_year_may_stand_elsewhere_and_may_not_be_another_dates(claim: str, why: str) -> None:
    wrong = fault(claim, ["It burned on 12 May. The year was 1801. It opened in June 1799."])
    assert bool(wrong) == bool(why)
    assert why in wrong


@pytest.mark.parametrize(
    ("claim", "text"),
    [
        ("J. R. Tolkien wrote the book.", "The book of J.R. Tolkien, who wrote it alone."),
        ("Mary Ann Evans wrote the book.", "The book that Mary-Ann Evans wrote."),
        ("Roger Ashby wrote the book.", "The book was written by Roger\nAshby, who wrote another."),
        ("The book was by Roger Ashby.", "the book was by roger ashby"),
        ("Soil has B12.", "They found b12 in the soil."),
    ],
)
def test_a_name_is_one_name_however_it_is_set(claim: str, text: str) -> None:
    assert fault(claim, [text]) == ""


def test_two_names_side_by_side_across_a_full_stop_are_not_one() -> None:
    assert "Rome Anna" in fault("Rome Anna stayed there.", ["He left Rome. Anna stayed there."])


@pytest.mark.parametrize(
    ("claim", "text", "why"),
    [
        ("The bridge was closed in 1931.", "The ferry was not repaired and the bridge was closed in 1931.", ""),
        ("The ferry closed in 1931.", "The ferry didn't close in 1931.", "denies"),
        ("The ferry closed in 1931.", "The ferry didn’t close in 1931.", "denies"),
        ("The mill burned.", "It was not only the mill that burned.", ""),
        ("The ferry closed.", "The ferry closed never.", "denies"),  # nothing follows the negator
    ],
)
def test_a_denial_reaches_to_the_next_clause(claim: str, text: str, why: str) -> None:
    wrong = fault(claim, [text])
    assert bool(wrong) == bool(why)
    assert why in wrong


def test_what_is_wrong_is_said_in_full() -> None:
    assert fault("Pemberton built four towers.", [TEXT]) == "what it cites does not say Pemberton, four"
    assert fault("The garrison starved.", [TEXT]) == "what it cites speaks of other things"
    assert fault("Its walls did not cost 1,250 pounds.", [TEXT]) == "one denies what the other says"
    apart = ["It was begun by Roger Ashby", "Kelmore Castle was begun early"]
    assert fault("Roger Ashby began Kelmore Castle.", apart) == ""


def test_of_two_quotes_as_short_the_one_that_says_more_is_taken_and_else_the_first() -> None:
    more = "The castle had three towers by the sea."
    for text in (f"{more} It had three towers.", f"It had three towers. {more}"):
        a, b = Claim.of("The castle had three towers by the sea.").quote(text) or (0, 0)
        assert text[a:b] == more
    a, b = Claim.of("It had three towers.").quote("It had three towers. It had three towers.") or (9, 9)
    assert (a, b) == (0, len("It had three towers."))


def test_a_quote_may_be_the_last_sentence_four_of_them_and_else_all_of_the_text() -> None:
    said = ["Anna came early.", "It rained long.", "It rained more.", "Berta came late.", "It was dark.", "Clara left."]
    text = " ".join(said)
    a, b = Claim.of("Clara left.").quote(text) or (0, 0)
    assert text[a:b] == "Clara left."
    a, b = Claim.of("Anna and Berta came.").quote(text) or (0, 0)
    assert text[a:b] == " ".join(said[:4])
    a, b = Claim.of("Anna came early, and Clara left.").quote(text) or (0, 0)
    assert text[a:b] == text
    five = " ".join([*said[:3], *said[2:]])  # Anna and Berta are five sentences apart, of seven
    assert Claim.of("Anna and Berta came.").quote(five) == (0, len(five))
