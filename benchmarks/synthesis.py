"""Synthesis of real piles: are the trends those of the field, the topics those of the classes, the disagreements any?

trends.told, .precision  of "summarize trends" over 240 dated abstracts, five samples: how much is told to rise or fall,
                         and of all that, how much does so in the 20,000 others (benchmarks/synthesis_trends.py)
trends.recall            of the thirty strongest matters of each direction there, those that are told
themes.generic           of all phrases named by trends and main themes, those that name nothing; the same of 480
                         abstracts: trends480.*, themes480.*
topics.PILE.*            npmi, diversity, coverage, and nmi with known classes, of 480 abstracts, PEPs and textbook
                         sections (benchmarks/synthesis_topics.py); .bertopic over the same vectors (skipped, and said
                         so, where it is not installed), .nmf with as many topics. topics.npmi, topics.nmi and coverage
                         are the means over piles
disagreements.false      of all that is told of 104 papers and three other piles, what was judged to be none; judged by
                         hand, once, in benchmarks/synthesis_judged.json by digest of the quotes; .unjudged: the rest,
                         printed to stderr to be read
rouge*                   summaries (benchmarks/answers_summaries.py)

No model reads the piles: an answer about the whole needs none (benchmarks/synthesis_pile.py).
Choose parts with --part: trends, topics, disagreements, summaries. --quick: one sample of 240, and the textbooks.
Neither the five samples nor the judged piles may be looked at while what they measure is built: use --seed for others.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

from benchmarks import answers_summaries, synthesis_pile, synthesis_told, synthesis_topics
from benchmarks.answers_data import session, write
from benchmarks.common import ROOT, Report, parser
from benchmarks.synthesis_pile import of_texts
from benchmarks.synthesis_topics import Pile, Topics
from benchmarks.synthesis_trends import Population, score
from titans_cli.train.corpus import read_jsonl

SAMPLES = 5
SIZES = (240, 480)
PARTS = ("trends", "topics", "disagreements", "summaries")
JUDGED = ROOT / "benchmarks" / "synthesis_judged.json"
PILES = {"us_speeches": 60, "plos_articles": 60, "medquad_docs": 120}  # documents of other piles for disagreements
LONGEST = 12_000  # characters of a document of these


def files_of(population: Population, sample: list[int]) -> dict[str, str]:
    """A file a document, its year in its name, as a catalogue would have it."""
    return {
        f"{population.years[n]}-{population.records[n]['id'].split('/')[-1].replace('.', '-')}.txt": population.records[
            n
        ]["text"]
        for n in sample
    }


def trends(report: Report, population: Population, seed: int, quick: bool) -> None:
    for size in SIZES[: 1 if quick else None]:
        suffix = "" if size == SIZES[0] else str(size)
        rows: dict[str, list[float]] = defaultdict(list)
        for number in range(seed, seed + (1 if quick else SAMPLES)):
            sample = population.sample(number, size // 6)
            name = f"abstracts-{size}-{number}"
            told, named = synthesis_told.claims(of_texts(files_of(population, sample)))
            found = score(population, sample, told)
            rows["told"].append(found.told)
            rows["right"].append(found.right)
            rows["recall"].append(found.found / max(1, found.strong))
            generic = [p for p in named if population.generic(p)]
            rows["named"].append(len(named))
            rows["generic"].append(len(generic))
            print(f"{name}: {told}\n  not so: {found.wrong}\n  generic: {generic} of {named}", file=sys.stderr)
        report.add(f"trends{suffix}.told", mean(rows["told"]))
        report.add(f"trends{suffix}.precision", sum(rows["right"]) / max(1, sum(rows["told"])))
        report.add(f"trends{suffix}.recall", mean(rows["recall"]))
        report.add(f"themes{suffix}.generic", sum(rows["generic"]) / max(1, sum(rows["named"])))


def topics(report: Report, data: Path, population: Population | None, seed: int) -> None:
    piles: dict[str, Pile] = {"openstax": synthesis_topics.openstax(data)}
    if population is not None:
        texts = files_of(population, population.sample(seed, SIZES[1] // 6))
        piles["acl"] = Pile(texts, {}, [r["text"] for r in population.records])
        piles["peps"] = synthesis_topics.peps(data)
    with_bertopic = synthesis_topics.bertopic_there()
    if not with_bertopic:
        print("skipped: BERTopic is not installed", file=sys.stderr)
    every: dict[str, list[float]] = defaultdict(list)
    for name, pile in piles.items():
        read = of_texts(pile.texts)
        ours, vectors = synthesis_told.topics(read), synthesis_told.vectors(read, pile.texts)
        made: dict[str, Topics] = {"": ours, ".nmf": synthesis_topics.nmf(pile, max(2, len(ours.words)))}
        if with_bertopic:
            made[".bertopic"] = synthesis_topics.bertopic(pile, vectors)
        for who, found in made.items():
            print(f"{name}{who}: {[' '.join(w) for w in found.words]}", file=sys.stderr)
            for figure, value in synthesis_topics.figures(pile, found).items():
                report.add(f"topics.{name}.{figure}{who}", value)
                every[figure + who].append(value)
    for who in ("", ".bertopic", ".nmf"):
        for figure, short in (("npmi", "topics.npmi"), ("nmi", "topics.nmi"), ("coverage", "coverage")):
            if every[figure + who]:
                report.add(short + who, mean(every[figure + who]))


def disagreements(report: Report, data: Path, quick: bool) -> None:
    judged: dict[str, str] = json.loads(JUDGED.read_text(encoding="utf-8")) if JUDGED.exists() else {}
    told, false, unjudged = 0, 0, 0
    for name, pile in () if quick else _piles(data):
        pairs = {digest(pair): pair for pair in synthesis_told.disagreements(pile)}.values()
        for pair in pairs:
            verdict = judged.get(digest(pair))
            told += 1
            false += verdict == "false"
            unjudged += verdict is None
            print(
                f"{name} {digest(pair)} {verdict or 'unjudged'}", *(f"  {q}" for q in pair), sep="\n", file=sys.stderr
            )
    report.add("disagreements.told", told)
    report.add("disagreements.unjudged", unjudged)
    report.add("disagreements.false", false / max(1, told - unjudged))


def digest(pair: list[str]) -> str:
    return hashlib.sha256("\n".join(sorted(pair)).encode()).hexdigest()[:16]


def _piles(data: Path) -> Iterator[tuple[str, synthesis_pile.Pile]]:
    yield "papers", synthesis_pile.of_folder(data / "pdfs")
    for name, count in PILES.items():
        records = sorted(read_jsonl(data / "text" / f"{name}.jsonl.zst"), key=lambda r: str(r["id"]))
        chosen = random.Random(0).sample(records, count)
        files = {f"{r['id'].split('/')[-1].replace('.', '-')}.txt": r["text"][:LONGEST] for r in chosen}
        yield name, synthesis_pile.of_texts(files)


def summaries(report: Report, data: Path, folder: Path, quick: bool) -> None:
    if not answers_summaries.there():
        print("skipped: summaries, rouge-score is not installed", file=sys.stderr)
        return
    texts, asked = answers_summaries.load(data / "qa" / "dev", 2 if quick else 16)
    with session(folder / "summaries", write(texts, folder / "summaries-documents")) as s:
        for name, value in sorted(answers_summaries.measure(s, asked, texts).items()):
            report.add(name, value)


def main() -> None:
    args = parser(__doc__)
    args.add_argument("--data", type=Path, required=True, help="data folder with text/, pdfs/ and qa/dev")
    args.add_argument("--part", action="append", choices=PARTS, help="only these parts (default: all)")
    args.add_argument("--seed", type=int, default=0, help="first of the samples' seeds")
    options = args.parse_args()
    parts = options.part or PARTS
    report = Report("synthesis", {"parts": list(parts), "seed": options.seed, "quick": options.quick})
    whole = "trends" in parts or ("topics" in parts and not options.quick)
    population = Population(options.data) if whole else None
    if "trends" in parts and population is not None:
        trends(report, population, options.seed, options.quick)
    if "topics" in parts:
        topics(report, options.data, None if options.quick else population, options.seed)
    if "disagreements" in parts:
        disagreements(report, options.data, options.quick)
    if "summaries" in parts:
        with tempfile.TemporaryDirectory() as folder:
            summaries(report, options.data, Path(folder), options.quick)
    report.print(as_json=options.json)


if __name__ == "__main__":
    main()
