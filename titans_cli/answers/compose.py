"""The answer: sentences with numbered citations, each quote found verbatim in the retained text, or an honest no."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from titans_cli.answers.cards import Catalogue
from titans_cli.answers.corpus import texts_of, year_of
from titans_cli.answers.deliberate import deliberate, parts_of
from titans_cli.answers.evidence import Found, gather
from titans_cli.answers.extract import Candidate, candidates, select
from titans_cli.answers.intent import named, questions_in
from titans_cli.answers.landmarks import Marks, own_marks
from titans_cli.answers.overview import kind_of_whole
from titans_cli.answers.question import Question
from titans_cli.answers.reading import HEADLINE, Told, passages_of, read
from titans_cli.answers.reason import Budget, reason
from titans_cli.answers.span import FORMS, short_answer, told_by
from titans_cli.answers.spelling import mended
from titans_cli.answers.statements import contradicts, figures, other_figures, same_figures
from titans_cli.answers.summary import summarise, wants_summary
from titans_cli.answers.synthesis import synthesis
from titans_cli.answers.words import stems
from titans_cli.cards import short_title
from titans_cli.errors import DamagedError
from titans_cli.model.interface import BATCH, PassageReader, Recollection, SessionModel
from titans_cli.model.writer import Writer
from titans_cli.places import place
from titans_cli.records import Answer, Citation, DisagreementTold, Evidence, SourceRecord, Step
from titans_cli.store import Episodes

NOTHING = "Nothing in this session answers that."
UNREAD = "This session has read nothing yet."
NO_DISPUTE = "No disagreement stands out."
NOT_RECALLED = "The memory alone recalls nothing of that with confidence."
LEAST_CONFIDENCE = 0.9  # below this a recollection is noise: it is not told and takes no part (docs/design.md)
SURE = 0.95  # ... and this it needs to be told unasked, beside cited sentences that do not say so ...
LEAST_BORNE = 0.5  # ... but for another sentence, which covers this share of the question
UNKNOWN = "unknown"  # what the model was trained to say of what it never read
LEAST_SENTENCE = 0.3  # of the question's information, by each sentence of an answer about change
AS_WELL = 0.8  # share of what the best sentence covers of the question, in one that contradicts it
OTHERS = 30  # sentences after the best among which one that contradicts it is looked for
LANDMARK = 4.0  # of a block's score, as the logit of its landmark when the model attends to the best blocks
FEW = 3  # documents that a question for a summary is answered from as a whole
LEAST_SUMMARY = 5  # sentences
LONG = 8  # sentences: whoever wants so many of a few documents wants a summary
MOST_CHANGES = 8  # sentences of an answer about change over time
_CHANGE = re.compile(
    r"\bover (the )?(time|years)\b|\b(changed?|evolv\w+|evolution|developed|developments?) "
    r"(over|since|through|from|of|between)"
    r"|\bhow (has|have|did) .+ (changed?|evolved?|developed?)\b|\bhistory of\b",
    re.I,
)
_OPEN = re.compile(r"\s*(?:why|how (?:do|does|did|is|are|was|were|can|could|should)|explain|discuss|assess)\b", re.I)
Recall = Callable[[str], Recollection]


@dataclass(frozen=True, slots=True)
class Asking:
    """How a question is to be answered. `only`: the sources that may be cited; None for all of them."""

    sentences: int = 3
    top_k: int = 16  # blocks whose sentences are looked at
    closed_book: bool = False
    only: frozenset[int] | None = None
    route: str = "auto"  # "auto", "fast", "deliberate"
    budget: float | None = None  # seconds for a deliberate answer
    tokens: int | None = None  # ... and how many may be written for it
    passages: int = 3  # put before a reader, if there is one
    about: int | None = None  # the source that "it" means
    long: bool = False  # all topics and trends of an answer about the whole, not a page of them


class Answerer:
    """Answers from one session's memory and retained text. Changes neither."""

    def __init__(
        self,
        episodes: Episodes,
        engine: SessionModel,
        recall: Recall,
        session: str,
        snapshot: int,
        how: Asking | None = None,
        marks: Marks | None = None,
        writer: Writer | None = None,
        tell: Callable[[Step], None] | None = None,
        reader: PassageReader | None = None,
    ) -> None:
        self.episodes, self.engine, self.recall = episodes, engine, recall
        self.session, self.snapshot = session, snapshot
        self.made_from = set[int]()  # the sources that were quoted, or shown to whoever wrote the answer
        self.how = how or Asking()
        self.marks = marks or own_marks(episodes, engine)
        self.writer, self.tell, self.reader = writer, tell, reader
        self.sources = {s.id: s for s in episodes.sources()}
        self.only = None if self.how.only is None else set(self.how.only)
        self.catalogue = Catalogue(episodes, self.only)

    def answer(self, question: str) -> Answer:
        begun = time.monotonic()
        before, about = self.only, self._about()
        asked = question
        if not self.how.closed_book and self.catalogue.answer(self._blank(question), about) is None:
            asked = mended(question, self.episodes, [d.card for d in self.catalogue.documents])
            self.made_from |= self.catalogue.names(set(asked.split()) - set(question.split()))
        if about is not None and (by_name := self._named(asked, about)) is not None:
            self.only, asked = {about}, by_name
            self.made_from.add(about)  # its name is in the question from here on, and may be told
        made = self._answer(asked)
        if made.support == "none" and self.only is not before:
            self.only = before
            made = self._answer(asked)
        cited = self.catalogue.labelled(made.citations)
        read_as = asked if asked != question else None
        seconds = time.monotonic() - begun
        return replace(made, question=question, understood=read_as, citations=cited, seconds=seconds)

    def _answer(self, question: str) -> Answer:
        blank = self._blank(question)
        kind = kind_of_whole(question)
        if self.how.closed_book:
            made = self._from_memory(blank)
        elif (known := self.catalogue.answer(blank, self._about())) is not None:
            made = known
        elif kind is not None:
            made = self._about_all(blank, kind)
        elif len(self.only or self.sources) <= FEW and (wants_summary(question) or self.how.sentences >= LONG):
            made = self._summary(blank)
        else:
            parts = self._parts(question) if self.how.route != "fast" else [question]
            deep, why = route(question, parts, self.how.route, self.writer is not None)
            made = self._deliberate(blank, parts) if deep else self._about_matter(blank)
            made = replace(made, routed=why)
        self.made_from |= self.catalogue.told  # also of a part of the question, or of what a part calls "it"
        return replace(made, made_from=tuple(sorted(self.made_from)))

    def _about(self) -> int | None:
        """The source that "it" means, if that may be cited."""
        about, allowed = self.how.about, self.sources if self.only is None else self.only
        return about if about in allowed and about in self.sources else None

    def _blank(self, question: str) -> Answer:
        return Answer(question, "none", NOTHING if self.sources else UNREAD, (), None, self.session, self.snapshot, 0.0)

    def _named(self, question: str, source: int) -> str | None:
        """The question with a document's name for "it"; None for one that points at nothing."""
        return named(question, short_title(self.catalogue.cards[source].title or self.sources[source].name))

    def _parts(self, question: str) -> list[str]:
        """The questions in it. What follows one about a document may call that "it"."""
        parts = parts_of(question)
        if len(parts) > 1 or len(both := questions_in(question)) == 1:
            return parts
        known = self.catalogue.answer(self._blank(both[0]))
        if known is None or known.about is None:
            return parts
        return [both[0], self._named(both[1], known.about) or both[1]]

    def _deliberate(self, blank: Answer, parts: Sequence[str]) -> Answer:
        """By the reasoning model, if there is one; what it cannot prove is left to the documents' own sentences."""
        count = self.engine.tokenizer.encode
        budget = Budget(self.how.budget, self.how.tokens, lambda text: len(count(text)))
        if self.writer is None:
            return deliberate(blank, parts, self._about_matter, budget, self.tell)
        made = reason(blank, self.writer, self._sentences, self._cite, budget, self.tell)
        if made.citations:
            return made
        own = deliberate(blank, parts, self._about_matter, Budget(), self.tell)
        return replace(own, steps=(*made.steps, *own.steps))

    def _sentences(self, question: str) -> list[Candidate]:
        """The sentences of the best blocks for a question that say something of it, best first."""
        terms = Question(question, self.episodes)
        found = gather(terms, self.episodes, self.engine, None, self.how.top_k, self.only, self.marks)
        ranked = candidates(terms, found, None)
        self.made_from |= {c.block.source_id for c in ranked}
        return [c for c in ranked if c.covers > 0]

    def _from_memory(self, blank: Answer) -> Answer:
        recollection = self.recall(blank.question)
        said = worth_telling(recollection)
        support, text = ("memory", said) if said else ("none", NOT_RECALLED)
        return replace(_with_memory(blank, recollection), support=support, text=text, recalled=said, short=said)

    def _about_all(self, blank: Answer, kind: str) -> Answer:
        s = synthesis(self.episodes, kind, self._cite, self.only, self.how.long)
        self.made_from |= self.only if self.only is not None else self.sources.keys()  # it counts them all
        if not s.citations:
            return self._summary(blank) if kind != "disagreements" else replace(blank, kind=kind, text=NO_DISPUTE)
        return replace(
            blank,
            support="evidence",
            kind=kind,
            text=s.text,
            lead=s.lead,
            citations=s.citations,
            themes=s.themes,
            trends=s.trends,
            disagreements=s.disagreements,
            alone=s.alone,
        )

    def _summary(self, blank: Answer) -> Answer:
        """Sentences of the documents themselves, for a few documents or one matter of theirs."""
        texts = texts_of(self.episodes, self.only)
        chosen = summarise(texts, Question(blank.question, self.episodes), max(self.how.sentences, LEAST_SUMMARY))
        if not chosen:
            return blank
        citations = tuple(self._cite(n, c) for n, c in enumerate(chosen, start=1))
        return replace(blank, support="evidence", kind="summary", text=_told(citations, ()), citations=citations)

    def _about_matter(self, blank: Answer) -> Answer:
        """The best sentences for a question about a matter, or one of every year if it asks how it changed."""
        if (known := self.catalogue.answer(blank, self._about())) is not None:  # a part of a question
            return known
        recollection = self.recall(blank.question)
        recalled = worth_telling(recollection)
        terms = Question(blank.question, self.episodes)
        found = gather(terms, self.episodes, self.engine, recalled, self.how.top_k, self.only, self.marks)
        ranked = candidates(terms, found, recalled)
        chosen = select(terms, ranked, self.how.sentences)
        sure = recollection.confidence >= SURE
        told = recalled if sure and _borne_out(recalled, ranked) else None
        evidence = tuple(self._evidence(f) for f in found)
        looked = replace(_with_memory(blank, recollection), recalled=told, evidence=evidence)
        if chosen and _CHANGE.search(blank.question):
            return self._over_time(looked, ranked)
        reading = self._reading(terms, found, ranked[0].support if ranked else 0.0)
        if reading is not None:
            looked = replace(looked, probability=reading.probability)
            chosen = [] if reading.refused else _led(reading.lead, chosen, self.how.sentences)
        if not chosen:
            return looked
        sides = self._against(chosen[0], ranked, terms.kind == "number")
        if sides:
            chosen = [*sides, *(c for c in chosen[1:] if c not in sides)][: max(len(sides), self.how.sentences)]
        if sides:
            short = self._side(terms, sides)
        elif reading is not None:
            short = reading.short
        else:
            chosen, short = self._proper(terms, chosen, found)
        citations = tuple(self._cite(n, c) for n, c in enumerate(chosen, start=1))
        differ: tuple[DisagreementTold, ...] = ()
        if sides:
            topic = " ".join(w for w in terms.text.rstrip("?").split() if set(stems(w)) & terms.weight.keys())
            numbered = tuple((self._year(c), n) for n, c in enumerate(sides, start=1))
            differ = (DisagreementTold(topic, numbered, "unknown", ()),)
        text = _told(citations, differ)
        agrees = None if recalled is None else any(_flat(recalled) in _flat(c.quote) for c in citations)
        return replace(
            looked,
            support="evidence",
            text=text,
            citations=citations,
            short=short,
            recalled=recalled if agrees else told,
            agrees=agrees if agrees or sure else None,
            disagreements=differ,
        )

    def _reading(self, terms: Question, found: Sequence[Found], support: float) -> Told | None:
        """What the reader makes of the best passages; None without a reader, or without anything to read."""
        if self.reader is None or not found:
            return None
        passages = passages_of(found, self.episodes, self.how.passages)
        titles = {i: card.title for i, card in self.catalogue.cards.items() if card.title}
        told = read(terms.text, passages, titles, support, self.reader, self.episodes)
        if told.lead is None:
            return told
        return told._replace(lead=told.lead._replace(covers=terms.covered(set(stems(told.lead.text)))))

    def _side(self, terms: Question, sides: Sequence[Candidate]) -> str | None:
        """What the latest of two that differ says, in what they differ in."""
        older, latest = (c.text for c in sides)
        if self.reader is None:
            return short_answer(terms, latest, {u for _, u in figures(older)} & {u for _, u in figures(latest)})
        reading = self.reader.read(terms.text, [latest])
        return reading.text if reading.probability >= HEADLINE else None

    def _proper(
        self, terms: Question, chosen: list[Candidate], found: Sequence[Found]
    ) -> tuple[list[Candidate], str | None]:
        """The answer proper, and the chosen sentences with the one that it stands in first.

        The model judges with the blocks of the chosen sentences, and of the others the best, before its eyes.
        """
        if terms.kind not in FORMS:
            return chosen, None
        cited = {c.block.id for c in chosen}
        blocks = sorted(found, key=lambda f: (f.block.id not in cited, -f.score))[:BATCH]
        texts, landmarks = [f.block.text for f in blocks], [LANDMARK * f.score for f in blocks]
        book = self.engine.open_book(terms.text, texts, landmarks)
        if book is None:
            return chosen, short_answer(terms, chosen[0].text)
        likeliest = told_by(terms, [c.text for c in chosen], [c.score for c in chosen], book)
        if likeliest is None:
            return chosen, None
        which, short = likeliest
        return [chosen[which], *chosen[:which], *chosen[which + 1 :]], short

    def _over_time(self, looked: Answer, ranked: Sequence[Candidate]) -> Answer:
        """The best sentence of every document that says something of the matter, by year."""
        best: dict[int, Candidate] = {}
        most = max(c.covers for c in ranked)
        for c in ranked:
            if c.covers >= max(LEAST_SENTENCE, AS_WELL * most):
                best.setdefault(c.block.source_id, c)
        dated = [(year, c) for c in best.values() if (year := self._year(c)) is not None][:MOST_CHANGES]
        dated = sorted(dated, key=lambda d: (d[0], d[1].block.id)) or [(0, ranked[0])]
        citations = tuple(self._cite(n, c) for n, (_, c) in enumerate(dated, start=1))
        lines = [
            f"- {year or 'undated'}: {_one_line(c.quote)} [{c.number}]"
            for (year, _), c in zip(dated, citations, strict=True)
        ]
        return replace(looked, support="evidence", kind="change", text="\n".join(lines), citations=citations)

    def _against(self, best: Candidate, ranked: Sequence[Candidate], wanted: bool) -> list[Candidate]:
        """Two sentences of different documents that both answer and cannot both hold, the older first; or none.

        One says what the best sentence says: it may merely report it, and then the document it reports is preferred.
        """
        near = [c for c in ranked[:OTHERS] if c.covers >= AS_WELL * best.covers]
        said = [best, *(d for d in near if d is not best and same_figures(best.text, d.text))]
        for c in near:
            whole = wanted and best.covers >= AS_WELL and other_figures(best.text, c.text)
            if c is best or not (whole or contradicts(best.text, c.text, {}) > 0):
                continue
            for d in said:
                if d.block.source_id != c.block.source_id and other_figures(d.text, c.text) == other_figures(
                    best.text, c.text
                ):
                    return sorted((d, c), key=lambda x: (self._year(x) or 9999, x.block.source_id))
        return []

    def _year(self, chosen: Candidate) -> int | None:
        source = self.sources[chosen.block.source_id]
        return year_of(source, self.episodes.blocks_of(source.id), self.catalogue.cards.get(source.id))

    def _evidence(self, found: Found) -> Evidence:
        b = found.block
        source = self.sources[b.source_id]
        where = place(source.kind, b.page, self.episodes.page(b.source_id, b.page), b.start)
        return Evidence(b.id, source.display, b.page, b.start, b.end, found.score, where)

    def _cite(self, number: int, chosen: Candidate) -> Citation:
        self.made_from.add(chosen.block.source_id)
        return _cite(number, chosen, self.sources, self.episodes)


