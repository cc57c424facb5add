"""What somebody says, without what only opens it: who speaks, interjections, greetings, and whom it is said to.

"Mara: Oh, thanks, Jonas! Well, I sold the boat." is forwarded as "I sold the boat." The sentence itself stays what is
cited.
"""

from __future__ import annotations

from titans_cli.answers.intent import facts
from titans_cli.answers.words import LEAST_OF_A_CLAUSE, words


def without_opening(sentence: str, language: str) -> str | None:
    """The sentence from where it says something; None if it begins with that, or if too little is left."""
    match = facts(language).spoken.match(sentence)
    if match is None or match.end() == 0:
        return None
    rest = sentence[match.end() :]
    return rest if len(words(rest)) >= LEAST_OF_A_CLAUSE else None
