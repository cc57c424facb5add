"""What passes for supported: sentences of held-out text, as they stand and with one thing in them made wrong.

    python -m benchmarks.claims --data DATA [--quick] [--json]

A claim is a sentence of a document; what it cites are six sentences of the document among which it stands. It has to
be supported as it stands (`verbatim`), without its last clause (`shorter`), and behind a sentence of another document
and an "and", with its first word in lower case (`joined`; it cites both). Each of these must not be:

    name       one name of it is another document's            first      ... the name that opens the sentence
    invented   a name of syllables is put before its verb      number     one figure of it is another
    date       one month or year of it is another              denied     "not" is put behind its first auxiliary
    affirmed   "not" is taken out of it

`paraphrase`: one-sentence summaries that people wrote of abstracts (DATA/qa/dev/scitldr_dev.jsonl), of the abstract.
Names here are words that the document writes with a capital within a sentence and nowhere in lower case.
"""

from __future__ import annotations

import calendar
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.common import Report, parser
from titans_cli.answers.claims import fault
from titans_cli.sentences import sentence_spans

KINDS = ("wikipedia", "standard_ebooks", "oa_stm_articles", "craft_articles", "openstax")
AROUND = 6  # sentences that a claim cites
_WITHIN = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{3,}\b")
_NUMBER = re.compile(r"(?<![\w.,])\d{1,4}(?![\w.,]*\d)")
_AUXILIARY = re.compile(r"\b(is|are|was|were|has|had|can|could|will|would)\b")
_MONTHS = list(calendar.month_name)[1:]


def documents(data: Path) -> list[str]:
    from titans_cli.train.corpus import read_jsonl

    files = [data / "text" / "heldout" / f"{kind}.jsonl.zst" for kind in KINDS]
    return [record["text"] for path in files for record in list(read_jsonl(path))[:200]]


def names_of(text: str) -> list[str]:
    lower = set(re.findall(r"\b[a-z]+\b", text))
    found = dict.fromkeys(_WITHIN.findall(text))
    return [n for n in found if n.lower() not in lower and n not in _MONTHS]


def samples(texts: list[str], rng: random.Random, count: int) -> Iterator[tuple[str, str, list[str]]]:
    """A sentence, the sentences it stands among, the names of its document."""
    made = 0
    while made < count:
        text = rng.choice(texts)
        spans = [s for s in sentence_spans(text[:20_000]) if 60 <= s[1] - s[0] <= 300]
        if len(spans) < AROUND:
            continue
        at = rng.randrange(len(spans) - AROUND + 1)
        some = [" ".join(text[a:b].split()) for a, b in spans[at : at + AROUND]]
        claim = rng.choice(some)
        if not claim[0].isupper() or claim[-1] != ".":
            continue
        made += 1
        yield claim, " ".join(some), names_of(text)


def wrong(claim: str, text: str, names: list[str], others: list[str], rng: random.Random) -> Iterator[tuple[str, str]]:
    """The claim with one thing in it made wrong, by kind."""
    foreign = [n for n in others if n.lower() not in text.lower()]
    within = [m for m in _WITHIN.finditer(claim) if m[0] in names]
    if within and foreign:
        m = rng.choice(within)
        yield "name", claim[: m.start()] + rng.choice(foreign) + claim[m.end() :]
    opening = re.match(r"[A-Z][a-z]{3,}\b", claim)
    if opening and opening[0] in names and foreign:
        yield "first", rng.choice(foreign) + claim[opening.end() :]
    invented = "".join(rng.choice(["ba", "ro", "lin", "ves", "ko", "tar", "mi", "dul"]) for _ in range(3)).capitalize()
    if auxiliary := _AUXILIARY.search(claim):
        yield "invented", f"{claim[: auxiliary.start()]}with {invented} {claim[auxiliary.start() :]}"
        if not re.search(r"\b(not?|never|n't|nor|neither|without)\b", claim):
            yield "denied", f"{claim[: auxiliary.end()]} not{claim[auxiliary.end() :]}"
    if " not " in claim and claim.count(" not ") == 1 and not re.search(r"\b(no|never|nor|neither|without)\b", claim):
        yield "affirmed", claim.replace(" not ", " ")
    stand = set(_NUMBER.findall(text))
    if figures := list(_NUMBER.finditer(claim)):
        m = rng.choice(figures)
        other = next(str(n) for n in iter(lambda: int(m[0]) + rng.randint(1, 60), -1) if str(n) not in stand)
        yield "date" if len(m[0]) == 4 else "number", claim[: m.start()] + other + claim[m.end() :]
    for month in _MONTHS:
        if re.search(rf"\b{month}\b", claim) and month != "May":
            other = rng.choice([x for x in _MONTHS if x not in text and x != "May"])
            yield "date", claim.replace(month, other)
            break


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--data", type=Path, required=True, help="the data folder")
    cli.add_argument("--show", metavar="KIND", help="print what came out wrong of this kind")
    args = cli.parse_args()
    count = 200 if args.quick else 2000
    rng = random.Random(17)
    texts = documents(args.data)
    others = [n for t in rng.sample(texts, 60) for n in names_of(t)[:20]]
    right: dict[str, list[bool]] = {}

    def judge(kind: str, claim: str, text: str, supported: bool) -> None:
        why = fault(claim, [text])
        right.setdefault(kind, []).append((why == "") == supported)
        if args.show == kind and not right[kind][-1]:
            print(f"- {claim}\n    of: {text}\n    {why or 'supported'}")

    last = ""
    for claim, text, names in samples(texts, rng, count):
        judge("verbatim", claim, text, True)
        if (cut := claim.rfind(", ")) > 40 and not re.search(r"\b(not?|never|neither)\b", claim):
            judge("shorter", f"{claim[:cut]}.", text, True)
        if last:
            small = claim if claim.split()[0].strip(",") in {*names, "I"} else claim[0].lower() + claim[1:]
            judge("joined", f"{last} and {small}", f"{last}. {text}", True)
        last = claim[:-1] if len(claim) < 160 and not re.search(r"\b(not?|never|neither)\b", claim) else ""
        for kind, made in wrong(claim, text, names, others, rng):
            judge(kind, made, text, False)
    lines = (args.data / "qa" / "dev" / "scitldr_dev.jsonl").read_text(encoding="utf-8").splitlines()
    for record in map(json.loads, lines[: count // 5]):
        for summary in record["answers"]:
            judge("paraphrase", summary, record["context"], True)
    report = Report("claims", {"seed": 17, "samples": count, "kinds": list(KINDS)})
    for kind, judged in right.items():
        report.add(f"{kind}.right", sum(judged) / len(judged))
        report.add(f"{kind}.n", len(judged))
    report.print(as_json=args.json)


if __name__ == "__main__":
    main()
