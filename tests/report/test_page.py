"""The page is one file that loads nothing, runs nothing of a document's, and can be found one's way in."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from tests.report.conftest import JUNK, QUESTION, SENTENCE, TITLE, Told
from titans_cli.records import ThemeTold
from titans_cli.report.facts import PileSummary, Quote, ReportFacts
from titans_cli.report.page import answered, page

VOID = {"meta", "line", "circle", "rect", "path"}
TAGS = set(
    "html head meta title style body a header nav main section article footer div span p h1 h2 h3 ul ol li dl dt dd "
    "figure figcaption details summary table caption thead tbody tr th td blockquote mark strong i code time script "
    "svg path line rect circle text".split()
)


class Reader(HTMLParser):
    """Every element with its attributes, every text; fails on a tag that is closed by another's end."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def read(told: Told) -> Reader:
    return Reader(told.html)


def test_nothing_of_a_document_becomes_markup(read: Reader, told: Told) -> None:
    assert {tag for tag, _ in read.elements} <= TAGS
    assert [tag for tag, _ in read.elements].count("script") == 1
    assert not [name for _, attributes in read.elements for name in attributes if name.startswith("on")]
    assert not [a for _, a in read.elements if "style" in a or "src" in a or "srcset" in a]
    assert "<script>alert" not in told.html
    assert TITLE in read.text
    assert QUESTION in read.text
    assert SENTENCE in read.text
    assert JUNK in read.text
    assert "<script>alert(0)<&'\">.txt" in read.text


def test_nothing_is_loaded_from_anywhere(read: Reader, told: Told) -> None:
    links = [a["href"] for _, a in read.elements if "href" in a]
    assert links
    assert all(link.startswith("#") for link in links)
    assert not [a for _, a in read.elements for value in a.values() if re.search(r"https?:|//|javascript:", value)]
    style, script = _between(told.html, "style"), _between(told.html, "script")
    for code in (style, script):
        assert not re.search(
            r"https?:|url\(|@import|@font-face|fetch|XMLHttp|WebSocket|\bimport\b|eval|innerHTML", code
        )
    assert "https://example.org/a?b=<c>" in read.text  # what a document says is text


