"""titans search, sources, show, open, cite --last: what was read, looked at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Titans
from titans_cli.store import Home, SessionStore

WEIR = """---
title: The weir of Ostrel
author: Ada Marsh
date: 2019-05-02
---

# The weir of Ostrel

The weir at Ostrel failed in the spring of 2019, when the sluice gate jammed.

Nobody was hurt. The old sluice
gate had been painted green.
"""
OTHER = "The bridge at Velm was opened in 1931. Its gates are painted every year.\n"


@pytest.fixture
def read(titans: Titans, tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "weir.md").write_text(WEIR, encoding="utf-8")
    (folder / "bridge.txt").write_text(OTHER, encoding="utf-8")
    assert titans("ingest", folder).code == 0
    return folder


@pytest.mark.usefixtures("read")
def test_a_hit_has_every_word_by_its_stem_and_says_where_it_stands(titans: Titans) -> None:
    result = titans("search", "gates", "painted", "--json").document
    assert (result["matched"], result["words"]) == ("all", ["gates", "painted"])
    assert {hit["source"].rsplit("/", 1)[-1] for hit in result["hits"]} == {"weir.md", "bridge.txt"}
    for hit in result["hits"]:
        lit = {hit["text"][a:b].casefold() for a, b in hit["spans"]}
        assert lit <= {"gate", "gates", "painted"}
        assert {word[:4] for word in lit} == {"gate", "pain"}
    assert "paragraph" in result["hits"][0]["place"] or "page" in result["hits"][0]["place"]


@pytest.mark.usefixtures("read")
def test_a_phrase_is_found_as_it_is_written_over_line_breaks_and_no_other_way(titans: Titans) -> None:
    result = titans("search", '"old sluice gate"', "--json").document
    (hit,) = result["hits"]
    ((start, end),) = hit["spans"]
    assert " ".join(hit["text"][start:end].split()) == "old sluice gate"
    assert titans("search", "--exact", "OLD SLUICE GATE", "--json").document["hits"][0]["text"] == hit["text"]
    for query in ('"gate sluice"', '"old sluice gates"', '"ld sluice"'):
        done = titans("search", query)
        assert (done.code, done.out, "nothing that was read" in done.err) == (0, "", True)
    both = titans("search", 'painted "old sluice gate"', "--json").document
    assert (both["matched"], len(both["hits"])) == ("all", 1)


@pytest.mark.usefixtures("read")
def test_where_no_passage_has_all_the_words_that_is_said_and_a_phrase_is_never_given_up(titans: Titans) -> None:
    done = titans("search", "sluice bridge")
    assert "no passage has all" in done.err
    assert titans("search", "sluice bridge", "--json").document["matched"] == "some"
    assert titans("search", 'sluice "opened in 1931"', "--json").document["hits"][0]["source"].endswith("bridge.txt")
    assert titans("search", '"no such phrase" sluice', "--json").document["matched"] == "none"
    assert titans("search", "...").code == 2


@pytest.mark.usefixtures("read")
def test_a_search_can_be_narrowed_cut_and_left_bare(titans: Titans) -> None:
    assert titans("search", "painted", "--sources", "*.txt", "-q").out.count("\n") == 1
    done = titans("search", "painted", "-n", "1")
    assert "1 of 2 passages" in done.err
    assert "1. Marsh 2019, The weir of Ostrel, " in titans("search", "jammed").out


def test_characters_of_scripts_without_spaces_are_found(titans: Titans, tmp_path: Path) -> None:
    (tmp_path / "水.txt").write_text("堰は二〇一九年の春に壊れた。だれも怪我をしなかった。", encoding="utf-8")
    assert titans("ingest", tmp_path / "水.txt").code == 0
    result = titans("search", "怪我", "--json").document
    assert [result["hits"][0]["text"][a:b] for a, b in result["hits"][0]["spans"]] == ["怪我"]
    assert titans("search", '"春に壊れた"', "--json").document["matched"] == "all"
    assert titans("search", '"春は壊れた"', "--json").document["matched"] == "none"


@pytest.mark.usefixtures("read")
def test_what_is_excluded_or_forgotten_is_not_found(titans: Titans) -> None:
    assert titans("memory", "filter", "--sources", "*bridge*", "--exclude").code == 0
    assert titans("search", "painted", "-q").out.count("\n") == 1
    assert titans("sources", "--json").document["sources"][0]["withheld"] == "excluded"
    assert titans("session", "forget", "weir.md", "--yes").code == 0
    assert titans("search", "jammed", "--json").document["matched"] == "none"


def test_sources_are_a_table_of_their_cards(titans: Titans, read: Path) -> None:
    titans("note", "Ito says so")
    table = titans("sources")
    assert "Marsh" in table.out
    assert "The weir of Ostrel" in table.out
    assert "1 item that it was told" in table.err
    document = titans("sources", "--json").document
    weir = next(s for s in document["sources"] if s["source"].endswith("weir.md"))
    assert (weir["title"], weir["authors"], weir["year"], weir["pages"]) == (
        "The weir of Ostrel",
        ["Ada Marsh"],
        2019,
        1,
    )
    assert weir["tokens"] > 0
    assert 0 < weir["surprise"] < 2
    assert titans("sources", "-q").out.split() == [str(read / "bridge.txt"), str(read / "weir.md")]
    assert titans("sources", "*weir*", "-q").out.split() == [str(read / "weir.md")]
    assert titans("sources", "*nothing*").code == 2


@pytest.mark.usefixtures("read")
def test_a_page_is_shown_by_path_name_number_title_or_a_part_of_it(titans: Titans) -> None:
    texts = {titans("show", named, "-q").out for named in ("weir.md", "2", "The weir of Ostrel", "of ostrel")}
    assert len(texts) == 1
    assert "sluice gate jammed" in texts.pop()
    assert titans("show", "2", "--all", "-q").out == titans("show", "2", "-q").out
    missing = titans("show", "weir.md", "--page", "7")
    assert (missing.code, "there are 1" in missing.err) == (10, True)
    assert titans("show", "nothing").code == 10
    several = titans("show", "e")
    assert (several.code, "means 2 documents" in several.err) == (2, True)
    assert titans("show", "2", "--all", "--page", "1").code == 2


@pytest.mark.usefixtures("read")
def test_a_citation_of_the_last_answer_is_opened_where_it_stands(titans: Titans) -> None:
    assert titans("open", "1").code == 10  # nothing was asked yet
    answer = titans("ask", "When did the weir at Ostrel fail?", "--json").document
    first = answer["citations"][0]
    page = titans("open", str(first["number"]), "--json").document
    start, end = page["marked"]
    assert page["text"][start:end] == first["quote"]
    assert page["question"] == answer["question"]
    assert first["quote"] in titans("open", "1", "--color", "never").out
    none = titans("open", "99")
    assert (none.code, "no citation 99" in none.err) == (10, True)
    assert titans("ask", "When was the bridge at Velm opened?", "--no-log").code == 0
    assert titans("open", "1", "--json").document == page  # what the session does not keep is no last answer


def test_a_long_page_is_shown_around_the_quote(titans: Titans, tmp_path: Path) -> None:
    filler = "This sentence is about nothing in particular, and so is the next one.\n\n" * 100
    (tmp_path / "long.txt").write_text(f"{filler}The old weir at Ostrel failed in 2019.\n\n{filler}", encoding="utf-8")
    assert titans("ingest", tmp_path / "long.txt").code == 0
    assert titans("ask", "When did the weir at Ostrel fail?").code == 0
    done = titans("open", "1")
    assert len(done.out) < 4_000
    assert "The old weir at Ostrel failed in 2019." in done.out
    assert "titans show 1 --page 1" in done.err
    assert len(titans("show", "1", "-q").out) > 10_000


@pytest.mark.usefixtures("read")
def test_the_references_of_the_last_answer_alone(titans: Titans) -> None:
    assert titans("cite", "--last").code == 10
    assert titans("ask", "When did the weir at Ostrel fail?").code == 0
    assert "The weir of Ostrel" in titans("cite", "--last").out
    assert titans("cite", "--last", "--bibtex").out.count("@") == 1
    assert titans("cite", "--last", "*weir*").code == 2


@pytest.mark.usefixtures("read")
def test_an_answer_of_an_earlier_release_that_kept_no_numbers_is_opened_by_their_order(
    titans: Titans, home: Home
) -> None:
    assert titans("ask", "When did the weir at Ostrel fail?").code == 0
    name = titans("session", "list", "-q").out.strip()
    store = SessionStore.open(home, name)
    with store.writer() as episodes:
        (answered,) = episodes.events(kind="answered")
        kept = [{k: v for k, v in c.items() if k != "number"} for c in answered.data["citations"]]
        episodes.add_events([type(answered)(0, answered.at, "answered", answered.text, {"citations": kept})])
    assert "2019" in titans("open", "1").out
    assert json.loads(titans("open", "1", "--json").out)["citation"] == 1
