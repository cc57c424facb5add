"""What a question asks of all documents of a session: which, how many, in what order, or how many of each kind.

The forms are data (lexicon/*.toml, [pile]), as those of other questions are (intent.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from titans_cli.answers.intent import NEVER, Language, bare_question, languages, without_article
from titans_cli.answers.words import STOP_WORDS


@dataclass(frozen=True, slots=True)
class PileQuestion:
    """`wants`: "list", "count", "when" or "tally". A document counts when everything holds that is not None or empty.

    `aspect`: the name of what they tell of themselves, in the words `says`. `most`: of those, the one with the most of
    it ("authors", "pages", "few_pages", "new", "old"). `by`: of a list, what it is ordered by ("year", "newest",
    "author", "title"); of a tally, what is counted ("author", "year", "venue").
    """

    wants: str
    single: bool = False  # one document is asked for
    years: tuple[int, int] | None = None  # first and last
    author: str = ""
    venue: str = ""
    authors: tuple[int, int] | None = None  # how many, at least and at most
    about: str = ""
    uses: str = ""
    says: str = ""  # anything else that one sentence may say
    aspect: str = ""
    most: str = ""
    by: str = ""


def pile_question(question: str) -> PileQuestion | None:
    """A question of which or how many documents; None for one that says something else of them."""
    for language in languages():
        text = bare_question(question, language)
        for by in ("author", "year", "venue"):
            if any(form.fullmatch(text) for form in language.patterns.get(f"tally_{by}", ())):
                return PileQuestion("tally", by=by)
        for form in language.patterns.get("wrote", ()):
            if (match := form.fullmatch(text)) is not None:
                return PileQuestion("list", author=match["name"].strip())
        for form in language.patterns.get("when", ()):
            if (match := form.fullmatch(text)) and (most := _most(match["rest"], language)):
                return PileQuestion("when", most=most)
        for form in language.patterns.get("superlative", ()):
            if (match := form.fullmatch(text)) and (most := _most(match["rest"], language)):
                return PileQuestion("list", True, most=most)
        for wants in ("count", "list"):
            for form in language.patterns.get(wants, ()):
                if (match := form.fullmatch(text)) is None:
                    continue
                head = text[: match.start("rest")]
                single = language.single.search(head) is not None
                own = language.of_the_world is None or not language.of_the_world.search(head)
                if (read := _said_of(match["rest"].strip(), wants, single, own, language)) is not None:
                    return read
    return None


def _most(rest: str, language: Language) -> str:
    kinds = language.pile.get("most", {})
    return next((kind for kind, form in kinds.items() if re.search(rf"\b(?:{form})\b", rest, re.I)), "")


def _said_of(rest: str, wants: str, single: bool, own: bool, language: Language) -> PileQuestion | None:
    """What is said of the documents, all of it understood; otherwise None. `own`: only the session's can be meant."""
    if wants == "list":
        bare, by = _in_order(rest, language)
        if bare != rest:
            read = _said_of(bare, wants, single, own, language)
            return replace(read, by=by) if read is not None and by else read
    of_all = language.pile.get("of_all")
    if not rest or (of_all and re.fullmatch(of_all, rest, re.I)):
        return PileQuestion(wants, single)
    if most := _most(rest, language):
        return PileQuestion(wants, True, most=most)
    for form in language.patterns.get("authors", ()):
        if match := form.fullmatch(rest):
            return PileQuestion(wants, single, authors=_bounds(match, language))
    rest, years = _years(rest, language)
    if not rest:
        return PileQuestion(wants, single, years)
    for form in language.patterns.get("aspect", ()) if own and not single and language.facts else ():
        if (match := form.fullmatch(rest)) and language.facts:
            for aspect in language.facts.aspects:
                if aspect.of_pile.search(match["said"]):
                    return PileQuestion(wants, years=years, aspect=aspect.name, says=match["said"])
    for kind in ("author", "about", "use", "venue") if own else ("author",):
        for form in language.patterns.get(kind, ()):
            if match := form.fullmatch(rest):
                words = next(v for v in match.groupdict().values() if v).strip(" \"'‘’")
                whole = PileQuestion(wants, single, years)
                match kind:
                    case "author":
                        return replace(whole, author=words)
                    case "about":
                        return replace(whole, about=words)
                    case "use":
                        return replace(whole, uses=words)
                return replace(whole, venue=words)
    for form in language.patterns.get("says", ()) if own and not single else ():
        if match := form.fullmatch(rest):
            return PileQuestion(wants, years=years, says=match["said"])
    return None


