"""The words and forms of every language as they stand in `lexicon/<language>.toml`; what they mean is `intent`'s."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def tables() -> dict[str, dict[str, Any]]:
    """The lexicon of every language by its name, English first."""
    folder = files("titans_cli.answers") / "lexicon"
    names = sorted((f.name for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda n: n != "english.toml")
    return {n.removesuffix(".toml"): tomllib.loads((folder / n).read_text(encoding="utf-8")) for n in names}


@cache
def notices() -> tuple[re.Pattern[str], ...]:
    """The forms, in any language, of sentences around an article that are none of its text."""
    forms = (form for table in tables().values() for form in table.get("notice", {}).get("forms", ()))
    return tuple(re.compile(form, re.I | re.S) for form in forms)
