"""Which documents speak of a matter: every document judged, with the sentence that shows it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from titans_cli.answers.extract import Candidate, is_notice, is_prose
from titans_cli.answers.intent_pile import words_to_say
from titans_cli.answers.premise import information
from titans_cli.answers.question import SAME, near, parts_of_word, term_of
from titans_cli.answers.references import lists_of_references, may_list
from titans_cli.answers.words import STOP_WORDS, stem, stems, words
from titans_cli.cards import Card, folded
from titans_cli.records import Block, SourceRecord
from titans_cli.sentences import sentence_spans
from titans_cli.store import Episodes

HEAD = 2_500  # characters at the start of a document: title, abstract, first paragraphs
LEAST_OF_LETTER = 2  # mentions of a name of one letter: one alone may be anything
OFTEN = 8  # mentions: a document that speaks of a matter so often is about it, wherever it does
SHORT = 3  # letters: a shorter word is an abbreviation and has no other forms
# Of the information of what is asked, by one sentence: of a bare object, and where it has the verb and the rarest word.
# Of 22 questions put to 260 abstracts and 51 papers of the training text (2026-11-28, docs/log.md), sentences of six
# tenths were beside the matter where what is rarest was left out.
LEAST_OF_OBJECT, LEAST_SAID = 0.7, 0.6
TOGETHER = 4  # words of a sentence for each word that is asked for: farther apart they met by chance (by the same)
IN_TITLE, AT_HEAD, SOMEWHERE = 3, 2, 1  # how a document speaks of a matter


@dataclass(frozen=True, slots=True)
class JudgedSource:
    source: SourceRecord
    level: int
    mentions: int
    sentence: Candidate | None  # the first that speaks of it


def form_of(matter: str) -> re.Pattern[str] | None:
    """What a text has to hold to speak of it: its words one after the other, in any of their forms.

    A single capital ("R") is meant as it stands, and not as somebody's initial or a symbol of a formula.
    """
    content = [
        w
        for w in re.findall(r"[^\W_]+(?:[+#]+|\.(?=\w)[^\W_]+)*", matter)
        if w.lower() not in STOP_WORDS or len(w) == 1
    ]
    if not content:
        return None
    if len(content) == 1 and len(content[0]) == 1:
        letter = re.escape(content[0].upper())
        return re.compile(rf"(?<![\w.&'’/(-]){letter}(?![\w'’.&^-]|\s?[=<>+∈(])")
    return re.compile(r"[\s-]*".join(map(_form, content)), re.I)


def _form(word: str) -> str:
    if word.isdigit():
        return rf"{word}(?!\d)"
    if re.search(r"\W", word):
        return rf"(?<!\w){re.escape(word)}(?!\w)"
    if len(word.removesuffix("s")) <= SHORT or word.isupper():
        bare = word.removesuffix("s") if word != word.lower() and word.endswith("s") else word
        return rf"\b{re.escape(bare)}s?(?![^\W\d])"
    root = stem(word.lower())
    root = root[:-1] if root[-1:] in "iy" else root
    return rf"\b{re.escape(root)}\w*"


def _stands_alone(text: str, at: int) -> bool:
    """Whether a letter is a name of its own: no initial between two names, no letter of a formula or of spaced type."""
    if "\n" in text[max(0, at - 1) : at] + text[at + 1 : at + 2]:
        return False  # a formula that was set apart
    before, after = text[:at].split()[-1:], text[at + 1 :].split()[:1]
    beside = [w for w in (*before, *after) if w]
    initial = bool(before and after) and before[0][0].isupper() and before[0].isalpha() and after[0][0].isupper()
    return not initial and not any(len(w) == 1 and w not in "aI&" for w in beside)


def judge(matter: str, episodes: Episodes, cards: dict[int, Card], sources: list[SourceRecord]) -> list[JudgedSource]:
    """The documents that speak of a matter outside their lists of references: those about it first."""
    form = form_of(matter)
    if form is None:
        return []
    total = max(1, sum(s.blocks_done for s in sources))
    near = {b.source_id for b in episodes.blocks([i for i, _ in episodes.search_blocks(_searched(matter), total)])}
    documents = []
    for source in sources:
        in_title = form.search(cards[source.id].title or "") is not None
        if source.id in near or in_title:
            judged = _judged(source, form, in_title, episodes.blocks_of(source.id))
            if judged.level:
                documents.append(judged)
    return sorted(documents, key=lambda j: (-j.level, -j.mentions, j.source.id))


def judge_said(predicate: str, episodes: Episodes, sources: list[SourceRecord]) -> list[JudgedSource]:
    """The documents of which one sentence outside their lists of references says it: most of its words, by how rare
    they are in general English, in any form and order, and its verb and the rarest. Those that say most come first."""
    asked, verb = words_to_say(predicate)
    worth = {s: information(s) for w in asked for s in parts_of_word(w)}
    if not worth:
        return []
    needed = {term_of(verb), max(worth, key=lambda s: worth[s])} if verb else set()
    least = LEAST_SAID if verb else LEAST_OF_OBJECT
    by_block = dict[int, float]()
    for word in dict.fromkeys(asked):
        for i in episodes.blocks_with(word):
            by_block[i] = by_block.get(i, 0.0) + sum(worth[s] for s in parts_of_word(word))
    by_source = dict[int, list[Block]]()
    for kept in episodes.blocks(sorted(i for i, has in by_block.items() if has >= least * sum(worth.values()))):
        by_source.setdefault(kept.source_id, []).append(kept)
    judgements = list[JudgedSource]()
    for source in sources:
        if not (blocks := by_source.get(source.id)):
            continue
        ends = lists_of_references(episodes.blocks_of(source.id)) if any(map(may_list, blocks)) else {}
        best: Candidate | None = None
        count = 0
        for held in blocks:
            text = held.text[: ends.get(held.id)]
            for a, b in sentence_spans(text):
                share = _share(worth, text[a:b], needed)
                if share >= least and is_prose(text[a:b]) and not is_notice(text[a:b]):
                    count += 1
                    if best is None or share > best.covers:
                        best = Candidate(held, held.start + a, held.start + b, text[a:b], share, share, 1.0)
        if best is not None:
            judgements.append(JudgedSource(source, SOMEWHERE, count, best))
    return sorted(judgements, key=lambda j: (-(j.sentence.covers if j.sentence else 0.0), -j.mentions, j.source.id))


def _share(worth: Mapping[str, float], text: str, needed: Collection[str]) -> float:
    """What part of the words' information a stretch of a sentence has, in these or near forms: the best stretch of
    `TOGETHER` words for each word of them; 0 for one without all that are needed."""
    at = [(n, t) for n, w in enumerate(words(text)) for t in _terms(worth, w)]
    best = 0.0
    for n, (first, _) in enumerate(at):
        here = {t for place, t in at[n:] if place - first < TOGETHER * len(worth)}
        if here >= set(needed):
            best = max(best, sum(worth[t] for t in here))
    return best / sum(worth.values())


def _terms(worth: Mapping[str, float], word: str) -> list[str]:
    """Those of the terms that a word is a form of."""
    return [t for s in stems(word) for t in worth if t == s or (t[:SAME] == s[:SAME] and near(t, s))]


def _searched(matter: str) -> str:
    """The index has whole words: "COVID-19" is printed as "COVID19" too."""
    return f"{matter} {''.join(matter.replace('-', ' ').split())}"


def _judged(source: SourceRecord, form: re.Pattern[str], in_title: bool, blocks: list[Block]) -> JudgedSource:
    mentions, at_head, passed, letters = 0, False, 0, False
    sentence: Candidate | None = None
    ends = lists_of_references(blocks)
    for block in blocks:
        text = block.text[: ends.get(block.id)]
        matches = [m for m in form.finditer(text) if len(m.group()) > 1 or _stands_alone(text, m.start())]
        letters = letters or any(len(m.group()) == 1 for m in matches)
        hits = [m.start() for m in matches]
        mentions += len(hits)
        at_head = at_head or any(passed + at < HEAD for at in hits)
        passed += len(text)
        if hits and sentence is None:
            spans = [(a, b) for a, b in sentence_spans(text) if any(a <= at < b for at in hits)]
            a, b = next(((a, b) for a, b in spans if is_prose(text[a:b]) and not is_notice(text[a:b])), (0, 0))
            if b:
                sentence = Candidate(block, block.start + a, block.start + b, text[a:b], 1.0, 0.0, 1.0)
    if letters and mentions < LEAST_OF_LETTER:
        mentions = 0
    about = at_head or mentions >= OFTEN
    level = IN_TITLE if in_title else AT_HEAD if about and mentions else SOMEWHERE if mentions else 0
    return JudgedSource(source, level, mentions, sentence)


def shares_words(called: str, title: str) -> bool:
    """Whether every word of what a document is called stands in its title."""
    asked = {stem(w) for w in words(called) if w not in STOP_WORDS}
    return bool(asked) and asked <= {stem(w) for w in words(title)} | set(folded(title).split())
