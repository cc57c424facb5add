"""Whether a sentence is supported by the texts it cites."""

from __future__ import annotations

import re
from collections.abc import Sequence

from titans_cli.answers.words import stems

LEAST_COVERED = 0.5  # of a claim's words, by what it cites
_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")
_NAME = re.compile(r"(?<!^)(?<![.!?] )\b[A-Z][\w’'-]{2,}")
_DENIES = re.compile(r"\b(no|not|never|neither|nor|cannot|\w+n['’]t)\b", re.I)


def fault(claim: str, texts: Sequence[str]) -> str:
    """What is wrong with a claim that cites these texts; empty if nothing is."""
    said = " ".join(texts)
    missing = [f for f in _FIGURE.findall(claim) if f not in _FIGURE.findall(said)]
    missing += [n for n in _NAME.findall(claim) if n.lower() not in said.lower()]
    if missing:
        return f"what it cites does not say {', '.join(dict.fromkeys(missing))}"
    mine, theirs = set(stems(claim)), set(stems(said))
    if mine and len(mine & theirs) < LEAST_COVERED * len(mine):
        return "what it cites speaks of other things"
    if bool(_DENIES.search(claim)) != bool(_DENIES.search(said)):
        return "one denies what the other says"
    return ""
