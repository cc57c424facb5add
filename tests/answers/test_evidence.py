"""Finding the blocks that carry an answer, and the words that are the answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titans_cli.answers.evidence import best, gather
from titans_cli.answers.extract import candidates
from titans_cli.answers.facts import borne_out
from titans_cli.answers.intent import asked as asked_of
from titans_cli.answers.question import Question
from titans_cli.answers.span import short_answer, sure_answer
from titans_cli.answers.statements import contradicts, figures, other_figures
from titans_cli.errors import UsageError
from titans_cli.model.engine import Engine, Recollection
from titans_cli.records import Answer
from titans_cli.sessions.ask import AskOptions, AskRequest, ask
from titans_cli.sessions.selection import Filter
from titans_cli.store import Episodes, Home

Ask = Callable[..., Answer]


def test_the_block_that_answers_comes_first(episodes: Episodes, engine: Engine) -> None:
    question = Question("How much does the quibbleworth anchor weigh?", episodes)
    found = gather(question, episodes, engine, None, 5)
    assert "quibbleworth" in found[0].block.text
    assert [f.score for f in found] == sorted((f.score for f in found), reverse=True)


def test_the_years_of_a_question_decide_between_like_blocks(episodes: Episodes, engine: Engine) -> None:
    for year in ("2012", "2018"):
        found = gather(Question(f"What do the notes of {year} say?", episodes), episodes, engine, None, 1)
        assert year in found[0].block.text
    question = Question("What was it like from 2012 to 2014?", episodes)
    assert question.at_the_time("In 2013 it was.") > question.at_the_time("In 2019 it was.") > 0


def test_only_the_sources_named_are_looked_in(episodes: Episodes, engine: Engine) -> None:
    (wanted,) = [s.id for s in episodes.sources() if "2019" in s.display]
    found = gather(Question("What lifted the water?", episodes), episodes, engine, None, 10, {wanted})
    assert {f.block.source_id for f in found} == {wanted}


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("When was the bridge built?", "when"),
        ("In what year did it open?", "when"),
        ("How many ropes were used?", "number"),
        ("What does a hushmeter weigh in air?", "number"),
        ("What is the density of marrowite?", "number"),
        ("Who built it?", "who"),
        ("Where is the mill?", "where"),
        ("Which strain was used?", "name"),
        ("Why did it fail?", "why"),
        ("Is the mill still turning?", "yes-no"),
        ("Does it burn peat?", "yes-no"),
        ("What is a hushmeter?", "definition"),
        ("What is the hushmeter of Hollmouth used for?", "what"),
        ('What does the term "hushmeter" mean?', "definition"),
        ("What problems do masons face when building?", "what"),
        ("Where is the boy who played the king?", "where"),
        ("Tell me when the bridge was built", "when"),
        ("In which year did the man who built it die?", "when"),
    ],
)
def test_the_kind_of_answer_that_a_question_wants(question: str, kind: str) -> None:
    assert asked_of(question).kind == kind


@pytest.mark.parametrize(
    ("question", "sentence", "short"),
    [
        ("How much does the anchor weigh?", "The anchor weighs 412 kilograms and is iron.", "412 kilograms"),
        ("When was the mill built?", "Built in March 1871, the mill burned in 1920.", "March 1871"),
        ("Who built the mill?", "The mill was built by Ada Kessler of Hollmouth.", "Ada Kessler of Hollmouth"),
        ("Who burned the mill?", "During World War II, Ada Kessler burned the mill.", "Ada Kessler"),
        ("Where is the mill?", "In Hollmouth the mill is still turning.", "Hollmouth"),
        ("How fast did it grow?", "It grew at 0.42 mm per tide in that first year.", "0.42 mm per tide"),
        ("How fast did it grow?", "Fed with 35 kg of chalk it grew at 0.42 mm per tide.", "0.42 mm per tide"),
        ("How fast is it?", "Figure 1 compares it with Table 3.", None),
        ("How long did it stop?", "It stopped, after 1.18 mm per tide, for 26 tides.", "26 tides"),
        ("How many ropes broke?", "After 18 hours of wind and rain 40 ropes broke.", "40 ropes"),
        ("What share was lost?", "Of the 12 beams they lost 9 percent.", "9 percent"),
        ("What share was lost?", "The wet beams lost 6 percent and the dry beams lost 9 percent.", None),
        ("Why did it fail?", "It failed because of 12 cracks.", None),
        ("Who built the mill?", "The mill was built long ago.", None),
    ],
)
def test_the_words_that_answer(episodes: Episodes, question: str, sentence: str, short: str | None) -> None:
    assert short_answer(Question(question, episodes), sentence) == short


@pytest.mark.parametrize(
    ("question", "sentence", "short"),
    [
        ("How many ropes broke?", "After 18 hours of wind 40 wet ropes broke.", "40 wet ropes"),
        ("How many ropes broke?", "Of the 52 ropes 40 ropes broke.", None),  # two that count ropes
        ("How many ropes broke?", "In the storm of 1987 a mast broke.", None),
        ("How many students took part?", "1873 students took part in 191 classes.", "1873 students"),
        ("How long is the mast?", "The mast is 12 m long and weighs 40 kg.", "12 m"),
        ("When was the mill built?", "The mill was built in March 1871.", "March 1871"),
        ("When was the mill built?", "Built in March 1871, the mill burned in 1920.", None),
        ("Who built the mill?", "The mill was built by Ada Kessler.", None),  # a pattern cannot tell
    ],
)
def test_without_a_reader_only_what_can_be_no_other_is_told(
    episodes: Episodes, question: str, sentence: str, short: str | None
) -> None:
    assert sure_answer(Question(question, episodes), sentence, 1.0) == short
    assert sure_answer(Question(question, episodes), sentence, 0.2) is None


def test_the_short_answer_stands_in_the_first_citation(sample_asked: Ask) -> None:
    for question in ("How much charcoal does kiln-setting take?", "What does a hushmeter weigh in air?"):
        answer = sample_asked(question)
        first = " ".join(answer.citations[0].quote.split())
        assert answer.short is not None
        assert answer.short in first
        assert answer.text.startswith(first)


def test_figures_carry_their_units() -> None:
    assert figures("It grew 1,200 mm at 33 g/kg, or 5% more, in 2019 and May 2020.") == {
        (1200.0, "mm"),
        (33.0, "g/kg"),
        (5.0, "percent"),
    }
    assert other_figures("a loss of 6 percent", "it lost 31 percent")
    assert not other_figures("a loss of 6 percent", "it lost 6.1 percent")
    assert not other_figures("a loss of 6 percent", "it took 31 days")


@pytest.mark.parametrize(
    ("a", "b", "differ"),
    [
        (
            "In our flume mixed lattices lost 31 percent of their strength.",
            "In our tests mixed lattices lost 6 percent of their strength.",
            True,
        ),
        ("Mixed lattices lost 31 percent of strength in waves.", "Mixed lattices lost 31 percent of strength.", False),
        ("Pulse feeding improves growth of young lattices.", "Pulse feeding impairs growth of young lattices.", True),
        ("Copper protects young ropes against worms.", "Copper does not protect young ropes against worms.", True),
        ("Gulls nested upon the northern roof.", "Bakers burned seven loaves in the oven.", False),
    ],
)
def test_sentences_that_cannot_both_hold(a: str, b: str, differ: bool) -> None:
    assert (contradicts(a, b, {}) > 0) is differ


# ---------------------------------------------------------------- whole answers


def test_the_answer_proper_is_told_apart_from_its_sentence(asked: Ask) -> None:
    answer = asked("How much does the quibbleworth anchor weigh?")
    assert answer.short == "412 kilograms"
    assert answer.short in answer.citations[0].quote


def test_sources_that_differ_are_both_shown_with_their_years(sample_asked: Ask) -> None:
    answer = sample_asked("What is the density of marrowite?")
    (told,) = answer.disagreements
    quotes = {c.number: c.quote for c in answer.citations}
    assert [year for year, _ in told.sides] == sorted(year or 0 for year, _ in told.sides)
    assert {f for f in ("2.31", "2.48") for _, n in told.sides if f in quotes[n]} == {"2.31", "2.48"}
    assert answer.text.startswith("The sources differ.")
    assert answer.short == "2.48 g/cm3"  # the later one


def test_how_a_matter_changed_is_told_by_year(sample_asked: Ask) -> None:
    answer = sample_asked("How did the best salinity change over time?")
    years = [int(Path(c.uri).name[:4]) for c in answer.citations]
    assert answer.kind == "change"
    assert len(years) >= 3
    assert years == sorted(years)
    assert "salinity" in answer.text


def test_memory_and_evidence_are_compared(asked: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    for said, agrees in (("412 kilograms", True), ("forty-two zebras", False)):
        monkeypatch.setattr(Engine, "recall", lambda *_, said=said: Recollection(said, 0.99))
        assert asked("How much does the quibbleworth anchor weigh?").agrees is agrees


def test_what_no_sentence_about_the_matter_says_is_not_told(episodes: Episodes, engine: Engine) -> None:
    question = Question("What did painters and bakers do?", episodes)
    ranked = candidates(question, gather(question, episodes, engine, None, 10), None)
    assert borne_out("seven loaves", ranked)
    assert borne_out("a draughty attic", ranked)
    assert not borne_out("412 kilograms", ranked)  # a sentence says so, of another matter
    assert not borne_out("forty-two zebras", ranked)
    assert not borne_out(None, ranked)


def test_closed_book_answers_from_memory_alone(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    how = AskOptions(closed_book=True)
    monkeypatch.setattr(Engine, "recall", lambda *_: Recollection("412 kilograms", 0.99))
    answer = ask(home, "planted", AskRequest("How much does the anchor weigh?", log=False), how)
    assert (answer.support, answer.text, answer.citations) == ("memory", "412 kilograms", ())
    monkeypatch.setattr(Engine, "recall", lambda *_: Recollection("412 kilograms", 0.2))
    answer = ask(home, "planted", AskRequest("How much does the anchor weigh?", log=False), how)
    assert (answer.support, answer.recalled) == ("none", None)


def test_globs_choose_what_may_be_cited(home: Home) -> None:
    def cited(*globs: str) -> set[str]:
        answer = ask(home, "planted", AskRequest("What lifted the water?", log=False, within=Filter(sources=globs)))
        return {Path(c.uri).name for c in answer.citations}

    assert cited("2019*") == {"2019-notes.txt"}
    assert cited("*/2011-notes.txt") == set()
    with pytest.raises(UsageError):
        cited("*.pdf")


def test_a_route_must_exist(home: Home) -> None:
    with pytest.raises(UsageError):
        ask(home, "planted", AskRequest("What lifted the water?", log=False), AskOptions(route="scenic"))


def test_top_k_bounds_what_is_looked_at(home: Home) -> None:
    answers = [
        ask(home, "planted", AskRequest("What lifted the water?", log=False), AskOptions(top_k=k)) for k in (1, 4)
    ]
    assert [len(a.evidence) for a in answers] == [1, 4]
    assert answers[0].evidence[0] == answers[1].evidence[0]


@given(st.dictionaries(st.integers(0, 50), st.sampled_from([0.0, 0.5, 1.0, -1.0])), st.integers(0, 8))
def test_the_best_are_the_first_of_all_in_order(scores: dict[int, float], limit: int) -> None:
    assert best(scores, limit) == sorted(scores, key=lambda i: (-scores[i], i))[:limit]
