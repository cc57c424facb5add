"""titans cite, and where else a card is shown."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Titans

_PAPER = """---
title: "Weirs & Tides: a record"
author: [Mara Quill, Jonas van der Molen]
date: 2019-05-04
journal: Estuary Letters
doi: 10.5555/el.2019
---
The weir of Ostwick was raised by two metres in 1911 and has held every spring tide since then.
"""


def read_paper(titans: Titans, folder: Path) -> None:
    path = folder / "weirs.md"
    path.write_text(_PAPER, encoding="utf-8")
    assert titans("session", "new", "papers").code == 0
    assert titans("ingest", path).code == 0


def test_references_in_every_form(titans: Titans, tmp_path: Path) -> None:
    read_paper(titans, tmp_path)
    plain = titans("cite", "-v")
    assert plain.out == (
        "Quill, M. & van der Molen, J. (2019). Weirs & Tides: a record. Estuary Letters. https://doi.org/10.5555/el.2019\n"
    )
    assert "author: front matter" in plain.err
    bibtex = titans("cite", "--bibtex").out
    assert bibtex.startswith("@misc{quill2019weirs,\n  title = {{Weirs \\& Tides: a record}},\n")
    assert "author = {Quill, Mara and van der Molen, Jonas}" in bibtex
    (item,) = json.loads(titans("cite", "--csl").out)
    assert item["author"][1] == {"family": "van der Molen", "given": "Jonas"}
    assert item["issued"] == {"date-parts": [[2019, 5, 4]]}
    (document,) = titans("cite", "--json").document["documents"]
    assert document["origins"]["title"] == "front matter"


def test_one_form_at_a_time_and_nothing_to_cite(titans: Titans, tmp_path: Path) -> None:
    assert titans("cite", "--bibtex", "--csl").code == 2
    assert titans("session", "new", "empty").code == 0
    done = titans("cite")
    assert done.code != 0
    assert "no document" in done.err


def test_a_card_is_shown_with_the_session_and_in_citations(titans: Titans, tmp_path: Path) -> None:
    read_paper(titans, tmp_path)
    shown = titans("session", "show")
    assert "Mara Quill, Jonas van der Molen" in shown.out
    (card,) = titans("session", "show", "--json").document["cards"]
    assert card["doi"] == "10.5555/el.2019"
    asked = titans("ask", "Who wrote Weirs & Tides?", "--no-log")
    assert asked.out.startswith("Mara Quill and Jonas van der Molen\n")
    assert titans("ask", "Who wrote Weirs & Tides?").code == 0
    assert titans("ask", "and when was it published?", "--continue", "--no-log").out.startswith("4 May 2019\n")
    assert not titans("ask", "and when was it published?", "--no-log").out.startswith("4 May 2019")
    answer = titans("ask", "How many papers are there?", "--no-log", "--json").document
    assert answer["short"] == "1"
    assert answer["support"] == "card"
