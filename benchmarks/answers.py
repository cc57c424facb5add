"""Answers: what is found, what is told, and whether what is quoted stands where it is said to stand.

findings.*          the questions that the sample corpus's README answers: the stated figure is in the text, the stated
                    file and page are among the citations
refused             of the questions it does not answer (and three from elsewhere), how many are refused
memory.right/wrong  of the questions it answers, those where the memory's own answer is told too, rightly and wrongly;
                    memory.absent: of the others
quotes.*.verbatim   quotes, of all answers of a part, found character for character on the page they name
trends.*            trends planted in generated corpora (benchmarks/planted.py) that are named with the right direction,
                    by the answer and by the same writer fed by retrieval; trends.false.*: claims that were not planted
disputes.*          planted disagreements of which both sides are shown
with --data: recall1/5/10.*: questions with evidence among the first blocks, in one session with all documents
                    (benchmarks/answers_evidence.py); em, f1: the answer proper against accepted answers,
                    holds: one of them is in the text, without: answered with the document that answers left out;
                    rouge*: query-focused summaries (benchmarks/answers_summaries.py)
with --reader R:    short.*: the answers proper alone, by data set, of a reading model beside the one that read
                    (benchmarks/answers_reader.py); R "none": by the patterns that do without
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import answers_reader, answers_summaries, answers_trends
from benchmarks.answers_data import Asked, load, session, write
from benchmarks.answers_evidence import Encoder, evidence_of, first_hits, rankers, told, without
from benchmarks.common import ROOT, Report, parser
from benchmarks.planted import corpora
from titans_cli.sessions.engines import reader_of

CORPUS = ROOT / "sample_corpora"
ELSEWHERE = ("Who is the president of France?", "What is the capital of Zarvex?", "Who won the world cup in 2022?")
WHOLE = ("summarize trends", "what are the main themes?", "what do the papers disagree on?")


def findings(readme: str) -> list[tuple[str, str, str, int]]:
    """(question, figure, file, page) of every row of the README's table."""
    rows = re.findall(r"^\| \d+ \| (.+?) \| (.+?) \| `(.+?)` \| (\d+) \|", readme, re.M)
    figure = re.compile(r"\d[\d.,:]*\d|\d+|forty")
    return [(q, found.group(), file, int(page)) for q, a, file, page in rows if (found := figure.search(a))]


def verbatim(report: Report, part: str, quotes: Sequence[bool]) -> None:
    report.add(f"quotes.{part}", len(quotes))
    report.add(f"quotes.{part}.verbatim", sum(quotes) / max(1, len(quotes)))


def sample(report: Report, folder: Path, model: Path | None) -> None:
    readme = (CORPUS / "README.md").read_text(encoding="utf-8")
    absent = re.findall(r"^\d+\. (.+\?)$", readme.split("does not answer")[-1], re.M)
    with session(folder / "sample", CORPUS / "papers", model) as s:
        rows = findings(readme)
        given = [s.ask(question) for question, _, _, _ in rows]
        begun = time.perf_counter()
        refused = [s.ask(question) for question in (*absent, *ELSEWHERE)]
        report.add("seconds_per_question", (time.perf_counter() - begun) / len(refused))
        for question in WHOLE:
            s.ask(question)
        verbatim(report, "sample", s.quotes)
    report.add("findings", len(rows))
    answered = sum(figure in a.text for (_, figure, _, _), a in zip(rows, given, strict=True))
    report.add("findings.answered", answered / len(rows))
    short = sum(figure in (a.short or "") for (_, figure, _, _), a in zip(rows, given, strict=True))
    report.add("findings.short", short / len(rows))
    cited = sum(
        any(c.uri.endswith(file) and c.page == page for c in a.citations)
        for (_, _, file, page), a in zip(rows, given, strict=True)
    )
    report.add("findings.cited", cited / len(rows))
    report.add("refused", sum(a.support == "none" for a in refused) / len(refused))
    recalled = [(figure, a.recalled) for (_, figure, _, _), a in zip(rows, given, strict=True) if a.recalled]
    report.add("memory.right", sum(figure in said for figure, said in recalled) / len(rows))
    report.add("memory.wrong", sum(figure not in said for figure, said in recalled) / len(rows))
    report.add("memory.absent", sum(a.recalled is not None for a in refused) / len(refused))


