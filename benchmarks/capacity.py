"""What a session's memory weighs against what it recalls: bytes of its files per token read, and planted facts.

Documents are learned and their cells written and read as a session does (`sessions.learning`, `store.snapshots`), so
that what is counted is what lies on the disk and what answers is what was read back from there. Text and facts are
those of `benchmarks.recall`. bytes_per_token is of all that the memory wants for an answer: the cells' files, with the
topics in them, and every other file of the same folder. Recall is of all facts, and of those of the first and the last
tenth of the documents; off is the model without memory.

bits_per_kilobyte: of the recalled values, over the kilobytes of the memory. A value counts as its tokens times log2
of the vocabulary: an upper bound, since values are drawn from far less than all sequences of tokens.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import torch

from benchmarks.common import Report, threads
from benchmarks.recall import arguments, hits, papers, share
from titans_cli.model.engine import Engine
from titans_cli.records import Page
from titans_cli.sessions.learning import learn
from titans_cli.store.snapshots import read_snapshot, snapshot_path, write_snapshot


def main() -> None:
    wanted = arguments(__doc__)
    wanted.add_argument(
        "--kept", type=float, default=1.0, help="share of each cell's tokens that is kept, as in outline"
    )
    options = wanted.parse_args()
    torch.set_num_threads(threads())
    count = options.papers or (20 if options.quick else 200)
    engine = Engine.load(options.model)
    made = list(papers(engine, count, options.tokens, options.facts, options.data, seed=1))
    read = number = 0
    with tempfile.TemporaryDirectory() as made_in:
        folder = Path(made_in)
        for text, _ in made:
            segments = engine.segments([Page(1, text)])
            read += sum(len(s.tokens) for s in segments)
            last = {part.cell.index: part.cell for part in learn(engine, segments)}
            for cell in last.values():
                kept = cell.tensors if options.kept == 1 else engine.outlined(dict(cell.tensors), options.kept)
                write_snapshot(snapshot_path(folder, number), kept, fingerprint=engine.fingerprint)
                number += 1
        size = sum(path.stat().st_size for path in folder.iterdir())
        cells = [engine.from_tensors(read_snapshot(snapshot_path(folder, n), None)) for n in range(number)]
    facts = [fact for _, planted in made for fact in planted]
    right = hits(engine, cells, facts)
    tenth = max(1, count // 10) * options.facts
    told = sum(len(engine.tokenizer.encode(f.answer)) for f, hit in zip(facts, right, strict=True) if hit)
    settings = {
        "papers": count,
        "tokens": options.tokens,
        "facts": options.facts,
        "cells": number,
        "kept": options.kept,
    }
    report = Report("capacity", settings | {"model": engine.fingerprint[:12]})
    report.add("bytes_per_token", size / read)
    report.add("recall", share(right))
    report.add("recall.first_tenth", share(right[:tenth]))
    report.add("recall.last_tenth", share(right[-tenth:]))
    report.add("recall.off", share(hits(engine, [], facts)))
    report.add("bits_per_kilobyte", told * math.log2(engine.spec.vocab_size) / (size / 1000))
    report.print(as_json=options.json)


if __name__ == "__main__":
    main()
