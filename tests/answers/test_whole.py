"""Topics and trends of made-up piles: what chance explains is not told, and no order of reading changes anything."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tests.answers.test_statements import document
from titans_cli.answers.background import background
from titans_cli.answers.corpus import Text
from titans_cli.answers.synthesis import survey
from titans_cli.answers.whole.phrases import Phrase, acronyms, key_of, phrases
from titans_cli.answers.whole.terms import cut
from titans_cli.answers.whole.topics import topic_names
from titans_cli.answers.whole.trends import LEAST_SURE, arrival, direction_of, slopes

MATTERS = {
    "kiln": "glazed kiln bricks stoneware furnace clinker vitrified porcelain refractory mullite",
    "reef": "coral polyps reef bleaching zooxanthellae lagoon parrotfish atoll calcification spawning",
    "loom": "shuttle weft loom heddle selvedge jacquard warp twill weaver bobbin",
}


def pile(years: int = 10, each: int = 4, seed: int = 1) -> list[Text]:
    """Documents of three matters, so many of each a year; those on looms are gone after half of the years."""
    rng = random.Random(seed)
    made = list[Text]()
    for year in range(2000, 2000 + years):
        for name, words in MATTERS.items():
            for _ in range(each):
                if name == "loom" and year >= 2000 + years // 2:
                    continue
                said = [f"The {' '.join(rng.sample(words.split(), 5))} were seen." for _ in range(4)]
                made.append(document(len(made) + 1, " ".join(said), year))
    return made


def test_topics_are_the_matters_and_every_document_is_in_its_own() -> None:
    texts = pile()
    found = survey(texts).topics
    of = [next(m for m, words in MATTERS.items() if set(words.split()) & set(t.terms[:3])) for t in found]
    assert set(of) == set(MATTERS)
    for matter, topic in zip(of, found, strict=True):
        said = [" ".join(s.text for s in texts[n].sentences) for n in topic.documents]
        assert all(any(word in text for word in MATTERS[matter].split()) for text in said)
    assert len({n for t in found for n in t.documents}) == sum(len(t.documents) for t in found)
    assert sum(len(t.documents) for t in found) >= 0.8 * len(texts)


def test_a_topic_is_named_by_what_most_of_it_says_and_not_by_what_few_of_it_do_nor_by_a_month() -> None:
    def phrase(form: str, *parts: range) -> Phrase:
        return Phrase(key_of(form), form, (), frozenset(n for part in parts for n in part))

    offered = [
        phrase("zooxanthellae", range(4)),  # four of thirty, and no other
        phrase("furnace", range(18), range(100, 104)),
        phrase("February", range(30)),
    ]
    names = list(topic_names(set(range(30)), frozenset(range(240)), offered, 240))
    assert [p.form for p in names] == ["furnace", "zooxanthellae"]


def test_documents_that_share_no_word_take_no_part_in_topics() -> None:
    texts = pile()
    strange = [document(9000 + n, " ".join(f"zq{n}x{i}" for i in range(6)) + " were seen.") for n in range(len(texts))]
    both = survey([*texts, *strange])
    assert {n for t in both.topics for n in t.documents} <= set(range(len(texts)))
    assert both.topics


def test_the_same_pile_in_another_order_has_the_same_topics_and_trends() -> None:
    texts = pile()
    shuffled = texts[:]
    random.Random(3).shuffle(shuffled)
    first, second = survey(texts), survey(shuffled)
    ids = [{tuple(sorted(f.texts[n].source.id for n in t.documents)) for t in f.topics} for f in (first, second)]
    assert ids[0] == ids[1]
    assert [(t.phrase.form, t.direction) for t in first.trends] == [(t.phrase.form, t.direction) for t in second.trends]
    assert {t.names[0].form for t in first.topics} == {t.names[0].form for t in second.topics}


def test_what_goes_is_told_and_what_chance_explains_is_not() -> None:
    texts = pile()
    loom = {key for word in MATTERS["loom"].split() for key in key_of(word)}
    told = survey(texts).trends
    assert told
    gone = [t for t in told if t.direction in ("falling", "vanishing")]
    assert gone
    assert all(set(t.phrase.key) & loom for t in gone)
    years = [t.year for t in texts]
    random.Random(5).shuffle(years)
    drifting = [t._replace(year=year) for t, year in zip(texts, years, strict=True)]
    assert len([t for t in survey(drifting).trends if t.direction != "steady"]) <= 1


def test_slopes_shrink_to_nothing_where_nothing_changes() -> None:
    rng = np.random.default_rng(2)
    years = np.repeat(np.arange(2000.0, 2010.0), 20)
    idle = (rng.random((200, len(years))) < 0.1).astype(float)
    rising = (rng.random((40, len(years))) < 0.02 + 0.03 * (years - 2000)).astype(float)
    assert (slopes(years, idle, np.ones(200), None).sure >= LEAST_SURE).sum() <= 1
    found = slopes(years, np.concatenate([idle, rising]), np.ones(240), None)
    assert ((found.sure >= LEAST_SURE) & (found.mean > 0))[200:].mean() >= 0.8
    assert (found.sure[:200] >= LEAST_SURE).mean() <= 0.06


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("We use statistical machine translation (SMT) here.", [("SMT", "statistical machine translation")]),
        ("A conditional random field (CRF) is trained.", [("CRF", "conditional random field")]),
        ("It was cold (VERY) that day.", []),
    ],
)
def test_an_acronym_is_known_by_the_words_before_it(text: str, found: list[tuple[str, str]]) -> None:
    assert list(acronyms(text)) == found


def test_an_acronym_its_long_form_and_other_spellings_are_one_phrase() -> None:
    texts = [document(1, "Vaulted kiln furnaces (VKF) were built."), document(2, "A VKF was cold.")]
    texts += [
        document(3, "Vaulted kiln furnaces failed."),
        document(4, "They pre-trained it."),
        document(5, "It was pretrained."),
    ]
    found = {p.form: p for p in phrases(cut(texts), 2)}
    joined = next(p for p in found.values() if "VKF" in (p.form, *p.variants))
    assert joined.documents == {0, 1, 2}
    assert any(p.documents == {3, 4} for p in found.values())


def test_a_part_of_a_word_or_an_address_is_no_phrase() -> None:
    texts = [
        document(1, "Flux.jl needs kilns; see https://kiln.example/tarn for it."),
        document(2, "Its Kiln.jl and Zygote.jl are kilns at https://kiln.example/tarn too."),
        document(3, "A jl is nothing, and kilns are."),
        document(4, "Some jl is nothing."),
    ]
    assert {p.form for p in phrases(cut(texts), 2)} & {"jl", "tarn", "kilns"} == {"kilns"}


def test_common_english_is_common_and_what_the_table_lacks_is_rare() -> None:
    table = background()
    assert table.share(("time",)) > 0.1 > 0.01 > table.share(("neural", "network")) > table.share(("zzyzx",)) > 0
    assert table.share(("neural", "network", "zzyzx")) == table.share(("network", "zzyzx"))


def test_an_arrival_and_an_end_need_documents_enough_to_be_none_by_chance() -> None:
    when = np.repeat(np.arange(2000.0, 2010.0), 2)
    late, few = (when >= 2006).astype(float), (when == 2001).astype(float)
    assert arrival(when, late) == 2006
    assert arrival(when, few) is None
    assert direction_of(-3, when, 1 - late) == "vanishing"
    assert direction_of(-3, when, np.tile([1.0, 0.0], 10)) == "falling"
