"""Answers from the catalogue: who wrote it, when and where it appeared, which documents there are and how many.

What a card says is looked up, and cited where its document prints it. A list judges every document: by its card, or by
whether its text speaks of the matter, with the sentence that shows it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import cached_property

from titans_cli.answers.aspects import named_aspect, telling_each
from titans_cli.answers.extract import Candidate
from titans_cli.answers.intent import CardQuestion, card_questions, names_of
from titans_cli.answers.intent_pile import PileQuestion, matter_of, parts_of_matter, pile_question
from titans_cli.answers.pile import AT_HEAD, SOMEWHERE, JudgedSource, judge, judge_said, shares_words
from titans_cli.cards import Card, bibliographies, folded, is_document, label, listed, surname
from titans_cli.places import place
from titans_cli.records import Answer, Citation, SourceRecord
from titans_cli.store import Episodes

FROM_CARD = "card"  # `Answer.support` of what a card says that no page prints
ALIKE = (
    0.8  # of the letters of a name: spelled so much alike, it is meant; half as many again as one wrong letter in ten
)
SHORTEST = 5  # letters of a name that may be misspelled
LEAST_OF_A_SERIES = 3  # documents: two may be called alike by chance
_NUMBERED = re.compile(r"([^\W\d_]{2,})[ -]?(\d+)\b")
NO_SUCH_AUTHOR = "No author of one wrote another"
LONGEST_SPAN = 1_500  # characters of a first page that may be quoted for a list of authors


@dataclass(frozen=True, slots=True)
class CataloguedDocument:
    source: SourceRecord
    card: Card

    @property
    def title(self) -> str:
        return self.card.title or self.source.name

    @property
    def names(self) -> tuple[str, ...]:
        """What it may be called, letters and digits alone."""
        head = self.title.split(": ")[0]
        return tuple(
            n
            for n in (folded(x) for x in (self.title, head, self.source.name, self.source.name.rsplit(".", 1)[0]))
            if n
        )


class Catalogue:
    """The cards of a session's documents, and what can be answered from them.

    `made_from`: the sources without which the answers given so far would be others; a count is of them all.
    """

    def __init__(self, episodes: Episodes, only: Collection[int] | None = None) -> None:
        self.episodes, self.made_from = episodes, set[int]()
        withheld = episodes.withheld()
        self.cards = episodes.cards(only)
        held = episodes.sources()
        self.lists = bibliographies({s.id: (s.name, self.cards[s.id]) for s in held})
        sources = [s for s in held if s.id not in withheld and is_document(s.kind, self.cards[s.id])]
        self.documents = [CataloguedDocument(s, self.cards[s.id]) for s in sources if only is None or s.id in only]

    def answer(self, blank: Answer, about: int | None = None) -> Answer | None:
        """None for what is no question of the catalogue. `about`: the document that "it" means."""
        if not self.documents:
            return None
        for asked in card_questions(blank.question):
            document = self.called(asked.called, asked.wants) if asked.called else self._by_id(about)
            if document is not None and (made := self._of_card(blank, asked, document)) is not None:
                self.made_from |= self.known_from([document])
                return made
        pile, members = self._pile_asked_for(blank.question)
        made = None if pile is None else self._of_pile(blank, pile, members)
        if made is not None:
            self.made_from |= self.known_from(members)
        return made

    def wanted_whole(self, question: str, about: int | None = None) -> tuple[CataloguedDocument, bool] | None:
        """The document that a question wants as a whole ("What is X about?"), and whether it asks what came out; None
        for one that wants none of these."""
        for asked in card_questions(question):
            if asked.wants in ("summary", "findings"):
                document = self.called(asked.called) if asked.called else self._by_id(about)
                if document is not None:
                    return document, asked.wants == "findings"
        return None

    def _pile_asked_for(self, question: str) -> tuple[PileQuestion | None, Sequence[CataloguedDocument]]:
        """What is asked of all documents, or of those of a series that the question names, and which these are."""
        if (pile := pile_question(question)) is not None:
            return pile, self.documents
        for series, members in self._series.items():
            asked = re.sub(rf"\b{re.escape(series)}(?:s|['’]s)?\b", "documents", question, flags=re.I)
            if asked != question and (pile := pile_question(asked)) is not None:
                return pile, members
        return None, ()

    @cached_property
    def _series(self) -> dict[str, list[CataloguedDocument]]:
        """Documents that are called by a word and a number, "PEP 441" or "Lecture 3", by that word: the session's own
        words for some of its documents. Several that begin with one number ("COVID-19") are called by no number."""
        numbers, series = dict[str, set[str]](), dict[str, list[CataloguedDocument]]()
        for d in self.documents:
            if (numbered := _NUMBERED.match(d.title)) is not None:
                word = numbered[1].lower()
                series.setdefault(word, []).append(d)
                numbers.setdefault(word, set()).add(numbered[2])
        return {word: some for word, some in series.items() if len(numbers[word]) >= LEAST_OF_A_SERIES}

    def known_from(self, documents: Sequence[CataloguedDocument]) -> set[int]:
        """The sources that what is told of documents comes from: these, and the bibliographies that list them."""
        known = {d.source.id for d in documents}
        if self.lists:
            known |= {i for d in documents for e in d.card.entries for i in self.lists.get(e.origin, ())}
        return known

    def names(self, words: Collection[str]) -> set[int]:
        """The sources whose titles or authors have one of the words."""
        wanted = {word for w in words for word in folded(w).split()}
        meant = [d for d in self.documents if wanted & set(folded(" ".join((d.title, *d.card.authors))).split())]
        return self.known_from(meant) if wanted else set()

    def labelled(self, citations: Sequence[Citation]) -> tuple[Citation, ...]:
        """Citations by author, year and title, of documents that are publications; a note stays with its path."""
        names = {d.source.uri: label(d.card, d.source.name) for d in self.documents if d.card.named}
        return tuple(replace(c, label=names.get(c.uri, "")) for c in citations)

    # ------------------------------------------------------------ one document

    def _by_id(self, source_id: int | None) -> CataloguedDocument | None:
        return next((d for d in self.documents if d.source.id == source_id), None)

    def called(self, name: str, wants: str = "") -> CataloguedDocument | None:
        """The document of this title, short title, file name or DOI, of one that is nearly so, or the only one whose
        title has all of its words."""
        asked = [n for n in map(folded, names_of(name)) if n]
        for n in asked:
            documents = [d for d in self.documents if n in d.names or (d.card.doi and folded(d.card.doi) == n)]
            if documents:
                return documents[-1]
        close = [n.replace(" ", "") for n in asked]
        for n in close:
            documents = [d for d in self.documents if n in {x.replace(" ", "") for x in d.names}]
            if documents:
                return documents[-1]
        best, how = None, ALIKE
        for n in close:
            for d in self.documents if len(n) >= SHORTEST else ():
                for x in d.names:
                    likeness = _likeness(n, x.replace(" ", ""), how)
                    if likeness > how:
                        best, how = d, likeness
        if best is not None:
            return best
        for n in names_of(name):
            documents = [d for d in self.documents if shares_words(n, d.title)]
            if len(documents) == 1:
                return documents[0]
        return None

    def _of_card(self, blank: Answer, asked: CardQuestion, d: CataloguedDocument) -> Answer | None:
        card = d.card
        match asked.wants:
            case "author":
                values: Sequence[str] = card.authors
                reply = listed(values)
            case "first_author" | "last_author":
                values = card.authors[:1] if asked.wants == "first_author" else card.authors[-1:]
                reply = listed(values)
            case "date":
                # of a mere file the date may say when it was saved
                publication = card.authors or card.venue or card.doi
                values = (card.date,) if card.date and (publication or card.published is not None) else ()
                reply = _in_words(values[0]) if values else ""
            case "venue":
                values = (card.venue,) if card.venue else ()
                number = f"{card.first('volume') or ''}{f'({i})' if (i := card.first('issue')) else ''}"
                reply = ", ".join(filter(None, (card.venue, number)))
            case "authors":
                values = card.authors
                reply = f"{len(values)}: {listed(values)}" if values else ""
            case "pages":
                values, reply = (), f"{d.source.pages}"
            case wanted:
                values = card.values(wanted)
                reply = values[0] if values else ""
        if not reply:
            return None
        short = str(len(values)) if asked.wants == "authors" else reply
        field = {"authors": "author", "first_author": "author", "last_author": "author", "pages": ""}.get(
            asked.wants, asked.wants
        )
        cited = self._cited(d, values)
        mark = " [1]" if cited else ""
        origin = card.origin(field) or "the file"
        text = f"{reply} ({label(card, d.source.name)}; {origin}).{mark}"
        support = "evidence" if cited else FROM_CARD
        return replace(blank, kind="card", support=support, short=short, text=text, citations=cited, about=d.source.id)

    def _cited(self, d: CataloguedDocument, values: Sequence[str]) -> tuple[Citation, ...]:
        """The stretch of the document's first page from the first to the last of these, if all are printed there."""
        pages = self.episodes.pages(d.source.id)[:1]
        if not pages or not values:
            return ()
        text, ends, at = pages[0].text, [], 0
        for value in values:
            match = re.compile(r"[\s\d,*]+".join(map(re.escape, _printed(value).split())), re.I).search(text, at)
            if match is None:
                return ()
            ends.append(match.span())
            at = match.end()
        start, end = ends[0][0], ends[-1][1]
        if end - start > LONGEST_SPAN:
            return ()
        where = place(d.source.kind, pages[0].number, text, start)
        quote = text[start:end]
        return (Citation(1, d.source.display, d.source.uri, pages[0].number, start, end, quote, 0.0, 1.0, where),)

    # ------------------------------------------------------------ the pile

    def _of_pile(self, blank: Answer, asked: PileQuestion, documents: Sequence[CataloguedDocument]) -> Answer | None:
        if asked.wants == "tally":
            return self._tally(blank, asked.by, documents)
        chosen = [d for d in documents if self._fits(d, asked)]
        if asked.author and not chosen:
            return None  # nobody of that name wrote any: what the texts say of them may still answer
        judged: dict[int, JudgedSource] = {}
        if matter := asked.about or asked.uses:
            judgements = self._judged(matter, chosen)
            if asked.about:
                judgements = [j for j in judgements if j.level >= AT_HEAD] or judgements[:1]
            judged = {j.source.id: j for j in judgements}
        elif asked.aspect:
            tell = telling_each(named_aspect(asked.aspect), asked.says, self.episodes)
            judgements = [JudgedSource(d.source, SOMEWHERE, *tell[d.source.id]) for d in chosen if d.source.id in tell]
            judged = {j.source.id: j for j in judgements}
        elif asked.says:
            judged = {j.source.id: j for j in judge_said(asked.says, self.episodes, [d.source for d in chosen])}
        if asked.about or asked.uses or asked.says:
            by_id = {d.source.id: d for d in chosen}
            chosen = [by_id[i] for i in judged]
        if not chosen and (asked.venue or asked.says):
            return None
        if asked.most:
            chosen = self._most(chosen, asked.most)
        elif asked.single and matter and chosen:
            chosen = chosen[:1]
        if not chosen and matter:
            return None
        return self._listed(blank, asked, chosen, judged)

    def _judged(self, matter: str, chosen: Sequence[CataloguedDocument]) -> list[JudgedSource]:
        """Of a matter that is said in two ("both Python and R") the documents that speak of each."""
        sources = [d.source for d in chosen]
        judgements = judge(matter_of(matter), self.episodes, self.cards, sources)
        if judgements or not (parts := parts_of_matter(matter)):
            return judgements or judge_said(matter, self.episodes, sources)
        each = [judge(matter_of(part), self.episodes, self.cards, sources) for part in parts]
        both = set.intersection(*({j.source.id for j in some} for some in each))
        return [j for j in each[0] if j.source.id in both]

    def _fits(self, d: CataloguedDocument, asked: PileQuestion) -> bool:
        card = d.card
        if asked.years and not (card.year and asked.years[0] <= card.year <= asked.years[1]):
            return False
        if asked.authors and not (asked.authors[0] <= len(card.authors) <= asked.authors[1] and card.authors):
            return False
        if asked.author and not any(_same_person(asked.author, a) for a in card.authors):
            return False
        venue = folded(asked.venue)
        return not asked.venue or (bool(card.venue) and _holds(folded(card.venue or ""), venue))

    def _most(self, documents: Sequence[CataloguedDocument], most: str) -> list[CataloguedDocument]:
        def measure(d: CataloguedDocument) -> tuple[int, str]:
            match most:
                case "authors":
                    return len(d.card.authors), ""
                case "pages" | "few_pages":
                    return d.source.pages * (1 if most == "pages" else -1), ""
            return 0, d.card.date or ""

        known = [d for d in documents if d.card.date] if most in ("new", "old") else list(documents)
        if not known:
            return []
        best = (min if most == "old" else max)(map(measure, known))
        return [d for d in known if measure(d) == best]

    def _listed(
        self,
        blank: Answer,
        asked: PileQuestion,
        chosen: Sequence[CataloguedDocument],
        judged: Mapping[int, JudgedSource],
    ) -> Answer:
        lines: list[str] = []
        citations: list[Citation] = []
        for d in _ordered(chosen, asked.by):
            mark, quote = "", ""
            if (j := judged.get(d.source.id)) and j.sentence is not None:
                citations.append(self._cite(len(citations) + 1, d, j.sentence))
                mark, quote = f" [{len(citations)}]", f": {' '.join(j.sentence.text.split())}"
            lines.append(f"- {_entry(d)}{quote}{mark}")
        undated = sum(d.card.year is None for d in self.documents)
        if undated and (
            asked.by in ("year", "newest") or asked.years or asked.most in ("new", "old") or asked.wants == "when"
        ):
            lines.append(f"Of {undated} no year is known.")
        all_of_them = len(self.documents)
        count = f"{len(chosen)} of {all_of_them} documents" if len(chosen) < all_of_them else f"{all_of_them} documents"
        short = count
        if asked.wants == "when":
            short = str(chosen[0].card.year) if chosen and chosen[0].card.year else count
        elif asked.wants == "count":
            short = str(len(chosen))
        elif len(chosen) == 1 and (asked.single or asked.most):
            short = chosen[0].title
        text = "\n".join([f"{count}:" if chosen else f"{count}.", *lines])
        support = "evidence" if citations else FROM_CARD
        about = chosen[0].source.id if len(chosen) == 1 else None
        return replace(
            blank, kind="pile", support=support, short=short, text=text, citations=tuple(citations), about=about
        )

    def _tally(self, blank: Answer, by: str, documents: Sequence[CataloguedDocument]) -> Answer | None:
        """How many documents there are of each author, year or venue; None where no card says any."""
        of = dict[str, list[CataloguedDocument]]()
        names = dict[str, str]()
        for d in documents:
            values = d.card.authors if by == "author" else (d.card.venue if by == "venue" else d.card.year,)
            for value in dict.fromkeys(str(v) for v in values if v):
                key = folded(value)
                names.setdefault(key, value)
                of.setdefault(key, []).append(d)
        if not of:
            return None
        most = max(len(some) for some in of.values())
        keys = sorted(of, key=lambda k: k if by == "year" else (-len(of[k]), k))
        first = [names[k] for k in keys if len(of[k]) == most]
        shown = [k for k in keys if by != "author" or len(of[k]) > 1]
        lines = [f"- {names[k]}: {len(of[k])}{_titles(of[k]) if by == 'author' else ''}" for k in shown]
        unknown = sum(not (d.card.authors if by == "author" else d.card.venue or "") for d in documents)
        if by == "year":
            unknown = sum(d.card.year is None for d in documents)
            short = keys[0] if len(keys) == 1 else f"{keys[0]} to {keys[-1]}"
        else:
            short = listed(first if by == "author" else [names[k] for k in keys])
        if by == "author" and not shown:
            short, lines = NO_SUCH_AUTHOR, [f"{NO_SUCH_AUTHOR}."]
        if unknown:
            lines.append(f"Of {unknown} no {by} is known.")
        return replace(blank, kind="pile", support=FROM_CARD, short=short, text="\n".join(lines))

    def _cite(self, number: int, d: CataloguedDocument, c: Candidate) -> Citation:
        page = self.episodes.page(d.source.id, c.block.page)
        where = place(d.source.kind, c.block.page, page, c.start)
        span = (d.source.display, d.source.uri, c.block.page, c.start, c.end)
        return Citation(number, *span, page[c.start : c.end], c.block.surprise, 1.0, where)


