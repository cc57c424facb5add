"""The options of ask, and how its answers are laid out."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from io import BytesIO, TextIOWrapper

import pytest

from tests.cli.conftest import Done, Titans
from titans_cli.cli.render import answer as rendered
from titans_cli.cli.render.console import Output
from titans_cli.records import Answer, Citation, Step, ThemeTold

CITED = Citation(1, "a.txt", "/a.txt", 3, 0, 4, "It weighs 4 kg.", 0.5, 1.0)
FACT = Answer(
    "How heavy?", "evidence", "It weighs 4 kg. [1]", (CITED,), "5 kg", "s", 0, 0.1, short="4 kg", agrees=False
)
THEME = ThemeTold(
    "pulse feeding", "rising", 3, (("2019", 0, 2), ("2020", 1, 2), ("2021", 0, 0), ("2022", 2, 2)), (), (1,)
)
WHOLE = Answer("trends", "evidence", "told", (CITED,), None, "s", 0, 0.1, kind="trends", lead="Lead.", themes=(THEME,))


def test_the_answer_comes_first_then_evidence_then_memory(capsys: pytest.CaptureFixture[str]) -> None:
    rendered.answer(FACT, Output())
    lines = [line for line in capsys.readouterr().out.splitlines() if line]
    assert lines[0] == "4 kg"
    assert lines[1] == "It weighs 4 kg. [1]"
    assert lines[2] == "[1] a.txt, page 3"
    assert lines[-1].startswith("From memory alone")
    assert lines[-1].endswith("5 kg (another passage says so)")


def test_what_memory_alone_says_is_told_once_and_as_that(capsys: pytest.CaptureFixture[str]) -> None:
    rendered.answer(replace(FACT, support="memory", text="5 kg", citations=(), short="5 kg", recalled="5 kg"), Output())
    answer, source = capsys.readouterr().out.splitlines()
    assert answer == "5 kg"
    assert source.startswith("From memory alone")


def test_the_head_of_a_list_stands_once(capsys: pytest.CaptureFixture[str]) -> None:
    text = "2 of 9 documents:\n- a.txt [1]\n- b.txt [2]"
    rendered.answer(replace(FACT, kind="pile", text=text, short="2 of 9 documents", citations=()), Output())
    assert capsys.readouterr().out.splitlines()[:3] == ["2 of 9 documents", "- a.txt [1]", "- b.txt [2]"]


def test_a_subject_of_a_tenth_of_the_pile_is_seen_to_rise() -> None:
    little = replace(
        THEME,
        series=tuple(
            (str(2019 + n), has, of) for n, (has, of) in enumerate([(1, 100), (0, 0), (5, 100), (10, 100), (0, 100)])
        ),
    )
    assert rendered.spark(little) == "▂ ▅█▁"
    assert rendered.spark(replace(THEME, series=(("2019", 0, 4), ("2020", 0, 4)))) == "▁▁"


def test_a_theme_has_a_line_of_its_years(monkeypatch: pytest.MonkeyPatch) -> None:
    for encoding, line in (("utf-8", "▁▅ █"), ("ascii", "")):
        stream = TextIOWrapper(BytesIO(), encoding=encoding)
        monkeypatch.setattr(sys, "stdout", stream)
        assert rendered.spark(THEME) == line
        rendered.answer(WHOLE, Output())
        stream.flush()
    monkeypatch.undo()


def test_an_answer_about_the_whole_leads_and_cites(capsys: pytest.CaptureFixture[str]) -> None:
    rendered.answer(WHOLE, Output())
    out = capsys.readouterr().out
    assert out.startswith("Lead.\n")
    assert "pulse feeding  rising  2019-2022" in out
    assert "It weighs 4 kg. [1]" in out
    assert out.rstrip().endswith("[1] a.txt, page 3")


def test_steps_are_told_on_stderr_and_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    answer = replace(FACT, route="deliberate", steps=(Step("the mill", ("a", "b"), ("a",), "supported"),))
    rendered.answer(answer, Output(json=True), verbose=True)
    out, err = capsys.readouterr()
    assert json.loads(out)["steps"][0]["kept"] == ["a"]
    assert "the mill: 2 drafted, 1 kept" in err


def test_on_a_terminal_a_reading_model_is_told_of_once_in_a_home(
    titans: Titans, papers: Done, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert papers.code == 0
    question = ["ask", "What does the memory keep?"]
    assert "titans model pull smollm2" not in titans(*question).err
    monkeypatch.setattr("titans_cli.cli.render.answer.watched", lambda output: True)
    assert "titans model pull smollm2" in titans(*question).err
    assert "titans model pull smollm2" not in titans(*question).err
