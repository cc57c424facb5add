"""Whether what is asked is said of what it is asked about.

A question takes something for granted: "How many GPUs did the authors of X use?" that X speaks of GPUs. Every text of
a large enough session speaks of most words somewhere, so that is no matter of the session but of one document: the one
that the question names (its title, or a name that few documents have), or else the one of the sentence that answers
best. The words that name it are set aside; of the others counts which are said in it at all, in any form, and which
are said together, where the answer would have to be. How much a word counts is how rare it is in general English: a
document without "reach" may still say what was reached, one without "GPU" says nothing of GPUs.

What somebody tells in their own words, in a conversation, a letter or a diary, is mostly asked about in other words
("my dad is from there", "Where is his father from?"), so there a word that is not said tells less, and more has to
speak against an answer before it is refused. Such a document has "I" or "you" in most of its blocks.

The weights are fitted on questions of training data, each with the document that answers it and with others, and on
questions of papers that no benchmark has, written for it; the bound of what is told in somebody's own words on
questions of conversations and letters (`python -m benchmarks.answers_premise`).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from titans_cli.answers.background import background
from titans_cli.answers.extract import Candidate
from titans_cli.answers.fitted import log_odds, probability, weights
from titans_cli.answers.intent import facts
from titans_cli.answers.lives import life_terms
from titans_cli.answers.question import SAME, Question, near
from titans_cli.answers.words import stems, with_stems
from titans_cli.cards import folded
from titans_cli.store import Episodes

FEW = 3  # documents that a name tells from the others: a name of more says nothing of which is meant
SHORTEST = 4  # letters of a title that is looked for in questions
RARE = 6.0  # nats: one piece of general English in 400 has it
BESIDE = 1  # blocks before and after one, in which what is asked may be said too
LONGEST = 4_000  # blocks of a document that are looked through for other forms of a word
LOOKED_AT = 30  # sentences, best first, among which one may have the figure that is asked for
REFUSES = 0.5  # even odds: a wrong answer and a wrong refusal weigh the same
SPOKEN = 0.5  # share of a document's blocks that speak of "I" or "you", above which it is told in somebody's own words
REFUSES_SPOKEN = weights("premise.spoken")[""]  # ... and what is asked of it is refused
Weights = tuple[float, ...]
PREMISE: Weights = tuple(weights("premise").values())


class Premise(NamedTuple):
    """How far what is asked is said of a document. All shares are of the words' information, 0 to 1."""

    unsaid: float  # share that the document says nowhere
    name: float  # 1 when a word that it says nowhere is written as a name
    apart: float  # share that the best stretch of it does not say
    lacks: float  # 1 when the sentence that answers best has nothing of the kind asked for: no figure, time or name
    uncounted: float  # of a question how many or how much: what no sentence with such a figure says of the question
    kind: float  # of the word for the kind of thing asked for ("which vaccine"), where it says that nowhere: nats
    support: float  # log odds of retrieval's support, by the best sentence
    words: tuple[str, ...] = ()  # the stems that it says nowhere, the rarest first
    spoken: float = 0.0  # share of its blocks that speak of "I" or "you"

    @property
    def refuted(self) -> float:
        """The probability that nothing answers."""
        return probability(PREMISE, self.signals)

    @property
    def refuses(self) -> bool:
        """Whether the question gets no answer, if nothing else speaks for one."""
        return self.refuted >= (REFUSES_SPOKEN if self.spoken > SPOKEN else REFUSES)

    @property
    def signals(self) -> Weights:
        return (self.unsaid, self.name, self.apart, self.lacks, self.uncounted, self.kind, self.support, 1.0)


@lru_cache(maxsize=20_000)
def information(term: str) -> float:
    """Of a stem, by how rare it is in general English, in nats."""
    return -math.log(background().share((term,)))


def subjects(question: Question, titles: Mapping[int, str]) -> tuple[set[int], set[str]]:
    """The documents that a question names, and its stems that name them; empty when it names none.

    One is named by its title, or by what stands before the title's colon; else a word that is written as a name tells a
    document from others if it stands in the titles of few, or else among their authors, in their texts, or in the names
    of their files.
    """
    if called := _called(question.text, titles):
        naming = {t for i in called for t in stems(titles[i])}
        return called, naming & question.weight.keys()
    if not question.names:
        return set(), set()
    authors, files = question.authors_of(titles), question.files_of(titles)
    for by in (titles, authors, None, files):
        held = (
            {t: question.sources_of(t) & titles.keys() for t in question.names}
            if by is None
            else with_stems(question.names, by)
        )
        if telling := {t: documents for t, documents in held.items() if 0 < len(documents) <= FEW}:
            break
    if not telling:
        return set(), set()
    about = set.intersection(*telling.values()) or set.union(*telling.values())
    theirs = {t for i in about for t in stems(f"{authors.get(i, '')} {files.get(i, '')}")} & question.names
    return about, set(telling) | theirs | ({t for i in about for t in stems(titles[i])} & question.weight.keys())


