"""Examples for a reader of passages: a question, a passage, and the words of it that answer, or none.

All of text that nobody wrote for this: questions with the passage that answers them (Natural Questions, TimeQA, the
factbook), and exercises and glossaries of textbooks, whose answers are told in other words than the chapter's: the run
of its words that is nearest to one is the answer, if it is near enough. Questions that the model itself wrote about
running text were tried, and most were wrong (docs/log.md).
Half of what a reader sees at `ask` does not hold the answer, so a share of the examples has none: another passage of
the same document, or the best of the pool by BM25 that holds no accepted answer. The passage's cut is drawn
anew each time.
"""

from __future__ import annotations

import json
import math
import random
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from titans_cli.sentences import one_line

WORDS = (35, 105)  # of a passage, least and most
LONGEST_ANSWER = 30  # words
TEXTS = ("factbook", "openstax")  # that the questions of a data folder are about
NEGATIVE = 0.4  # share of examples whose passage does not answer
NEAREST = 12  # passages of the pool that are kept for a question, best first, none with an accepted answer
FACTS = 1200  # of the factbook, whose questions are much alike
TERMS, DEFINITIONS = 1400, 2000  # of the glossaries
NEAR = 0.8  # F1 of words, of a run of the chapter's words that stands for an answer in other words
WORDINGS = ("Which term means {}?", "What is {} called?", "What is the name for {}?", "What do we call {}?")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Example:
    """A question and a passage; `answer` is a verbatim part of the passage from `start` on, or None."""

    question: str
    title: str
    passage: str
    answer: str | None
    start: int


@dataclass(frozen=True, slots=True)
class ReadingQuestion:
    """A question with its document, whose words are separated by single spaces."""

    question: str
    answers: tuple[str, ...]
    title: str
    text: str
    places: tuple[int, ...]  # where an accepted answer begins, likeliest first


def content(text: str) -> list[str]:
    return [w for w in _WORD.findall(text.lower()) if len(w) > 2 or w.isdigit()]


def occurrences(text: str, answers: Sequence[str]) -> list[tuple[int, int]]:
    """Where an accepted answer stands as whole words."""
    spans = []
    for answer in answers:
        pattern = re.compile(rf"(?<!\w){re.escape(answer)}(?!\w)", re.I)
        spans += [m.span() for m in pattern.finditer(text)]
    return spans


def nearest(question: str, text: str, spans: Sequence[tuple[int, int]], most: int = 3) -> tuple[int, ...]:
    """The occurrences whose surroundings share most of the question's words, by inverse frequency in the text."""
    counts = Counter(content(text))
    asked = set(content(question))

    def shared(span: tuple[int, int]) -> float:
        around = set(content(text[max(0, span[0] - 350) : span[1] + 350]))
        return sum(1 / math.sqrt(counts[w] + 1) for w in asked & around)

    ranked = sorted(spans, key=lambda s: (-shared(s), s))
    best = shared(ranked[0])
    return tuple(s[0] for s in ranked[:most] if shared(s) >= 0.999 * best)