def _in_order(rest: str, language: Language) -> tuple[str, str]:
    """What is said of listed documents without what is to be listed with each, and what they are to be ordered by."""
    by = ""
    for name in ("with", "ordered", "ordered", "with"):
        form = language.pile.get(name, NEVER)
        if (match := re.search(rf"(?:^|(?<=[\s,])){form}", rest, re.I)) is None:
            continue
        rest = rest[: match.start()].strip(" ,")
        if name == "ordered" and by != "newest":
            key = (match["key"] or "").lower()
            by = "newest" if match["back"] else "title" if match["letters"] or key[:4] in ("titl", "name") else "year"
            by = "author" if key[:6] == "author" else by
    return rest, by


def _bounds(match: re.Match[str], language: Language) -> tuple[int, int]:
    number = match["number"].lower()
    n = int(number) if number.isdigit() else int(language.pile["numbers"][number])
    bound = (match["bound"] or "").lower()
    if bound in ("more than", "over"):
        return n + 1, 1_000_000
    if bound == "at least":
        return n, 1_000_000
    return (0, n - 1) if bound in ("fewer than", "less than") else (n, n)


def _years(rest: str, language: Language) -> tuple[str, tuple[int, int] | None]:
    """The years that documents are asked for, and what else is said of them."""
    for form in language.patterns.get("years", ()):
        if match := form.search(rest):
            years = {name: int(value) for name, value in match.groupdict().items() if value}
            first = years.get("in") or years.get("after") or years.get("later", -1) + 1
            last = years.get("in") or years.get("before") or years.get("sooner", 10_000) - 1
            left = f"{rest[: match.start()]} {rest[match.end() :]}"
            return _stripped(left, language), (first, last)
    return rest, None


def _stripped(text: str, language: Language) -> str:
    """Without the words at either end that say nothing of the documents once their years are known."""
    filler = language.pile["filler"]
    bare = re.sub(rf"(?:(?:^|\s+){filler})+\s*$", "", " ".join(text.split()), flags=re.I)
    return " ".join(bare.split())


def matter_of(topic: str) -> str:
    """A matter without the article before it and the general noun behind it: "the Bayesian methods" is "Bayesian"."""
    language, bare = languages()[0], without_article(topic.strip())
    return re.sub(rf"(?<=\w)(?:\s+(?:{language.pile['general']}))+$", "", bare, flags=re.I)


def words_to_say(predicate: str) -> tuple[list[str], str]:
    """The words that a sentence has to have which says this of its document, and the verb among them, or "".

    That a document reports something is no part of it, and what is its own goes by another name there.
    """
    language = languages()[0]
    bare = re.sub(rf"^(?:{language.pile['tells']})", "", predicate, flags=re.I)
    parts = re.findall(r"[\w-]+", bare)
    kept, owned = list[str](), False
    for n, part in enumerate(parts):
        closed = part.lower() in STOP_WORDS
        if closed:
            owned = re.fullmatch(language.pile["own"], part, re.I) is not None and any(
                later.lower() in STOP_WORDS for later in parts[n + 1 :]
            )
        elif not owned:
            kept.append(part)
    verb = parts[0] if bare == predicate and parts and parts[0] in kept else ""
    return kept, verb


def parts_of_matter(topic: str) -> list[str]:
    """The matters that are named together; none for one alone."""
    parts = re.split(languages()[0].pile["together"], topic, flags=re.I)
    return parts if len(parts) > 1 and all(p.strip() for p in parts) else []
