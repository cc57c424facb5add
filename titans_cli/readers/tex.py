r"""LaTeX source to text: comments, preamble, commands, bibliography go; words, headings, captions, formulas stay.

One pass over the tokens with a table of which brace closes which: no recursion, linear in the file. TeX is a
programming language; this reads what people write in papers. Of the author's own macros only names for words, those
without arguments, are put in their place, and not inside one another.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from titans_cli.readers.clean import mend_characters, tidy_prose
from titans_cli.readers.dates import year_in
from titans_cli.readers.parsed import Parsed, one_page
from titans_cli.readers.tex_names import (
    ACCENTS,
    DROPPED,
    DROPPED_ENVIRONMENTS,
    FIRST_DROPPED,
    HEADINGS,
    RAW_ENVIRONMENTS,
    SYMBOLS,
    WITH_ARGUMENT,
)

_TOKEN = re.compile(r"\\(?:[A-Za-z@]+\*?|.|\n)|[{}&~$]|[^\\{}&~$]+", re.S)
_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%[^\n]*(\n[ \t]*)?")
_OPTION = re.compile(r"\s{0,3}\[[^\[\]]{0,1000}(?:\[[^\[\]]{0,200}\][^\[\]]{0,1000})?\]")
_ENVIRONMENT = re.compile(r"\s*\{([A-Za-z]{1,40}\*?)\}")
_BEGIN = re.compile(r"\\begin\s*\{document\}")
_END = re.compile(r"\\end\s*\{document\}")
_INPUT = re.compile(r"\\(?:input|include|subfile)\s*\{([^{}\n]{1,200})\}")
_TITLE = re.compile(r"\\title\s*(?:\[[^\[\]]{0,300}\])?\s*(?=\{)")

_ACCENTED = re.compile(r"[ \t]*(?:\{\s*(\\[ij](?![A-Za-z])|[^\W\d_])?\s*\}|(\\[ij](?![A-Za-z])|[^\W\d_]))")


_DATE = re.compile(r"\\date\s*\{([^{}]{0,200})\}")
_RAW = re.compile(rf"\\begin\{{((?:{'|'.join(sorted(RAW_ENVIRONMENTS))})\*?)\}}")
_MACRO = re.compile(
    r"\\(?:(?:new|renew|provide)command\*?\s{0,3}(?:\{\s{0,3}\\([A-Za-z]{1,50})\s{0,3}\}|\\([A-Za-z]{1,50}))"
    r"|def\s{0,3}\\([A-Za-z]{1,50}))\s{0,3}\{([^{}]{0,200}(?:\{[^{}]{0,200}\}[^{}]{0,200}){0,3})\}"
)


def parse_tex(text: str) -> Parsed:
    """Warns of files that it takes in, which are not read with it."""
    text = _without_comments(mend_characters(text))
    begin = _BEGIN.search(text)
    head, body = (text[: begin.start()], text[begin.end() :]) if begin else ("", text)
    end = _END.search(body)
    body = body[: end.start()] if end else body
    macros = {m[1] or m[2] or m[3]: " ".join(_Stripper(m[4]).run().split()) for m in _MACRO.finditer(text)}
    title = _title(head, macros) or _title(body, macros)
    date = _DATE.search(head) or _DATE.search(body)
    included = sorted(set(_INPUT.findall(body)))
    notes = (f"not followed: \\input of {', '.join(included[:10])}; name those files too",) if included else ()
    words = tidy_prose(_Stripper(body, macros).run())
    whole = f"{title}\n\n{words}" if title and begin and _TITLE.search(head) else words
    return one_page(title, whole, *notes, year=year_in(date[1]) if date else None)


def _title(text: str, macros: Mapping[str, str]) -> str | None:
    found = _TITLE.search(text)
    if found is None:
        return None
    stripper = _Stripper(text[found.end() : found.end() + 2000])
    stop = stripper.closes.get(0)
    words = _Stripper(stripper.text[1:stop], macros).run() if stop else ""
    return " ".join(words.split())[:300] or None


def _without_comments(text: str) -> str:
    """What stands verbatim keeps its percent signs."""
    out, at, endless = [], 0, set[str]()
    for begin in _RAW.finditer(text):
        ending = f"\\end{{{begin[1]}}}"
        stop = -1 if begin.start() < at or ending in endless else text.find(ending, begin.end())
        if stop >= 0:
            out += [_uncommented(text[at : begin.start()]), text[begin.start() : stop]]
            at = stop
        elif begin.start() >= at:
            endless.add(ending)
    return "".join([*out, _uncommented(text[at:])])


def _uncommented(text: str) -> str:
    """A comment takes its line's end and the next line's indent with it, unless that leaves a blank line blank."""
    return _COMMENT.sub(lambda m: m[1] + ("\n" if m.start() == 0 or text[m.start() - 1] == "\n" else ""), text)


class _Stripper:
    """`closes` maps an opening brace to its closing one; `after` what to put out where a brace closes."""

    def __init__(self, text: str, macros: Mapping[str, str] | None = None) -> None:
        self.text = text
        self.macros = macros or {}
        self.tokens = [(m.start(), m[0]) for m in _TOKEN.finditer(text)]
        self.closes: dict[int, int] = {}
        self.after: dict[int, str] = {}
        self.endless: set[str] = set()  # environments of which no end follows any more
        self.out: list[str] = []
        self.math = False
        self.until = 0  # what starts before here is already dealt with
        stack: list[int] = []
        for at, token in self.tokens:
            if token == "{":
                stack.append(at)
            elif token == "}" and stack:
                self.closes[stack.pop()] = at

    def run(self) -> str:
        for at, token in self.tokens:
            if at + len(token) <= self.until:
                continue
            if at < self.until:
                at, token = self.until, token[self.until - at :]
            if token[0] == "\\" and len(token) > 1:
                self.command(token[1:], at + len(token))
            elif token == "}":
                self.out.append(self.after.pop(at, ""))
            elif token == "&":
                self.out.append(" " if self.math else " | ")
            elif token == "~":
                self.out.append(" ")
            elif token not in ("{", "$", "\\"):
                self.out.append(token)
        return _spell("".join(self.out))

    def command(self, name: str, at: int) -> None:
        """`at` is the place after the command's name. Of an unknown command only the words stay."""
        bare = name.rstrip("*")
        if bare in ("begin", "end"):
            self.environment(bare, at)
        elif bare in ACCENTS and ((len(bare) == 1 and not bare.isalpha()) or self.text[at : at + 1] in "{ "):
            self.accent(bare, at)
        elif bare in HEADINGS:
            self.heading(at)
        elif bare in DROPPED:
            self.drop(at, DROPPED[bare])
        elif bare in self.macros:
            self.out.append(self.macros[bare])
            self.until = max(self.until, at + 2 * (self.text[at : at + 2] == "{}"))
        elif bare in ("frac", "dfrac", "tfrac", "nicefrac"):
            brace = self.group(at)
            if brace is not None:
                self.after[self.closes[brace]] = "/"
        elif bare in FIRST_DROPPED:
            self.drop(at, 1 if bare not in ("multicolumn", "multirow", "resizebox") else 2)
        elif bare in ("verb", "lstinline") and at < len(self.text) and not self.text[at].isspace():
            stop = self.text.find(self.text[at], at + 1, at + 2000)
            if stop > 0:
                self.out.append(self.text[at + 1 : stop])
                self.until = stop + 1
        elif bare == "footnote":
            brace = self.group(self.option(at))
            if brace is not None:
                self.out.append(" (")
                self.after[self.closes[brace]] = ")"
        elif bare in ("def", "let", "gdef", "edef"):
            brace = self.text.find("{", at, at + 200)
            self.until = self.closes.get(brace, at) + 1 if brace >= 0 and brace in self.closes else at
        elif bare in SYMBOLS:
            self.out.append(SYMBOLS[bare])
            if bare.isalpha() and bare not in ("item",) and not self.math:
                self.until = max(self.until, at + (self.text[at : at + 1] == " " and bare in _SWALLOW))
            if bare == "item" or bare == "\\":
                self.until = max(self.until, self.option(at) if bare == "\\" else at)
        elif bare.isalpha():
            self.until = max(self.until, self.option(at))

    def option(self, at: int) -> int:
        """The place after an optional argument, if there is one."""
        found = _OPTION.match(self.text, at)
        return found.end() if found else at

    def group(self, at: int) -> int | None:
        """Where a group opens, if one does here."""
        while at < len(self.text) and self.text[at].isspace() and self.text[at : at + 2] != "\n\n":
            at += 1
        return at if at in self.closes else None

    def drop(self, at: int, groups: int) -> None:
        for _ in range(groups):
            at = self.option(self.option(at))
            brace = self.group(at)
            if brace is None:
                break
            at = self.closes[brace] + 1
        self.until = max(self.until, at)

    def heading(self, at: int) -> None:
        brace = self.group(self.option(at))
        if brace is not None:
            self.out.append("\n\n")
            self.after[self.closes[brace]] = "\n\n"
            self.until = max(self.until, brace)

    def accent(self, mark: str, at: int) -> None:
        found = _ACCENTED.match(self.text, at)
        letter = (found[1] or found[2] or "") if found else ""
        if found and letter:
            letter = {"\\i": "i", "\\j": "j"}.get(letter, letter)
            self.out.append(unicodedata.normalize("NFC", letter + ACCENTS[mark]))
        self.until = max(self.until, found.end() if found else at)

    def environment(self, bare: str, at: int) -> None:
        found = _ENVIRONMENT.match(self.text, at)
        if found is None:
            return
        self.until = found.end()
        name = found[1].rstrip("*")
        self.out.append("\n\n")
        if bare == "end":
            return
        if name in DROPPED_ENVIRONMENTS or name in RAW_ENVIRONMENTS:
            ending = f"\\end{{{found[1]}}}"
            stop = -1 if ending in self.endless else self.text.find(ending, found.end())
            if stop < 0:
                self.endless.add(ending)
                return
            if name in RAW_ENVIRONMENTS:
                self.out.append(self.text[self.option(found.end()) : stop] + "\n\n")
            self.until = stop + len(ending)
        elif name in WITH_ARGUMENT:
            self.drop(found.end(), 2 if name == "tabularx" else 1)
        else:
            self.until = self.option(found.end())


_SWALLOW = frozenset("ss ae AE oe OE o O aa AA l L i j".split())


def _spell(text: str) -> str:
    """The marks TeX has for quotes and dashes, and spaces left before a stop by a reference that went."""
    for tex, plain in (("``", "“"), ("''", "”"), ("---", "—"), ("--", "–")):
        text = text.replace(tex, plain)
    return re.sub(r"[ \t]+(?=[,.;:)])", "", text)