def load_records(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def asked_of(question: str, answers: Iterable[str], title: str, text: str) -> ReadingQuestion | None:
    """None when no short answer stands in the text."""
    kept = tuple(a for a in (one_line(a) for a in answers) if a and len(a.split()) <= LONGEST_ANSWER)
    text = one_line(text)
    spans = occurrences(text, kept) if kept else []
    if not spans:
        return None
    return ReadingQuestion(one_line(question), kept, one_line(title), text, nearest(question, text, spans))


def people_asked(data: Path, texts: dict[str, tuple[str, str]]) -> list[ReadingQuestion]:
    """Natural Questions, TimeQA, factbook and glossaries of a data folder; `texts`: (title, text) by document."""
    folder, questions = data / "qa" / "train", list[ReadingQuestion | None]()
    for r in load_records(folder / "nq_open_oracle.jsonl"):
        title, _, rest = r["context"].partition(". ")
        questions.append(asked_of(r["question"], r["answers"], title, rest if len(title) < 90 else r["context"]))
    docs = {d["doc_id"]: d for d in load_records(folder / "timeqa_docs.jsonl")}
    for r in load_records(folder / "timeqa.jsonl"):
        doc = docs[r["doc_id"]]
        questions += [asked_of(r["question"], r["answers"], doc["title"], doc["text"])] * 2  # hard, and few
    facts = load_records(folder / "factbook.jsonl")
    random.Random(5).shuffle(facts)
    for r in facts[:FACTS]:
        if r["doc_id"] in texts:
            questions.append(asked_of(r["question"], r["answers"], *texts[r["doc_id"]]))
    terms = load_records(folder / "openstax_glossary.jsonl")
    random.Random(6).shuffle(terms)
    questions += [a for a in map(reversed_definition, terms) if a is not None][:TERMS]
    questions += [a for a in (in_its_words(r, r["context"]) for r in terms) if a is not None][:DEFINITIONS]
    for r in load_records(folder / "openstax_exercises.jsonl"):
        paragraphs = texts[r["doc_id"]][1].split("\n\n") if r["doc_id"] in texts else []
        content_words = set(content(r["answers"][0]))
        questions.append(
            in_its_words(r, max(paragraphs, key=lambda p: len(content_words & set(content(p))), default=""))
        )
    return [a for a in questions if a is not None]


def reversed_definition(record: dict[str, Any]) -> ReadingQuestion | None:
    """The term that a glossary's definition belongs to, asked of the chapter that it is taken from."""
    term = re.fullmatch(r"(?:What is|What are|Define) (.+?)[.?]", record["question"])
    definition = record["answers"][0].split(";")[0].strip().rstrip(".")
    if term is None or not 6 <= len(definition.split()) <= 30 or term[1].lower() in definition.lower():
        return None
    wording = WORDINGS[zlib.crc32(definition.encode()) % len(WORDINGS)]
    return asked_of(wording.format(definition), [term[1]], "", record["context"] or "")


def in_its_words(record: dict[str, Any], text: str | None) -> ReadingQuestion | None:
    """A question whose answer is the run of the text's words that is nearest to the one given; None if none is near."""
    text = one_line(text or "")
    span = nearest_run(record["answers"][0], text)
    if span is None or len(record["question"].split()) > 30:
        return None
    return ReadingQuestion(one_line(record["question"]), (text[slice(*span)],), "", text, (span[0],))


def nearest_run(answer: str, text: str) -> tuple[int, int] | None:
    """Offsets of the run of words with the highest F1 against the answer's, within one sentence, if at least `NEAR`."""
    wanted = Counter(content(answer))
    count = sum(wanted.values())
    words = [m.span() for m in re.finditer(r"\S+", text)]
    bags = [content(text[a:b]) for a, b in words]
    hits = [any(w in wanted for w in bag) for bag in bags]
    best, span = 0.0, None
    for first in (n for n, hit in enumerate(hits) if hit and 3 <= count <= LONGEST_ANSWER):
        seen, size, shared = Counter[str](), 0, 0
        for last in range(first, min(len(words), first + 2 * count)):
            for word in bags[last]:
                size, seen[word] = size + 1, seen[word] + 1
                shared += seen[word] <= wanted[word]
            if hits[last] and 2 * shared / (size + count) > best:
                best, span = 2 * shared / (size + count), (words[first][0], words[last][1])
            if text[words[last][0] : words[last][1]].endswith((".", "?", "!")):
                break
    if span is None or best < NEAR:
        return None
    run = text[slice(*span)]
    return span[0], span[0] + len(run.rstrip(".,;:)"))


def is_kept_aside(title: str) -> bool:
    """Whether a document's questions are for calibration and never trained on: one in twelve, by its title."""
    return zlib.crc32(title.encode()) % 12 == 0


def running_text(data: Path, sources: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
    """(source, id, title, text) of the training text; never of heldout/."""
    import io

    import zstandard

    for source in sources:
        with (data / "text" / f"{source}.jsonl.zst").open("rb") as file:
            for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8"):
                r = json.loads(line)
                yield source, r["id"], r.get("title") or "", r["text"]


class Pool:
    """Passages that are found by BM25."""

    def __init__(self, passages: Sequence[tuple[str, str]]) -> None:
        self.passages = passages
        self.postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        lengths = []
        counted = []
        for _, text in passages:
            words = content(text)
            lengths.append(len(words))
            counted.append(Counter(words))
        mean = sum(lengths) / max(1, len(lengths))
        for n, (counts, length) in enumerate(zip(counted, lengths, strict=True)):
            for word, k in counts.items():
                self.postings[word].append((n, k * 2.2 / (k + 1.2 * (0.25 + 0.75 * length / mean))))

    def best(self, question: str, answers: Sequence[str], most: int = NEAREST) -> list[int]:
        scores: dict[int, float] = defaultdict(float)
        for word in set(content(question)):
            postings = self.postings.get(word, ())
            if not 0 < len(postings) < len(self.passages) / 8:
                continue
            idf = math.log(1 + len(self.passages) / len(postings))
            for n, weight in postings:
                scores[n] += idf * weight
        ranked = sorted(scores, key=lambda n: (-scores[n], n))[: 3 * most]
        low = [a.lower() for a in answers]
        return [n for n in ranked if not any(a in self.passages[n][1].lower() for a in low)][:most]


def windows(text: str, size: int) -> list[str]:
    words = text.split()
    return [" ".join(words[i : i + size]) for i in range(0, max(1, len(words) - size // 3), size)]


class Examples:
    """Examples without end, each drawn from a seed of its number."""

    def __init__(self, asked: Sequence[ReadingQuestion], seed: int = 0) -> None:
        self.asked, self.seed = list(asked), seed
        passages = {}
        for a in self.asked:
            for w in windows(a.text, 80)[:60]:
                passages[w] = a.title
        self.pool = Pool([(title, text) for text, title in passages.items()])
        self.near: dict[int, list[int]] = {}

    def __getitem__(self, number: int) -> Example:
        epoch, at = divmod(number, len(self.asked))
        order = random.Random(f"{self.seed} {epoch}")
        index = self._order(epoch, order)[at]
        rng = random.Random(f"{self.seed} {number}")
        a = self.asked[index]
        if rng.random() < NEGATIVE and (none := self._without(a, index, rng)) is not None:
            return none
        return self._with(a, rng)

    def _order(self, epoch: int, rng: random.Random) -> list[int]:
        if getattr(self, "_epoch", None) != epoch:
            self._shuffled = list(range(len(self.asked)))
            rng.shuffle(self._shuffled)
            self._epoch = epoch
        return self._shuffled

    def _with(self, a: ReadingQuestion, rng: random.Random) -> Example:
        place = a.places[0] if rng.random() < 0.8 else rng.choice(a.places)
        length = min(
            (len(x) for x in a.answers if a.text[place : place + len(x)].lower() == x.lower()),
            default=len(a.answers[0]),
        )
        passage, start = cut(a.text, place, length, rng)
        return Example(a.question, a.title, passage, passage[start : start + length], start)

    def _without(self, a: ReadingQuestion, index: int, rng: random.Random) -> Example | None:
        """A passage that does not answer: one of the pool that looks as if it did, or one of the same document."""
        low = [x.lower() for x in a.answers]
        if rng.random() < 0.45:
            here = [w for w in windows(a.text, rng.randint(40, 100)) if not any(x in w.lower() for x in low)]
            asked = set(content(a.question))
            if here:
                here.sort(key=lambda w: -len(asked & set(content(w))))
                return Example(a.question, a.title, rng.choice(here[:3]), None, 0)
        if index not in self.near:
            self.near[index] = self.pool.best(a.question, a.answers)
        near = self.near[index]
        if not near:
            return None
        title, text = self.pool.passages[near[min(len(near) - 1, int(rng.expovariate(0.35)))]]
        return Example(a.question, title, text, None, 0)


def cut(text: str, place: int, length: int, rng: random.Random) -> tuple[str, int]:
    """A run of whole words around the answer, and where the answer begins in it."""
    size = rng.randint(*WORDS)
    before = text[:place].split(" ")
    lead = min(len(before) - 1, rng.randint(0, max(0, size - 12)))
    begin = len(" ".join(before[: len(before) - 1 - lead]))
    begin += begin > 0
    rest = text[begin:].split(" ")
    passage = " ".join(rest[: max(size, lead + 2 + length // 4)])
    if len(passage) < place - begin + length:
        passage = text[begin : place + length]
    return passage, place - begin
