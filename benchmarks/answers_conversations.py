"""Conversations, letters and diaries of the training text, and questions about them written by hand, for fits.

`answers_conversations.jsonl`: `title` the document that a question was written from, `ask`, whether it has an answer
(`answered`), and whether it is kept out of the fit (`held`). Half of the questions have none: what is asked is said of
nobody in any document of the session. Answers are mostly in other words than the questions, as people ask.

Each turn of a meeting is a paragraph ("Speaker: text"), as chats are exported; where the meeting tells the names of its
speakers, these stand in the place of their roles. All meetings of a group are there, so that no name tells a document.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from benchmarks.answers_data import records
from titans_cli.train.corpus import read_jsonl

_SPELLED = re.compile(r"\b(?:[A-Z]_)+[A-Z]?(?![A-Za-z])")
QUESTIONS = Path(__file__).with_suffix(".jsonl")
ROLES = ("Project Manager", "Marketing", "User Interface", "Industrial Designer")
MEETINGS: dict[str, dict[str, tuple[str, ...]]] = {  # of the fit or kept out of it: groups, and who has which role
    "fit": {"ES2003": ("Adam", "Ebenezer", "Dave", "Tarik"), "IS1004": ("Sebastian", "Guillermo", "Michael", "Hemant")},
    "held": {"ES2010": ("Mandy", "Courtney", "Fenella", "Amber")},
}
SINGLE = {"fit": ("education_8", "Bro007"), "held": ("covid_10",)}  # meetings with the names or labels they have
BOOKS = {
    "fit": (
        *(f"Frankenstein: Letter {n}" for n in ("I", "II", "III", "IV")),
        *(f"Dracula: {n}" for n in ("V", "VI", "VIII", "IX")),
        "Alice’s Adventures in Wonderland: VII",
    ),
    "held": tuple(f"Treasure Island: {n}" for n in ("I", "II", "III", "IV")),
}


def questions(held: bool) -> list[dict[str, Any]]:
    return [q for q in records(QUESTIONS) if q["held"] is held]


def conversations(data: Path, held: bool) -> dict[str, str]:
    """Their documents, by the name of a file."""
    part = "held" if held else "fit"
    people = {f"{group}{m}": names for group, names in MEETINGS[part].items() for m in "abcd"}
    people |= dict.fromkeys(SINGLE[part], ROLES)
    meetings = {r["title"]: r["text"] for r in records(data / "qa" / "train" / "qmsum_train_docs.jsonl")}
    books = (r for r in read_jsonl(data / "text" / "standard_ebooks.jsonl.zst") if r.get("title") in BOOKS[part])
    turns = {f"{m}.txt": _turns(meetings[m], dict(zip(ROLES, names, strict=True))) for m, names in people.items()}
    return turns | {f"book-{n:02d}.txt": r["text"] for n, r in enumerate(books)}


def _turns(text: str, people: dict[str, str]) -> str:
    """A turn a paragraph, those without a word left out; what is spelled ("D_V_D_") as it is written."""
    written = _SPELLED.sub(lambda letters: letters[0].replace("_", ""), text)
    turns = (line.split(": ", 1) if ": " in line else ("", line) for line in written.splitlines())
    return "\n\n".join(f"{people.get(who, who)}: {said}" if who else said for who, said in turns if said.strip(" ."))
