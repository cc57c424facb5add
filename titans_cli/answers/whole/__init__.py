"""What a pile of documents says as a whole, from counts over all of them; no model takes part.

terms.py    the words of the documents, cut and counted once
phrases.py  which phrases which documents have; variants and acronyms joined
topics.py   clusters of documents, and their names
trends.py   what comes and goes over the years
"""

from collections.abc import Sequence

from titans_cli.answers.corpus import Text
from titans_cli.answers.whole import topics as _topics
from titans_cli.answers.whole.terms import cut
from titans_cli.answers.whole.trends import Trend, Vector


def vectors(texts: Sequence[Text]) -> Vector | None:
    """Unit rows [N, D] of what documents are about; None when they are too few or share no words."""
    return _topics.vectors(cut(texts))


__all__ = ["Trend", "vectors"]
