"""Examples for a reader: what is said to answer stands there, and what is said not to, does not."""

from __future__ import annotations

import random

from titans_cli.train.reading import (
    Examples,
    Pool,
    asked_of,
    cut,
    in_its_words,
    is_kept_aside,
    nearest_run,
    reversed_definition,
)

FILLER = " ".join(f"word{n} of the long tale" for n in range(300))
ASKED = [
    asked_of(
        "Who built the mill?", ["Anna Kessler", "A. Kessler"], "Mill", f"{FILLER} Anna Kessler built it. {FILLER}"
    ),
    asked_of("What did honey cost at the mill?", ["12 crowns"], "Honey", f"Honey cost 12 crowns at the mill. {FILLER}"),
    asked_of("Where is the mill?", ["Brixholm"], "Place", f"{FILLER} The mill stands in Brixholm."),
]


def test_an_answer_stands_at_its_offset_and_a_passage_without_one_holds_none() -> None:
    examples = Examples([a for a in ASKED if a is not None])
    answers = {a.question: a.answers for a in ASKED if a is not None}
    made = [examples[number] for number in range(120)]
    answered = [(e, e.answer) for e in made if e.answer is not None]
    silent = [e for e in made if e.answer is None]
    assert answered
    assert silent
    for e in silent:
        assert not any(a.lower() in e.passage.lower() for a in answers[e.question])
    for e, answer in answered:
        assert e.passage[e.start : e.start + len(answer)] == answer
        assert answer in answers[e.question]


def test_an_example_depends_on_its_number_alone() -> None:
    asked = [a for a in ASKED if a is not None]
    forwards, backwards = Examples(asked), Examples(asked)
    there = [forwards[n] for n in range(30)]
    assert there == [backwards[n] for n in reversed(range(30))][::-1]


def test_a_question_without_a_short_answer_in_its_text_is_none() -> None:
    assert asked_of("Who?", ["Nobody Here"], "t", "Some other text.") is None
    assert asked_of("Who?", [" ".join("a" * 40)], "t", " ".join("a" * 40)) is None
    assert asked_of("Who?", ["art"], "t", "They part at dawn.") is None  # whole words only


def test_a_cut_holds_the_answer_wherever_it_stands() -> None:
    text = f"{FILLER} Anna Kessler"
    for seed in range(50):
        passage, start = cut(text, text.index("Anna"), len("Anna Kessler"), random.Random(seed))
        assert passage[start:] == "Anna Kessler"


def test_the_pool_finds_by_rare_words_and_leaves_out_what_holds_the_answer() -> None:
    passages = [("", f"common words {n}") for n in range(30)] + [
        ("", "the mill of Brixholm"),
        ("", "the mill of Orvane"),
    ]
    pool = Pool(passages)
    assert pool.best("Where is the mill?", ["brixholm"]) == [31]


def test_documents_kept_aside_are_few_and_always_the_same() -> None:
    aside = [is_kept_aside(f"Title {n}") for n in range(1200)]
    assert 50 < sum(aside) < 150
    assert aside == [is_kept_aside(f"Title {n}") for n in range(1200)]


def test_a_definition_asks_for_its_term_where_the_chapter_has_it() -> None:
    record = {
        "question": "What is caucus?",
        "answers": ["a form of nomination that occurs in a town-hall style format; used for elections"],
        "context": "Six states use a caucus. It is a meeting of party members.",
    }
    asked = reversed_definition(record)
    assert asked is not None
    assert asked.answers == ("caucus",)
    assert "a form of nomination that occurs in a town-hall style format" in asked.question
    assert reversed_definition(record | {"context": "No such word."}) is None


def test_an_answer_in_other_words_is_found_in_the_chapters_own() -> None:
    text = (
        "So it goes. A caucus is a meeting of the party members in which nominees are selected, they say. Members vote."
    )
    span = nearest_run("meeting of party members in which nominees are selected", text)
    assert span is not None
    assert text[slice(*span)] == "meeting of the party members in which nominees are selected"
    assert nearest_run("a river that falls over rocks", text) is None
    asked = in_its_words(
        {"question": "What is a caucus?", "answers": ["meeting of party members in which nominees are selected"]}, text
    )
    assert asked is not None
    assert asked.text[asked.places[0] :].startswith(asked.answers[0])
