"""Questions that a researcher would ask of 104 papers in one session, and whether what leads the answer is right.

DATA/pdfs has the papers (JOSE, JuliaCon, ReScience C) and manifest.jsonl, the publishers' own titles, authors and
years. The questions (researcher.jsonl) were written by reading the papers, with patterns of the headlines that are
right, before any of what they measure was built; nothing is fitted to them. A headline is what stands first: the
answer proper, or else the first sentence.

cards.title .year .authors   of the papers' catalogue cards, those that are as the publisher has them; authors: all of
                             them, in order (family names and the first letter of the given ones)
about_cards                  questions for the authors, the year and the title of every paper; .authors .year .title
written.headline             written questions whose headline is right; .KIND of those of a kind
written.holds                ... whose whole answer holds what is right
written.nonsense             ... whose headline is wrong and is not even of the kind asked for (a number, a year, yes or
                             no, ...), or comes from another paper than the one asked about
false_premise.refused        questions of what no paper says that are refused, or begin with a denial
refused.wrongly              written questions that are refused
pile                         questions of the pile (which papers, how many): the right figure, or a list of which at
                             least 80% is right and which has at least 80% of what it should
follow_up                    questions that follow another and mean what it was about, asked after it
typos, language              questions with a spelling mistake; in another language than the papers
quotes.verbatim              quotes of all answers that stand, character for character, where they are said to stand
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.answers_data import NAME, Session, records, session
from benchmarks.common import Report, parser
from titans_cli.records import Answer, SourceRecord
from titans_cli.sentences import sentence_spans
from titans_cli.sessions.ask import AskModels, AskRequest, ask
from titans_cli.sessions.engines import reader_of

QUESTIONS = Path(__file__).with_suffix(".jsonl")
ENOUGH = 0.8  # of a list, told and right
_MARKS = re.compile(r"\s*\[\d{1,3}(?:, ?\d{1,3})*\]")
_DENIAL = re.compile(r"^\W*(?:no|none|nothing|nobody|not)\b", re.I)
_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_SPELLED = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|fifty|sixty|hundred|half"
_FORMS = {  # what a headline of a kind has to have, right or wrong
    "number": re.compile(rf"\d|\b(?:{_SPELLED})\b", re.I),
    "when": re.compile(rf"\b(?:1\d|20)\d\d\b|\b(?:{_MONTHS})\b|\bago\b|\byesterday\b", re.I),
    "who": re.compile(r"[A-Z]\w"),
    "where": re.compile(r"[A-Z]\w"),
    "which": re.compile(r"\w{2}"),
    "yes-no": re.compile(r"^\W*(?:yes|no)\b|(?:\w+\W+){5}", re.I),
    "definition": re.compile(r"(?:\w+\W+){3}"),
    "why": re.compile(r"(?:\w+\W+){3}"),
}
ABOUT = {
    "authors": ("Who are the authors of {}?", "Who wrote {}?", "Who is {} by?"),
    "year": ("When was {} published?", "In what year did {} appear?", "What year is {} from?"),
    "title": ("What is the title of {}?",),
}


# ---------------------------------------------------------------- what an answer tells


def headline(answer: Answer) -> str:
    """What stands first: the answer proper, or else the first sentence."""
    if answer.short:
        return answer.short
    text = _MARKS.sub("", answer.lead or answer.text).strip()
    spans = sentence_spans(text)
    return text[spans[0][0] : spans[0][1]] if spans else text


def refused(answer: Answer) -> bool:
    return answer.support == "none"


def denies(text: str) -> bool:
    return _DENIAL.search(text) is not None


def folded(text: str) -> str:
    """Letters and digits of a text alone: without case, accents, punctuation, and what TeX left of accents."""
    bare = re.sub(r"\{\\.(\w)\}|\\.\{?(\w)\}?", r"\1\2", text)
    bare = unicodedata.normalize("NFKD", bare).replace("ı", "i").replace("ø", "o").replace("ß", "ss").casefold()
    return " ".join("".join(c if c.isalnum() else "" if unicodedata.combining(c) else " " for c in bare).split())


def names(authors: Sequence[str]) -> list[tuple[str, str]]:
    """Family name and first letter of each."""
    parts = [folded(a).split() for a in authors]
    return [(p[-1], p[0][0]) for p in parts if p]


def titled(title: str) -> str:
    return folded(re.sub(r"\$([^$]*)\$", lambda m: re.sub(r"[_^{}]", "", m[1]), title)).replace(" ", "")


# ---------------------------------------------------------------- the papers


def papers(data: Path) -> dict[str, dict[str, Any]]:
    """By the file's stem what the publisher says; authors that the manifest lacks are those of the questions' file."""
    found = {Path(r["file"]).stem: r for r in records(data / "pdfs" / "manifest.jsonl")}
    for row in records(QUESTIONS):
        if row["part"] == "authors":
            found[row["files"][0]]["authors"] = row["authors"]
    return found


def linked(data: Path, files: Iterable[str], folder: Path) -> Path:
    """A folder with the papers alone: what tells their authors is no document."""
    folder.mkdir()
    for file in files:
        (folder / f"{file}.pdf").symlink_to((data / "pdfs" / f"{file}.pdf").absolute())
    return folder


def stem(uri: str) -> str:
    return Path(uri).stem


def card(s: Session, source: SourceRecord) -> tuple[str, str, list[str]]:
    """Title, year and authors of a document as the session has them."""
    read = getattr(s.episodes, "card", None)
    if read is None:
        return source.title or "", str(source.year or ""), []
    told = read(source.id)
    return told.title or "", str(told.year or ""), list(told.authors)


def cards(report: Report, s: Session, all_papers: dict[str, dict[str, Any]]) -> None:
    right: dict[str, list[bool]] = defaultdict(list)
    for source in s.episodes.sources():
        gold = all_papers[stem(source.uri)]
        title, year, authors = card(s, source)
        right["title"].append(titled(title) == titled(gold["title"]))
        right["year"].append(year == gold["year"])
        right["authors"].append(names(authors) == names(gold["authors"]))
        for field, told in (("title", title), ("year", year), ("authors", "; ".join(authors))):
            if not right[field][-1]:
                wrong(f"cards.{field}", stem(source.uri), f"{told!r} for {gold[field]!r}")
    for field, some in right.items():
        report.add(f"cards.{field}", sum(some) / len(some))


def wrong(part: str, asked: str, told: str) -> None:
    """What went wrong, on stderr: to read, and never to fit anything to."""
    print(f"{part}: {asked} -> {' '.join(told.split())[:160]}", file=sys.stderr)


# ---------------------------------------------------------------- the questions


class Asker:
    """Asks, keeps the time, and counts whether quotes stand where they are said to stand."""

    def __init__(self, s: Session) -> None:
        self.s, self.count, self.begun = s, 0, time.perf_counter()

    def __call__(self, question: str) -> Answer:
        self.count += 1
        return self.s.ask(question)

    def after(self, question: str, before: Answer) -> Answer:
        """A question that follows an answer."""
        self.count += 1
        request, models = AskRequest(question, after=before, log=False), AskModels(reader=self.s.reader)
        return ask(self.s.home, NAME, request, models=models, engine=self.s.engine, shelf=self.s.shelf)


def about_cards(report: Report, asking: Asker, some: dict[str, dict[str, Any]]) -> None:
    right: dict[str, list[bool]] = defaultdict(list)
    for n, (file, paper) in enumerate(sorted(some.items())):
        title = " ".join(paper["title"].replace("$", "").replace("\\", "").split())
        short = title.split(":")[0]
        called = {"authors": short if ":" in title and len(short.split()) < 3 else f'"{title}"', "year": f'"{title}"'}
        for field, templates in ABOUT.items():
            question = templates[n % len(templates)].format(called.get(field, f"{file}.pdf"))
            answer = asking(question)
            said = headline(answer) if field != "authors" else answer.short or _MARKS.sub("", answer.text)
            right[field].append(not refused(answer) and _card_right(field, said, paper))
            if not right[field][-1]:
                wrong(f"about_cards.{field}", question, said)
    for field, marks in right.items():
        report.add(f"about_cards.{field}", sum(marks) / len(marks))
    report.add("about_cards", sum(map(sum, right.values())) / sum(map(len, right.values())))


def _card_right(field: str, said: str, paper: dict[str, Any]) -> bool:
    if field == "year":
        return set(re.findall(r"\b(?:19|20)\d\d\b", said)) == {paper["year"]}
    if field == "title":
        return titled(paper["title"]) in titled(said)
    text, at = folded(said), 0
    for family, _ in names(paper["authors"]):
        found = re.compile(rf"\b{family}\b").search(text, at)
        if found is None:
            return False
        at = found.end()
    return len(said) <= 40 + 1.5 * len("; ".join(paper["authors"]))


def matches(question: dict[str, Any], answer: Answer) -> bool:
    said = _MARKS.sub("", answer.text) if question.get("within") == "text" else headline(answer)
    return not refused(answer) and re.search(question["gold"], said, re.I) is not None


def nonsense(question: dict[str, Any], answer: Answer) -> bool:
    """Of an answer that is wrong."""
    form = _FORMS.get(question["kind"])
    cited = [stem(c.uri) for c in answer.citations[:1]]
    return (form is not None and not form.search(headline(answer))) or not set(cited) & set(question["files"])


def written(report: Report, asking: Asker, questions: Sequence[dict[str, Any]]) -> None:
    right: dict[str, list[bool]] = defaultdict(list)
    holds = bad = none = 0
    for q in questions:
        answer = asking(q["ask"])
        right[q["kind"]].append(matches(q, answer))
        holds += not refused(answer) and re.search(q["gold"], f"{answer.short or ''} {answer.text}", re.I) is not None
        none += refused(answer)
        if not right[q["kind"]][-1]:
            silly = not refused(answer) and nonsense(q, answer)
            bad += silly
            wrong("refused" if refused(answer) else "nonsense" if silly else "wrong", q["ask"], headline(answer))
    report.add("written", len(questions))
    report.add("written.headline", sum(map(sum, right.values())) / len(questions))
    for kind, marks in sorted(right.items()):
        report.add(f"written.headline.{kind}", sum(marks) / len(marks))
    report.add("written.holds", holds / len(questions))
    report.add("written.nonsense", bad / len(questions))
    report.add("refused.wrongly", none / len(questions))


def told(answer: Answer, all_papers: dict[str, dict[str, Any]]) -> set[str]:
    """The papers that an answer lists: those that it cites, and those whose title stands in it."""
    text = titled(answer.text)
    here = {file for file, paper in all_papers.items() if titled(paper["title"])[:60] in text}
    return here | {stem(c.uri) for c in answer.citations}


def chosen(all_papers: dict[str, dict[str, Any]], by: dict[str, Any]) -> set[str]:
    """The papers whose entries in the manifest are these: of authors, how many."""

    def fits(paper: dict[str, Any]) -> bool:
        return all(
            len(paper["authors"]) == value if field == "authors" else str(paper[field]).startswith(value)
            for field, value in by.items()
        )

    return {file for file, paper in all_papers.items() if fits(paper)}


def pile(q: dict[str, Any], answer: Answer, all_papers: dict[str, dict[str, Any]]) -> bool:
    if refused(answer):
        return False
    if "gold" in q:
        return re.search(q["gold"], headline(answer), re.I) is not None
    if "count" in q:
        return re.search(rf"\b{len(chosen(all_papers, q['count']))}\b", headline(answer)) is not None
    must = chosen(all_papers, q["select"]) if "select" in q else set(q["must"])
    listed = told(answer, all_papers)
    good = listed & (must | set(q.get("may", ())))
    return len(listed & must) >= ENOUGH * len(must) and len(good) >= ENOUGH * len(listed) > 0


PARTS = ("cards", "written", "false", "pile", "follow", "typo", "language")


def measure(
    report: Report, s: Session, all_papers: dict[str, dict[str, Any]], quick: bool, only: Sequence[str]
) -> None:
    """`only`: the parts to measure; none for all."""
    parts: dict[str, list[dict[str, Any]]] = defaultdict(list)
    step = 4 if quick else 1
    for row in records(QUESTIONS):
        if not only or row["part"] in only:
            parts[row["part"]].append(row)
    asking = Asker(s)
    if not only or "cards" in only:
        cards(report, s, all_papers)
        about_cards(report, asking, dict(sorted(all_papers.items())[:: 2 * step if quick else 1]))
    if parts["written"]:
        written(report, asking, parts["written"][::step])

    def share(name: str, part: str, right: Callable[[dict[str, Any], Answer], bool]) -> None:
        marks = []
        for q in parts[part][::step]:
            answer = asking(q["ask"])
            marks.append(right(q, answer))
            if not marks[-1]:
                wrong(name, q["ask"], f"{headline(answer)} ({len(told(answer, all_papers))} papers)")
        if marks:
            report.add(name, sum(marks) / len(marks))

    share("false_premise.refused", "false", lambda _, answer: refused(answer) or denies(headline(answer)))
    share("pile", "pile", lambda q, answer: pile(q, answer, all_papers))
    marks = []
    for q in parts["follow"][::step]:
        answer = asking(q["ask"])
        for then in q["then"]:
            answer = asking.after(then["ask"], answer)
            marks.append(matches(then, answer))
            if not marks[-1]:
                wrong("follow_up", f"{q['ask']} {then['ask']}", headline(answer))
    if marks:
        report.add("follow_up", sum(marks) / len(marks))
    share("typos", "typo", matches)
    share("language", "language", matches)
    report.add("quotes.verbatim", sum(s.quotes) / max(1, len(s.quotes)))
    report.add("seconds_per_question", (time.perf_counter() - asking.begun) / max(1, asking.count))


def main() -> None:
    args = parser(__doc__)
    args.add_argument("--data", type=Path, required=True, help="data folder with pdfs/ and its manifest.jsonl")
    args.add_argument("--home", type=Path, help="folder of the session; one that is there is asked, and not read again")
    args.add_argument("--part", action="append", choices=PARTS, default=[], help="this part alone; may be repeated")
    args.add_argument("--model", type=Path, help="model folder (default: the embedded one)")
    args.add_argument("--reader", help="a model that reads passages, as of titans ask (default: none)")
    options = args.parse_args()
    all_papers = papers(options.data)
    settings = {"papers": len(all_papers), "quick": options.quick, "reader": options.reader}
    report = Report("researcher", settings)
    reader = reader_of(options.reader) if options.reader else None
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        read = linked(options.data, all_papers, folder / "papers")
        with session(options.home or folder / "home", read, options.model, reader) as s:
            measure(report, s, all_papers, options.quick, options.part)
    report.print(as_json=options.json)


if __name__ == "__main__":
    main()
