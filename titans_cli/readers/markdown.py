"""Markdown to readable text: markdown-it makes it HTML, as CommonMark says, and what HTML says is read from that.

So an HTML tag in it, a superscript, a table or an entity means what it means on a page. What is not CommonMark: tables,
strikethrough, formulas between dollars (whose asterisks are no emphasis) and data about the page in front of it.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block.table import escapedSplit
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.front_matter import front_matter_plugin

from titans_cli.readers.clean import mend_characters, tidy_prose
from titans_cli.readers.code import tidy_code
from titans_cli.readers.dates import year_in
from titans_cli.readers.html import extract_html
from titans_cli.readers.parsed import ParsedDocument, one_page, short, totals
from titans_cli.records import Omission

_DEEPEST = 60  # levels of lists and quotations; markdown-it passes over what is deeper
_LONGEST_FRONT = 20_000  # characters
_DATES = ("date", "year", "published", "created")


def extract_md(data: bytes) -> ParsedDocument:
    return parse_markdown(data.decode("utf-8"))


def parse_markdown(text: str) -> ParsedDocument:
    """The page: its title is the front matter's, else the first top heading; its text begins with the front matter."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    stated, data, body = _front_matter(text)
    title, words, omissions = _read(body)
    fields = {str(name).lower(): value for name, value in stated.items()}
    year = next((year for name in _DATES if (year := year_in(str(fields.get(name, ""))))), None)
    whole = "\n\n".join(filter(None, [tidy_code(data), words]))
    return one_page(short(str(fields.get("title") or "")) or title, whole, year=year, omissions=omissions)


def _front_matter(text: str) -> tuple[dict[str, Any], str, str]:
    """What a block between two lines of --- says about the page, the block, and the page. Prose between two rules says
    nothing of the kind."""
    nothing: tuple[dict[str, Any], str, str] = ({}, "", text)
    if not text.startswith("---"):
        return nothing
    tokens = MarkdownIt("zero").use(front_matter_plugin).parse(text[:_LONGEST_FRONT])
    if not tokens or tokens[0].type != "front_matter" or tokens[0].map is None:
        return nothing
    try:
        stated = yaml.load(tokens[0].content, Loader=_Plain)
    except (yaml.YAMLError, ValueError, RecursionError):
        return nothing
    body = "\n".join(text.split("\n")[tokens[0].map[1] :])
    return (stated, tokens[0].content, body) if isinstance(stated, dict) else nothing


class _Plain(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """Every scalar as it is written: 2021-04-05 is no date object, "no" no falsehood. No aliases: they can be bombs."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - as PyYAML declares it

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias")
        return super().compose_node(parent, index)


def _read(body: str) -> tuple[str | None, str, tuple[Omission, ...]]:
    """The first top heading, the text, and what was left out."""
    parser = MarkdownIt("commonmark", {"maxNesting": _DEEPEST}).enable(["table", "strikethrough"])
    parser.use(dollarmath_plugin, allow_labels=False, allow_space=False, allow_digits=False)
    for kind in ("math_inline", "math_block"):
        parser.add_render_rule(kind, _formula)
    env: dict[str, Any] = {}
    tokens = parser.parse(body, env)
    whole = _widened(_escaped(body, _no_definitions(body, env)), tokens)
    if whole != body:
        tokens = parser.parse(whole, {})
    if max((token.level for token in tokens), default=0) >= _DEEPEST - 1:
        return None, tidy_prose(mend_characters(body)), ()  # not Markdown any more: as it stands
    page = extract_html(parser.renderer.render(tokens, parser.options, env))
    return _top_heading(tokens), page.text, totals(page.omissions)


def _formula(_self: RendererHTML, tokens: list[Token], index: int, _options: Any, _env: Any) -> str:
    words = tokens[index].content.replace("&", "&amp;").replace("<", "&lt;")
    return f"<p>${words}$</p>" if tokens[index].block else f"${words}$"


def _no_definitions(body: str, env: dict[str, Any]) -> list[int]:
    """The lines that have the form of a link's definition, and no link is made from them: "[10:32]: pressure"."""
    definitions = [(label, each["map"][0]) for label, each in env.get("references", {}).items()]
    definitions += [(each["label"], each["map"][0]) for each in env.get("duplicate_refs", ())]
    if not definitions:
        return []
    plain = re.sub(r"\s+", " ", body).casefold()
    return [line for label, line in definitions if plain.count(f"[{label.casefold()}]") < 2]


def _escaped(body: str, lines: list[int]) -> str:
    split = body.split("\n")
    for line in lines:
        split[line] = split[line].replace("[", "\\[", 1)
    return "\n".join(split)


def _widened(body: str, tokens: list[Token]) -> str:
    """Tables with a head as wide as their widest row: what a row holds beyond its head is passed over otherwise."""
    lines, head, columns, widest = body.split("\n"), 0, 0, 0
    for token in tokens:
        if token.type == "thead_open" and token.map:
            head, columns, widest = token.map[0], 0, 0
        elif token.type == "th_open":
            columns += 1
        elif token.type == "tr_open" and token.map:
            cells = escapedSplit(lines[token.map[0]].strip().lstrip("> \t"))
            widest = max(widest, sum(1 for i, cell in enumerate(cells) if cell.strip() or 0 < i < len(cells) - 1))
        elif token.type == "table_close" and widest > columns > 0:
            for line, cell in ((head, " |"), (head + 1, "---|")):
                stop = "" if lines[line].rstrip().endswith("|") else "|"
                lines[line] = lines[line].rstrip() + stop + cell * (widest - columns)
    return "\n".join(lines)


def _top_heading(tokens: list[Token]) -> str | None:
    for token, after in pairwise(tokens):
        if token.type == "heading_open" and token.tag == "h1":
            words = "".join(part.content for part in after.children or () if part.type in ("text", "code_inline"))
            return short(mend_characters(words))
    return None
