"""Answers to questions of one matter: the sentences that say it, and the few words that are the answer proper.

find        the blocks likely to answer, of the documents that the question names if it names any (premise.py)
rank        their sentences; of a question for a definition, those that define (definition.py)
refuse      when what is asked is not said of what it is asked about
read        by a reader, if there is one (reading.py)
tell        yes or no (verdict.py), a figure or date that can be no other (span.py), or the sentence alone
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from titans_cli.answers import aspects
from titans_cli.answers.aspects import asking, aspect_of, titled
from titans_cli.answers.cards import Catalogue
from titans_cli.answers.cite import Citer
from titans_cli.answers.dates import resolved, told_on
from titans_cli.answers.definition import OPENING, definitions, opening
from titans_cli.answers.evidence import ScoredBlock, gather
from titans_cli.answers.extract import ALSO, Candidate, candidates, select, with_list
from titans_cli.answers.instances import instances, telling
from titans_cli.answers.intent import kind_asked_for
from titans_cli.answers.landmarks import Marks
from titans_cli.answers.lives import life_date
from titans_cli.answers.premise import SPOKEN, Premise, about_of, others, premise, subjects
from titans_cli.answers.quantities import DATE
from titans_cli.answers.question import Question
from titans_cli.answers.reading import HEADLINE, ReadingResult, passages_of, read
from titans_cli.answers.references import lists_of_references, may_list
from titans_cli.answers.request import AskOptions, Means
from titans_cli.answers.span import short_answer, sure_answer
from titans_cli.answers.spoken import without_opening
from titans_cli.answers.statements import contradicts, figures, other_figures, same_figures
from titans_cli.answers.verdict import verdict
from titans_cli.answers.words import stems
from titans_cli.cards import short_title
from titans_cli.model.interface import Recollection, SessionModel
from titans_cli.records import Answer, Citation, DisagreementTold
from titans_cli.sentences import one_line
from titans_cli.store import Episodes

NOTHING = "Nothing in this session answers that."
# By benchmarks/recall.py, 2026-11-21 (docs/log.md: "From memory alone"):
LEAST_CONFIDENCE = 0.9  # below this a recollection is noise: it is not told and takes no part (docs/design.md)
SURE = 0.95  # ... and this it needs to be told unasked, beside cited sentences that do not say so ...
LEAST_BORNE = 0.5  # ... but for another sentence, which covers this share of the question
UNKNOWN = "unknown"  # what the model was trained to say of what it never read
# Set by hand on the questions of benchmarks/answers.py's planted corpora, 2026-11-20:
LEAST_SENTENCE = 0.3  # of the question's information, by each sentence of an answer about change
AS_WELL = 0.8  # share of what the best sentence covers of the question, in one that contradicts it
OTHERS = 30  # sentences after the best among which one that contradicts it is looked for
MOST_CHANGES = 8  # sentences of an answer about change over time
SEVERAL = 5  # sentences at least for a question that asks for all of several things
VERDICTS = 3  # sentences, best first, among which one may say yes or no


class Search(NamedTuple):
    """What was found for a question. `named`: the documents that it names; `premise`: of these, or of the best."""

    terms: Question
    found: list[ScoredBlock]
    ranked: list[Candidate]
    named: set[int]
    premise: Premise
    naming: frozenset[str]  # stems that name them
    untold: bool = False  # an aspect is asked for that a document has to tell, and none of these does


def search(
    question: str,
    episodes: Episodes,
    engine: SessionModel,
    titles: Mapping[int, str],
    only: set[int] | None,
    how: AskOptions,
    recalled: str | None = None,
    marks: Marks | None = None,
) -> Search:
    """Of the documents that the question names, if it names any of those with `titles`, and of others where they speak
    of these."""
    terms = Question(question, episodes)
    named, naming = subjects(terms, titles)
    more = others(terms, named, naming, titles)
    blocks = gather(terms, episodes, engine, recalled, how.top_k, named | more or only, marks)
    listed = dict[int, int]()
    for source in {b.block.source_id for b in blocks if may_list(b.block)}:
        listed |= lists_of_references(episodes.blocks_of(source))
    ranked = candidates(terms, blocks, recalled, named, naming, listed)
    best = about_of(ranked)
    of_kind = instances(question, episodes) if named and terms.kind in ("name", "what") else set[str]()
    tells = telling(of_kind, terms, ranked, named, titles, episodes)
    if tells is not None:  # what is of the kind that is asked for says the kind
        naming = naming | set(stems(kind_asked_for(question)))
        first = tells._replace(score=max(tells.score, ranked[0].score) if ranked else tells.score)
        ranked = [first, *(c for c in ranked if (c.block.id, c.start) != (first.block.id, first.start))]
    aspect, untold = aspect_of(terms), False
    if aspect is not None:
        asked = asking(aspect, terms)
        within = named or (set(titles) if len(titles) == 1 else titled(terms, asked, titles) & best)
        if len(within) > 1 and ranked:  # of several, the one whose sentence answers best
            within = within & {ranked[0].block.source_id}
        tell, surely = aspects.telling(aspect, terms, within, naming, episodes)
        untold = bool(within) and aspect.needed and not tell
        # what may only tell it leads unless another sentence says more of what is asked
        if tell and (surely or not ranked or _rest(tell[0], terms, naming) >= _rest(ranked[0], terms, naming)):
            ranked = _before(tell, ranked)
        naming = naming | asked
    assumption = premise(terms, named or best, naming, episodes, ranked, more & best)
    return Search(terms, blocks, ranked, named, assumption, frozenset(naming), untold)


def _rest(c: Candidate, terms: Question, naming: Collection[str]) -> float:
    """What a sentence says of a question beside the name of what it is about."""
    return terms.covered(set(stems(c.text)), naming)


def _before(first: Sequence[Candidate], ranked: Sequence[Candidate]) -> list[Candidate]:
    """The sentences, those that lead so far before the others that none of these is shown with them."""
    top = ALSO + (ranked[0].score if ranked else 0.0)
    lead = [c._replace(score=top + 1 - n / len(first)) for n, c in enumerate(first)]
    places = {(c.block.id, c.start) for c in lead}
    return [*lead, *(c for c in ranked if (c.block.id, c.start) not in places)]


class FactAnswerer:
    """Answers from one session's retained text and memory. Changes neither."""

    def __init__(self, means: Means, how: AskOptions, catalogue: Catalogue, citer: Citer) -> None:
        self.means, self.how, self.catalogue, self.citer = means, how, catalogue, citer
        self.titles = {d.source.id: d.title for d in catalogue.documents}

    def answer(self, blank: Answer, only: set[int] | None) -> Answer:
        """The best sentences for a question. `only`: the sources that may be cited."""
        recollection = self.means.recall(blank.question)
        recalled = worth_telling(recollection)
        s = self.search(blank.question, only, recalled)
        sure = recollection.confidence >= SURE
        confirmed = recalled if sure and borne_out(recalled, s.ranked) else None
        evidence = tuple(self.citer.evidence(f) for f in s.found)
        looked = replace(with_memory(blank, recollection), recalled=confirmed, evidence=evidence)
        if len(s.named) == 1:
            looked = replace(looked, about=next(iter(s.named)))
        defined = self._defined(s, only)
        limit = max(self.how.sentences, SEVERAL) if s.terms.asked.several else self.how.sentences
        chosen = select(s.terms, s.ranked, limit)
        if defined:
            chosen = _led(defined[0], chosen, limit)
        reading = None if defined else self._reading(s)
        if reading is not None:
            looked = replace(looked, probability=reading.probability)
            chosen = [] if reading.refused else _led(reading.lead, chosen, limit)
        elif s.untold or (not defined and s.premise.refuses):
            chosen = []
        if not chosen:
            return self._refused(looked, s)
        sides = [] if defined else self._against(chosen[0], s.ranked, s.terms.kind == "number")
        if sides:
            chosen = [*sides, *(c for c in chosen[1:] if c not in sides)][: max(len(sides), limit)]
        chosen, short = self._proper(s, chosen, sides, reading)
        if short is None and s.premise.spoken > SPOKEN and s.terms.kind not in ("yes-no", "who"):
            short = without_opening(chosen[0].text, s.terms.asked.language)
        if s.terms.asked.several:
            chosen = [with_list(c, self.means.episodes) for c in chosen]
        citations = tuple(self.citer.cite(n, c) for n, c in enumerate(chosen, start=1))
        differ: tuple[DisagreementTold, ...] = ()
        if sides:
            topic = " ".join(w for w in s.terms.text.rstrip("?").split() if set(stems(w)) & s.terms.weight.keys())
            numbered = tuple((self.citer.year(c), n) for n, c in enumerate(sides, start=1))
            differ = (DisagreementTold(topic, numbered, "unknown", ()),)
        agrees = None if recalled is None else any(_flat(recalled) in _flat(c.quote) for c in citations)
        return replace(
            looked,
            support="evidence",
            text=told_by(citations, differ),
            citations=citations,
            short=short,
            recalled=recalled if agrees else confirmed,
            agrees=agrees if agrees or sure else None,
            disagreements=differ,
        )

    def changes(self, blank: Answer, only: set[int] | None) -> Answer | None:
        """The best sentence of every document that says something of the matter, by year; None if nothing is said."""
        s = self.search(blank.question, only, None)
        chosen = select(s.terms, s.ranked, self.how.sentences)
        if not chosen or s.premise.refuses:
            return None
        best: dict[int, Candidate] = {}
        most = max(c.covers for c in s.ranked)
        for c in s.ranked:
            if c.covers >= max(LEAST_SENTENCE, AS_WELL * most):
                best.setdefault(c.block.source_id, c)
        dated = [(year, c) for c in best.values() if (year := self.citer.year(c)) is not None][:MOST_CHANGES]
        dated = sorted(dated, key=lambda d: (d[0], d[1].block.id)) or [(0, s.ranked[0])]
        citations = tuple(self.citer.cite(n, c) for n, (_, c) in enumerate(dated, start=1))
        lines = [
            f"- {year or 'undated'}: {one_line(c.quote)} [{c.number}]"
            for (year, _), c in zip(dated, citations, strict=True)
        ]
        evidence = tuple(self.citer.evidence(f) for f in s.found)
        text = "\n".join(lines)
        return replace(blank, support="evidence", kind="change", text=text, citations=citations, evidence=evidence)

    # ------------------------------------------------------------ finding

    def search(self, question: str, only: set[int] | None, recalled: str | None) -> Search:
        """What is found for a question, in the sources `only` if they are given."""
        m = self.means
        titles = {i: t for i, t in self.titles.items() if only is None or i in only}
        return search(question, m.episodes, m.engine, titles, only, self.how, recalled, m.marks)

    def _defined(self, s: Search, only: Collection[int] | None) -> list[Candidate]:
        if s.terms.kind != "definition":
            return []
        of = s.terms.asked.about, s.terms, self.means.episodes, self.titles, only
        defining = definitions(*of)
        if defining and defining[0].score >= OPENING:
            return defining
        first = opening(*of)
        return defining if first is None else [first, *defining]

    def _reading(self, s: Search) -> ReadingResult | None:
        """What the reader makes of the best passages; None without a reader, or without anything to read."""
        m = self.means
        if m.reader is None or not s.found:
            return None
        passages = passages_of(s.found, m.episodes, self.how.passages)
        titles = {i: card.title for i, card in self.catalogue.cards.items() if card.title}
        result = read(s.terms.text, passages, titles, s.premise, m.reader, m.episodes)
        if result.lead is None:
            return result
        return result._replace(lead=result.lead._replace(covers=s.terms.covered(set(stems(result.lead.text)))))

    # ------------------------------------------------------------ telling

    def _proper(
        self, s: Search, chosen: list[Candidate], sides: Sequence[Candidate], reading: ReadingResult | None
    ) -> tuple[list[Candidate], str | None]:
        """The answer proper, if it can be told, and the chosen sentences with the one that it stands in first."""
        if sides:
            return chosen, self._side(s.terms, sides)
        if s.terms.kind == "yes-no":
            for n, c in enumerate(chosen[:VERDICTS]):
                if (decision := verdict(s.terms, c.text, s.naming)) is not None:
                    return [c, *chosen[:n], *chosen[n + 1 :]], decision
            return chosen, None
        if s.terms.kind == "when" and (when := self._when(s.terms, chosen[0], reading)) is not None:
            return chosen, when
        if reading is not None:
            return chosen, reading.short
        return chosen, sure_answer(s.terms, chosen[0].text, chosen[0].covers)

    def _when(self, terms: Question, lead: Candidate, reading: ReadingResult | None) -> str | None:
        """The date of what a sentence tells by the day of writing, or that it was told then, if the document says
        what day that was."""
        if (lived := life_date(lead.text, frozenset(terms.weight))) is not None:
            return lived
        text = lead.text if reading is None or reading.short is None else reading.short
        if DATE.search(text) or (day := self.citer.day(lead)) is None:
            return None
        return resolved(text, day) or (told_on(lead.text, day) if reading is None or reading.short is None else None)

    def _side(self, terms: Question, sides: Sequence[Candidate]) -> str | None:
        """What the latest of two that differ says, in what they differ in."""
        older, latest = (c.text for c in sides)
        if self.means.reader is None:
            return short_answer(terms, latest, {u for _, u in figures(older)} & {u for _, u in figures(latest)})
        reading = self.means.reader.read(terms.text, [latest])
        return reading.text if reading.probability >= HEADLINE else None

    def _refused(self, looked: Answer, s: Search) -> Answer:
        """No answer, with the nearest thing that is said of the one document that the question names."""
        if len(s.named) != 1 or not s.ranked:
            return looked
        (about,) = s.named
        nearest = self.citer.cite(1, s.ranked[0])
        title = short_title(self.titles[about])
        text = f"{NOTHING} The nearest that {title} says: {one_line(nearest.quote)} [1]"
        return replace(looked, text=text, citations=(nearest,))

    def _against(self, best: Candidate, ranked: Sequence[Candidate], wanted: bool) -> list[Candidate]:
        """Two sentences of different documents that both answer and cannot both hold, the older first; or none.

        One says what the best sentence says: it may merely report it, and then the document it reports is preferred.
        """
        near = [c for c in ranked[:OTHERS] if c.covers >= AS_WELL * best.covers]
        sentences = [best, *(d for d in near if d is not best and same_figures(best.text, d.text))]
        for c in near:
            whole = wanted and best.covers >= AS_WELL and other_figures(best.text, c.text)
            if c is best or not (whole or contradicts(best.text, c.text, {}) > 0):
                continue
            for d in sentences:
                if d.block.source_id != c.block.source_id and other_figures(d.text, c.text) == other_figures(
                    best.text, c.text
                ):
                    return sorted((d, c), key=lambda x: (self.citer.year(x) or 9999, x.block.source_id))
        return []


