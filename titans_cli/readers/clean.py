"""Page text as it comes out of a file, made into prose: pure functions, each linear in its input.

`clean_pages` is the whole of it for paged text (PDF); the other readers use the parts that fit them. Text that
leaves here is NFC, has no control, zero-width or private-use characters, and always encodes to UTF-8.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from titans_cli.cards import Entry, is_sound
from titans_cli.readers.running import drop_running_lines
from titans_cli.readers.unwrap import unwrap_page

# ---------------------------------------------------------------- characters

_LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
_NEWLINES = dict.fromkeys("\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", "\n")
_SPACES = dict.fromkeys(
    "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " "
)
_DROPPED: dict[str, str] = {
    **{chr(c): "" for c in (*range(0x20), *range(0x7F, 0xA0)) if chr(c) not in "\t\n\x0b\x0c\x1c\x1d\x1e\x85"},
    **dict.fromkeys("\u00ad\u061c\u180e\u200b\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff\ufffe\uffff", ""),
    **{chr(c): "" for c in (*range(0x202A, 0x202F), *range(0x2066, 0x2070), *range(0xFFF9, 0xFFFC))},
}
_TABLE = str.maketrans({**_LIGATURES, **_NEWLINES, **_SPACES, **_DROPPED})
# Private-use characters are pictures of one font. The joiners matter only in scripts that are not Latin-like.
# What a terminal takes for colours and titles (ECMA-48), and a printing terminal's bold and underlined letters.
_TERMINAL = re.compile(r"\x1b(?:\[[0-?]{0,100}[ -/]{0,9}[@-~]|\][^\x07\x1b\n]{0,2000}(?:\x07|\x1b\\)|[ -/]{0,9}[0-~])")
_OVERSTRUCK = re.compile("_\b(.)|(.)\b_|.\b(.)")
_MOST_STRIKES = 4  # of one letter
_MEANINGLESS = re.compile("[\ue000-\uf8ff\U000f0000-\U0010ffff]|(?<![\u0590-\U0010ffff])[\u200c\u200d]")
_ACCENTS = {"´": "\u0301", "¨": "\u0308", "ˆ": "\u0302", "˜": "\u0303", "ˇ": "\u030c", "˚": "\u030a", "¸": "\u0327"}
_LOOSE_ACCENT = re.compile(r"(?<=[^\W\d_])( ?)([´¨ˆ˜ˇ˚¸]) ?([a-zı])|([´¨ˆ˜ˇ˚¸]) ?([A-Z])")


LONGEST_VALUE = 20_000  # characters of an entry of a card
MOST_ENTRIES = 5_000  # of a card: papers of physics have thousands of authors


def tidy_card(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """What a file says of itself, as it can be kept: text that can be written, of no more than anybody needs."""
    kept = []
    for e in islice(entries, MOST_ENTRIES):
        field, value, origin = map(mend_characters, (e.field, e.value, e.origin))
        kept.append(Entry(field, value[:LONGEST_VALUE], origin[:100]))
    return tuple(entry for entry in kept if is_sound(entry))


def mend_characters(text: str) -> str:
    """Ligatures spelled out, odd spaces made plain, what cannot be seen removed; NFC; no surrogates."""
    if text.isascii() and text.isprintable():
        return text
    # Through UTF-16, pairs of surrogates become the characters they stand for, and single ones U+FFFD.
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u00ad\n", "").replace("\u00ad \n", "")
    if "\x1b" in text:
        text = _TERMINAL.sub("", text)
    for _ in range(_MOST_STRIKES * ("\b" in text)):
        text = _OVERSTRUCK.sub(lambda struck: struck[1] or struck[2] or struck[3], text)
    text = _MEANINGLESS.sub("", text.translate(_TABLE))
    return unicodedata.normalize("NFC", text)


_WORD = re.compile(r"[^\W\d_]+(?:[-‐][^\W\d_]+)*")
_AT_LIGATURE = re.compile(r"(\w*)( ?)([ﬀ-ﬆ]+)( ?)(\w*)")
_LIGATURE = re.compile("[ﬀ-ﬆ]")


def mend_ligatures(texts: Sequence[str]) -> list[str]:
    """Words that a ligature has cut, made whole: "speci ﬁ c" is specific, "the ﬁrst" stays.

    Some fonts leave room around a ligature. What stands there alone is a piece of a word unless the document uses it as
    a word elsewhere.
    """
    if not any(_LIGATURE.search(text) for text in texts):
        return list(texts)
    words = {word for text in texts for word in _WORD.findall(_AT_LIGATURE.sub(" ", text).casefold())}

    def whole(match: re.Match[str]) -> str:
        before, left, ligature, right, after = match.groups()
        left = "" if before and before.casefold() not in words else left
        right = "" if after and after.casefold() not in words else right
        return f"{before}{left}{ligature}{right}{after}"

    return [_AT_LIGATURE.sub(whole, text) for text in texts]


def mend_accents(text: str) -> str:
    """TeX draws an accent before its letter: "Montr ´eal" and "Universit´e" become Montréal and Université."""
    return _LOOSE_ACCENT.sub(_compose, text)


def _compose(match: re.Match[str]) -> str:
    accent, letter = match[2] or match[4], match[3] or match[5]
    composed = unicodedata.normalize("NFC", ("i" if letter == "ı" else letter) + _ACCENTS[accent])
    return composed if len(composed) == 1 else match[0]


# ---------------------------------------------------------------- spaces

_RUN_OF_SPACES = re.compile(r"[ \t]+")
_SPACED_OUT = re.compile(r"(?<!\S)[^\W\d](?: [^\W\d]){4,}(?!\S)")
_SPACE_BEFORE_STOP = re.compile(r"(?<=[^\W\d_]) ([,;.:])(?= |$)", re.M)


def tidy_lines(text: str) -> list[str]:
    """The lines, with single spaces and no space at either end."""
    return [_RUN_OF_SPACES.sub(" ", line).strip() for line in text.split("\n")]


def close_spaced_letters(text: str) -> str:
    """Letters that were set apart are a word: "A B S T R A C T" becomes ABSTRACT. Five or more, or it is algebra."""
    return _SPACED_OUT.sub(lambda match: match[0].replace(" ", ""), text)


def drop_marks(lines: Sequence[str]) -> list[str]:
    """Without lines that hold neither a letter nor a digit: the points of a plot, rules, bullets on their own."""
    return [line for line in lines if not line or any(c.isalnum() for c in line)]


def tidy_prose(text: str) -> str:
    """Lines tidied, never more than one blank line, none at either end."""
    out: list[str] = []
    for line in tidy_lines(text):
        if line or (out and out[-1]):
            out.append(line)
    while out and not out[-1]:
        out.pop()
    return "\n".join(out)


# ---------------------------------------------------------------- hyphens at line ends

_HYPHEN = re.compile(r"([^\W_]+)[-‐]$")
_LONGEST_WORD = 60  # characters of a line's end to look at
_LONGEST_LINE = 2000  # a line that grows by more is no prose
_NEXT_WORD = re.compile(r"[^\W_]+")


def vocabulary(pages: Sequence[Sequence[str]]) -> set[str]:
    """Every word and every hyphenated compound that stands whole within a line, in lower case."""
    words: set[str] = set()
    for lines in pages:
        for line in lines:
            line_words = _WORD.findall(line.lower())
            if line.endswith(("-", "‐")) and line_words:
                line_words.pop()  # half a word
            for word in line_words:
                words.add(word)
                if "-" in word or "‐" in word:
                    words.update(re.split("[-‐]", word))
    return words


def join_hyphenated(lines: Sequence[str], words: set[str]) -> list[str]:
    """Words split at line ends made whole; the line takes the word's other half up to itself.

    The word is joined if the document uses it so elsewhere, keeps its hyphen if the document uses it with one,
    and otherwise is joined when both halves are lower-case letters ("transfor-" "mer"), so that "COVID-" "19"
    and "Navier-" "Stokes" stay compounds.
    """
    out: list[str] = []
    for line in lines:
        tail = _HYPHEN.search(out[-1][-_LONGEST_WORD:]) if out and out[-1].endswith(("-", "‐")) else None
        head = _NEXT_WORD.match(line)
        if tail is None or head is None or len(out[-1]) > _LONGEST_LINE:
            out.append(line)
            continue
        left, right = tail[1], head[0]
        # The two halves go on one line; what follows the word moves to the end of that line with it.
        taken, rest = _split_word(line)
        joined = (left + right).lower() in words
        compound = f"{left}-{right}".lower() in words
        plain = left.isalpha() and right.isalpha() and left.islower() and right.islower() and len(left) > 1
        stem = out[-1] if not (joined or (plain and not compound)) else out[-1][:-1]
        out[-1] = stem + taken
        if rest:
            out.append(rest)
    return out


def _split_word(line: str) -> tuple[str, str]:
    taken, _, rest = line.partition(" ")
    return taken, rest


# ---------------------------------------------------------------- the whole


@dataclass(frozen=True, slots=True)
class CleanText:
    pages: list[str]
    omissions: tuple[tuple[str, int], ...]  # what was left out, and how often


def clean_pages(raw: Sequence[str], numbers: Sequence[int] | None = None) -> CleanText:
    """Raw page texts of one document to clean ones, page by page in the same order. `numbers`: of the pages."""
    meaningless = sum(len(_MEANINGLESS.findall(text)) for text in raw)
    mended = [mend_characters(text) for text in mend_ligatures(raw)]
    pages = [tidy_lines(close_spaced_letters(mend_accents(text))) for text in mended]
    pages, running = drop_running_lines([drop_marks(page) for page in pages], numbers)
    words = vocabulary(pages)
    texts = [_SPACE_BEFORE_STOP.sub(r"\1", unwrap_page(join_hyphenated(lines, words))) for lines in pages]
    counted = (("repeated header or footer line", running), ("character of no known meaning", meaningless))
    return CleanText(texts, tuple((kind, count) for kind, count in counted if count))
