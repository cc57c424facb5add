"""How common words and pairs of words are in general English, from a small table that is shipped.

`background.txt.gz` is made by `python -m titans_cli.train.background`; its first line says from how many pieces of
which openly licensed texts. A key that it lacks stands in fewer pieces than it lists.
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

TABLE = "background.txt.gz"
Key = tuple[str, ...]  # stems
UNSEEN = 3.0  # pieces in which a key stands that the table lacks


class Background(NamedTuple):
    pieces: int  # of about a thousand characters
    counts: Mapping[str, int]  # pieces with a key, its stems joined by a space

    def share(self, key: Key) -> float:
        """Of the pieces, those that have a word or a pair; of a longer key, at most those that have its rarest pair."""
        if len(key) > 2:
            return min(self.share(key[i : i + 2]) for i in range(len(key) - 1))
        return self.counts.get(" ".join(key), UNSEEN) / self.pieces

    def rarest(self, key: Key) -> float:
        """The share of its rarest word."""
        return min(self.share((word,)) for word in key)

    def excess(self, key: Key, share: float) -> float:
        """Log of how many times as common a key is in `share` of some documents as in general English."""
        return math.log(max(share, 1e-9) / self.share(key))


@cache
def background() -> Background:
    packed = files("titans_cli.answers").joinpath(TABLE).read_bytes()
    head, *rows = gzip.decompress(packed).decode("utf-8").splitlines()
    counts = {key: int(count) for key, count in (row.split("\t") for row in rows)}
    return Background(int(json.loads(head)["pieces"]), counts)