def others(question: Question, about: Collection[int], named: Collection[str], titles: Mapping[int, str]) -> set[int]:
    """The documents beside those `about` that speak of what names these: of every name of the question that does."""
    names = [question.sources_of(t) for t in question.names if t in named]
    return (set.intersection(*names) & titles.keys()) - set(about) if names and about else set()


def _called(question: str, titles: Mapping[int, str]) -> set[int]:
    """The documents whose title, or what stands before its colon, stands in the question; no common word is a title."""
    asked, documents = f" {folded(question)} ", set[int]()
    for i, title in titles.items():
        for name in (folded(title), folded(title.split(": ")[0])):
            if len(name) >= SHORTEST and f" {name} " in asked and (" " in name or _is_rare(name)):
                documents.add(i)
    return documents if len(documents) <= FEW else set()


def _is_rare(name: str) -> bool:
    return max((information(t) for t in stems(name)), default=0.0) >= RARE


def about_of(ranked: Sequence[Candidate]) -> set[int]:
    """The documents of the sentences that answer best."""
    return {c.block.source_id for c in ranked[:FEW]}


def premise(
    question: Question,
    about: Collection[int],
    named: Collection[str],
    episodes: Episodes,
    ranked: Sequence[Candidate],
    others: Collection[int] = (),
) -> Premise:
    """Of the documents `about`, the one that says most of what is asked. `named`: stems that name it; `ranked`: the
    sentences, best first; `others`: documents that count only where they speak of what is named."""
    best = ranked[0] if ranked else None
    lacks = float(best is not None and question.lacks(best.text))
    counted = max((c.covers for c in ranked[:LOOKED_AT] if question.measured(c.text)), default=0.0)
    uncounted = 1 - counted if question.has_a_measure else 0.0
    support = log_odds(best.support if best else 0.0)
    terms = {t: information(t) for t in question.weight if t not in named}
    names = question.names & set(named)
    of_all = Premise(0.0, 0.0, 0.0, lacks, uncounted, 0.0, support)
    most: Premise | None = None
    for source in (*sorted(about), *sorted(others)):
        blocks = episodes.blocks_of(source)[:LONGEST]
        by_block = [_terms_in(terms, b.text) for b in blocks]
        if source in others:
            by_block = beside(by_block, [bool(_terms_in(names, b.text)) for b in blocks])
        made = _of(terms, question, by_block, of_all)
        if most is None or made.unsaid < most.unsaid:
            most = made._replace(spoken=spoken([b.text for b in blocks], question.asked.language))
    return most or Premise(
        1.0, 0.0, 1.0, lacks, uncounted, terms.get(question.class_of or "", 0.0), support, tuple(terms)
    )


def spoken(blocks: Sequence[str], language: str) -> float:
    """The share of a document's blocks in which somebody says "I" or "you", in the language of the question."""
    persons = facts(language).persons
    return sum(persons.search(b) is not None for b in blocks) / max(1, len(blocks))


def beside(by_block: Sequence[frozenset[str]], here: Sequence[bool]) -> list[frozenset[str]]:
    """What blocks say, nothing for those that are not beside one that is `here`."""
    return [s if any(here[max(0, n - BESIDE) : n + BESIDE + 1]) else frozenset() for n, s in enumerate(by_block)]


def _of(terms: dict[str, float], question: Question, by_block: Sequence[frozenset[str]], of_all: Premise) -> Premise:
    """`by_block`: those of the terms that it has; `of_all`: with what is the same for every document."""
    total = sum(terms.values())
    if not total:
        return of_all
    here = frozenset[str]().union(*by_block)
    unsaid = sorted((t for t in terms if t not in here), key=lambda t: -terms[t])
    stretches = (
        sum(terms[t] for t in frozenset[str]().union(*by_block[max(0, n - BESIDE) : n + BESIDE + 1]))
        for n in range(len(by_block))
    )
    return of_all._replace(
        unsaid=sum(terms[t] for t in unsaid) / total,
        name=float(any(t in question.names for t in unsaid)),
        apart=1 - max(stretches, default=0.0) / total,
        kind=terms[question.class_of] if question.class_of in unsaid else 0.0,
        words=tuple(unsaid),
    )


def _terms_in(terms: Collection[str], text: str) -> frozenset[str]:
    """Those of the terms that a text has, in this form or a near one."""
    forms = set(stems(text)) | life_terms(text)
    heads = {f[:SAME] for f in forms}
    return frozenset(t for t in terms if t in forms or (t[:SAME] in heads and any(near(t, f) for f in forms)))
