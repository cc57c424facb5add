r"""LaTeX source to text: comments, preamble, commands, bibliography go; words, headings, captions, formulas stay.

Ours, since pylatexenc loses more: the arguments of what it does not know (\SI), own macros, what stands in verbatim,
and the rest of the line after a percent sign in \url or \verb (docs/dependencies.md).

One pass over the tokens with a table of which brace closes which: no recursion, linear in the file. TeX is a
programming language; this reads what people write in papers. Of the author's own macros only names for words, those
without arguments, are put in their place, and not inside one another.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping

from titans_cli.readers.clean import mend_characters, tidy_prose
from titans_cli.readers.dates import year_in
from titans_cli.readers.parsed import ParsedDocument, one_page, totals
from titans_cli.readers.scripts import grouped, subscript, superscript
from titans_cli.readers.tex_names import (
    ACCENTS,
    DROPPED,
    DROPPED_ENVIRONMENTS,
    ENVIRONMENT_OMISSIONS,
    FIRST_DROPPED,
    HEADINGS,
    OMISSIONS,
    PREFIXES,
    RAW_ENVIRONMENTS,
    SYMBOLS,
    UNITS,
    WITH_ARGUMENT,
)

_TOKEN = re.compile(r"\\(?:[A-Za-z@]+\*?|.|\n)|[{}&~$]|[^\\{}&~$]+", re.S)
_SWITCHED_OFF = re.compile(r"\\iffalse(?![A-Za-z])((?:(?!\\if[a-z]).)*?)\\fi(?![A-Za-z])", re.S)  # no other one within
# A percent sign begins a comment, but not in an address or in what stands verbatim in a line.
_COMMENT = re.compile(
    r"(\\(?:url|path|nolinkurl|href)\s{0,3}\{[^{}\n]{0,2000}\}"
    r"|\\(?:verb\*?|lstinline(?:\[[^\]\n]{0,200}\])?)([^A-Za-z0-9\s{*])[^\n]{0,2000}?\2)"
    r"|(?<!\\)((?:\\\\)*)%([^\n]*)(?:\n[ \t]*)?"
)
_OPTION = re.compile(r"\s{0,3}\[[^\[\]]{0,1000}(?:\[[^\[\]]{0,200}\][^\[\]]{0,1000})?\]")
_ENVIRONMENT = re.compile(r"\s*\{([A-Za-z]{1,40}\*?)\}")
_BEGIN = re.compile(r"\\begin\s*\{document\}")
_END = re.compile(r"\\end\s*\{document\}")
_INPUT = re.compile(r"\\(?:input|include|subfile)\s*\{([^{}\n]{1,200})\}")
_STATED = ("title", "author", "date")

_ACCENTED = re.compile(r"[ \t]*(?:\{\s*(\\[ij](?![A-Za-z])|[^\W\d_])?\s*\}|(\\[ij](?![A-Za-z])|[^\W\d_]))")


_RAW = re.compile(rf"\\begin\{{((?:{'|'.join(sorted(RAW_ENVIRONMENTS))})\*?)\}}")
_MACRO = re.compile(
    r"\\(?:(?:new|renew|provide)command\*?\s{0,3}(?:\{\s{0,3}\\([A-Za-z]{1,50})\s{0,3}\}|\\([A-Za-z]{1,50}))"
    r"|def\s{0,3}\\([A-Za-z]{1,50}))\s{0,3}\{([^{}]{0,200}(?:\{[^{}]{0,200}\}[^{}]{0,200}){0,3})\}"
)


def extract_tex(data: bytes) -> ParsedDocument:
    return parse_tex(data.decode("utf-8"))


def parse_tex(text: str) -> ParsedDocument:
    """Title, authors and date come first, wherever they stand. Warns of files that it takes in, which are not read."""
    counts: Counter[str] = Counter()
    text = _without_comments(mend_characters(text), counts)
    begin = _BEGIN.search(text)
    head, body = (text[: begin.start()], text[begin.end() :]) if begin else ("", text)
    end = _END.search(body)
    if end:
        counts["trailing text"] += any(c.isalnum() for c in body[end.end() :])
        body = body[: end.start()]
    macros = {m[1] or m[2] or m[3]: " ".join(_Stripper(m[4]).run().split()) for m in _MACRO.finditer(text)}
    counts["preamble"] += any(c.isalnum() for c in head)
    stated = {name: _stated(head, name, macros) for name in _STATED}
    title = stated["title"] or _stated(body, "title", macros)
    date = stated["date"] or _stated(body, "date", macros)
    included = sorted(set(_INPUT.findall(body)))
    notes = (f"not followed: \\input of {', '.join(included[:10])}; name those files too",) if included else ()
    stripper = _Stripper(body, macros)
    words = tidy_prose(stripper.run())
    whole = "\n\n".join(filter(None, [*(stated[name] for name in _STATED), words]))
    omissions = totals(counts.items(), stripper.counts.items())
    return one_page(title, whole, *notes, year=year_in(date), omissions=omissions)


def _stated(text: str, name: str, macros: Mapping[str, str]) -> str | None:
    """What stands in the command of this name."""
    match = re.search(rf"\\{name}\s*(?:\[[^\[\]]{{0,300}}\])?\s*(?=\{{)", text)
    if match is None:
        return None
    stripper = _Stripper(text[match.end() : match.end() + 5000])
    stop = stripper.closes.get(0)
    words = _Stripper(stripper.text[1:stop], macros).run() if stop else ""
    return " ".join(words.split())[:2000] or None


def _without_comments(text: str, counts: Counter[str]) -> str:
    """What stands verbatim keeps its percent signs."""
    out, at, endless = [], 0, set[str]()
    for begin in _RAW.finditer(text):
        ending = f"\\end{{{begin[1]}}}"
        stop = -1 if begin.start() < at or ending in endless else text.find(ending, begin.end())
        if stop >= 0:
            out += [_uncommented(text[at : begin.start()], counts), text[begin.start() : stop]]
            at = stop
        elif begin.start() >= at:
            endless.add(ending)
    return "".join([*out, _uncommented(text[at:], counts)])


def _uncommented(text: str, counts: Counter[str]) -> str:
    """A comment takes its line's end and the next line's indent with it, unless that leaves a blank line blank."""

    def spared(match: re.Match[str]) -> str:
        if match[1]:
            return match[1]
        counts["comment"] += any(c.isalnum() for c in match[4])
        return match[3] + ("\n" if match.start() == 0 or text[match.start() - 1] == "\n" else "")

    return _SWITCHED_OFF.sub(lambda switch: _switched(switch, counts), _COMMENT.sub(spared, text))


def _switched(match: re.Match[str], counts: Counter[str]) -> str:
    """What `\\iffalse` switches off is a comment of its own kind; what stands behind `\\else` is not switched off."""
    off, _, on = match[1].partition("\\else")
    counts["comment"] += any(c.isalnum() for c in off)
    return on


class _Stripper:
    """`closes` maps an opening brace to its closing one; `after` what to put out where a brace closes; `groups` a
    closing brace to how much had been put out where it opened, and what becomes of it: a script, a side of a fraction.
    """

    def __init__(self, text: str, macros: Mapping[str, str] | None = None) -> None:
        self.text = text
        self.macros = macros or {}
        self.tokens = [(m.start(), m[0]) for m in _TOKEN.finditer(text)]
        self.closes: dict[int, int] = {}
        self.after: dict[int, str] = {}
        self.groups: dict[int, tuple[int, str]] = {}
        self.counts: Counter[str] = Counter()
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
            elif token == "{":
                self.open(at)
            elif token == "}":
                self.close(at)
            elif token == "&":
                self.out.append(" " if self.math else " | ")
            elif token == "~":
                self.out.append(" ")
            elif token not in ("$", "\\"):
                self.out.append(token)
        return _spell("".join(self.out))

    def open(self, at: int) -> None:
        """A group behind ^ or _ in a formula stands above or below the line as a whole."""
        before = self.out[-1][-1:] if self.out else ""
        if before and before in "^_" and at in self.closes:
            self.groups.setdefault(self.closes[at], (len(self.out), "()"))
        elif at in self.closes and self.closes[at] in self.groups:
            self.groups[self.closes[at]] = (len(self.out), self.groups[self.closes[at]][1])

    def close(self, at: int) -> None:
        if at in self.groups:
            place, mark = self.groups.pop(at)
            words = "".join(self.out[place:])
            del self.out[place:]
            before = self.out[-1] if self.out else ""
            script = {"^": superscript, "_": subscript}.get(mark)
            self.out.append(script(before, words) if script else grouped(words.strip()))
        self.out.append(self.after.pop(at, ""))

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
            self.counts[OMISSIONS.get(bare, "layout command")] += 1
            self.drop(at, DROPPED[bare])
        elif bare in ("url", "path", "nolinkurl"):
            brace = self.group(at)
            if brace is not None:
                self.out.append(self.text[brace + 1 : self.closes[brace]].replace("\\", ""))
                self.until = self.closes[brace] + 1
        elif bare in _QUANTITIES:
            self.quantity(bare, at)
        elif bare in self.macros:
            self.out.append(self.macros[bare])
            self.until = max(self.until, at + 2 * (self.text[at : at + 2] == "{}"))
        elif bare in ("frac", "dfrac", "tfrac", "nicefrac"):
            bare_one = _BARE_FRACTION.match(self.text, at)
            if bare_one:
                self.out.append(f"{bare_one[1]}/{bare_one[2]}")
                self.until = bare_one.end()
            above = self.group(at)
            below = self.group(self.closes[above] + 1) if above is not None else None
            for brace in (above, below):
                if brace is not None:
                    self.groups[self.closes[brace]] = (0, "()")
            if above is not None:
                self.after[self.closes[above]] = "/"
        elif bare in ("textsuperscript", "textsubscript"):
            brace = self.group(at)
            if brace is not None:
                self.groups[self.closes[brace]] = (0, "^" if bare == "textsuperscript" else "_")
        elif bare in FIRST_DROPPED:
            self.counts["link target"] += bare == "href"
            self.drop(at, 1 if bare not in ("multicolumn", "multirow", "resizebox") else 2)
        elif bare in ("verb", "lstinline") and at < len(self.text) and not self.text[at].isspace():
            stop = self.text.find(self.text[at], at + 1, at + 2000)
            if stop > 0:
                self.out.append(self.text[at + 1 : stop])
                self.until = stop + 1
        elif bare in ("footnote", "thanks"):
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
        match = _OPTION.match(self.text, at)
        return match.end() if match else at

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

    def quantity(self, name: str, at: int) -> None:
        """Numbers and units of siunitx: \\SI{42}{\\metre} is 42 m."""
        parts = []
        for _ in range(_QUANTITIES[name]):
            brace = self.group(self.option(at))
            if brace is None:
                break
            parts.append(self.text[brace + 1 : self.closes[brace]])
            at = self.closes[brace] + 1
        if name not in ("num", "numrange", "ang") and parts:
            parts[-1] = _unit(parts[-1])
        if name == "ang" and parts:
            parts = [
                mark for value, sign in zip(parts[0].split(";"), "°′″", strict=False) if (mark := f"{value}{sign}")
            ]
        numbers, unit = (parts[:-1], parts[-1]) if "range" in name and name != "numrange" else ([], "")
        words = f"{' to '.join(numbers)} {unit}" if numbers else (" to " if name == "numrange" else " ").join(parts)
        self.out.append(words)
        self.until = max(self.until, at)

    def heading(self, at: int) -> None:
        brace = self.group(self.option(at))
        if brace is not None:
            self.out.append("\n\n")
            self.after[self.closes[brace]] = "\n\n"
            self.until = max(self.until, brace)

    def accent(self, mark: str, at: int) -> None:
        match = _ACCENTED.match(self.text, at)
        letter = (match[1] or match[2] or "") if match else ""
        if match and letter:
            letter = {"\\i": "i", "\\j": "j"}.get(letter, letter)
            self.out.append(unicodedata.normalize("NFC", letter + ACCENTS[mark]))
        self.until = max(self.until, match.end() if match else at)

    def environment(self, bare: str, at: int) -> None:
        match = _ENVIRONMENT.match(self.text, at)
        if match is None:
            return
        self.until = match.end()
        name = match[1].rstrip("*")
        self.out.append("\n\n")
        if bare == "end":
            return
        if name in DROPPED_ENVIRONMENTS or name in RAW_ENVIRONMENTS:
            ending = f"\\end{{{match[1]}}}"
            stop = -1 if ending in self.endless else self.text.find(ending, match.end())
            if stop < 0:
                self.endless.add(ending)
                return
            if name in DROPPED_ENVIRONMENTS:
                self.counts[ENVIRONMENT_OMISSIONS.get(name, "drawing")] += 1
            if name in RAW_ENVIRONMENTS:
                self.out.append(self.text[self.option(match.end()) : stop] + "\n\n")
            self.until = stop + len(ending)
        elif name in WITH_ARGUMENT:
            self.drop(match.end(), 2 if name == "tabularx" else 1)
        else:
            self.until = self.option(match.end())


# Commands of siunitx, and how many groups follow each.
_QUANTITIES = {"SI": 2, "qty": 2, "num": 1, "si": 1, "unit": 1, "ang": 1, "SIrange": 3, "qtyrange": 3, "numrange": 2}
_BARE_FRACTION = re.compile(r"\s*([0-9A-Za-z])\s*([0-9A-Za-z])")
_PART_OF_UNIT = re.compile(r"\\([A-Za-z]+)\s*(?:\{([^{}]{0,20})\})?|\^\{([^{}]{0,20})\}|([^\\{}])")


def _unit(text: str) -> str:
    r"""\kilo\metre\per\second\squared is km/s^2."""
    out, joined = "", True
    for part in _PART_OF_UNIT.finditer(text):
        name = part[1]
        if name is None:
            out += f"^{part[3]}" if part[3] else {"~": " ", ".": " "}.get(part[4], part[4])
            joined = True
        elif name == "per":
            out, joined = f"{out}/", True
        elif name in ("squared", "cubed", "tothe"):
            out += {"squared": "^2", "cubed": "^3"}.get(name, f"^{part[2]}")
        else:
            out += ("" if joined else " ") + (PREFIXES.get(name) or UNITS.get(name, name))
            joined = name in PREFIXES
    return out.strip()


_SWALLOW = frozenset("ss ae AE oe OE o O aa AA l L i j".split())


def _spell(text: str) -> str:
    """The marks TeX has for quotes and dashes, and spaces left before a stop by a reference that went."""
    for tex, plain in (("``", "“"), ("''", "”"), ("---", "—"), ("--", "–")):
        text = text.replace(tex, plain)
    text = text.replace("^°", "°").replace("^′", "′")
    return re.sub(r"[ \t]+(?=[,.;:)])", "", text)
