"""Bytes to str: a byte-order mark, then what the file declares, then UTF-8, then a guess that is owned up to."""

from __future__ import annotations

import codecs
import re

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
_SAMPLE = 1 << 16  # a guess from this much is as good as from all of it, and does not take minutes
_META_CHARSET = re.compile(
    rb"""<(?:meta|\?xml)\b[^>]{0,300}?(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.I
)
_HINT = "Convert it to UTF-8 first, e.g. iconv -f ENCODING -t UTF-8 IN > OUT"


def decode(data: bytes, display: str, *, declared: str | None = None) -> tuple[str, tuple[str, ...]]:
    """The text and, where the encoding had to be guessed, a warning that names it."""
    for bom, name in _BOMS:
        if data.startswith(bom):
            try:
                return data.decode(name), ()
            except UnicodeDecodeError as error:
                raise CorruptError(
                    f"not valid {name.upper()}, though it is marked as such", subject=display, hint=_HINT
                ) from error
    for name in filter(None, (declared, "utf-8")):
        text = _try(data, name)
        if text is not None:
            return text, ()
    guess = _guess(data)
    text = _try(data, guess) if guess else None
    if guess is None or text is None:
        raise CorruptError("the text's encoding could not be made out", subject=display, hint=_HINT)
    return text, (f"not UTF-8: read as {guess}",)


def declared_charset(data: bytes) -> str | None:
    """The charset an HTML or XML page says it is in, if it is one that Python knows."""
    found = _META_CHARSET.search(data[:4096])
    if found is None:
        return None
    name = found[1].decode("ascii").lower()
    if name.startswith(("utf-16", "utf-32", "utf16", "utf32")):
        return "utf-8"  # the tag could be read as ASCII, so it is not; what the HTML standard says to do
    if name in ("iso-8859-1", "latin-1", "latin1", "us-ascii", "ascii"):
        return "cp1252"  # likewise
    try:
        found_name = codecs.lookup(name).name
    except LookupError:
        return None
    return None if found_name in _NOT_OF_PAGES else name


def _try(data: bytes, name: str) -> str | None:
    try:
        return data.decode(name)
    except (UnicodeError, LookupError):  # LookupError: a codec such as "hex" that does not make text
        return None


def _guess(data: bytes) -> str | None:
    """charset-normalizer's best guess, from the part of the file where its first non-ASCII bytes are."""
    from charset_normalizer import from_bytes

    first = next((i for i in range(0, len(data), _SAMPLE) if not data[i : i + _SAMPLE].isascii()), 0)
    best = from_bytes(data[first : first + _SAMPLE]).best()
    return best.encoding if best is not None else None
