"""The table of how common words are in general English (titans_cli/answers/background.txt.gz), made from openly
licensed text:

    python -m titans_cli.train.background DATA FILE

The same amount is taken of every source, in an order that a fixed seed draws, and cut at paragraphs into pieces of
about a thousand characters; the table says in how many of them a stem, or two neighbouring stems, stand. Counts are
facts and hold nothing of anybody's sentences. Texts under a share-alike licence are left out all the same.
"""

from __future__ import annotations

import gzip
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from titans_cli.answers.background import Key
from titans_cli.answers.whole.terms import phrases_in
from titans_cli.answers.words import STOP_WORDS, stem
from titans_cli.train.corpus import read_jsonl

SOURCES = {
    "standard_ebooks": "CC0 / US public domain",
    "openstax": "CC-BY-4.0",
    "us_speeches": "US public domain",
    "factbook": "CC0",
    "medquad_docs": "CC-BY-4.0",
    "plos_articles": "CC-BY",
    "oa_stm_articles": "CC-BY",
    "craft_articles": "CC-BY",
    "scipy_proceedings": "CC-BY",
    "manubot_papers": "CC-BY",
    "distill": "CC-BY-4.0",
}
CHARACTERS = 6_000_000  # of a source
PIECE = 1000  # characters at least
LEAST = {1: 8, 2: 10}  # pieces with a word, with a pair, to be listed


def pieces(path: Path) -> Iterator[str]:
    """Runs of whole paragraphs, until so many characters are taken."""
    records = list(read_jsonl(path))
    random.Random(0).shuffle(records)
    left = CHARACTERS
    for record in records:
        piece: list[str] = []
        for paragraph in record["text"].split("\n\n"):
            piece.append(paragraph)
            if sum(map(len, piece)) >= PIECE:
                left -= sum(map(len, piece))
                yield "\n\n".join(piece)
                piece = []
        if left < 0:
            return


def table(data: Path) -> bytes:
    counts: Counter[Key] = Counter()
    total = 0
    for name in SOURCES:
        for piece in pieces(data / "text" / f"{name}.jsonl.zst"):
            counts.update({key for key, _ in phrases_in(piece, lambda _: True, 2)})
            total += 1
    return packed(total, counts)


def packed(total: int, counts: Counter[Key]) -> bytes:
    stop = {stem(w) for w in STOP_WORDS}
    kept = {
        " ".join(key): n for key, n in counts.items() if n >= LEAST[len(key)] and (len(key) < 2 or not stop & set(key))
    }
    head = json.dumps({"pieces": total, "sources": SOURCES}, sort_keys=True)
    rows = [head, *(f"{key}\t{kept[key]}" for key in sorted(kept))]
    return gzip.compress("\n".join(rows).encode(), mtime=0)


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(table(Path(sys.argv[1])))
