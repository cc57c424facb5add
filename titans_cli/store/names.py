"""What sessions and entries may be called, and the folders that bear their names.

A name is shown as it was typed, in Unicode's composed form (NFC), and matched whatever its case. A name of plain
letters is its folder's, as it always was; every other byte stands in the folder's name as %XX, so that a folder is safe
on any file system, whatever that thinks of accents and spaces, and is read back without a doubt.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, unquote

LONGEST = 64  # characters of a name
LONGEST_FOLDER = 200  # bytes; file systems stop at 255, and temporary names are longer
RULE = (
    f"Use 1 to {LONGEST} letters and digits of any script, spaces within, and . _ - ' & + , ( ); "
    "begin with a letter, a digit or _"
)
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_MARKS = frozenset(" ._-'&+,()")


def composed(name: str) -> str:
    """The one form that equal names have, however they were typed."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def folded(name: str) -> str:
    """What is equal for names that differ in case alone."""
    return composed(composed(name).casefold())


def is_name(name: str) -> bool:
    """Whether this can be a name, in its composed form."""
    if _PLAIN.fullmatch(name):
        return True
    return (
        0 < len(name) <= LONGEST
        and name == composed(name) == name.strip()
        and (name[0] == "_" or unicodedata.category(name[0])[0] == "L" or name[0].isdecimal())
        and all(char in _MARKS or unicodedata.category(char)[0] in "LM" or char.isdecimal() for char in name)
        and len(folder_of(name)) <= LONGEST_FOLDER
    )


def folder_of(name: str) -> str:
    """The name of the folder, in plain characters."""
    return name if _PLAIN.fullmatch(name) else quote(name, safe="").replace("~", "%7E")


def name_of(folder: str) -> str | None:
    """The name that a folder bears; None for a folder that bears none."""
    if _PLAIN.fullmatch(folder):
        return folder
    try:
        name = unquote(folder, errors="strict")
    except UnicodeDecodeError:
        return None
    return name if is_name(name) and folder_of(name) == folder else None


def shown(folder: str) -> str:
    """The same for messages: a folder that bears no name is called as it is."""
    return name_of(folder) or folder
