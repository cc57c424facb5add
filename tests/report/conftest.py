"""A session whose documents, names and questions are as hostile as can be, and its report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.sessions.samples import open_session, read_into, start, write_documents
from tests.tiny import make_sentences
from titans_cli.model.engine import Engine
from titans_cli.report.facts import ReportFacts
from titans_cli.report.gather import gather
from titans_cli.report.page import page
from titans_cli.sessions.ask import ask
from titans_cli.store import Home

TITLE = '<img src=x onerror="alert(1)">&amp;'
SENTENCE = "The <b>kiln</b> of Ostrel holds 4711 lanterns & feeds its old keepers."
JUNK = "They say </script> and </style> and --> and </title> <script>alert(1)</script> to nobody."
QUESTION = "How many lanterns does the <b>kiln</b> of Ostrel hold?"


@dataclass(frozen=True)
class Told:
    home: Home
    facts: ReportFacts
    html: str


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path, tiny_engine: Engine) -> Told:
    folder = tmp_path_factory.mktemp("report")
    home = Home(folder / "home")
    start(home, "papers", tiny_folder)
    hostile = folder / "docs" / "<script>alert(0)<&'\">.txt"
    paths = write_documents(folder / "docs", 2)
    filler = " ".join(make_sentences(20, seed=77))
    link = "See https://example.org/a?b=<c> and javascript:alert(3)."
    hostile.write_text(f"Lanterns, and {TITLE} too.\n\n{SENTENCE} {JUNK} {link}\n\n{filler}\n", encoding="utf-8")
    read_into(home, "papers", [*paths, hostile])
    answer = ask(home, "papers", QUESTION, engine=tiny_engine)
    assert any("4711" in c.quote for c in answer.citations)
    ask(home, "papers", "zyxwv qqq?", engine=tiny_engine)
    facts = gather(home, "papers", engine=tiny_engine)
    documents = tuple(replace(d, name=TITLE) if d.number == 3 else d for d in facts.documents)
    facts = replace(facts, documents=documents)
    assert open_session(home, "papers").info.name == facts.session.name
    return Told(home, facts, page(facts))
