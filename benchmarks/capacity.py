"""What a session's memory weighs against what it recalls: bytes of its files per token read, and planted facts.

Documents are learned and their cells written and read as a session does (`sessions.learning`, `store.snapshots`), so
that what is counted is what lies on the disk and what answers is what was read back from there. Text and facts are
those of `benchmarks.recall`. bytes_per_token is of all that the memory wants for an answer: the cells' files, with the
topics in them, and every other file of the same folder. Recall is of all facts, and of those of the first and the last
tenth of the documents; off is the model without memory.

bits_per_kilobyte: of the recalled values, over the kilobytes of the memory. A value counts as its tokens times log2
of the vocabulary: an upper bound, since values are drawn from far less than all sequences of tokens.

With --memory the documents are read by a session whose memory is bounded, and what it still holds is asked: bytes are
those of the session's memory, and share.* says of how many tokens it holds what.
"""

from __future__ import annotations

import math
import tempfile
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from benchmarks.common import Report, threads
from benchmarks.recall import arguments, hits, papers, share
from titans_cli import settings
from titans_cli.model.engine import Engine
from titans_cli.model.interface import Cell
from titans_cli.records import OUTLINE, TEXT, VERBATIM, Page
from titans_cli.sessions.consolidate import remembered
from titans_cli.sessions.ingest import IngestRequest, create_session, ingest
from titans_cli.sessions.learning import learn
from titans_cli.store import Home
from titans_cli.store.snapshots import read_snapshot, snapshot_path, write_snapshot


class Learned(NamedTuple):
    read: int  # tokens
    size: int  # bytes of the memory
    cells: list[Cell]
    forms: dict[str, int]  # tokens that are held verbatim, in outline, only as text


def learned(engine: Engine, texts: Sequence[str], kept: float, folder: Path) -> Learned:
    """Every document into cells of its own, of whose tokens the share `kept` stays."""
    read = number = 0
    for text in texts:
        segments = engine.segments([Page(1, text)])
        read += sum(len(s.tokens) for s in segments)
        last = {part.cell.index: part.cell for part in learn(engine, segments)}
        for cell in last.values():
            tensors = cell.tensors if kept == 1 else engine.outlined(dict(cell.tensors), kept)
            write_snapshot(snapshot_path(folder, number), tensors, fingerprint=engine.fingerprint)
            number += 1
    size = sum(path.stat().st_size for path in folder.iterdir())
    cells = [engine.from_tensors(read_snapshot(snapshot_path(folder, n), None)) for n in range(number)]
    return Learned(read, size, cells, {})


def bounded(engine: Engine, texts: Sequence[str], bound: int, folder: Path) -> Learned:
    """A session that reads them with a bound on its memory."""
    paths = [folder / f"{n:04d}.txt" for n in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, encoding="utf-8")
    home = Home(folder / "home")
    home.ensure()
    store = create_session(home, "capacity", engine=engine, bound=bound)
    deque(ingest(home, "capacity", IngestRequest([str(p) for p in paths])), maxlen=0)
    with store.episodes() as episodes:
        held = remembered(store.info, episodes)
    forms = {form: getattr(held, form) for form in (VERBATIM, OUTLINE, TEXT)}
    return Learned(sum(forms.values()), held.bytes, [engine.from_tensors(t) for _, t in store.cells()], forms)


def main() -> None:
    wanted = arguments(__doc__)
    wanted.add_argument(
        "--kept", type=float, default=1.0, help="share of each cell's tokens that is kept, as in outline"
    )
    wanted.add_argument("--memory", help="bound of a session that reads them all, e.g. 64MB (default: none)")
    options = wanted.parse_args()
    torch.set_num_threads(threads())
    count = options.papers or (20 if options.quick else 200)
    engine = Engine.load(options.model)
    made = list(papers(engine, count, options.tokens, options.facts, options.data, seed=1))
    texts = [text for text, _ in made]
    with tempfile.TemporaryDirectory() as made_in:
        if options.memory:
            read, size, cells, forms = bounded(engine, texts, settings.size(options.memory), Path(made_in))
        else:
            read, size, cells, forms = learned(engine, texts, options.kept, Path(made_in))
    facts = [fact for _, planted in made for fact in planted]
    right = hits(engine, cells, facts)
    tenth = max(1, count // 10) * options.facts
    told = sum(len(engine.tokenizer.encode(f.answer)) for f, hit in zip(facts, right, strict=True) if hit)
    chosen = {
        "papers": count,
        "tokens": options.tokens,
        "facts": options.facts,
        "cells": len(cells),
        "kept": options.kept,
    } | ({"memory": options.memory} if options.memory else {})
    report = Report("capacity", chosen | {"model": engine.fingerprint[:12]})
    report.add("bytes_per_token", size / read)
    report.add("recall", share(right))
    report.add("recall.first_tenth", share(right[:tenth]))
    report.add("recall.last_tenth", share(right[-tenth:]))
    report.add("recall.off", share(hits(engine, [], facts)))
    report.add("bits_per_kilobyte", told * math.log2(engine.spec.vocab_size) / (size / 1000))
    for form, tokens in forms.items():
        report.add(f"share.{form}", tokens / read)
    report.print(as_json=options.json)


if __name__ == "__main__":
    main()
