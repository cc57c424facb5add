"""Which sentences answer: how much of the question, by information, a sentence and its surroundings cover."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from titans_cli.answers.evidence import content_words
from titans_cli.answers.words import stem, stems, words
from titans_cli.records import Block, SourceRecord
from titans_cli.sentences import sentence_spans
from titans_cli.store import Episodes

SENTENCE_SHARE = 0.7  # of the score; the rest is what the sentence's block and document title cover
LEAST_COVERAGE = 0.55  # of the question's information, by a sentence with its surroundings, to count as support
LEAST_SENTENCE = 0.3  # ... and by the sentence itself
ALSO = 0.85  # a further sentence is shown if it scores this share of the best one
SAME = 0.6  # overlap of stems above which two sentences say the same
NEAR = 0.8  # what a near form of a word is worth
SENTENCE_CHARS = (25, 600)


class Candidate(NamedTuple):
    block: Block
    start: int  # character offsets into the page
    end: int
    text: str
    covers: float  # share of the question's information in the sentence
    score: float


class Question:
    """A question's terms and what each is worth: rare words of the session weigh more, unknown ones most."""

    def __init__(self, text: str, episodes: Episodes) -> None:
        terms = content_words(text)
        total = max(1, sum(source.blocks_done for source in episodes.sources()))
        self.asks_what = text.strip().lower().startswith("what ")
        self.wants_number = bool(_COUNTING.match(text.strip()))
        self.weight: dict[str, float] = {}
        for word in dict.fromkeys(terms.split()):
            found = len(episodes.search_blocks(word, total))
            for part in stems(word)[:1] or [word]:
                self.weight[part] = math.log(1 + (total - found + 0.5) / (found + 0.5))
        self.total = sum(self.weight.values())

    def defines(self, text: str) -> bool:
        """Whether the sentence says what something asked for is or does, for a question that asks that."""
        says = _SAYS.search(text) if self.asks_what else None
        return says is not None and any(near(stem(says[1].lower()), term) for term in self.weight)

    def covered(self, found: set[str]) -> float:
        """Share of the question's information in a set of stems; a near form ("optimal", "optimum") counts in part."""
        if not self.total:
            return 0.0
        here = sum(
            weight * (1.0 if term in found else NEAR * any(near(term, f) for f in found))
            for term, weight in self.weight.items()
        )
        return here / self.total


def near(a: str, b: str) -> bool:
    """Whether two stems differ only in their ending: five letters in common, and seven tenths of the longer one."""
    least = max(5, math.ceil(0.7 * max(len(a), len(b))))
    return a[:least] == b[:least] and len(a) >= least and len(b) >= least


_REFERENCE = re.compile(r"^\[?\d{1,3}[\].]|\b[A-Z][\w'’-]+, (?:[A-Z]\. ?)+(?:and|&|,|;)|\b(?:doi|https?):", re.UNICODE)
_COUNTING = re.compile(
    r"^(how (many|much|long|far|fast|old|high|large)|when|(in )?(what|which) (year|date|number|share|percent))", re.I
)


_SAYS = re.compile(r"^(?:\w+ ){0,3}?([\w.-]+) (?:is|are|was|were|provides|allows|computes|offers|aims|helps)\b")


def is_prose(text: str) -> bool:
    """Whether a sentence can be shown: not a heading, a table row, a reference or a rule of dashes."""
    if _REFERENCE.search(text) or text.lstrip()[:1] in "•●▪*" or text.count(",") > 0.3 * len(text.split()):
        return False
    low, high = SENTENCE_CHARS
    letters = sum(c.isalpha() or c.isspace() for c in text)
    return low <= len(text) <= high and letters > 0.7 * len(text) and len(words(text)) >= 5 and text[-1] in ".!?\"”')"


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
            if not is_prose(text):
                continue
            covers = question.covered(set(stems(text)))
            score = SENTENCE_SHARE * covers + (1 - SENTENCE_SHARE) * context - 0.002 * rank
            if recalled and recalled.lower() in text.lower():
                score += 0.05
            if question.defines(text):
                score += 0.08
            if question.wants_number and any(c.isdigit() for c in text):
                score += 0.1
            found.append(Candidate(block, block.start + a, block.start + b, text, covers, score))
    return sorted(found, key=lambda c: (-c.score, c.block.id, c.start))


def select(question: Question, found: Sequence[Candidate], limit: int) -> list[Candidate]:
    """The best sentences that support an answer and do not repeat each other; none if nothing supports one."""
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
