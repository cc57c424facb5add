"""The scores of `python -m benchmarks.extraction`, on texts whose scores are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.extraction import Case, failures, longest_common, ours, score, within, words_of
from benchmarks.extraction_files import FORMATS

BODY = words_of("the pumps of the harbour are old and every spring they are cleaned by four men of Norhavn")


def test_all_words_in_order_score_one() -> None:
    assert score(BODY, BODY) == score(BODY, [*BODY, "x"], ["x"])
    assert (score(BODY, BODY).f1, score(BODY, BODY).kept, score(BODY, BODY).order) == (1.0, 1.0, 1.0)
    assert score(BODY, []).f1 == 0.0


def test_what_is_lost_and_what_is_too_much_count() -> None:
    half = BODY[: len(BODY) // 2]
    assert score(BODY, half).kept == pytest.approx(len(half) / len(BODY))
    assert score(BODY, [*BODY, *["x"] * len(BODY)]).f1 == pytest.approx(2 / 3)


def test_order_is_the_longest_common_subsequence() -> None:
    assert longest_common(list("abcdef"), list("defabc")) == 3
    assert longest_common(list("abcab"), list("bcaxb")) == 4
    assert score(BODY, BODY[9:] + BODY[:9]).order < 1.0


def test_the_span_of_the_publishers_text_leaves_out_what_stands_around_it() -> None:
    found = [*"title and authors".split(), *BODY, *"references one two".split()]
    assert within(BODY, found) == BODY
    assert within(BODY, [*BODY[:9], "caption", *BODY[9:]]) == [*BODY[:9], "caption", *BODY[9:]]
    assert within(BODY, ["nothing", "of", "it"]) == ["nothing", "of", "it"]


@pytest.mark.parametrize("name", ["txt", "md", "html", "docx", "csv", "eml", "pdf", "pdf_columns", "pdf_rows"])
def test_what_is_written_can_be_read(tmp_path: Path, name: str) -> None:
    file, write = FORMATS[name]
    path = tmp_path / file
    path.write_bytes(write([" ".join(BODY).capitalize() + ".", "Seals wear first, say the books of ten years."] * 12))
    assert words_of(ours(path)).count("harbour") == 12


def test_a_case_fails_for_what_is_missing_there_or_unsaid(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The pump moves 412 litres.\n", encoding="utf-8")
    assert failures(Case("a.txt", (r"412\s+litres",), ("108",), pages=((1, "pump"),)), tmp_path) == []
    wrong = Case("a.txt", ("seal",), ("pump",), "warned of", ((2, "pump"),))
    assert len(failures(wrong, tmp_path)) == 4
