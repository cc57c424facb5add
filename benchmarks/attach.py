"""A memory on someone else's model: what it adds, untrained and adapted, what it costs, and that it takes nothing away.

The model is a stand-in for a checkpoint of the hub: a plain LlamaForCausalLM trained here on plain text
(attach_backbone.py), saved, and loaded as any other. Its memory is then adapted (train/adapt.py). Both stages resume
where they were stopped; everything is kept under `--work`. Figures, all on held-out text:

    ppl.*             a long document, segment by segment, memory off / untrained / adapted
    recall.*          the session of `benchmarks.recall` (invented facts in papers), closed-book, exact value
    short.ratio       perplexity of short texts with an adapted memory that has read nothing, over the plain model's
    overhead          tokens/s of ingesting (segments, memory, landmarks) over the plain forward pass, same run
"""

from __future__ import annotations

import math
import random
import time
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.attach_backbone import prepared, train
from benchmarks.common import Report, held_out_texts, parser, per_s, threads
from benchmarks.recall import cells_of, hits, papers, share
from titans_cli.model import adapter as files
from titans_cli.model import hub
from titans_cli.model.assemble import attach_new
from titans_cli.model.attach import AttachedModel
from titans_cli.model.attached import AttachedEngine
from titans_cli.model.backbone import batches
from titans_cli.model.calibrate import calibrate, loss, rows
from titans_cli.model.interface import BATCH
from titans_cli.records import Page
from titans_cli.train.adapt import AdaptationPlan, AdapterTrainer
from titans_cli.train.corpus import Corpus, load_rows

LONG, SHORT = 30_000, 400  # characters


def adapted(folder: Path, work: Path, steps: int) -> tuple[Path, str]:
    """The adapter's file and the backbone's fingerprint; trained first, as far as it is not."""
    found = hub.find(str(folder))
    backbone, out = hub.fingerprint(found), work / "adapter.safetensors"
    if out.exists() and files.described(out).get("steps") == steps:
        return out, backbone
    attached = attach_new(*hub.load(found, device="cpu", dtype="fp32"))
    calibrate(attached)
    corpus, spans = Corpus.load(work / "sentences.npz"), load_rows(work / "spans.npz")
    trainer = AdapterTrainer(attached, backbone, corpus, out, AdaptationPlan(steps), spans)
    trainer.resume()
    for p in trainer.train():
        if p.step % 20 == 0:
            print(f"adapting: step {p.step} of {steps}, answers {p.answer:.2f}, text {p.text:.2f}", flush=True)
    return out, backbone


def loaded(folder: Path, adapter: Path | None, backbone: str) -> AttachedEngine:
    network, tokenizer = hub.load(hub.find(str(folder)), device="cpu", dtype="fp32")
    if adapter is None:
        attached = attach_new(network, tokenizer)
        calibrate(attached)
    else:
        attached = AttachedModel(network, tokenizer, files.load(adapter, backbone).eval())
    return AttachedEngine(attached, backbone, str(folder), "fp32", {}, adapted=adapter is not None)


@torch.inference_mode()
def document(engine: AttachedEngine, text: str, *, memory: bool) -> Tensor:
    """Nats of every predicted token, cell by cell as a session reads it; each segment reads the cell so far."""
    tokens, size = rows(engine.attached, text), engine.cell_segments
    return torch.cat([loss(engine.attached, part, memory=memory) for part in torch.split(tokens, size)])


@torch.inference_mode()
def short(engine: AttachedEngine, texts: list[str], *, memory: bool) -> float:
    """Mean nats of first segments, read with a memory that knows nothing, or without one."""
    nats = []
    for text in texts:
        row = rows(engine.attached, text)[:1]
        target = row[:, 1:][row[:, 1:] >= 0]
        if memory:
            blank = engine.initial_state().weights[0]
            with engine.attached.remembering([blank]) as model:
                logits = model(input_ids=row[row >= 0][None]).logits[0, :-1]
        else:
            logits = engine.attached.model(input_ids=row[row >= 0][None]).logits[0, :-1]
        nats.append(torch.nn.functional.cross_entropy(logits.float(), target))
    return float(torch.stack(nats).mean())


def overhead(engine: AttachedEngine, text: str, rounds: int) -> float:
    """Tokens/s of `read` over those of the model's plain forward pass, on the same batches; best of several rounds."""
    segments = engine.segments([Page(1, text)])[: 2 * BATCH]
    passes = [engine.states(rows).tokens for rows in batches(segments)]

    @torch.inference_mode()
    def plain() -> None:
        for tokens in passes:
            engine.attached.logits(tokens)

    def read() -> None:
        engine.read(engine.initial_state(), segments)

    turns = [(per_s(read, time.process_time), per_s(plain, time.process_time)) for _ in range(rounds)]
    return max(memory for memory, _ in turns) / max(without for _, without in turns)


def main() -> None:
    args = parser(__doc__)
    args.add_argument("--data", type=Path, required=True, help="data folder (text/, qa/)")
    args.add_argument("--work", type=Path, default=Path("runs/attach"), help="where training is kept and resumed")
    args.add_argument("--steps", type=int, help="of the backbone; default 3,000, 30 with --quick")
    args.add_argument("--adapt-steps", type=int, help="default 3,000; 20 with --quick")
    args.add_argument("--papers", type=int, help="default 200; 5 with --quick")
    args.add_argument("--tokens", type=int, default=2000, help="of a paper")
    options = args.parse_args()
    torch.set_num_threads(threads())
    quick = options.quick
    steps, adapt_steps = options.steps or (30 if quick else 3000), options.adapt_steps or (20 if quick else 3000)
    count = options.papers or (5 if quick else 200)
    work = prepared(options.data, options.work / ("quick" if quick else "full"))
    folder = work / "standin"
    train(work, folder, steps)
    adapter, backbone = adapted(folder, work, adapt_steps)
    settings = {"steps": steps, "adapt_steps": adapt_steps, "papers": count, "tokens": options.tokens}
    report = Report("attach", settings | {"model": backbone[:12]})
    plain, trained = loaded(folder, None, backbone), loaded(folder, adapter, backbone)

    rng = random.Random(7)
    texts = [t for t in held_out_texts(options.data) if len(t) > LONG]
    long = [t[:LONG] for t in rng.sample(texts, 2 if quick else 8)]
    for name, engine, memory in (("off", plain, False), ("untrained", plain, True), ("adapted", trained, True)):
        nats = torch.cat([document(engine, text, memory=memory) for text in long])
        report.add(f"ppl.{name}", float(nats.mean().exp()))
    snippets = [t[:SHORT] for t in rng.sample(list(held_out_texts(options.data)), 20 if quick else 100)]
    gap = short(trained, snippets, memory=True) - short(trained, snippets, memory=False)
    report.add("short.ratio", math.exp(gap))

    made = list(papers(plain, count, options.tokens, 1, options.data, seed=1))
    facts = [fact for _, planted in made for fact in planted]
    for name, engine in (("untrained", plain), ("adapted", trained)):
        by_paper = [cells_of(engine, text) for text, _ in made]
        cells = [cell for own in by_paper for cell in own]
        report.add(f"recall.{name}", share(hits(engine, cells, facts)))
        pairs = zip(by_paper, facts, strict=True)
        report.add(f"recall.{name}.rightcell", share([hit for own, f in pairs for hit in hits(engine, own, [f])]))
    report.add("recall.off", share(hits(trained, [], facts)))
    report.add("overhead", overhead(trained, long[0], 3 if quick else 10))
    report.print(as_json=options.json)


if __name__ == "__main__":
    main()
