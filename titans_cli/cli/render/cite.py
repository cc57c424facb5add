"""References to documents: in words, as BibTeX, as CSL-JSON or with all that their catalogue cards hold.

How a reference is worded in each form, and what a card says, is `sessions/citing.py`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from titans_cli.cli.render.console import document, note, out

if TYPE_CHECKING:
    from titans_cli.sessions.citing import CatalogueEntry


def references(entries: Sequence[CatalogueEntry], form: str, *, origins: bool) -> None:
    """`form`: "json", "bibtex", "csl" or "text"; `origins`: also say, of text, where each field was read."""
    from titans_cli.sessions import citing

    if form == "json":
        document("catalogue", {"documents": [asdict(c) for c in entries]})
    elif form == "bibtex":
        out(citing.bibtex(entries))
    elif form == "csl":
        out(json.dumps(citing.csl(entries), ensure_ascii=False, indent=2))
    else:
        for c in entries:
            out(citing.plain(c))
            if origins:
                note("  " + "; ".join(f"{field}: {origin}" for field, origin in c.origins.items()))
