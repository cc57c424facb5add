"""What a question asks: a field of a document's card, a list or number of documents, or something that a text says.

The forms of questions are data, a file a language (lexicon/*.toml). What they say nothing of is a question of the kind
"what", and is answered by the sentences that speak of it most. A language's closed classes of words say which one a
question is in; of one without forms here, or unknown, the text is searched for the question's words (`searched_only`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from titans_cli.answers.background import background
from titans_cli.answers.lexicons import tables
from titans_cli.answers.words import ASKING, STOP_WORDS, stem, words

ENGLISH = "english"
_X = "<x>"
NEVER = "(?!)"  # the form of what a language has no forms of here
_NAMED = r"(?P<x>.+?)"


@dataclass(frozen=True, slots=True)
class CardQuestion:
    """`wants`: a field of the card, "authors" or "pages" for how many; `called`: the document's name as it was asked.

    `called` is empty for one that is meant by "it".
    """

    wants: str
    called: str


@dataclass(frozen=True, slots=True)
class TextQuestion:
    """What a question of the text asks.

    `kind`: "when", "number", "who", "where", "name", "yes-no", "definition", "why", or "what". `about`: what is to be
    defined, or the things that are counted ("students" of "how many students"). `measure`: what the units of a number
    measure ("time", "length", "mass", "money", "temperature", "share"), or "count", "rate", or "". `several`: all of
    several things are asked for. `of_kind`: the word that says of what kind the thing asked for is ("vaccine" of "which
    vaccine"), or "".
    """

    text: str
    kind: str
    about: str = ""
    measure: str = ""
    several: bool = False
    language: str = ENGLISH
    of_kind: str = ""

    @property
    def counts(self) -> str | None:
        """The stem of what is counted."""
        if self.measure != "count":
            return None
        return next((stem(w) for w in reversed(words(self.about)) if w not in STOP_WORDS), None)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of question and the form of it: of the question's beginning, or of any part of it."""

    name: str
    form: re.Pattern[str]
    begins: bool


@dataclass(frozen=True, slots=True)
class Aspect:
    """What a document says of itself in other words than it is asked for.

    `tells`: forms of sentences, the surest first, in each of which one of the words `index` stands; `of_pile`: how it
    is asked of all documents; `things`: those of these that are asked for have to be named; `announces`: a sentence may
    but say that there is any, and the next ones say what; `needed`: without such a sentence nothing answers; `notices`:
    a publisher's notices tell it as well as the text.
    """

    name: str
    asked: re.Pattern[str]
    tells: tuple[re.Pattern[str], ...]
    index: tuple[str, ...]
    of_pile: re.Pattern[str]
    things: tuple[str, ...]
    announces: bool
    needed: bool
    notices: bool


@dataclass(frozen=True, slots=True)
class FactForms:
    """How one language asks for what a text says, and tells it."""

    kinds: tuple[Kind, ...]
    lead: re.Pattern[str]  # the word that asks, where it opens the question
    later: re.Pattern[str]
    change: re.Pattern[str]
    reasons: re.Pattern[str]
    several: re.Pattern[str]
    counted: re.Pattern[str]
    mass: re.Pattern[str]
    species: re.Pattern[str]
    of_kind: re.Pattern[str]
    share: re.Pattern[str]
    rate: re.Pattern[str]
    measures: Mapping[str, str]
    units: Mapping[str, re.Pattern[str]]
    speaks: Mapping[str, re.Pattern[str]]
    persons: re.Pattern[str]
    denial: Mapping[str, str]
    relative: Mapping[str, Any]
    compare: tuple[re.Pattern[str], ...]
    shared: re.Pattern[str]  # what two things are compared in
    joined: re.Pattern[str]
    summary: re.Pattern[str]
    finds: re.Pattern[str]
    instances: tuple[str, ...]
    instance_asked: re.Pattern[str]
    aspects: tuple[Aspect, ...]
    spoken: re.Pattern[str]  # what only opens what somebody says


@dataclass(frozen=True, slots=True)
class Language:
    """The forms of one language, compiled. `closed`: its words that say nothing of a matter; `capitals`: whether a
    capital within a sentence makes a name."""

    name: str
    closed: frozenset[str]
    capitals: bool
    card: Mapping[str, tuple[re.Pattern[str], ...]]
    pile: Mapping[str, Any]
    opening: re.Pattern[str]
    pronoun: re.Pattern[str]
    before: re.Pattern[str]
    after: re.Pattern[str]
    single: re.Pattern[str]
    joins: re.Pattern[str] | None
    of_the_world: re.Pattern[str] | None
    meant: re.Pattern[str] | None
    whose: re.Pattern[str] | None  # of what is meant
    patterns: Mapping[str, tuple[re.Pattern[str], ...]]
    asks: bool  # for facts, in forms that are known

    @property
    def facts(self) -> FactForms | None:
        """Compiled when first asked for: a question is read in one language, and a cold one waits for its forms."""
        return _facts(self.name) if self.asks else None


@cache
def languages() -> tuple[Language, ...]:
    return tuple(_language(name, table) for name, table in tables().items())


def language_of(question: str) -> Language | None:
    """The language that most of a question's closed-class words are of, English before others; None for one of none of
    these languages: no such word is in it, and most of its words are unknown to general English."""
    words = [w.lower() for w in re.findall(r"[^\W\d_]+", question)]
    most = max(languages(), key=lambda language: sum(w in language.closed for w in words))
    if any(w in most.closed for w in words):
        return most
    known = sum(_is_english(w) for w in words)
    return None if 2 * known < len(words) else languages()[0]


def _is_english(word: str) -> bool:
    return stem(word) in background().counts


def searched_only(question: str) -> str | None:
    """Why a question is searched for by its words alone; None for one in a language whose forms are known."""
    language = language_of(question)
    if language is not None and language.asks:
        return None
    which = f"{language.name.capitalize()} questions" if language else "the question's language"
    return f"no forms of {which} are known here: the documents were searched for its words"


def word(form: str) -> re.Pattern[str]:
    """A form of the lexicon as whole words, whatever their case."""
    return re.compile(rf"\b(?:{form})\b", re.I)


def _language(name: str, table: Mapping[str, Any]) -> Language:
    about = table["document"]
    nouns = f"(?:{about['nouns']})"

    def whole(form: str) -> re.Pattern[str]:
        return re.compile(form.replace(_X, _NAMED).replace("<d>", nouns), re.I)

    lists = {field: value for field, value in table["pile"].items() if isinstance(value, list)}
    words_said = table.get("question", table.get("words", {}))
    return Language(
        name,
        STOP_WORDS if name == ENGLISH else frozenset(words_said["closed"].split()),
        bool(words_said.get("capitals", True)),
        {name: tuple(map(whole, forms)) for name, forms in table["card"].items()},
        table["pile"],
        whole(f"(?:{about['opening']})+"),
        whole(about["pronouns"]),
        whole(about["before"]),
        whole(f"(?:{about['after']})$"),
        re.compile(
            rf"\b(?:{'|'.join(n.rstrip('?')[:-1] for n in about['nouns'].split('|') if n.endswith('s?'))})\b", re.I
        ),
        whole(about["joins"]) if "joins" in about else None,
        whole(rf"\b(?:{about['of_the_world']})$") if "of_the_world" in about else None,
        whole(rf"\b(?:{about['meant']})\b") if "meant" in about else None,
        whole(rf"\b(?:{about['whose']})\b") if "whose" in about else None,
        {name: tuple(map(whole, forms)) for name, forms in lists.items()},
        "question" in table,
    )


@cache
def _facts(name: str) -> FactForms:
    table = tables()[name]
    q, parts = table["question"], table.get("parts", {})
    before, asks = q["before"], q["asks"]

    def form(name: str) -> str:
        return str(q.get(name, NEVER))

    return FactForms(
        tuple(
            Kind(k["kind"], re.compile(before + k["match"].replace("<nominal>", form("nominal")), re.I), True)
            if "match" in k
            else Kind(k["kind"], word(k["search"]), False)
            for k in q["kinds"]
        ),
        re.compile(rf"\W*{before}{asks}\b", re.I),
        word(q["later"]),
        word(form("change")),
        re.compile(form("reasons"), re.I),
        re.compile(form("several"), re.I),
        word(q["counted"]),
        word(form("mass")),
        word(form("species")),
        word(q["of_kind"]),
        word(q["share"]),
        word(q["rate"]),
        q["measures"],
        {name: re.compile(rf"^\W*(?:{unit})(?!\w)", re.I) for name, unit in q["units"].items()},
        {name: word(speaks) for name, speaks in q.get("speaks", {}).items()},
        word(form("persons")),
        table.get("denial", {}),
        table.get("relative", {}),
        tuple(re.compile(rf"^\s*{two}[?.]?\s*$", re.I) for two in parts.get("compare", ())),
        re.compile(parts.get("shared", NEVER), re.I),
        re.compile(parts.get("joined", NEVER), re.I),
        re.compile(table.get("whole", {}).get("summary", NEVER), re.I),
        re.compile(table.get("whole", {}).get("finds", NEVER), re.I),
        tuple(table.get("instance", {}).get("forms", ())),
        re.compile(table.get("instance", {}).get("asked", NEVER), re.I),
        tuple(
            Aspect(
                str(a["name"]),
                re.compile(a["asked"], re.I),
                tuple(re.compile(tells, re.I) for tells in a["tells"]),
                tuple(str(a["index"]).split()),
                re.compile(a.get("of_pile", NEVER), re.I),
                tuple(str(a.get("things", "")).split()),
                bool(a.get("announces", False)),
                bool(a.get("needed", False)),
                bool(a.get("notices", False)),
            )
            for a in table.get("aspect", {}).get("aspects", ())
        ),
        re.compile(table.get("spoken", {}).get("opening", NEVER), re.I),
    )


def facts(language: str = ENGLISH) -> FactForms:
    """How a language asks for what a text says; English for one without such forms."""
    own = next((k.facts for k in languages() if k.name == language), None) or languages()[0].facts
    assert own is not None, "english.toml has a [question]"
    return own


_NEXT = re.compile(r" ([\w-]+)")


def asked(question: str) -> TextQuestion:
    """What is asked of the text."""
    language = language_of(question)
    if language is None or language.facts is None:
        return TextQuestion(bare_question(question, languages()[0]), "what", language=language.name if language else "")
    text, forms = bare_question(question, language), language.facts
    searched = text
    if lead := forms.lead.match(text):  # "What do they do when ...?" does not ask when
        searched = text[: lead.end()] + forms.later.sub(" ", text[lead.end() :])
    several = forms.several.match(text) is not None
    for kind in forms.kinds:
        match = kind.form.match(text) if kind.begins else kind.form.search(searched)
        if match is None:
            continue
        named = match.groupdict()
        about, measure = (named.get("x") or "").strip(), ""
        if kind.name == "definition":
            about = _name_of(about, language)
        if kind.name == "number":
            about, measure = _measured(text, str(named.get("measure") or "").lower(), forms)
        several = several and kind.name in ("name", "what", "definition")
        return TextQuestion(text, kind.name, about, measure, several, language.name, _kind_of(text, language))
    return TextQuestion(text, "what", several=several, language=language.name, of_kind=_kind_of(text, language))


def _kind_of(text: str, language: Language) -> str:
    """Of what kind the thing asked for is; "" where the question does not say."""
    match = language.facts.of_kind.search(text) if language.facts else None
    thing = match["x"].lower() if match else ""
    return "" if thing in language.closed else thing


def _name_of(about: str, language: Language) -> str:
    """What is to be defined, by its name: "the Zorbix package" is Zorbix, and "the package" stays."""
    bare = without_article(about)
    return language.after.sub("", bare) if bare != about and " " in bare else about


def _until_its_verb(text: str, counted: re.Match[str], forms: FactForms) -> str:
    """What is counted, with the words up to the auxiliary that follows it: its head is the last one ("carbon dioxide"
    of "how much carbon dioxide does"). Without an auxiliary next to them they may be its verb."""
    asks = [kind.form for kind in forms.kinds if kind.name == "yes-no"]
    end = counted.end("x")
    for word in _NEXT.finditer(text, end):
        if word.start() != end or word[1].lower() in STOP_WORDS:
            break
        end = word.end()
        if any(form.match(text[end:].lstrip()) for form in asks):
            return text[counted.start("x") : end]
    return counted["x"]


def _measured(text: str, word: str, forms: FactForms) -> tuple[str, str]:
    """The things that are counted, and what is measured."""
    counted = forms.counted.search(text) or forms.mass.search(text)
    things = _until_its_verb(text, counted, forms) if counted else ""
    if forms.share.search(text):
        return things, "share"
    if things and words(things)[-1] not in STOP_WORDS:  # "how much is it" counts nothing
        return things, "count"
    if forms.rate.search(text):
        return "", "rate"
    near = (word, *re.findall(r"\w+", text.lower()))
    spoken = (measure for measure, speaks in forms.speaks.items() if speaks.search(text))
    return "", next((forms.measures[w] for w in near if w in forms.measures), None) or next(spoken, "")


def relative() -> Mapping[str, Any]:
    """The forms of times that are told by the day of writing."""
    return facts().relative


def parts_of(question: str) -> list[str]:
    """The questions, and the things compared, that the words of one set apart; the question alone when they do not.

    A bare word that asks ("who wrote it, and when?") has the rest of the question before it.
    """
    pieces = [p for piece in facts().joined.split(question) if (p := piece.strip(" ?,;"))]
    if len(pieces) < 2 or not all(matter_words(p) or (n and _follows(p)) for n, p in enumerate(pieces)):
        return list(compared(question) or [question])
    lead = facts().lead.match(pieces[0])
    whole = [f"{p}{pieces[0][lead.end() :]}" if lead and _bare_word(p) else p for p in pieces]
    return [part for p in whole for part in compared(p) or [f"{p}?"]]


def _follows(part: str) -> bool:
    """Whether it says nothing by itself, but asks of what went before."""
    return _bare_word(part) or named(part, "") is not None


def _bare_word(part: str) -> bool:
    lead = facts().lead.match(part)
    return lead is not None and lead.end() == len(part)


def compared(question: str) -> tuple[str, str] | None:
    """The two things that a question compares, if it does."""
    for form in facts().compare:
        if match := form.match(question):
            one, other = match["a"], match["b"]
            shared = facts().shared.search(other)
            return one if shared is None or facts().shared.search(one) else one + shared.group(), other
    return None


def matter_words(text: str) -> list[str]:
    """The words that say what it is about."""
    return [w for w in words(text) if w not in STOP_WORDS and w not in ASKING]


_PROPER = r"(?-i:[A-Z][\w.+#-]*(?: [A-Z][\w.+#-]*){0,2})"


def kind_asked_for(question: str) -> str:
    """The noun phrase for what is asked ("programming language"), in small letters; "" where there is none."""
    match = facts().instance_asked.search(question)
    kind = match["kind"].strip().lower() if match else ""
    return "" if any(w in STOP_WORDS or w in ASKING for w in kind.split()) else kind


def names_of_kind(kind: str, text: str) -> set[str]:
    """The names that a text says are of a kind."""
    several = rf"(?P<n>{_PROPER}(?:, {_PROPER})*(?:,? (?:and|or) {_PROPER})?)"
    plural = r"\s+".join(map(re.escape, re.sub(r"(?<=[^s])s$", "", kind).split())) + r"(?:e?s)?\b"
    names = set[str]()
    for form in facts().instances:
        whole = form.replace("<k>", plural).replace("<n>", several)
        pattern = re.compile(rf"\b{whole}", re.I)
        for match in pattern.finditer(text):
            names |= {without_article(n).rstrip(".") for n in re.split(r",? (?:and|or) |, ", match["n"])}
    return {n for n in names if any(w.lower() not in STOP_WORDS for w in re.findall(r"\w+", n))}


def wants_summary(question: str) -> bool:
    """Whether a few documents, or what they say of a matter, are to be told as a whole."""
    return facts().summary.search(question) is not None


def asks_for_change(question: str) -> bool:
    """Whether it asks how something changed over time."""
    return facts().change.search(question) is not None


def asks_for_reasons(question: str) -> bool:
    """Whether it is open, and somebody has to reason for an answer."""
    return facts().reasons.match(question) is not None


def defines(about: str) -> tuple[re.Pattern[str], ...]:
    """How a text says what something is, the surest way first. The name may be in the plural, and have "the"."""
    bare = re.sub(r"^an?\s+|\s*\([^()]*\)$", "", about, flags=re.I)
    name = r"[\s-]+".join(map(re.escape, bare.split()))
    forms = (form for table in tables().values() if "question" in table for form in table["definition"]["forms"])
    return tuple(re.compile(form.replace(_X, rf"(?<![\w-]){name}(?:e?s)?(?!\w)"), re.I) for form in forms)


def bare_question(question: str, language: Language) -> str:
    text = " ".join(question.split()).strip(" ?!.¿¡").replace("“", '"').replace("”", '"')
    text = re.sub(r"^(who|what|when|where)['’]s\b", r"\1 is", text, flags=re.I)
    match = language.opening.match(text)
    return text[match.end() :] if match and match.end() < len(text) else text


# ---------------------------------------------------------------- one document


def card_questions(question: str) -> Iterator[CardQuestion]:
    """Every way to read it as a question of one document's card, the likeliest first."""
    for language in languages():
        text = bare_question(question, language)
        for wants, forms in language.card.items():
            for form in forms:
                if (match := form.fullmatch(text)) is None:
                    continue
                if language.joins and language.joins.search(match.groupdict().get("x") or ""):
                    continue  # another question follows
                called = (match.groupdict().get("x") or "").strip(" \"'‘’«»,")
                yield CardQuestion(wants, "" if language.pronoun.fullmatch(called) else called)


def names_of(called: str) -> list[str]:
    """What a document may be called when it is asked about so: as it stands, and without "the paper on"."""
    names = [called]
    for language in languages():
        bare = language.before.sub("", called, count=1)
        names += [bare, language.after.sub("", bare), language.after.sub("", called)]
    return [n for name in dict.fromkeys(names) if (n := name.strip(" \"'‘’«»,"))]


def named(question: str, name: str) -> str | None:
    """A question with a name in the place of "it" or "that paper"; None for one that has nothing of the kind.

    "Its" is the document's too, unless the question names something else.
    """
    for language in languages():
        if language.meant is not None and (match := language.meant.search(question)) is not None:
            return question[: match.start()] + name + question[match.end() :]
        if language.whose is not None and (match := language.whose.search(question)) is not None:
            names = re.search(rf"(?<=\s){_PROPER}", question) if language.capitals else None
            return None if names else f"{question[: match.start()]}{name}'s{question[match.end() :]}"
    return None


def without_article(name: str) -> str:
    return re.sub(rf"^(?:{languages()[0].pile['determiners']})\s+", "", name, flags=re.I)
