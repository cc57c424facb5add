"""Which sentences answer: how much of the question, by information, a sentence and its surroundings cover."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from titans_cli.answers.question import Question
from titans_cli.answers.words import stems, words
from titans_cli.records import Block, SourceRecord
from titans_cli.sentences import sentence_spans

SENTENCE_SHARE = 0.7  # of the score; the rest is what the sentence's block and document title cover
LEAST_COVERAGE = 0.55  # of the question's information, by a sentence with its surroundings, to count as support
LEAST_SENTENCE = 0.3  # ... and by the sentence itself
ALSO = 0.85  # a further sentence is shown if it scores this share of the best one
AT_THE_TIME = 0.15  # what naming the question's years adds
WANTED = 0.1  # what holding the kind of thing that is asked for adds
LEAST_NEW = 2  # words that the question does not hold, of a sentence that says something
SAME = 0.6  # overlap of stems above which two sentences say the same
SENTENCE_CHARS = (25, 600)


class Candidate(NamedTuple):
    block: Block
    start: int  # character offsets into the page
    end: int
    text: str
    covers: float  # share of the question's information in the sentence
    score: float


_REFERENCE = re.compile(r"^\[?\d{1,3}[\].]|\b[A-Z][\w'’-]+, (?:[A-Z]\. ?)+(?:and|&|,|;)|\b(?:doi|https?):", re.UNICODE)


def is_prose(text: str) -> bool:
    """Whether a sentence can be shown: not a heading, a table row, a reference or a rule of dashes."""
    if _REFERENCE.search(text) or text.lstrip()[:1] in "•●▪*" or text.count(",") > 0.3 * len(text.split()):
        return False
    low, high = SENTENCE_CHARS
    letters = sum(c.isalpha() or c.isspace() for c in text)
    return low <= len(text) <= high and letters > 0.7 * len(text) and len(words(text)) >= 5 and text[-1] in ".!?\"”')"


_RECORD = re.compile(r"[^:;\n]{1,100}: [^;\n]+(?:; [^:;\n]{1,100}: [^;\n]+)+")


def is_record(text: str) -> bool:
    """Whether this is a row of a table or a record as the readers write one: "name: Spire; height: 62 m"."""
    return len(text) <= SENTENCE_CHARS[1] and _RECORD.match(text) is not None


def candidates(
    question: Question, evidence: Sequence[Block], titles: dict[int, str], recalled: str | None
) -> list[Candidate]:
    """Every showable sentence of the evidence with its score, best first."""
    found: list[Candidate] = []
    for rank, block in enumerate(evidence):
        around = set(stems(block.text)) | set(stems(titles.get(block.source_id, "")))
        context = question.covered(around)
        for a, b in sentence_spans(block.text):
            text = block.text[a:b]
            if not (is_prose(text) or is_record(text)) or question.adds(text) < LEAST_NEW:
                continue
            covers = question.covered(set(stems(text)))
            score = SENTENCE_SHARE * covers + (1 - SENTENCE_SHARE) * context - 0.002 * rank
            if recalled and recalled.lower() in text.lower():
                score += 0.05
            if question.defines(text):
                score += 0.08
            score += AT_THE_TIME * question.at_the_time(text)
            if question.wanted(text):
                score += WANTED
            found.append(Candidate(block, block.start + a, block.start + b, text, covers, score))
    return sorted(found, key=lambda c: (-c.score, c.block.id, c.start))


def select(question: Question, found: Sequence[Candidate], limit: int) -> list[Candidate]:
    """The best sentences that support an answer and do not repeat each other; none if nothing supports one."""
    found = [c for c in found if question.speaks_of_it(c.text)]
    if not found or not question.weight:
        return []
    best = found[0]
    if best.score < LEAST_COVERAGE or best.covers < LEAST_SENTENCE:
        return []
    chosen: list[Candidate] = []
    for candidate in found:
        if len(chosen) == limit or candidate.score < ALSO * best.score:
            break
        mine = set(stems(candidate.text))
        if all(len(mine & set(stems(c.text))) <= SAME * min(len(mine), len(set(stems(c.text)))) for c in chosen):
            chosen.append(candidate)
    return chosen


def titles_of(sources: Sequence[SourceRecord]) -> dict[int, str]:
    return {s.id: f"{s.title or ''} {s.display.rsplit('/', 1)[-1]}" for s in sources}
