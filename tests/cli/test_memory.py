"""titans memory ..., note and recall: what scripts and agents see of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cli.conftest import Done, Titans

OLD = "The melting point of brunsite is 417 kelvin, as the first survey found."
NEW = "The boiling temperature of brunsite lies near 902 degrees after the recount."


def add(titans: Titans, *more: str, text: str = OLD) -> dict[str, object]:
    done = titans("memory", "add", text, "--key", "brunsite", "--source", "survey", "--tag", "metal", "--json", *more)
    assert done.code == 0, done.err
    assert done.document["schema"] == "titans.memory-item/1"
    return done.document


@pytest.mark.usefixtures("papers")
def test_a_memory_is_added_updated_retrieved_and_deleted(titans: Titans, memory: Callable[..., str]) -> None:
    before = memory()
    added = add(titans)
    assert added["status"] == "added"
    assert add(titans)["status"] == "unchanged"
    updated = titans("memory", "update", "brunsite", "-", "--json", stdin=NEW.encode()).document
    assert (updated["status"], updated["superseded"]) == ("updated", 0)
    assert updated["item"]["id"] == added["item"]["id"]  # type: ignore[index]
    retrieved = titans("memory", "retrieve", "boiling temperature of brunsite", "--top-k", "2", "--json").document
    assert retrieved["schema"] == "titans.memory-retrieved/1"
    first = retrieved["passages"][0]
    assert (first["key"], first["label"], first["text"], first["tags"]) == ("brunsite", "survey", NEW, ["metal"])
    assert {"page", "start", "end", "score", "surprise"} <= first.keys()
    assert titans("memory", "delete", "brunsite").code == 2  # nobody to ask
    assert titans("memory", "delete", "brunsite", "--dry-run", "--json").document["done"] is False
    assert titans("memory", "delete", "brunsite", "--yes", "--json").document["done"] is True
    assert memory() == before
    assert titans("memory", "delete", "brunsite", "--yes").code == 10


@pytest.mark.usefixtures("papers")
def test_another_text_under_a_key_is_refused_and_the_way_out_is_named(titans: Titans) -> None:
    add(titans)
    done = titans("memory", "add", NEW, "--key", "brunsite", "--json")
    assert done.code == 2
    assert "titans memory update brunsite" in done.document["hint"]


@pytest.mark.usefixtures("papers")
def test_a_fast_update_says_what_it_leaves_and_gc_erases_it(titans: Titans) -> None:
    add(titans)
    done = titans("memory", "update", "brunsite", NEW, "--fast")
    assert "updated" in done.out
    assert "1 old version withheld" in done.err
    assert "titans memory gc" in done.err
    shown = titans("session", "show")
    assert "1 old version still on disk" in shown.out
    assert titans("memory", "gc", "--dry-run", "--json").document["versions"] == 1
    assert "erased 1 old version" in titans("memory", "gc").out
    assert titans("memory", "gc", "--json").document == {
        "schema": "titans.memory-gc/1",
        "session": "papers",
        "versions": 0,
        "done": True,
        "finished": False,
    }
    assert "superseded" not in titans("session", "show").out


@pytest.mark.usefixtures("papers")
def test_what_is_excluded_is_not_answered_from(titans: Titans) -> None:
    add(titans)
    question = "What is the melting point of brunsite?"
    assert "417" in titans("ask", question, "--no-log").out
    done = titans("memory", "filter", "--tag", "metal", "--exclude", "--json").document
    assert (done["changed"], done["items"][0]["withheld"]) == (1, "excluded")
    assert "417" not in titans("ask", question, "--no-log").out
    assert titans("memory", "filter", "--excluded", "-q").out == "brunsite\n"
    assert "1 source" in titans("session", "show").out
    assert titans("memory", "filter", "--exclude").code == 2
    assert titans("memory", "filter", "--since", "noon").code == 2
    assert titans("memory", "filter", "--include", "-q").code == 0
    assert "417" in titans("ask", question, "--no-log").out
    listed = titans("memory", "filter")
    assert len(listed.out.splitlines()) == 5  # a head, three documents, an item


@pytest.mark.usefixtures("papers")
def test_a_summary_keeps_to_its_filter(titans: Titans) -> None:
    add(titans, text=f"{OLD} Samples of brunsite were kept in oil for a year.")
    done = titans("memory", "summary", "--tag", "metal", "--no-log", "--json").document
    assert done["schema"] == "titans.answer/1"
    assert {c["source"] for c in done["citations"]} == {"survey"}
    assert titans("memory", "summary", "--tag", "nothing").code == 2


def test_a_note_starts_a_session_and_is_recalled_as_an_episode(titans: Titans) -> None:
    noted = titans("note", "-", "--tag", "metal", "--json", stdin=OLD.encode()).document
    assert noted["item"]["tags"] == ["metal", "note"]
    assert titans("note", OLD, "-q", "--tag", "metal").out.strip() == noted["item"]["id"]
    titans("ask", "What is brunsite?")
    recalled = titans("recall", "brunsite", "--since", "2h", "--json").document
    assert recalled["schema"] == "titans.recalled/1"
    assert {e["kind"] for e in recalled["events"]} == {"told", "asked", "answered"}
    assert [line.split()[2] for line in titans("recall", "brunsite", "--kind", "told").out.splitlines()] == ["told"]
    nothing = titans("recall", "zebra")
    assert (nothing.code, nothing.out) == (0, "")
    assert titans("recall", " ").code == 2


@pytest.mark.parametrize("argv", [("note", "-"), ("memory", "add", ""), ("memory", "add", OLD, "--key", "a\nb")])
def test_what_cannot_be_told_is_wrong_usage_and_starts_no_session(titans: Titans, argv: tuple[str, ...]) -> None:
    assert titans(*argv).code == 2
    assert titans("session", "list", "-q").out == ""


def test_without_a_session_nothing_is_found(titans: Titans) -> None:
    for argv in (("retrieve", "x"), ("filter",), ("summary",), ("delete", "x", "-y"), ("update", "x", "y"), ("gc",)):
        done: Done = titans("memory", *argv, "--json")
        assert (done.code, done.document["kind"]) == (10, "not-found")
