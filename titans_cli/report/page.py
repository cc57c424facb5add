"""The facts of a session as one HTML page that needs nothing else: no network, no font, no script of anybody's.

Documents, questions and session names are hostile until shown otherwise. The template escapes everything that is not
Markup, and the page's own policy lets a browser run the one style sheet and the one script that are in it, by their
digests, and load nothing: were a tag ever to slip through, it would do nothing.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from importlib import resources
from itertools import islice
from statistics import mean, median

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from titans_cli.cards import folded
from titans_cli.report import charts, gather
from titans_cli.report.facts import DocumentTold, Quote, ReportFacts
from titans_cli.wording import minute, plural

SOURCES = 500  # listed, with those that the page speaks of; more nobody reads, and `titans sources` has them
ROWS = 100  # of the table of recall, the worst first when there are more
WORST, BEST = 6, 3  # passages quoted
SHOWN = 320  # characters of a passage or an episode
_MARK = re.compile(r" ?\[(\d{1,4})\]")


def page(facts: ReportFacts) -> str:
    """The whole page, as text."""
    css, js = _part("page.css"), _part("page.js")
    environment = Environment(
        loader=FunctionLoader(_part), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"day": day, "moment": minute, "count": plural, "clip": clip, "answered": answered}
    environment.globals |= {"charts": charts, "limits": gather}
    documents = [d for d in facts.documents if d.now is not None]
    recalled = sorted(documents, key=lambda d: -(d.now or 0.0))[:ROWS] if len(documents) > ROWS else documents
    by_now = sorted(facts.passages, key=lambda p: p.now)
    return environment.get_template("page.html").render(
        f=facts,
        css=Markup(css),
        js=Markup(js),
        policy=f"default-src 'none'; style-src '{_digest(css)}'; script-src '{_digest(js)}'; base-uri 'none'; "
        "form-action 'none'",
        number={d.source.id: d.number for d in facts.documents},
        name={d.source.id: d.name for d in facts.documents},
        label={d.number: d.label for d in facts.documents if d.label},
        first=median(p.first for p in facts.passages) if facts.passages else None,
        now=median(p.now for p in facts.passages) if facts.passages else None,
        bound=next((probe.bound for probe in facts.probes if probe.name == "recall"), None),
        measured=len(documents),
        recalled=recalled,
        still=by_now[::-1][:WORST],
        known=by_now[:BEST],
        sources=_listed(facts, {d.number for d in recalled}),
        listed=facts.documents[:SOURCES],
        years=_years([d.year for d in facts.documents if d.year]),
        average=mean(s.mean for s in facts.stream),
    )


def _listed(facts: ReportFacts, recalled: set[int]) -> list[DocumentTold]:
    """By title, at most `SOURCES` of them: those that the page has a link to, and of the others the first."""
    by_title = sorted(facts.documents, key=lambda d: (folded(d.name), d.number))
    if len(by_title) <= SOURCES:
        return by_title
    quotes = [*facts.whole.quotes, *(quote for asked in facts.questions for quote in asked.quotes)]
    measured = {p.source for p in facts.passages}
    linked = recalled | {q.document for q in quotes} | {d.number for d in by_title if d.source.id in measured}
    others = (d.number for d in by_title if d.number not in linked)
    shown = linked.union(islice(others, max(0, SOURCES - len(linked))))
    return [d for d in by_title if d.number in shown]


def _years(years: Sequence[int]) -> str:
    """Of the documents that state one, in words that follow their number."""
    if not years:
        return ""
    first, last = min(years), max(years)
    return f" of {first}" if first == last else f" of {first} to {last}"


def _part(name: str) -> str:
    return resources.files(__package__ or "").joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """As a content security policy names what it lets run."""
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


# ---------------------------------------------------------------- filters


def day(time: str) -> str:
    """ISO 8601 to "23 November 2026"; what is no time stays as it is."""
    try:
        at = datetime.fromisoformat(time)
    except ValueError:
        return time
    return f"{at.day} {at:%B %Y}"


def clip(text: str, most: int = SHOWN) -> str:
    return gather.clipped(" ".join(text.split()), most)


def answered(text: str, quotes: Sequence[Quote], prefix: str) -> Markup:
    """An answer as paragraphs and lists; its [1] leads to the quote with the id `prefix` and the number."""
    known = {quote.number for quote in quotes}

    def linked(line: str) -> Markup:
        def link(match: re.Match[str]) -> str:
            if int(match[1]) not in known:
                return match[0]
            return f'<a class="ref" href="#{prefix}{match[1]}" aria-label="citation {match[1]}">{match[1]}</a>'

        return Markup(_MARK.sub(link, str(escape(line))))  # the pattern has no letter that is ever escaped

    made, items = Markup(""), Markup("")
    for line in [*text.splitlines(), ""]:
        if line.startswith("- "):
            items += Markup("<li>{}</li>").format(linked(line[2:]))
            continue
        if items:
            made, items = made + Markup("<ul>{}</ul>").format(items), Markup("")
        if line.strip():
            made += Markup("<p>{}</p>").format(linked(line))
    return made
