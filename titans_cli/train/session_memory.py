"""The gate of a session's memory (memory/session.py), trained for a frozen language model.

    python -m titans_cli.train.session_memory prepare --data DATA --work WORK --model FOLDER
    python -m titans_cli.train.session_memory run --data DATA --work WORK --model FOLDER --out FILE

`prepare` takes the model over some of text/ and keeps what it makes of it; it may be stopped and gone on with. `run`
reads these documents into sessions: those of one kind in their order, all kinds mixed, and the beginnings of documents
that have nothing to do with what was read, which teach when to be silent. What the memory says along the way does not
depend on the gate, so it is gathered once, and the gate (some two thousand numbers) is fitted to it in a minute or two.

Loss = mean over sessions of the change in nats a token + `WORSE` times what exceeds `-MARGIN` of it: a session that the
memory does not help counts more than one that it helps, since it must never be worse than none.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from titans_cli.memory.session import CELLS, KeyEvidence, SessionGate, initial_state, read_on
from titans_cli.model.reader import load_backbone, sketch
from titans_cli.model.session import SESSION_WEIGHTS, SessionReader, save_gate
from titans_cli.train.corpus import read_jsonl

WORSE, MARGIN = 2.0, 0.005
SHORT = 256  # tokens of an unrelated beginning


@dataclass(frozen=True, slots=True)
class CorpusSlice:
    """Documents of text/SOURCE.jsonl.zst: of those with `least` characters `count`, after `skip`, `tokens` of each."""

    source: str
    skip: int
    count: int
    least: int = 4000
    tokens: int = 1024


# Two books, and of all else what fills a window; neither PEPs nor the novel of benchmarks.session_ppl.
KINDS = {
    "scipy": CorpusSlice("scipy_proceedings", 10, 10, 6000, 2048),
    "rust": CorpusSlice("rust_rfcs", 60, 40),
    "treatise": CorpusSlice("standard_ebooks", 0, 10),
    "plos": CorpusSlice("plos_articles", 5, 10, 0),
    "abstracts": CorpusSlice("acl_abstracts", 9000, 10, 0),
    "swift": CorpusSlice("swift_evolution", 40, 40, 3000),
    "textbook": CorpusSlice("openstax", 700, 10, 3000),
    "factbook": CorpusSlice("factbook", 30, 10),
    "medicine": CorpusSlice("medquad_docs", 1000, 10, 0),
    "novel": CorpusSlice("standard_ebooks", 1500, 9),
    "ethereum": CorpusSlice("eips", 100, 9),
    "biographies": CorpusSlice("wikipedia", 300, 9, 2000),
    "articles": CorpusSlice("oa_stm_articles", 5, 9, 0),
    "speeches": CorpusSlice("us_speeches", 5, 8),
    "manuscripts": CorpusSlice("manubot_papers", 0, 3),
}


class TrainingSession(NamedTuple):
    """What a memory said while a session read on, whatever the gate."""

    nats: Tensor  # [n] of the model alone
    evidence: KeyEvidence


def texts(data: Path, kind: CorpusSlice) -> Iterator[str]:
    records = read_jsonl(data / "text" / f"{kind.source}.jsonl.zst")
    long = (record["text"] for record in records if len(record["text"]) >= kind.least)
    return islice(long, kind.skip, kind.skip + kind.count)


def prepare(data: Path, work: Path, reader: SessionReader) -> None:
    """Keep what the frozen model makes of every document, one file each; those that are there are left."""
    work.mkdir(parents=True, exist_ok=True)
    for name, kind in KINDS.items():
        for number, text in enumerate(texts(data, kind)):
            path = work / f"{name}-{number:03d}.safetensors"
            tokens = reader.encode(text)[: kind.tokens]
            if path.exists() or len(tokens) < 2:
                continue
            temporary = path.with_suffix(".tmp")
            save_file(reader.look(tokens), temporary)
            temporary.replace(path)
            print(f"{path.name}: {len(tokens)} tokens", flush=True)


def load(work: Path) -> dict[str, list[dict[str, Tensor]]]:
    return {
        name: [load_file(path) for path in sorted(work.glob(f"{name}-*.safetensors"))]
        for name in KINDS
        if any(work.glob(f"{name}-*.safetensors"))
    }


@torch.no_grad()
def session_of(
    reader: SessionReader, read: Sequence[dict[str, Tensor]], unrelated: Sequence[dict[str, Tensor]] = ()
) -> TrainingSession:
    """A session that reads documents in order. With `unrelated` ones only these count, and they are not written."""
    state, nats, gathered, begun = initial_state(CELLS), list[Tensor](), list[KeyEvidence](), 0
    for number, looked in enumerate([*read, *unrelated]):
        seen, write = reader.seen(looked), number < len(read)
        pieces = list(read_on(state, seen, write=write))
        if unrelated and write:
            continue
        gathered += [evidence._replace(at=evidence.at + begun) for evidence in pieces]
        nats.append(seen.nats)
        begun += len(seen.nats)
    return TrainingSession(torch.cat(nats), KeyEvidence(*(torch.cat(parts) for parts in zip(*gathered, strict=True))))


def beginning(looked: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: part[: SHORT if name != "tokens" else SHORT + 1] for name, part in looked.items()}


def sessions_of(
    reader: SessionReader, kinds: dict[str, list[dict[str, Tensor]]], seed: int = 0
) -> dict[str, TrainingSession]:
    rng = random.Random(seed)
    made = {name: session_of(reader, documents) for name, documents in kinds.items()}
    everything = [document for documents in kinds.values() for document in documents]
    rng.shuffle(everything)
    made["mixed"] = session_of(reader, everything)
    names = list(kinds)
    rng.shuffle(names)
    for turn, some in enumerate((names[::2], names[1::2])):
        others = [beginning(document) for name in names if name not in some for document in kinds[name]]
        made[f"unrelated-{turn}"] = session_of(reader, [d for name in some for d in kinds[name]], others)
    return made


def change(gate: SessionGate, session: TrainingSession) -> Tensor:
    return gate.change(session.evidence, len(session.nats)).mean()


def fit(sessions: Sequence[TrainingSession], steps: int, rate: float = 1e-2, seed: int = 0) -> SessionGate:
    torch.manual_seed(seed)
    gate = SessionGate()
    optimizer = torch.optim.AdamW(gate.parameters(), lr=rate, weight_decay=1e-3)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * (0.5 * (1 + math.cos(math.pi * step / steps)) + 0.02)
        changes = torch.stack([change(gate, session) for session in sessions])
        loss = changes.mean() + WORSE * (changes + MARGIN).clamp(min=0).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return gate


@torch.no_grad()
def perplexity_changes(gate: SessionGate, sessions: dict[str, TrainingSession]) -> dict[str, float]:
    """The change of perplexity of each session, in percent."""
    return {name: round(100 * math.expm1(float(change(gate, s))), 2) for name, s in sessions.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m titans_cli.train.session_memory", description=__doc__)
    parser.add_argument("action", choices=("prepare", "run"))
    parser.add_argument("--data", type=Path, help="folder with text/ (prepare)")
    parser.add_argument("--work", type=Path, default=Path("runs/session"), help="what the model makes of the text")
    parser.add_argument("--model", type=Path, required=True, help="folder of the language model")
    parser.add_argument("--out", type=Path, default=SESSION_WEIGHTS, help="the gate's file (run)")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--without", default="", help="kinds, by commas, to be left out and measured (run)")
    options = parser.parse_args()
    model, tokenizer = load_backbone(options.model)
    reader = SessionReader(model, tokenizer, SessionGate())
    if options.action == "prepare":
        if options.data is None:
            parser.error("prepare needs --data")
        prepare(options.data, options.work, reader)
        return
    kinds = load(options.work)
    aside = {name: kinds.pop(name) for name in options.without.split(",") if name in kinds}
    if not kinds:
        parser.error(f"there is nothing in {options.work}: run prepare first")
    sessions = sessions_of(reader, kinds)
    gate = fit(list(sessions.values()), options.steps)
    print("trained on", json.dumps(perplexity_changes(gate, sessions)))
    if aside:
        everything = [document for documents in kinds.values() for document in documents]
        measured = {name: session_of(reader, documents) for name, documents in aside.items()}
        others = [beginning(document) for documents in aside.values() for document in documents]
        measured["unrelated"] = session_of(reader, everything, others)
        print("left out", json.dumps(perplexity_changes(gate, measured)))
    documents = sum(map(len, kinds.values()))
    tokens = sum(len(d["tokens"]) for documents_ in kinds.values() for d in documents_)
    notes = {"steps": options.steps, "documents": documents, "tokens": tokens}
    notes |= {"kinds": {name: asdict(KINDS[name]) for name in kinds}}
    save_gate(options.out, gate, sketch(model), notes)


if __name__ == "__main__":
    main()