def _ordered(documents: Sequence[CataloguedDocument], by: str) -> list[CataloguedDocument]:
    """As they are asked for; those of which that is not known come last."""
    match by:
        case "year":
            return sorted(documents, key=lambda d: (d.card.year is None, d.card.date or ""))
        case "newest":
            dated = [d for d in documents if d.card.year is not None]
            undated = [d for d in documents if d.card.year is None]
            return [*sorted(dated, key=lambda d: d.card.date or "", reverse=True), *undated]
        case "author":
            return sorted(
                documents, key=lambda d: (not d.card.authors, folded(surname(next(iter(d.card.authors), ""))))
            )
        case "title":
            return sorted(documents, key=lambda d: folded(d.title))
    return list(documents)


def _titles(documents: Sequence[CataloguedDocument]) -> str:
    return f" ({'; '.join(d.title for d in documents)})"


def _entry(d: CataloguedDocument) -> str:
    """A line of a list: title, who and when, and the file."""
    names = [surname(a) for a in d.card.authors]
    who = listed(names) if len(names) < 3 else f"{names[0]} et al." if names else ""
    about = ", ".join(filter(None, (who, str(d.card.year or ""), d.source.name if d.title != d.source.name else "")))
    return f"{d.title} ({about})" if about else d.title


def _in_words(date: str) -> str:
    """ "2018-06-21" is "21 June 2018"."""
    months = "January February March April May June July August September October November December".split()
    year, *rest = date.split("-")
    if not rest:
        return year
    month = months[int(rest[0]) - 1] if 1 <= int(rest[0]) <= 12 else ""
    return " ".join(filter(None, (str(int(rest[1])) if len(rest) > 1 else "", month, year)))


