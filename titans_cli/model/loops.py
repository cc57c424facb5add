"""What a small model writes, up to where it begins to say the same again.

Greedy decoding of a model of this size ends in a loop sooner or later: a sentence that it said before, or a few words
again and again without an end. Both are told from the words alone, for any language model. A penalty on repeated tokens
was not used: names and figures have to be repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from titans_cli.sentences import sentence_spans

LEAST = 3  # words of a sentence that counts as said before; "Yes." may come again
LONGEST_RUN = 24  # words of a run that is looked for
TIMES = 3  # so often in a row is a loop
RULE = 40  # ... of one and the same sign
_WORD = re.compile(r"\w+")
_TOKEN = re.compile(r"\w+|[^\w\s]")
_MARKER = re.compile(r"\[[\d,\s]+\]")
_MARKERS = re.compile(r"(?:\[[\d,\s]+\]\s*)*")
_BEGUN = re.compile(r"\[[\d,\s]*")  # a marker of which more is to come


def without_loops(pieces: Iterable[str], sentences: int | None = None) -> Iterator[str]:
    """The text that comes in `pieces`, a sentence at a time, until one is said again, a run of words comes for the
    third time in a row, or there are `sentences`. What stands before a run is kept; all the rest is left unread."""
    held, spoken = "", set[tuple[str, ...]]()
    count = 0
    for piece in pieces:
        held += piece
        while (cut := _finished(held)) is not None:
            sentence, held = held[:cut], held[cut:]
            if _again(sentence, spoken) or count == sentences:
                return
            count += 1
            yield sentence
        if (run := _run(held)) is not None:
            if held[:run].strip() and not _again(held[:run], spoken):
                yield held[:run]
            return
        if count == sentences:
            return
    if held.strip() and not _again(held, spoken):
        yield held


def _finished(text: str) -> int | None:
    """Where the first sentence ends, with the markers and the space after it, once another has begun."""
    for start, _ in sentence_spans(text)[1:]:
        markers = _MARKERS.match(text, start)  # of the sentence before it
        after = markers.end() if markers else start
        if after < len(text) and not _BEGUN.fullmatch(text[after:]):
            return after
    return None


def _again(sentence: str, spoken: set[tuple[str, ...]]) -> bool:
    words = tuple(_WORD.findall(_MARKER.sub("", sentence).lower()))
    if len(words) < LEAST:
        return False
    before = words in spoken
    spoken.add(words)
    return before


def _run(text: str) -> int | None:
    """Where a run of words or signs at the end of the text begins for the second time, if it is there `TIMES` times in
    a row."""
    tokens = list(_TOKEN.finditer(text.lower()))
    words = [m.group() for m in tokens]
    for length in range(1, min(LONGEST_RUN, len(words) // TIMES) + 1):
        last = words[-length:]
        times = 1
        while words[-(times + 1) * length : -times * length or None] == last:
            times += 1
        single = 2 * TIMES if last[0].isalnum() else RULE  # "1 1 1 2" is no loop yet, nor is a line of dashes
        if times >= (single if len(set(last)) == 1 else TIMES):
            return tokens[len(words) - (times - 1) * length].start()
    return None
