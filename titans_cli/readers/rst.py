"""reStructuredText to readable text: docutils parses, this walks its tree.

Nothing is included and no raw markup taken over. Sphinx's roles and directives, which docutils does not know, are
registered as what they are to a reader: words, code, or nothing. Markup can be made that takes docutils very long or
nests very deep, so it runs in the worker only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import Directive, directives, roles
from docutils.parsers.rst.languages import en

from titans_cli.readers.clean import mend_characters, tidy_prose
from titans_cli.readers.code import tidy_code
from titans_cli.readers.dates import year_in
from titans_cli.readers.parsed import ParsedDocument, one_page, short, totals
from titans_cli.readers.scripts import subscript, superscript

_SETTINGS = {
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "report_level": 5,  # nothing on stderr
    "halt_level": 5,
    "_disable_config": True,  # no docutils.conf of the folder being read
    "syntax_highlight": "none",
    "line_length_limit": 1_000_000,
}
_ROLE = re.compile(r":([A-Za-z][\w:+.-]{0,60}):`")
_DIRECTIVE = re.compile(r"^[ \t]*\.\. (?:\|[^|\n]{1,100}\| )?([A-Za-z][\w:+.-]{0,60})::(?:[ \t]|$)", re.M)
_TARGET = re.compile(r"\s*<[^<>]*>$")  # of a role: `words <target>`
_OPTION = re.compile(r":[A-Za-z][\w -]{0,60}:(?:\s|$)")
# Directives that a program reads, not a person.
_SILENT = frozenset(
    "toctree index module currentmodule py:module py:currentmodule automodule autoclass autofunction automethod "
    "autosummary literalinclude highlight bibliography tabularcolumns plot graphviz digraph graph "
    "inheritance-diagram".split()
)
# Sphinx's have options that docutils' do not, and an unknown option would cost the code.
_CODE = frozenset("code code-block sourcecode ipython doctest testcode testoutput testsetup prompt".split())
_SILENT_ONES = re.compile(rf"^[ \t]*\.\. (?:{'|'.join(sorted(_SILENT))})::", re.M)
_DROPPED = (
    *(nodes.comment, nodes.substitution_definition, nodes.raw, nodes.target),
    *(nodes.generated, nodes.pending, nodes.label, nodes.meta),
)
_LINES = (nodes.literal_block, nodes.doctest_block)
_UNOPENED = re.compile(r"\.\.\s+(?:include|raw|csv-table)::")  # directives that open other files


def extract_rst(data: bytes) -> ParsedDocument:
    text = mend_characters(data.decode("utf-8"))
    _make_known(text)
    tree = publish_doctree(text, settings_overrides=_SETTINGS)
    date = next((node.astext() for node in tree.findall(_is_date)), None)
    title = tree.get("title") or next((node.astext() for node in tree.findall(nodes.title)), None)
    _write_scripts(tree)
    counts = Counter({"directive": len(_SILENT_ONES.findall(text))})
    _count(tree, counts)
    text = "\n\n".join(filter(None, _blocks(tree)))
    return one_page(short(title), text, year=year_in(date), omissions=totals(counts.items()))


def _write_scripts(tree: Any) -> None:
    """Superscripts, subscripts and the marks of notes, in the line."""
    for node in list(tree.findall(_is_script)):
        before = node.parent[: node.parent.index(node)]
        words, last = node.astext(), before[-1].astext() if before else ""
        if isinstance(node, nodes.superscript | nodes.subscript):
            script = superscript if isinstance(node, nodes.superscript) else subscript
            node.parent.replace(node, nodes.Text(script(last, words)))
        else:
            node.parent.replace(node, nodes.Text(f"[{words}]"))


def _is_script(node: Any) -> bool:
    return isinstance(node, nodes.superscript | nodes.subscript | nodes.footnote_reference | nodes.citation_reference)


def _count(tree: Any, counts: Counter[str]) -> None:
    """What the tree holds and `_blocks` does not tell."""
    counts["comment"] += sum(any(c.isalnum() for c in node.astext()) for node in tree.findall(nodes.comment))
    counts["picture"] += sum(1 for _ in tree.findall(nodes.image))
    counts["raw block"] += sum(1 for _ in tree.findall(nodes.raw))
    counts["link target"] += sum(
        "refuri" in node and node["refuri"] not in node.astext() for node in tree.findall(nodes.reference)
    )
    for message in tree.findall(nodes.system_message):
        counts["included file"] += any(
            _UNOPENED.match(block.astext()) for block in message.findall(nodes.literal_block)
        )


def _is_date(node: Any) -> bool:
    named = isinstance(node, nodes.field) and node[0].astext().lower()
    return isinstance(node, nodes.date) or named in ("date", "year", "created", "published")


# ---------------------------------------------------------------- what docutils does not know


def _make_known(text: str) -> None:
    for name in {name.lower() for name in _ROLE.findall(text)} - set(en.roles):
        roles.register_local_role(name, _words)
    for name in {name.lower() for name in _DIRECTIVE.findall(text)} - (set(en.directives) - _CODE):
        directives.register_directive(name, _Unknown)


def _words(_name: str, _raw: str, text: str, *_: Any, **__: Any) -> tuple[list[Any], list[Any]]:
    return [nodes.Text(_TARGET.sub("", text).lstrip("~!"))], []


class _Unknown(Directive):  # type: ignore[misc]  # docutils has no types
    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self) -> list[Any]:
        while self.content and (_OPTION.match(self.content[0]) or not self.content[0].strip()):
            self.content.trim_start()
        body = "\n".join(self.content)
        if self.name in _SILENT:
            return []
        if self.name in _CODE:
            return [nodes.literal_block(body, body)]
        container = nodes.container()
        if self.arguments and not _OPTION.match(self.arguments[0]):
            container += nodes.paragraph("", "", nodes.Text(self.arguments[0].split("\n:")[0]))
        self.state.nested_parse(self.content, self.content_offset, container)
        return [container]


# ---------------------------------------------------------------- the tree, told


def _blocks(node: Any) -> Iterator[str]:
    for child in node.children:
        if isinstance(child, nodes.system_message):
            # What docutils could not parse stands here as it was written.
            yield from (b.astext() for b in child.findall(nodes.literal_block) if not _UNOPENED.match(b.astext()))
        elif isinstance(child, nodes.image):
            yield str(child.get("alt", ""))
        elif isinstance(child, nodes.footnote | nodes.citation):
            label = next((part.astext() for part in child.children if isinstance(part, nodes.label)), "")
            yield " ".join(filter(None, [f"[{label}]" if label else "", *_blocks(child)]))
        elif isinstance(child, _DROPPED):
            continue
        elif isinstance(child, _LINES):
            yield tidy_code(child.astext())
        elif isinstance(child, nodes.line_block):
            yield tidy_prose("\n".join(line.astext() for line in child.findall(nodes.line)))
        elif isinstance(child, nodes.TextElement):
            yield " ".join(child.astext().split())
        elif isinstance(child, nodes.bullet_list | nodes.enumerated_list):
            yield from _items(child)
        elif isinstance(child, nodes.row):
            yield " | ".join(" ".join(entry.astext().split()) for entry in child.children)
        elif isinstance(child, nodes.field | nodes.option_list_item):
            yield ": ".join(" ".join(part.astext().split()) for part in child.children)
        else:
            yield from _blocks(child)


def _items(items: Any) -> Iterator[str]:
    """A list of single paragraphs is one block, a line for each; items that hold more are blocks."""
    texts = [list(filter(None, _blocks(item))) for item in items.children]
    marks = [_mark(items, number) for number in range(len(texts))]
    if all(len(blocks) <= 1 for blocks in texts):
        yield "\n".join(f"{mark} {blocks[0]}" for mark, blocks in zip(marks, texts, strict=True) if blocks)
    else:
        for mark, blocks in zip(marks, texts, strict=True):
            yield from [f"{mark} {blocks[0]}", *blocks[1:]] if blocks else ()


def _mark(items: Any, number: int) -> str:
    if isinstance(items, nodes.bullet_list):
        return "-"
    number += int(items.get("start", 1))
    letter = {"loweralpha": 96, "upperalpha": 64}.get(items.get("enumtype"))
    shown = chr(letter + number) if letter and number <= 26 else str(number)
    return f"{items.get('prefix', '')}{shown}{items.get('suffix', '.')}"
