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
from titans_cli.answers.question import Question
from titans_cli.answers.words import stems

MATTER = 0.01  # what covering the question is worth, next to a sentence's mean share of the documents' words
AROUND = 0.4  # of that, by the sentence's block
SHORT = 20  # words added to a sentence's length: without them the shortest win


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
