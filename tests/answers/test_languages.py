"""Which language a question is in, and what kind of answer it wants there."""

from __future__ import annotations

import pytest

from titans_cli.answers.extract import is_notice
from titans_cli.answers.intent import asked, defines, language_of, languages, searched_only
from titans_cli.answers.quantities import quantities
from titans_cli.answers.question import content_words


@pytest.mark.parametrize(
    ("question", "language", "kind", "about"),
    [
        ("When was the Pont de la Concorde built?", "english", "when", ""),
        ("What is la dolce vita?", "english", "definition", "la dolce vita"),
        ("What does the Zorbix Loom package do?", "english", "definition", "Zorbix Loom"),
        ("What does zorbix do?", "english", "definition", "zorbix"),
        ("What do they do?", "english", "what", ""),
        ("What did the smiths of Hollmouth do?", "english", "what", ""),
        ("What is Zorbix used for?", "english", "definition", "Zorbix"),
        ("boiling point ethanol", "english", "what", ""),
        ("Wann wurde die Brücke gebaut?", "german", "when", ""),
        ("In welchem Jahr wurde die Brücke gebaut?", "german", "when", ""),
        ("Wie viele Studenten nahmen teil?", "german", "number", "Studenten"),
        ("Was ist eine Drossel?", "german", "definition", "eine Drossel"),
        ("Wer baute die Mühle?", "german", "who", ""),
        ("Warum sank das Schiff?", "german", "why", ""),
        ("Quand le pont a-t-il été construit ?", "french", "when", ""),
        ("Combien d'étudiants ont participé ?", "french", "number", "étudiants"),
        ("Qu'est-ce que la turbidité ?", "french", "definition", "la turbidité"),
        ("Qui a construit le moulin ?", "french", "who", ""),
        ("¿Quién construyó el molino?", "spanish", "what", ""),
        ("Kto napisał ten artykuł?", "", "what", ""),
        ("Когда построили мост?", "", "what", ""),
    ],
)
def test_a_question_is_of_a_kind_in_its_language(question: str, language: str, kind: str, about: str) -> None:
    found = asked(question)
    assert (found.language, found.kind, found.about) == (language, kind, about)


def test_a_language_without_forms_is_searched_for_by_words_and_says_so() -> None:
    assert searched_only("Wann wurde die Brücke gebaut?") is None
    assert "Spanish" in str(searched_only("¿Quién construyó el molino?"))
    assert "the question's language" in str(searched_only("Когда построили мост?"))


def test_every_language_can_be_known_by_its_words() -> None:
    assert {k.name for k in languages()} == {"english", "french", "german", "spanish"}
    assert all(len(k.closed) > 50 for k in languages())


def test_closed_words_and_capitals_of_a_language_name_nothing() -> None:
    german = language_of("Wann wurde die Brücke gebaut?")
    assert german is not None
    assert content_words("Wann wurde die Brücke gebaut?", german.closed) == "brücke gebaut"
    assert not german.capitals


def test_figures_measure_in_the_units_of_the_question_s_language() -> None:
    (figure,) = quantities("Der Turm ist 62 Meter hoch.")
    assert figure.measures(asked("Wie hoch ist der Turm?"))
    assert not figure.measures(asked("Wie schwer ist der Turm?"))


def test_definitions_are_known_in_every_language() -> None:
    for name, text in (("Drossel", "Eine Drossel ist ein Vogel."), ("grive", "La grive est un oiseau.")):
        assert any(form.search(text) for form in defines(name))


@pytest.mark.parametrize(
    ("text", "notice"),
    [
        ("© 2020 The authors.", True),
        ("Keywords: weirs, mills", True),
        ("1 University of Arizona, Tucson 2 Princeton University 3 Kitware, Inc.", True),
        ("1 INTERA Geosciences, Perth, Australia 2 Wairakei Centre, Taupō", True),
        ("1D models were fitted first, and 2D ones after them.", False),
        ("1 of the weirs failed, and 2 held.", False),
        ("We would like to thank the smiths for their help.", True),
        ("We acknowledge the work of Ada on the first loom.", True),
        ("The smiths thanked the miller and went home.", False),
        ("Die Arbeit wurde gefördert durch die DFG.", True),
        ("Les auteurs ne déclarent aucun conflit d’intérêt.", True),
        ("The grant of the mill to the abbey was contested.", False),
    ],
)
def test_notices_are_none_of_a_text_in_any_language(text: str, notice: bool) -> None:
    assert is_notice(text) is notice