def answer(
    question: str,
    *,
    episodes: Episodes,
    engine: SessionModel,
    recall: Recall,
    session: str,
    snapshot: int,
    how: Asking | None = None,
    marks: Marks | None = None,
    writer: Writer | None = None,
    tell: Callable[[Step], None] | None = None,
    reader: PassageReader | None = None,
) -> Answer:
    """Answer from one session's memory, through `recall`, and its retained text, found by `marks`.

    `writer` drafts deliberate answers; `tell` is called with each of their steps as it is done. `reader` finds short
    answers, and says when nothing answers.
    """
    return Answerer(episodes, engine, recall, session, snapshot, how, marks, writer, tell, reader).answer(question)


def route(question: str, parts: Sequence[str], asked: str, reasoner: bool) -> tuple[bool, str]:
    """Whether to deliberate, and why."""
    if asked != "auto":
        return asked == "deliberate", "as asked"
    if len(parts) > 1:
        return True, f"the question has {len(parts)} parts"
    if reasoner and _OPEN.match(question):
        return True, "the question asks for reasons, and there is a reasoner"
    return False, "the question asks for one thing"


def _led(lead: Candidate | None, chosen: Sequence[Candidate], most: int) -> list[Candidate]:
    """The reader's sentence, then those chosen that it does not hold."""
    if lead is None:
        return list(chosen)
    others = (
        c
        for c in chosen
        if c.block.source_id != lead.block.source_id
        or c.block.page != lead.block.page
        or c.end <= lead.start
        or c.start >= lead.end
    )
    return [lead, *others][:most]