def _printed(value: str) -> str:
    """As a page prints a value: a date there is no ISO one."""
    return _in_words(value) if re.fullmatch(r"\d{4}-\d\d(-\d\d)?", value) else value


def _likeness(one: str, other: str, least: float) -> float:
    """Of two words without spaces, 0 to 1; 0 where it cannot reach `least`."""
    if min(len(one), len(other)) < least * max(len(one), len(other)):
        return 0.0
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.ratio() if matcher.real_quick_ratio() >= least and matcher.quick_ratio() >= least else 0.0


def _same_person(asked: str, author: str) -> bool:
    """Whether a name that is asked for is this author's: the family name, and the given ones as far as told."""
    mine, theirs = folded(asked).split(), folded(author).split()
    if not mine or not theirs:
        return False
    family = folded(surname(author)).split()[-1]
    if mine[-1] != family and _likeness(mine[-1], family, ALIKE) < ALIKE:
        return False
    if len(mine) == 1:
        return mine[-1] == family
    return (
        mine[0] == theirs[0]
        or (min(len(mine[0]), len(theirs[0])) == 1 and mine[0][0] == theirs[0][0])
        or (_likeness(mine[0], theirs[0], ALIKE) >= ALIKE)
    )


def _holds(name: str, asked: str) -> bool:
    """Whether a venue is the one asked for: one has the words of the other, "the" apart."""
    words, asked_words = name.removeprefix("the ").split(), asked.removeprefix("the ").split()
    return set(asked_words) <= set(words) or set(words) <= set(asked_words)
