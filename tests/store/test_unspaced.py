"""Words of scripts without spaces are found, in blocks and in events, and weighed as others are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.samples import event, page, source
from titans_cli.records import Block
from titans_cli.store import Addition, Episodes
from titans_cli.store.unspaced import bm25, pairs

TEXTS = (
    "水泵每分钟输送四百一十二升水。",
    "过滤器必须每周清洗一次，水泵也是。",
    "港口的工人在春天休息。",
    "ポンプは春に設置されました。",
    "ปั๊มน้ำเก่ามาก",
    "The pump moves 412 litres. 水泵 is its name.",
)


@pytest.fixture
def episodes(tmp_path: Path) -> Iterator[Episodes]:
    with Episodes.create(tmp_path / "episodes.sqlite") as made:
        blocks = [Block(0, 0, i, 1, 0, len(t), t, 9, 9 * i, 1.0) for i, t in enumerate(TEXTS)]
        made.commit(source(1), Addition(pages=[page(1)], blocks=blocks, events=[event(text) for text in TEXTS]))
        yield made


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("水泵", {0, 1, 5}),
        ("泵", {0, 1, 5}),
        ("港口", {2}),
        ("ポンプ", {3}),
        ("น้ำ", {4}),
        ("设备", set()),
        ("水泵 pump", {0, 1, 5}),
    ],
)
def test_two_characters_find_what_holds_them(episodes: Episodes, words: str, found: set[int]) -> None:
    assert {i - 1 for i, _ in episodes.search_blocks(words, 9)} == found
    assert {TEXTS.index(e.text) for e, _ in episodes.search_events(words, 9)} == found


@pytest.mark.parametrize("text", ["The shed vents CO2 at night.", "The shed vents CO_2 at night."])
def test_an_index_is_found_however_it_is_written(tmp_path: Path, text: str) -> None:
    with Episodes.create(tmp_path / "other.sqlite") as made:
        made.commit(source(1), Addition(pages=[page(1)], blocks=[Block(0, 0, 0, 1, 0, len(text), text, 9, 0, 1.0)]))
        assert [len(made.search_blocks(words, 9)) for words in ("CO2", "CO_2", "co2 level", "CO")] == [
            1,
            1,
            1,
            "_" in text,
        ]


def test_the_best_come_first_and_no_more_than_wanted(episodes: Episodes) -> None:
    assert episodes.search_blocks("水泵每分钟输送多少升水？", 9)[0][0] == 1
    assert episodes.search_blocks("水泵 pump litres", 9)[0][0] == 6
    assert len(episodes.search_blocks("水泵", 2)) == 2
    scores = [score for _, score in episodes.search_blocks("春天的水泵", 9)]
    assert scores == sorted(scores, reverse=True)


def test_what_is_withheld_and_what_is_too_old_is_not_found(episodes: Episodes) -> None:
    assert episodes.search_events("水泵", 9, since="9999") == []
    assert episodes.search_events("水泵", 9, kind="asked") == []
    episodes.exclude([1], "2031-01-01T00:00:00Z")
    assert episodes.search_blocks("水泵", 9) == []


def test_pairs_overlap_within_a_run_and_never_reach_over_what_parts_it() -> None:
    assert pairs("水泵每分, ok 泵 4水") == ["水泵", "泵每", "每分", "泵", "水"]
    assert pairs("no such text, só") == []
    assert len(pairs("水泵每分" * 1000 + "".join(map(chr, range(0x4E00, 0x5000))))) == 64


def test_the_rarer_counts_more() -> None:
    scores = bm25(["a", "b"], {1: "a x", 2: "a x", 3: "b x"}, total=9, mean_length=3.0)
    assert scores[3] > scores[1] == scores[2] > 0
