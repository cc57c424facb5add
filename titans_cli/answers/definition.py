"""The sentences that say what something is, wherever in a session they stand."""

from __future__ import annotations

import re
from collections.abc import Collection

from titans_cli.answers.extract import Candidate, is_notice, is_prose
from titans_cli.answers.intent import defines, facts
from titans_cli.answers.premise import information
from titans_cli.answers.question import Question
from titans_cli.answers.words import STOP_WORDS, stems, with_stems, words
from titans_cli.records import Block
from titans_cli.sentences import sentence_spans
from titans_cli.store import Episodes

MOST = 200  # blocks that are looked through
FIRST = 10  # blocks of a document in which its first sentence is looked for
CALLED = 4  # the form that has the name at its end: "... is called X"
OPENING = -2.0  # a document's first sentence counts as such a form in a document of that title
MOSTLY = 0.5  # share of a name's information in a sentence that names it
_ARTICLES = frozenset({"the", "a", "an"})
OPENS = 40  # characters before a name that still opens its sentence


def definitions(
    about: str, question: Question, episodes: Episodes, titles: dict[int, str], only: Collection[int] | None
) -> list[Candidate]:
    """Sentences that define `about`, the best first: by their form, whether the name opens them, and their document.

    A document that has the name in its title comes before others, and what stands earlier before what stands later.
    """
    forms = defines(about)
    ids = [i for i, _ in episodes.search_blocks(about, MOST)]
    ranked: list[tuple[tuple[float, ...], Candidate]] = []
    for block in episodes.blocks(ids):
        if only is not None and block.source_id not in only:
            continue
        titled = set(stems(about)) <= set(stems(titles.get(block.source_id, "")))
        for candidate, form, at in _defining(block, forms):
            terms = set(stems(candidate.text))
            opens = form == CALLED or (at <= OPENS and _begins(candidate.text[:at]))
            rank = (form + 2 * (not opens) - 2 * titled, block.index, candidate.start)
            ranked.append((rank, candidate._replace(covers=question.covered(terms), support=1.0)))
    ranked.sort(key=lambda r: (*r[0], r[1].block.id))
    return [c._replace(score=-rank[0]) for rank, c in ranked]


def _begins(before: str) -> bool:
    """Whether what follows begins a clause: nothing but an article and open words stands before it since the last mark
    ("Human" of "Human parvovirus", and not "Not all" or "If a value for the")."""
    return all(w in _ARTICLES or w not in STOP_WORDS for w in words(re.split(r"[,;:()]|\s[–—-]\s", before)[-1]))


def opening(
    about: str, question: Question, episodes: Episodes, titles: dict[int, str], only: Collection[int] | None
) -> Candidate | None:
    """The beginning of the one document whose title is mostly `about`: its first sentence that names it, or else the
    first; None when several documents are called so, or none.

    A document says at its beginning what it is about, in whatever form: "Allow block expressions in statics, as long as
    ..." of a proposal that is called "const block expr". What speaks to the reader only leads there.
    """
    asked = set(stems(about))
    having = with_stems(asked, titles)
    holders = set.intersection(*having.values()) if having else set[int]()
    fits = [i for i in holders if (only is None or i in only) and _is_most_of(asked, titles[i])]
    if len(fits) != 1:
        return None
    title, persons = set(stems(titles[fits[0]])), facts(question.asked.language).persons
    beginning: Candidate | None = None
    for block in episodes.blocks_of(fits[0])[:FIRST]:
        for a, b in sentence_spans(block.text):
            text = block.text[a:b]
            terms = set(stems(text))
            if terms <= title or not is_prose(text) or is_notice(text) or persons.search(text):
                continue
            here = Candidate(block, block.start + a, block.start + b, text, question.covered(terms), 0.0, 1.0)
            if here.covers > MOSTLY:
                return here
            beginning = beginning or here
    return beginning


def _is_most_of(asked: set[str], title: str) -> bool:
    """Whether these stems are most of what a title says, or of the part of it before or after its colon."""
    parts = [set(stems(part)) for part in (title, *title.split(": "))]
    return any(asked <= part and _worth(asked) > _worth(part) / 2 for part in parts)


def _worth(terms: set[str]) -> float:
    return sum(information(t) for t in terms)


def _defining(block: Block, forms: Collection[object]) -> list[tuple[Candidate, int, int]]:
    candidates = []
    for a, b in sentence_spans(block.text):
        text = block.text[a:b]
        if not is_prose(text):
            continue
        for n, form in enumerate(forms):
            if (m := form.search(text)) is not None:  # type: ignore[attr-defined]
                candidates.append(
                    (Candidate(block, block.start + a, block.start + b, text, 1.0, 0.0, 1.0), n, m.start())
                )
                break
    return candidates