def planted(report: Report, count: int, model: Path | None) -> None:
    quotes: list[bool] = []
    scores = [answers_trends.measure(c, model, WHOLE, quotes) for c in corpora(count)]
    verbatim(report, "planted", quotes)
    for name in ("ours", "topk"):
        some = [s[name] for s in scores]
        report.add(f"trends.{name}", answers_trends.share(some, "right", "planted"))
        report.add(f"trends.false.{name}", answers_trends.share(some, "false", "told"))
        report.add(f"disputes.{name}", answers_trends.share(some, "disputes_named", "disputes"))


def evidence(report: Report, data: Path, folder: Path, quick: bool, model: Path | None) -> None:
    """Evidence and answers on the questions of the data folder whose documents one session has read."""
    wanted = (("qed_dev", 60 if quick else 1000), ("timeqa", 6 if quick else 60))
    loaded = [load(data / "qa" / "dev", [name], count) for name, count in wanted]
    texts = {file: text for some, _ in loaded for file, text in some.items()}
    with session(folder / "questions", write(texts, folder / "questions-documents"), model) as s:
        rank = rankers(s)
        if not Encoder.there():
            print(f"skipped: MiniLM, {Encoder.PACKAGE} is not installed", file=sys.stderr)
        everything: list[Asked] = [a for _, asked in loaded for a in asked]
        report.add("questions", len(everything))
        report.add("questions.documents", len(texts))
        golds = evidence_of(everything, s)
        fair = [(a, g) for a, g in zip(everything, golds, strict=True) if g]  # evidence in one block at all
        for name, ranker in rank.items():
            hits = first_hits([a for a, _ in fair], [g for _, g in fair], ranker)
            for label in ("", *(f".{dataset}" for dataset, _ in wanted)):
                mine = [h for h, (a, _) in zip(hits, fair, strict=True) if a.document.startswith(label[1:])]
                for k in (1, 5, 10):
                    hit = sum(h is not None and h <= k for h in mine)
                    report.add(f"recall{k}.{name}{label}", hit / max(1, len(mine)))
        for name, value in told(everything[:: max(1, len(everything) // 300)], s).items():
            report.add(f"answers.{name}", value)
        report.add("answers.without", without(everything[::4], s))
        verbatim(report, "questions", s.quotes)


def short(report: Report, data: Path, folder: Path, quick: bool, model: Path | None, reader: str) -> None:
    """The answers proper of a reader, of one session with the documents of both data sets."""
    wanted = (("qed_dev", 60 if quick else 1000), ("timeqa", 6 if quick else 60))
    loaded = {name: load(data / "qa" / "dev", [name], count) for name, count in wanted}
    texts = {file: text for some, _ in loaded.values() for file, text in some.items()}
    chosen = None if reader == "none" else reader_of(reader)
    with session(folder / "questions", write(texts, folder / "questions-documents"), model, chosen) as s:
        report.add("short.documents", len(texts))
        judged = [answers_reader.measure(report, name, asked, s) for name, (_, asked) in loaded.items()]
        answers_reader.calibrated(report, judged)
        verbatim(report, "questions", s.quotes)


def summaries(report: Report, data: Path, folder: Path, quick: bool, model: Path | None) -> None:
    if not answers_summaries.there():
        print("skipped: summaries, rouge-score is not installed", file=sys.stderr)
        return
    texts, asked = answers_summaries.load(data / "qa" / "dev", 2 if quick else 16)
    with session(folder / "summaries", write(texts, folder / "summaries-documents"), model) as s:
        report.add("summaries", len(asked))
        for name, value in sorted(answers_summaries.measure(s, asked, texts).items()):
            report.add(name, value)
        verbatim(report, "summaries", s.quotes)


def main() -> None:
    args = parser(__doc__)
    args.add_argument(
        "--data", type=Path, help="data folder with qa/dev: evidence, answers and summaries are measured too"
    )
    args.add_argument("--model", type=Path, help="model folder (default: the embedded one)")
    args.add_argument("--reader", help="with --data: only short answers, by this reader (a name, a folder, or none)")
    options = args.parse_args()
    count = 1 if options.quick else 5
    if options.reader and not options.data:
        args.error("--reader needs --data")
    settings = {"corpora": count, "data": options.data is not None, "quick": options.quick, "reader": options.reader}
    report = Report("answers", settings)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if options.reader:
            short(report, options.data, folder, options.quick, options.model, options.reader)
        else:
            sample(report, folder, options.model)
            planted(report, count, options.model)
        if options.data and not options.reader:
            evidence(report, options.data, folder, options.quick, options.model)
            summaries(report, options.data, folder, options.quick, options.model)
    report.print(as_json=options.json)


if __name__ == "__main__":
    main()
