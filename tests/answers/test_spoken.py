"""What somebody says, told from where it says something."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sessions.samples import read_into, start
from titans_cli.answers.spoken import without_opening
from titans_cli.sessions.ask import AskRequest, ask
from titans_cli.store import Home


@pytest.mark.parametrize(
    ("sentence", "rest"),
    [
        ("Mara: Oh, thanks, Jonas! Well, I sold the boat.", "I sold the boat."),
        ("Yeah, um, the gate opens at nine.", "the gate opens at nine."),
        ("Hey Jonas! I sold the boat.", "I sold the boat."),
        ("Jonas: I sold the boat.", "I sold the boat."),
        ("No, it was never sold.", "it was never sold."),
        ("No dogs were allowed there.", None),  # what belongs to the sentence stays
        ("Well water is scarce here.", None),
        ("Good food is what I like.", None),
        ("Now I live by the sea.", None),
        ("Thanks to Mara the boat was sold.", None),
        ("Yes, thank you.", None),  # nothing else is left
    ],
)
def test_only_what_opens_a_sentence_is_left_out(sentence: str, rest: str | None) -> None:
    assert without_opening(sentence, "english") == rest


def test_a_conversation_is_told_without_it_and_cited_with_it(tmp_path: Path, tiny_folder: Path) -> None:
    home = Home(tmp_path / "home")
    start(home, "talk", tiny_folder)
    turns = [
        "Mara: Oh, well, I painted the zorbix boat green for you.",
        "Jonas: I like your green. Did you sell me the oars?",
        "Mara: I kept my oars. You may have them.",
    ]
    texts = {
        "talk.txt": "\n\n".join(turns),
        "paper.txt": "The zorbix kiln was painted blue. Yeah, it was painted twice.",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    read_into(home, "talk", [tmp_path / name for name in texts])
    answer = ask(home, "talk", AskRequest("What did Mara paint green?", log=False))
    assert answer.short == "I painted the zorbix boat green for you."
    assert answer.citations[0].quote == turns[0]
    assert ask(home, "talk", AskRequest("What was painted blue?", log=False)).short is None
