"""Bytes to str: a byte-order mark, then UTF-8 where it can be UTF-8, then what the file declares, then a guess.

Everything that is not certain is said: a guess, bytes that are marked with U+FFFD since they mean nothing, text that
was garbled before it came here. Names of encodings are those of the WHATWG Encoding Standard, as browsers take them.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

import webencodings

from titans_cli.errors import CorruptError

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark starts with UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Codecs that Python knows and no page is in. The time of some grows with the square of the text: a few megabytes of
# "punycode" take hours.
_NOT_OF_PAGES = frozenset(("punycode", "idna", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"))
# Where the standard's encoding holds more characters than Python's of the same name.
_WIDER = {"shift_jis": "cp932", "gbk": "gb18030", "euc-kr": "cp949", "big5": "big5hkscs"}
# Standard, and hardly any page is in them: offered to the guess, they take Turkish and Polish of windows-125x.
_RARE = frozenset(f"iso8859-{part}" for part in (3, 4, 10, 13, 14, 16))
_SAMPLE = 1 << 16  # a guess from this much is as good as from all of it, and does not take minutes
_FEW = 0.05  # of the characters may mean nothing; in what has more, the encoding is another
_META_CHARSET = re.compile(
    rb"""<(?:meta|\?xml)\b[^>]{0,300}?(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.I
)
_HINT = "Convert it to UTF-8 first, e.g. iconv -f ENCODING -t UTF-8 IN > OUT"
_MARK = "\ufffd"


def decode(data: bytes, display: str, *, declared: str | None = None) -> tuple[str, tuple[str, ...]]:
    """The text, and warnings of all that is not certain. `declared`: the encoding that the file says it is in.

    Raises CorruptError when no encoding makes sense of the bytes.
    """
    text, *warnings = _decoded(data, display, python_name(declared) if declared else None)
    text, garbled = mended(text)
    return text, (*warnings, *garbled)


def _decoded(data: bytes, display: str, declared: str | None) -> tuple[str, ...]:
    for bom, name in _BOMS:
        if data.startswith(bom):
            marked = data.decode(name, "replace")
            if marked.count(_MARK) > _FEW * len(marked):
                problem = f"not valid {name.upper()}, though it is marked as such"
                raise CorruptError(problem, subject=display, hint=_HINT)
            return marked, *_marks(marked, data, name)
    if (wide := wide_without_mark(data)) and (text := _try(data, wide)):
        return text, f"no byte-order mark: read as {wide}"
    if data.isascii():  # and may be in an encoding that needs no more, such as ISO-2022-JP
        return ((declared and _try(data, declared)) or data.decode("ascii"),)
    text = data.decode("utf-8", "replace")
    broken = text.count(_MARK) - data.count(_MARK.encode())
    whole = len(text) - len(text.encode("ascii", "ignore")) - broken
    if not broken or whole > broken:
        return text, *_marks(text, data, "utf-8")
    for name in filter(None, (declared, _guess(data))):
        text = data.decode(name, "replace")
        if text.count(_MARK) <= _FEW * len(text):
            notes = () if name == declared else (f"not UTF-8: read as {name}",)
            return text, *notes, *_marks(text, data, name)
    raise CorruptError("the text's encoding could not be made out", subject=display, hint=_HINT)


def _marks(text: str, data: bytes, name: str) -> tuple[str, ...]:
    """What is said of the bytes that mean nothing in this encoding."""
    count = text.count(_MARK) - (data.count(_MARK.encode()) if name.startswith("utf-8") else 0)
    if count < 1:
        return ()
    places = "1 place is" if count == 1 else f"{count:,} places are"
    return (f"{places} no valid {name.upper().removesuffix('-SIG')} and marked with {_MARK}",)


def declared_charset(data: bytes) -> str | None:
    """The charset an HTML or XML page says it is in, if it is one that is known."""
    label = _META_CHARSET.search(data[:4096])
    name = python_name(label[1].decode("ascii")) if label else None
    # The tag could be read as ASCII, so it is not UTF-16; what the HTML standard says to do.
    return "utf-8" if name and name.startswith(("utf-16", "utf-32")) else name


def python_name(label: str) -> str | None:
    """Python's name of the encoding that a label stands for on the web ("latin1" is cp1252), or None for none."""
    known = webencodings.lookup(label.strip())
    if known is not None:
        return _WIDER.get(known.name, str(known.codec_info.name))
    try:
        codec = codecs.lookup(label.strip().lower()).name
        "".encode(codec)
    except (LookupError, UnicodeError, ValueError):  # LookupError also for a codec such as "hex" that makes no text
        return None
    return None if codec in _NOT_OF_PAGES else codec


def wide_without_mark(data: bytes) -> str | None:
    """UTF-16 without its mark: in most alphabets every other byte is 0."""
    sample = data[: 1 << 12]
    pairs = len(sample) // 2
    if pairs < 4 or len(data) % 2:
        return None
    first, second = sample[0 : 2 * pairs : 2].count(0), sample[1 : 2 * pairs : 2].count(0)
    if max(first, second) < 0.4 * pairs or min(first, second) > _FEW * pairs:
        return None
    name = "utf-16-le" if second > first else "utf-16-be"
    odd = sum(not (c.isprintable() or c.isspace()) or c == _MARK for c in sample[: 2 * pairs].decode(name, "replace"))
    return name if odd <= _FEW * pairs else None


def mended(text: str) -> tuple[str, tuple[str, ...]]:
    """Mojibake made good: UTF-8 that somebody read as something else and saved again (ftfy finds it).

    Only where most of the lines that are not plain ASCII are garbled: a page may speak of mojibake and quote some.
    """
    if text.isascii():
        return text, ()
    from ftfy import fix_encoding

    lines = text.split("\n")
    foreign = [i for i, line in enumerate(lines) if not line.isascii()]
    better = {i: fixed for i in foreign if (fixed := fix_encoding(lines[i])) != lines[i]}
    if not better:
        return text, ()
    count = "1 line" if len(better) == 1 else f"{len(better):,} lines"
    if len(better) <= 0.5 * len(foreign):
        return text, (f"{count} may be garbled (UTF-8 once read as another encoding)",)
    for i, fixed in better.items():
        lines[i] = fixed
    return "\n".join(lines), (f"{count} mended that were UTF-8 once read as another encoding",)


def _try(data: bytes, name: str) -> str | None:
    try:
        return data.decode(name)
    except (UnicodeError, LookupError):
        return None


@lru_cache(maxsize=1)
def _of_the_web() -> tuple[str, ...]:
    """The encodings of the standard, so that nothing is taken for the code page of a machine of the eighties."""
    names = {python_name(name) for name in webencodings.LABELS.values()} - _RARE
    return tuple(sorted(name for name in names if name and not name.startswith(("utf-16", "x-user"))))


def _guess(data: bytes) -> str:
    """charset-normalizer's best guess, from the part of the file where its first non-ASCII bytes are.

    Where windows-1252, the standard's default, makes as clean a text, it is that: a single euro sign tells nothing.
    """
    from charset_normalizer import from_bytes

    first = next((i for i in range(0, len(data), _SAMPLE) if not data[i : i + _SAMPLE].isascii()), 0)
    guesses = from_bytes(data[first : first + _SAMPLE], cp_isolation=list(_of_the_web()))
    best = guesses.best()
    if best is None:
        return "cp1252"
    clean = {name for match in guesses if match.chaos <= best.chaos for name in match.could_be_from_charset}
    return "cp1252" if "cp1252" in clean else best.encoding