def test_a_browser_may_run_the_one_style_and_the_one_script_and_load_nothing(read: Reader, told: Told) -> None:
    (policy,) = (a["content"] for _, a in read.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for part in ("style", "script"):
        digest = hashlib.sha256(_between(told.html, part).encode()).digest()
        assert f"{part}-src 'sha256-{b64encode(digest).decode()}'" in policy


def test_every_link_leads_somewhere_and_every_id_is_there_once(read: Reader) -> None:
    ids = [a["id"] for _, a in read.elements if "id" in a]
    assert len(ids) == len(set(ids))
    named = [a["href"][1:] for _, a in read.elements if a.get("href", "").startswith("#")]
    named += [a["aria-labelledby"] for _, a in read.elements if "aria-labelledby" in a]
    assert set(named) <= set(ids)


def test_it_has_landmarks_headings_in_order_and_a_name_for_every_chart(read: Reader) -> None:
    tags = [tag for tag, _ in read.elements]
    assert all(tags.count(tag) == 1 for tag in ("main", "header", "nav", "footer", "h1", "title"))
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h\d", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    charts = [a for tag, a in read.elements if tag == "svg" and "chart" in a.get("class", "")]
    assert charts
    assert all(a.get("aria-label") or a.get("aria-hidden") == "true" for a in charts)


def test_a_citation_opens_the_quote_in_its_surroundings(told: Told) -> None:
    asked = next(q for q in told.facts.questions if q.text == QUESTION)
    quote = next(q for q in asked.quotes if "4711" in q.text)
    assert quote.text == SENTENCE
    assert quote.after
    assert told.facts.documents[quote.document - 1].label
    number = 1 + told.facts.questions.index(asked)
    link = f'href="#q{number}-{quote.number}"'
    assert link in told.html
    place = told.html.index(f'<details class="quote" id="q{number}-{quote.number}">')
    assert "<mark>" in told.html[place : told.html.index("</details>", place)]


def test_a_marker_of_no_citation_stays_text() -> None:
    quote = Quote(1, 1, "a.txt", 1, "", "said", "")
    made = str(answered("- one [1]\n- two [2]\n\n<b> [1]", (quote,), "q1-"))
    assert made.count("<a ") == 2
    assert "two [2]" in made
    assert "&lt;b&gt;" in made
    assert made.startswith("<ul><li>")


def test_it_opens_with_what_the_documents_say_and_what_was_asked(told: Told, read: Reader) -> None:
    sections = [a["id"] for tag, a in read.elements if tag == "section"]
    assert sections == ["themes", "questions", "sources", "stream", "memory", "episodes"]
    whole = PileSummary("Across 5 documents, kilns rise.", (), (), (), ())
    asked = replace(told.facts.questions[0], headline="4711")
    html = page(replace(told.facts, whole=whole, questions=(asked,)))
    assert html.index("Across 5 documents, kilns rise.") < html.index('id="themes"')
    assert '<p class="headline">4711</p>' in html
    assert "percent unknown" not in html
    assert "no score of answers" in html


def test_sources_stand_by_title_and_keep_their_numbers(told: Told) -> None:
    one = told.facts.documents[0]
    named = tuple(replace(one, number=n, name=name) for n, name in enumerate(("Zebras", "ants", "Émile"), start=1))
    text = page(replace(told.facts, documents=named, passages=()))
    sources = text[text.index('<ol class="sources">') :]
    assert sources.index("ants") < sources.index("Émile") < sources.index("Zebras")
    assert sources.index('id="source-2"') < sources.index('id="source-3"') < sources.index('id="source-1"')


def test_the_years_of_the_documents_are_told_once(told: Told) -> None:
    one = told.facts.documents[0]
    for years, words in (
        ((2016, 2026, None), "3 documents of 2016 to 2026,"),
        ((2016, 2016, None), "documents of 2016,"),
    ):
        documents = tuple(replace(one, number=n, year=year) for n, year in enumerate(years, start=1))
        assert words in page(replace(told.facts, documents=documents, passages=()))


def test_themes_and_disputes_are_told_with_their_years(told: Told) -> None:
    theme = ThemeTold("<b>kilns</b>", "rising", 3, (("2020", 0, 2), ("2021", 0, 0), ("2022", 3, 3)), (), (1,))
    whole = PileSummary("Across 5:", (theme,), (), (), (Quote(1, 1, "a.txt", 1, "before ", "Kilns rise.", ""),))
    read = Reader(page(replace(told.facts, whole=whole)))
    (chart,) = (a["aria-label"] for tag, a in read.elements if tag == "svg" and "years" in a.get("class", ""))
    assert chart == "<b>kilns</b>, rising: 2020 0 of 2, 2021 0 of 0, 2022 3 of 3"
    assert "3 of 3" in read.text
    assert "Kilns rise." in read.text


def test_a_thousand_documents_make_a_page_of_a_sane_size(told: Told) -> None:
    facts = _many(told.facts, 1000)
    html = page(facts)
    assert len(html.encode()) < 3_000_000
    text = Reader(html).text
    assert "The 100 documents taken up least, of 1,000 that were measured." in text
    assert "The newest 3 of 100,000" in text


def test_of_very_many_sources_those_that_the_page_speaks_of_are_listed_and_it_says_where_all_are(told: Told) -> None:
    facts = _many(told.facts, 1000)
    quote = Quote(1, 999, "paper.txt", 1, "before ", "the words", " after")
    whole = PileSummary("A lead.", (), (), (), (quote,))
    # by title it would be the last
    documents = tuple(
        replace(
            d, name="zzz" if d.number == 999 else d.name, source=replace(d.source, id=d.number), first=None, now=None
        )
        for d in facts.documents
    )
    html = page(replace(facts, whole=whole, documents=documents))
    assert html.count('<li id="source-') == 500
    assert 'href="#source-999"' in html
    assert '<li id="source-999"' in html
    assert "500 of 1,000 documents" in Reader(html).text
    assert "titans sources" in html


def _many(facts: ReportFacts, count: int) -> ReportFacts:
    one = facts.documents[0]
    size = max(1, one.end - one.start)
    own = facts.documents
    more = (replace(one, number=n, start=n * size, end=(n + 1) * size) for n in range(len(own) + 1, count + 1))
    documents = (*own, *more)
    part = facts.stream[0]
    stretches = tuple(
        replace(part, start=i * count * size // 480, end=(i + 1) * count * size // 480) for i in range(480)
    )
    return replace(
        facts, documents=documents, stream=stretches, segments=100_000, episodes=facts.episodes[-3:],
        kinds={"read": 100_000},
    )  # fmt: skip


def _between(html: str, tag: str) -> str:
    return html[html.index(f"<{tag}>") + len(tag) + 2 : html.rindex(f"</{tag}>")]
