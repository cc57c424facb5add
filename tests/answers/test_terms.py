"""Words of documents cut once: the same runs as one text at a time gives, and of rare ones hardly any."""

from __future__ import annotations

import random
from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from tests.answers.test_statements import document
from titans_cli.answers.corpus import Text
from titans_cli.answers.whole.terms import LONGEST, PileTerms, content, cut, phrases_in

WORDS = [
    "kiln",
    "Kilns",
    "brick",
    "pre-trained",
    "pretrained",
    "the",
    "x",
    "2019",
    "glaze",
    "e.g.",
    "don't",
    "–",
    "(oven)",
]
SENTENCES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map(" ".join)


def brute(texts: list[Text]) -> list[tuple[int, tuple[str, ...], str]]:
    return sorted(
        (number, key, form)
        for number, text in enumerate(texts)
        for sentence in text.sentences
        for key, form in phrases_in(sentence.text, content, LONGEST)
    )


def found(terms: PileTerms, least: int, kept: frozenset[str] = frozenset()) -> list[tuple[int, tuple[str, ...], str]]:
    """The document, the stems and the text of every run."""
    runs = terms.runs(least, kept)
    places = zip(runs.documents.tolist(), runs.firsts.tolist(), runs.lengths.tolist(), strict=True)
    return sorted((n, *reversed(terms.run(n, first, length))) for n, first, length in places)


def texts_of(said: list[list[str]]) -> list[Text]:
    return [
        document(n, ". ".join(f"We saw that {s} was there at last" for s in sentences) + ".")
        for n, sentences in enumerate(said, 1)
    ]


@given(st.lists(st.lists(SENTENCES, min_size=1, max_size=3), min_size=1, max_size=5), st.integers(1, 3))
def test_every_run_that_enough_documents_have_is_found_where_it_stands(said: list[list[str]], least: int) -> None:
    texts = texts_of(said)
    every = brute(texts)
    holders = defaultdict(set)
    for number, key, _ in every:
        holders["".join(key)].add(number)
    runs = found(cut(texts), least)
    assert [run for run in runs if len(holders["".join(run[1])]) >= least] == [
        run for run in every if len(holders["".join(run[1])]) >= least
    ]
    assert not Counter(runs) - Counter(every)


@given(st.lists(st.lists(SENTENCES, min_size=1, max_size=3), min_size=1, max_size=5))
def test_counts_are_of_the_single_words(said: list[list[str]]) -> None:
    texts = texts_of(said)
    terms = cut(texts)
    for number, row in enumerate(terms.counts.toarray()):
        singles = Counter(key[0] for n, key, _ in brute(texts) if n == number and len(key) == 1)
        assert {terms.stems[w]: int(n) for w, n in enumerate(row) if n} == singles
    assert list(terms.held) == [sum(1 for row in terms.counts.toarray() if row[w]) for w in range(len(terms.stems))]


def test_what_is_kept_is_found_however_rare() -> None:
    texts = texts_of([["glaze kiln"], ["brick"], ["oven"]])
    assert {key for _, key, _ in found(cut(texts), 2, frozenset({"glazekiln"}))} >= {("glaze", "kiln")}
    assert ("glaze", "kiln") not in {key for _, key, _ in found(cut(texts), 2)}


def test_of_runs_that_one_document_has_hardly_any_are_looked_at() -> None:
    rng = random.Random(4)
    invented = ["".join(rng.choices("bcdfgklmnprst", k=9)) for _ in range(4000)]
    texts = [document(n, f"{' '.join(rng.choices(invented, k=400))}.") for n in range(1, 41)]
    terms = cut(texts)
    every = len(found(terms, 1))
    rare = [key for _, key, _ in found(terms, 3) if len(key) > 1]
    assert every > 50_000
    assert len(rare) < every / 100


def test_nothing_is_cut_of_nothing() -> None:
    assert found(cut([]), 1) == []
    assert found(cut([document(1, "It was so.")]), 1) == []
