"""A list of references is none of what a document says: neither where the matter is named in it, nor its author."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sessions.samples import read_into, start
from titans_cli.answers.evidence import gather
from titans_cli.answers.extract import is_prose
from titans_cli.answers.question import Question
from titans_cli.answers.references import lists_of_references, may_list
from titans_cli.answers.words import stem
from titans_cli.model.engine import Engine
from titans_cli.records import Block
from titans_cli.sessions.ask import AskRequest, ask
from titans_cli.store import Home, SessionStore

BODY = "The kiln of the north was built in stone and fired with peat for nine years."
LISTED = [
    "Gray, A. and Pelt, B., The kilns of the north and their peat. Journal of Kilns 4, 1999.",
    "Moss, C., The firing of stone. https://example.org/moss, 2001.",
]


def blocks(*texts: str) -> list[Block]:
    return [Block(n + 10, 1, n, 1, 0, len(t), t, 9, n, 0.0) for n, t in enumerate(texts)]


def test_a_list_begins_with_its_heading_and_an_appendix_after_it_is_none() -> None:
    found = lists_of_references(
        blocks(
            BODY, BODY, f"{BODY}\n\nReferences\n\n{LISTED[0]}", LISTED[1], "Appendix. The peat was cut by hand in May."
        )
    )
    assert found == {12: len(BODY) + 1, 13: 0}
    assert [may_list(b) for b in blocks(BODY, f"{BODY}\n\nReferences", *LISTED)] == [False, True, True, True]


@pytest.mark.parametrize("heading", ["# References", "7. REFERENCES", "Works cited", "Literature Cited"])
def test_headings_are_known_as_they_are_printed(heading: str) -> None:
    assert lists_of_references(blocks(BODY, f"{BODY}\n{heading}\n{LISTED[0]}")) == {11: len(BODY) + 1}


def test_a_sentence_with_a_citation_at_the_beginning_of_a_line_is_no_entry() -> None:
    assert is_prose("The kiln of the north was fired with peat, as the survey of\n[3] says of all the others.")
    assert not is_prose("[3] The kilns of the north and their peat, a survey of the others.")


def test_a_heading_in_the_first_half_begins_no_list() -> None:
    assert lists_of_references(blocks(f"References\n\n{LISTED[0]}", LISTED[1], BODY, BODY, BODY)) == {}


def test_what_has_no_such_heading_has_no_list() -> None:
    assert lists_of_references(blocks(BODY, *LISTED)) == {}
    assert lists_of_references([]) == {}


def test_neither_a_list_nor_a_notice_with_the_name_of_its_author_is_the_answer(
    tmp_path: Path, tiny_folder: Path, tiny_engine: Engine
) -> None:
    home = Home(tmp_path / "home")
    start(home, "kilns", tiny_folder)
    body = "\n\n".join(
        f"{BODY} The {n} kiln burned more peat than the others did." for n in ("first", "second", "third")
    )
    found = "The peat of the marsh was found to burn longer than any wood."
    notice = "Copyright 2020 Ada Quillfeather, released under a Creative Commons Attribution 4.0 licence."
    listed = "\n\n".join(f"{entry} It is what Quillfeather went on to find." for entry in LISTED)
    path = tmp_path / "fire.md"
    keywords = "kilns, stone, fire, peat, the north, brick, glaze, ash, clay, salt, lime, sand, marl"
    head = f"---\ntitle: Stone and fire\nkeywords: {keywords}\nauthor: Ada Quillfeather\n---\n\n# Stone and fire"
    path.write_text(f"{head}\n\n{body}\n\n{notice}\n\n{found}\n\n# References\n\n{listed}\n")
    read_into(home, "kilns", [path])
    answer = ask(home, "kilns", AskRequest("What did Quillfeather find?", log=False), engine=tiny_engine)
    assert answer.citations
    with SessionStore.open(home, "kilns").episodes() as episodes:
        by_name, by_word = (
            gather(Question(f"What did {who} find?", episodes), episodes, tiny_engine, None, 4)
            for who in ("Quillfeather", "quillfeather")
        )
    named = stem("quillfeather")
    assert all(named in block.topic for block in by_name)
    assert not any(named in block.topic for block in by_word)
    assert not any("Copyright" in c.quote or "In what" in c.quote for c in answer.citations)
