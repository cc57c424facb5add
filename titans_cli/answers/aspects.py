"""What a document says of itself in other words than it is asked for: who paid for it, where its code is, its licence,
what it cannot do.

Nobody writes "X was funded by": they thank a council, or name a grant. By which words a question asks for such an
aspect, and by which a sentence tells it, the surest first, is data (lexicon: [aspect]).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from titans_cli.answers.extract import MOST_CHARS, Candidate, is_notice
from titans_cli.answers.intent import ENGLISH, Aspect, facts
from titans_cli.answers.question import Question
from titans_cli.answers.references import lists_of_references, may_list
from titans_cli.answers.words import LEAST_OF_A_CLAUSE, stem, stems, with_stems, words
from titans_cli.records import Block
from titans_cli.sentences import sentence_spans
from titans_cli.store import Episodes

MOST = 3  # sentences that tell it
AFTER = 2  # sentences that say what the one before but announces
MOSTLY = 0.5  # of what a question says, in the title of the document that it is about
_NAME = re.compile(r"\b(?:[A-Z][\w.+#-]*\w|[A-Z])")
_BETWEEN = r"(?:\s+(?:of|for|the|and|de|des|du|für))*[\s-]+"
_ADDRESS = re.compile(r"\b(?:https?://|www\.)\S+")
COUNTED = ("number", "when")  # kinds of questions that want a figure or time of it, and not the aspect itself


def aspect_of(question: Question) -> Aspect | None:
    """The aspect that a question asks for; None for another question."""
    if question.kind in COUNTED:
        return None
    return next((a for a in facts(question.asked.language).aspects if a.asked.search(question.text)), None)


def named_aspect(name: str, language: str = ENGLISH) -> Aspect:
    """Raises StopIteration for one that the language has not."""
    return next(a for a in facts(language).aspects if a.name == name)


def asking(aspect: Aspect, question: Question) -> set[str]:
    """The stems by which it asks for the aspect."""
    return {t for m in aspect.asked.finditer(question.text) for t in stems(m.group())} & question.weight.keys()


def titled(question: Question, asked: Collection[str], titles: Mapping[int, str]) -> set[int]:
    """The one document whose title has most of what the question says beside what it asks for ("the study of arctic
    plants"); empty where none or two have."""
    terms = {t: w for t, w in question.weight.items() if t not in asked}
    shares = dict[int, float]()
    for t, documents in with_stems(terms, titles).items():
        for i in documents:
            shares[i] = shares.get(i, 0.0) + terms[t]
    most = max(shares.values(), default=0.0)
    first = {i for i, share in shares.items() if share == most}
    return first if len(first) == 1 and most > MOSTLY * sum(terms.values()) else set()


def _tells(sentence: str) -> bool:
    """Whether it is a sentence: a web address alone is none, nor a heading."""
    bare = _ADDRESS.sub("", sentence)
    whole = bare != sentence or sentence.rstrip()[-1:] in ".!)"
    if bare.lstrip()[:1].isdigit():  # a footnote
        return False
    return whole and len(sentence) <= MOST_CHARS and len(words(bare)) >= LEAST_OF_A_CLAUSE


def telling(
    aspect: Aspect, question: Question, documents: Collection[int], naming: Collection[str], episodes: Episodes
) -> tuple[list[Candidate], bool]:
    """The sentences of these documents that tell it, those of the surest form alone, what says most of the question
    first; and whether that is the surest that there is. A notice of the publisher's comes after what the text itself
    says; no list of references tells anything."""
    ranked: list[tuple[tuple[float, ...], Candidate]] = []
    for source in sorted(documents):
        blocks = episodes.blocks_of(source)
        ends = lists_of_references(blocks)
        for block in blocks:
            for form, made in _told_in(aspect, block, ends.get(block.id)):
                terms = set(stems(made.text))
                rank = (form, -question.covered(terms, naming), made.block.source_id, made.block.index, made.start)
                ranked.append((rank, made._replace(covers=question.covered(terms))))
    ranked.sort(key=lambda r: r[0])
    tell = [c for rank, c in ranked if rank[0] == ranked[0][0][0]][:MOST]
    return tell, bool(ranked) and ranked[0][0][0] == 0


def telling_each(aspect: Aspect, predicate: str, episodes: Episodes) -> dict[int, tuple[int, Candidate]]:
    """Of each document that tells it in the surest form, how many sentences do and the first of them; of those alone
    that have every name in `predicate` ("funded by the NSF"), written out or by its initials, and the things in it."""
    names = [w for w in _NAME.findall(predicate) if aspect.asked.search(w) is None]
    things = {stem(w) for w in words(predicate) if w in aspect.things}
    ids = {i for word in aspect.index for i in episodes.blocks_with(word)}
    by_source = dict[int, list[Block]]()
    for block in episodes.blocks(sorted(ids)):
        by_source.setdefault(block.source_id, []).append(block)
    by_document = dict[int, tuple[int, Candidate]]()
    for source, blocks in by_source.items():
        ends = lists_of_references(episodes.blocks_of(source)) if any(map(may_list, blocks)) else {}
        tell = [
            made
            for block in blocks
            for form, made in _told_in(aspect, block, ends.get(block.id))
            if form == 0 and things <= set(stems(made.text)) and all(has_name(name, made.text) for name in names)
        ]
        if tell:
            by_document[source] = len(tell), tell[0]
    return by_document


def has_name(name: str, text: str) -> bool:
    """Whether a text has a name, or words with its letters as their initials ("NSF": "National Science Foundation")."""
    if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.I):
        return True
    if not (name.isupper() and name.isalpha()):
        return False
    return re.search(_BETWEEN.join(rf"\b{letter}[a-z]+" for letter in name), text) is not None


def _told_in(aspect: Aspect, block: Block, end: int | None) -> Iterator[tuple[int, Candidate]]:
    """The sentences of a block that tell it, up to a character, each with the number of its form; later of a notice."""
    text = block.text[:end]
    spans = sentence_spans(text)
    for n, (a, b) in enumerate(spans):
        sentence = text[a:b]
        if not _tells(sentence):
            continue
        for number, form in enumerate(aspect.tells):
            match = form.search(sentence)
            if match is None:
                continue
            late = len(aspect.tells) * (not aspect.notices and is_notice(sentence))
            if aspect.announces and not words(sentence[match.end() :]) and len(spans) > n + 1:
                last = spans[min(n + AFTER, len(spans) - 1)][1]
                b = last if last - a <= MOST_CHARS else spans[n + 1][1] if spans[n + 1][1] - a <= MOST_CHARS else b
            yield number + late, Candidate(block, block.start + a, block.start + b, text[a:b], 0.0, 0.0, 1.0)
            break
