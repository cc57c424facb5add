"""Title and authors of a document from the look of its first page: sizes of type, raised marks, order.

The title is what is set in the largest type in the upper half; authors are the lines that follow in one size of type,
up to the first line that is set otherwise, begins with the mark of an affiliation, or is a heading of the text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from titans_cli.cards import folded, surname
from titans_cli.readers.cards.layout import Layout, TypedLine

_UPPER = 0.35  # of a page's height: a title stands above
_LARGER = 1.08  # than the type of the text: so large a title is at least
_ALIKE = 0.04  # of a size: types that differ by less are one
_MOST_LINES = 12  # of authors
_MOST_PIECES = 60  # of lines between title and text
_FULL = 0.8  # of the right edge of all text: a line that ends further left is not full
_FAR = 3.5  # of a line's size: authors do not go on after so wide a gap
_HEADING = re.compile(
    r"^\W*(?:\d{1,2}\.?\s+)?(?:abstract|summary|introduction|keywords?|contents|doi|edited|reviewed|received|submitted|"
    r"published|correspond\w*|statement|software|e-?mail|https?:)\b",
    re.I,
)
_PLACE = re.compile(
    r"\b(?:universit\w*|institut\w*|department|dept|laborator\w*|school|college|faculty|cent(?:er|re)|inc|ltd|gmbh|llc|"
    r"division|academy|hospital|corporation|foundation|research group|ministry|agency|street|road|avenue)\b"
    r"|@|\bhttps?:|\d{3}",
    re.I,
)
_AND = r"(?:and|und|et|y|&)"
_SPLIT = re.compile(rf"\s*[,;|·•]\s*(?:{_AND}(?:\s+|$))?|\s+{_AND}(?:\s+|$)|^{_AND}\s+", re.I)
_STRAY = re.compile(r"[\d*∗†‡§¶#^⋆★✉‖]+|\([^)]*\)|\b(?:ID|PhD|MD|Jr\.?)(?=\W|$)|(?<=\s)\W+(?=\s|$)")
_WORD = re.compile(r"[^\W\d_][\w.’'`´-]*$")
_SMALL = frozenset(("de", "del", "della", "der", "den", "di", "da", "dos", "du", "la", "le", "van", "von", "vom", "zu"))
_SMALL |= {"ten", "ter", "el", "al", "bin", "ibn", "af", "av", "y", "e"}


def title_lines(page: Layout) -> tuple[int, int]:
    """Which of the page's lines are its title: from, up to; (0, 0) when nothing looks like one."""
    above = [n for n, line in enumerate(page.lines) if line.y > _UPPER * page.height and _says_something(line.text)]
    if not above:
        return 0, 0
    largest = max(page.lines[n].size for n in above)
    if largest < _LARGER * _body(page):
        return 0, 0  # all in one type: nothing is set as a title
    first = next(n for n in above if _same(page.lines[n].size, largest))
    last = first + 1
    while last < len(page.lines) and _same(page.lines[last].size, largest) and last - first < 8:
        last += 1
    return first, last


def title_of(page: Layout) -> str | None:
    first, last = title_lines(page)
    text = ""
    for line in page.lines[first:last]:
        text += line.text if line.broken else f"{line.text} "
    title = " ".join(text.split())
    return title[:300] if len(title) >= 4 else None


def authors_of(page: Layout) -> list[str]:
    """The names in the lines after the title, in order; none if what stands there is no list of names."""
    first, last = title_lines(page)
    if last == 0:
        return []
    if columns := _columns(page, last):
        return columns
    author_lines: list[TypedLine] = []
    right = max(line.end for line in page.lines)
    for line in page.lines[last : last + _MOST_LINES]:
        before = author_lines[-1] if author_lines else None
        if _HEADING.match(line.text) or line.marked or (before is None and line.size > page.lines[first].size):
            break
        if before is not None and (not _same(line.size, before.size) or before.y - line.y > _FAR * line.size):
            break
        going_on = before is not None and (_ends_open(before) or _full(before, right))
        if not any(map(is_name, names_in(line.parts))) and not going_on:
            if author_lines:
                break
            continue  # a subtitle, a date
        author_lines.append(line)
    return names_in(_joined(author_lines, right))


