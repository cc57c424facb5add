"""What is asked must be said of what it is asked about; what something is, is told by the sentence that says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sessions.samples import reading
from titans_cli.answers.definition import definitions
from titans_cli.answers.extract import Candidate
from titans_cli.answers.fitted import log_odds
from titans_cli.answers.intent import asked
from titans_cli.answers.premise import (
    REFUSES,
    REFUSES_SPOKEN,
    SPOKEN,
    Premise,
    beside,
    information,
    others,
    premise,
    spoken,
    subjects,
)
from titans_cli.answers.question import Question
from titans_cli.cards import Entry, filled
from titans_cli.records import Answer, Block, Page, SourceRecord
from titans_cli.sessions.ask import AskRequest, ask
from titans_cli.store import Addition, Episodes, Home, SessionStore

DOCUMENTS = {
    "zorbix.md": (
        "# Zorbix: a loom for tin\n\nThe loom was used by many weavers in the old town. Zorbix is a loom that weaves "
        "tin into sails. It was shown to 31 sailors in Hollmouth. The sailors measured its speed with a stopwatch and "
        "wrote the speed of Zorbix down. It does not need any oil. The mast of the loom carries a lamp on it."
    ),
    "quenlar.md": (
        "# Quenlar: a kiln for glass\n\nGlass is hard to melt in a small town. Quenlar is a kiln that melts glass with "
        "charcoal. Its speed depends on the charcoal and was measured by two smiths. The kiln was trained on nothing. "
        "Quenlar runs on processors made of clay. Nobody was harmed when the kiln burned."
        "\n\nWhen the wind drops, the heat comes from an ember store below the floor of the house."
    ),
    "smiths.txt": (
        "The smiths of Hollmouth\n\nThe smiths keep an inn by the river. In the great storm Zorbix lost 14 spindles. "
        "The smiths forged new ones in a week. Their inn has 9 beds. The weir failed in 2019."
    ),
    "turm.txt": "Der Turm\n\nDer Turm in Quellbach wurde 1874 gebaut. Er ist 62 Meter hoch. Dort wohnen viele Dohlen.",
    "letters.txt": "8 May 2023\n\nAda: I went to the mill yesterday. It ground barley for the whole afternoon.",
}


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Home:
    return reading(tmp_path_factory.mktemp("three"), "three", tiny_folder, DOCUMENTS)


@pytest.fixture
def read(three: Home) -> Iterator[Episodes]:
    with SessionStore.open(three, "three").episodes() as opened:
        yield opened


@pytest.fixture
def told(three: Home) -> Callable[[str], Answer]:
    return lambda question: ask(three, "three", AskRequest(question, log=False))


def titles(read: Episodes) -> dict[int, str]:
    return {s.id: s.title or s.name for s in read.sources()}


def test_the_document_that_a_question_names_and_the_words_that_name_it(read: Episodes) -> None:
    question = Question("How many looms does Zorbix have?", read)
    about, naming = subjects(question, titles(read))
    assert [titles(read)[i] for i in about] == ["Zorbix: a loom for tin"]
    assert {"zorbix", "loom"} <= naming
    lower = subjects(Question("how many looms does zorbix have?", read), titles(read))
    assert lower == (about, naming)  # by its title
    assert subjects(Question("How many looms are there?", read), titles(read)) == (set(), set())


def test_a_document_is_named_by_who_wrote_it_and_by_its_file(tmp_path: Path) -> None:
    with Episodes.create(tmp_path / "episodes.sqlite") as opened:
        for n, (name, author, text) in enumerate(
            (("a.txt", "Ines Quelmar", "The looms stood."), ("dorvath_1877.txt", "Mo Ash", "The kilns fell.")), 1
        ):
            card = filled([Entry("title", text, "x"), Entry("author", author, "x")])
            record = SourceRecord(
                0, f"/p/{name}", name, f"sha{n}", 9, "txt", text, 1, 1, 1, 40, "2026-11-27T08:00:00Z", "read"
            )
            block = Block(0, 0, 0, 1, 0, len(text), text, 40, 40 * n, 1.0)
            opened.commit(record, Addition(pages=[Page(1, text)], blocks=[block], card=card))
        of = {"Quelmar": "The looms stood.", "Dorvath": "The kilns fell."}
        for name, title in of.items():
            about, naming = subjects(Question(f"What did {name} count?", opened), titles(opened))
            assert [titles(opened)[i] for i in about] == [title]
            assert naming == {name.lower()}


def test_another_document_answers_where_it_speaks_of_what_is_named(
    read: Episodes, told: Callable[[str], Answer]
) -> None:
    question = Question("How many spindles did Zorbix lose in the storm?", read)
    about, naming = subjects(question, titles(read))
    assert {titles(read)[i] for i in others(question, about, naming, titles(read))} == {"The smiths of Hollmouth"}
    answer = told(question.text)
    assert (answer.short, [Path(c.uri).name for c in answer.citations[:1]]) == ("14 spindles", ["smiths.txt"])


def test_what_another_document_says_elsewhere_is_not_said_of_what_is_named(read: Episodes) -> None:
    said = [frozenset({"bed"}), frozenset[str](), frozenset({"spindl"}), frozenset[str](), frozenset({"inn"})]
    here = [False, False, False, True, False]
    assert beside(said, here) == [frozenset(), frozenset(), {"spindl"}, frozenset(), {"inn"}]


def test_a_short_sentence_is_an_answer(told: Callable[[str], Answer]) -> None:
    answer = told("When did the weir fail?")
    assert (answer.short, answer.citations[0].quote) == ("2019", "The weir failed in 2019.")


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Wann wurde der Turm in Quellbach gebaut?", "1874"),
        ("Wie hoch ist der Turm?", "62 Meter"),
        ("¿Cuándo se construyó Turm Quellbach?", "1874"),
    ],
)
def test_a_question_in_another_language_is_answered_or_searched_for(
    told: Callable[[str], Answer], question: str, said: str
) -> None:
    answer = told(question)
    assert said in answer.text
    assert (answer.searched is None) == question.startswith("W")
    assert answer.searched is None or "Spanish" in answer.searched


def test_what_a_document_says_nowhere_is_counted_by_how_rare_it_is(read: Episodes) -> None:
    block = read.blocks_of(next(iter(titles(read))))[0]
    best = Candidate(block, 0, 1, "The sailors were many.", 1.0, 0.0, 0.5)

    def of(question: str) -> Premise:
        terms = Question(question, read)
        about, naming = subjects(terms, titles(read))
        return premise(terms, about, naming, read, [best])

    said, unsaid = of("How many sailors measured Zorbix?"), of("How many processors does Zorbix have?")
    assert (said.unsaid, said.words) == (0.0, ())
    assert unsaid.words == ("processor",)  # another document has some
    assert unsaid.unsaid > 0.9
    named = of("Which version of Tensorflow does Zorbix need?")
    assert "tensorflow" in named.words
    assert named.name == 1.0
    assert said.support == unsaid.support == log_odds(0.5)
    assert (said.lacks, of("What do the sailors of Zorbix wear?").lacks) == (1.0, 0.0)  # a number is asked for
    assert said.refuted > said._replace(lacks=0.0).refuted
    assert (said.kind, unsaid.kind) == (0.0, information("processor"))


def test_a_count_has_to_count_what_is_asked_for(read: Episodes, told: Callable[[str], Answer]) -> None:
    zorbix = next(i for i, t in titles(read).items() if t.startswith("Zorbix"))
    block = read.blocks_of(zorbix)[0]

    def uncounted(question: str, *sentences: str) -> float:
        terms = Question(question, read)
        ranked = [Candidate(block, 0, 1, text, 0.6, 0.0, 0.5) for text in sentences]
        return premise(terms, {zorbix}, {"zorbix"}, read, ranked).uncounted

    weavers = "How many weavers used Zorbix?"
    assert uncounted(weavers, "Many weavers used it for 2 sails.") == 1.0
    assert uncounted(weavers, "Many weavers used it.", "It had 14 weavers.") == pytest.approx(0.4)
    assert uncounted("How many of the old weavers used Zorbix?", "It had 14 old weavers.") == pytest.approx(0.4)
    assert uncounted("How much oil does Zorbix need?", "It needs 3 litres of oil.") == pytest.approx(0.4)
    assert uncounted("How long did Zorbix run?", "It ran for 31 sailors.") == 1.0
    assert uncounted("Who used Zorbix?", "Weavers did.") == 0.0
    answer = told("How many weavers used Zorbix in the old town?")  # it speaks of weavers, the loom and a figure
    assert (answer.support, answer.short) == ("none", None)
    assert "The nearest that Zorbix says:" in answer.text
    assert told("How many sailors was Zorbix shown to?").short == "31 sailors"


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        ("The weavers made 2-3 long sails of it.", True),  # it would have said how many weavers there were
        ("The weavers made one or more of the sails.", True),
        ("The weavers (n = 35) made sails.", False),  # what no noun follows may count them
        ("Of all the weavers 12 made sails.", False),
        ("It was tried by 12 men.", False),  # other words may mean the same
        ("It took 14 old weavers.", False),
        ("The weavers made sails in 1990.", True),
    ],
)
def test_a_sentence_that_counts_other_things_beside_those_asked_for_does_not_count_them(
    read: Episodes, text: str, lacks: bool
) -> None:
    assert Question("How many weavers used Zorbix?", read).lacks(text) is lacks


def test_no_sentence_of_the_document_asked_about_has_to_name_it(told: Callable[[str], Answer]) -> None:
    answer = told("Where does Quenlar get its heat from when the wind drops?")
    assert "ember store" in answer.citations[0].quote


@pytest.mark.parametrize(
    ("question", "kind", "counts"),
    [
        ("Which vaccine did they use?", "vaccine", None),
        ("What kind of vaccine did they use?", "vaccine", None),
        ("What sorts of sails does it weave?", "sails", None),
        ("What kind was it?", "kind", None),
        ("What did they use?", "", None),
        ("How many of the elderly women smoked?", "", "women"),
        ("How many women rated male bodies?", "", "women"),
        ("How many review articles did Mulrow examine?", "", "articl"),
        ("How much memory does it need?", "", "memori"),
        ("How much does it cost?", "", None),
        ("Welche Stadt ist das?", "stadt", None),
        ("Quelle ville est-ce?", "ville", None),
    ],
)
def test_the_kind_of_thing_that_is_asked_for_or_counted(question: str, kind: str, counts: str | None) -> None:
    found = asked(question)
    assert (found.of_kind, found.counts) == (kind, counts)


def test_a_kind_of_thing_is_asked_for_by_the_thing(read: Episodes) -> None:
    assert Question("What kind of lamp does the mast carry?", read).weight.keys() == {"lamp", "mast", "carri"}
    assert "kind" in Question("Was the smith kind?", read).weight


def test_more_has_to_speak_against_an_answer_where_somebody_tells_it_in_their_own_words(read: Episodes) -> None:
    by_name = {s.name: s.id for s in read.sources()}
    question = Question("Which lathe does the cooper own?", read)

    def of(name: str) -> Premise:
        return premise(question, {by_name[name]}, set(), read, [])

    letter, report = of("letters.txt"), of("zorbix.md")
    assert letter.spoken > SPOKEN > report.spoken
    between = [s for s in (n / 100 for n in range(-1000, 1000)) if REFUSES < _refuted(letter, s) < REFUSES_SPOKEN]
    assert between, "there is something between the two bounds"
    for support in between:
        assert (letter._replace(support=support).refuses, report._replace(support=support).refuses) == (False, True)
    assert letter._replace(support=-10.0).refuses


def _refuted(said: Premise, support: float) -> float:
    return said._replace(support=support).refuted


@pytest.mark.parametrize(
    ("language", "told", "read_of"),
    [
        ("english", "Ada: my mill is old, as you know.", "The mill is old, and we measured it."),
        ("german", "Meine Mühle ist alt, weißt du.", "Die Mühle ist alt, und wir maßen sie."),
        ("french", "Mon moulin est vieux.", "Le moulin est vieux, et nous l'avons mesuré."),
        ("spanish", "", "Mi molino es viejo."),  # its forms are not known here
    ],
)
def test_what_is_told_in_somebody_s_own_words_says_i_or_you(language: str, told: str, read_of: str) -> None:
    assert spoken([read_of, read_of], language) == 0.0
    assert spoken([told, read_of], language) == (0.5 if told else 0.0)
    assert spoken([], language) == 0.0


def test_what_is_not_said_of_a_document_is_refused_with_the_nearest_that_is(told: Callable[[str], Answer]) -> None:
    answer = told("Which version of Tensorflow does Zorbix need for its processors?")
    assert (answer.support, answer.short) == ("none", None)
    assert "The nearest that Zorbix says:" in answer.text
    assert [Path(c.uri).name for c in answer.citations] == ["zorbix.md"]
    assert " ".join(answer.citations[0].quote.split()) in answer.text


def test_a_definition_leads_where_a_sentence_says_what_something_is(
    read: Episodes, told: Callable[[str], Answer]
) -> None:
    answer = told("What is Zorbix?")
    assert answer.citations[0].quote == "Zorbix is a loom that weaves tin into sails."
    assert answer.about == read.source_by_uri(answer.citations[0].uri).id  # type: ignore[union-attr]
    found = definitions("a kiln", Question("What is a kiln?", read), read, titles(read), None)
    assert not found or all("kiln" in c.text for c in found)


def test_yes_and_no_lead(told: Callable[[str], Answer]) -> None:
    assert told("Does Zorbix need oil?").short == "No"
    assert told("Does Quenlar melt glass?").short == "Yes"


def test_a_day_that_is_told_by_the_day_of_writing_is_a_date(told: Callable[[str], Answer]) -> None:
    assert told("When did Ada go to the mill?").short == "7 May 2023"


def test_the_second_part_of_a_question_is_about_what_the_first_was_about(told: Callable[[str], Answer]) -> None:
    answer = told("What is Zorbix, and how many sailors was it shown to?")
    assert answer.route == "deliberate"
    assert "31 sailors" in answer.text
    assert {Path(c.uri).name for c in answer.citations} == {"zorbix.md"}


def test_a_comparison_puts_what_is_said_of_the_same_side_by_side(told: Callable[[str], Answer]) -> None:
    answer = told("How do Zorbix and Quenlar differ?")
    lines = answer.text.splitlines()
    assert lines[0] == "- what they are"
    assert lines[1].startswith("  - Zorbix: Zorbix is a loom")
    assert lines[2].startswith("  - Quenlar: Quenlar is a kiln")
    assert [c.number for c in answer.citations] == list(range(1, len(answer.citations) + 1))
