"""The answer: sentences with numbered citations, each quote found verbatim in the retained text, or an honest no.

What a question is about decides who answers: the catalogue of cards, the whole of the documents, a few of them in
their own sentences, or facts of one matter. A question of several parts is answered part by part.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from titans_cli.answers.cards import Catalogue
from titans_cli.answers.cite import Citer
from titans_cli.answers.compare import compare
from titans_cli.answers.corpus import Text, texts_of
from titans_cli.answers.deliberate import deliberate
from titans_cli.answers.extract import Candidate
from titans_cli.answers.facts import NOTHING, FactAnswerer, told_by, with_memory, worth_telling
from titans_cli.answers.intent import (
    asks_for_change,
    asks_for_reasons,
    compared,
    named,
    parts_of,
    searched_only,
    wants_summary,
)
from titans_cli.answers.overview import kind_of_whole
from titans_cli.answers.question import Question
from titans_cli.answers.reason import Budget, reason
from titans_cli.answers.request import AskOptions, Means
from titans_cli.answers.spelling import mended
from titans_cli.answers.summary import beginning_of, findings_of, summarise
from titans_cli.answers.synthesis import synthesis
from titans_cli.cards import short_title
from titans_cli.records import Answer

__all__ = ["NOTHING", "Answerer", "AskOptions", "Means", "route", "worth_telling"]
UNREAD = "This session has read nothing yet."
NO_DISPUTE = "No disagreement stands out."
NOT_RECALLED = "The memory alone recalls nothing of that with confidence."
FEW = 3  # documents that a question for a summary is answered from as a whole
LEAST_SUMMARY = 5  # sentences
LONG = 8  # sentences: whoever wants so many of a few documents wants a summary


class Answerer:
    """Answers from one session's memory and retained text. Changes neither."""

    def __init__(self, means: Means, session: str, snapshot: int, how: AskOptions | None = None) -> None:
        self.means, self.session, self.snapshot, self.how = means, session, snapshot, how or AskOptions()
        self.episodes = means.episodes
        self.only = None if self.how.only is None else set(self.how.only)
        self.catalogue = Catalogue(means.episodes, self.only)
        self.citer = Citer(means.episodes, self.catalogue.cards)
        self.sources = self.citer.sources
        self.facts = FactAnswerer(means, self.how, self.catalogue, self.citer)

    def answer(self, question: str) -> Answer:
        begun = time.monotonic()
        before, about = self.only, self._about()
        asked = question
        if not self.how.closed_book and self.catalogue.answer(self._blank(question), about) is None:
            asked = mended(question, self.episodes, [d.card for d in self.catalogue.documents])
            self.citer.made_from |= self.catalogue.names(set(asked.split()) - set(question.split()))
        if about is not None and (by_name := self._named(asked, about)) is not None:
            self.only, asked = {about}, by_name
            self.citer.made_from.add(about)  # its name is in the question from here on, and may be told
        made = self._answer(asked)
        if made.support == "none" and self.only is not before:
            self.only = before
            made = self._answer(asked)
        cited = self.catalogue.labelled(made.citations)
        read_as = asked if asked != question else None
        by_words = searched_only(question) if made.kind == "fact" and not self.how.closed_book else None
        seconds = time.monotonic() - begun
        made = replace(made, question=question, understood=read_as, searched=by_words)
        return replace(made, citations=cited, seconds=seconds)

    def _answer(self, question: str) -> Answer:
        blank = self._blank(question)
        kind = kind_of_whole(question)
        if self.how.closed_book:
            made = self._from_memory(blank)
        elif (known := self.catalogue.answer(blank, self._about())) is not None:
            made = known
        elif (whole := self._wanted_whole(blank)) is not None:
            made = whole
        elif kind is not None:
            made = self._about_all(blank, kind)
        elif len(self.only or self.sources) <= FEW and (wants_summary(question) or self.how.sentences >= LONG):
            made = self._summary(blank, self.only)
        else:
            parts = parts_of(question) if self.how.route != "fast" else [question]
            deep, why = route(question, parts, self.how.route, self.means.writer is not None)
            made = self._deliberate(blank, parts) if deep else self._about_matter(blank, self.only)
            made = replace(made, routed=why)
        # also of a part of the question, or of what a part calls "it"
        self.citer.made_from |= self.catalogue.made_from
        return replace(made, made_from=tuple(sorted(self.citer.made_from)))

    def _about(self) -> int | None:
        """The source that "it" means, if that may be cited."""
        about, allowed = self.how.about, self.sources if self.only is None else self.only
        return about if about in allowed and about in self.sources else None

    def _blank(self, question: str) -> Answer:
        return Answer(question, "none", NOTHING if self.sources else UNREAD, (), None, self.session, self.snapshot, 0.0)

    def _named(self, question: str, source: int) -> str | None:
        """The question with a document's name for "it"; None for one that points at nothing."""
        return named(question, short_title(self.catalogue.cards[source].title or self.sources[source].name))

    def _deliberate(self, blank: Answer, parts: Sequence[str]) -> Answer:
        """By the reasoning model, if there is one; what it cannot prove is left to the documents' own sentences."""
        count, m = self.means.engine.tokenizer.encode, self.means
        budget = Budget(self.how.budget, self.how.tokens, lambda text: len(count(text)))
        if m.writer is None:
            sides = compared(blank.question)
            points = None if sides is None else compare(blank, sides, self.facts, self.only)
            return points or deliberate(blank, parts, self._part(), budget, m.tell)
        made = reason(blank, m.writer, self._sentences, self.citer.cite, budget, m.tell)
        if made.support != "none":
            return made
        own = deliberate(blank, parts, self._part(), Budget(), m.tell)
        return replace(own, steps=(*made.steps, *own.steps))

    def _part(self) -> Callable[[Answer], Answer]:
        """Answers the parts of a question in turn: "it" in one of them is what the one before was about."""
        before: list[int] = []

        def ask(blank: Answer) -> Answer:
            only, asked = self.only, blank.question
            if before and (by_name := self._named(asked, before[-1])) is not None:
                only, asked = {before[-1]}, by_name
            made = self._about_matter(replace(blank, question=asked), only)
            about = made.about if made.about is not None or not made.citations else self._source_of(made)
            if about is not None:
                before.append(about)
            return made

        return ask

    def _source_of(self, made: Answer) -> int | None:
        source = self.episodes.source_by_uri(made.citations[0].uri)
        return source.id if source and source.id in self.sources else None

    def _sentences(self, question: str) -> list[Candidate]:
        """The sentences of the best blocks for a question that say something of it, best first."""
        ranked = self.facts.search(question, self.only, None).ranked
        self.citer.made_from |= {c.block.source_id for c in ranked}
        return [c for c in ranked if c.covers > 0]

    def _from_memory(self, blank: Answer) -> Answer:
        recollection = self.means.recall(blank.question)
        recalled = worth_telling(recollection)
        support, text = ("memory", recalled) if recalled else ("none", NOT_RECALLED)
        return replace(with_memory(blank, recollection), support=support, text=text, recalled=recalled, short=recalled)

    def _about_all(self, blank: Answer, kind: str) -> Answer:
        s = synthesis(self.episodes, kind, self.citer.cite, self.only, self.how.long)
        self.citer.made_from |= self.only if self.only is not None else self.sources.keys()  # it counts them all
        if not s.citations:
            if kind != "disagreements":
                return self._summary(blank, self.only)
            return replace(blank, kind=kind, text=f"{NO_DISPUTE} {s.sample}".rstrip())
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

    def _summary(self, blank: Answer, only: set[int] | None) -> Answer:
        """Sentences of the documents themselves, for a few documents or one matter of theirs."""
        return self._summed_up(blank, texts_of(self.episodes, only), blank.question)

    def _wanted_whole(self, blank: Answer) -> Answer | None:
        """What the one document that a question wants as a whole says of itself at its beginning, or of what it found,
        if it says that; None for a question that wants none."""
        wanted = self.catalogue.wanted_whole(blank.question, self._about())
        if wanted is None:
            return None
        document, findings = wanted
        text, title = texts_of(self.episodes, {document.source.id})[0], document.title
        limit = max(self.how.sentences, LEAST_SUMMARY)
        part = (findings_of(text, title) if findings else None) or beginning_of(text, title, limit)
        self.citer.made_from.add(document.source.id)
        return replace(self._summed_up(blank, [part], title), about=document.source.id)

    def _summed_up(self, blank: Answer, texts: Sequence[Text], matter: str) -> Answer:
        chosen = summarise(texts, Question(matter, self.episodes), max(self.how.sentences, LEAST_SUMMARY))
        if not chosen:
            return blank
        citations = tuple(self.citer.cite(n, c) for n, c in enumerate(chosen, start=1))
        return replace(blank, support="evidence", kind="summary", text=told_by(citations, ()), citations=citations)

    def _about_matter(self, blank: Answer, only: set[int] | None) -> Answer:
        """From the catalogue what it knows, or else from the text."""
        if (known := self.catalogue.answer(blank, self._about())) is not None:  # a part of a question
            self.citer.made_from |= self.catalogue.made_from
            return known
        if asks_for_change(blank.question) and (changes := self.facts.changes(blank, only)) is not None:
            return changes
        return self.facts.answer(blank, only)


def route(question: str, parts: Sequence[str], asked: str, reasoner: bool) -> tuple[bool, str]:
    """Whether to deliberate, and why."""
    if asked != "auto":
        return asked == "deliberate", "as asked"
    if len(parts) > 1:
        return True, f"the question has {len(parts)} parts"
    if reasoner and asks_for_reasons(question):
        return True, "the question asks for reasons, and there is a reasoner"
    return False, "the question asks for one thing"