def _body(page: Layout) -> float:
    """The size of most of the page's characters."""
    sizes: Counter[float] = Counter()
    for line in page.lines:
        sizes[line.size] += len(line.text)
    return sizes.most_common(1)[0][0]


def _columns(page: Layout, last: int) -> list[str]:
    """The names where every author stands above an affiliation and an address of their own, side by side in rows.

    Names are the row below the title, and every row that follows one of addresses; none for another arrangement.
    """
    region: list[TypedLine] = []
    for line in page.lines[last : last + _MOST_PIECES]:
        if _HEADING.match(line.text):
            break
        region.append(line)
    if sum("@" in line.text for line in region) < 2:
        return []
    rows: list[list[TypedLine]] = []
    for line in sorted(region, key=lambda piece: (-piece.y, piece.x)):
        if rows and abs(rows[-1][0].y - line.y) < 0.5 * line.size:
            rows[-1].append(line)
        else:
            rows.append([line])
    names: list[str] = []
    addresses = True  # the title does as well
    for row in rows:
        if addresses:
            names += names_in([part for line in row for part in line.parts])
        addresses = any("@" in line.text for line in row)
    return names


def _joined(lines: Sequence[TypedLine], right: float) -> list[str]:
    """The lines' parts; a part goes on in the next line if its line is full and neither mark nor comma closes it."""
    parts: list[str] = []
    goes_on = False
    for line in lines:
        first, *rest = line.parts
        if goes_on:
            parts[-1] += first if parts[-1].endswith("-") else f" {first}"
        else:
            parts.append(first)
        parts += rest
        goes_on = _full(line, right)
    return parts


def _full(line: TypedLine, right: float) -> bool:
    """Whether a line may go on in the next one: it fills its column, and no mark ends it."""
    return not line.closed and line.end > _FULL * right


def _ends_open(line: TypedLine) -> bool:
    return re.search(r"(?:[,;&]|\band)\s*$", line.text) is not None


def names_in(parts: Sequence[str]) -> list[str]:
    """The names in pieces of text; a piece that does not begin with a comma or "and" begins a new one."""
    names: list[str] = []
    for part in parts:
        for piece in _SPLIT.split(part):
            name = " ".join(_STRAY.sub(" ", piece or "").split()).strip(" .,;:-–—")
            if name and len(name) > 1:
                names.append(f"{name}." if re.search(r"\b[A-Z]$", name) and " " in name else name)
    return [name for name in names if is_name(name)]


def is_name(text: str) -> bool:
    """Whether a text can be somebody's name: two to six words with capitals, and no word of an institution."""
    words = text.split()
    if not 2 <= len(words) <= 6 or len(text) > 60 or _PLACE.search(text):
        return False
    return all(_WORD.match(w) and (w[0].isupper() or w.lower() in _SMALL or _cased(w)) for w in words) and (
        len(re.sub(r"\W", "", surname(text))) > 1
    )


def _cased(word: str) -> bool:
    """A letter without case, as other scripts have."""
    return word[0].lower() == word[0].upper()


def stated_names(text: str) -> list[str]:
    """The names in a list of authors as metadata has it; none when it leaves some out."""
    if re.search(r"\bet al\b|\bothers\b", text, re.I):
        return []
    family_first = ";" in text and "," in text
    pieces = text.split(";") if family_first else _SPLIT.split(text)
    names = [
        " ".join(reversed([p.strip() for p in piece.split(",", 1)])) if "," in piece else piece for piece in pieces
    ]
    return [" ".join(name.split()) for name in names if name and name.strip()]


def agree(names: Sequence[str], page: str) -> bool:
    """Whether every one of these is named on the page."""
    here = f" {folded(page)} "
    return bool(names) and all(f" {folded(surname(n))} " in here for n in names)


def _same(size: float, other: float) -> bool:
    return abs(size - other) <= _ALIKE * other


def _says_something(text: str) -> bool:
    """Not a lone number, mark, or word s p a c e d out."""
    words = text.split()
    return sum(c.isalpha() for c in text) >= 4 and sum(len(w) == 1 for w in words) <= len(words) / 2
