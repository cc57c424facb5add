"""Conversations of months between two people (LoCoMo, Maharana et al. 2024), a session of a conversation a document.

The data is CC BY-NC 4.0: it is measured with and neither shipped nor trained on. Every session is read as one
document, a turn a paragraph ("Speaker: text"), its date in the first line; a conversation is one session of titans.

any5, any10       questions with evidence of which some session of theirs is among the first 5, 10 sessions found
all10             ... all sessions of theirs are among the first 10
f1                of the headline (the answer proper, or else the first sentence) against the accepted answer, over all
                  answerable questions, scored as LoCoMo's own program does: words without case, punctuation and
                  articles, stemmed (Porter); for several answers the mean of each one's best. A refusal is 0.
f1.c1 ... .c4     of multi-hop, temporal, open-domain, single-hop questions
adversarial.refused   questions whose answer nothing says that are refused, or begin with a denial
refused.wrongly   answerable questions that are refused
"""

from __future__ import annotations

import json
import re
import string
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import snowballstemmer

from benchmarks.answers_data import NAME, Session, session
from benchmarks.common import Report, parser
from benchmarks.researcher import denies, headline, refused, stem
from titans_cli.sessions.engines import reader_of
from titans_cli.sessions.retrieve import retrieve

ADVERSARIAL, MULTI_HOP, OPEN = 5, 1, 3
DEPTH = 80  # blocks looked at, so that ten sessions are among them
_STEMMER = snowballstemmer.stemmer("porter")


def write(conversation: dict[str, Any], folder: Path) -> Path:
    """Its sessions as text files, `3.txt` being session_3."""
    folder.mkdir(parents=True)
    for key, turns in conversation.items():
        if found := re.fullmatch(r"session_(\d+)", key):
            lines = [
                conversation[f"{key}_date_time"],
                *(f"{t['speaker']}: {' '.join(t['text'].split())}" for t in turns),
            ]
            (folder / f"{found[1]}.txt").write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    return folder


def words(text: str) -> list[str]:
    bare = "".join(c for c in text.lower().replace(",", "") if c not in string.punctuation)
    return list(_STEMMER.stemWords(re.sub(r"\b(a|an|the|and)\b", " ", bare).split()))


def f1(given: str, gold: str) -> float:
    mine, theirs = words(given), words(gold)
    both = sum((Counter(mine) & Counter(theirs)).values())
    return 2 * both / (len(mine) + len(theirs)) if both else 0.0


def score(question: dict[str, Any], said: str) -> float:
    gold = str(question["answer"])
    if question["category"] == OPEN:
        gold = gold.split(";")[0]
    if question["category"] == MULTI_HOP:
        golds = [g for g in gold.split(",") if g.strip()]
        return sum(max(f1(part, g) for part in said.split(",")) for g in golds) / len(golds)
    return f1(said, gold)


def sessions_of(question: dict[str, Any]) -> set[str]:
    """Numbers of the sessions its evidence is in."""
    return {n for e in question.get("evidence", []) for n in re.findall(r"D:?(\d+):", e)}


def found(s: Session, question: str) -> list[str]:
    """Numbers of the sessions of the passages that are found, best first."""
    passages = retrieve(s.home, NAME, question, top_k=DEPTH, engine=s.engine, shelf=s.shelf).passages
    labels = {item.id: stem(item.label) for item in s.episodes.items()}
    return list(dict.fromkeys(labels[p.item] for p in passages))


def measure(s: Session, questions: list[dict[str, Any]], marks: dict[str, list[float]]) -> None:
    for q in questions:
        answer = s.ask(q["question"])
        if gold := sessions_of(q):
            ranked = found(s, q["question"])
            marks["any5"].append(bool(gold & set(ranked[:5])))
            marks["any10"].append(bool(gold & set(ranked[:10])))
            marks["all10"].append(gold <= set(ranked[:10]))
        if q["category"] == ADVERSARIAL:
            marks["adversarial.refused"].append(refused(answer) or denies(headline(answer)))
            continue
        marks["refused.wrongly"].append(refused(answer))
        value = 0.0 if refused(answer) else score(q, headline(answer))
        marks["f1"].append(value)
        marks[f"f1.c{q['category']}"].append(value)
        if value < 0.3:
            said = "refused" if refused(answer) else " ".join(headline(answer).split())[:140]
            print(f"c{q['category']} {value:.2f}: {q['question']} -> {said}", file=sys.stderr)


def main() -> None:
    args = parser(__doc__)
    args.add_argument("--data", type=Path, required=True, help="a file of conversations as LoCoMo has them")
    args.add_argument("--home", type=Path, help="folder of the sessions; those that are there are not read again")
    args.add_argument("--model", type=Path, help="model folder (default: the embedded one)")
    args.add_argument("--reader", help="a model that reads passages, as of titans ask (default: none)")
    options = args.parse_args()
    reader = reader_of(options.reader) if options.reader else None
    conversations = json.loads(options.data.read_text(encoding="utf-8"))
    if options.quick:
        conversations = conversations[1:2]  # the shortest of the first five
    report = Report("locomo", {"conversations": len(conversations), "quick": options.quick, "reader": options.reader})
    marks: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as temporary:
        for number, c in enumerate(conversations):
            name = str(c.get("sample_id", number))
            texts = write(c["conversation"], Path(temporary) / f"texts-{name}")
            with session((options.home or Path(temporary)) / name, texts, options.model, reader) as s:
                measure(s, c["qa"], marks)
    report.add("questions", len(marks["f1"]) + len(marks["adversarial.refused"]))
    for name, some in sorted(marks.items()):
        report.add(name, sum(some) / len(some))
    report.print(as_json=options.json)


if __name__ == "__main__":
    main()
