"""A question about the whole is answered from the whole: what rises, what falls, what stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.answers.conftest import planted
from tests.sessions.samples import open_session, read_into, start
from titans_cli.answers import corpus
from titans_cli.answers.corpus import Text, sampled, texts_of, year_of
from titans_cli.answers.intent import wants_summary
from titans_cli.answers.overview import is_overview, kind_of_whole
from titans_cli.answers.question import Question
from titans_cli.answers.summary import summarise
from titans_cli.answers.synthesis import halves, survey
from titans_cli.answers.whole.trends import Trend
from titans_cli.cards import STATED, Card, Entry
from titans_cli.records import Answer, Block, SourceRecord
from titans_cli.sessions.ask import AskRequest, ask
from titans_cli.store import Episodes, Home

Ask = Callable[..., Answer]
PLANTED = {"rising": {"glimmer", "pumps"}, "falling": {"ember", "wheels"}, "steady": {"harbour", "chains"}}
DIRECTIONS = {"rising": "rising", "falling": "vanishing", "steady": "steady"}  # the falling ones are gone by the end


@pytest.mark.parametrize(
    "question",
    [
        "summarize trends",
        "Summarise the trends.",
        "what are the main themes?",
        "Give me an overview of these papers",
        "Which methods vanished, and why?",
        "What ideas have emerged?",
    ],
)
def test_a_question_about_the_whole_is_known_as_one(question: str) -> None:
    assert is_overview(question)


@pytest.mark.parametrize(
    "question",
    [
        "What is the density of marrowite?",
        "How much copper do primed ropes release?",
        "summarize the findings about copper priming",
        "Which trends does Kessler describe?",
        "Which methods of priming vanished?",
        "Which ideas?",
        "Who wrote the first paper on tidal lattices?",
        "",
        "the of and",
        "2021",
    ],
)
def test_a_question_that_names_a_matter_is_not(question: str) -> None:
    assert not is_overview(question)


def directions(found: list[Trend]) -> dict[str, str]:
    """The direction each planted phrase was given, by the direction it has."""
    given = {}
    for direction, terms in PLANTED.items():
        given[direction] = ", ".join(t.direction for t in found if set(t.phrase.form.lower().split()) & terms)
    return given


def found_in(home: Path, model: Path, paths: list[Path]) -> list[Trend]:
    """The trends of documents, read in this order into a session of their own."""
    start(Home(home), "read", model)
    read_into(Home(home), "read", paths)
    with open_session(Home(home), "read").episodes() as episodes:
        return survey(texts_of(episodes)).trends


def yearly(folder: Path, texts: list[str]) -> list[Path]:
    """The folder, with a file for every text, one a year from 2010 on."""
    folder.mkdir()
    for year, text in enumerate(texts, start=2010):
        (folder / f"{year}.txt").write_text(f"Report of the year {year}. {text}\n", encoding="utf-8")
    return [folder]


def test_planted_trends_are_named_with_their_direction(episodes: Episodes) -> None:
    texts = texts_of(episodes)
    assert directions(survey(texts).trends) == DIRECTIONS
    assert [t.year for t in texts] == list(range(2011, 2021))


def test_of_very_many_documents_the_same_are_read_in_whatever_order_they_came(
    episodes: Episodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = [replace(s, id=n, sha256=f"{n:x}", tokens=100) for n, s in enumerate(5 * episodes.sources())]
    monkeypatch.setattr(corpus, "SAMPLED", 1000)
    monkeypatch.setattr(corpus, "LEAST_SAMPLED", 3)
    drawn = sampled(sources)
    assert len(drawn) == 10
    assert {s.sha256 for s in sampled([replace(s, id=-s.id) for s in reversed(sources)])} == {s.sha256 for s in drawn}
    assert len(sampled([replace(s, tokens=5000) for s in sources])) == 3
    assert sampled(sources[:10]) == sources[:10]


@pytest.mark.parametrize(
    "question", ["summarize trends", "what are the main themes?", "What do the authors disagree on?"]
)
def test_an_answer_from_a_sample_says_so(asked: Ask, monkeypatch: pytest.MonkeyPatch, question: str) -> None:
    assert "sample" not in asked(question).text
    monkeypatch.setattr(corpus, "SAMPLED", 1)
    monkeypatch.setattr(corpus, "LEAST_SAMPLED", 8)
    assert "These are 8 of 10 documents, a sample drawn by what they hold" in asked(question).text


def test_the_documents_with_a_theme_are_counted(asked: Ask) -> None:
    planted_words = {word for words in PLANTED.values() for word in words}
    told = [t for t in asked("summarize trends").trends if set(t.phrase.lower().split()) & planted_words]
    assert {t.direction: halves(t) for t in told} == {
        "rising": ((0, 5), (5, 5)),
        "vanishing": ((4, 5), (0, 5)),
        "steady": ((5, 5), (5, 5)),
    }


def test_the_answer_names_every_planted_trend(asked: Ask) -> None:
    text = asked("summarize trends").text.lower()
    for kind, terms in PLANTED.items():
        start = f"- {DIRECTIONS[kind]}"
        assert any(line.startswith(start) and terms & set(line.split()) for line in text.splitlines())


def test_a_trends_sentence_holds_it_and_is_cited(asked: Ask) -> None:
    answer = asked("summarize trends")
    quotes = {c.number: c.quote.lower() for c in answer.citations}
    assert answer.trends
    assert all(t.phrase.split()[0].lower() in quotes[t.citations[0]] for t in answer.trends)


def test_a_theme_is_told_with_its_years(asked: Ask) -> None:
    answer = asked("summarize trends")
    (rising,) = [t for t in answer.trends if t.direction == "rising"]
    assert rising.series == tuple((str(year), int(year >= 2016), 1) for year in range(2011, 2021))
    assert rising.documents == 5
    assert rising.first == 2016
    assert rising.sure > 0.97
    assert answer.lead.startswith("Across 10 documents from 2011 to 2020. On the rise: ")
    assert answer.text.startswith(answer.lead)


def test_years_decide_the_order_and_not_the_order_of_reading(tmp_path: Path, tiny_folder: Path) -> None:
    found = found_in(tmp_path / "home", tiny_folder, planted(tmp_path / "documents")[::-1])
    assert directions(found) == DIRECTIONS


def test_a_few_documents_have_no_trends(tmp_path: Path, tiny_folder: Path) -> None:
    assert found_in(tmp_path / "home", tiny_folder, planted(tmp_path / "documents")[:3]) == []


def test_the_sample_corpus_has_the_trends_its_readme_states(sample_asked: Ask) -> None:
    lines = sample_asked("summarize trends").text.lower().splitlines()
    stated = (
        ("rising", "pulse feeding"),
        ("rising", "hushmeter"),
        ("rising", "mixed culture"),
        ("vanishing", "copper priming"),
        ("vanishing", "kiln-setting"),
    )
    for direction, phrase in stated:
        assert any(line.startswith(f"- {direction}: {phrase}") for line in lines), phrase


def test_the_sample_corpus_has_the_disagreements_its_readme_states(sample_asked: Ask) -> None:
    for question in ("summarize trends", "What do they disagree on?"):
        told = sample_asked(question)
        quotes = {c.number: (Path(c.uri).name[:4], c.quote) for c in told.citations}
        sides = [(d.status, [quotes[n] for _, n in d.sides]) for d in told.disagreements]
        for status, *figures in (("resolved", "26 g/kg", "33 g/kg"), ("open", "31 percent", "6 percent")):
            assert any(s == status and all(f in q for f, (_, q) in zip(figures, two, strict=True)) for s, two in sides)


@pytest.mark.parametrize(
    ("name", "title", "text", "stated", "year"),
    [
        ("a.pdf", None, "Received 3 May 2018; Accepted: 12 June 2020. After Bell (1995).", 2024, 2020),
        ("a.pdf", "On the tables of 1995", "Some words.\n\nCopyright © 2020 A. Kessler", 2024, 2020),
        ("a.pdf", None, "arXiv:2006.01234v2 [cs.LG] 12 Jun 2020", 2024, 2020),
        ("a.pdf", "On the tables of 1995", "We received 1998 letters.", 2024, 1995),
        ("a.pdf", None, "Published by Bell in Nature (1995), it was read widely.", 2024, 1995),
        ("a.pdf", None, "Some words.", 2024, 2024),
        ("2011-a.pdf", None, "Published 12 June 2020", 2024, 2011),
        ("a.txt", None, "In 1999 we began. Published 12 June 2020", None, 1999),
        ("a.html", None, "In 1999 we began.", 2007, 2007),
        ("a.docx", None, "In 1999 we began.", 2007, 1999),
    ],
)
def test_the_year_of_a_document(name: str, title: str | None, text: str, stated: int | None, year: int) -> None:
    kind = name.rsplit(".", 1)[-1]
    source = SourceRecord(1, name, name, "", len(text), kind, title, 1, 1, 1, 9, "", "read", year=stated)
    first, second = (Block(n, 1, n, n + 1, 0, len(text), t, 9, 0, 0.0) for n, t in enumerate((text, "© 2031")))
    assert year_of(source, [first, second]) == year


@pytest.mark.parametrize(
    ("origin", "year"), [("first page", 2003), ("PDF metadata", 2003), (STATED, 2011), ("file", 2011)]
)
def test_a_catalogue_card_says_the_year_unless_it_may_be_that_of_the_file(origin: str, year: int) -> None:
    source = SourceRecord(1, "2011-a.pdf", "2011-a.pdf", "", 9, "pdf", None, 1, 1, 1, 9, "", "read", year=2003)
    assert year_of(source, [], Card((Entry("date", "2003-05", origin),))) == year


def test_a_theme_is_named_by_the_whole_phrase_it_stands_in(tmp_path: Path, tiny_folder: Path) -> None:
    said = [*["Masons rested near the mill that day."] * 4, *["Vaulted graph kilns baked the bricks."] * 4]
    texts = [f"{text} Number {n} of many was read aloud to everyone." for n, text in enumerate(said)]
    found = found_in(tmp_path / "home", tiny_folder, yearly(tmp_path / "documents", texts))
    assert any("vaulted graph kilns" in t.phrase.form.lower() for t in found if t.direction == "rising")


def test_a_publishers_notice_is_no_theme(tmp_path: Path, tiny_folder: Path) -> None:
    notice = "A. Kessler, released under a Creative Commons Attribution licence."
    texts = [f"Vaulted kilns baked bricks in house {n}.\n\nCopyright © {2010 + n} {notice}" for n in range(8)]
    found = found_in(tmp_path / "home", tiny_folder, yearly(tmp_path / "documents", texts))
    names = [t.phrase.form for t in found]
    assert any("kilns" in name for name in names)
    assert not any("commons" in name or "copyright" in name or "released" in name for name in names)


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("summarize trends", "trends"),
        ("What trends have emerged in recent years?", "trends"),
        ("what are the main themes?", "themes"),
        ("What do the authors disagree on?", "disagreements"),
        ("Where are they in conflict?", "disagreements"),
        ("Do they disagree on the best salinity?", None),
        ("Who first grew a lattice?", None),
    ],
)
def test_the_kind_of_a_question_about_the_whole(question: str, kind: str | None) -> None:
    assert kind_of_whole(question) == kind


def test_headings_are_not_glued_to_sentences_and_references_are_left_out(tmp_path: Path, tiny_folder: Path) -> None:
    path = tmp_path / "2015-paper.txt"
    path.write_text(
        "1. Introduction\n\nThe mill was repaired before the winter came.\n\n2. Results\n\n"
        "Abstract\nThe wheel turned twice as fast after the repair.\n\nReferences\n\n"
        "[1] The old wheel was studied in a journal of some repute.\n",
        encoding="utf-8",
    )
    home = Home(tmp_path / "home")
    start(home, "one", tiny_folder)
    read_into(home, "one", [path])
    with open_session(home, "one").episodes() as episodes:
        (text,) = texts_of(episodes)
    assert isinstance(text, Text)
    assert [s.text for s in text.sentences] == [
        "The mill was repaired before the winter came.",
        "The wheel turned twice as fast after the repair.",
    ]


def test_a_summary_repeats_nothing_and_keeps_the_order(episodes: Episodes) -> None:
    texts = texts_of(episodes)
    chosen = summarise(texts, Question("Summarize the notes", episodes), 6)
    assert len({c.text for c in chosen}) == len(chosen) == 6
    places = [(c.block.source_id, c.start) for c in chosen]
    assert places == sorted(places)
    assert wants_summary("Summarize the meeting about the remote control.")
    assert not wants_summary("When was the mill built?")


ROPES = "hemp cotton silk jute sisal flax wool nylon wire straw".split()
ACCOUNT = (
    "# Kestrel: a kite of tin\n\nKestrel is a kite that is made of tin. It carries a lamp over the bay.\n\n"
    + "\n\n".join(f"{word.capitalize()} stood in row {n} of the store." for n, word in enumerate(ROPES * 20))
    + "\n\nOur tests show that tin outlasts linen. We found that the lamp frightens gulls."
)
OTHER = "# Heron: a raft of reeds\n\nHeron is a raft that is made of reeds. It carries a bell over the lake."


@pytest.mark.parametrize(
    ("question", "has", "has_not"),
    [
        ("What is Kestrel about?", "a kite that is made of tin", "gulls"),
        ("Summarize the paper on Kestrel", "a kite that is made of tin", "gulls"),
        ("Worum geht es in Kestrel?", "a kite that is made of tin", "gulls"),
        ("What are the main findings of Kestrel?", "frightens gulls", "store"),
        ("What did the Kestrel paper find?", "tin outlasts linen", "store"),
    ],
)
def test_one_document_of_several_is_told_as_a_whole(
    tmp_path: Path, tiny_folder: Path, question: str, has: str, has_not: str
) -> None:
    home = Home(tmp_path / "home")
    start(home, "kites", tiny_folder)
    paths = [tmp_path / "kestrel.md", tmp_path / "heron.md"]
    for path, text in zip(paths, (ACCOUNT, OTHER), strict=True):
        path.write_text(text, encoding="utf-8")
    read_into(home, "kites", paths)
    answer = ask(home, "kites", AskRequest(question, log=False))
    assert answer.kind == "summary"
    assert has in answer.text
    assert has_not not in answer.text
    assert {Path(c.uri).name for c in answer.citations} == {"kestrel.md"}
