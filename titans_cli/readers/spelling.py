"""Files whose names were typed in one form of Unicode and lie on disk in another: é is one character there or two."""

from __future__ import annotations

import os
import unicodedata


def composed(text: str) -> str:
    """The one form (NFC) that texts have that look the same."""
    return unicodedata.normalize("NFC", text)


def on_disk(path: str) -> str:
    """`path`; or, if nothing is there, the one path that is and differs in the form of its characters alone."""
    try:
        if path.isascii() or os.path.lexists(path):
            return path
    except ValueError:  # a NUL: no path at all
        return path
    base, name = os.path.split(path.rstrip("/"))
    if not name:
        return path
    base = on_disk(base) if base else base
    try:
        alike = [entry for entry in os.listdir(base or ".") if composed(entry) == composed(name)]  # noqa: PTH208
    except OSError:
        return path
    return os.path.join(base, alike[0]) if len(alike) == 1 else path  # noqa: PTH118 - a path may be any text
