"""A summary of a few documents, or of what they say of a matter: their own sentences, in their own order.

Sentences are taken one by one: what speaks of the words that the documents speak of most (SumBasic; Nenkova and
Vanderwende 2005) and of the question's. What was said once counts less from then on, so that the next sentence says
something else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from titans_cli.answers.corpus import Text
from titans_cli.answers.extract import Candidate
from titans_cli.answers.intent import facts
from titans_cli.answers.question import Question
from titans_cli.answers.words import stems, words

MATTER = 0.01  # what covering the question is worth, next to a sentence's mean share of the documents' words
AROUND = 0.4  # of that, by the sentence's block
SHORT = 20  # words added to a sentence's length: without them the shortest win
# Characters at either end of a document, for each sentence that is told of it: 2,500 for five hold an abstract, or the
# first paragraphs (pile.py). Of 30 summaries of papers of five sentences, those chosen from the whole text were of
# details (2026-11-28, docs/log.md).
AN_END = 500
LEAST_FOUND = 2  # sentences that say what was found: one alone is no account of it


def beginning_of(text: Text, title: str, limit: int) -> Text:
    """A document with the sentences of its beginning alone, where it says itself what it is about."""
    return text._replace(sentences=_first(_whole(text, title), limit))


def findings_of(text: Text, title: str) -> Text | None:
    """A document with those sentences alone that say what was found; None if too few do."""
    finds = facts().finds
    tell = [s for s in _whole(text, title) if finds.search(s.text)]
    return text._replace(sentences=tell) if len(tell) >= LEAST_FOUND else None


def _whole(text: Text, title: str) -> list[Candidate]:
    """Its sentences without headings and what only says its title again."""
    named = set(words(title))
    return [s for s in text.sentences if s.text.rstrip()[-1:] in ".!?" and not set(words(s.text)) <= named]


def _first(sentences: Sequence[Candidate], limit: int) -> list[Candidate]:
    kept, length = list[Candidate](), 0
    for s in sentences:
        length += len(s.text)
        if kept and length > AN_END * limit:
            break
        kept.append(s)
    return kept


def summarise(texts: Sequence[Text], question: Question, limit: int) -> list[Candidate]:
    """At most `limit` sentences, in the order of the documents."""
    sentences = [s for text in texts for s in text.sentences]
    terms = [stems(s.text) for s in sentences]
    counts = Counter(t for stems_of_one in terms for t in stems_of_one)
    total = max(1, sum(counts.values()))
    share = {term: count / total for term, count in counts.items()}
    blocks: dict[int, float] = {}
    for s in sentences:
        if s.block.id not in blocks:
            blocks[s.block.id] = question.covered(set(stems(s.block.text)))
    asked = [
        MATTER * ((1 - AROUND) * question.covered(set(stems_of_one)) + AROUND * blocks[s.block.id])
        for s, stems_of_one in zip(sentences, terms, strict=True)
    ]
    chosen: list[int] = []
    left = set(range(len(sentences)))
    while left and len(chosen) < limit:
        best = max(left, key=lambda i: (sum(share[t] for t in set(terms[i])) / (len(terms[i]) + SHORT) + asked[i], -i))
        left.remove(best)
        chosen.append(best)
        for term in set(terms[best]):
            share[term] *= share[term]
    return [sentences[i] for i in sorted(chosen)]
