"""The long session, closed-book: papers are read one after another, each with invented facts in its prose, and at the
end every fact is asked for with nothing but the memory to answer from. A hit is the exact value, greedily generated.

Facts and phrasings come from `titans_cli.train.tasks` in evaluation mode: names are nonce words, and neither the
statement's nor the question's wording was trained on (`--wording trained` uses those, with other names and values).
Controls, on the same session: the memory off, an untrained memory (initial weights, updates on), questions about facts
that were never planted or are planted only in a later session, and one memory for the whole session instead of cells.
Switches, thrown in the trained model without training it again (`benchmarks.ablation` does): a linear memory, no
forgetting, and momentum (the shipped model has none). `rightcell` asks the paper's own cells only: what routing costs.
told.*: of the planted questions those that the memory answers rightly and wrongly, and of the never planted ones those
that it answers at all, with the confidence that `ask --closed-book` wants; sure.*: with what `ask` wants beside
evidence that does not say so.
"""

from __future__ import annotations

import random
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch

from benchmarks.common import Report, parser, prose, take_tokens, threads
from benchmarks.variants import network_of
from titans_cli.answers.facts import LEAST_CONFIDENCE, SURE, worth_telling
from titans_cli.model.engine import Engine
from titans_cli.model.interface import Cell, SessionModel
from titans_cli.model.network import TitansNetwork
from titans_cli.records import Page
from titans_cli.train.tasks import Fact, Maker


def papers(
    engine: SessionModel, count: int, tokens: int, facts: int, data: Path | None, seed: int, *, held_out: bool = True
) -> Iterator[tuple[str, list[Fact]]]:
    rng = random.Random(seed)
    maker = Maker(rng, evaluation=held_out)
    sentences = prose(data, rng)
    for _ in range(count):
        planted = [maker.fact()[0] for _ in range(facts)]
        text = take_tokens(((s, len(engine.tokenizer.encode(s))) for s in sentences), tokens)
        for fact in planted:
            text.insert(rng.randrange(len(text) + 1), fact.statement)
        yield " ".join(text), planted


def cells_of(engine: SessionModel, text: str) -> list[Cell]:
    """What a session keeps of one document."""
    segments, size = engine.segments([Page(1, text)]), engine.cell_segments
    return [
        engine.read(engine.initial_state(), segments[start : start + size]).state
        for start in range(0, len(segments), size)
    ]


def read_all(engine: SessionModel, texts: Iterable[str]) -> list[Cell]:
    """The cells of a session that read these documents."""
    return [cell for text in texts for cell in cells_of(engine, text)]


def read_into_one(engine: SessionModel, texts: Iterable[str]) -> Cell:
    """The control: one memory through the whole session."""
    state = engine.initial_state()
    for text in texts:
        state = engine.read(state, engine.segments([Page(1, text)])).state
    return state


def hits(engine: SessionModel, cells: Sequence[Cell], facts: Sequence[Fact]) -> list[bool]:
    return [engine.recall(cells, f.question).text == f.answer for f in facts]


def told(engine: SessionModel, cells: Sequence[Cell], facts: Sequence[Fact], least: float) -> list[bool | None]:
    """For each fact whether what the memory tells is right; None when it is not confident enough to tell anything."""
    found = [engine.recall(cells, f.question) for f in facts]
    said = [(worth_telling(r) if r.confidence >= least else None, f) for r, f in zip(found, facts, strict=True)]
    return [None if text is None else text == f.answer for text, f in said]


def share(found: Sequence[bool]) -> float:
    return sum(found) / max(1, len(found))


def controls(engine: Engine) -> Iterator[tuple[str, Engine]]:
    """The same model with its memory untrained, or with one thing about it switched."""
    torch.manual_seed(0)
    blank = TitansNetwork(engine.spec)
    blank.know_sentences(engine.tokenizer)
    yield "untrained", Engine(blank, engine.tokenizer, "untrained", "untrained")
    for name in ("linear", "no-forgetting", "momentum"):
        yield name, Engine(network_of(name, engine, learned=True), engine.tokenizer, name, name)


def arguments(doc: str | None) -> ArgumentParser:
    """Of a program that asks a model for facts planted in papers: how many of what, and of which model."""
    args = parser(doc)
    args.add_argument("--data", type=Path, help="data folder; its held-out text is the prose (default: sample_corpora)")
    args.add_argument("--papers", type=int, help="default 200; 20 with --quick")
    args.add_argument("--tokens", type=int, default=2000, help="of a paper")
    args.add_argument("--facts", type=int, default=1, help="a paper")
    args.add_argument("--model", type=Path, help="model folder (default: the embedded one)")
    return args


def main() -> None:
    args = arguments(__doc__)
    args.add_argument("--wording", choices=("heldout", "trained"), default="heldout")
    args.add_argument("--brief", action="store_true", help="no controls that read the session again")
    options = args.parse_args()
    torch.set_num_threads(threads())
    count = options.papers or (20 if options.quick else 200)
    engine = Engine.load(options.model)
    wording = options.wording == "heldout"
    made = list(papers(engine, count, options.tokens, options.facts, options.data, seed=1, held_out=wording))
    by_paper = [cells_of(engine, text) for text, _ in made]
    cells = [cell for own in by_paper for cell in own]
    label = f"t{options.tokens}.f{options.facts}"
    settings = {
        "papers": count,
        "tokens": options.tokens,
        "facts": options.facts,
        "wording": options.wording,
        "cells": len(cells),
        "model": engine.fingerprint[:12],
    }
    report = Report("recall", settings)
    everything = [fact for _, planted in made for fact in planted]
    right = hits(engine, cells, everything)
    step = max(5 if options.quick else 10, count // 5) * options.facts
    for start in range(0, len(right), step):
        first, last = start // options.facts + 1, min(count, (start + step) // options.facts)
        report.add(f"papers{first}-{last}.{label}", share(right[start : start + step]))
    report.add(f"first10.{label}", share(right[: 10 * options.facts]))
    report.add(f"all.{label}", share(right))
    report.add(f"all.{label}.stderr", (share(right) * (1 - share(right)) / len(right)) ** 0.5)
    alone = [hits(engine, own, planted) for own, (_, planted) in zip(by_paper, made, strict=True)]
    report.add(f"rightcell.{label}", share([hit for paper in alone for hit in paper]))
    never = Maker(random.Random(99), evaluation=wording)
    strange = [never.fact()[0] for _ in everything]
    report.add(f"never.{label}", share(hits(engine, cells, strange)))
    for name, least in (("told", LEAST_CONFIDENCE), ("sure", SURE)):
        planted, others = (told(engine, cells, some, least) for some in (everything, strange))
        report.add(f"{name}.right.{label}", share([x is True for x in planted]))
        report.add(f"{name}.wrong.{label}", share([x is False for x in planted]))
        report.add(f"{name}.never.{label}", share([x is not None for x in others]))
    later = papers(engine, 10, options.tokens, options.facts, options.data, seed=2, held_out=wording)
    report.add(f"later.{label}", share(hits(engine, cells, [fact for _, planted in later for fact in planted])))
    report.add(f"off.{label}", share(hits(engine, [], everything)))
    if not options.brief:
        texts = [text for text, _ in made]
        report.add(f"onememory.{label}", share(hits(engine, [read_into_one(engine, texts)], everything)))
        for name, other in controls(engine):
            report.add(f"{name}.{label}", share(hits(other, read_all(other, texts), everything)))
    report.print(as_json=options.json)


if __name__ == "__main__":
    main()
