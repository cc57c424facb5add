"""Which sentences answer, and whether any does: a few signals of every sentence of the best blocks, weighted."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from titans_cli.answers.evidence import ScoredBlock
from titans_cli.answers.fitted import weights
from titans_cli.answers.lexicons import notices
from titans_cli.answers.lives import life_terms
from titans_cli.answers.question import Question
from titans_cli.answers.references import ENTRY
from titans_cli.answers.words import count_of_words, stems, words
from titans_cli.records import Block
from titans_cli.sentences import ITEM, sentence_spans
from titans_cli.store import Episodes

# Log-odds, by signal, that a sentence is the one that answers:
#   covers     share of the question's information in the sentence itself
#   rest       ... of what its document's title and opening words do not say, nor the name that it is asked for by
#   topic      ... in the sentence, the title and the opening words of its document
#   block      the score of its block, as evidence.py has it
#   wanted     how much it holds of the kind of thing that is asked for ...
#   holds      ... and whether it holds any
#   time       nearness to the years that the question names
#   pairs      the question's pairs of neighbouring words
#   measured   it has a figure that counts or measures what is asked for
#   recalled   it holds what memory alone said
WEIGHTS = weights("extract.sentence")
# Whether the session speaks of the matter at all: log-odds, from the best sentence. What makes a sentence the likeliest
# answer of those there are, a name for "who", the right year, does not make it speak of the matter.
SUPPORT = weights("extract.support")
ALSO = 1.0  # a further sentence is shown if it is at most this much, in log-odds, behind the best one
# Words that the question does not hold, of a sentence that says something; of the kind asked for one is enough, and to
# say yes or no none is needed.
LEAST_NEW = 2
SAME = 0.6  # overlap of stems above which two sentences say the same
LEAST_WORDS = 3  # six of the seven types of clauses have three elements or more (Quirk et al. 10.2)
LEAST_OF_A_PART = 5  # ... and of what begins in small letters or has no full stop: a column may have cut it off
MOST_CHARS = 600  # of a sentence: longer ones are tables and lists that lost their lines


class Candidate(NamedTuple):
    block: Block
    start: int  # character offsets into the page
    end: int
    text: str
    covers: float  # share of the question's information in the sentence
    score: float  # log-odds, up to a constant of the question, that it is the one that answers
    support: float  # probability that it speaks of the matter


def is_prose(text: str, *, lists: bool = False) -> bool:
    """Whether a sentence can be shown: not a heading, a table row, a reference or a rule of dashes.

    `lists`: one that mostly lists things can, too.
    """
    if len(text) > MOST_CHARS or not text.endswith(_ENDS) or text.lstrip()[:1] in "•●▪*" or ENTRY.search(text):
        return False
    if not lists and text.count(",") > 0.3 * len(text.split()):
        return False
    inner = text.strip("\"“”'‘’() ")
    cut = inner[:1].islower() or inner[-1:] not in ".!?"
    least = LEAST_OF_A_PART if cut else LEAST_WORDS
    return count_of_words(text) >= least and _letters(text) > 0.7 * len(text)


def _letters(text: str) -> int:
    """How many of its characters are letters or white space."""
    plain = text.encode("ascii", "ignore")
    count = len(plain) - len(plain.translate(None, _PLAIN_LETTERS))
    return count if text.isascii() else count + sum(c.isalpha() or c.isspace() for c in _NOT_ASCII.findall(text))


def is_notice(text: str) -> bool:
    """Whether it is of copyright, of who paid or contributed, or a list of key words: nothing that a document says."""
    return any(form.search(text) for form in notices())


_ENDS = tuple(".!?\"”')")
_PLAIN_LETTERS = bytes(c for c in range(128) if chr(c).isalpha() or chr(c).isspace())
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_RECORD = re.compile(r"[^:;\n]{1,100}: [^;\n]+(?:; [^:;\n]{1,100}: [^;\n]+)+")
# A line of a data sheet: a label of few words, no number of a figure or table, and what stands behind its colon.
_LINE = re.compile(r"[A-Z][^\W\d_][\w'’()/-]*(?: [\w'’()/-]+){0,4}(?<!\d): \S[^\n]*")


def is_record(text: str) -> bool:
    """Whether this is a row of a table, a record as the readers write one ("name: Spire; height: 62 m") or a line of a
    data sheet ("Climate: temperate, with dry summers")."""
    return len(text) <= MOST_CHARS and (_RECORD.match(text) or _LINE.fullmatch(text)) is not None


def _is_labelled(text: str, question: Question) -> bool:
    """Whether a line of a data sheet has nothing in its label but what is asked for, and not a name alone: that may be
    who speaks."""
    label = stems(text.partition(":")[0]) if _LINE.fullmatch(text) else []
    return question.covers_all(label) and not question.names.issuperset(label)


# A list: items, each over as many lines as it has, up to an empty line or the next item.
_ITEMS = re.compile(rf"(?:{ITEM}[^\n]*(?:\n(?!\s*\n)(?!{ITEM})[^\n]+)*\s*)+")
LONGEST_LIST = 1_500  # characters


def introduces(text: str, after: str) -> bool:
    """Whether a sentence ends with a colon, and items follow."""
    return text.endswith(":") and len(words(text)) >= LEAST_WORDS and re.match(ITEM, after) is not None


def with_list(chosen: Candidate, episodes: Episodes) -> Candidate:
    """A sentence with the items that follow it on its page, if it introduces a list of them."""
    page = episodes.page(chosen.block.source_id, chosen.block.page)
    if not introduces(chosen.text, page[chosen.end :]):
        return chosen
    items = _ITEMS.match(page, chosen.end, chosen.end + LONGEST_LIST)
    end = len(page[: items.end()].rstrip()) if items else chosen.end
    return chosen._replace(end=end, text=page[chosen.start : end])


def signals(
    question: Question, scored: ScoredBlock, recalled: str | None, naming: Collection[str] = ()
) -> list[tuple[Candidate, dict[str, float]]]:
    """Every showable sentence of a block, with its signals and no score yet. `naming`: stems that name its document."""
    block, known = scored.block, scored.topic.union(naming)
    if question.is_of_others(known | set(stems(block.text))):
        return []
    sentences, several, asked, asked_at = [], question.asked.several, set[str](), 0
    spans = sentence_spans(block.text)
    # "Principles of Economics: Elasticity" is no line of a data sheet
    title = block.text[slice(*spans[0])] if spans and block.index == 0 else None
    for a, b in spans:
        text = block.text[a:b]
        own = set(stems(text)) | life_terms(text)
        terms = own | asked  # what answers a question of the text speaks of what that asked ...
        with_it = asked and question.covered(terms, own) > 0 and "\n" not in block.text[asked_at:a]
        shown_from = asked_at if with_it and b - asked_at <= MOST_CHARS else a
        if text.endswith("?"):
            asked, asked_at = terms, asked_at if asked else a
        else:
            asked = set[str]()
        prose = is_prose(text, lists=several) or (is_record(text) and text != title) or scored.told
        if asked or not (prose or introduces(text, block.text[b:])):
            continue
        covers, wanted = question.covered(terms), question.wanted(text)
        title_again = block.index > 0 and terms <= scored.topic  # in a running head, or where the document cites itself
        rest = question.covered(terms, known)
        if title_again or (is_notice(text) and not rest):  # a notice answers what is asked of it: "Who paid for X?"
            continue
        least = 0 if question.kind == "yes-no" else 1 if wanted or scored.told else LEAST_NEW
        if question.adds(text) < least:
            continue
        values = {
            "covers": covers,
            "rest": rest,
            "topic": question.covered(terms | scored.topic),
            "block": scored.score,
            "wanted": wanted,
            "holds": float(wanted > 0),
            "time": question.at_the_time(text),
            "pairs": 1.0 if _is_labelled(text, question) else question.pairs(text),
            "measured": float(question.kind == "number" and question.measured(text)),
            "recalled": float(bool(recalled) and str(recalled).lower() in text.lower()),
        }
        shown = block.text[shown_from:b]  # ... and is shown with it, on the same line
        place = block.start + shown_from, block.start + b
        sentences.append((Candidate(block, *place, shown, covers, 0.0, 0.0), values))
    return sentences


def candidates(
    question: Question,
    evidence: Sequence[ScoredBlock],
    recalled: str | None,
    about: Collection[int] = (),
    naming: Collection[str] = (),
    listed: Mapping[int, int] | None = None,
) -> list[Candidate]:
    """Every showable sentence of the evidence with its score, best first; of lists of references if there is no other.

    `about`: the documents that the question names, none of whose sentences has to name it again; `naming`: the stems
    that do. `listed`: of blocks that list references, where in them that begins (references.py).
    """
    in_text, cited = list[Candidate](), list[Candidate]()
    for block in evidence:
        for candidate, values in signals(question, block, recalled, naming if block.block.source_id in about else ()):
            score = sum(WEIGHTS[name] * value for name, value in values.items())
            begins = (listed or {}).get(block.block.id, len(block.block.text))
            kept = in_text if candidate.start - block.block.start < begins else cited
            kept.append(candidate._replace(score=score, support=support(score, values)))
    return sorted(in_text or cited, key=lambda c: (-c.score, c.block.id, c.start))


def support(score: float, values: Mapping[str, float]) -> float:
    """The probability that a session whose best sentence has this score and these signals speaks of the matter."""
    odds = SUPPORT[""] + SUPPORT["score"] * score + sum(SUPPORT[n] * values[n] for n in ("wanted", "time"))
    return 1 / (1 + math.exp(-odds))


def select(question: Question, ranked: Sequence[Candidate], limit: int) -> list[Candidate]:
    """The best sentences that do not repeat each other; none if there are none that could answer."""
    ranked = [c for c in ranked if question.speaks_of_it(c.text)]
    if not ranked or not question.weight:
        return []
    best = ranked[0]
    chosen: list[Candidate] = []
    for candidate in ranked:
        if len(chosen) == limit or candidate.score < best.score - ALSO:
            break
        mine = set(stems(candidate.text))
        if all(len(mine & set(stems(c.text))) <= SAME * min(len(mine), len(set(stems(c.text)))) for c in chosen):
            chosen.append(candidate)
    return chosen