def _led(lead: Candidate | None, chosen: Sequence[Candidate], most: int) -> list[Candidate]:
    """The sentence that leads, then those chosen that it does not hold."""
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


def with_memory(blank: Answer, recollection: Recollection) -> Answer:
    return replace(blank, memory=recollection.text.strip(), confidence=recollection.confidence)


def worth_telling(recollection: Recollection) -> str | None:
    text = recollection.text.strip()
    return text if text and text != UNKNOWN and recollection.confidence >= LEAST_CONFIDENCE else None


def borne_out(recalled: str | None, ranked: Sequence[Candidate]) -> bool:
    """Whether any sentence that speaks of the question holds what was recalled, cited or not."""
    return recalled is not None and any(c.covers >= LEAST_BORNE and _flat(recalled) in _flat(c.text) for c in ranked)


def told_by(citations: Sequence[Citation], differ: Sequence[DisagreementTold]) -> str:
    """The quotes, each with its number."""
    quotes = {c.number: f"{one_line(c.quote)} [{c.number}]" for c in citations}
    if not differ:
        return " ".join(quotes.values())
    sides = [f"{year or 'undated'}: {quotes.pop(n)}" for year, n in differ[0].sides]
    return " ".join([f"The sources differ. {' '.join(sides)}", *quotes.values()])


def _flat(text: str) -> str:
    return " ".join(text.lower().split()).strip(" .")