def _with_memory(blank: Answer, recollection: Recollection) -> Answer:
    return replace(blank, memory=recollection.text.strip(), confidence=recollection.confidence)


def worth_telling(recollection: Recollection) -> str | None:
    said = recollection.text.strip()
    return said if said and said != UNKNOWN and recollection.confidence >= LEAST_CONFIDENCE else None


def _borne_out(recalled: str | None, ranked: Sequence[Candidate]) -> bool:
    """Whether any sentence that speaks of the question holds what was recalled, cited or not."""
    return recalled is not None and any(c.covers >= LEAST_BORNE and _flat(recalled) in _flat(c.text) for c in ranked)


def _told(citations: Sequence[Citation], differ: Sequence[DisagreementTold]) -> str:
    quotes = {c.number: f"{_one_line(c.quote)} [{c.number}]" for c in citations}
    if not differ:
        return " ".join(quotes.values())
    sides = [f"{year or 'undated'}: {quotes.pop(n)}" for year, n in differ[0].sides]
    return " ".join([f"The sources differ. {' '.join(sides)}", *quotes.values()])


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _flat(text: str) -> str:
    return " ".join(text.lower().split()).strip(" .")


def _cite(number: int, chosen: Candidate, sources: dict[int, SourceRecord], episodes: Episodes) -> Citation:
    """Raises DamagedError if the quote is not, character for character, in the retained page."""
    block = chosen.block
    page = episodes.page(block.source_id, block.page)
    if page[chosen.start : chosen.end] != chosen.text:
        raise DamagedError(
            f"block {block.id} does not match its page", subject=str(episodes.path), hint="Ingest the source anew."
        )
    source = sources[block.source_id]
    where = place(source.kind, block.page, page, chosen.start)
    span = (source.display, source.uri, block.page, chosen.start, chosen.end)
    return Citation(number, *span, chosen.text, block.surprise, round(chosen.support, 4), where)
