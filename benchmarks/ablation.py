"""What each part of the memory is worth: each is changed alone, and the memory trained again from its initial values.

Everything but the memory starts as shipped (so that minutes are enough), and is trained on with it. Every variant sees
the same batches in the same order for the same number of steps, and is then asked what the shipped model is asked:
facts in 16 segments, 8 cells at once, whole answers with every token right (teacher-forced); and a session of 40 papers
of 2,000 tokens with five facts each, closed-book, as in `benchmarks.recall`. A run is resumable: its folder is
`WORK/ablation/NAME-STEPS`.

    python -m benchmarks.ablation --data DATA --work runs/mini --steps 200            # all of them, one by one
    python -m benchmarks.ablation --data DATA --work runs/mini --only shipped linear  # some
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

from benchmarks.common import Report, parser, threads
from benchmarks.recall import hits, papers, read_all, share
from benchmarks.variants import VARIANTS, network_of
from titans_cli.model.engine import Engine
from titans_cli.train.loop import Trainer, TrainingPlan
from titans_cli.train.streams import Recipe

PAPERS, TOKENS, FACTS = 40, 2000, 5
STREAMS, SEGMENTS = 8, 16  # of the cells that are asked
BATCH = 4  # as `TrainingPlan`


def measure(trainer: Trainer, engine: Engine, data: Path | None) -> dict[str, float]:
    figures: dict[str, float] = {}
    width = engine.spec.features
    for label, held_out in (("heldout", True), ("trained", False)):
        recipe = Recipe(segments=SEGMENTS, facts=SEGMENTS, asking=4, clozes=0, spans=0, unknown=0.0)
        figures[f"cells.{label}"] = trainer.evaluate(width, STREAMS, recipe, held_out=held_out)["answer.on"]
    trainer.network.memory.features.width = width
    made = Engine(trainer.network, engine.tokenizer, "ablation", "ablation")
    for label, held_out in (("heldout", True), ("trained", False)):
        session = list(papers(made, PAPERS, TOKENS, FACTS, data, seed=3, held_out=held_out))
        cells = read_all(made, [text for text, _ in session])
        figures[f"session.{label}"] = round(share(hits(made, cells, [f for _, fs in session for f in fs])), 4)
    return figures


def main() -> None:
    args = parser(__doc__)
    args.add_argument("--data", type=Path, help="data folder; its held-out text is the prose (default: sample_corpora)")
    args.add_argument("--work", type=Path, required=True, help="work folder of `python -m titans_cli.train prepare`")
    args.add_argument("--steps", type=int, default=200)
    args.add_argument("--lr", type=float, default=3e-3)
    args.add_argument("--only", nargs="+", choices=tuple(VARIANTS), default=tuple(VARIANTS))
    options = args.parse_args()
    torch.set_num_threads(threads())
    steps = 2 if options.quick else options.steps
    engine = Engine.load()
    report = Report("ablation", {"steps": steps, "lr": options.lr, "model": engine.fingerprint[:12]})
    for name in options.only:
        folder = options.work / "ablation" / f"{name}-{steps}"
        folder.mkdir(parents=True, exist_ok=True)
        done = folder / "figures.json"
        if not done.exists():
            plan = TrainingPlan(steps=steps, batch=BATCH, lr=options.lr, warmup=20, save_every=50)
            network = network_of(name, engine)
            trainer = Trainer(options.work, network.spec, plan, network=network, run=folder)
            trainer.resume()
            try:
                trainer.train()
                figures = measure(trainer, engine, options.data)
            except FloatingPointError as error:
                print(f"{name}: diverged ({error})", flush=True)
                figures = {"diverged": trainer.outer.step}
            done.write_text(json.dumps(figures), encoding="utf-8")
        for figure, value in json.loads(done.read_text(encoding="utf-8")).items():
            report.add(f"{name}.{figure}", value)
        print(name, done.read_text(encoding="utf-8"), flush=True)
    report.print(as_json=options.json)


if __name__ == "__main__":
    main()
