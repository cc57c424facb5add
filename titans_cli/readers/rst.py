"""reStructuredText to readable text: docutils parses, this walks its tree.

Nothing is included and no raw markup taken over. Sphinx's roles and directives, which docutils does not know, are
registered as what they are to a reader: words, code, or nothing. Markup can be made that takes docutils very long or
nests very deep, so it runs in the worker only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import Directive, directives, roles
from docutils.parsers.rst.languages import en

from titans_cli.readers.clean import mend_characters, tidy_prose
from titans_cli.readers.code import tidy_code
from titans_cli.readers.dates import year_in
from titans_cli.readers.parsed import Parsed, one_page, short

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
_DROPPED = (
    *(nodes.comment, nodes.system_message, nodes.substitution_definition, nodes.raw, nodes.image, nodes.target),
    *(nodes.generated, nodes.pending, nodes.label, nodes.meta),
)
_LINES = (nodes.literal_block, nodes.doctest_block)


def extract_rst(data: bytes) -> Parsed:
    text = mend_characters(data.decode("utf-8"))
    _make_known(text)
    tree = publish_doctree(text, settings_overrides=_SETTINGS)
    date = next((node.astext() for node in tree.findall(_is_date)), None)
    title = tree.get("title") or next((node.astext() for node in tree.findall(nodes.title)), None)
    return one_page(short(title), "\n\n".join(filter(None, _blocks(tree))), year=year_in(date))


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
        found = nodes.container()
        if self.arguments and not _OPTION.match(self.arguments[0]):
            found += nodes.paragraph("", "", nodes.Text(self.arguments[0].split("\n:")[0]))
        self.state.nested_parse(self.content, self.content_offset, found)
        return [found]


# ---------------------------------------------------------------- the tree, told


def _blocks(node: Any) -> Iterator[str]:
    for child in node.children:
        if isinstance(child, _DROPPED):
            continue
        if isinstance(child, _LINES):
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
    told = [list(filter(None, _blocks(item))) for item in items.children]
    lines = [f"- {blocks[0]}" for blocks in told if blocks]
    if all(len(blocks) <= 1 for blocks in told):
        yield "\n".join(lines)
    else:
        for blocks in filter(None, told):
            yield f"- {blocks[0]}"
            yield from blocks[1:]
