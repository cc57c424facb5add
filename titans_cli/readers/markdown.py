"""Markdown to readable text: the words stay, the marks go. Light on purpose: a page for people needs no parser."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from titans_cli.readers.clean import mend_characters, tidy_prose
from titans_cli.readers.dates import year_in

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+|$)")
_SETEXT = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
_RULE = re.compile(r"[ \t]*(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
_ITEM = re.compile(r"[ \t]*(?:[-*+]|[0-9]{1,9}[.)])[ \t]+")
_QUOTE = re.compile(r" {0,3}(?:>[ \t]?)+")
_DEFINITION = re.compile(r" {0,3}\[[^\]\n]{1,300}\]:[ \t]*\S")
_FOOTNOTE = re.compile(r" {0,3}\[\^[^\]\n]{1,100}\]:[ \t]*")
_FRONT_TITLE = re.compile(r"title[ \t]*:[ \t]*(.+)", re.I)
_LONGEST_FRONT = 20_000  # characters
_FRONT_DATE = re.compile(r"(?:date|year|published|created)[ \t]*:[ \t]*(.+)", re.I)

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.S)
_INLINE = (
    (re.compile(r"!\[([^\[\]]{0,2000})\]\([^()\n]{0,2000}(?:\([^()\n]{0,500}\)[^()\n]{0,500})?\)"), r"\1"),  # image
    (re.compile(r"\[([^\[\]]{0,2000})\]\([^()\n]{0,2000}(?:\([^()\n]{0,500}\)[^()\n]{0,500})?\)"), r"\1"),  # link
    (re.compile(r"!?\[([^\[\]]{1,2000})\] ?\[[^\[\]]{0,300}\]"), r"\1"),  # [text][reference]
    (re.compile(r"<((?:https?|mailto|ftp):[^<>\s]{1,2000})>"), r"\1"),  # <https://...>
    (re.compile(r"</?[A-Za-z][^<>]{0,2000}>"), ""),  # inline HTML
    (re.compile(r"\*\*\*(?=\S)([^*]{1,5000})\*\*\*"), r"\1"),
    (re.compile(r"\*\*(?=\S)([^*]{1,5000})\*\*"), r"\1"),
    (re.compile(r"(?<!\w)__(?=\S)([^_]{1,5000})__(?!\w)"), r"\1"),
    (re.compile(r"\*(?=[^\s*])([^*]{1,5000})\*"), r"\1"),
    (re.compile(r"(?<!\w)_(?=[^\s_])([^_]{1,5000})_(?!\w)"), r"\1"),
    (re.compile(r"~~(?=\S)([^~]{1,5000})~~"), r"\1"),
)
_ANY_MARK = re.compile(r"[\[*_<~\\]")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_HIDDEN = re.compile(
    "[\ue021-\ue07e]"
)  # an escaped mark on its way past the patterns; mended text has no such character
_CODE = re.compile(r"(?<!`)(`{1,9})(?!`)([^`]{1,5000})\1(?!`)")


def parse_markdown(text: str) -> tuple[str | None, str]:
    """The title (front matter's, else the first top heading) and the readable text."""
    title, body = _front_matter(mend_characters(text))
    blocks = _Blocks()
    for line in _COMMENT.sub("", body).split("\n"):
        blocks.take(line)
    blocks.end()
    return title or blocks.title, tidy_prose("\n\n".join(blocks.done))


def year_of_front_matter(text: str) -> int | None:
    """The year that a leading block of data about the page states."""
    text = mend_characters(text[:_LONGEST_FRONT])
    head = text[4:].partition("\n---\n")[0].split("\n") if text.startswith("---\n") and "\n---\n" in text else []
    return next((year for line in head if (found := _FRONT_DATE.match(line)) and (year := year_in(found[1]))), None)


def _front_matter(text: str) -> tuple[str | None, str]:
    """A leading block between two lines of --- is data about the page, not the page."""
    if not text.startswith("---\n"):
        return None, text
    head, end, body = text[4:].partition("\n---\n")
    if not end:
        return None, text
    for line in head.split("\n"):
        found = _FRONT_TITLE.match(line)
        if found:
            return found[1].strip().strip("\"'").strip() or None, body
    return None, body


@dataclass
class _Blocks:
    """Takes a page line by line; `done` are its blocks, `lines` the one being collected."""

    done: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    fence: str | None = None
    table: bool = False
    title: str | None = None

    def take(self, line: str) -> None:
        opening = _FENCE.match(line)
        if self.fence is not None:
            if opening and opening[1].startswith(self.fence) and not line.strip(" `~"):
                self.end_code()
            else:
                self.lines.append(line)
        elif opening:
            self.end()
            self.fence = opening[1]
        else:
            self.take_prose(_QUOTE.sub("", line, count=1))

    def take_prose(self, line: str) -> None:
        heading = _HEADING.match(line)
        if not line.strip():
            self.end()
        elif heading:
            self.end()
            self.add_heading(line[heading.end() :].rstrip("# \t"), level=len(heading[1]))
        elif _SETEXT.match(line) and self.lines and not self.table:
            words, self.lines = " ".join(self.lines), []
            self.add_heading(words, level=1 if line.strip().startswith("=") else 2)
        elif _RULE.match(line) or _is_table_rule(line):
            self.table = self.table or "|" in line
        elif _DEFINITION.match(line) and not _FOOTNOTE.match(line):
            self.end()
        elif line.lstrip().startswith("|"):
            if not self.table:
                self.end()
            self.table = True
            self.lines.append(line)
        elif _ITEM.match(line):
            self.lines.append("\n" + line.strip() if self.lines else line.strip())
        else:
            self.lines.append(_FOOTNOTE.sub("", line).strip())

    def add_heading(self, words: str, *, level: int) -> None:
        clean = inline(words).strip()
        if clean:
            self.done.append(clean)
            if level == 1 and self.title is None:
                self.title = clean

    def end(self) -> None:
        """The block is complete: a table or code stays in lines, a list has one line an item, prose is one line."""
        if self.fence is not None:
            self.end_code()
            return
        if self.lines:
            joiner = "\n" if self.table else " "
            self.done.append(inline(joiner.join(self.lines).replace(" \n", "\n")))
        self.lines, self.table = [], False

    def end_code(self) -> None:
        self.done.append("\n".join(self.lines))
        self.lines, self.fence = [], None


def _is_table_rule(line: str) -> bool:
    """The line of dashes below a table's head."""
    return "|" in line and "-" in line and not line.strip("|:- \t")


def inline(text: str) -> str:
    """Words without the marks around them; what stands in code marks is left as it is."""
    out, at = [], 0
    for code in _CODE.finditer(text):
        out += [_strip_marks(text[at : code.start()]), code[2]]
        at = code.end()
    return "".join([*out, _strip_marks(text[at:])])


def _strip_marks(text: str) -> str:
    if not _ANY_MARK.search(text):
        return text
    text = _ESCAPED.sub(lambda mark: chr(0xE000 + ord(mark[1])), text)
    for pattern, replacement in _INLINE:
        text = pattern.sub(replacement, text)
    return _HIDDEN.sub(lambda mark: chr(ord(mark[0]) - 0xE000), text)
