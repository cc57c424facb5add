"""Which names are of the kind of thing that a question asks for, by what the pile itself says.

"What programming language is X written in?" is answered by "X is a Python package" for whoever knows that Python is a
programming language. That stands somewhere in most piles: "Python is a high-level programming language", "languages
such as Python and R", "the Julia language" (the patterns of Hearst 1992, lexicon: [instance]).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from titans_cli.answers.definition import definitions
from titans_cli.answers.extract import Candidate
from titans_cli.answers.intent import kind_asked_for, names_of_kind
from titans_cli.answers.question import Question
from titans_cli.store import Episodes

MOST = 500  # blocks that are looked through for names of a kind


def instances(question: str, episodes: Episodes) -> set[str]:
    """The names that the pile says are of the kind asked for, and the question does not hold; empty for no kind.

    The whole noun phrase says most ("programming language"), and its head alone where no name is said to be that.
    """
    phrase = kind_asked_for(question).split()
    for n in range(len(phrase)):
        kind = " ".join(phrase[n:])
        blocks = set.intersection(*(episodes.blocks_with(w) for w in phrase[n:]))
        text = "\n\n".join(b.text for b in episodes.blocks(sorted(blocks)[:MOST]))
        named = {name for name in names_of_kind(kind, text) if name not in question}
        if named:
            return named
    return set()


def telling(
    names: Collection[str],
    terms: Question,
    ranked: Sequence[Candidate],
    named: Collection[int],
    titles: Mapping[int, str],
    episodes: Episodes,
) -> Candidate | None:
    """The sentence that says of a document that the question names what of the kind it is, or has: one that says what
    the document's subject is ("X is a Python package"), or else the best one that has any of the names."""
    if not names:
        return None
    form = re.compile("|".join(rf"(?<![\w-]){re.escape(n)}(?![\w+#-])" for n in sorted(names, key=len, reverse=True)))
    for i in sorted(named):
        subject = titles[i].split(": ")[0]
        for c in definitions(subject, terms, episodes, dict(titles), {i}):
            if form.search(c.text):
                return c
    return next((c for c in ranked if c.block.source_id in named and form.search(c.text)), None)
