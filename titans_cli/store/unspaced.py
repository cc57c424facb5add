"""Finding words of scripts that put no spaces between them: by pairs of characters, weighed as FTS5 weighs words.

`unicode61` takes a run of such characters for one word, and `trigram` finds nothing shorter than three; most words of
Chinese are of two. Overlapping pairs are what Lucene's CJKAnalyzer takes. They are counted in the text itself, for
the few questions that need it, rather than kept: no index grows, and sessions of every release are searched alike.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

# Han, kana, Hangul, Thai, Lao, Myanmar, Khmer (Unicode blocks).
_RUN = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]+"
)
_MOST = 64  # pairs of a query
_K1, _B = 1.2, 0.75  # as in FTS5's bm25()


def pairs(text: str) -> list[str]:
    """Overlapping pairs of characters of each run, in order, each once; a character that stands alone as it is."""
    runs: list[str] = _RUN.findall(text)
    cut = (run[i : i + 2] for run in runs for i in range(max(1, len(run) - 1)))
    return list(dict.fromkeys(cut))[:_MOST]


def bm25(wanted: Iterable[str], texts: Mapping[int, str], total: int, mean_length: float) -> dict[int, float]:
    """A score, more is better, for every text that holds a wanted string. `total`: of all texts, with those that hold
    none; `mean_length`: in characters."""
    scores: dict[int, float] = {}
    for string in wanted:
        counts = {i: count for i, text in texts.items() if (count := text.count(string))}
        weight = max(1e-6, math.log((total - len(counts) + 0.5) / (len(counts) + 0.5)))
        for i, count in counts.items():
            length = 1 - _B + _B * len(texts[i]) / max(mean_length, 1.0)
            scores[i] = scores.get(i, 0.0) + weight * count * (_K1 + 1) / (count + _K1 * length)
    return scores
